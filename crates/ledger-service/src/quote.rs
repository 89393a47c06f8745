//! What a payment would do, before money is taken (C13): decided like the payment, on a copy, and
//! thrown away.

use event_store::StreamName;
use ledger_core::account::{Account, BillQuote, Decided, decide, quote_bill};
use ledger_core::answer::{Answer, Receipt, ReceiptKind};
use ledger_core::command::{Facts, PayBill, Source};
use ledger_core::ids::{AccountId, Actor, ChannelId, CommandKey, Reference};
use ledger_core::num::Money;
use ledger_core::rejection::Rejection;
use ledger_core::time::Timestamp;

use crate::api::{
    Ask, BillQuoteRequest, Quote, QuoteLine, QuotePart, QuoteRequest, QuoteResult, ServiceError,
    Target,
};
use crate::domain::State;
use crate::route;
use crate::service::Ledger;
use crate::task::account_stream;

impl Ledger {
    /// The account a quote is for, by any of its numbers or a meter it holds.
    fn quoted(
        &self,
        target: &Target,
    ) -> Result<Result<(AccountId, StreamName), Rejection>, ServiceError> {
        match target {
            Target::Account(number) => {
                let account = self.account_id(number);
                let stream = account_stream(&account);
                Ok(Ok((account, stream)))
            }
            Target::Meter(text) => {
                Ok(route::holder(self, text).map(|holder| (holder.account, holder.stream)))
            }
            Target::TopUp(_) => Err(ServiceError::Invalid(
                "a quote names an account or a meter".to_owned(),
            )),
        }
    }

