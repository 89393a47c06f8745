//! Answers of the domain as messages.
//!
//! Nothing here can fail but an answer of the wrong kind, which is a fault of ours. The tokens by which a
//! caller reads its own writes are made and read here too; what is in them is nobody else's business.

use event_store::Position;
use ledger_core::answer::{Answer, Published, Receipt, ReceiptKind, Returned, Suspended};
use ledger_core::ids::AccountId;
use ledger_core::num::Money;
use ledger_core::time::Timestamp;
use ledger_core::utility::Utility;
use ledger_service::{KeyStatus, Quote, Reply};

use crate::errors::{No, refusal_of, suspended_by};
use crate::pb;

/// An instant as a message.
#[must_use]
pub fn to_instant(at: Timestamp) -> prost_types::Timestamp {
    instant_of_ms(at.as_millis())
}

/// Milliseconds since 1970 UTC as a message.
#[must_use]
pub(super) fn instant_of_ms(ms: i64) -> prost_types::Timestamp {
    // The remainder is below 1,000, so the nanoseconds are below a thousand million.
    let nanos = i32::try_from(ms.rem_euclid(1_000)).unwrap_or(0) * 1_000_000;
    prost_types::Timestamp {
        seconds: ms.div_euclid(1_000),
        nanos,
    }
}

/// A utility as a message.
#[must_use]
pub const fn to_utility(utility: Utility) -> pb::Utility {
    match utility {
        Utility::Electricity => pb::Utility::Electricity,
        Utility::Water => pb::Utility::Water,
    }
}

/// A place in the log as an opaque token; nothing written yet is an empty one.
#[must_use]
pub fn to_token(position: Option<Position>) -> String {
    position.map_or_else(String::new, |p| {
        if p.commit == p.prepare {
            format!("p{:x}", p.commit)
        } else {
            format!("p{:x}-{:x}", p.commit, p.prepare)
        }
    })
}

/// Reads a token; `None` for a text that this ledger did not make.
#[must_use]
pub fn of_token(token: &str) -> Option<Position> {
    let digits = token.strip_prefix('p')?;
    let (commit, prepare) = digits.split_once('-').unwrap_or((digits, digits));
    let number = |text: &str| u64::from_str_radix(text, 16).ok();
    Some(Position {
        commit: number(commit)?,
        prepare: number(prepare)?,
    })
}

impl From<Receipt> for pb::Receipt {
    fn from(r: Receipt) -> Self {
        let kind = match r.kind {
            ReceiptKind::TopUp => pb::ReceiptKind::TopUp,
            ReceiptKind::Debt => pb::ReceiptKind::Debt,
            ReceiptKind::Void => pb::ReceiptKind::Void,
            ReceiptKind::Arrears => pb::ReceiptKind::Arrears,
            ReceiptKind::Bill => pb::ReceiptKind::Bill,
            ReceiptKind::Deposit => pb::ReceiptKind::Deposit,
        };
        Self {
            number: r.number.as_str().to_owned(),
            kind: kind.into(),
            account_id: r.account.as_str().to_owned(),
            utility: to_utility(r.utility).into(),
            meter: r.meter.map(|m| m.as_str().to_owned()).unwrap_or_default(),
            amount: r.amount.to_string(),
            balance: r.balance.to_string(),
            at: Some(to_instant(r.at)),
            channel: r.channel.as_str().to_owned(),
            reference: r.reference.as_str().to_owned(),
            first: r.first,
            arrears: given(r.arrears),
            emergency_repaid: given(r.repaid),
            emergency_withdrawn: given(r.withdrawn),
        }
    }
}

/// An amount that is left out when it is nothing.
pub(super) fn given(amount: Money) -> String {
    if amount.is_zero() {
        String::new()
    } else {
        amount.to_string()
    }
}

impl From<Suspended> for pb::Suspended {
    fn from(s: Suspended) -> Self {
        Self {
            channel: s.channel.to_string(),
            reference: s.reference.to_string(),
            amount: s.amount.to_string(),
            taken_on: s.taken_on.to_string(),
            refusal: Some(suspended_by(&s.refusal)),
        }
    }
}

