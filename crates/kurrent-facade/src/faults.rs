//! What goes wrong on demand: answers lost after the commit, requests lost before it, a server that is not
//! the leader, or not ready, or cut off from its cluster, slow reads, restarts, connections refused.
//!
//! A handle is shared between a test and the server and may be changed while it serves. A server in another
//! process takes a plan as text: `drop-reply=5%,drop=2%,not-leader=3%,slow-read=20ms,seed=7`. The same seed
//! draws the same faults for the same calls in the same order. A plan that is off draws nothing.

use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::config::Advertised;

/// How long a call is left without an answer before it ends anyway, so that a client without a deadline does
/// not hold its call for ever.
pub(crate) const SILENCE: Duration = Duration::from_secs(60);
/// What [`Faults::restart`] waits for beyond the time the server is asked to be away.
const RESTART_WAIT: Duration = Duration::from_secs(30);
const MILLION: u32 = 1_000_000;

/// How often a fault strikes, in millionths of the calls it may strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rate(u32);

impl Rate {
    /// Never.
    pub const NEVER: Self = Self(0);
    /// Every time.
    pub const ALWAYS: Self = Self(MILLION);

    /// So many of a hundred, at most all.
    #[must_use]
    pub fn percent(percent: u32) -> Self {
        Self(percent.saturating_mul(10_000).min(MILLION))
    }
}

/// Which faults, how often.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FaultPlan {
    /// The append is committed and its answer never sent.
    pub drop_reply: Rate,
    /// The append is committed and its connection cut before the answer.
    pub break_after_commit: Rate,
    /// The append is ignored: nothing is committed, nothing answered.
    pub drop: Rate,
    /// After so many appends, counted from when the plan was set, every further one is ignored.
    pub hold_after: Option<u64>,
    /// The append, or a read that requires the leader, is told to ask another member. In a batch that ends the
    /// call: answers that are still under way are lost with it.
    pub not_leader: Rate,
    /// That other member; this server itself when `None`.
    pub leader: Option<Advertised>,
    /// The append is answered as by a server that is not ready: with a status that has no code, and nothing is
    /// committed. The call goes on.
    pub not_ready: Rate,
    /// The server answers but is cut off from its cluster: it is not ready for any append, turns reads away,
    /// leaves subscriptions silent, and says that it does not lead.
    pub isolated: bool,
    /// Pause before each page that is read.
    pub slow_read: Duration,
    /// New connections are closed at once.
    pub refuse_connections: bool,
    /// Restarts by itself this often; zero for never.
    pub restart_every: Duration,
    /// How long a restart by itself takes.
    pub down: Duration,
    /// Where the draws begin.
    pub seed: u64,
}

/// A text that is no plan of faults.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fault {part:?}: {why}")]
pub struct BadFaults {
    /// The part of the text.
    pub part: String,
    /// What is wrong with it and what would do.
    pub why: &'static str,
}

const NAMES: &str = "write drop-reply, break, drop, not-leader, not-ready (percent), leader (host:port), hold-after (appends), slow-read, restart-every, down (ms or s), isolated, refuse-connections (on or off) or seed";

impl FromStr for FaultPlan {
    type Err = BadFaults;

    fn from_str(text: &str) -> Result<Self, BadFaults> {
        let mut plan = Self::default();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let bad = |why| BadFaults {
                part: part.to_owned(),
                why,
            };
            let (name, value) = part.split_once('=').ok_or_else(|| bad(NAMES))?;
            let rate = || {
                rate_of(value)
                    .ok_or_else(|| bad("write a percentage up to 100%, such as 5% or 0.25%"))
            };
            let switch = || match value {
                "on" => Ok(true),
                "off" => Ok(false),
                _ => Err(bad("write on or off")),
            };
            let time = || time_of(value).ok_or_else(|| bad("write a time such as 20ms or 5s"));
            match name {
                "drop-reply" => plan.drop_reply = rate()?,
                "break" => plan.break_after_commit = rate()?,
                "drop" => plan.drop = rate()?,
                "not-leader" => plan.not_leader = rate()?,
                "not-ready" => plan.not_ready = rate()?,
                "leader" => {
                    plan.leader = Some(endpoint_of(value).ok_or_else(|| bad("write host:port"))?);
                }
                "hold-after" => {
                    let appends = value
                        .parse()
                        .map_err(|_| bad("write a number of appends"))?;
                    plan.hold_after = Some(appends);
                }
                "slow-read" => plan.slow_read = time()?,
                "restart-every" => plan.restart_every = time()?,
                "down" => plan.down = time()?,
                "refuse-connections" => plan.refuse_connections = switch()?,
                "isolated" => plan.isolated = switch()?,
                "seed" => plan.seed = value.parse().map_err(|_| bad("write a number"))?,
                _ => return Err(bad(NAMES)),
            }
        }
        Ok(plan)
    }
}

