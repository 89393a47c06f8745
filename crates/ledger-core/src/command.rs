//! What can be asked of an account, and the facts that come with the asking.

mod billing;

pub use billing::{BillingCommand, OpeningDeposit, PayBill};

use serde::{Deserialize, Serialize};

use crate::account::Course;
use crate::event::{DeliveryWay, RegisterSpec, ResponsibleAs};
use crate::ids::{
    AccountId, Actor, ChannelId, CommandKey, MeterNumber, OpaqueRef, ReceiptNumber, Reference,
    RegisterId,
};
use crate::num::{Money, Price, Quantity};
use crate::scheme::LegacyBalance;
use crate::time::{Month, Timestamp};
use crate::utility::Utility;

/// A reading of one register (C8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Meter.
    pub meter: MeterNumber,
    /// Register; absent means the one that is charged.
    pub register: Option<RegisterId>,
    /// When it was read.
    pub read_at: Timestamp,
    /// What the register showed, kWh or m³.
    pub value: Quantity,
}

/// A reading that ends or begins a register, stated by staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinalReading {
    /// Meter.
    pub meter: MeterNumber,
    /// Its last value.
    pub value: Quantity,
    /// Why it is right although implausible.
    pub force: Option<String>,
}

/// Opens an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenAccount {
    /// Scheme by name; absent means the first that is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// Customer class, such as `residential`.
    pub class: String,
    /// Dwelling units, at least 1.
    pub dwelling_units: u32,
    /// Contracted kVA.
    pub contracted_kva: Option<u32>,
    /// Opaque reference of the customer.
    pub customer: Option<OpaqueRef>,
}

/// Installs a meter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallMeter {
    /// Utility.
    pub utility: Utility,
    /// Number.
    pub meter: MeterNumber,
    /// Its register; absent means the scheme's default for the utility.
    pub register: Option<RegisterSpec>,
    /// When it was installed.
    pub at: Timestamp,
    /// What it showed.
    pub first_value: Quantity,
}

/// What is installed for a work order; the utility is the order's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterMeter {
    /// Number.
    pub meter: MeterNumber,
    /// Its register; absent means the scheme's default for the utility.
    pub register: Option<RegisterSpec>,
    /// When it was installed.
    pub at: Timestamp,
    /// What it showed.
    pub first_value: Quantity,
}

/// Registers the balance of an old account: its term starts (U10, U11).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterLegacy {
    /// Utility.
    pub utility: Utility,
    /// Old account.
    pub from: OpaqueRef,
    /// Its balance.
    pub balance: LegacyBalance,
    /// Photograph of the old meter.
    pub photo: Option<OpaqueRef>,
    /// The customer wants it refunded; no choice means transfer.
    pub refund: bool,
}

/// What the officer says the balance of an old account is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LegacyValue {
    /// A balance in money, as it was registered.
    AsRegistered,
    /// So much a unit.
    Rate(Price),
    /// This amount.
    Amount(Money),
}

/// Credits the balance of an old account: its term ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditLegacy {
    /// Utility.
    pub utility: Utility,
    /// Old account.
    pub from: OpaqueRef,
    /// What it is worth.
    pub value: LegacyValue,
}

/// Changes who is responsible for an account's payments (U17).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeResponsible {
    /// As what the person is.
    pub role: ResponsibleAs,
    /// The person's record.
    pub person: OpaqueRef,
    /// Copies of the documents that were shown.
    pub documents: Vec<OpaqueRef>,
}

/// Exchanges a meter for another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeMeter {
    /// The old meter's last reading.
    pub old: FinalReading,
    /// The new number.
    pub new: MeterNumber,
    /// The new register; absent means as before.
    pub register: Option<RegisterSpec>,
    /// Instant of the exchange.
    pub at: Timestamp,
    /// What the new meter showed.
    pub first_value: Quantity,
}

/// How staff resolve quarantined readings (C9).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resolution {
    /// The register was exchanged under the same number.
    Exchange {
        /// Last value of the old register.
        final_value: Quantity,
        /// First value of the new one.
        first_value: Quantity,
        /// When: before the first held reading, after the base.
        at: Timestamp,
        /// Why an implausible final value is right.
        force: Option<String>,
    },
    /// The readings are wrong.
    Discard,
}