impl From<Returned> for pb::Returned {
    fn from(r: Returned) -> Self {
        Self {
            channel: r.channel.to_string(),
            reference: r.reference.to_string(),
            amount: r.amount.to_string(),
            returned_on: r.returned_on.to_string(),
            document: r.document.to_string(),
        }
    }
}

/// A version of a scheme on record, without its text.
#[must_use]
pub fn published(told: Published) -> pb::SchemeVersion {
    pb::SchemeVersion {
        scheme: told.scheme,
        version: told.version,
        effective_from: Some(to_instant(told.from)),
        digest: told.digest,
        text: String::new(),
    }
}

/// What became of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Settled {
    /// It was applied.
    Receipt(Receipt),
    /// It waits in suspense.
    Suspended(Suspended),
}

/// The answer to a payment.
///
/// # Errors
/// The refusal; [`No::Bug`] when it is no answer to a payment.
pub(super) fn settled(answer: Answer) -> Result<Settled, No> {
    match answer {
        Answer::Receipt(receipt) => Ok(Settled::Receipt(receipt)),
        Answer::Suspended(suspended) => Ok(Settled::Suspended(suspended)),
        Answer::Refused(rejection) => Err(No::Refused(rejection)),
        other @ (Answer::Done { .. }
        | Answer::Returned(_)
        | Answer::Published(_)
        | Answer::Step(_)
        | Answer::Reading(_)) => Err(wrong_kind(&other)),
    }
}

/// The answer to a payment or void that cannot go to suspense.
///
/// # Errors
/// The refusal; [`No::Bug`] when it is no receipt.
pub(super) fn receipt(answer: Answer) -> Result<Receipt, No> {
    match settled(answer)? {
        Settled::Receipt(receipt) => Ok(receipt),
        Settled::Suspended(suspended) => Err(wrong_kind(&Answer::Suspended(suspended))),
    }
}

/// The answer to a return from suspense.
///
/// # Errors
/// The refusal; [`No::Bug`] when it is no return.
pub(super) fn returned(answer: Answer) -> Result<Returned, No> {
    match answer {
        Answer::Returned(returned) => Ok(returned),
        Answer::Refused(rejection) => Err(No::Refused(rejection)),
        other @ (Answer::Done { .. }
        | Answer::Receipt(_)
        | Answer::Suspended(_)
        | Answer::Published(_)
        | Answer::Step(_)
        | Answer::Reading(_)) => Err(wrong_kind(&other)),
    }
}

fn done(answer: Answer) -> Result<AccountId, No> {
    match answer {
        Answer::Done { account } => Ok(account),
        Answer::Refused(rejection) => Err(No::Refused(rejection)),
        other @ (Answer::Receipt(_)
        | Answer::Suspended(_)
        | Answer::Returned(_)
        | Answer::Published(_)
        | Answer::Step(_)
        | Answer::Reading(_)) => Err(wrong_kind(&other)),
    }
}

fn wrong_kind(answer: &Answer) -> No {
    No::Bug(format!(
        "the answer is of a kind this call does not have: {answer:?}"
    ))
}

impl TryFrom<Reply> for pb::Outcome {
    type Error = No;

    fn try_from(reply: Reply) -> Result<Self, No> {
        let account = done(reply.answer)?;
        Ok(Self {
            account_id: account.to_string(),
            duplicate: reply.duplicate,
            token: to_token(reply.token),
        })
    }
}

/// Messages that hold an [`Outcome`](pb::Outcome) and nothing else.
macro_rules! outcome_response {
    ($($name:ident),+ $(,)?) => {$(
        impl TryFrom<Reply> for pb::$name {
            type Error = No;

            fn try_from(reply: Reply) -> Result<Self, No> {
                Ok(Self { outcome: Some(reply.try_into()?) })
            }
        }
    )+};
}

