//! What people and tills do, and how they go on until they are answered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use command_api::client::Client;
use command_api::pb;
use ledger_core::time::{Millis, Timestamp};
use ledger_tests::Server;
use tokio::sync::watch;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// A call that takes longer hangs.
const CALL_WITHIN: Duration = Duration::from_secs(60);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(10);

/// One command under its reference.
#[derive(Debug, Clone)]
pub(crate) enum Ask {
    /// Money for a meter; what was taken and cannot be applied waits in suspense.
    TopUp {
        reference: String,
        meter: String,
        amount: u32,
        taken: bool,
    },
    Open {
        account: String,
    },
    Install {
        reference: String,
        account: String,
        meter: String,
        at: Timestamp,
    },
    Exchange {
        reference: String,
        old: String,
        new: String,
        at: Timestamp,
    },
    Remove {
        reference: String,
        meter: String,
        at: Timestamp,
    },
    Allocate {
        reference: String,
        payment: String,
        meter: String,
        amount: u32,
    },
    /// Closed with this meter in place; its credit goes to another account.
    Close {
        account: String,
        meter: String,
        to: String,
    },
    Disconnect {
        reference: String,
        meter: String,
    },
    Reconnect {
        reference: String,
        meter: String,
    },
}

/// What a command was answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// What was done, or `refused CODE`; the same for ever.
    pub(crate) text: String,
    pub(crate) duplicate: bool,
    pub(crate) token: String,
}

impl Answer {
    pub(crate) fn is_refused(&self) -> bool {
        self.text.starts_with("refused")
    }

    fn of(outcome: Option<pb::Outcome>) -> Self {
        let outcome = outcome.unwrap();
        Self {
            text: format!("done to {}", outcome.account_id),
            duplicate: outcome.duplicate,
            token: outcome.token,
        }
    }
}

pub(crate) fn top_up(reference: impl Into<String>, meter: impl Into<String>, amount: u32) -> Ask {
    Ask::TopUp {
        reference: reference.into(),
        meter: meter.into(),
        amount,
        taken: false,
    }
}

pub(crate) fn taken(reference: impl Into<String>, meter: impl Into<String>, amount: u32) -> Ask {
    Ask::TopUp {
        reference: reference.into(),
        meter: meter.into(),
        amount,
        taken: true,
    }
}

pub(crate) fn install(account: impl Into<String>, meter: impl Into<String>, at: Timestamp) -> Ask {
    let (account, meter) = (account.into(), meter.into());
    Ask::Install {
        reference: format!("install-{meter}-{account}"),
        account,
        meter,
        at,
    }
}

/// A time so many hours ago.
pub(crate) fn hours_ago(hours: i64) -> Timestamp {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let now = Timestamp::from_millis(i64::try_from(now.as_secs()).unwrap() * 1_000);
    now - Millis::hours(hours)
}

pub(crate) fn wire(at: Timestamp) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp {
        seconds: at.as_millis() / 1_000,
        nanos: 0,
    })
}

fn last(meter: &str) -> pb::FinalReading {
    pb::FinalReading {
        meter: meter.to_owned(),
        value: "0".to_owned(),
        force_reason: String::new(),
    }
}

/// The stable code of an error; `None` when the connection failed.
pub(crate) fn code_of(status: &Status) -> Option<String> {
    let details = status.get_error_details();
    details.error_info().map(|info| info.reason.clone())
}

impl Ask {
    /// Sends it once.
    pub(crate) async fn send(&self, client: &Client) -> Result<Answer, Status> {
        let sent = self.sent(client).await;
        match sent {
            Err(status) if status.code() == Code::FailedPrecondition => {
                let code = code_of(&status).unwrap_or_default();
                Ok(Answer {
                    text: format!("refused {code}"),
                    duplicate: false,
                    token: String::new(),
                })
            }
            sent => sent,
        }
    }

    async fn sent(&self, client: &Client) -> Result<Answer, Status> {
        match self.clone() {
            Self::TopUp {
                reference,
                meter,
                amount,
                taken,
            } => {
                let money = if taken {
                    pb::MoneyState::Taken
                } else {
                    pb::MoneyState::NotTaken
                };
                let request = pb::TopUpRequest {
                    reference,
                    meter,
                    amount: amount.to_string(),
                    money: money.into(),
                };
                let answer = client.payments().top_up(request).await?.into_inner();
                let text = match answer.result.unwrap() {
                    pb::top_up_response::Result::Receipt(receipt) => receipt_text(&receipt),
                    pb::top_up_response::Result::Suspended(it) => {
                        format!("suspended {} of {}", it.amount, it.reference)
                    }
                };
                Ok(Answer {
                    text,
                    duplicate: answer.duplicate,
                    token: answer.token,
                })
            }
            Self::Allocate {
                reference,
                payment,
                meter,
                amount,
            } => {
                let request = pb::AllocateSuspenseRequest {
                    reference,
                    channel: "incomm".to_owned(),
                    payment_reference: payment,
                    amount: amount.to_string(),
                    to: Some(pb::allocate_suspense_request::To::Meter(meter)),
                };
                let answer = client
                    .suspense()
                    .allocate_suspense(request)
                    .await?
                    .into_inner();
                Ok(Answer {
                    text: receipt_text(&answer.receipt.unwrap()),
                    duplicate: answer.duplicate,
                    token: answer.token,
                })
            }
            Self::Open { .. } | Self::Close { .. } => self.sent_of_account(client).await,
            Self::Install { .. }
            | Self::Exchange { .. }
            | Self::Remove { .. }
            | Self::Disconnect { .. }
            | Self::Reconnect { .. } => self.sent_of_meter(client).await,
        }
    }

