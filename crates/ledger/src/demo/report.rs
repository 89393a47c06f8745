//! What the demonstration ends with: the figures a utility's manager asks for, as text and as JSON.
//!
//! Every figure comes from the ledger's own reports over gRPC, but for the count of readings sent and
//! the dead letters per meter. A meter's repeats leave no event behind; they are what is left of those
//! sent, and their sum must be what the gateways counted, else the report says that it does not add up.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use async_nats::jetstream::Context;
use command_api::client::Client;
use command_api::pb;
use event_store::embedded::Stats;
use futures::{StreamExt, TryStreamExt, stream};
use ledger_core::ids::MeterNumber;
use ledger_core::num::{Money, Quantity};
use ledger_core::utility::Utility;
use serde_json::{Map, Value, json};
use tonic::Status;

use super::counter::Seen;
use super::feed;
use crate::failure::Failure;

/// Calls under way at once.
const CALLS_AT_ONCE: usize = 16;
/// Months in which a demonstration's readings lie, ten years a question.
const DECADES: &[(&str, &str)] = &[("2010-01", "2019-12"), ("2020-01", "2029-12")];
/// Rows of a page.
const PAGE: u32 = 1_000;

/// Readings sent of one meter.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// Utility.
    pub(crate) utility: Utility,
    /// Meter.
    pub(crate) meter: MeterNumber,
    /// How many.
    pub(crate) readings: u64,
}

/// What the demonstration itself knows of its course.
#[derive(Debug, Clone)]
pub(crate) struct Course {
    /// By meter.
    pub(crate) sent: Vec<Sent>,
    /// Wall-clock time, set-up included.
    pub(crate) seconds: f64,
    /// Households.
    pub(crate) households: u64,
    /// Lines of the files that are no readings.
    pub(crate) bad_lines: u64,
    /// Seed of a made-up town.
    pub(crate) seed: Option<u64>,
    /// What customers saw.
    pub(crate) seen: Seen,
    /// Orders that meters confirmed.
    pub(crate) orders_confirmed: u64,
    /// Notifications heard.
    pub(crate) notifications: u64,
}

/// Readings of one meter by class, and what they cost.
#[derive(Debug, Clone, Default)]
pub(super) struct MeterFigures {
    pub(super) total: u64,
    accepted: u64,
    conflicting: u64,
    late: u64,
    quarantined: u64,
    refused: u64,
    gaps: u64,
    suspected: u64,
    consumption: Quantity,
    charge: Money,
    months: Map<String, Value>,
}

impl MeterFigures {
    fn duplicate(&self) -> u64 {
        let known = self.accepted + self.conflicting + self.late + self.quarantined + self.refused;
        self.total.saturating_sub(known)
    }

    fn json(&self) -> Value {
        json!({
            "total": self.total, "accepted": self.accepted, "duplicate": self.duplicate(),
            "conflicting": self.conflicting, "late": self.late, "quarantined": self.quarantined,
            "refused": self.refused, "gaps": self.gaps, "suspected": self.suspected,
            "consumption": self.consumption, "charge": self.charge, "months": self.months,
        })
    }
}

/// The report.
pub(crate) struct Report {
    pub(super) course: Course,
    pub(super) totals: pb::GetTotalsResponse,
    pub(super) trial: pb::GetTrialBalanceResponse,
    pub(super) meters: BTreeMap<Utility, BTreeMap<MeterNumber, MeterFigures>>,
    pub(super) log_events: u64,
    pub(super) log_bytes: u64,
}