outcome_response!(
    OpenAccountResponse,
    CloseAccountResponse,
    EnterLegacyCreditResponse,
    ChangePaymentResponsibleResponse,
    RenumberAccountResponse,
    RegisterLegacyCreditResponse,
    ChooseLegacyCreditResponse,
    CreditLegacyCreditResponse,
    RefundLegacyCreditResponse,
    IssueWorkOrderResponse,
    AppointInstallationResponse,
    MoveAppointmentResponse,
    PreventInstallationResponse,
    ReadOldMeterResponse,
    InstallNewMeterResponse,
    ActivateNewMeterResponse,
    SettleOldAccountResponse,
    ReturnOldMeterResponse,
    CancelWorkOrderResponse,
    InstallMeterResponse,
    ExchangeMeterResponse,
    RemoveMeterResponse,
    ResolveMeterResponse,
    ActivateMeterResponse,
    AgreeDebtResponse,
    RescheduleDebtResponse,
    DisconnectResponse,
    ReconnectResponse,
    ConfirmOrderResponse,
    JoinSchemeResponse,
    DrawEmergencyCreditResponse,
    DeliverCreditResponse,
    OpenConnectionResponse,
    OpenTemporaryConnectionResponse,
    ImportConsumerResponse,
    UseDepositResponse,
    PayOutConsumerResponse,
    PostMiscellaneousBillResponse,
    AdjustBillResponse,
    CutConsumerResponse,
    CutForDuesResponse,
    ReconnectConsumerResponse,
    EndConnectionResponse,
    StopBillResponse,
    ReactivateConsumerResponse,
    ExtendTemporaryConnectionResponse,
    RaiseQueryResponse,
    AnswerQueryResponse,
);

/// Messages that hold a receipt, or what waits in suspense, and nothing else.
macro_rules! payment_response {
    ($($name:ident, $module:ident);+ $(;)?) => {$(
        impl TryFrom<Reply> for pb::$name {
            type Error = No;

            fn try_from(reply: Reply) -> Result<Self, No> {
                use pb::$module::Result as R;
                let result = match settled(reply.answer)? {
                    Settled::Receipt(receipt) => R::Receipt(receipt.into()),
                    Settled::Suspended(suspended) => R::Suspended(suspended.into()),
                };
                Ok(Self {
                    result: Some(result),
                    duplicate: reply.duplicate,
                    token: to_token(reply.token),
                })
            }
        }
    )+};
}

payment_response!(
    TopUpResponse, top_up_response;
    PayDebtResponse, pay_debt_response;
    PayBillResponse, pay_bill_response;
    PayDepositResponse, pay_deposit_response;
);

impl TryFrom<Reply> for pb::VoidTopUpResponse {
    type Error = No;

    fn try_from(reply: Reply) -> Result<Self, No> {
        let receipt = Some(receipt(reply.answer)?.into());
        Ok(Self {
            receipt,
            duplicate: reply.duplicate,
            token: to_token(reply.token),
        })
    }
}

impl TryFrom<Reply> for pb::AllocateSuspenseResponse {
    type Error = No;

    fn try_from(reply: Reply) -> Result<Self, No> {
        let receipt = receipt(reply.answer).map_err(|no| match no {
            No::Refused(rejection) => No::StaysInSuspense(rejection),
            No::Malformed(_)
            | No::StaysInSuspense(_)
            | No::Operational(..)
            | No::Person(..)
            | No::Bug(_) => no,
        })?;
        Ok(Self {
            receipt: Some(receipt.into()),
            duplicate: reply.duplicate,
            token: to_token(reply.token),
        })
    }
}

impl TryFrom<Reply> for pb::ReturnSuspenseResponse {
    type Error = No;

    fn try_from(reply: Reply) -> Result<Self, No> {
        let returned = Some(returned(reply.answer)?.into());
        Ok(Self {
            returned,
            duplicate: reply.duplicate,
            token: to_token(reply.token),
        })
    }
}

