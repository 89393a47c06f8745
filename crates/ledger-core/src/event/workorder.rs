//! Payloads of a work order's facts, in `workorder-<id>`: the swap of an old meter for a new one (U16).
//! Keys as in `account`; what belongs to the older system is named by opaque references.

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, MeterNumber, OpaqueRef};
use crate::num::{Money, Quantity};
use crate::time::{LocalDate, Timestamp};
use crate::utility::Utility;

/// How the old meter was paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PaidBefore {
    /// Prepaid: remaining credit is entered.
    Prepaid,
    /// Postpaid: the department makes a final bill.
    Postpaid,
}

/// Why an installation could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Obstacle {
    /// The mobile network does not reach the place.
    NoCoverage,
    /// It rained.
    Rain,
    /// The place was flooded.
    Flood,
    /// Nobody was at home.
    NobodyHome,
}

/// A fact of a work order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkOrderEvent {
    /// It was issued.
    Issued(WorkOrderIssued),
    /// An appointment was made.
    Appointed(InstallationAppointed),
    /// The appointment was moved, in time.
    AppointmentMoved(InstallationAppointed),
    /// The installer could not install.
    Prevented(InstallationPrevented),
    /// The old meter was read for the last time.
    OldMeterRead(OldMeterRead),
    /// The new meter was installed.
    NewMeterInstalled(NewMeterInstalled),
    /// The new meter was activated.
    NewMeterActivated(NewMeterActivated),
    /// Credit and debt of the old account were entered, or its final bill was named.
    OldAccountSettled(OldAccountSettled),
    /// The old meter went back to the store.
    OldMeterReturned(OldMeterReturned),
    /// It was called off.
    Cancelled(WorkOrderCancelled),
}

/// `work-order-issued.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkOrderIssued {
    /// Account that gets the new meter.
    pub account: AccountId,
    /// Its scheme by name.
    pub scheme: String,
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// How the old meter was paid for.
    pub before: PaidBefore,
    /// Old account.
    pub from: OpaqueRef,
    /// Old meter, as the older system names it.
    pub old: OpaqueRef,
    /// Installer it is assigned to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<OpaqueRef>,
}

/// `installation-appointed.v1`, `appointment-moved.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstallationAppointed {
    /// When the installer comes.
    pub t: Timestamp,
    /// Local date of it.
    pub d: LocalDate,
}

/// `installation-prevented.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstallationPrevented {
    /// What was in the way.
    pub why: Obstacle,
    /// Local date on which it was found.
    pub d: LocalDate,
}

/// `old-meter-read.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OldMeterRead {
    /// When.
    pub t: Timestamp,
    /// What the register showed.
    pub v: Quantity,
    /// Credit that a prepaid meter showed, in units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q: Option<Quantity>,
    /// Credit that a prepaid meter showed, in money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub a: Option<Money>,
    /// Photograph that shows it.
    pub photo: OpaqueRef,
}

/// `new-meter-installed.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewMeterInstalled {
    /// Its number.
    pub m: MeterNumber,
    /// When.
    pub t: Timestamp,
    /// Its first reading.
    pub v: Quantity,
}

/// `new-meter-activated.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewMeterActivated {
    /// Its number.
    pub m: MeterNumber,
}

/// `old-account-settled.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OldAccountSettled {
    /// Remaining credit was registered with the account.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub credit: bool,
    /// The department's final bill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bill: Option<OpaqueRef>,
    /// Principal of the debt that was agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debt: Option<Money>,
}

/// `old-meter-returned.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OldMeterReturned {
    /// The signed goods return form.
    pub doc: OpaqueRef,
}

/// `work-order-cancelled.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkOrderCancelled {
    /// Why, in the words of who called it off; no names.
    pub why: String,
}
