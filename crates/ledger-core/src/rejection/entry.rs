//! What the catalogue says of each refusal: its frozen code, its meaning, and what becomes of cash in hand.

use super::Rejection;

impl Rejection {
    /// The stable code, as in the catalogue.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.entry().code
    }

    /// Its line of the catalogue.
    #[must_use]
    #[expect(
        clippy::too_many_lines,
        reason = "one line a refusal: the published table"
    )]
    pub fn entry(&self) -> Entry {
        use CashInHand::{AskFirst, HandBack, Nothing, SendAsTaken};
        let line = |code, meaning, cash| Entry {
            code,
            meaning,
            retry_is_safe: true,
            cash,
        };
        match self {
            Self::UnknownAccount => line(
                "UNKNOWN_ACCOUNT",
                "There is no account with this id.",
                HandBack,
            ),
            Self::AccountExists => line(
                "ACCOUNT_EXISTS",
                "An account with this id was opened before.",
                Nothing,
            ),
            Self::AccountClosed => line(
                "ACCOUNT_CLOSED",
                "The account is closed and takes nothing more.",
                HandBack,
            ),
            Self::UnknownMeter { .. } => line(
                "UNKNOWN_METER",
                "No account holds this meter number.",
                SendAsTaken,
            ),
            Self::WrongMeterFormat { .. } => line(
                "WRONG_METER_FORMAT",
                "The text is not a meter number of this scheme.",
                SendAsTaken,
            ),
            Self::MeterRemoved { .. } => line(
                "METER_REMOVED",
                "The meter was removed; money for it is refused.",
                SendAsTaken,
            ),
            Self::MeterTaken { .. } => line(
                "METER_TAKEN",
                "Another account holds this meter number.",
                Nothing,
            ),
            Self::UtilityHasMeter { .. } => line(
                "UTILITY_HAS_METER",
                "The account has a meter of this utility; exchange or remove it first.",
                Nothing,
            ),
            Self::NoTariff { .. } => line(
                "NO_TARIFF",
                "The scheme has no tariff for this utility and class.",
                Nothing,
            ),
            Self::NotOffered { .. } => line(
                "NOT_OFFERED",
                "The account's scheme does not have this at all.",
                HandBack,
            ),
            Self::AlreadyActive { .. } => {
                line("ALREADY_ACTIVE", "The meter was activated before.", Nothing)
            }
            Self::BadInput { .. } => line(
                "BAD_INPUT",
                "A value is outside what the command takes.",
                HandBack,
            ),
            Self::TooFine { .. } => line(
                "TOO_FINE",
                "The amount has more decimals than the currency.",
                HandBack,
            ),
            Self::TopUpBelowMinimum { .. } => line(
                "TOP_UP_BELOW_MINIMUM",
                "The amount is below the least top-up.",
                HandBack,
            ),
            Self::TopUpAboveMaximum { .. } => line(
                "TOP_UP_ABOVE_MAXIMUM",
                "The amount is above the greatest top-up.",
                HandBack,
            ),
            Self::InstalmentDue { .. } => line(
                "INSTALMENT_DUE",
                "A debt instalment is due; it must be paid before any top-up.",
                HandBack,
            ),
            Self::NoDebt => line("NO_DEBT", "The account has no debt.", HandBack),
            Self::AboveDebt { .. } => line(
                "ABOVE_DEBT",
                "The payment is more than the debt that is left.",
                HandBack,
            ),
            Self::DebtInForce { .. } => line(
                "DEBT_IN_FORCE",
                "One debt agreement is in force at a time.",
                Nothing,
            ),
            Self::BadDebtTerms { .. } => line(
                "BAD_DEBT_TERMS",
                "The instalment or the month of the debt is not allowed.",
                Nothing,
            ),
            Self::UnknownRegister { .. } => line(
                "UNKNOWN_REGISTER",
                "The meter has no such register.",
                Nothing,
            ),
            Self::ReadingFromFuture { .. } => line(
                "READING_FROM_FUTURE",
                "The reading's time is past its receipt.",
                Nothing,
            ),
            Self::ReadingBeforeInstallation { .. } => line(
                "READING_BEFORE_INSTALLATION",
                "The reading is older than the meter's installation here.",
                Nothing,
            ),
            Self::ReadingAfterRemoval { .. } => line(
                "READING_AFTER_REMOVAL",
                "The reading is newer than the meter's removal.",
                Nothing,
            ),
            Self::ValueOffRegister { .. } => line(
                "VALUE_OFF_REGISTER",
                "The register cannot show this value.",
                Nothing,
            ),
            Self::TooManyKeptReadings { .. } => line(
                "TOO_MANY_KEPT_READINGS",
                "Staff must resolve the meter before more can be kept.",
                Nothing,
            ),
            Self::ImplausibleReading { .. } => line(
                "IMPLAUSIBLE_READING",
                "A final reading must be plausible, or forced with a reason.",
                Nothing,
            ),
            Self::NothingQuarantined { .. } => line(
                "NOTHING_QUARANTINED",
                "The meter has no quarantined readings.",
                Nothing,
            ),
            Self::NotVoidable { .. } => {
                line("NOT_VOIDABLE", "The top-up cannot be voided.", Nothing)
            }
            Self::NotInSuspense { .. } => line(
                "NOT_IN_SUSPENSE",
                "No such payment waits in suspense.",
                Nothing,
            ),
            Self::AccountOwes { .. } => line(
                "ACCOUNT_OWES",
                "The account owes more than its credit.",
                Nothing,
            ),
            Self::FinalReadingMissing { .. } => line(
                "FINAL_READING_MISSING",
                "Closing needs each meter's final reading.",
                Nothing,
            ),
            Self::SupplyAlready { .. } => line(
                "SUPPLY_ALREADY",
                "Supply is already in that state.",
                Nothing,
            ),
            Self::SupplyNeedsCredit { .. } => line(
                "SUPPLY_NEEDS_CREDIT",
                "Supply returns with credit, not by order.",
                Nothing,
            ),
            Self::OrderSuperseded { .. } => line(
                "ORDER_SUPERSEDED",
                "A newer order to the meter exists.",
                Nothing,
            ),
            Self::NotJoined => line(
                "NOT_JOINED",
                "The customer has not joined the scheme; top-ups come after joining.",
                HandBack,
            ),
            Self::AlreadyJoined => line(
                "ALREADY_JOINED",
                "The account joined the scheme before.",
                Nothing,
            ),
            Self::NotEligible { .. } => line(
                "NOT_ELIGIBLE",
                "The scheme's conditions for joining are not fulfilled.",
                Nothing,
            ),
            Self::EmergencyCreditDrawn { .. } => line(
                "EMERGENCY_CREDIT_DRAWN",
                "Emergency credit is drawn once until it is repaid.",
                Nothing,
            ),
            Self::CreditNotLow { .. } => line(
                "CREDIT_NOT_LOW",
                "Emergency credit is for credit below the scheme's threshold.",
                Nothing,
            ),
            Self::NothingToDeliver { .. } => line(
                "NOTHING_TO_DELIVER",
                "The value was taken in before, or never waited for this meter.",
                Nothing,
            ),
            Self::LegacyCreditKnown { .. } => line(
                "LEGACY_CREDIT_KNOWN",
                "Credit of this old account was registered before.",
                Nothing,
            ),
            Self::LegacyCreditTaken { .. } => line(
                "LEGACY_CREDIT_TAKEN",
                "Another account has taken over the credit of this old account.",
                Nothing,
            ),
            Self::UnknownLegacyCredit { .. } => line(
                "UNKNOWN_LEGACY_CREDIT",
                "No credit of this old account is registered here.",
                Nothing,
            ),
            Self::LegacyCreditSettled { .. } => line(
                "LEGACY_CREDIT_SETTLED",
                "Credit of this old account was credited or refunded before.",
                Nothing,
            ),
            Self::LegacyChoice { .. } => line(
                "LEGACY_CHOICE",
                "The choice between refund and transfer does not allow it.",
                Nothing,
            ),
            Self::LegacyCreditPending { .. } => line(
                "LEGACY_CREDIT_PENDING",
                "Old credit must be credited or refunded before the account is closed.",
                Nothing,
            ),
            Self::UnknownWorkOrder => line(
                "UNKNOWN_WORK_ORDER",
                "There is no work order with this id.",
                Nothing,
            ),
            Self::WorkOrderExists => line(
                "WORK_ORDER_EXISTS",
                "A work order with this id was issued before.",
                Nothing,
            ),
            Self::WrongWorkOrderStep { .. } => line(
                "WRONG_WORK_ORDER_STEP",
                "The work order does not stand where this step begins.",
                Nothing,
            ),
            Self::WorkOrderStepDiffers => line(
                "WORK_ORDER_STEP_DIFFERS",
                "The account took this step with other content before.",
                Nothing,
            ),
            Self::NoInstallationDay { .. } => line(
                "NO_INSTALLATION_DAY",
                "No meters are installed on this day.",
                Nothing,
            ),
            Self::NoticeTooShort { .. } => line(
                "NOTICE_TOO_SHORT",
                "The appointment is too near to be moved.",
                Nothing,
            ),
            Self::Billing(refusal) => refusal.entry(),
            Self::Desk(refusal) => refusal.entry(),
            Self::SchemeInvalid { .. } => line(
                "SCHEME_INVALID",
                "The text is not the file of a scheme.",
                Nothing,
            ),
            Self::UnknownScheme { .. } => line(
                "UNKNOWN_SCHEME",
                "The server does not serve a scheme of this name.",
                Nothing,
            ),
            Self::SchemeVersionTooLow { .. } => line(
                "SCHEME_VERSION_TOO_LOW",
                "A newer version of the scheme is known already.",
                Nothing,
            ),
            Self::SchemeConflict { .. } => line(
                "SCHEME_CONFLICT",
                "This version of the scheme has other content.",
                Nothing,
            ),
            Self::SchemePricedAlready { .. } => line(
                "SCHEME_PRICED_ALREADY",
                "The version would reach back to charges that are made.",
                Nothing,
            ),
            Self::KeyConflict => Entry {
                code: "KEY_CONFLICT",
                meaning: "The reference was used for other content before.",
                retry_is_safe: false,
                cash: AskFirst,
            },
        }
    }
}

/// What a counter should do with cash it holds when this refusal comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CashInHand {
    /// No money is involved.
    Nothing,
    /// Give it back to the customer.
    HandBack,
    /// If it cannot be given back, send the payment again under a new reference as already taken: it
    /// then waits in suspense.
    SendAsTaken,
    /// The reference may have paid for this very cash before: look first.
    AskFirst,
}

impl CashInHand {
    /// The instruction as published.
    #[must_use]
    pub fn instruction(self) -> &'static str {
        match self {
            Self::Nothing => "no cash is involved",
            Self::HandBack => "hand the cash back",
            Self::SendAsTaken => {
                "hand the cash back; if that is no longer possible, send it under a new reference as already taken"
            }
            Self::AskFirst => {
                "this call took nothing; ask FindCommand what the reference paid before, and hand back only cash that it did not"
            }
        }
    }
}

/// One line of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Stable code, the `reason` of `google.rpc.ErrorInfo`.
    pub code: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// Whether the identical call may be sent again without harm.
    pub retry_is_safe: bool,
    /// What to do with cash in hand.
    pub cash: CashInHand,
}