/// A percentage with at most four decimals.
fn rate_of(text: &str) -> Option<Rate> {
    let number = text.strip_suffix('%')?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if part.len() > 4 || !part.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part: u32 = format!("{part:0<4}").parse().ok()?;
    let millionths = whole.parse::<u32>().ok()?.checked_mul(10_000)?;
    let rate = millionths.checked_add(part)?;
    (rate <= MILLION).then_some(Rate(rate))
}

fn time_of(text: &str) -> Option<Duration> {
    if let Some(ms) = text.strip_suffix("ms") {
        ms.parse().ok().map(Duration::from_millis)
    } else {
        text.strip_suffix('s')?
            .parse()
            .ok()
            .map(Duration::from_secs)
    }
}

fn endpoint_of(text: &str) -> Option<Advertised> {
    let (host, port) = text.rsplit_once(':')?;
    (!host.is_empty()).then_some(())?;
    let named = Advertised {
        host: host.to_owned(),
        port: port.parse().ok()?,
    };
    Some(named.plain())
}

/// How often each fault struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Strikes {
    /// Answers never sent.
    pub drop_reply: u64,
    /// Connections cut after a commit.
    pub break_after_commit: u64,
    /// Requests ignored.
    pub drop: u64,
    /// Calls told to ask another member.
    pub not_leader: u64,
    /// Appends answered as not ready.
    pub not_ready: u64,
    /// Pages read late.
    pub slow_read: u64,
    /// Connections refused.
    pub refused: u64,
    /// Restarts done.
    pub restarts: u64,
}

#[derive(Debug, Default)]
struct Counters {
    drop_reply: AtomicU64,
    break_after_commit: AtomicU64,
    drop: AtomicU64,
    not_leader: AtomicU64,
    not_ready: AtomicU64,
    slow_read: AtomicU64,
    refused: AtomicU64,
}

#[derive(Debug)]
struct Drawn {
    plan: FaultPlan,
    state: u64,
    /// Appends since the plan was set.
    appends: u64,
}

/// A restart that was asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Restart {
    pub(crate) number: u64,
    pub(crate) down: Duration,
}

#[derive(Debug)]
struct Inner {
    drawn: Mutex<Drawn>,
    counters: Counters,
    asked: watch::Sender<Restart>,
    done: watch::Sender<u64>,
    changed: watch::Sender<()>,
    holding: watch::Sender<bool>,
}

/// The handle: clones share one plan and its counters.
#[derive(Debug, Clone)]
pub struct Faults(Arc<Inner>);

/// What happens to one append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing unusual.
    Usual,
    /// Ignored.
    Dropped,
    /// Committed and never answered.
    ReplyDropped,
    /// Committed, then the connection is cut.
    Broken,
    /// Told to ask another member.
    NotLeader,
    /// Answered as not ready.
    NotReady,
}

impl Faults {
    /// Nothing goes wrong.
    #[must_use]
    pub fn none() -> Self {
        Self::new(FaultPlan::default())
    }

    /// This goes wrong.
    #[must_use]
    pub fn new(plan: FaultPlan) -> Self {
        let state = plan.seed;
        Self(Arc::new(Inner {
            drawn: Mutex::new(Drawn {
                plan,
                state,
                appends: 0,
            }),
            counters: Counters::default(),
            asked: watch::Sender::new(Restart::default()),
            done: watch::Sender::new(0),
            changed: watch::Sender::new(()),
            holding: watch::Sender::new(false),
        }))
    }

    /// From now on this goes wrong; the draws begin anew at the plan's seed.
    pub fn set(&self, plan: FaultPlan) {
        let mut drawn = self.drawn();
        drawn.state = plan.seed;
        drawn.appends = 0;
        drawn.plan = plan;
        drop(drawn);
        self.0.holding.send_replace(false);
        self.0.changed.send_replace(());
    }

