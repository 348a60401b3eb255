//! The two sides of the handshake in every order of their store calls.
//!
//! Both sides believe that they have the lock. The real code of each side runs in a thread of its own on the same
//! objects; a schedule determines the order of calls. Only calls that the other side can notice are scheduled: those
//! on the alias, the mark, the seal and the holds, and listings of the stream. All others commute with whatever the
//! other side does.

use crate::commit::handshake::*;
use crate::decide::policy::Policy;
use crate::mirror::{Chosen, LockError, Mirror, Setup, Ticket, TicketKind, Trashed, WriteLock};
use crate::model::{BuildId, Digest, Outcome, RelPath, Stamp};
use crate::ops::retention::plan::evaluate;
use crate::ops::retention::recheck::Recheck;
use crate::record::{BuildRecord, Hold, LabelValue, Origin, Payload};
use crate::store::{
    Abilities, Append, Below, Entry, Fill, Filled, Guard, Kind, LinkTarget, Listing, ObjectStore, Pointer,
    Put, Result, Scan, Share, Shared, SourceFile, Space, Store, StoreErrorKind, Swept, Take, Unfinished,
    Uploads,
};
use std::io::Read;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

const BUILD: &str = "master/centos/20181205T060000Z";

/// Who makes a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Goes,
    Protects,
}

/// Whose call is next, and the progress of both.
#[derive(Debug, Default)]
struct Turns {
    order: Vec<Side>,
    next: usize,
    /// Calls before the sides meet are not scheduled.
    met: bool,
    done: Vec<Side>,
    calls: Vec<(Side, String)>,
}

impl Turns {
    /// Returns whether a side may make its call now.
    fn may(&mut self, side: Side) -> bool {
        while self.order.get(self.next).is_some_and(|next| self.done.contains(next)) {
            self.next += 1;
        }
        self.order.get(self.next).is_none_or(|next| *next == side)
    }
}

type Table = Arc<(Mutex<Turns>, Condvar)>;

/// The objects as one side sees them.
#[derive(Debug)]
struct Stepped {
    inner: Arc<ObjectStore>,
    side: Side,
    turns: Table,
}

