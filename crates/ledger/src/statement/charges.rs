//! What a period's consumption cost, line by line of the tariff that priced it.
//!
//! Each charge is priced again from the account as it stood before it, by the version of the scheme that was
//! in force. Only what comes out to the last digit is shown so; anything else is shown as the event has
//! it, by kind of line, and said to be.

use ledger_core::account::Account;
use ledger_core::event::{ConsumptionCharged, LinePart};
use ledger_core::num::{Money, Quantity};
use ledger_core::scheme::SchemePolicy;
use ledger_core::tariff::{
    ChargeLine, Customer, LineKind, PriceBook, Scale, Span, explain, merge_lines,
};
use ledger_core::time::{Month, Timestamp};
use ledger_core::utility::Utility;

use super::Charges;

impl Charges {
    /// Adds a reading's charge; `before` is the account without it.
    pub(super) fn add(
        &mut self,
        policy: &SchemePolicy,
        before: &Account,
        (at, e): (Timestamp, &ConsumptionCharged),
    ) {
        let explained = [policy.in_force_at(e.t), policy.in_force_at(at), policy]
            .into_iter()
            .find_map(|version| priced_again(version.price_book(), before, e));
        match explained {
            Some(lines) => self.add_lines(e.u, lines),
            None => self.add_by_kind((e.u, "energy"), (e.a, &e.x), &months_of(e)),
        }
    }

    /// Adds a charge of a month, or takes one back, that its event tells by kind of line only; `what` says
    /// what is no line: the energy.
    pub(super) fn add_apart(
        &mut self,
        utility: Utility,
        (month, what): (Month, &str),
        (amount, lines): (Money, &[LinePart]),
    ) {
        self.add_by_kind((utility, what), (amount, lines), &[(month, amount)]);
    }

    fn add_lines(&mut self, utility: Utility, lines: Vec<ChargeLine>) {
        let mut of_utility: Vec<ChargeLine> = Vec::new();
        self.lines.retain(|(known, line)| {
            let same = *known == utility;
            if same {
                of_utility.push(line.clone());
            }
            !same
        });
        merge_lines(&mut of_utility, lines);
        self.lines
            .extend(of_utility.into_iter().map(|line| (utility, line)));
        self.lines
            .sort_by_key(|(utility, line)| (*utility, line.month));
    }

    fn add_by_kind(
        &mut self,
        (utility, what): (Utility, &str),
        (amount, lines): (Money, &[LinePart]),
        months: &[(Month, Money)],
    ) {
        let mut energy: Vec<(Month, Money)> = months.to_vec();
        for LinePart(month, kind, name, part) in lines {
            let kind = match kind {
                LineKind::Tax => "tax",
                LineKind::Levy => "levy",
                LineKind::Standing => "standing charge",
                LineKind::PassThrough => "passed on",
            };
            self.put((utility, *month, format!("{kind}: {name}"), *part));
            match energy.iter_mut().find(|(known, _)| known == month) {
                Some((_, left)) => *left -= *part,
                None => energy.push((*month, -*part)),
            }
        }
        debug_assert!(
            energy.iter().map(|(_, a)| *a).sum::<Money>()
                + lines.iter().map(|line| line.3).sum::<Money>()
                == amount,
            "kinds of lines sum to the charge"
        );
        for (month, left) in energy {
            self.put((utility, month, what.to_owned(), left));
        }
        self.unexplained.retain(|line| !line.3.is_zero());
    }

    fn put(&mut self, line: (Utility, Month, String, Money)) {
        let same = |known: &&mut (Utility, Month, String, Money)| {
            known.0 == line.0 && known.1 == line.1 && known.2 == line.2
        };
        match self.unexplained.iter_mut().find(same) {
            Some(known) => known.3 += line.3,
            None => self.unexplained.push(line),
        }
    }

    /// All of it.
    pub(crate) fn total(&self) -> Money {
        let explained: Money = self.lines.iter().map(|(_, line)| line.amount).sum();
        explained + self.unexplained.iter().map(|line| line.3).sum()
    }
}

/// A charge by the months in which it was used, minimums with theirs.
fn months_of(e: &ConsumptionCharged) -> Vec<(Month, Money)> {
    let mut months: Vec<(Month, Money)> = Vec::new();
    let parts = e.parts().map(|part| (part.0.month(), part.2));
    for (month, amount) in parts.chain(e.mn.iter().map(|part| (part.0, part.1))) {
        match months.iter_mut().find(|(known, _)| *known == month) {
            Some((_, sum)) => *sum += amount,
            None => months.push((month, amount)),
        }
    }
    months
}

/// The lines of a charge, when this price book gives the charge that was posted.
fn priced_again(
    book: PriceBook<'_>,
    before: &Account,
    e: &ConsumptionCharged,
) -> Option<Vec<ChargeLine>> {
    let base = before.meter_in_place(&e.m)?.base.at;
    let profile = before.profile();
    let customer = Customer {
        utility: e.u,
        class: &profile.class,
        scale: Scale {
            dwelling_units: profile.dwelling_units,
            contracted_kva: profile.contracted_kva,
        },
    };
    let position = before
        .wallet(e.u)
        .and_then(|wallet| wallet.position.as_ref());
    let span = Span {
        from: base,
        to: e.t,
        quantity: e.q,
    };
    let charge = explain(book, customer, position, span).ok()?;
    let told: Money = charge.lines.iter().map(|line| line.amount).sum();
    (charge.total == e.a && told == e.a).then_some(charge.lines)
}

/// Units of lines that are for units of energy.
pub(super) fn units(line: &ChargeLine) -> Option<Quantity> {
    line.quantity()
}