    /// The plan as it is now.
    #[must_use]
    pub fn plan(&self) -> FaultPlan {
        self.drawn().plan.clone()
    }

    /// How often each struck since the handle was made.
    #[must_use]
    pub fn strikes(&self) -> Strikes {
        let counters = &self.0.counters;
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Strikes {
            drop_reply: of(&counters.drop_reply),
            break_after_commit: of(&counters.break_after_commit),
            drop: of(&counters.drop),
            not_leader: of(&counters.not_leader),
            not_ready: of(&counters.not_ready),
            slow_read: of(&counters.slow_read),
            refused: of(&counters.refused),
            restarts: *self.0.done.borrow(),
        }
    }

    /// Cuts all connections, stops listening, and listens again on the same port after `down`. The store
    /// stays; ids seen before are forgotten, as by a process that starts anew. Gives whether the server came
    /// back; it does not when none is running.
    pub async fn restart(&self, down: Duration) -> bool {
        let mut done = self.0.done.subscribe();
        let before = *done.borrow_and_update();
        self.0.asked.send_modify(|restart| {
            restart.number = restart.number.wrapping_add(1);
            restart.down = down;
        });
        let wait = down.saturating_add(RESTART_WAIT);
        let came_back = tokio::time::timeout(wait, done.wait_for(|count| *count > before)).await;
        matches!(came_back, Ok(Ok(_)))
    }

    /// Resolves when an append was ignored for [`FaultPlan::hold_after`].
    pub async fn until_holding(&self) {
        let mut holding = self.0.holding.subscribe();
        // The sender lives as long as this handle.
        let _ = holding.wait_for(|holding| *holding).await;
    }

    pub(crate) fn restarts(&self) -> watch::Receiver<Restart> {
        self.0.asked.subscribe()
    }

