//! The consumer's status: one table of edges, and the fold that follows it (E1–E13).
//!
//! A status is never stored by hand. It follows from events of the trade, by the edges of [`EDGES`] and
//! no other; decisions ask [`next`], the account and every read model fold the same [`Standing`].
//! `docs/status-machine.md` is drawn from the table by a test. Deliberately absent: what makes a month
//! paid, what is owed and who may act; those are the account's decisions.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::Month;

/// A consumer's status, by the code of 004.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// Active consumer.
    Live,
    /// Belated: did not pay last month's bill.
    Bltd,
    /// Disconnected for non-payment, first month.
    Dis1,
    /// Disconnected, second month.
    Dis2,
    /// Disconnected, third month.
    Dis3,
    /// Disconnected, fourth month.
    Dis4,
    /// Disconnected, fifth month.
    Dis5,
    /// Paid but not reconnected, first month.
    Pnr1,
    /// Paid but not reconnected, second month.
    Pnr2,
    /// Paid but not reconnected, third month.
    Pnr3,
    /// Paid but not reconnected, fourth month.
    Pnr4,
    /// Paid but not reconnected, fifth month.
    Pnr5,
    /// Permanently disconnected for non-payment, still owing.
    Pdnp,
    /// Deactivated and de-listed, nothing owed.
    Deaa,
    /// Permanently disconnected on request, still owing.
    Pdor,
    /// Deactivated and de-listed on request, nothing owed.
    Dear,
    /// Imported with arrears from an older system, not active.
    Blog,
    /// Stop-bill: disconnected, payment pending.
    Stbl,
    /// Stop-bill: paid, safe fuse off, may come back.
    Stbp,
    /// Stop-bill: reactivated, deposit pending.
    Stsd,
    /// New temporary connection, active.
    New,
    /// Temporary connection, extended.
    Extn,
    /// Temporary connection, disconnected, still owing.
    Disp,
    /// Temporary connection, disconnected, nothing owed.
    Disc,
}

/// What moves a status: an event of the trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Everything owed was paid.
    DuesPaid,
    /// A month was closed that is not paid for, or in which the consumer was not supplied.
    MonthClosed,
    /// The JE cut supply for what is owed.
    Disconnected,
    /// The JE connected again.
    Reconnected,
    /// Ended on the consumer's request, nothing owed.
    EndedPaid,
    /// Ended on the consumer's request, still owing.
    EndedOwing,
    /// Stop-bill, still owing.
    StoppedOwing,
    /// Stop-bill, nothing owed.
    StoppedPaid,
    /// The JE reactivated after a stop-bill.
    Reactivated,
    /// The security deposit was paid.
    DepositPaid,
    /// The JE extended a temporary connection.
    Extended,
}

use Status::{
    Blog, Bltd, Deaa, Dear, Dis1, Dis2, Dis3, Dis4, Dis5, Disc, Disp, Extn, Live, New, Pdnp, Pdor,
    Pnr1, Pnr2, Pnr3, Pnr4, Pnr5, Stbl, Stbp, Stsd,
};
use Step::{
    DepositPaid, Disconnected, DuesPaid, EndedOwing, EndedPaid, Extended, MonthClosed, Reactivated,
    Reconnected, StoppedOwing, StoppedPaid,
};

