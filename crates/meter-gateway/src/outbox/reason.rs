//! The words of supply's reasons, as stored and as published.

use ledger_core::event::SupplyReason;

/// The word of a reason, as stored.
pub(super) const fn reason_name(reason: SupplyReason) -> &'static str {
    match reason {
        SupplyReason::NoFirstTopUp => "no-first-top-up",
        SupplyReason::NoCredit => "no-credit",
        SupplyReason::FirstTopUp => "first-top-up",
        SupplyReason::CreditRestored => "credit-restored",
        SupplyReason::Staff => "staff",
        SupplyReason::DuesUnpaid => "dues-unpaid",
        SupplyReason::DuesPaid => "dues-paid",
        SupplyReason::OnRequest => "on-request",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_a_reason_is_the_stored_one() {
        for reason in [
            SupplyReason::NoFirstTopUp,
            SupplyReason::NoCredit,
            SupplyReason::FirstTopUp,
            SupplyReason::CreditRestored,
            SupplyReason::Staff,
            SupplyReason::DuesUnpaid,
            SupplyReason::DuesPaid,
            SupplyReason::OnRequest,
        ] {
            assert_eq!(
                serde_json::to_string(&reason).unwrap(),
                format!("\"{}\"", reason_name(reason))
            );
        }
    }
}