/// Asks the ledger for everything.
pub(crate) async fn gather(
    course: &Course,
    office: &Client,
    js: &Context,
) -> Result<Report, Failure> {
    let totals = office
        .queries()
        .get_totals(pb::GetTotalsRequest::default())
        .await;
    let trial = office
        .queries()
        .get_trial_balance(pb::GetTrialBalanceRequest::default())
        .await;
    let refused = feed::refused_by_meter(js).await?;
    let figures = stream::iter(course.sent.clone()).map(|sent| {
        let refused = refused.get(sent.meter.as_str()).copied().unwrap_or(0);
        async move {
            meter_figures(office, &sent, refused)
                .await
                .map(|f| (sent.utility, sent.meter, f))
        }
    });
    let figures: Vec<_> = figures
        .buffer_unordered(CALLS_AT_ONCE)
        .try_collect()
        .await?;
    let mut meters: BTreeMap<Utility, BTreeMap<MeterNumber, MeterFigures>> = BTreeMap::new();
    for (utility, meter, figure) in figures {
        meters.entry(utility).or_default().insert(meter, figure);
    }
    Ok(Report {
        course: course.clone(),
        totals: totals.map_err(|s| asking("the totals", &s))?.into_inner(),
        trial: trial
            .map_err(|s| asking("the trial balance", &s))?
            .into_inner(),
        meters,
        log_events: 0,
        log_bytes: 0,
    })
}

async fn meter_figures(
    office: &Client,
    sent: &Sent,
    refused: u64,
) -> Result<MeterFigures, Failure> {
    let mut figures = MeterFigures {
        total: sent.readings,
        refused,
        ..MeterFigures::default()
    };
    let mut months = Vec::new();
    for (from, to) in DECADES {
        let ask = pb::GetMonthlyConsumptionRequest {
            meter: sent.meter.to_string(),
            from_month: (*from).to_owned(),
            to_month: (*to).to_owned(),
            ..Default::default()
        };
        match office.queries().get_monthly_consumption(ask).await {
            Ok(answer) => months.extend(answer.into_inner().months),
            Err(status) if status.code() == tonic::Code::NotFound => return Ok(figures),
            Err(status) => return Err(asking("a meter's consumption", &status)),
        }
    }
    for month in months {
        let quantity = exact(Quantity::parse(&month.quantity))?;
        let charge = exact(Money::parse(&month.charge))? + exact(Money::parse(&month.minimum))?;
        figures.accepted += month.readings;
        figures.consumption += quantity;
        figures.charge += charge;
        figures.months.insert(
            month.month,
            json!({"consumption": quantity, "charge": charge}),
        );
    }
    exceptions(office, sent, &mut figures).await?;
    Ok(figures)
}

async fn exceptions(
    office: &Client,
    sent: &Sent,
    figures: &mut MeterFigures,
) -> Result<(), Failure> {
    let mut page_token = String::new();
    loop {
        let ask = pb::ListExceptionsRequest {
            meter: sent.meter.to_string(),
            page_size: PAGE,
            page_token,
            ..Default::default()
        };
        let page = office
            .queries()
            .list_exceptions(ask)
            .await
            .map_err(|s| asking("a meter's exceptions", &s))?;
        let page = page.into_inner();
        for exception in page.exceptions {
            match exception.kind.as_str() {
                "conflicting" => figures.conflicting += exception.readings,
                "late" => {
                    figures.late += exception.readings;
                    // One that corrected a charge stands among the month's readings, too (C19).
                    if exception.why == "corrected" {
                        figures.accepted = figures.accepted.saturating_sub(exception.readings);
                    }
                }
                "quarantined" => figures.quarantined += exception.readings,
                "gap" => figures.gaps += 1,
                "suspected-exchange" => figures.suspected += 1,
                other => {
                    let what = format!(
                        "the ledger reports an exception of kind {other:?}, which is not known here"
                    );
                    return Err(Failure::damaged("DEMO_REPORT", what));
                }
            }
        }
        if page.next_page_token.is_empty() {
            return Ok(());
        }
        page_token = page.next_page_token;
    }
}

impl Report {
    /// Adds what the closed log says of its size.
    pub(crate) fn add_log(&mut self, stats: &Stats) {
        self.log_events = stats.events;
        self.log_bytes = stats.bytes;
    }