/// Every edge of the machine: from, by, to.
pub const EDGES: &[(Status, Step, Status)] = &[
    // Paying keeps a consumer live; a month without it makes it belated (E1, E3).
    (Live, DuesPaid, Live),
    (Live, MonthClosed, Bltd),
    (Bltd, DuesPaid, Live),
    // Belated: cut by the JE after the 20th, or at the month's close (E5).
    (Bltd, Disconnected, Dis1),
    (Bltd, MonthClosed, Dis1),
    // Disconnected: counts up unpaid, and is final after six unpaid months (E6, E8).
    (Dis1, MonthClosed, Dis2),
    (Dis2, MonthClosed, Dis3),
    (Dis3, MonthClosed, Dis4),
    (Dis4, MonthClosed, Dis5),
    (Dis5, MonthClosed, Pdnp),
    // Paid while disconnected: waits for the JE (E7).
    (Dis1, DuesPaid, Pnr1),
    (Dis2, DuesPaid, Pnr2),
    (Dis3, DuesPaid, Pnr3),
    (Dis4, DuesPaid, Pnr4),
    (Dis5, DuesPaid, Pnr5),
    (Pnr1, MonthClosed, Pnr2),
    (Pnr2, MonthClosed, Pnr3),
    (Pnr3, MonthClosed, Pnr4),
    (Pnr4, MonthClosed, Pnr5),
    (Pnr5, MonthClosed, Deaa),
    (Pnr1, Reconnected, Live),
    (Pnr2, Reconnected, Live),
    (Pnr3, Reconnected, Live),
    (Pnr4, Reconnected, Live),
    (Pnr5, Reconnected, Live),
    // Final states carry what is owed, unchanged, until it is paid (E8, E9).
    (Pdnp, MonthClosed, Pdnp),
    (Pdnp, DuesPaid, Deaa),
    (Pdor, MonthClosed, Pdor),
    (Pdor, DuesPaid, Dear),
    (Deaa, MonthClosed, Deaa),
    (Dear, MonthClosed, Dear),
    // On the consumer's request (E9).
    (Live, EndedPaid, Dear),
    (Live, EndedOwing, Pdor),
    (Bltd, EndedPaid, Dear),
    (Bltd, EndedOwing, Pdor),
    (Dis1, EndedPaid, Dear),
    (Dis1, EndedOwing, Pdor),
    (Dis2, EndedPaid, Dear),
    (Dis2, EndedOwing, Pdor),
    (Dis3, EndedPaid, Dear),
    (Dis3, EndedOwing, Pdor),
    (Dis4, EndedPaid, Dear),
    (Dis4, EndedOwing, Pdor),
    (Dis5, EndedPaid, Dear),
    (Dis5, EndedOwing, Pdor),
    (Pnr1, EndedPaid, Dear),
    (Pnr1, EndedOwing, Pdor),
    (Pnr2, EndedPaid, Dear),
    (Pnr2, EndedOwing, Pdor),
    (Pnr3, EndedPaid, Dear),
    (Pnr3, EndedOwing, Pdor),
    (Pnr4, EndedPaid, Dear),
    (Pnr4, EndedOwing, Pdor),
    (Pnr5, EndedPaid, Dear),
    (Pnr5, EndedOwing, Pdor),
    // Imported with arrears (E12).
    (Blog, MonthClosed, Blog),
    (Blog, DuesPaid, Pnr1),
    // Stop-bill and back (E11).
    (Live, StoppedOwing, Stbl),
    (Live, StoppedPaid, Stbp),
    (Bltd, StoppedOwing, Stbl),
    (Stbl, MonthClosed, Stbl),
    (Stbl, DuesPaid, Stbp),
    (Stbp, MonthClosed, Stbp),
    (Stbp, Reactivated, Stsd),
    (Stsd, MonthClosed, Stsd),
    (Stsd, DepositPaid, Live),
    // Temporary connections (E14).
    (New, DuesPaid, New),
    (New, MonthClosed, New),
    (New, Extended, Extn),
    (New, Disconnected, Disp),
    (New, EndedPaid, Disc),
    (New, EndedOwing, Disp),
    (Extn, DuesPaid, Extn),
    (Extn, MonthClosed, Extn),
    (Extn, Disconnected, Disp),
    (Extn, EndedPaid, Disc),
    (Extn, EndedOwing, Disp),
    (Disp, MonthClosed, Disp),
    (Disp, DuesPaid, Disc),
    (Disc, MonthClosed, Disc),
];

/// Where a step leads from a status; none where the table has no such edge.
#[must_use]
pub fn next(from: Status, step: Step) -> Option<Status> {
    EDGES
        .iter()
        .find(|(at, by, _)| *at == from && *by == step)
        .map(|(_, _, to)| *to)
}

impl Status {
    /// Every status, in the order of 004.
    pub const ALL: [Self; 24] = [
        Live, Bltd, Dis1, Dis2, Dis3, Dis4, Dis5, Pnr1, Pnr2, Pnr3, Pnr4, Pnr5, Pdnp, Deaa, Pdor,
        Dear, Blog, Stbl, Stbp, Stsd, New, Extn, Disp, Disc,
    ];

