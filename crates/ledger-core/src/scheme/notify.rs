//! By what the customers of a scheme are told (C18, U4).
//!
//! Owns `[notifications]`. Deliberately absent: texts and languages, which are the sender's.

use serde::{Deserialize, Serialize};

/// A medium of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Medium {
    /// A short message to a telephone.
    Sms,
    /// A letter to an e-mail address.
    EMail,
}

/// The media of each kind of notification; none, it is left to the sender.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotificationPolicy {
    /// A receipt.
    pub receipt: Vec<Medium>,
    /// Low credit.
    pub low_credit: Vec<Medium>,
    /// A debt agreement or its rescheduling.
    pub debt: Vec<Medium>,
    /// Supply ordered off or on.
    pub supply: Vec<Medium>,
    /// The account was closed.
    pub closing: Vec<Medium>,
    /// The account got another number.
    #[serde(default)]
    pub renumbering: Vec<Medium>,
}
