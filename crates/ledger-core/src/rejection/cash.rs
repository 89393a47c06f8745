//! A line of the published catalogue, and what a counter does with cash when a refusal comes.

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
