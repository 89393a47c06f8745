//! Routed commands: what `transact` is given, with everything that can be known before deciding.
//!
//! A task names the stream that decides it. Commands that no account can decide (money to an unknown
//! meter, returns from suspense) are decided at a **desk**, a stream that never has an event of its own:
//! what such a decision rests on is the evidence, and what it writes are claims.

use event_store::StreamName;
use ledger_core::answer::Answer;
use ledger_core::application::{ApplicationCommand, Officer};
use ledger_core::command::{Command, Reading, Source};
use ledger_core::complaint::ComplaintCommand;
use ledger_core::event::{MeterEvent, ReadingsReceived};
use ledger_core::ids::{AccountId, Actor, ApplicationId, CommandKey, OpaqueRef};
use ledger_core::num::Money;
use ledger_core::rejection::Rejection;
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::Timestamp;
use ledger_core::utility::Utility;
use ledger_core::workorder::WorkOrderCommand;

use crate::api::ReceivedOutcome;

/// A routed command.
pub(crate) enum Task {
    /// A reading for an account.
    Reading(ReadingTask),
    /// A keyed command for an account.
    Keyed(Box<KeyedTask>),
    /// A command of the ledger itself for an account: it has no key and is idempotent by nature.
    Bare(Box<BareTask>),
    /// A keyed command that no account decides.
    Desk(Box<DeskTask>),
    /// The record of a delivery.
    Gateway(Box<GatewayTask>),
    /// A step of a work order.
    WorkOrder(Box<WorkOrderTask>),
    /// A step of an application or a complaint.
    Case(Box<CaseTask>),
}

/// A reading for an account.
pub(crate) struct ReadingTask {
    pub(crate) stream: StreamName,
    pub(crate) account: AccountId,
    /// [`Command::RecordReading`].
    pub(crate) command: Command,
    pub(crate) received_at: Timestamp,
    pub(crate) actor: Actor,
    /// Sequence of the delivery, 0 for none.
    pub(crate) delivery: u64,
}

impl ReadingTask {
    /// The reading itself.
    pub(crate) const fn reading(&self) -> Option<&Reading> {
        if let Command::RecordReading(reading) = &self.command {
            Some(reading)
        } else {
            None
        }
    }
}

/// A sender's key and the content that came with it.
pub(crate) struct Claim {
    pub(crate) key: CommandKey,
    pub(crate) stream: StreamName,
    /// Hash of the content, 64 hexadecimal digits.
    pub(crate) hash: String,
}

/// A keyed command for an account.
pub(crate) struct KeyedTask {
    pub(crate) stream: StreamName,
    pub(crate) account: AccountId,
    pub(crate) command: Command,
    pub(crate) claim: Claim,
    pub(crate) actor: Actor,
    pub(crate) received_at: Timestamp,
    /// Meter or account as the payer named it.
    pub(crate) named: String,
    /// What another account says against it: the target of moved credit.
    pub(crate) objection: Option<Rejection>,
}

/// A command without a key.
pub(crate) struct BareTask {
    pub(crate) stream: StreamName,
    pub(crate) account: AccountId,
    pub(crate) command: Command,
    pub(crate) actor: Actor,
    pub(crate) received_at: Timestamp,
}

/// A keyed command that no account decides.
pub(crate) struct DeskTask {
    pub(crate) stream: StreamName,
    pub(crate) claim: Claim,
    pub(crate) actor: Actor,
    pub(crate) received_at: Timestamp,
    pub(crate) work: DeskWork,
}

/// What is decided at a desk.
pub(crate) enum DeskWork {
    /// A payment that no account can take.
    Payment {
        amount: Money,
        source: Source,
        named: String,
        refusal: Rejection,
    },
    /// Another command that no account can take.
    Other { refusal: Rejection },
    /// Money goes back to its payer.
    Return {
        item: CommandKey,
        item_stream: StreamName,
        document: OpaqueRef,
    },
    /// A version of a scheme is published.
    Publish(Box<Publishing>),
}

/// A version of a scheme that is to be published.
pub(crate) struct Publishing {
    /// `scheme-<name>`
    pub(crate) stream: StreamName,
    /// As read.
    pub(crate) policy: SchemePolicy,
    /// As sent.
    pub(crate) text: String,
    /// BLAKE3 of the text, in hexadecimal digits.
    pub(crate) digest: String,
    /// Time of the newest charge under the scheme.
    pub(crate) priced_until: Option<Timestamp>,
}

/// The record of a delivery.
pub(crate) struct GatewayTask {
    pub(crate) stream: StreamName,
    pub(crate) gateway: Actor,
    pub(crate) received: ReadingsReceived,
}

/// A step of a work order.
pub(crate) struct WorkOrderTask {
    pub(crate) stream: StreamName,
    pub(crate) claim: Claim,
    pub(crate) actor: Actor,
    pub(crate) received_at: Timestamp,
    pub(crate) command: WorkOrderCommand,
    /// Scheme of the account it is issued for, by name.
    pub(crate) scheme: Option<String>,
    /// What the account says against its issue.
    pub(crate) objection: Option<Rejection>,
}

