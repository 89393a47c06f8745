//! What a measurement found: figures with their reference, target and verdict, as a table and as JSON.

use serde_json::{Value, json};

use crate::bench::figures::{Ratio, Spread};
use crate::bench::machine::Machine;
use crate::bench::pairs::Pair;
use crate::output::local::grouped;
use crate::output::table::{Set, Table, facts};

/// What a ratio should reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Ours is at least this share of the reference.
    AtLeast(Ratio),
    /// Ours is at most this many times the reference.
    AtMost(Ratio),
    /// Told, not judged.
    None,
}

impl Goal {
    fn is_reached(self, ratio: Ratio) -> Option<bool> {
        match self {
            Self::AtLeast(goal) => Some(ratio >= goal),
            Self::AtMost(goal) => Some(ratio <= goal),
            Self::None => None,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(goal) => format!("≥ {goal}"),
            Self::AtMost(goal) => format!("≤ {goal}"),
            Self::None => "–".to_owned(),
        }
    }

    fn json(self) -> Value {
        match self {
            Self::AtLeast(goal) => json!({"at_least": goal.json()}),
            Self::AtMost(goal) => json!({"at_most": goal.json()}),
            Self::None => Value::Null,
        }
    }
}

/// One figure over all pairs.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    name: String,
    unit: &'static str,
    ours: Spread<u64>,
    reference: Spread<u64>,
    ratio: Spread<Ratio>,
    goal: Goal,
}

impl Line {
    /// The figure in this place of the samples. `None` when there were no pairs or no such figure.
    pub(crate) fn of(
        pairs: &[Pair],
        place: usize,
        name: &str,
        unit: &'static str,
        goal: Goal,
    ) -> Option<Self> {
        let values: Vec<(u64, u64)> = pairs
            .iter()
            .filter_map(|pair| Some((*pair.ours.get(place)?, *pair.reference.get(place)?)))
            .collect();
        Some(Self {
            name: name.to_owned(),
            unit,
            ours: Spread::of(values.iter().map(|(ours, _)| *ours))?,
            reference: Spread::of(values.iter().map(|(_, reference)| *reference))?,
            ratio: Spread::of(
                values
                    .iter()
                    .map(|(ours, reference)| Ratio::of(*ours, *reference)),
            )?,
            goal,
        })
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.unit.to_owned(),
            grouped(self.ours.median),
            grouped(self.reference.median),
            self.ratio.median.to_string(),
            format!("{}–{}", self.ratio.min, self.ratio.max),
            self.goal.text(),
            self.goal
                .is_reached(self.ratio.median)
                .map_or("–", verdict)
                .to_owned(),
        ]
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "unit": self.unit,
            "ours": self.ours.json(Value::from),
            "reference": self.reference.json(Value::from),
            "ratio": self.ratio.json(Ratio::json),
            "target": self.goal.json(),
            "reached": self.goal.is_reached(self.ratio.median),
        })
    }
}

fn verdict(is_reached: bool) -> &'static str {
    if is_reached { "reached" } else { "missed" }
}

/// A figure of its own, without a reference.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    name: String,
    value: u64,
    unit: &'static str,
    limit: Option<u64>,
}

impl Fact {
    /// A figure that is told.
    pub(crate) fn told(name: impl Into<String>, value: u64, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            value,
            unit,
            limit: None,
        }
    }

    /// A figure that should not be larger than `limit`.
    pub(crate) fn at_most(self, limit: u64) -> Self {
        Self {
            limit: Some(limit),
            ..self
        }
    }

    fn text(&self) -> (String, String) {
        let limit = self.limit.map_or(String::new(), |limit| {
            format!(
                " (limit {}: {})",
                grouped(limit),
                verdict(self.value <= limit)
            )
        });
        (
            self.name.clone(),
            format!("{} {}{limit}", grouped(self.value), self.unit),
        )
    }

    fn json(&self) -> Value {
        let reached = self.limit.map(|limit| self.value <= limit);
        json!({"name": self.name, "value": self.value, "unit": self.unit, "limit": self.limit, "reached": reached})
    }
}

/// What a measurement found.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    /// Name of the measurement.
    pub(crate) bench: &'static str,
    /// Where it was taken.
    pub(crate) machine: Machine,
    /// What was durable, on both sides.
    pub(crate) durable: &'static str,
    /// How much was done, by whom, in which layout.
    pub(crate) work: Vec<(&'static str, String)>,
    /// Figures with a reference.
    pub(crate) lines: Vec<Line>,
    /// Figures without one.
    pub(crate) facts: Vec<Fact>,
}

impl Report {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut head = vec![("bench", self.bench.to_owned())];
        head.extend(self.work.iter().map(|(name, value)| (*name, value.clone())));
        head.push(("durable", self.durable.to_owned()));
        head.push(("machine", self.machine.text()));
        let mut parts = vec![facts(&head)];
        if !self.lines.is_empty() {
            parts.push(self.table().text());
        }
        if !self.facts.is_empty() {
            let pairs: Vec<(String, String)> = self.facts.iter().map(Fact::text).collect();
            let pairs: Vec<(&str, String)> = pairs
                .iter()
                .map(|(name, value)| (name.as_str(), value.clone()))
                .collect();
            parts.push(facts(&pairs));
        }
        parts.join("\n\n")
    }

    fn table(&self) -> Table {
        let heads = [
            ("figure", Set::Left),
            ("unit", Set::Left),
            ("ours", Set::Right),
            ("reference", Set::Right),
            ("ratio", Set::Right),
            ("spread", Set::Right),
            ("target", Set::Right),
            ("verdict", Set::Left),
        ];
        let mut table = Table::new(&heads, "nothing was measured");
        for line in &self.lines {
            table.row(line.cells());
        }
        table
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let work: serde_json::Map<String, Value> = self
            .work
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())))
            .collect();
        json!({
            "bench": self.bench,
            "machine": self.machine.json(),
            "durable": self.durable,
            "work": work,
            "lines": self.lines.iter().map(Line::json).collect::<Vec<Value>>(),
            "facts": self.facts.iter().map(Fact::json).collect::<Vec<Value>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs() -> Vec<Pair> {
        [(70, 100), (80, 100), (60, 100)]
            .map(|(ours, reference)| Pair {
                ours: vec![ours],
                reference: vec![reference],
            })
            .to_vec()
    }

    #[test]
    fn a_line_tells_medians_ratio_spread_and_verdict() {
        let goal = Goal::AtLeast(Ratio::thousandths(700));
        let line = Line::of(&pairs(), 0, "batch 64", "events/s", goal).unwrap();
        assert_eq!(
            line.cells(),
            [
                "batch 64",
                "events/s",
                "70",
                "100",
                "0.700",
                "0.600–0.800",
                "≥ 0.700",
                "reached"
            ]
        );
        assert_eq!(line.json()["ratio"]["median"].to_string(), "0.7");
        assert_eq!(line.json()["reached"], true);
    }

    #[test]
    fn a_latency_is_judged_from_above() {
        let goal = Goal::AtMost(Ratio::thousandths(650));
        let line = Line::of(&pairs(), 0, "p99", "µs", goal).unwrap();
        assert_eq!(line.json()["reached"], false);
        assert!(Line::of(&pairs(), 1, "p50", "µs", Goal::None).is_none());
    }

    #[test]
    fn a_limit_is_kept_or_missed() {
        let fact = Fact::told("bytes", 349, "B").at_most(350);
        assert_eq!(fact.text().1, "349 B (limit 350: reached)");
        assert_eq!(
            Fact::told("bytes", 351, "B").at_most(350).json()["reached"],
            false
        );
    }
}
