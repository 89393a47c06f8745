//! `ledger account history`: an account's events as they are stored, one JSON object a line.

use clap::Args;
use command_api::pb;

use crate::cli::Globals;
use crate::cli::client::{ServerArgs, account_named, connect, instant};
use crate::cli::replay::ndjson;
use crate::exit::Exit;
use crate::failure::Failure;

/// Which events.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger account history A-1001
  ledger account history A-1001 --from-revision 100 --limit 20 | jq .kind")]
pub(crate) struct HistoryArgs {
    /// Account id, or meter:NUMBER.
    account: String,
    /// First revision.
    #[arg(long, default_value_t = 0, value_name = "REVISION")]
    from_revision: u64,
    /// Events at most; 0 means all there are now.
    #[arg(long, default_value_t = 0, value_name = "EVENTS")]
    limit: u64,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: &HistoryArgs, globals: &Globals) -> Result<Exit, Failure> {
    let connected = connect(&args.server, globals).await?;
    let request = pb::ReadHistoryRequest {
        account: Some(account_named(&args.account)),
        from_revision: args.from_revision,
        limit: args.limit,
    };
    let mut events = connected
        .client
        .queries()
        .read_history(request)
        .await?
        .into_inner();
    while let Some(event) = events.message().await? {
        let recorded_at = event.recorded_at.as_ref().and_then(instant);
        globals.console.line(
            &ndjson::Line {
                position: event.position,
                stream: None,
                revision: event.revision,
                kind: &event.kind,
                id: &event.event_id,
                recorded_at: recorded_at.map(|at| at.to_string()).as_deref(),
                data: event.data.as_bytes(),
                meta: event.metadata.as_bytes(),
            }
            .text(),
        )?;
    }
    Ok(Exit::Done)
}
