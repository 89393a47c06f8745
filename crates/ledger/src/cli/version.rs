//! `ledger version`: which program this is, and what it can read.

use ledger_core::scheme::SchemePolicy;
use serde_json::json;

use crate::cli::Globals;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::table::facts;

pub(crate) fn run(globals: &Globals) -> Result<Exit, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let schemes: Vec<&str> = SchemePolicy::builtin_names().collect();
    globals.console.answer(
        || {
            facts(&[
                ("ledger", version.to_owned()),
                ("api", "ledger.v1".to_owned()),
                ("schemes", schemes.join(", ")),
            ])
        },
        || json!({"version": version, "api": "ledger.v1", "schemes": schemes}),
    )?;
    Ok(Exit::Done)
}
