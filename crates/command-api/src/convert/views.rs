//! Answers of the read models, as messages.

use event_store::RecordedEvent;
use ledger_core::answer::ReceiptKind;
use ledger_core::event::SupplyReason;
use ledger_core::time::Timestamp;

use projections::queries::{
    AccountOverview, AccountView, Book, ChannelTotal, Completeness, ControlAccount, DayUsage,
    DebtView, ExceptionView, KindCount, MeterView, MonthUsage, OrderView, PrepaymentView,
    ReceiptView, SettlementLine, StatementLine, SupplyView, SuspenseState, SuspenseView, Totals,
    TrialLine, UtilityTotals, WalletView,
};

use super::answers::{given, instant_of_ms, to_instant, to_utility};
use crate::pb;

fn instant(at: Option<Timestamp>) -> Option<prost_types::Timestamp> {
    at.map(to_instant)
}

fn text<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A number that counts from 1 and never runs below zero.
fn whole(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

impl From<WalletView> for pb::Wallet {
    fn from(w: WalletView) -> Self {
        Self {
            utility: to_utility(w.utility).into(),
            credit: w.credit.to_string(),
            negative_since: instant(w.negative_since),
            activated_at: instant(w.activated_at),
            grace_until: instant(w.grace_until),
            first_top_up_at: instant(w.first_top_up_at),
            newest_top_up_at: instant(w.newest_top_up_at),
            top_ups: w.top_ups,
            low_credit_noticed_at: instant(w.low_notice.map(|notice| notice.at)),
        }
    }
}

impl From<MeterView> for pb::Meter {
    fn from(m: MeterView) -> Self {
        Self {
            meter: m.meter.to_string(),
            account_id: m.account.to_string(),
            utility: to_utility(m.utility).into(),
            interval_minutes: m.interval_min,
            installed_at: Some(to_instant(m.installed_at)),
            activated_at: instant(m.activated_at),
            removed_at: instant(m.removed_at),
        }
    }
}

const fn reason(why: SupplyReason) -> &'static str {
    match why {
        SupplyReason::NoFirstTopUp => "no-first-top-up",
        SupplyReason::NoCredit => "no-credit",
        SupplyReason::FirstTopUp => "first-top-up",
        SupplyReason::CreditRestored => "credit-restored",
        SupplyReason::Staff => "staff",
        SupplyReason::DuesUnpaid => "dues-unpaid",
        SupplyReason::DuesPaid => "dues-paid",
        SupplyReason::OnRequest => "on-request",
    }
}

impl From<SupplyView> for pb::Supply {
    fn from(s: SupplyView) -> Self {
        Self {
            utility: to_utility(s.utility).into(),
            meter: text(s.meter),
            on: s.on,
            order: s.order,
            reason: text(s.reason.map(reason)),
            ordered_at: instant(s.ordered_at),
            until: instant(s.until),
            unconfirmed: s.unconfirmed,
            sent: s.sent,
            confirmed_at: instant(s.confirmed_at),
            disconnections: s.disconnections,
            reconnections: s.reconnections,
            cut_waits_until: instant(s.cut_waits_until),
        }
    }
}

impl From<OrderView> for pb::UnconfirmedOrder {
    fn from(o: OrderView) -> Self {
        Self {
            account_id: o.account.to_string(),
            supply: Some(o.supply.into()),
        }
    }
}

impl From<DebtView> for pb::Debt {
    fn from(d: DebtView) -> Self {
        Self {
            utility: to_utility(d.utility).into(),
            principal: d.principal.to_string(),
            instalment: d.instalment.to_string(),
            start_month: d.start.to_string(),
            plan_start_month: d.plan_start.to_string(),
            agreed_at: Some(to_instant(d.agreed_at)),
            paid: d.paid.to_string(),
            balance: d.balance.to_string(),
            month: d.month.to_string(),
            due: d.due.to_string(),
            months_left: d.months_left,
            period_months: d.period,
        }
    }
}

impl From<PrepaymentView> for pb::Prepayment {
    fn from(p: PrepaymentView) -> Self {
        Self {
            utility: to_utility(p.utility).into(),
            person: p.person.to_string(),
            joined_at: Some(to_instant(p.joined_at)),
            arrears_moved_in: p.arrears_moved_in.to_string(),
            arrears_left: p.arrears_left.to_string(),
            initial_credit: p.initial_credit.to_string(),
            emergency_lent: p.emergency_lent.to_string(),
            emergency_drawn_at: instant(p.emergency_drawn_at),
        }
    }
}

