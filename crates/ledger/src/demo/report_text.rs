//! The report as people read it: sections of tables that line up.

use ledger_core::utility::Utility;

use super::report::{Report, utility_of};
use crate::output::local::grouped;
use crate::output::table::{Set, Table};

impl Report {
    /// The report for people.
    pub(crate) fn text(&self) -> String {
        let sections = [
            ("Readings", self.readings_text()),
            ("Energy, water and money", self.money_text()),
            ("Supply", self.supply_text()),
            ("Top-ups by channel", self.channels_text()),
            ("Refused at the counter", self.refusals_text()),
            ("Books", self.books_text()),
            ("The log", self.log_text()),
        ];
        let mut text = format!("\n{} accounts\n", grouped(self.totals.accounts));
        for (title, body) in sections {
            text.push_str(&format!("\n{title}\n{}\n", indented(&body)));
        }
        text
    }

    fn readings_text(&self) -> String {
        let heads = [
            "",
            "sent",
            "accepted",
            "duplicate",
            "conflicting",
            "late",
            "quarantined",
            "refused",
        ];
        let mut table = Table::new(
            &heads.map(|h| (h, if h.is_empty() { Set::Left } else { Set::Right })),
            "none",
        );
        let mut problems = String::new();
        for totals in &self.totals.utilities {
            let (Some(utility), Some(sum)) = (utility_of(totals), self.sum(totals)) else {
                continue;
            };
            let counts = [
                sum.total,
                totals.readings_accepted,
                totals.readings_duplicate,
                totals.readings_conflicting,
                totals.readings_late,
                totals.readings_quarantined,
                totals.readings_refused,
            ];
            table.row(
                std::iter::once(utility.to_string())
                    .chain(counts.map(grouped))
                    .collect(),
            );
            if let Some(problem) = self.problem(totals) {
                problems.push_str(&format!("\n{utility}: {problem}"));
            }
        }
        let verdict = if problems.is_empty() {
            "\nevery reading is accounted for"
        } else {
            &problems
        };
        let unread = match self.totals.undecodable {
            0 => String::new(),
            n => format!("\n{n} message(s) that no one can read are in the dead letters"),
        };
        format!("{}{verdict}{unread}", table.text())
    }

    fn money_text(&self) -> String {
        let heads = [
            ("", Set::Left),
            ("meters", Set::Right),
            ("used", Set::Point),
            ("charged B$", Set::Point),
            ("credit left B$", Set::Point),
        ];
        let mut table = Table::new(&heads, "none");
        for totals in &self.totals.utilities {
            let Some(utility) = utility_of(totals) else {
                continue;
            };
            let unit = if utility == Utility::Electricity {
                "electricity, kWh"
            } else {
                "water, m³"
            };
            let (quantity, charge, credit) = (
                totals.quantity.clone(),
                totals.charge.clone(),
                totals.credit.clone(),
            );
            table.row(vec![
                unit.to_owned(),
                grouped(totals.meters),
                quantity,
                charge,
                credit,
            ]);
        }
        table.text()
    }

    fn supply_text(&self) -> String {
        let mut table = Table::new(
            &[
                ("", Set::Left),
                ("disconnections", Set::Right),
                ("reconnections", Set::Right),
            ],
            "none",
        );
        for totals in &self.totals.utilities {
            let Some(utility) = utility_of(totals) else {
                continue;
            };
            table.row(vec![
                utility.to_string(),
                grouped(totals.disconnections),
                grouped(totals.reconnections),
            ]);
        }
        let more = format!(
            "\n{} orders confirmed by meters, {} notifications to customers",
            grouped(self.course.orders_confirmed),
            grouped(self.course.notifications)
        );
        table.text() + &more
    }

    fn channels_text(&self) -> String {
        let mut table = Table::new(
            &[
                ("channel", Set::Left),
                ("top-ups", Set::Right),
                ("B$", Set::Point),
            ],
            "none",
        );
        for line in &self.totals.channels {
            table.row(vec![
                line.channel.clone(),
                grouped(line.top_ups),
                line.amount.clone(),
            ]);
        }
        table.text()
    }

    fn refusals_text(&self) -> String {
        let mut table = Table::new(&[("reason", Set::Left), ("times", Set::Right)], "nothing");
        for (code, n) in &self.course.seen.refused {
            table.row(vec![code.clone(), grouped(*n)]);
        }
        let waiting = self.course.seen.suspended;
        format!(
            "{}\n{waiting} payment(s) for a wrong meter went to suspense and were allocated by the office",
            table.text()
        )
    }

    fn books_text(&self) -> String {
        let mut table = Table::new(
            &[
                ("control account", Set::Left),
                ("in the ledger", Set::Point),
                ("in detail", Set::Point),
                ("difference", Set::Point),
            ],
            "none",
        );
        for control in &self.trial.controls {
            let name = format!("{} = {}", control.ledger_account, control.made_of);
            table.row(vec![
                name,
                control.in_ledger.clone(),
                control.in_detail.clone(),
                control.difference.clone(),
            ]);
        }
        let verdict = if self.trial.balanced {
            "balanced"
        } else {
            "NOT BALANCED"
        };
        format!(
            "trial balance: debit {}, credit {}: {verdict}\n{}",
            self.trial.debit,
            self.trial.credit,
            table.text()
        )
    }

    fn log_text(&self) -> String {
        format!(
            "{} events, {} bytes each on average; the whole course took {:.1} s, {} events/s",
            grouped(self.log_events),
            self.bytes_per_event(),
            self.course.seconds,
            grouped(self.events_per_second())
        )
    }
}

fn indented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}
