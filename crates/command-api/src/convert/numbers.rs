//! Messages about numbers of accounts (K1).

use ledger_core::command::Command;
use ledger_core::ids::ChannelId;
use ledger_service::{Reply, Target};

use super::commands::Asked;
use super::fields::Fields;
use crate::errors::No;
use crate::pb;

impl TryFrom<(&ChannelId, &pb::RenumberAccountRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::RenumberAccountRequest)) -> Result<Self, No> {
        renumber(channel, &m.reference, &m.account_id, &m.new_number)
    }
}

impl TryFrom<(&ChannelId, &pb::RenumberAccountsRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::RenumberAccountsRequest)) -> Result<Self, No> {
        renumber(channel, &m.reference, &m.account_id, &m.new_number)
    }
}

fn renumber(channel: &ChannelId, reference: &str, account: &str, to: &str) -> Result<Asked, No> {
    let mut f = Fields::new();
    let key = f.key(channel, reference);
    let account = f.account("account_id", account);
    let to = f.account("new_number", to);
    let asked = (|| {
        Some(Asked::command(
            key?,
            Target::Account(account?),
            Command::Renumber { to: to? },
        ))
    })();
    f.finish(asked)
}

/// What became of a line of a list of numbers.
#[must_use]
pub fn renumber_answer(
    reference: String,
    answered: Result<Reply, No>,
) -> pb::RenumberAccountsResponse {
    use pb::renumber_accounts_response::Result as R;
    let result = match answered.and_then(pb::Outcome::try_from) {
        Ok(outcome) => R::Outcome(outcome),
        Err(no) => R::Error(pb::StreamError {
            status: i32::from(no.code()),
            error: Some(no.refusal()),
        }),
    };
    pb::RenumberAccountsResponse {
        reference,
        result: Some(result),
    }
}
