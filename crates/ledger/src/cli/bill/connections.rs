//! `ledger bill open|open-temporary|import`: an account that is billed comes to be.

use clap::Args;
use command_api::pb;

use super::acts::{ActArgs, send};
use crate::cli::Globals;
use crate::cli::client::connect;
use crate::cli::legacy::done;
use crate::exit::Exit;
use crate::failure::Failure;

/// Class and scales of a new account.
#[derive(Debug, Clone, Args)]
struct ConnectionArgs {
    #[command(flatten)]
    act: ActArgs,
    /// Customer class, such as domestic.
    class: String,
    /// Scheme [default: the first one].
    #[arg(long)]
    scheme: Option<String>,
    /// Contracted capacity.
    #[arg(long, value_name = "KVA")]
    kva: Option<u32>,
    /// Opaque reference of the customer; no name.
    #[arg(long)]
    customer: Option<String>,
}

impl ConnectionArgs {
    fn message(&self) -> pb::Connection {
        pb::Connection {
            account_id: self.act.account.clone(),
            scheme: self.scheme.clone().unwrap_or_default(),
            class: self.class.clone(),
            dwelling_units: 0,
            contracted_kva: self.kva,
            customer: self.customer.clone().unwrap_or_default(),
        }
    }
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger bill open L-1001 domestic --scheme ebcm --deposit 1000 --reference O-1")]
pub(super) struct OpenArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Deposit that was paid with the application.
    #[arg(long)]
    deposit: Option<String>,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger bill open-temporary L-2001 commercial --scheme ebcm --until 2026-06-30 --reference O-2")]
pub(super) struct OpenTemporaryArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Last local day.
    #[arg(long, value_name = "DAY")]
    until: String,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger bill import L-3001 domestic --scheme ebcm --arrears 240.50 --since 2018-01-01 --reference I-1")]
pub(super) struct ImportArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// What is owed.
    #[arg(long)]
    arrears: String,
    /// Day on which the connection began.
    #[arg(long, value_name = "DAY")]
    since: String,
}

pub(super) async fn open(args: &OpenArgs, globals: &Globals) -> Result<Exit, Failure> {
    let request = pb::OpenConnectionRequest {
        reference: args.connection.act.reference.clone(),
        connection: Some(args.connection.message()),
        deposit: args.deposit.clone().unwrap_or_default(),
    };
    send!(
        args.connection.act,
        globals,
        "opened",
        open_connection,
        request
    )
}

pub(super) async fn open_temporary(
    args: &OpenTemporaryArgs,
    globals: &Globals,
) -> Result<Exit, Failure> {
    let request = pb::OpenTemporaryConnectionRequest {
        reference: args.connection.act.reference.clone(),
        connection: Some(args.connection.message()),
        until: args.until.clone(),
    };
    send!(
        args.connection.act,
        globals,
        "opened",
        open_temporary_connection,
        request
    )
}

pub(super) async fn import(args: &ImportArgs, globals: &Globals) -> Result<Exit, Failure> {
    let request = pb::ImportConsumerRequest {
        reference: args.connection.act.reference.clone(),
        connection: Some(args.connection.message()),
        arrears: args.arrears.clone(),
        since: args.since.clone(),
    };
    send!(
        args.connection.act,
        globals,
        "imported",
        import_consumer,
        request
    )
}