impl From<(AccountOverview, String)> for pb::GetAccountResponse {
    fn from((overview, token): (AccountOverview, String)) -> Self {
        let AccountOverview {
            account,
            wallets,
            supply,
            meters,
            debt,
            prepayment,
            numbers,
        } = overview;
        let mut all: Vec<String> = std::iter::once(account.account.to_string())
            .chain(numbers.iter().map(|given| given.number.to_string()))
            .collect();
        let number = all.pop().unwrap_or_default();
        let AccountView {
            account,
            scheme,
            class,
            dwelling_units,
            contracted_kva,
            customer,
            opened_at,
            closed_at,
        } = account;
        Self {
            account_id: account.to_string(),
            scheme,
            class,
            dwelling_units,
            contracted_kva,
            customer: text(customer),
            opened_at: Some(to_instant(opened_at)),
            closed_at: instant(closed_at),
            wallets: wallets.into_iter().map(Into::into).collect(),
            supplies: supply.into_iter().map(Into::into).collect(),
            meters: meters.into_iter().map(Into::into).collect(),
            debt: debt.map(Into::into),
            prepayment: prepayment.map(Into::into),
            token,
            number,
            former_numbers: all,
        }
    }
}

impl From<StatementLine> for pb::StatementLine {
    fn from(l: StatementLine) -> Self {
        let book = match l.book {
            Book::Electricity => pb::Book::Electricity,
            Book::Water => pb::Book::Water,
            Book::Debt => pb::Book::Debt,
            Book::Bills => pb::Book::Bills,
        };
        Self {
            book: book.into(),
            line: whole(l.line),
            at: Some(to_instant(l.at)),
            date: text(l.day),
            kind: l.kind,
            amount: l.amount.to_string(),
            balance: l.balance.to_string(),
            readings: l.readings,
            receipt: text(l.receipt),
        }
    }
}

impl From<ReceiptView> for pb::ReceiptRecord {
    fn from(r: ReceiptView) -> Self {
        let kind = match r.kind {
            ReceiptKind::TopUp => pb::ReceiptKind::TopUp,
            ReceiptKind::Debt => pb::ReceiptKind::Debt,
            ReceiptKind::Void => pb::ReceiptKind::Void,
            ReceiptKind::Arrears => pb::ReceiptKind::Arrears,
            ReceiptKind::Bill => pb::ReceiptKind::Bill,
            ReceiptKind::Deposit => pb::ReceiptKind::Deposit,
        };
        let receipt = pb::Receipt {
            number: r.receipt.to_string(),
            kind: kind.into(),
            account_id: r.account.to_string(),
            utility: to_utility(r.utility).into(),
            meter: text(r.meter),
            amount: r.amount.to_string(),
            balance: r.balance.to_string(),
            at: Some(to_instant(r.at)),
            channel: r.channel.to_string(),
            reference: r.reference.to_string(),
            first: r.first,
            arrears: given(r.arrears),
            emergency_repaid: given(r.emergency_repaid),
            emergency_withdrawn: given(r.emergency_withdrawn),
        };
        Self {
            channel_kind: String::new(),
            receipt: Some(receipt),
            taken_on: r.day.to_string(),
            from_suspense: r.from_suspense,
            voided: r.voided,
        }
    }
}

impl From<SuspenseView> for pb::SuspenseEntry {
    fn from(s: SuspenseView) -> Self {
        let state = match s.state {
            SuspenseState::Waiting => pb::SuspenseState::Waiting,
            SuspenseState::Allocated => pb::SuspenseState::Allocated,
            SuspenseState::Returned => pb::SuspenseState::Returned,
        };
        Self {
            channel: s.channel.to_string(),
            reference: s.reference.to_string(),
            amount: s.amount.to_string(),
            named: s.named,
            refusal_code: s.why,
            taken_on: s.taken_on.to_string(),
            suspended_at: Some(to_instant(s.suspended_at)),
            state: state.into(),
            settled_at: instant(s.settled_at),
            account_id: text(s.account),
            returned_on: text(s.returned_on),
            document: text(s.document),
        }
    }
}

impl From<SettlementLine> for pb::SettlementLine {
    fn from(l: SettlementLine) -> Self {
        Self {
            kind: l.kind.code().to_owned(),
            reference: l.reference.to_string(),
            receipt: text(l.receipt),
            account_id: text(l.account),
            amount: l.amount.to_string(),
            at: Some(to_instant(l.at)),
        }
    }
}