    /// Validates a payment and explains each cent of it. Nothing is recorded, and nothing is promised: a
    /// payment sent afterwards is decided anew.
    ///
    /// # Errors
    /// See [`ServiceError`]. A refusal is the inner result.
    pub async fn quote(&self, request: QuoteRequest) -> Result<QuoteResult, ServiceError> {
        let QuoteRequest {
            target,
            ask,
            received_at,
        } = request;
        let ask = not_taken(ask)?;
        let (mut account, facts) = match self.asked_of(&target, received_at).await? {
            Ok(found) => found,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let command = route::command_of(ask, &target)?;
        let policy = self.policies().of(&account);
        let before = (*account).clone();
        let Decided { answer, .. } = decide(&mut account, &policy, &facts, &command);
        match answer {
            Answer::Receipt(receipt) => {
                let month = policy.zone().month_of(received_at.max(before.newest_at()));
                let due = before.debt().map_or(Money::ZERO, |debt| debt.due(month));
                Ok(Ok(explain(receipt, due)))
            }
            Answer::Refused(refusal) => Ok(Err(refusal)),
            Answer::Done { .. }
            | Answer::Suspended(_)
            | Answer::Returned(_)
            | Answer::Published(_)
            | Answer::Step(_)
            | Answer::Reading(_) => Err(ServiceError::Damaged(
                "a payment was answered as something else".to_owned(),
            )),
        }
    }

    /// What a bill would be, were it paid now, each line explained (E1). Nothing is recorded.
    ///
    /// # Errors
    /// See [`ServiceError`]. A refusal is the inner result.
    pub async fn quote_bill(
        &self,
        request: BillQuoteRequest,
    ) -> Result<Result<BillQuote, Rejection>, ServiceError> {
        let asked = self.asked_of(&request.target, request.received_at).await?;
        let (account, facts) = match asked {
            Ok(found) => found,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let policy = self.policies().of(&account);
        let reading = request.reading.as_ref();
        Ok(quote_bill(&account, &policy, &facts, reading))
    }

    /// A copy of the account that is asked about, and the facts of a payment that is not made.
    async fn asked_of(
        &self,
        target: &Target,
        received_at: Timestamp,
    ) -> Result<Result<(Box<Account>, Facts), Rejection>, ServiceError> {
        self.hear().await?;
        let (id, stream) = match self.quoted(target)? {
            Ok(found) => found,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let State::Account(account) = self.0.transact.state(stream).await?.state else {
            return Err(ServiceError::Damaged(format!(
                "account {id} has another kind of state"
            )));
        };
        let facts = Facts {
            account: id,
            received_at,
            actor: clerk()?,
            key: Some(hypothetical_key()?),
            delivery: 0,
            prior: None,
            course: None,
            voidable: None,
            initial_credit_claimed: false,
        };
        Ok(Ok((account, facts)))
    }

    /// The next instant after `after` at which one of an account's own deadlines is due.
    #[must_use]
    pub fn next_due(&self, account: &Account, after: Timestamp) -> Option<Timestamp> {
        account.next_due(&self.policies().of(account), after)
    }
}

/// The payment as one whose money is not taken yet: only those are quoted.
fn not_taken(ask: Ask) -> Result<Ask, ServiceError> {
    let source = Source::NotTaken;
    Ok(match ask {
        Ask::TopUp { amount, .. } => Ask::TopUp { amount, source },
        Ask::PayDebt { amount, .. } => Ask::PayDebt { amount, source },
        Ask::PayBill(pay) => Ask::PayBill(PayBill { source, ..pay }),
        Ask::PayDeposit { amount, .. } => Ask::PayDeposit { amount, source },
        Ask::Command(_) => {
            return Err(ServiceError::Invalid("only payments are quoted".to_owned()));
        }
    })
}

/// Splits a payment by what it settles first; the lines sum to the amount.
fn explain(receipt: Receipt, due: Money) -> Quote {
    let Receipt {
        amount,
        balance,
        arrears,
        repaid,
        ..
    } = receipt;
    let lines = match receipt.kind {
        ReceiptKind::TopUp | ReceiptKind::Void => {
            let credited = amount - arrears - repaid;
            let owed = (credited - balance).max(Money::ZERO).min(credited);
            vec![
                (QuotePart::Arrears, arrears),
                (QuotePart::EmergencyCredit, repaid),
                (QuotePart::OwedCredit, owed),
                (QuotePart::Credit, credited - owed),
            ]
        }
        ReceiptKind::Debt => {
            let now = due.min(amount);
            vec![
                (QuotePart::InstalmentDue, now),
                (QuotePart::DebtAhead, amount - now),
            ]
        }
        ReceiptKind::Arrears => vec![(QuotePart::Arrears, amount)],
        ReceiptKind::Bill => {
            let beyond = (-balance).max(Money::ZERO).min(amount);
            vec![
                (QuotePart::Bill, amount - beyond),
                (QuotePart::Credit, beyond),
            ]
        }
        ReceiptKind::Deposit => vec![(QuotePart::Deposit, amount)],
    };
    let lines: Vec<QuoteLine> = lines
        .into_iter()
        .filter(|(_, amount)| !amount.is_zero())
        .map(|(what, amount)| QuoteLine { what, amount })
        .collect();
    assert!(
        lines.iter().map(|line| line.amount).sum::<Money>() == amount,
        "a quote explains each cent"
    );
    Quote {
        account: receipt.account,
        utility: receipt.utility,
        meter: receipt.meter,
        lines,
        withdrawn: receipt.withdrawn,
        balance,
    }
}

fn clerk() -> Result<Actor, ServiceError> {
    Actor::parse("quote").map_err(|error| ServiceError::Invalid(error.to_string()))
}

/// A payment needs a key; this one is never written.
fn hypothetical_key() -> Result<CommandKey, ServiceError> {
    let bad = |error: ledger_core::ids::BadName| ServiceError::Invalid(error.to_string());
    let channel = ChannelId::parse(route::OWN_CHANNEL).map_err(bad)?;
    Ok(CommandKey {
        channel,
        reference: Reference::parse("quote").map_err(bad)?,
    })
}