/// Where a payment's money stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// Not taken yet: what cannot be applied is refused.
    NotTaken,
    /// Already taken: what cannot be applied goes to suspense (C13).
    Taken,
    /// Allocated from suspense: the payment's own channel and reference.
    Suspense(CommandKey),
}

/// Tops a meter up (U4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopUp {
    /// Meter named by the payer.
    pub meter: MeterNumber,
    /// Amount in the currency's decimals.
    pub amount: Money,
    /// Where the money stands.
    pub source: Source,
}

/// Pays on the debt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayDebt {
    /// Amount.
    pub amount: Money,
    /// Where the money stands.
    pub source: Source,
}

/// Takes back a top-up of the same channel (C16).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoidTopUp {
    /// Reference of the top-up.
    pub reference: Reference,
}

/// What is known of the top-up that a void names: from its key's remembered answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoidableTopUp {
    /// Its receipt.
    pub receipt: ReceiptNumber,
    /// Wallet it credited.
    pub utility: Utility,
    /// Amount.
    pub amount: Money,
    /// When it was credited.
    pub at: Timestamp,
    /// It was the wallet's first.
    pub first: bool,
    /// What of it went to the arrears (P4).
    pub arrears: Money,
    /// What of it repaid emergency credit (P5).
    pub repaid: Money,
    /// Unused emergency credit that it withdrew (P5).
    pub withdrawn: Money,
}

/// A customer joins the scheme (P1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinScheme {
    /// Utility that is prepaid from then on.
    pub utility: Utility,
    /// Opaque reference of the person.
    pub person: OpaqueRef,
    /// The person's application.
    pub application: OpaqueRef,
    /// Supply was disconnected for arrears.
    pub disconnected: bool,
    /// The least amount for a reconnection cannot be paid.
    pub cannot_pay_minimum: bool,
    /// Instalment plans that were broken.
    pub broken_plans: u32,
    /// Arrears, above zero, in the currency's decimals.
    pub arrears: Money,
    /// Account or document the arrears come from.
    pub arrears_from: OpaqueRef,
}

/// A meter has taken in the value of a top-up (P7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliverCredit {
    /// Meter.
    pub meter: MeterNumber,
    /// Receipt of the top-up.
    pub receipt: ReceiptNumber,
    /// Which way.
    pub by: DeliveryWay,
    /// When the meter took it in.
    pub at: Timestamp,
}

/// Where the credit of an account goes when it is closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CloseTo {
    /// Paid out by this channel.
    PayOut(ChannelId),
    /// Moved to another open account of the scheme.
    Move(AccountId),
}

