//! The edges in code are those of the table that people read: the one in `docs/rules.md`, cell by cell.

use std::collections::BTreeSet;

use ledger_core::status::{EDGES, Status, Step};

type Edge = (Status, Step, Status);

const PAGE: &str = include_str!("../../../../docs/rules.md");

/// `DIS1…DIS4`, `NEW, EXTN (temporary)`, `LIVE`: the statuses of a row, in their order.
fn statuses(cell: &str) -> Vec<Status> {
    let cell = cell.replace("(temporary)", "");
    if let Some((first, last)) = cell.split_once('…') {
        let (first, last) = (status(first), status(last));
        let all = Status::ALL.iter().copied();
        return all
            .skip_while(|s| *s != first)
            .take_while(|s| *s <= last)
            .collect();
    }
    cell.split(',').map(status).collect()
}

fn status(text: &str) -> Status {
    let code: String = text
        .trim()
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    Status::parse(&code).unwrap_or_else(|| panic!("{text:?} is no status"))
}

/// What a step leads the row's statuses to; a dash or a refusal leads nowhere.
fn lead(edges: &mut BTreeSet<Edge>, from: &[Status], step: Step, cell: &str) {
    let cell = cell.trim();
    if cell == "–" || cell.starts_with("refused") {
        return;
    }
    if cell == "same" || cell == "themselves" {
        edges.extend(from.iter().map(|s| (*s, step, *s)));
        return;
    }
    let to = statuses(cell);
    assert!(to.len() == from.len() || to.len() == 1, "{cell}");
    for (at, from) in from.iter().enumerate() {
        edges.insert((*from, step, *to.get(at).unwrap_or(&to[0])));
    }
}

/// The edges of one row of the page.
fn row(edges: &mut BTreeSet<Edge>, cells: &[&str]) {
    let from = statuses(cells[0]);
    let paid = if cells[1].contains("(deposit)") {
        Step::DepositPaid
    } else {
        Step::DuesPaid
    };
    lead(edges, &from, paid, cells[1]);
    lead(edges, &from, Step::MonthClosed, cells[2]);
    lead(edges, &from, Step::Disconnected, cells[3]);
    let back = if cells[4].contains("(reactivation)") {
        Step::Reactivated
    } else {
        Step::Reconnected
    };
    lead(edges, &from, back, cells[4]);
    if let Some((paid, owing)) = cells[5].split_once('/') {
        lead(edges, &from, Step::EndedPaid, paid);
        lead(edges, &from, Step::EndedOwing, owing);
    }
    if let Some((owing, paid)) = cells[6].split_once("(nothing owed:") {
        lead(edges, &from, Step::StoppedOwing, owing);
        lead(edges, &from, Step::StoppedPaid, paid);
    } else {
        lead(edges, &from, Step::StoppedOwing, cells[6]);
    }
}

#[test]
fn e1_e9_the_edges_in_code_are_those_of_the_table_in_the_rules() {
    let table = PAGE.split("| from | all dues paid |").nth(1).unwrap();
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let mut told = BTreeSet::new();
    for line in rows {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        row(&mut told, &cells);
    }
    // Said below the table, and among the decided cases: from PNR the fee may lead to PDOR (E9).
    assert!(PAGE.contains("NEW → EXTN by the JE's extension"));
    told.insert((Status::New, Step::Extended, Status::Extn));
    assert!(PAGE.contains("From PNR the end may lead to PDOR"));
    for pnr in statuses("PNR1…PNR5") {
        told.insert((pnr, Step::EndedOwing, Status::Pdor));
    }
    let coded: BTreeSet<Edge> = EDGES.iter().copied().collect();
    let (missing, beyond): (Vec<_>, Vec<_>) = (
        told.difference(&coded).collect(),
        coded.difference(&told).collect(),
    );
    assert!(
        missing.is_empty() && beyond.is_empty(),
        "not in code: {missing:?}; not in the rules: {beyond:?}"
    );
}
