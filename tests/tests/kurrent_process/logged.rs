//! What the log says at the end, read with `ledger replay`: no key twice, no plan unfinished, no lock left.

use std::collections::{BTreeMap, HashMap, HashSet};

use ledger_tests::Server;
use serde_json::Value;

/// The log of a stopped ledger.
pub(crate) struct Logged(Vec<Value>);

/// What became of the plans of claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Plans {
    pub(crate) carried_out: usize,
    /// Others took the place of a step; the key was decided again behind it.
    pub(crate) void: usize,
}

impl Logged {
    pub(crate) fn of(server: &Server) -> Self {
        let output = server.run(&["replay"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let text = String::from_utf8(output.stdout).unwrap();
        let events = text.lines().map(|line| serde_json::from_str(line).unwrap());
        Self(events.collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    fn kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |event| event["kind"] == kind)
    }

    pub(crate) fn count(&self, kind: &str) -> usize {
        self.kind(kind).count()
    }

    /// What every account's stream says, without the traces of how it came to be there.
    pub(crate) fn facts(&self) -> BTreeMap<String, Vec<String>> {
        let mut facts: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for event in &self.0 {
            let (stream, kind) = (event["stream"].as_str().unwrap(), &event["kind"]);
            if stream.starts_with("account-") && kind != "transact-begun.v1" {
                let said = format!("{kind} {}", event["data"]);
                facts.entry(stream.to_owned()).or_default().push(said);
            }
        }
        facts
    }

    /// How often money was credited under each reference of a payment.
    pub(crate) fn credited(&self) -> BTreeMap<String, usize> {
        let mut times = BTreeMap::new();
        for event in self.kind("credit-topped-up.v1") {
            let reference = event["data"]["pay"]["rf"].as_str();
            let reference = reference.unwrap_or_else(|| panic!("no reference in {event}"));
            *times.entry(reference.to_owned()).or_insert(0) += 1;
        }
        times
    }

    /// Every stream's revisions are there, once each, and no account ends with a lock.
    pub(crate) fn has_whole_streams_without_locks(&self) {
        let mut newest: HashMap<&str, &Value> = HashMap::new();
        for event in &self.0 {
            let stream = event["stream"].as_str().unwrap();
            let revision = event["revision"].as_u64().unwrap();
            let before = newest.insert(stream, event);
            let next = before.map_or(0, |event| event["revision"].as_u64().unwrap() + 1);
            assert_eq!(revision, next, "{event}");
        }
        for event in newest.values() {
            assert_ne!(
                event["kind"], "transact-begun.v1",
                "a lock is left: {event}"
            );
        }
    }

    /// Every plan stands to its last event, or can never be carried out and nothing of it stands.
    pub(crate) fn plans(&self) -> Plans {
        let at: HashMap<(&str, u64), &str> = self
            .0
            .iter()
            .map(|event| {
                let stream = event["stream"].as_str().unwrap();
                let place = (stream, event["revision"].as_u64().unwrap());
                (place, event["id"].as_str().unwrap())
            })
            .collect();
        let mut plans = Plans::default();
        let (mut carried_out, mut halves) = (HashSet::new(), Vec::new());
        for claim in &self.0 {
            let Some(steps) = claim["meta"]["plan"].as_array() else {
                continue;
            };
            let mut stand: Vec<bool> = Vec::new();
            for step in steps {
                let stream = step["s"].as_str().unwrap();
                let first = step["x"].as_u64().map_or(0, |revision| revision + 1);
                for (n, event) in step["e"].as_array().unwrap().iter().enumerate() {
                    let found = at.get(&(stream, first + n as u64)).copied();
                    assert!(
                        found.is_some() || !stand.is_empty() && !stand[stand.len() - 1],
                        "a step is missing and nothing stands in its place: {claim}"
                    );
                    stand.push(found == event["i"].as_str());
                }
            }
            let whole = stand.iter().all(|stands| *stands);
            let named = steps
                .iter()
                .flat_map(|step| step["e"].as_array().unwrap())
                .map(|event| event["i"].as_str().unwrap());
            if whole {
                plans.carried_out += 1;
                carried_out.extend(named);
            } else {
                plans.void += 1;
                let standing = named.zip(stand).filter(|(_, stands)| *stands);
                // Of a void plan its lock may stand, which is the first that it names.
                let locks = steps[0]["e"][0]["k"] == "transact-begun.v1";
                let lock = steps[0]["e"][0]["i"].as_str().filter(|_| locks);
                halves.extend(standing.map(|(id, _)| id).filter(|id| Some(*id) != lock));
            }
        }
        for id in halves {
            // The key was decided again, and the same event stands for that decision.
            assert!(carried_out.contains(id), "{id} is there by half a plan");
        }
        plans
    }
}
