//! A priced series as people and programs read it: line by line, and per month.

use std::path::Path;

use ledger_core::num::{Money, Quantity};
use ledger_core::scheme::Currency;
use ledger_core::tariff::{ChargeLine, Customer, LineKind, LineSource};
use ledger_core::time::{Month, Zone};
use ledger_core::utility::Utility;
use serde_json::{Map, Value, json};

use super::Priced;
use crate::output::local::{grouped, local_time};
use crate::output::money::with_decimals;
use crate::output::table::{Set, Table, facts};

/// Everything that is shown.
pub(super) struct Shown<'a> {
    pub(super) tariff: &'a Path,
    pub(super) readings: &'a Path,
    pub(super) currency: &'a Currency,
    pub(super) zone: &'a Zone,
    pub(super) customer: Customer<'a>,
    pub(super) priced: &'a Priced,
}

/// A month by kinds of lines.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    quantity: Quantity,
    energy: Money,
    standing: Money,
    passed_on: Money,
    minimum: Money,
    levies: Money,
    taxes: Money,
}

impl Sums {
    fn add(&mut self, line: &ChargeLine) {
        let amount = match &line.source {
            LineSource::Energy { quantity, .. } => {
                self.quantity += *quantity;
                &mut self.energy
            }
            LineSource::Standing { .. } => &mut self.standing,
            LineSource::PassThrough { .. } => &mut self.passed_on,
            LineSource::Minimum { .. } => &mut self.minimum,
            LineSource::Percentage { kind, .. } => match kind {
                LineKind::Tax => &mut self.taxes,
                LineKind::Levy | LineKind::Standing | LineKind::PassThrough => &mut self.levies,
            },
        };
        *amount += line.amount;
    }

    fn parts(&self) -> [(&'static str, Money); 6] {
        [
            ("energy", self.energy),
            ("standing", self.standing),
            ("passed_on", self.passed_on),
            ("minimum", self.minimum),
            ("levies", self.levies),
            ("taxes", self.taxes),
        ]
    }

    fn total(&self) -> Money {
        self.parts().into_iter().map(|(_, amount)| amount).sum()
    }
}

impl Shown<'_> {
    fn months(&self) -> Vec<(Month, Sums)> {
        let mut months: Vec<(Month, Sums)> = Vec::new();
        for line in &self.priced.lines {
            if months.last().is_none_or(|(month, _)| *month != line.month) {
                months.push((line.month, Sums::default()));
            }
            if let Some((_, sums)) = months.last_mut() {
                sums.add(line);
            }
        }
        months
    }