    /// Every reading sent has a class, classes by meter and by gateway agree, the books balance.
    pub(crate) fn accounts_for_everything(&self) -> bool {
        let readings = self
            .totals
            .utilities
            .iter()
            .all(|u| self.problem(u).is_none());
        let controls = self.trial.controls.iter().all(|c| is_zero(&c.difference));
        readings && self.trial.balanced && controls
    }

    /// What does not add up in a utility's readings.
    pub(super) fn problem(&self, totals: &pb::UtilityTotals) -> Option<String> {
        let sum = self.sum(totals)?;
        let by_meter = [
            sum.accepted,
            sum.duplicate(),
            sum.conflicting,
            sum.late,
            sum.quarantined,
            sum.refused,
        ];
        let by_ledger = [
            totals.readings_accepted,
            totals.readings_duplicate,
            totals.readings_conflicting,
            totals.readings_late,
            totals.readings_quarantined,
            totals.readings_refused,
        ];
        let total: u64 = by_ledger.iter().sum();
        if total != sum.total {
            return Some(format!(
                "{} readings were sent, {total} are accounted for",
                sum.total
            ));
        }
        (by_meter != by_ledger).then(|| format!("by meter {by_meter:?}, by gateway {by_ledger:?}"))
    }

    /// All meters of a utility together; `None` for a utility of which nothing was sent.
    pub(super) fn sum(&self, totals: &pb::UtilityTotals) -> Option<MeterFigures> {
        let meters = self.meters.get(&utility_of(totals)?)?;
        let mut sum = MeterFigures::default();
        for figures in meters.values() {
            sum.total += figures.total;
            sum.accepted += figures.accepted;
            sum.conflicting += figures.conflicting;
            sum.late += figures.late;
            sum.quarantined += figures.quarantined;
            sum.refused += figures.refused;
            sum.gaps += figures.gaps;
            sum.suspected += figures.suspected;
            sum.consumption += figures.consumption;
            sum.charge += figures.charge;
        }
        Some(sum)
    }

    pub(super) fn events_per_second(&self) -> u64 {
        per_second(self.totals.events, self.course.seconds)
    }

    pub(super) fn bytes_per_event(&self) -> u64 {
        self.log_bytes.checked_div(self.log_events).unwrap_or(0)
    }

    /// The report as JSON.
    pub(crate) fn json(&self) -> Value {
        let mut readings = Map::new();
        let mut money = Map::new();
        let mut supply = Map::new();
        for totals in &self.totals.utilities {
            let Some(utility) = utility_of(totals) else {
                continue;
            };
            money.insert(
                utility.to_string(),
                json!({"charged": totals.charge, "credit": totals.credit}),
            );
            let counts = json!({"disconnections": totals.disconnections, "reconnections": totals.reconnections});
            supply.insert(utility.to_string(), counts);
            if let Some(sum) = self.sum(totals) {
                readings.insert(
                    utility.to_string(),
                    self.readings_json(utility, totals, &sum),
                );
            }
        }
        money.insert("channels".to_owned(), self.channels_json());
        supply.insert(
            "orders_confirmed".to_owned(),
            json!(self.course.orders_confirmed),
        );
        json!({
            "accounts": self.totals.accounts,
            "households": self.course.households,
            "seed": self.course.seed,
            "readings": readings,
            "undecodable": self.totals.undecodable,
            "bad_lines": self.course.bad_lines,
            "money": money,
            "supply": supply,
            "refusals": self.course.seen.refused,
            "receipts": self.course.seen.receipts,
            "notifications": self.course.notifications,
            "trial_balance": self.trial_json(),
            "events": {
                "total": self.log_events,
                "bytes_per_event": self.bytes_per_event(),
                "per_second": self.events_per_second(),
                "kinds": self.totals.kinds.iter().map(|k| (k.kind.clone(), json!(k.count))).collect::<Map<_, _>>(),
            },
            "accounts_for_everything": self.accounts_for_everything(),
        })
    }

