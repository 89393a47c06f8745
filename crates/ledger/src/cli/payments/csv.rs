//! The lines of a file of payments: columns by name, cells that may be quoted.

use ledger_core::num::Money;
use ledger_core::time::Timestamp;

use crate::failure::Failure;
use crate::import::lines::Line;

/// Where the columns stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    reference: usize,
    meter: usize,
    amount: usize,
    paid_at: Option<usize>,
    count: usize,
}

/// A payment as the line states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Payment {
    pub(super) reference: String,
    pub(super) meter: String,
    /// As written; the ledger judges it.
    pub(super) amount: String,
    /// As written; empty where there is none.
    pub(super) paid_at: String,
    /// The same, read.
    pub(super) paid: Option<Timestamp>,
}

impl Payment {
    /// The amount for the summary; nothing when it is no amount.
    pub(super) fn money(&self) -> Money {
        Money::parse(&self.amount).unwrap_or(Money::ZERO)
    }
}

/// The error about a header line.
pub(super) fn bad_header(what: &str) -> Failure {
    Failure::usage(
        "PAYMENTS_HEADER",
        format!("the header line of the file: {what}"),
    )
    .advise("the first line names the columns: reference,meter,amount and, if wanted, paid_at")
}

impl Columns {
    /// Reads the header line.
    pub(super) fn of(header: &Line) -> Result<Self, Failure> {
        let text = header.text.trim_start_matches('\u{feff}');
        let names = cells(text).ok_or_else(|| bad_header("a quote is not closed"))?;
        let place = |name: &str| {
            let mut places = names
                .iter()
                .enumerate()
                .filter(|(_, one)| one.trim() == name);
            match (places.next(), places.next()) {
                (Some((place, _)), None) => Ok(Some(place)),
                (Some(_), Some(_)) => Err(bad_header(&format!("{name} stands there twice"))),
                (None, _) => Ok(None),
            }
        };
        let needed =
            |name: &str| place(name)?.ok_or_else(|| bad_header(&format!("{name} is missing")));
        Ok(Self {
            reference: needed("reference")?,
            meter: needed("meter")?,
            amount: needed("amount")?,
            paid_at: place("paid_at")?,
            count: names.len(),
        })
    }

    /// Reads a line; an error says why it is no payment.
    pub(super) fn payment(&self, line: &Line) -> Result<Payment, String> {
        if let Some(fault) = &line.fault {
            return Err(fault.clone());
        }
        let cells = cells(&line.text).ok_or("a quote is not closed")?;
        if cells.len() != self.count {
            return Err(format!(
                "it has {} columns, the header {}",
                cells.len(),
                self.count
            ));
        }
        let cell = |place: usize| cells.get(place).map_or("", |cell| cell.trim()).to_owned();
        let paid_at = self.paid_at.map_or_else(String::new, cell);
        let paid = if paid_at.is_empty() {
            None
        } else {
            Some(Timestamp::parse(&paid_at).map_err(|error| format!("paid_at: {error}"))?)
        };
        let payment = Payment {
            reference: cell(self.reference),
            meter: cell(self.meter),
            amount: cell(self.amount),
            paid_at,
            paid,
        };
        if payment.reference.is_empty() {
            return Err("the reference is empty".to_owned());
        }
        Ok(payment)
    }
}

/// The cells of a line; `None` when a quote is not closed.
pub(crate) fn cells(line: &str) -> Option<Vec<String>> {
    let mut all = Vec::new();
    let mut cell = String::new();
    let mut signs = line.chars().peekable();
    let mut is_quoted = false;
    while let Some(sign) = signs.next() {
        match (sign, is_quoted) {
            ('"', false) if cell.is_empty() => is_quoted = true,
            ('"', true) if signs.peek() == Some(&'"') => {
                signs.next();
                cell.push('"');
            }
            ('"', true) => is_quoted = false,
            (',', false) => all.push(std::mem::take(&mut cell)),
            (other, _) => cell.push(other),
        }
    }
    all.push(cell);
    (!is_quoted).then_some(all)
}

/// A cell as it is written: quoted where it must be.
pub(crate) fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line {
            number: 2,
            text: text.to_owned(),
            fault: None,
        }
    }

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        let columns = Columns::of(&line("\u{feff}amount,branch,meter,reference,paid_at")).unwrap();
        let read = columns
            .payment(&line("5.00,7,E1,\"R,1\",2026-03-01T08:00:00Z"))
            .unwrap();
        assert_eq!(
            (read.reference.as_str(), read.meter.as_str()),
            ("R,1", "E1")
        );
        assert_eq!(
            (read.money(), read.paid.is_some()),
            (Money::parse("5").unwrap(), true)
        );
        assert_eq!(quoted(&read.reference), "\"R,1\"");
    }

    #[test]
    fn a_header_without_a_column_or_with_one_twice_is_refused_by_name() {
        for (header, word) in [
            ("reference,meter", "amount"),
            ("meter,meter,reference,amount", "meter"),
        ] {
            let failure = Columns::of(&line(header)).unwrap_err();
            assert!(failure.what().contains(word), "{}", failure.what());
        }
    }

    #[test]
    fn a_line_that_is_no_payment_says_why() {
        let columns = Columns::of(&line("reference,meter,amount,paid_at")).unwrap();
        for (text, why) in [
            ("R-1,E1,5", "3 columns"),
            (",E1,5,", "reference is empty"),
            ("\"R-1,E1,5,", "quote"),
            ("R-1,E1,5,yesterday", "paid_at"),
        ] {
            let said = columns.payment(&line(text)).unwrap_err();
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}