/// A command to one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Opens it.
    OpenAccount(OpenAccount),
    /// Closes it with the final readings of its meters.
    CloseAccount {
        /// One a meter in place.
        finals: Vec<FinalReading>,
        /// Where the credit goes.
        to: CloseTo,
    },
    /// Installs a meter.
    InstallMeter(InstallMeter),
    /// Removes a meter with its final reading.
    RemoveMeter {
        /// Last reading.
        last: FinalReading,
        /// When.
        at: Timestamp,
    },
    /// Exchanges a meter.
    ExchangeMeter(ExchangeMeter),
    /// Resolves quarantined readings.
    ResolveMeter {
        /// Which meter.
        meter: MeterNumber,
        /// How.
        how: Resolution,
    },
    /// Activates a meter (U2).
    ActivateMeter {
        /// Which meter.
        meter: MeterNumber,
    },
    /// Posts a debt agreement (U12).
    AgreeDebt {
        /// Utility whose department is owed.
        utility: Utility,
        /// Principal.
        principal: Money,
        /// Monthly instalment.
        instalment: Money,
        /// First month.
        start: Month,
    },
    /// Reschedules the debt (U15).
    RescheduleDebt {
        /// New instalment.
        instalment: Money,
        /// First month of the new plan.
        start: Month,
    },
    /// Enters credit of an older system as an amount.
    EnterLegacyCredit {
        /// Utility.
        utility: Utility,
        /// Amount.
        amount: Money,
        /// Old account or document.
        from: OpaqueRef,
    },
    /// Registers the balance of an old account.
    RegisterLegacyCredit(RegisterLegacy),
    /// The customer chooses between refund and transfer of an old balance.
    ChooseLegacyCredit {
        /// Utility.
        utility: Utility,
        /// Old account.
        from: OpaqueRef,
        /// Refund (`true`) or transfer.
        refund: bool,
    },
    /// Credits the balance of an old account.
    CreditLegacyCredit(CreditLegacy),
    /// Pays the balance of an old account out.
    RefundLegacyCredit {
        /// Utility.
        utility: Utility,
        /// Old account.
        from: OpaqueRef,
        /// Channel that pays.
        by: ChannelId,
    },
    /// Another owner or tenant is responsible for payments.
    ChangeResponsible(ChangeResponsible),
    /// Tops up.
    TopUp(TopUp),
    /// Voids a top-up.
    VoidTopUp(VoidTopUp),
    /// Pays debt.
    PayDebt(PayDebt),
    /// Takes in the credit of a closed account.
    AcceptMovedCredit {
        /// Where it comes from.
        from: AccountId,
        /// What it brings, by utility.
        credit: Vec<(Utility, Money)>,
    },
    /// Staff order supply off.
    Disconnect {
        /// Which meter.
        meter: MeterNumber,
    },
    /// Staff lift their order.
    Reconnect {
        /// Which meter.
        meter: MeterNumber,
    },
    /// The meter confirms an order (C20).
    ConfirmOrder {
        /// Which meter.
        meter: MeterNumber,
        /// Which order.
        order: u32,
        /// When it acted.
        at: Timestamp,
    },
    /// The clock: deadlines that are due act, lapsed orders are repeated (C6, C20).
    Tick,
    /// A reading.
    RecordReading(Reading),
    /// A customer joins the scheme (P1).
    JoinScheme(JoinScheme),
    /// The customer draws emergency credit (P5).
    DrawEmergencyCredit {
        /// Which meter.
        meter: MeterNumber,
    },
    /// A meter has taken in the value of a top-up (P7).
    DeliverCredit(DeliverCredit),
    /// Gives the account another number (K1).
    Renumber {
        /// The new number.
        to: AccountId,
    },
    /// A command to a postpaid account.
    Billing(Box<BillingCommand>),
}

impl Command {
    /// A command to a postpaid account.
    #[must_use]
    pub fn billing(command: BillingCommand) -> Self {
        Self::Billing(Box::new(command))
    }

    /// The opening, where it opens an account.
    #[must_use]
    pub fn opening(&self) -> Option<&OpenAccount> {
        if let Self::OpenAccount(open) = self {
            return Some(open);
        }
        if let Self::Billing(billing) = self {
            return billing.opening();
        }
        None
    }

    /// Whether a business refusal binds its key for ever (C4: payments only).
    #[must_use]
    pub fn is_payment(&self) -> bool {
        let billed = matches!(self, Self::Billing(billing) if billing.payment().is_some());
        billed || matches!(self, Self::TopUp(_) | Self::PayDebt(_))
    }
}

/// What comes with a command: everything a decision may know besides the account and the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The account the command was routed to.
    pub account: AccountId,
    /// When it was received.
    pub received_at: Timestamp,
    /// Who acts.
    pub actor: Actor,
    /// The sender's key; readings and the clock have none.
    pub key: Option<CommandKey>,
    /// Delivery that brought a reading, 0 for none.
    pub delivery: u64,
    /// Value and delivery of an older reading of the same meter and instant, found in the stream.
    pub prior: Option<PriorReading>,
    /// The accepted readings around a late one, and all after it ([`crate::account::recall`]).
    pub course: Option<Course>,
    /// The top-up that a void names.
    pub voidable: Option<VoidableTopUp>,
    /// The person who joins has had the scheme's initial credit before (P2).
    pub initial_credit_claimed: bool,
}

/// An accepted reading found in the account's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriorReading {
    /// Register value as read.
    pub value: Quantity,
    /// Delivery that brought it, 0 for none.
    pub delivery: u64,
}