    /// The code, as in 004.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Live => "LIVE",
            Self::Bltd => "BLTD",
            Self::Dis1 => "DIS1",
            Self::Dis2 => "DIS2",
            Self::Dis3 => "DIS3",
            Self::Dis4 => "DIS4",
            Self::Dis5 => "DIS5",
            Self::Pnr1 => "PNR1",
            Self::Pnr2 => "PNR2",
            Self::Pnr3 => "PNR3",
            Self::Pnr4 => "PNR4",
            Self::Pnr5 => "PNR5",
            Self::Pdnp => "PDNP",
            Self::Deaa => "DEAA",
            Self::Pdor => "PDOR",
            Self::Dear => "DEAR",
            Self::Blog => "BLOG",
            Self::Stbl => "STBL",
            Self::Stbp => "STBP",
            Self::Stsd => "STSD",
            Self::New => "NEW",
            Self::Extn => "EXTN",
            Self::Disp => "DISP",
            Self::Disc => "DISC",
        }
    }

    /// What the code means, for people.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Live => "active",
            Self::Bltd => "belated: last month's bill is unpaid",
            Self::Dis1 | Self::Dis2 | Self::Dis3 | Self::Dis4 | Self::Dis5 => {
                "disconnected for non-payment, by month"
            }
            Self::Pnr1 | Self::Pnr2 | Self::Pnr3 | Self::Pnr4 | Self::Pnr5 => {
                "paid but not reconnected, by month"
            }
            Self::Pdnp => "permanently disconnected for non-payment, owing",
            Self::Deaa => "de-listed, nothing owed",
            Self::Pdor => "permanently disconnected on request, owing",
            Self::Dear => "de-listed on request, nothing owed",
            Self::Blog => "imported with arrears, not active",
            Self::Stbl => "stop-bill, payment pending",
            Self::Stbp => "stop-bill, may come back",
            Self::Stsd => "stop-bill, deposit pending",
            Self::New => "temporary, active",
            Self::Extn => "temporary, extended",
            Self::Disp => "temporary, disconnected, owing",
            Self::Disc => "temporary, disconnected, nothing owed",
        }
    }

    /// The status of a code.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }

    /// Whether nothing more may be posted but payments (E8): dues are fixed and readings refused.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Pdnp | Self::Deaa | Self::Pdor | Self::Dear => true,
            Self::Live
            | Self::Bltd
            | Self::Dis1
            | Self::Dis2
            | Self::Dis3
            | Self::Dis4
            | Self::Dis5
            | Self::Pnr1
            | Self::Pnr2
            | Self::Pnr3
            | Self::Pnr4
            | Self::Pnr5
            | Self::Blog
            | Self::Stbl
            | Self::Stbp
            | Self::Stsd
            | Self::New
            | Self::Extn
            | Self::Disp
            | Self::Disc => false,
        }
    }

    /// Whether nothing can happen any more, so that no month is closed: de-listed or ended, nothing owed.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Deaa | Self::Dear | Self::Disc)
    }

    /// Whether supply flows.
    #[must_use]
    pub const fn is_supplied(self) -> bool {
        matches!(self, Self::Live | Self::Bltd | Self::New | Self::Extn)
    }

    /// Whether it is cut for non-payment and may still be paid for and connected again (E6).
    #[must_use]
    pub const fn is_disconnected(self) -> bool {
        matches!(
            self,
            Self::Dis1 | Self::Dis2 | Self::Dis3 | Self::Dis4 | Self::Dis5
        )
    }

    /// Whether it has paid and waits for the JE (E7).
    #[must_use]
    pub const fn is_due_for_reconnection(self) -> bool {
        matches!(
            self,
            Self::Pnr1 | Self::Pnr2 | Self::Pnr3 | Self::Pnr4 | Self::Pnr5
        )
    }

    /// Whether it is a temporary connection (E14).
    #[must_use]
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::New | Self::Extn | Self::Disp | Self::Disc)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl Step {
    /// Every step.
    pub const ALL: [Self; 11] = [
        DuesPaid,
        MonthClosed,
        Disconnected,
        Reconnected,
        EndedPaid,
        EndedOwing,
        StoppedOwing,
        StoppedPaid,
        Reactivated,
        DepositPaid,
        Extended,
    ];

    /// The step, for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::DuesPaid => "all dues paid",
            Self::MonthClosed => "month closed, unpaid",
            Self::Disconnected => "JE disconnects after the 20th",
            Self::Reconnected => "JE reconnects",
            Self::EndedPaid => "ended on request, paid",
            Self::EndedOwing => "ended on request, owing",
            Self::StoppedOwing => "stop-bill, owing",
            Self::StoppedPaid => "stop-bill, nothing owed",
            Self::Reactivated => "JE reactivates",
            Self::DepositPaid => "deposit paid",
            Self::Extended => "JE extends",
        }
    }
}

/// A consumer's status and the one month whose close does not count: folded by the account and by read
/// models alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    status: Status,
    /// The close of this month does not count up: the JE's cut in it, or the payment of an import,
    /// stands for the month itself (E5, E12).
    counted: Option<Month>,
}