    async fn sent_of_account(&self, client: &Client) -> Result<Answer, Status> {
        let mut accounts = client.accounts();
        let outcome = match self.clone() {
            Self::Open { account } => {
                let request = pb::OpenAccountRequest {
                    reference: format!("open-{account}"),
                    account_id: account,
                    class: "residential".to_owned(),
                    dwelling_units: 1,
                    ..Default::default()
                };
                accounts.open_account(request).await?.into_inner().outcome
            }
            Self::Close { account, meter, to } => {
                let request = pb::CloseAccountRequest {
                    reference: format!("close-{account}"),
                    account_id: account,
                    final_readings: vec![last(&meter)],
                    credit_to: Some(pb::close_account_request::CreditTo::MoveToAccountId(to)),
                };
                accounts.close_account(request).await?.into_inner().outcome
            }
            other => panic!("{other:?} is not of an account"),
        };
        Ok(Answer::of(outcome))
    }

    async fn sent_of_meter(&self, client: &Client) -> Result<Answer, Status> {
        let (mut meters, mut supply) = (client.meters(), client.supply());
        let outcome = match self.clone() {
            Self::Install {
                reference,
                account,
                meter,
                at,
            } => {
                let request = pb::InstallMeterRequest {
                    reference,
                    account_id: account,
                    utility: pb::Utility::Electricity.into(),
                    meter,
                    installed_at: wire(at),
                    first_value: "0".to_owned(),
                    ..Default::default()
                };
                meters.install_meter(request).await?.into_inner().outcome
            }
            Self::Exchange {
                reference,
                old,
                new,
                at,
            } => {
                let request = pb::ExchangeMeterRequest {
                    reference,
                    old: Some(last(&old)),
                    new_meter: new,
                    exchanged_at: wire(at),
                    first_value: "0".to_owned(),
                    ..Default::default()
                };
                meters.exchange_meter(request).await?.into_inner().outcome
            }
            Self::Remove {
                reference,
                meter,
                at,
            } => {
                let request = pb::RemoveMeterRequest {
                    reference,
                    last: Some(last(&meter)),
                    removed_at: wire(at),
                };
                meters.remove_meter(request).await?.into_inner().outcome
            }
            Self::Disconnect { reference, meter } => {
                let request = pb::DisconnectRequest { reference, meter };
                supply.disconnect(request).await?.into_inner().outcome
            }
            Self::Reconnect { reference, meter } => {
                let request = pb::ReconnectRequest { reference, meter };
                supply.reconnect(request).await?.into_inner().outcome
            }
            other => panic!("{other:?} is not of a meter"),
        };
        Ok(Answer::of(outcome))
    }
}

fn receipt_text(receipt: &pb::Receipt) -> String {
    format!(
        "receipt {} of {} for {} to {} after which {}",
        receipt.number, receipt.amount, receipt.reference, receipt.account_id, receipt.balance
    )
}

/// How often each code made somebody send a command again.
pub(crate) type Codes = Arc<Mutex<BTreeMap<String, u64>>>;

/// Somebody who never leaves a command before it has its answer.
pub(crate) struct Till {
    address: watch::Receiver<String>,
    key: String,
    client: Option<(String, Client)>,
    codes: Codes,
}

impl Till {
    pub(crate) fn new(address: &watch::Sender<String>, key: &str, codes: &Codes) -> Self {
        Self {
            address: address.subscribe(),
            key: key.to_owned(),
            client: None,
            codes: Arc::clone(codes),
        }
    }

    /// Of a server that stays where it is.
    pub(crate) fn of(server: &Server, codes: &Codes) -> Self {
        Self::new(
            &watch::Sender::new(server.address.clone()),
            &server.key,
            codes,
        )
    }

    /// The answer, after as many attempts as it takes.
    pub(crate) async fn answered(&mut self, ask: &Ask) -> Answer {
        loop {
            let Some(client) = self.client().await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let sent = tokio::time::timeout(CALL_WITHIN, ask.send(&client)).await;
            match sent.unwrap_or_else(|_| panic!("no answer within {CALL_WITHIN:?}: {ask:?}")) {
                Ok(answer) => return answer,
                Err(status) => self.note(ask, &status),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn client(&mut self) -> Option<Client> {
        let now = self.address.borrow().clone();
        if let Some((address, client)) = &self.client
            && *address == now
        {
            return Some(client.clone());
        }
        let client = Client::connect(&now, &self.key).await.ok()?;
        self.client = Some((now, client.clone()));
        Some(client)
    }

    /// Only what passes may send somebody away.
    fn note(&mut self, ask: &Ask, status: &Status) {
        let code = code_of(status);
        match code.as_deref() {
            Some("UNAVAILABLE" | "CONTENDED" | "STOPPED") => {}
            Some(other) => panic!("{ask:?} is answered {other}: {status}"),
            None => self.client = None,
        }
        let code = code.unwrap_or_else(|| "(no connection)".to_owned());
        *self.codes.lock().unwrap().entry(code).or_insert(0) += 1;
    }
}
