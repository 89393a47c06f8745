//! Money and quantities as people read them: at least the currency's decimals, points under each other.
//!
//! Figures come as canonical decimal text and stay text: nothing is rounded here, since an exact credit
//! of 9.99763 is not 10.00. JSON output never passes through here.

/// The amount with at least `decimals` decimals: `2` is `2.00`, `0.00237` stays.
pub(crate) fn with_decimals(amount: &str, decimals: usize) -> String {
    if amount.is_empty() || decimals == 0 {
        return amount.to_owned();
    }
    let have = amount
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.len());
    let point = if have == 0 { "." } else { "" };
    format!(
        "{amount}{point}{}",
        "0".repeat(decimals.saturating_sub(have))
    )
}

/// Pads each text so that, set to the right, the decimal points stand under each other.
pub(crate) fn align_points(column: &mut [String]) {
    let tail = |text: &str| text.find('.').map_or(0, |at| text.len().saturating_sub(at));
    let longest = column.iter().map(|text| tail(text)).max().unwrap_or(0);
    for text in column {
        let missing = longest.saturating_sub(tail(text));
        // A no-break space: a table does not trim it away.
        text.extend(std::iter::repeat_n('\u{a0}', missing));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_shows_cents_and_loses_nothing() {
        assert_eq!(with_decimals("2", 2), "2.00");
        assert_eq!(with_decimals("-12.5", 2), "-12.50");
        assert_eq!(with_decimals("0.00237", 2), "0.00237");
        assert_eq!(with_decimals("", 2), "");
    }

    #[test]
    fn points_stand_under_each_other() {
        let mut column = vec!["2.00".to_owned(), "-10.12345".to_owned(), "7".to_owned()];
        align_points(&mut column);
        let widest = column
            .iter()
            .map(|text| text.chars().count())
            .max()
            .unwrap();
        let set: Vec<String> = column
            .iter()
            .map(|text| format!("{text:>widest$}"))
            .collect();
        let points: Vec<Option<usize>> = set.iter().map(|text| text.find('.')).collect();
        assert_eq!(points, [Some(3), Some(3), None]);
        assert!(set[2].trim_end_matches('\u{a0}').ends_with('7'));
    }
}