impl Stepped {
    fn step<T>(&self, what: &str, at: &RelPath, call: impl FnOnce() -> T) -> T {
        let text = at.as_str();
        let seal = format!(".mirrorkeep/builds/{BUILD}.json");
        let contested = text == "master/centos/stable"
            || text == format!(".mirrorkeep/going/{BUILD}.json")
            || text == seal
            || text == format!(".mirrorkeep/holds/{BUILD}.json")
            || what == "list" && text == "master/centos";
        let (turns, woken) = &*self.turns;
        let mut held = turns.lock().unwrap();
        if !held.met || !contested {
            drop(held);
            return call();
        }
        while !held.may(self.side) {
            held = woken.wait(held).unwrap();
        }
        held.next += 1;
        held.calls.push((self.side, format!("{what} {text}")));
        let answer = call();
        woken.notify_all();
        answer
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for Stepped {
    fn abilities(&self) -> Abilities {
        self.inner.abilities()
    }
    fn shown(&self) -> String {
        self.inner.shown()
    }
    fn look(&self, at: &RelPath) -> Result<Option<Entry>> {
        self.step("look", at, || self.inner.look(at))
    }
    fn list(&self, dir: &RelPath) -> Result<Listing> {
        self.step("list", dir, || self.inner.list(dir))
    }
    fn below(&self, dir: &RelPath) -> Result<Vec<Below>> {
        self.step("below", dir, || self.inner.below(dir))
    }
    fn read(&self, at: &RelPath, limit: u64) -> Result<Vec<u8>> {
        self.step("read", at, || self.inner.read(at, limit))
    }
    fn open(&self, at: &RelPath) -> Result<Box<dyn Read + Send>> {
        self.inner.open(at)
    }
    fn put(&self, at: &RelPath, bytes: &[u8], how: Put) -> Result<()> {
        self.step("put", at, || self.inner.put(at, bytes, how))
    }
    fn renew(&self, at: &RelPath, old: &[u8], new: &[u8]) -> Result<()> {
        self.step("renew", at, || self.inner.renew(at, old, new))
    }
    fn append(&self, log: &RelPath, line: &[u8], how: Append) -> Result<()> {
        self.inner.append(log, line, how)
    }
    fn remove(&self, at: &RelPath) -> Result<()> {
        self.step("remove", at, || self.inner.remove(at))
    }
    fn is_held(&self, at: &RelPath) -> Result<bool> {
        self.inner.is_held(at)
    }
    fn remove_dir(&self, at: &RelPath) -> Result<()> {
        self.inner.remove_dir(at)
    }
    fn make_dir(&self, at: &RelPath) -> Result<()> {
        self.inner.make_dir(at)
    }
    fn fill(&self, at: &RelPath, from: &mut dyn Read, how: Fill) -> Result<Filled> {
        self.inner.fill(at, from, how)
    }
    fn share(&self, from: &RelPath, to: &RelPath, how: Share, fill: Fill) -> Result<Shared> {
        self.inner.share(from, to, how, fill)
    }
    fn take(&self, from: &SourceFile<'_>, at: &RelPath, how: Take, fill: Fill) -> Result<Shared> {
        self.inner.take(from, at, how, fill)
    }
    fn link(&self, at: &RelPath, text: &str) -> Result<()> {
        self.step("link", at, || self.inner.link(at, text))
    }
    fn sync_tree(&self, at: &RelPath) -> Result<()> {
        self.inner.sync_tree(at)
    }
    fn rename_tree(&self, from: &RelPath, to: &RelPath) -> Result<()> {
        self.inner.rename_tree(from, to)
    }
    fn point(&self, at: &RelPath, target: &RelPath) -> Result<()> {
        self.step("point", at, || self.inner.point(at, target))
    }
    fn lock(&self, _at: &RelPath, _who: &str, _wait: Duration) -> Result<Guard> {
        // The lease has expired, while both believe to have it.
        Ok(Guard::new(()))
    }
    fn discard(&self, at: &RelPath) -> Result<u64> {
        self.inner.discard(at)
    }
    fn is_at_its_path(&self) -> Result<bool> {
        self.inner.is_at_its_path()
    }
    fn noted_digest(&self, at: &RelPath) -> Result<Option<Digest>> {
        self.inner.noted_digest(at)
    }
    fn link_text(&self, at: &RelPath) -> Result<Option<String>> {
        self.step("link_text", at, || self.inner.link_text(at))
    }
    fn scan(&self, dir: &RelPath) -> Result<Scan> {
        self.step("scan", dir, || self.inner.scan(dir))
    }
    fn target(&self, at: &RelPath) -> Result<LinkTarget> {
        self.step("target", at, || self.inner.target(at))
    }
    fn pointers(&self, dir: &RelPath) -> Result<Vec<Pointer>> {
        self.step("pointers", dir, || self.inner.pointers(dir))
    }
    fn odd_pointers(&self, dir: &RelPath) -> Result<Vec<Pointer>> {
        self.step("odd_pointers", dir, || self.inner.odd_pointers(dir))
    }
    fn remove_all(&self, these: &[(RelPath, Kind)]) -> Swept {
        self.inner.remove_all(these)
    }
    fn fill_known(&self, at: &RelPath, from: &mut dyn Read, how: Fill, digest: Digest) -> Result<Filled> {
        self.inner.fill_known(at, from, how, digest)
    }
    fn unfinished(&self, which: Uploads) -> Result<Vec<Unfinished>> {
        self.inner.unfinished(which)
    }
    fn give_up(&self, upload: &Unfinished) -> Result<()> {
        self.inner.give_up(upload)
    }
    fn exchange(&self, one: &RelPath, other: &RelPath) -> Result<()> {
        self.inner.exchange(one, other)
    }
    fn space(&self) -> Result<Option<Space>> {
        self.inner.space()
    }
    fn mounts(&self) -> Result<Vec<RelPath>> {
        self.inner.mounts()
    }
    fn sweep(&self, at: &RelPath) -> Swept {
        self.inner.sweep(at)
    }
    fn pace(&self, entries_a_second: Option<std::num::NonZeroU32>) {
        self.inner.pace(entries_a_second);
    }
}

const NEWER: &str = "master/centos/20181206T060000Z";

/// Only the newest build stays.
const POLICY: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1}
families:
  - {name: all, match: \"**\", keep: [{last: 1}]}
";

fn at(text: &str) -> RelPath {
    text.parse().unwrap()
}

fn id(text: &str) -> BuildId {
    text.parse().unwrap()
}

fn now() -> Stamp {
    "20181210T060000Z".parse().unwrap()
}

fn record(build: &str) -> BuildRecord {
    let created = build.rsplit('/').next().unwrap().parse().ok();
    BuildRecord {
        record: 1,
        id: id(build),
        created,
        seq: 0,
        confirmed_at: None,
        published: created,
        result: Outcome::Success,
        labels: crate::record::Labels::default(),
        requires: Vec::new(),
        trimmed: Vec::new(),
        files: 1,
        bytes: 1,
        sums: None,
        origin: Origin::Published,
        problem: None,
    }
}

/// Returns a bucket with two builds, of which the policy deletes the older one.
fn bucket() -> Arc<ObjectStore> {
    let store = Arc::new(ObjectStore::in_memory().unwrap());
    let setup = Setup {
        layout: Chosen::Shipped("starlingx".to_owned()),
        policy: Some(Chosen::File(POLICY.to_owned())),
        pipeline: None,
        id: "a test".to_owned(),
    };
    let mirror = Mirror::init(Arc::<ObjectStore>::clone(&store), &setup, "a test", Duration::ZERO).unwrap();
    let lock = locked(&mirror);
    for build in [BUILD, NEWER] {
        store.put(&at(&format!("{build}/outputs/logs/log")), b"x", Put::Create).unwrap();
        lock.seal(&record(build)).unwrap();
        let published = Payload::Published { result: Outcome::Success, created: None, files: 1, bytes: 1 };
        lock.note(Stamp::default(), build, &published).unwrap();
    }
    store.point(&at("master/centos/latest_build"), &at(NEWER)).unwrap();
    drop(lock);
    store
}

/// Takes the lock and recovers nothing: what the other side has begun is not over.
fn locked(mirror: &Mirror) -> WriteLock<'_> {
    mirror.lock_and_recover(&now, |_| Ok::<_, LockError>(())).unwrap().0
}

/// The result of one side: whether it succeeded.
type End = std::result::Result<bool, String>;

/// Deletes the build, as prune does; true if it was deleted.
fn goes(lock: &WriteLock<'_>, meet: &dyn Fn()) -> End {
    let mirror = lock.mirror();
    let policy = Policy::load(POLICY, "test").unwrap();
    let mut planned = evaluate(mirror, Some(policy), now(), crate::decide::PreviousRuns::default()).unwrap();
    let mut recheck = Recheck::new(lock.next_seq());
    assert_eq!(recheck.protects(lock, &mut planned, &id(BUILD)).unwrap(), None);
    let (what, inode) = (TicketKind::Build, (0, 0));
    let ticket = Ticket {
        ticket: 1,
        id: id(BUILD),
        path: at(BUILD),
        what,
        since: now(),
        until: now(),
        bytes: 1,
        inode,
    };
    let trashed = Trashed { at: RelPath::state("trash/000000000009"), ticket };
    meet();
    let parted = part(lock, &trashed, || recheck.recheck(lock, &mut planned, &id(BUILD)));
    parted.map(|why| why.is_none()).map_err(|error| crate::mirror::chain(&error))
}

/// The protection of the build; true if it is in force.
type Protects = fn(&WriteLock<'_>, &dyn Fn()) -> End;

fn aliases(lock: &WriteLock<'_>, meet: &dyn Fn()) -> End {
    meet();
    point(lock, &at("master/centos/stable"), None, &at(BUILD)).map_err(|error| error.to_string())
}

/// The alias points to the newer build before.
fn moves(lock: &WriteLock<'_>, meet: &dyn Fn()) -> End {
    let stable = at("master/centos/stable");
    lock.mirror().store().point(&stable, &at(NEWER)).unwrap();
    meet();
    point(lock, &stable, Some(&at(NEWER)), &at(BUILD)).map_err(|error| error.to_string())
}

fn holds(lock: &WriteLock<'_>, meet: &dyn Fn()) -> End {
    let hold = Hold { who: "ops".to_owned(), why: "bug 7".to_owned(), until: None, since: None };
    let keep = || lock.keep_holds(&id(BUILD), vec![hold]);
    meet();
    let stands = say(lock, &id(BUILD), keep, || lock.keep_holds(&id(BUILD), Vec::new()));
    stands.map_err(|error| error.to_string())
}

fn labels(lock: &WriteLock<'_>, meet: &dyn Fn()) -> End {
    let (old, mut new) = (record(BUILD), record(BUILD));
    let green = LabelValue { value: "green".to_owned(), since: None, who: None, url: None };
    new.labels.insert("sanity".to_owned(), green);
    meet();
    let stands = say(lock, &id(BUILD), || lock.renew_record(&old, &new), || lock.renew_record(&new, &old));
    match stands {
        // Already pruned, or deleted before it could be restored.
        Err(error) if error.is_not_found() || error.kind() == StoreErrorKind::Busy => Ok(false),
        stands => stands.map_err(|error| error.to_string()),
    }
}

/// The results of both sides, the calls in their order, and the store afterwards.
type Run = ((End, End), Vec<(Side, String)>, Arc<ObjectStore>);

/// Runs both sides in that order of their calls; returns the result of each, the calls, and the bucket.
fn run(order: &[Side], protects: Protects) -> Run {
    let inner = bucket();
    let turns: Table = Arc::default();
    turns.0.lock().unwrap().order = order.to_vec();
    let met = std::sync::Barrier::new(2);
    let meet = || {
        met.wait();
        turns.0.lock().unwrap().met = true;
        met.wait();
    };
    let side = |side: Side, does: &(dyn Fn(&WriteLock<'_>, &dyn Fn()) -> End + Sync)| {
        let store = Stepped { inner: Arc::clone(&inner), side, turns: Arc::clone(&turns) };
        let mirror = Mirror::open(Arc::new(store), "a test", Duration::ZERO).unwrap();
        let end = does(&locked(&mirror), &meet);
        turns.0.lock().unwrap().done.push(side);
        turns.1.notify_all();
        end
    };
    let ends = std::thread::scope(|scope| {
        let other = scope.spawn(|| side(Side::Protects, &protects));
        let end = side(Side::Goes, &goes);
        (end, other.join().unwrap())
    });
    let calls = std::mem::take(&mut turns.0.lock().unwrap().calls);
    (ends, calls, inner)
}

/// Returns every order of N calls of the one side and M of the other.
fn orders(goes: usize, protects: usize) -> Vec<Vec<Side>> {
    if goes == 0 || protects == 0 {
        return vec![[vec![Side::Goes; goes], vec![Side::Protects; protects]].concat()];
    }
    let first = |side, rest: Vec<Vec<Side>>| rest.into_iter().map(move |rest| [vec![side], rest].concat());
    let one = first(Side::Goes, orders(goes - 1, protects));
    one.chain(first(Side::Protects, orders(goes, protects - 1))).collect()
}

/// Returns what is wrong after both ended; an alias that was not moved must point where it pointed `before`.
fn wrong((goes, protects): &(End, End), store: &ObjectStore, before: Option<&str>) -> Option<String> {
    let there = |text: &str| store.look(&RelPath::state(text)).unwrap().is_some();
    let sealed = there(&format!("builds/{BUILD}.json"));
    let named = store.look(&at("master/centos/stable")).unwrap().and_then(|entry| entry.link);
    let before = before.map(|build| at("master/centos/stable").link_to(&at(build)));
    let held = there(&format!("holds/{BUILD}.json"));
    match (goes, protects) {
        (Err(why), _) | (_, Err(why)) => Some(why.clone()),
        (Ok(true), Ok(true)) => Some("both had their way".to_owned()),
        (Ok(gone), _) if *gone == sealed => Some(format!("gone is {gone}, and sealed is {sealed}")),
        (_, Ok(false)) if named != before || held => Some("what did not stand is there".to_owned()),
        _ if there(&format!("going/{BUILD}.json")) => Some("the mark stays".to_owned()),
        _ => None,
    }
}

#[track_caller]
fn in_every_order(protects: Protects, before: Option<&str>) {
    // One side after the other, to count the calls that each can make.
    let count = |calls: &[(Side, String)], side| calls.iter().filter(|(by, _)| *by == side).count();
    let (_, first, _) = run(&[Side::Goes; 64], protects);
    let (_, last, _) = run(&[Side::Protects; 64], protects);
    let most = |side| count(&first, side).max(count(&last, side));
    let orders = orders(most(Side::Goes), most(Side::Protects));
    assert!(orders.len() > 100, "{first:?} {last:?}");
    let mut ends = std::collections::BTreeSet::new();
    for order in &orders {
        let (end, calls, store) = run(order, protects);
        if let Some(why) = wrong(&end, &store, before) {
            panic!("{why} of {} orders: {calls:#?}", orders.len());
        }
        ends.insert(end);
    }
    // Each side succeeds in some order.
    assert!(ends.contains(&(Ok(true), Ok(false))) && ends.contains(&(Ok(false), Ok(true))), "{ends:?}");
}

#[test]
fn a_name_and_a_prune_see_each_other_in_every_order() {
    in_every_order(aliases, None);
}

#[test]
fn a_name_that_moves_and_a_prune_see_each_other_in_every_order() {
    in_every_order(moves, Some(NEWER));
}

#[test]
fn a_hold_and_a_prune_see_each_other_in_every_order() {
    in_every_order(holds, None);
}

#[test]
fn a_label_and_a_prune_see_each_other_in_every_order() {
    in_every_order(labels, None);
}