impl Standing {
    /// A consumer that begins with this status.
    #[must_use]
    pub const fn begun(status: Status) -> Self {
        Self {
            status,
            counted: None,
        }
    }

    /// The status now.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Whether the close of `month` leaves the status as it is.
    #[must_use]
    pub fn is_counted(&self, month: Month) -> bool {
        self.counted == Some(month)
    }

    /// Follows a step in a month.
    ///
    /// # Panics
    /// When the table has no such edge: decisions make sure of it.
    pub fn follow(&mut self, step: Step, month: Month) {
        let to = next(self.status, step);
        assert!(to.is_some(), "a status moves along an edge of its table");
        if matches!(step, Step::Disconnected) || (self.status == Blog && step == Step::DuesPaid) {
            self.counted = Some(month);
        }
        self.status = to.unwrap_or(self.status);
    }

    /// Follows a month's close. `unpaid` counts for a live consumer only; a month that is counted
    /// already changes nothing.
    pub fn close(&mut self, month: Month, unpaid: bool) {
        let paid = self.status == Live && !unpaid;
        if paid || self.is_counted(month) {
            return;
        }
        self.follow(Step::MonthClosed, month);
    }
}

/// The machine as a page of documentation: a table and a diagram, from [`EDGES`].
#[must_use]
pub fn draw() -> String {
    let mut page = String::from(
        "# The consumer's status machine\n\n\
         Drawn from `EDGES` in `crates/ledger-core/src/status.rs` by the test\n\
         `e1_the_drawing_of_the_status_machine_is_the_codes_own`; do not edit it by hand. A cell names the status\n\
         that a step leads to; a dash says that there is no such edge. No status is stored: it follows from events.\n\n",
    );
    page.push_str("| from |");
    for step in Step::ALL {
        page.push_str(&format!(" {} |", step.label()));
    }
    page.push_str(&format!(
        " meaning |\n|{}\n",
        "---|".repeat(Step::ALL.len() + 2)
    ));
    for status in Status::ALL {
        page.push_str(&format!("| {status} |"));
        for step in Step::ALL {
            let to = next(status, step).map_or("–", Status::code);
            page.push_str(&format!(" {to} |"));
        }
        page.push_str(&format!(" {} |\n", status.meaning()));
    }
    page.push_str("\n```mermaid\nstateDiagram-v2\n");
    for (from, by, to) in EDGES.iter().filter(|(from, _, to)| from != to) {
        page.push_str(&format!("    {from} --> {to}: {}\n", by.label()));
    }
    page.push_str("```\n");
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e1_a_step_leads_to_one_status_and_every_edge_stands_once() {
        for (at, (from, by, to)) in EDGES.iter().enumerate() {
            let twice = EDGES
                .iter()
                .skip(at + 1)
                .any(|(f, b, _)| f == from && b == by);
            assert!(!twice, "{from} by {by:?} stands twice");
            assert_eq!(next(*from, *by), Some(*to));
        }
    }

    #[test]
    fn e8_nothing_leads_out_of_a_final_status_but_paying() {
        for (from, by, to) in EDGES.iter().filter(|(from, _, _)| from.is_final()) {
            assert!(from == to || *by == Step::DuesPaid, "{from} by {by:?}");
            assert!(to.is_final());
        }
    }

    #[test]
    fn e7_only_the_je_leads_from_paid_to_live() {
        for (from, by, _) in EDGES
            .iter()
            .filter(|(from, _, to)| *to == Live && *from != Live)
        {
            let by_je = from.is_due_for_reconnection() && *by == Step::Reconnected;
            let never_cut = *from == Bltd && *by == Step::DuesPaid;
            let deposit = *from == Stsd && *by == Step::DepositPaid;
            assert!(by_je || never_cut || deposit, "{from} by {by:?}");
        }
    }

    #[test]
    fn e12_the_month_of_an_imports_payment_is_its_first_and_stays_at_that_close() {
        let month = Month::parse("2026-03").unwrap();
        let mut standing = Standing::begun(Blog);
        standing.follow(Step::DuesPaid, month);
        standing.close(month, true);
        assert_eq!(standing.status(), Pnr1);
        standing.close(month.next(), true);
        assert_eq!(standing.status(), Pnr2);
    }

    #[test]
    fn a_code_is_read_back() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.code()), Some(status));
            let json = serde_json::to_string(&status).unwrap();
            assert_eq!(json, format!("\"{status}\""));
        }
    }
}