    /// Resolves when the plan was changed.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    pub(crate) fn restart_done(&self) {
        self.0
            .done
            .send_modify(|count| *count = count.saturating_add(1));
    }

    /// Draws what happens to an append.
    pub(crate) fn fate(&self) -> Fate {
        let mut drawn = self.drawn();
        if drawn.holds() {
            drop(drawn);
            self.0.holding.send_replace(true);
            count(&self.0.counters.drop);
            return Fate::Dropped;
        }
        let plan = &drawn.plan;
        let not_ready = if plan.isolated {
            Rate::ALWAYS
        } else {
            plan.not_ready
        };
        let faults = [
            (not_ready, Fate::NotReady),
            (plan.not_leader, Fate::NotLeader),
            (plan.drop, Fate::Dropped),
            (plan.drop_reply, Fate::ReplyDropped),
            (plan.break_after_commit, Fate::Broken),
        ];
        let fate = faults
            .into_iter()
            .find(|(rate, _)| drawn.strikes(*rate))
            .map_or(Fate::Usual, |(_, fate)| fate);
        drop(drawn);
        match fate {
            Fate::Usual | Fate::ReplyDropped | Fate::Broken => {}
            Fate::Dropped => count(&self.0.counters.drop),
            Fate::NotLeader => count(&self.0.counters.not_leader),
            Fate::NotReady => count(&self.0.counters.not_ready),
        }
        fate
    }

    /// Draws whether a read that requires the leader is sent away.
    pub(crate) fn sends_reader_away(&self) -> bool {
        let mut drawn = self.drawn();
        let rate = drawn.plan.not_leader;
        let away = drawn.strikes(rate);
        drop(drawn);
        if away {
            count(&self.0.counters.not_leader);
        }
        away
    }

    /// Counts an answer kept back after its commit.
    pub(crate) fn reply_dropped(&self) {
        count(&self.0.counters.drop_reply);
    }

    /// Counts a connection cut after a commit.
    pub(crate) fn broken(&self) {
        count(&self.0.counters.break_after_commit);
    }

    /// Waits as a slow reader's server does.
    pub(crate) async fn slow_read(&self) {
        let pause = self.drawn().plan.slow_read;
        if !pause.is_zero() {
            count(&self.0.counters.slow_read);
            tokio::time::sleep(pause).await;
        }
    }

    pub(crate) fn refuses_connection(&self) -> bool {
        let refuses = self.drawn().plan.refuse_connections;
        if refuses {
            count(&self.0.counters.refused);
        }
        refuses
    }

    /// Whether the server is cut off from its cluster.
    pub(crate) fn isolated(&self) -> bool {
        self.drawn().plan.isolated
    }

    /// Waits while the server is cut off from its cluster.
    pub(crate) async fn while_isolated(&self) {
        let mut changes = self.changes();
        while self.isolated() {
            // The sender lives as long as this handle.
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    fn drawn(&self) -> MutexGuard<'_, Drawn> {
        // Nothing panics under this lock.
        self.0.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drawn {
    /// Counts an append; whether it comes after as many as are let through.
    fn holds(&mut self) -> bool {
        self.appends = self.appends.saturating_add(1);
        self.plan
            .hold_after
            .is_some_and(|after| self.appends > after)
    }

    fn strikes(&mut self, rate: Rate) -> bool {
        if rate == Rate::NEVER {
            return false;
        }
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let drawn = mixed(self.state) % u64::from(MILLION);
        drawn < u64::from(rate.0)
    }
}

/// Spreads a counter over all numbers (the finisher of SplitMix64).
fn mixed(state: u64) -> u64 {
    let a = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let b = (a ^ (a >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    b ^ (b >> 31)
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_from_its_text() {
        let text = "drop-reply=5%, drop=0.25%,not-leader=100%,leader=[::1]:2113,hold-after=3,slow-read=20ms,restart-every=5s,down=300ms,refuse-connections=on,not-ready=1%,isolated=on,seed=7";
        let plan: FaultPlan = text.parse().expect("a plan");
        assert_eq!(plan.drop_reply, Rate(50_000));
        assert_eq!(plan.drop, Rate(2_500));
        assert_eq!(plan.not_leader, Rate::ALWAYS);
        let leader = plan.leader.map(|leader| (leader.host, leader.port));
        assert_eq!(leader, Some(("::1".to_owned(), 2113)));
        assert_eq!(plan.hold_after, Some(3));
        assert_eq!(plan.slow_read, Duration::from_millis(20));
        assert_eq!(plan.restart_every, Duration::from_secs(5));
        assert!(plan.refuse_connections && plan.isolated);
        assert_eq!(plan.not_ready, Rate(10_000));
        assert_eq!(plan.seed, 7);
    }

    #[test]
    fn a_text_that_is_no_plan_says_which_part() {
        for (text, part) in [
            ("drop=5", "drop=5"),
            ("drop=101%", "drop=101%"),
            ("drop=-1%", "drop=-1%"),
            ("seed=1,late=3%", "late=3%"),
            ("slow-read=20", "slow-read=20"),
            ("leader=here", "leader=here"),
            ("drop", "drop"),
        ] {
            let error = text.parse::<FaultPlan>().expect_err(text);
            assert_eq!(error.part, part);
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_faults_about_as_often_as_asked() {
        let plan = || "drop=20%,drop-reply=20%,seed=9".parse::<FaultPlan>();
        let draw = || {
            let faults = Faults::new(plan().expect("a plan"));
            (0..2_000).map(|_| faults.fate()).collect::<Vec<_>>()
        };
        let (first, second) = (draw(), draw());
        assert_eq!(first, second);
        let dropped = first.iter().filter(|fate| **fate == Fate::Dropped).count();
        assert!((300..500).contains(&dropped), "{dropped} of 2000 at 20%");
    }

    #[tokio::test]
    async fn appends_are_ignored_after_as_many_as_the_plan_says_until_another_plan_is_set() {
        let faults = Faults::new("hold-after=2".parse().expect("a plan"));
        let fates: Vec<Fate> = (0..4).map(|_| faults.fate()).collect();
        assert_eq!(fates[..2], [Fate::Usual, Fate::Usual]);
        assert_eq!(fates[2..], [Fate::Dropped, Fate::Dropped]);
        faults.until_holding().await;
        assert_eq!(faults.strikes().drop, 2);
        faults.set(FaultPlan::default());
        assert_eq!(faults.fate(), Fate::Usual);
    }

    #[test]
    fn nothing_strikes_without_a_plan() {
        let faults = Faults::none();
        assert!((0..1_000).all(|_| faults.fate() == Fate::Usual));
        assert_eq!(faults.strikes(), Strikes::default());
    }
}
