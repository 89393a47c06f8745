//! Closing an account: final readings, dues and debts, then the credit goes out once (C16).

use super::decide::not_offered;
use super::draft::Draft;
use super::meters;
use super::payments::payment;
use super::{Wallet, bills, consumer};
use crate::command::{CloseTo, FinalReading, Source};
use crate::event::{AccountClosed, AccountEvent, ClosedTo, ClosedWallet, CreditMovedIn, Payment};
use crate::ids::AccountId;
use crate::num::Money;
use crate::rejection::Rejection;
use crate::utility::Utility;

/// Closes the account. Dues and debts are taken first, from that utility's own credit, then from the
/// other's; a negative wallet is a due. What is owed beyond the credit refuses the closing.
pub(super) fn close(
    draft: &mut Draft<'_>,
    finals: &[FinalReading],
    to: &CloseTo,
) -> Result<(), Rejection> {
    let in_place: Vec<_> = draft
        .account
        .meters()
        .iter()
        .filter(|m| m.removed_at.is_none())
        .map(|m| m.number.clone())
        .collect();
    if let Some(stranger) = finals.iter().find(|f| !in_place.contains(&f.meter)) {
        return Err(super::supply::missing(draft, &stranger.meter));
    }
    super::legacy::must_be_settled(draft.account)?;
    // Judged on a copy first, so that a refused closing leaves no reading behind.
    let mut trial = draft.account.clone();
    let mut rehearsal = Draft::new(&mut trial, draft.policy, draft.facts);
    for number in &in_place {
        let last = finals.iter().find(|f| f.meter == *number);
        let last = last.ok_or_else(|| Rejection::FinalReadingMissing {
            meter: number.clone(),
        })?;
        let at = rehearsal.at;
        meters::remove(&mut rehearsal, last, at)?;
    }
    let settled = settle(&rehearsal)?;
    must_owe_no_bills(&rehearsal)?;
    let to = match to {
        CloseTo::Move(account) if *account == *draft.account.id() => {
            return Err(super::decide::bad_input(
                "to",
                "an account cannot move its credit to itself",
            ));
        }
        CloseTo::Move(_) if draft.account.billing().is_some() => {
            return Err(not_offered("moving what was paid beyond bills"));
        }
        CloseTo::Move(account) => ClosedTo::Moved(account.clone()),
        CloseTo::PayOut(channel) => ClosedTo::PaidOut(Payment {
            ch: channel.clone(),
            ..payment(draft, &Source::NotTaken)?
        }),
    };
    for number in &in_place {
        if let Some(last) = finals.iter().find(|f| f.meter == *number) {
            let at = draft.at;
            meters::remove(draft, last, at)?;
        }
    }
    if let ClosedTo::PaidOut(pay) = &to {
        consumer::pay_out_credit(draft, pay);
    }
    let b = draft.this_month();
    draft.emit(AccountEvent::AccountClosed(AccountClosed {
        w: settled,
        b,
        to,
    }));
    Ok(())
}

/// A billed account is closed when its bills are paid. Where consumers have statuses, their connection
/// is ended instead (E9).
fn must_owe_no_bills(draft: &Draft<'_>) -> Result<(), Rejection> {
    if draft.account.status().is_some() {
        return Err(not_offered("closing beside the end of a connection"));
    }
    let owed = bills::payable(draft);
    if owed.is_positive() {
        return Err(Rejection::AccountOwes { owed });
    }
    Ok(())
}

/// What becomes of each wallet's credit, the wallet of the debt's utility first.
fn settle(draft: &Draft<'_>) -> Result<Vec<ClosedWallet>, Rejection> {
    let credit = |w: &Wallet| untouched(w);
    let mut wallets: Vec<ClosedWallet> = draft.account.wallets().iter().map(credit).collect();
    let mut owed = Money::ZERO;
    if let Some(debt) = draft.account.debt().filter(|d| d.is_open()) {
        owed = debt.balance();
        wallets.sort_by_key(|w| w.u != debt.utility);
    }
    cover_negative(&mut wallets)?;
    for wallet in &mut wallets {
        let taken = wallet.out.min(owed).max(Money::ZERO);
        wallet.debt = taken;
        wallet.out -= taken;
        owed -= taken;
    }
    let mut arrears = super::arrears::open(draft).map_or(Money::ZERO, |a| a.left);
    for wallet in &mut wallets {
        wallet.arr = wallet.out.min(arrears).max(Money::ZERO);
        wallet.out -= wallet.arr;
        arrears -= wallet.arr;
    }
    owed += arrears;
    if owed.is_positive() {
        return Err(Rejection::AccountOwes { owed });
    }
    let decimals = u32::from(draft.policy.currency().decimals);
    for wallet in &mut wallets {
        let whole = wallet.out.truncate(decimals);
        wallet.rest = wallet.out - whole;
        wallet.out = whole;
    }
    Ok(wallets)
}

/// Emergency credit that is lent is repaid before anything else.
fn untouched(wallet: &Wallet) -> ClosedWallet {
    ClosedWallet {
        u: wallet.utility,
        a: wallet.balance,
        debt: Money::ZERO,
        other: Money::ZERO,
        rest: Money::ZERO,
        out: wallet.balance - wallet.emergency,
        arr: Money::ZERO,
        em: wallet.emergency,
    }
}

/// What one wallet owes is taken from the other.
fn cover_negative(wallets: &mut [ClosedWallet]) -> Result<(), Rejection> {
    let owed: Money = wallets.iter().map(|w| (-w.out).max(Money::ZERO)).sum();
    let there: Money = wallets.iter().map(|w| w.out.max(Money::ZERO)).sum();
    if owed > there {
        return Err(Rejection::AccountOwes { owed: owed - there });
    }
    let mut left = owed;
    for wallet in wallets.iter_mut() {
        if wallet.out.is_negative() {
            wallet.other = -wallet.out;
            wallet.out = Money::ZERO;
        } else {
            let given = wallet.out.min(left);
            wallet.other = -given;
            wallet.out -= given;
            left -= given;
        }
    }
    Ok(())
}

/// Takes in the credit of a closed account, once.
pub(super) fn accept_moved(draft: &mut Draft<'_>, from: &AccountId, credit: &[(Utility, Money)]) {
    if draft.account.moved_in.contains(from) {
        return;
    }
    for (utility, amount) in credit.iter().filter(|(_, amount)| amount.is_positive()) {
        draft.emit(AccountEvent::CreditMovedIn(CreditMovedIn {
            u: *utility,
            a: *amount,
            from: from.clone(),
        }));
    }
}
