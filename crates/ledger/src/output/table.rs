//! Tables that line up: a heading, columns set to the left or the right, numbers by their points.
//!
//! No frames: a table can be cut with the tools people have. An empty table says so in words.

use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table as Grid};

use crate::output::money::align_points;

/// How a column is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Set {
    /// Text, to the left.
    Left,
    /// Whole numbers, to the right.
    Right,
    /// Decimals, by their points.
    Point,
}

/// A table being filled.
#[derive(Debug)]
pub(crate) struct Table {
    heads: Vec<(String, Set)>,
    rows: Vec<Vec<String>>,
    empty: &'static str,
}

impl Table {
    /// A table with its columns, and what is said when it has no rows.
    pub(crate) fn new(heads: &[(&str, Set)], empty: &'static str) -> Self {
        let heads = heads
            .iter()
            .map(|(head, set)| ((*head).to_owned(), *set))
            .collect();
        Self {
            heads,
            rows: Vec::new(),
            empty,
        }
    }

    /// Adds a row; it has a cell for each column.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        assert!(
            cells.len() == self.heads.len(),
            "a row has a cell for each column"
        );
        self.rows.push(cells);
    }

    /// The table as text, without a line end.
    pub(crate) fn text(&self) -> String {
        if self.rows.is_empty() {
            return self.empty.to_owned();
        }
        let mut grid = Grid::new();
        // One line a row whatever the terminal's width: lines are for tools too.
        grid.load_preset(comfy_table::presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled);
        grid.set_header(self.heads.iter().map(|(head, set)| cell(head, *set)));
        for row in self.aligned() {
            grid.add_row(
                row.into_iter()
                    .zip(&self.heads)
                    .map(|(text, (_, set))| cell(&text, *set)),
            );
        }
        for column in grid.column_iter_mut() {
            column.set_padding((0, 2));
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        let text = grid.to_string();
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        lines.join("\n").replace('\u{a0}', " ")
    }

    fn aligned(&self) -> Vec<Vec<String>> {
        let mut rows = self.rows.clone();
        for (place, (_, set)) in self.heads.iter().enumerate() {
            if *set != Set::Point {
                continue;
            }
            let mut column: Vec<String> = rows
                .iter()
                .filter_map(|row| row.get(place).cloned())
                .collect();
            align_points(&mut column);
            for (row, text) in rows.iter_mut().zip(column) {
                if let Some(cell) = row.get_mut(place) {
                    *cell = text;
                }
            }
        }
        rows
    }
}

fn cell(text: &str, set: Set) -> Cell {
    Cell::new(text).set_alignment(match set {
        Set::Left => CellAlignment::Left,
        Set::Right | Set::Point => CellAlignment::Right,
    })
}

/// Facts under each other, their values lined up: for a single thing.
pub(crate) fn facts(pairs: &[(&str, String)]) -> String {
    let widest = pairs
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    let lines: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name:<widest$}  {value}").trim_end().to_owned())
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_money_by_its_points() {
        let mut table = Table::new(
            &[
                ("utility", Set::Left),
                ("credit", Set::Point),
                ("meters", Set::Right),
            ],
            "no wallets",
        );
        table.row(vec![
            "electricity".to_owned(),
            "-3.00".to_owned(),
            "1".to_owned(),
        ]);
        table.row(vec![
            "water".to_owned(),
            "1204.99763".to_owned(),
            "12".to_owned(),
        ]);
        insta::assert_snapshot!(table.text(), @r"
        utility          credit  meters
        electricity    -3.00          1
        water        1204.99763      12
        ");
    }

    #[test]
    fn an_empty_table_says_so_in_words() {
        assert_eq!(
            Table::new(&[("a", Set::Left)], "no receipts").text(),
            "no receipts"
        );
    }

    #[test]
    fn facts_line_up() {
        let text = facts(&[("account", "A-1".to_owned()), ("class", String::new())]);
        assert_eq!(text, "account  A-1\nclass");
    }
}