    const fn unit(&self) -> &'static str {
        match self.customer.utility {
            Utility::Electricity => "kWh",
            Utility::Water => "m³",
        }
    }

    fn money(&self, amount: Money) -> String {
        with_decimals(&amount.to_string(), usize::from(self.currency.decimals))
    }

    /// Tables for people; times are local to the tariff's zone.
    pub(super) fn text(&self) -> String {
        let (from, to) = self.priced.ends;
        let mut readings = format!(
            "{}, {} spans, {} to {}, {} {}",
            self.readings.display(),
            grouped(self.priced.spans),
            local_time(self.zone, from),
            local_time(self.zone, to),
            self.priced.quantity,
            self.unit()
        );
        if self.priced.gaps > 0 {
            readings.push_str(&format!(
                "; {} gaps, in which nothing was used",
                grouped(self.priced.gaps)
            ));
        }
        let head = facts(&[
            ("tariff", self.tariff.display().to_string()),
            (
                "customer",
                format!("{} {}", self.customer.utility, self.customer.class),
            ),
            ("readings", readings),
            (
                "amounts",
                format!(
                    "{}, exact; days and windows of {}",
                    self.currency.code, self.zone
                ),
            ),
        ]);
        format!("{head}\n\n{}\n\n{}", self.line_table(), self.month_table())
    }

    fn line_table(&self) -> String {
        let mut table = Table::new(
            &[
                ("month", Set::Left),
                ("tariff", Set::Left),
                ("line", Set::Left),
                ("units", Set::Point),
                ("price", Set::Point),
                ("amount", Set::Point),
            ],
            "nothing is charged",
        );
        for line in &self.priced.lines {
            let (units, price) = match &line.source {
                LineSource::Energy {
                    quantity, price, ..
                }
                | LineSource::PassThrough {
                    quantity, price, ..
                } => (quantity.to_string(), price.to_string()),
                LineSource::Standing { each, periods, .. } => {
                    (periods.to_string(), each.to_string())
                }
                LineSource::Percentage { .. } | LineSource::Minimum { .. } => {
                    (String::new(), String::new())
                }
            };
            table.row(vec![
                line.month.to_string(),
                line.tariff.clone(),
                line.source.to_string(),
                units,
                price,
                self.money(line.amount),
            ]);
        }
        table.text()
    }

    fn month_table(&self) -> String {
        let months = self.months();
        let kinds = Sums::default().parts().map(|(name, _)| name);
        let used = |name: &str| {
            let mut sums = months.iter().flat_map(|(_, sums)| sums.parts());
            sums.any(|(kind, amount)| kind == name && !amount.is_zero())
        };
        let shown: Vec<&str> = kinds.into_iter().filter(|name| used(name)).collect();
        let mut heads = vec![("month".to_owned(), Set::Left)];
        heads.push((self.unit().to_owned(), Set::Point));
        heads.extend(
            shown
                .iter()
                .map(|name| (name.replace('_', " "), Set::Point)),
        );
        heads.push(("total".to_owned(), Set::Point));
        let heads: Vec<(&str, Set)> = heads
            .iter()
            .map(|(head, set)| (head.as_str(), *set))
            .collect();
        let mut table = Table::new(&heads, "no months");
        let mut all = Sums::default();
        for line in &self.priced.lines {
            all.add(line);
        }
        let last = ("all".to_owned(), all);
        let rows = months
            .iter()
            .map(|(month, sums)| (month.to_string(), *sums));
        for (name, sums) in rows.chain([last]) {
            let mut cells = vec![name, sums.quantity.to_string()];
            let parts = sums
                .parts()
                .into_iter()
                .filter(|(kind, _)| shown.contains(kind));
            cells.extend(parts.map(|(_, amount)| self.money(amount)));
            cells.push(self.money(sums.total()));
            table.row(cells);
        }
        table.text()
    }

    /// Canonical figures; instants are UTC.
    pub(super) fn json(&self) -> Value {
        let (from, to) = self.priced.ends;
        let months: Vec<Value> = self
            .months()
            .iter()
            .map(|(month, sums)| {
                let mut object = Map::new();
                object.insert("month".to_owned(), month.to_string().into());
                object.insert("quantity".to_owned(), sums.quantity.to_string().into());
                for (kind, amount) in sums.parts() {
                    object.insert(kind.to_owned(), amount.to_string().into());
                }
                object.insert("total".to_owned(), sums.total().to_string().into());
                Value::Object(object)
            })
            .collect();
        json!({
            "currency": self.currency.code,
            "zone": self.zone.name(),
            "utility": self.customer.utility.as_str(),
            "class": self.customer.class,
            "readings": {
                "spans": self.priced.spans,
                "gaps": self.priced.gaps,
                "from": from.to_string(),
                "to": to.to_string(),
                "quantity": self.priced.quantity.to_string(),
            },
            "lines": self.priced.lines.iter().map(line_json).collect::<Vec<_>>(),
            "months": months,
            "total": self.priced.total.to_string(),
        })
    }
}

fn line_json(line: &ChargeLine) -> Value {
    let (kind, fields) = match &line.source {
        LineSource::Energy {
            price, quantity, ..
        } => (
            "energy",
            json!({"quantity": quantity.to_string(), "price": price.to_string()}),
        ),
        LineSource::Standing {
            name,
            each,
            periods,
            ..
        } => (
            "standing",
            json!({"name": name, "each": each.to_string(), "periods": periods}),
        ),
        LineSource::PassThrough {
            name,
            price,
            quantity,
        } => (
            "pass-through",
            json!({"name": name, "quantity": quantity.to_string(), "price": price.to_string()}),
        ),
        LineSource::Percentage {
            kind,
            name,
            percent,
            base,
        } => (
            match kind {
                LineKind::Tax => "tax",
                LineKind::Levy | LineKind::Standing | LineKind::PassThrough => "levy",
            },
            json!({"name": name, "percent": percent.to_string(), "base": base.to_string()}),
        ),
        LineSource::Minimum { minimum, charged } => (
            "minimum",
            json!({"minimum": minimum.to_string(), "charged": charged.to_string()}),
        ),
    };
    let mut object = fields.as_object().cloned().unwrap_or_default();
    object.insert("month".to_owned(), line.month.to_string().into());
    object.insert("tariff".to_owned(), line.tariff.clone().into());
    object.insert("kind".to_owned(), kind.into());
    object.insert("line".to_owned(), line.source.to_string().into());
    object.insert("amount".to_owned(), line.amount.to_string().into());
    Value::Object(object)
}