    /// Classes as the gateways and the accounts counted them; by meter beside.
    fn readings_json(
        &self,
        utility: Utility,
        totals: &pb::UtilityTotals,
        sum: &MeterFigures,
    ) -> Value {
        let meters = self.meters.get(&utility);
        let by_meter: Map<String, Value> = meters
            .into_iter()
            .flatten()
            .map(|(number, figures)| (number.to_string(), figures.json()))
            .collect();
        json!({
            "total": sum.total,
            "accepted": totals.readings_accepted,
            "duplicate": totals.readings_duplicate,
            "conflicting": totals.readings_conflicting,
            "late": totals.readings_late,
            "quarantined": totals.readings_quarantined,
            "refused": totals.readings_refused,
            "gaps": sum.gaps,
            "suspected": sum.suspected,
            "meters": by_meter,
        })
    }

    fn channels_json(&self) -> Value {
        let line = |c: &pb::ChannelTotal| {
            (
                c.channel.clone(),
                json!({"top_ups": c.top_ups, "amount": c.amount}),
            )
        };
        Value::Object(self.totals.channels.iter().map(line).collect())
    }

    fn trial_json(&self) -> Value {
        let control = |c: &pb::ControlAccount| {
            json!({"account": c.ledger_account, "in_ledger": c.in_ledger, "in_detail": c.in_detail,
                   "made_of": c.made_of, "difference": c.difference})
        };
        json!({
            "debit": self.trial.debit,
            "credit": self.trial.credit,
            "balanced": self.trial.balanced,
            "controls": self.trial.controls.iter().map(control).collect::<Vec<_>>(),
        })
    }
}

/// Writes the report as JSON to a file.
pub(crate) fn write(file: &Path, report: &Report) -> Result<(), Failure> {
    let text = format!("{:#}\n", report.json());
    fs::write(file, text).map_err(|e| Failure::file("writing", file, &e))
}

/// What one can do next.
pub(crate) fn look_further(kept: Option<&Path>, account: &str) -> String {
    match kept {
        Some(folder) => {
            let data = folder.join("ledger");
            let data = data.display();
            format!(
                "\nLook further:\n  ledger verify --data-dir {data}\n  ledger replay --data-dir {data} --stream account-{account}\n  \
                 ledger serve --data-dir {data} --dev-keys      then: ledger account show {account}"
            )
        }
        None => format!(
            "\nLook further: run it again with --data ./town to keep the data, then\n  \
                 ledger verify --data-dir ./town/ledger\n  \
                 ledger replay --data-dir ./town/ledger --stream account-{account}"
        ),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::float_arithmetic,
    reason = "a rate for people, not an amount"
)]
fn per_second(events: u64, seconds: f64) -> u64 {
    if seconds > 0.0 {
        (events as f64 / seconds) as u64
    } else {
        0
    }
}

pub(super) fn utility_of(totals: &pb::UtilityTotals) -> Option<Utility> {
    match totals.utility() {
        pb::Utility::Electricity => Some(Utility::Electricity),
        pb::Utility::Water => Some(Utility::Water),
        pb::Utility::Unspecified => None,
    }
}

fn is_zero(amount: &str) -> bool {
    Money::parse(amount).is_ok_and(Money::is_zero)
}

fn exact<T, E: std::fmt::Display>(parsed: Result<T, E>) -> Result<T, Failure> {
    parsed.map_err(|e| {
        Failure::damaged(
            "DEMO_REPORT",
            format!("the ledger answered a figure that is none: {e}"),
        )
    })
}

fn asking(what: &str, status: &Status) -> Failure {
    Failure::unavailable(
        "DEMO_GRPC",
        format!("asking {what}: {}: {}", status.code(), status.message()),
    )
}