/// A step of an application or a complaint.
pub(crate) struct CaseTask {
    pub(crate) stream: StreamName,
    pub(crate) claim: Claim,
    pub(crate) actor: Actor,
    /// Roles of whoever acts.
    pub(crate) by: Vec<Officer>,
    pub(crate) received_at: Timestamp,
    pub(crate) work: CaseWork,
}

/// What is done with which case.
pub(crate) enum CaseWork {
    /// With an application.
    Application(ApplicationId, ApplicationCommand),
    /// With a complaint.
    Complaint(ComplaintCommand),
}

/// What a decision tells the registry, once it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A meter's stream has this event at this revision.
    Meter { revision: u64, event: MeterEvent },
    /// Credit has left a closed account.
    MovedOut {
        from: AccountId,
        to: AccountId,
        credit: Vec<(Utility, Money)>,
    },
    /// It has arrived.
    MovedIn { from: AccountId },
    /// An account was given a number (K1).
    Numbered {
        number: AccountId,
        account: AccountId,
    },
}

/// What a task is answered.
#[derive(Debug, Clone)]
pub(crate) enum Verdict {
    /// Decided.
    Answered {
        answer: Answer,
        duplicate: bool,
        marks: Vec<Mark>,
    },
    /// A delivery's record.
    Received(ReceivedOutcome),
    /// What is stored under the key cannot be understood.
    Damaged(String),
    /// The stream has become a number of another account since the command was routed (K1).
    Numbered,
}

impl Verdict {
    /// An answer that tells the registry nothing.
    pub(crate) const fn fresh(answer: Answer) -> Self {
        Self::Answered {
            answer,
            duplicate: false,
            marks: Vec::new(),
        }
    }
}

impl Task {
    /// The stream that decides it.
    pub(crate) const fn stream(&self) -> &StreamName {
        match self {
            Self::Reading(task) => &task.stream,
            Self::Keyed(task) => &task.stream,
            Self::Bare(task) => &task.stream,
            Self::Desk(task) => &task.stream,
            Self::Gateway(task) => &task.stream,
            Self::WorkOrder(task) => &task.stream,
            Self::Case(task) => &task.stream,
        }
    }

    /// Whether its outcome concerns the registry, which must then hear of it.
    pub(crate) const fn is_structural(&self) -> bool {
        match self {
            Self::Keyed(task) => is_structural(&task.command),
            Self::Reading(_)
            | Self::Bare(_)
            | Self::Desk(_)
            | Self::Gateway(_)
            | Self::WorkOrder(_)
            | Self::Case(_) => false,
        }
    }
}

const fn is_structural(command: &Command) -> bool {
    match command {
        Command::CloseAccount { .. }
        | Command::InstallMeter(_)
        | Command::RemoveMeter { .. }
        | Command::ExchangeMeter(_)
        | Command::AcceptMovedCredit { .. }
        | Command::Renumber { .. } => true,
        Command::OpenAccount(_)
        | Command::ResolveMeter { .. }
        | Command::ActivateMeter { .. }
        | Command::AgreeDebt { .. }
        | Command::RescheduleDebt { .. }
        | Command::EnterLegacyCredit { .. }
        | Command::RegisterLegacyCredit(_)
        | Command::ChooseLegacyCredit { .. }
        | Command::CreditLegacyCredit(_)
        | Command::RefundLegacyCredit { .. }
        | Command::ChangeResponsible(_)
        | Command::TopUp(_)
        | Command::VoidTopUp(_)
        | Command::PayDebt(_)
        | Command::Disconnect { .. }
        | Command::Reconnect { .. }
        | Command::ConfirmOrder { .. }
        | Command::Tick
        | Command::JoinScheme(_)
        | Command::DrawEmergencyCredit { .. }
        | Command::DeliverCredit(_)
        | Command::Billing(_)
        | Command::RecordReading(_) => false,
    }
}

/// What names of the ledger's streams begin with.
pub(crate) mod prefix {
    /// An account.
    pub(crate) const ACCOUNT: &str = "account-";
    /// A gateway.
    pub(crate) const GATEWAY: &str = "gateway-";
    /// A desk; never written.
    pub(crate) const DESK: &str = "desk-";
    /// A work order.
    pub(crate) const WORK_ORDER: &str = "workorder-";
    /// An application.
    pub(crate) const APPLICATION: &str = "application-";
    /// A complaint.
    pub(crate) const COMPLAINT: &str = "complaint-";
    /// Versions of a scheme.
    pub(crate) const SCHEME: &str = "scheme-";
    /// A meter number.
    pub(crate) const METER: &str = "meter-";
}

/// The stream of a name that consists of parsed parts.
pub(crate) fn stream(name: &str) -> StreamName {
    let stream = StreamName::new(name);
    assert!(
        stream.is_ok(),
        "names of parsed parts are short printable ASCII"
    );
    #[expect(clippy::unwrap_used, reason = "asserted above")]
    stream.unwrap()
}

/// The stream of an account.
pub(crate) fn account_stream(account: &AccountId) -> StreamName {
    stream(&format!("{}{account}", prefix::ACCOUNT))
}

/// The stream of a meter number.
pub(crate) fn meter_stream(meter: &ledger_core::ids::MeterNumber) -> StreamName {
    stream(&format!("{}{meter}", prefix::METER))
}
