//! `ledger readings post`: a file of readings that people took, through a running server (E13).
//!
//! Those of government consumers in bulk, and surprise checks of anyone. An identical reading is recognised,
//! so the file may be sent again. Absent on purpose: meters' own deliveries, which come over NATS.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use command_api::pb;
use futures::stream;
use ledger_core::time::Timestamp;
use serde_json::{Value, json};

use crate::cli::client::{ServerArgs, connect};
use crate::cli::payments::csv::cells;
use crate::cli::{Globals, block_on};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::import::lines::{Line, Lines};
use crate::output::table::{Set, Table};

/// Most lines of one file: all government consumers of a country, many times over.
const LINES_MAX: usize = 100_000;

/// What to do with readings.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReadingsArgs {
    #[command(subcommand)]
    command: ReadingsCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum ReadingsCommand {
    /// Posts a file of readings of government consumers, or of surprise checks.
    #[command(after_help = "\
The file is CSV, plain or gzip, with a header line that names the columns
meter, read_at (RFC 3339 with an offset) and value, in any order; others may be
there. Each line is charged as any reading is; an identical one changes
nothing, so the file may be posted again. A government consumer without a
reading of the month counts as door lock at its close. The key in
LEDGER_API_KEY must have the role bcc, je or staff.

Exit code 0 when every reading was accepted, now or before; 1 when any was
refused or kept aside.

Examples:
  ledger readings post government-march.csv
  ledger readings post surprise-checks.csv --json")]
    Post(PostArgs),
}

#[derive(Debug, Clone, Args)]
struct PostArgs {
    /// The file.
    file: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) fn run(args: &ReadingsArgs, globals: &Globals) -> Result<Exit, Failure> {
    let ReadingsCommand::Post(args) = &args.command;
    let lines = read(&args.file)?;
    block_on(post(args, lines, globals))
}

async fn post(
    args: &PostArgs,
    lines: Vec<pb::PostReadingsRequest>,
    globals: &Globals,
) -> Result<Exit, Failure> {
    let mut client = connect(&args.server, globals).await?.client.readings();
    let mut answers = client
        .post_readings(stream::iter(lines))
        .await?
        .into_inner();
    let mut told = Vec::new();
    while let Some(answer) = answers.message().await? {
        told.push(answer);
    }
    told.sort_by_key(|answer| answer.line);
    let found = told
        .iter()
        .any(|answer| !matches!(answer.class.as_str(), "accepted" | "duplicate" | "late"));
    globals
        .console
        .answer(|| text(&told), || told.iter().map(value).collect())?;
    Ok(if found { Exit::Found } else { Exit::Done })
}

fn text(told: &[pb::PostReadingsResponse]) -> String {
    let heads = [
        ("line", Set::Right),
        ("result", Set::Left),
        ("quantity", Set::Point),
        ("amount", Set::Point),
        ("why", Set::Left),
    ];
    let mut table = Table::new(&heads, "no readings");
    for answer in told {
        let why = answer.error.as_ref().and_then(|error| error.error.as_ref());
        let class = if why.is_some() {
            "refused"
        } else {
            &answer.class
        };
        table.row(vec![
            answer.line.to_string(),
            class.to_owned(),
            answer.quantity.clone(),
            answer.amount.clone(),
            why.map_or_else(String::new, |why| why.message.clone()),
        ]);
    }
    table.text()
}

fn value(answer: &pb::PostReadingsResponse) -> Value {
    let why = answer.error.as_ref().and_then(|error| error.error.as_ref());
    json!({
        "line": answer.line,
        "class": if why.is_some() { "refused" } else { &answer.class },
        "quantity": answer.quantity,
        "amount": answer.amount,
        "code": why.map(|why| &why.code),
        "message": why.map(|why| &why.message),
    })
}

/// Reads the whole file; a line that is no reading stops it before anything is sent.
fn read(path: &Path) -> Result<Vec<pb::PostReadingsRequest>, Failure> {
    let mut lines = Lines::open(path)?;
    let header = lines.next().ok_or_else(|| bad(1, "the file is empty"))??;
    let text = header.text.trim_start_matches('\u{feff}').to_owned();
    let names = cells(&text).ok_or_else(|| bad(1, "a quote is not closed"))?;
    let place = |name: &str| {
        let found = names.iter().position(|one| one.trim() == name);
        found.ok_or_else(|| bad(1, &format!("the column {name} is missing")))
    };
    let places = [place("meter")?, place("read_at")?, place("value")?];
    let mut all = Vec::new();
    for line in lines {
        let line = line?;
        if line.fault.is_none() && line.text.trim().is_empty() {
            continue;
        }
        if all.len() == LINES_MAX {
            return Err(bad(line.number, &format!("at most {LINES_MAX} readings")));
        }
        all.push(reading(&line, places, names.len())?);
    }
    Ok(all)
}

fn reading(
    line: &Line,
    places: [usize; 3],
    count: usize,
) -> Result<pb::PostReadingsRequest, Failure> {
    if let Some(fault) = &line.fault {
        return Err(bad(line.number, fault));
    }
    let cells = cells(&line.text).ok_or_else(|| bad(line.number, "a quote is not closed"))?;
    if cells.len() != count {
        let why = format!("it has {} columns, the header {count}", cells.len());
        return Err(bad(line.number, &why));
    }
    let cell = |place: usize| cells.get(place).map_or("", |cell| cell.trim());
    let [meter, read_at, value] = places.map(cell);
    let read_at = Timestamp::parse(read_at)
        .map_err(|error| bad(line.number, &format!("read_at: {error}")))?;
    Ok(pb::PostReadingsRequest {
        line: line.number,
        meter: meter.to_owned(),
        register: String::new(),
        read_at: Some(command_api::convert::to_instant(read_at)),
        value: value.to_owned(),
    })
}

fn bad(line: u64, what: &str) -> Failure {
    Failure::usage("READINGS_FILE", format!("line {line}: {what}"))
        .advise("the first line names the columns meter, read_at and value; nothing was posted")
}