impl From<DayUsage> for pb::DayConsumption {
    fn from(d: DayUsage) -> Self {
        Self {
            date: d.day.to_string(),
            readings: d.readings,
            gaps: d.gaps,
            quantity: d.quantity.to_string(),
            charge: d.charge.to_string(),
            newest_at: instant(d.newest_at),
        }
    }
}

impl From<MonthUsage> for pb::MonthConsumption {
    fn from(m: MonthUsage) -> Self {
        Self {
            month: m.month.to_string(),
            readings: m.readings,
            quantity: m.quantity.to_string(),
            charge: m.charge.to_string(),
            minimum: m.minimum.to_string(),
        }
    }
}

impl From<Completeness> for pb::DayCompleteness {
    fn from(c: Completeness) -> Self {
        Self {
            date: c.day.to_string(),
            readings: c.readings,
            expected: c.expected,
        }
    }
}

impl From<ExceptionView> for pb::ReadingException {
    fn from(e: ExceptionView) -> Self {
        Self {
            account_id: e.account.to_string(),
            meter: e.meter.to_string(),
            utility: to_utility(e.utility).into(),
            number: whole(e.n),
            kind: e.kind.code().to_owned(),
            why: e.why,
            from: Some(to_instant(e.from)),
            to: Some(to_instant(e.to)),
            readings: e.readings,
            first_value: text(e.first),
            last_value: text(e.last),
            recorded_at: Some(to_instant(e.recorded_at)),
            ended_at: instant(e.ended_at),
            ended_by: text(e.ended_by),
        }
    }
}

impl From<TrialLine> for pb::TrialBalanceLine {
    fn from(l: TrialLine) -> Self {
        Self {
            ledger_account: l.ledger_account,
            debit: l.debit.to_string(),
            credit: l.credit.to_string(),
            postings: l.postings,
        }
    }
}

impl From<ControlAccount> for pb::ControlAccount {
    fn from(c: ControlAccount) -> Self {
        Self {
            ledger_account: c.ledger_account,
            in_ledger: c.in_ledger.to_string(),
            made_of: c.made_of,
            in_detail: c.in_detail.to_string(),
            difference: c.difference.to_string(),
        }
    }
}

impl From<UtilityTotals> for pb::UtilityTotals {
    fn from(t: UtilityTotals) -> Self {
        Self {
            utility: to_utility(t.utility).into(),
            meters: t.meters,
            readings_accepted: t.readings.accepted,
            readings_conflicting: t.readings.conflicting,
            readings_late: t.readings.late,
            readings_quarantined: t.readings.quarantined,
            readings_duplicate: t.readings.duplicate,
            readings_refused: t.readings.refused,
            quantity: t.quantity.to_string(),
            charge: t.charge.to_string(),
            credit: t.credit.to_string(),
            disconnections: t.disconnections,
            reconnections: t.reconnections,
        }
    }
}

impl From<ChannelTotal> for pb::ChannelTotal {
    fn from(c: ChannelTotal) -> Self {
        Self {
            channel: c.channel.to_string(),
            top_ups: c.top_ups,
            amount: c.amount.to_string(),
            voids: c.voids,
            voided: c.voided.to_string(),
        }
    }
}

impl From<KindCount> for pb::KindCount {
    fn from(k: KindCount) -> Self {
        Self {
            kind: k.kind,
            count: k.count,
        }
    }
}

impl From<(Totals, String)> for pb::GetTotalsResponse {
    fn from((t, token): (Totals, String)) -> Self {
        Self {
            accounts: t.accounts,
            closed: t.closed,
            utilities: t.utilities.into_iter().map(Into::into).collect(),
            channels: t.channels.into_iter().map(Into::into).collect(),
            kinds: t.kinds.into_iter().map(Into::into).collect(),
            events: t.events,
            deliveries: t.deliveries,
            undecodable: t.undecodable,
            token,
        }
    }
}

impl From<RecordedEvent> for pb::ReadHistoryResponse {
    fn from(e: RecordedEvent) -> Self {
        let json = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            kind: e.kind.to_string(),
            data: json(&e.data),
            metadata: if e.meta.is_empty() {
                "{}".to_owned()
            } else {
                json(&e.meta)
            },
            revision: e.revision,
            position: e.position.commit,
            recorded_at: Some(instant_of_ms(e.recorded_at_ms)),
            event_id: e.id.to_string(),
        }
    }
}
