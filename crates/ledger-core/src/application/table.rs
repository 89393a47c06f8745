//! The table of applications (E14): from where, by which step, by whom, to where, and no other way.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// What kind of connection is applied for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// General, for good.
    General,
    /// For a time, against an advance.
    Temporary,
    /// General, for accommodation of the government.
    Accommodation,
}

/// Who takes a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Officer {
    /// The applicant, through the consumers' portal.
    Portal,
    /// Billing counter.
    Bcc,
    /// Junior engineer.
    Je,
    /// Assistant engineer.
    Ae,
    /// Executive engineer.
    Ee,
    /// Complaint cell.
    Ccc,
}

impl Officer {
    /// Every one.
    pub const ALL: [Self; 6] = [
        Self::Portal,
        Self::Bcc,
        Self::Je,
        Self::Ae,
        Self::Ee,
        Self::Ccc,
    ];

    /// The stable word.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Portal => "portal",
            Self::Bcc => "bcc",
            Self::Je => "je",
            Self::Ae => "ae",
            Self::Ee => "ee",
            Self::Ccc => "ccc",
        }
    }
}

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// Every one, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its stable word.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The one of a stable word.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.code() == text)
            }
        }
    };
}

words! {
    /// Where an application stands.
    Stage {
        /// No event yet.
        None = "-",
        /// Saved, to be submitted.
        Osv = "OSV",
        /// Changed, to be submitted.
        Osu = "OSU",
        /// Submitted.
        Osb = "OSB",
        /// Submitted, for accommodation of the government.
        Gvac = "GVAC",
        /// Returned, to be changed.
        Ort = "ORT",
        /// Rejected.
        Orj = "ORJ",
        /// New: accepted, or entered.
        Apn = "APN",
        /// The inspection is announced.
        Ils = "ILS",
        /// The estimate awaits sanction.
        Sfs = "SFS",
        /// Sanctioned.
        Aes = "AES",
        /// The estimate is sent back.
        Aer = "AER",
        /// Refused.
        Apr = "APR",
        /// The demand note is served.
        Dnp = "DNP",
        /// The demand note of a lateral connection is served.
        Dnl = "DNL",
        /// The deposit is paid, the consumer has a number.
        Sdp = "SDP",
        /// The connection order is issued.
        Sco = "SCO",
        /// In service.
        Live = "LIVE",
        /// Temporary: saved.
        Tosv = "TOSV",
        /// Temporary: changed.
        Tosu = "TOSU",
        /// Temporary: submitted.
        Tosb = "TOSB",
        /// Temporary: returned.
        Tort = "TORT",
        /// Temporary: rejected.
        Torj = "TORJ",
        /// Temporary: the advance is pending.
        Avp = "AVP",
        /// Temporary: the advance is paid, the order awaited.
        Tap = "TAP",
        /// Temporary: the order is issued, its execution pending.
        Tcc = "TCC",
        /// Temporary: in service.
        New = "NEW",
    }
}

words! {
    /// What is done with an application.
    Step {
        /// A form is saved.
        Save = "saved",
        /// A form of a temporary connection is saved.
        SaveTemporary = "saved as temporary",
        /// A form for accommodation of the government is submitted.
        SubmitAccommodation = "submitted for accommodation",
        /// The form is changed.
        Update = "changed",
        /// It is submitted.
        Submit = "submitted",
        /// A form on paper is entered.
        Enter = "entered",
        /// A form on paper of a temporary connection is entered.
        EnterTemporary = "entered as temporary",
        /// It is accepted.
        Accept = "accepted",
        /// It is returned.
        Return = "returned",
        /// It is rejected.
        Reject = "rejected",
        /// The inspection is announced.
        ServeInspection = "given an inspection",
        /// The estimate is submitted.
        SubmitEstimate = "estimated",
        /// It is sanctioned.
        Sanction = "sanctioned",
        /// The estimate is sent back.
        Redirect = "redirected",
        /// It is refused.
        Refuse = "refused",
        /// The demand note is served.
        ServeDemandNote = "given a demand note",
        /// The demand note of a lateral connection is served.
        ServeLateralDemandNote = "given a lateral demand note",
        /// What is demanded is paid.
        PayCharge = "paid",
        /// The connection order is issued.
        IssueOrder = "ordered",
        /// The order is executed.
        Execute = "executed",
    }
}

