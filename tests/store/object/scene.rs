//! A mirror in an object store with one build, and what is done to it through a store that may break.

use crate::support::view::{self, chain};
use mirrorkeep::decide::PlanOutcome;
use mirrorkeep::mirror::{Chosen, Mirror, Setup};
use mirrorkeep::model::{BuildId, RelPath, Stamp};
use mirrorkeep::ops::Mode;
use mirrorkeep::ops::adopt::{Changed, Scope as AdoptScope, SumsIn};
use mirrorkeep::ops::publish::{PublishReport, PublishRequest};
use mirrorkeep::ops::retention::PruneOptions;
use mirrorkeep::ops::withdraw::Withdrawing;
use mirrorkeep::record::Event;
use mirrorkeep::session::Session;
use mirrorkeep::store::{Conditions, ObjectStore, Put, Store};
use object_store::memory::InMemory;
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Something that is done to a scene.
pub(super) type Act = fn(&Scene, Arc<dyn Store>) -> Result<(), String>;

pub(super) const ONE: &str = "20181205T060000Z";
pub(super) const TWO: &str = "20181206T060000Z";
pub(super) const THREE: &str = "20181207T060000Z";

const POLICY: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1, trash: 1d}
families:
  - {name: all, match: \"**\", keep: [{last: 1}]}
";

/// A mirror with one build, and a workspace.
pub(super) struct Scene {
    memory: Arc<InMemory>,
    store: Arc<ObjectStore>,
    work: Arc<tempfile::TempDir>,
    /// Opened once for looking: reading a layout takes longer than all else.
    mirror: OnceLock<Mirror>,
}

pub(super) fn publish_two(scene: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    scene.publish(store, TWO).map(drop)
}

pub(super) fn publish_signed(scene: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    let plain = view::publishing(build(TWO), scene.work.path());
    view::publish(&open(store)?, &PublishRequest { signers: view::signers(), ..plain }, &now).map(drop)
}

pub(super) fn publish_one_again(scene: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    scene.publish(store, ONE).map(drop)
}

pub(super) fn label_one(_: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    let green = "sanity=green".parse().unwrap();
    mirrorkeep::ops::alias::label(&Session::new(&open(store)?, &now), &build(ONE), &[green], &[], Mode::Real)
        .map(drop)
        .map_err(chain)
}

pub(super) fn prune(_: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    let report = mirrorkeep::ops::retention::prune(
        &Session::new(&open(store)?, &now),
        &PruneOptions::default(),
        &crate::support::view::no_archive,
        Mode::Real,
    )
    .map_err(chain)?;
    let done = report.failures.is_empty() && report.outcome == PlanOutcome::Ok;
    if done { Ok(()) } else { Err(format!("{:?} {:?}", report.outcome, report.failures)) }
}

pub(super) fn restore_one(_: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    let mirror = open(store)?;
    // Whoever tries again after it worked is told that nothing is in the trash.
    match mirrorkeep::ops::retention::restore(&Session::new(&mirror, &now), &build(ONE), Mode::Real) {
        Err(mirrorkeep::ops::ActError::NotInTrash(_)) if mirror.has_build(&build(ONE)).map_err(chain)? => {
            Ok(())
        }
        done => done.map(drop).map_err(chain),
    }
}

pub(super) fn sweep(_: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    let report =
        mirrorkeep::ops::retention::sweep(&Session::new(&open(store)?, &now), Mode::Real).map_err(chain)?;
    if report.failures.is_empty() { Ok(()) } else { Err(format!("{:?}", report.failures)) }
}

/// Withdraws the newer of two builds.
pub(super) fn withdraw(_: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    take_back(store, false)
}

/// Does the same and deletes its bytes.
pub(super) fn purge(_: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    take_back(store, true)
}

fn take_back(store: Arc<dyn Store>, purge: bool) -> Result<(), String> {
    let what = Withdrawing { id: build(TWO), why: "a secret".to_owned(), force: false, purge };
    let mirror = open(store)?;
    let report = mirrorkeep::ops::withdraw::withdraw(&Session::new(&mirror, &now), &what, Mode::Real)
        .map_err(chain)?;
    if report.failures.is_empty() { Ok(()) } else { Err(format!("{:?}", report.failures)) }
}

/// Lays a build down as others would, with nothing noted beside its files.
pub(super) fn lay_down(_: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    for (at, text) in [
        ("outputs/RPMS/std/a.rpm", "theirs"),
        ("outputs/iso/bootimage.iso", "image"),
        ("outputs/success", ""),
    ] {
        let at = format!("master/centos/{THREE}/{at}").parse().unwrap();
        store.put(&at, text.as_bytes(), Put::Replace).map_err(chain)?;
    }
    Ok(())
}

pub(super) fn adopt(_: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    view::adopt(&open(store)?, AdoptScope::All, SumsIn::Build, Changed::Leave, &now)
}

/// Removes every event.
pub(super) fn lose_journal(_: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    store.remove(&segment()).map_err(chain)
}

/// Removes the events after the sixth.
pub(super) fn lose_events(_: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    let text = String::from_utf8(store.read(&segment(), 1 << 20).map_err(chain)?).unwrap();
    let kept: String = text.split_inclusive('\n').take(6).collect();
    store.put(&segment(), kept.as_bytes(), Put::Replace).map_err(chain)
}

/// Accepts that events are lost.
pub(super) fn accept(_: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    mirrorkeep::recover::accept_loss(&open(store)?, &now).map(drop).map_err(chain)
}

/// Returns where the only segment of the journal is.
pub(super) fn segment() -> RelPath {
    RelPath::state("journal/000000000001.jsonl")
}

pub(super) fn open(store: Arc<dyn Store>) -> Result<Mirror, String> {
    Mirror::open(store, "a test", Duration::from_secs(20)).map_err(chain)
}

pub(super) fn now() -> Stamp {
    // The store has its own clock, and prune compares the two.
    Stamp::from_instant(chrono::Utc::now()).unwrap()
}

pub(super) fn build(name: &str) -> BuildId {
    format!("master/centos/{name}").parse().unwrap()
}

impl Scene {
    pub(super) fn new() -> Self {
        let scene = Self::over(InMemory::new(), Arc::new(tempfile::tempdir().unwrap()));
        let setup = Setup {
            layout: Chosen::Shipped("starlingx".to_owned()),
            policy: Some(Chosen::File(POLICY.to_owned())),
            pipeline: None,
            id: "x".to_owned(),
        };
        Mirror::init(scene.store(), &setup, "a test", Duration::ZERO).unwrap();
        scene.write("outputs/RPMS/std/a.rpm", "the same in all");
        scene.write("outputs/RPMS/std/large.rpm", &"large enough to be copied by the store".repeat(2000));
        scene.write("outputs/iso/bootimage.iso", "of the first");
        symlink("bootimage.iso", scene.work.path().join("outputs/iso/image.iso")).unwrap();
        scene.publish(scene.store(), ONE).unwrap();
        scene
    }

    fn over(memory: InMemory, work: Arc<tempfile::TempDir>) -> Self {
        let memory = Arc::new(memory);
        let client = Arc::<InMemory>::clone(&memory);
        let store = ObjectStore::new(client, "memory:", Conditions::Honoured).unwrap();
        let store = Arc::new(store.naming_uploads(Arc::<InMemory>::clone(&memory)));
        Self { memory, store, work, mirror: OnceLock::new() }
    }

    /// Returns another scene that is as this one is now.
    pub(super) fn fork(&self) -> Self {
        Self::over(self.memory.fork(), Arc::<tempfile::TempDir>::clone(&self.work))
    }

    pub(super) fn store(&self) -> Arc<dyn Store> {
        Arc::<ObjectStore>::clone(&self.store)
    }

    pub(super) fn work(&self) -> &std::path::Path {
        self.work.path()
    }

    pub(super) fn write(&self, below: &str, text: &str) {
        let path = self.work.path().join(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Makes a file of what was a link.
    pub(super) fn write_over_the_link(&self) {
        fs::remove_file(self.work.path().join("outputs/iso/image.iso")).unwrap();
        self.write("outputs/iso/image.iso", "a file by now");
    }

    pub(super) fn publish(&self, store: Arc<dyn Store>, name: &str) -> Result<PublishReport, String> {
        view::publish(&open(store)?, &view::publishing(build(name), self.work.path()), &now)
    }

    pub(super) fn recover(&self) -> Result<(), String> {
        mirrorkeep::recover::recover(&open(self.store())?, mirrorkeep::recover::Stages::Discard, &now)
            .map(drop)
            .map_err(chain)
    }

    /// Gives the mirror another policy.
    pub(super) fn policy(&self, text: &str) {
        self.store.put(&RelPath::state("policy.yaml"), text.as_bytes(), Put::Replace).unwrap();
        // As in a mirror that began with it.
        self.store.remove(&RelPath::state("first-policy.yaml")).ok();
    }

    /// Lets the term of everything in the trash be over: tickets, and the events that state their terms, end it where it began.
    pub(super) fn end_terms(&self) {
        let journal = RelPath::state("journal");
        for mut trashed in self.mirror().trash().unwrap().waiting {
            for segment in self.store.below(&journal).unwrap() {
                let text = self.store.read(&segment.path, 1 << 20).unwrap();
                let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
                let mut ended = String::new();
                for mut event in lines.map(|line| Event::parse(line).unwrap()) {
                    let at = event.at.iso();
                    event.details.entry("until").and_modify(|until| *until = at.into());
                    ended += &event.write();
                }
                self.store.put(&segment.path, ended.as_bytes(), Put::Replace).unwrap();
            }
            trashed.ticket.until = trashed.ticket.since;
            let mirror = open(self.store()).unwrap();
            Session::new(&mirror, &now).begin().unwrap().keep_ticket(&trashed).unwrap();
        }
        // A term includes its last second.
        std::thread::sleep(std::time::Duration::from_millis(1100));
    }

    /// Returns where a file of that name lies in the trash.
    pub(super) fn trash_file(&self, name: &str) -> RelPath {
        let found = self.store.below(&RelPath::state("trash")).unwrap().into_iter();
        found.map(|found| found.path).find(|path| path.name() == name).unwrap()
    }

    /// Takes what others changed for right.
    pub(super) fn adopt_changed(&self) -> Result<(), String> {
        view::adopt(self.mirror(), AdoptScope::All, SumsIn::Build, Changed::Take, &now)
    }

    pub(super) fn mirror(&self) -> &Mirror {
        self.mirror.get_or_init(|| open(self.store()).unwrap())
    }

    /// Returns the builds that are listed.
    pub(super) fn builds(&self) -> Vec<String> {
        view::builds(self.mirror())
    }

    /// Returns where `latest_build` leads.
    pub(super) fn latest(&self) -> String {
        view::latest(self.mirror())
    }

    /// Says what could mislead a reader: a listed build that lacks bytes, a name that leads to nothing.
    pub(super) fn misleads_nobody(&self) -> Result<(), String> {
        view::misleads_nobody(self.mirror())
    }

    /// Returns what readers see: the listed builds and where the name leads.
    pub(super) fn seen(&self) -> Vec<String> {
        view::seen(self.mirror())
    }

    /// Returns every object with its bytes, but for what tells times and numbers.
    pub(super) fn state(&self) -> Vec<String> {
        view::state(self.mirror())
    }
}
