//! Snapshots: believed when they fit, made every so many events.

use super::*;

fn snapshot(revision: u64, event: Uuid, state: &'static str) -> Snapshot {
    let at = SnapshotAt {
        store: STORE,
        schema: Toy.schema_hash(),
        stream: stream("account-1"),
        revision,
        event,
    };
    Snapshot::seal(at, Bytes::from_static(state.as_bytes()))
}

/// Loads `account-1` from this snapshot; the history is three deposits of 10.
fn balance_from(snapshot: Option<Snapshot>) -> (Answer, u64) {
    let history: Vec<_> = (0..3)
        .map(|r| {
            past(
                "account-1",
                r,
                "deposited.v1",
                &format!("key-{r}|10|{}", (r + 1) * 10),
            )
        })
        .collect();
    let mut stage = Stage::with(Toy, ALONE, true, TransactConfig::default());
    stage.ask(1, unkeyed("account-1", What::Ask(0)));
    let (op, Request::LoadSnapshot(_)) = stage.next() else {
        panic!("the snapshot is asked for first")
    };
    stage.give(op, Outcome::Snapshot(snapshot));
    let mut first = None;
    while let Some((op, request)) = stage.asked.pop() {
        let Request::ReadStream {
            from,
            max,
            direction: Direction::Forwards,
            ..
        } = request
        else {
            panic!("only pages are read: {request:?}")
        };
        first.get_or_insert(from);
        let page = history
            .iter()
            .filter(|event| event.revision >= from)
            .take(max)
            .cloned()
            .collect();
        stage.give(op, Outcome::Events(Ok(page)));
    }
    (stage.answers()[0].1.clone(), first.unwrap())
}

#[test]
fn a_snapshot_that_fits_saves_folding_what_it_stands_on() {
    let fits = snapshot(1, Uuid::from_u128(101), "20|None");
    assert_eq!(
        balance_from(Some(fits)),
        (Answer::Enough { balance: 30 }, 1)
    );
    assert_eq!(balance_from(None), (Answer::Enough { balance: 30 }, 0));
}

#[test]
fn a_snapshot_that_does_not_fit_is_ignored() {
    let right = Answer::Enough { balance: 30 };
    let other_event = snapshot(1, Uuid::from_u128(555), "20|None");
    assert_eq!(
        balance_from(Some(other_event)).0,
        right,
        "the stream has another event there"
    );
    let beyond = snapshot(9, Uuid::from_u128(101), "20|None");
    assert_eq!(
        balance_from(Some(beyond)).0,
        right,
        "the stream ends before it"
    );
    let mut spoilt = snapshot(1, Uuid::from_u128(101), "20|None");
    spoilt.state = Bytes::from_static(b"21|None");
    assert_eq!(balance_from(Some(spoilt)).0, right, "its digest differs");
    let nonsense = snapshot(1, Uuid::from_u128(101), "twenty");
    assert_eq!(
        balance_from(Some(nonsense)).0,
        right,
        "the domain cannot read it"
    );
}

#[test]
fn a_snapshot_is_made_every_so_many_events_once_they_are_durable() {
    let config = TransactConfig {
        snapshot_every: 2,
        ..TransactConfig::default()
    };
    let mut stage = Stage::with(Toy, ALONE, true, config);
    stage.ask(1, read(1));
    let (op, _) = stage.next();
    stage.give(op, Outcome::Snapshot(None));
    stage.give_events("account-1", vec![]);
    let (op, commits) = stage.next_append();
    stage.give(op, written(&commits, 10));
    assert!(stage.saved.is_empty());
    stage.ask(2, read(2));
    let (op, commits) = stage.next_append();
    assert!(
        stage.saved.is_empty(),
        "nothing is kept before it is durable"
    );
    stage.give(op, written(&commits, 11));
    assert_eq!(stage.saved.len(), 1);
    assert_eq!(
        (stage.saved[0].at.revision, &stage.saved[0].state[..]),
        (1, &b"-2|Some(2)"[..])
    );
    assert_eq!(stage.saved[0].at.event, commits[0].appends[0].events[0].id);
}