/// From where, by which step, by whom, to where: the whole life of an application, and no other way.
pub const EDGES: &[(Stage, Step, Officer, Stage)] = &[
    (Stage::None, Step::Save, Officer::Portal, Stage::Osv),
    (Stage::Osv, Step::Update, Officer::Portal, Stage::Osu),
    (Stage::Osu, Step::Update, Officer::Portal, Stage::Osu),
    (Stage::Ort, Step::Update, Officer::Portal, Stage::Osu),
    (Stage::Osv, Step::Submit, Officer::Portal, Stage::Osb),
    (Stage::Osu, Step::Submit, Officer::Portal, Stage::Osb),
    (
        Stage::None,
        Step::SubmitAccommodation,
        Officer::Portal,
        Stage::Gvac,
    ),
    (Stage::Osb, Step::Return, Officer::Ae, Stage::Ort),
    (Stage::Osb, Step::Reject, Officer::Ae, Stage::Orj),
    (Stage::Osb, Step::Accept, Officer::Ae, Stage::Apn),
    (Stage::Gvac, Step::Reject, Officer::Ae, Stage::Orj),
    (Stage::Gvac, Step::Accept, Officer::Ae, Stage::Apn),
    (Stage::None, Step::Enter, Officer::Je, Stage::Apn),
    (Stage::Apn, Step::ServeInspection, Officer::Je, Stage::Ils),
    (Stage::Ils, Step::SubmitEstimate, Officer::Je, Stage::Sfs),
    (Stage::Sfs, Step::Sanction, Officer::Ae, Stage::Aes),
    (Stage::Sfs, Step::Redirect, Officer::Ae, Stage::Aer),
    (Stage::Sfs, Step::Refuse, Officer::Ae, Stage::Apr),
    (Stage::Aer, Step::SubmitEstimate, Officer::Je, Stage::Sfs),
    (Stage::Aes, Step::ServeDemandNote, Officer::Je, Stage::Dnp),
    (
        Stage::Aes,
        Step::ServeLateralDemandNote,
        Officer::Je,
        Stage::Dnl,
    ),
    (Stage::Aes, Step::Refuse, Officer::Je, Stage::Apr),
    (Stage::Dnp, Step::PayCharge, Officer::Bcc, Stage::Sdp),
    (Stage::Dnl, Step::PayCharge, Officer::Bcc, Stage::Sdp),
    (Stage::Sdp, Step::IssueOrder, Officer::Ae, Stage::Sco),
    (Stage::Sco, Step::Execute, Officer::Je, Stage::Live),
    (
        Stage::None,
        Step::SaveTemporary,
        Officer::Portal,
        Stage::Tosv,
    ),
    (Stage::Tosv, Step::Update, Officer::Portal, Stage::Tosu),
    (Stage::Tosu, Step::Update, Officer::Portal, Stage::Tosu),
    (Stage::Tort, Step::Update, Officer::Portal, Stage::Tosu),
    (Stage::Tosv, Step::Submit, Officer::Portal, Stage::Tosb),
    (Stage::Tosu, Step::Submit, Officer::Portal, Stage::Tosb),
    (Stage::Tosb, Step::Return, Officer::Ae, Stage::Tort),
    (Stage::Tosb, Step::Reject, Officer::Ae, Stage::Torj),
    (Stage::Tosb, Step::Accept, Officer::Ae, Stage::Avp),
    (Stage::None, Step::EnterTemporary, Officer::Je, Stage::Avp),
    (Stage::Avp, Step::PayCharge, Officer::Bcc, Stage::Tap),
    (Stage::Tap, Step::IssueOrder, Officer::Ae, Stage::Tcc),
    (Stage::Tcc, Step::Execute, Officer::Je, Stage::New),
];

/// By whom, and where a step leads; none where the table has no such edge.
#[must_use]
pub fn next(from: Stage, step: Step) -> Option<(Officer, Stage)> {
    let edge = EDGES
        .iter()
        .find(|(stage, by, _, _)| *stage == from && *by == step);
    edge.map(|(_, _, officer, to)| (*officer, *to))
}

/// The page `docs/applications.md`.
#[must_use]
pub fn drawing() -> String {
    let mut text = String::from(
        "# Applications for a connection\n\nThis page is drawn from the table in the code (E14). Each step is taken by the role that is named, and \
         by no other.\n\n| from | step | role | to |\n|---|---|---|---|\n",
    );
    for (from, step, officer, to) in EDGES {
        let _ = writeln!(
            text,
            "| {} | {} | `{}` | {} |",
            from.code(),
            step.code(),
            officer.code(),
            to.code()
        );
    }
    text.push_str("\n```mermaid\nstateDiagram-v2\n");
    for (from, step, officer, to) in EDGES {
        let from = if *from == Stage::None {
            "[*]"
        } else {
            from.code()
        };
        let _ = writeln!(
            text,
            "    {from} --> {}: {} ({})",
            to.code(),
            step.code(),
            officer.code()
        );
    }
    text.push_str("```\n");
    text
}
