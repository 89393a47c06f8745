//! Rows as comma-separated values (RFC 4180), with a heading: what spreadsheets open.

/// A field, in quotes where it needs them.
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// The text of a table, without the last line end.
pub(crate) fn csv(heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line =
        |cells: &mut dyn Iterator<Item = &str>| cells.map(field).collect::<Vec<_>>().join(",");
    let mut lines = vec![line(&mut heads.iter().copied())];
    lines.extend(
        rows.into_iter()
            .map(|cells| line(&mut cells.iter().map(String::as_str))),
    );
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_with_commas_or_quotes_is_quoted() {
        let rows = [vec!["a,b".to_owned(), "say \"no\"".to_owned()]];
        assert_eq!(csv(&["x", "y"], rows), "x,y\n\"a,b\",\"say \"\"no\"\"\"");
    }
}