/// One line of a stream that was answered.
#[must_use]
pub fn stream_answer(reference: String, answered: Result<Reply, No>) -> pb::TopUpStreamResponse {
    use pb::top_up_stream_response::Result as R;
    let told = answered.and_then(|reply| {
        Ok((
            settled(reply.answer)?,
            reply.duplicate,
            to_token(reply.token),
        ))
    });
    match told {
        Ok((settled, duplicate, token)) => {
            let result = match settled {
                Settled::Receipt(receipt) => R::Receipt(receipt.into()),
                Settled::Suspended(suspended) => R::Suspended(suspended.into()),
            };
            pb::TopUpStreamResponse {
                reference,
                result: Some(result),
                duplicate,
                token,
            }
        }
        Err(no) => stream_error(reference, &no),
    }
}

/// One line of a stream that failed.
#[must_use]
pub fn stream_error(reference: String, no: &No) -> pb::TopUpStreamResponse {
    let error = pb::StreamError {
        status: i32::from(no.code()),
        error: Some(no.refusal()),
    };
    pb::TopUpStreamResponse {
        reference,
        result: Some(pb::top_up_stream_response::Result::Error(error)),
        duplicate: false,
        token: String::new(),
    }
}

impl From<Quote> for pb::QuoteTopUpResponse {
    fn from(quote: Quote) -> Self {
        let lines = quote.lines.iter();
        Self {
            account_id: quote.account.to_string(),
            utility: to_utility(quote.utility).into(),
            lines: lines
                .map(|line| pb::QuoteLine {
                    part: line.what.as_str().to_owned(),
                    amount: line.amount.to_string(),
                })
                .collect(),
            balance_after: quote.balance.to_string(),
            emergency_withdrawn: given(quote.withdrawn),
        }
    }
}

impl From<Quote> for pb::ValidateTopUpResponse {
    fn from(quote: Quote) -> Self {
        Self {
            account_id: quote.account.to_string(),
            utility: to_utility(quote.utility).into(),
        }
    }
}

impl TryFrom<KeyStatus> for pb::FindCommandResponse {
    type Error = No;

    fn try_from(status: KeyStatus) -> Result<Self, No> {
        use pb::find_command_response::Answer as A;
        let (answer, token) = match status {
            KeyStatus::Unknown => {
                let state = pb::CommandState::Unknown.into();
                return Ok(Self {
                    state,
                    answer: None,
                    token: String::new(),
                });
            }
            KeyStatus::Answered {
                answer,
                token,
                decided_by: _,
            } => (*answer, token),
        };
        let answer = match answer {
            Answer::Done { account } => A::DoneAccountId(account.to_string()),
            Answer::Receipt(receipt) => A::Receipt(receipt.into()),
            Answer::Suspended(suspended) => A::Suspended(suspended.into()),
            Answer::Returned(returned) => A::Returned(returned.into()),
            Answer::Published(told) => A::Published(published(told)),
            Answer::Step(step) => A::Step(pb::StepOutcome {
                duplicate: true,
                token: to_token(Some(token)),
                ..super::cases::step(step)
            }),
            Answer::Refused(rejection) => A::Refusal(refusal_of(&rejection)),
            other @ Answer::Reading(_) => return Err(wrong_kind(&other)),
        };
        let state = pb::CommandState::Answered.into();
        Ok(Self {
            state,
            answer: Some(answer),
            token: to_token(Some(token)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_as_the_place_it_was_made_of() {
        for (commit, prepare) in [(0, 0), (7, 7), (u64::MAX, u64::MAX), (12, 9)] {
            let position = Position { commit, prepare };
            assert_eq!(of_token(&to_token(Some(position))), Some(position));
        }
        for text in [
            "",
            "p",
            "7",
            "p-",
            "p1-",
            "px",
            "p1-2-3",
            "p10000000000000000",
        ] {
            assert_eq!(of_token(text), None, "{text:?}");
        }
        assert_eq!(to_token(None), "");
    }

    #[test]
    fn an_instant_is_seconds_and_nanoseconds() {
        let at = to_instant(Timestamp::from_millis(1_002));
        assert_eq!((at.seconds, at.nanos), (1, 2_000_000));
    }
}
