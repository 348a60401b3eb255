//! A mirror in which a prune has everything to do: builds that go, one that loses a part, and old trash.

use crate::support::rig::{PARTED, tree};
use crate::support::shared::Shared;
pub(super) use crate::support::view::chain;
use crate::support::view::no_archive;
use mirrorkeep::mirror::{Mirror, Trashed};
use mirrorkeep::model::{BuildId, Digest, Stamp};
use mirrorkeep::ops::retention::PruneOptions;
use mirrorkeep::ops::withdraw::Withdrawing;
use mirrorkeep::ops::{Mode, Opener};
use mirrorkeep::record::Hold;
use mirrorkeep::session::Session;
use mirrorkeep::store::{Posix, Store};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Builds of `master/centos`, oldest first: two that go, one that loses its inputs, and the newest.
pub(super) const BUILDS: [&str; 4] =
    ["20261001T000000Z", "20261002T000000Z", "20261003T000000Z", "20261004T000000Z"];

/// Something that is done to a scene.
pub(super) type Act = fn(Arc<dyn Store>) -> Result<(), String>;

pub(super) struct Scene {
    dir: tempfile::TempDir,
    /// Whether the newest build is withdrawn, so that its name moves to the one before.
    withdraws: bool,
    /// Kept for the scenes that come after this one.
    _template: Arc<tempfile::TempDir>,
}

pub(super) fn prune(store: Arc<dyn Store>) -> Result<(), String> {
    prune_in(&open(store)?)
}

/// Prunes a mirror whose lock may still be held by a process that another test starts: between its fork and its exec it
/// has every file of this one.
pub(super) fn prune_patiently(store: Arc<dyn Store>) -> Result<(), String> {
    prune_in(&Mirror::open(store, "a test", Duration::from_mins(1)).map_err(chain)?)
}

fn prune_in(mirror: &Mirror) -> Result<(), String> {
    prune_to(mirror, &no_archive)
}

fn prune_to(mirror: &Mirror, opener: &Opener<'_>) -> Result<(), String> {
    let session = Session::new(mirror, &now);
    let report = mirrorkeep::ops::retention::prune(&session, &PruneOptions::default(), opener, Mode::Real)
        .map_err(chain)?;
    let failures: Vec<_> = report.failures.iter().chain(&report.trash.failures).collect();
    if failures.is_empty() { Ok(()) } else { Err(format!("{failures:?}")) }
}

/// Prunes a mirror beside which its archive is.
pub(super) fn prune_to_archive(store: Arc<dyn Store>) -> Result<(), String> {
    let at = Path::new(&store.shown()).parent().unwrap().join("archive");
    prune_to(&open(store)?, &|_| Ok(Mirror::open(Arc::new(Posix::open(&at)?), "a test", Duration::ZERO)?))
}

/// Does the same for the store of the archive.
pub(super) fn prune_into(archive: Arc<dyn Store>) -> Result<(), String> {
    let at = Path::new(&archive.shown()).parent().unwrap().join("mirror");
    let mirror = open(Arc::new(Posix::open(&at).map_err(chain)?))?;
    prune_to(&mirror, &|_| Ok(Mirror::open(Arc::clone(&archive), "a test", Duration::ZERO)?))
}

pub(super) fn sweep(store: Arc<dyn Store>) -> Result<(), String> {
    let report =
        mirrorkeep::ops::retention::sweep(&Session::new(&open(store)?, &now), Mode::Real).map_err(chain)?;
    if report.failures.is_empty() { Ok(()) } else { Err(format!("{:?}", report.failures)) }
}

pub(super) fn restore(store: Arc<dyn Store>) -> Result<(), String> {
    match mirrorkeep::ops::retention::restore(
        &Session::new(&open(store)?, &now),
        &build(BUILDS[0]),
        Mode::Real,
    ) {
        // A try that was cut off may have come far enough.
        Err(mirrorkeep::ops::ActError::NotInTrash(_)) => Ok(()),
        done => done.map(drop).map_err(chain),
    }
}

pub(super) fn restore_part(store: Arc<dyn Store>) -> Result<(), String> {
    match mirrorkeep::ops::retention::restore(
        &Session::new(&open(store)?, &now),
        &build(BUILDS[2]),
        Mode::Real,
    ) {
        Err(mirrorkeep::ops::ActError::NotInTrash(_)) => Ok(()),
        done => done.map(drop).map_err(chain),
    }
}

/// Withdraws the newest build, to which the name points and which is held.
pub(super) fn withdraw(store: Arc<dyn Store>) -> Result<(), String> {
    take_back(store, false)
}

/// Does the same and deletes its bytes.
pub(super) fn purge(store: Arc<dyn Store>) -> Result<(), String> {
    take_back(store, true)
}

fn take_back(store: Arc<dyn Store>, purge: bool) -> Result<(), String> {
    let what = Withdrawing { id: build(BUILDS[3]), why: "a secret".to_owned(), force: true, purge };
    let mirror = open(store)?;
    let report = mirrorkeep::ops::withdraw::withdraw(&Session::new(&mirror, &now), &what, Mode::Real)
        .map_err(chain)?;
    if report.failures.is_empty() { Ok(()) } else { Err(format!("{:?}", report.failures)) }
}

/// Accepts that events are lost.
pub(super) fn accept(store: Arc<dyn Store>) -> Result<(), String> {
    mirrorkeep::recover::accept_loss(&open(store)?, &now).map(drop).map_err(chain)
}

pub(super) fn open(store: Arc<dyn Store>) -> Result<Mirror, String> {
    Mirror::open(store, "a test", Duration::ZERO).map_err(chain)
}

/// The clock of the file system is asked, too, so that time cannot be given here.
pub(super) fn now() -> Stamp {
    Stamp::from_instant(chrono::Utc::now()).unwrap()
}

pub(super) fn build(name: &str) -> BuildId {
    format!("master/centos/{name}").parse().unwrap()
}

/// Makes the mirror once; each scene is a copy.
fn template() -> Arc<tempfile::TempDir> {
    static TEMPLATE: Shared<tempfile::TempDir> = Shared::new();
    TEMPLATE.get(|| {
        let dir = tempfile::tempdir().unwrap();
        let (root, work, policy) =
            (dir.path().join("mirror"), dir.path().join("work"), dir.path().join("p.yaml"));
        fs::write(&policy, PARTED).unwrap();
        run(&root, &["init", "--policy", policy.to_str().unwrap()]);
        for name in BUILDS {
            for (file, text) in [("inputs/RPMS/a.rpm", "the same"), ("outputs/iso/bootimage.iso", name)] {
                let path = work.join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            run(&root, &["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", name]);
        }
        dir
    })
}

fn run(root: &Path, args: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorkeep"));
    let output = command.arg("--mirror").arg(root).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Scene {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let template = template();
        let from = template.path().join("mirror");
        let copied = Command::new("cp").arg("-a").arg(from).arg(dir.path()).status().unwrap();
        assert!(copied.success());
        Self { dir, withdraws: false, _template: template }
    }

    /// Returns a scene that was pruned.
    pub(super) fn pruned() -> Self {
        let scene = Self::new();
        prune(scene.store()).unwrap();
        scene
    }

    /// Returns a scene beside which there is an archive to which builds go that expire.
    pub(super) fn archiving() -> Self {
        let scene = Self::new();
        let archive = scene.archive("");
        run(&archive, &["init"]);
        let to = format!("    archive: {{to: {}, until: 1y}}\n", archive.display());
        fs::write(scene.root().join(".mirrorkeep/policy.yaml"), format!("{PARTED}{to}")).unwrap();
        scene
    }

    /// Returns the path of the archive, or of something in it.
    pub(super) fn archive(&self, below: &str) -> PathBuf {
        self.dir.path().join("archive").join(below)
    }

    /// Returns the store of the archive.
    pub(super) fn store_of_archive(&self) -> Arc<dyn Store> {
        Arc::new(Posix::open(&self.archive("")).unwrap())
    }

    /// Fails when a reader could be misled, or a build is neither in the mirror nor held and whole in the archive.
    pub(super) fn is_whole_or_archived(&self) -> Result<(), String> {
        self.is_whole()?;
        let there = open(self.store_of_archive())?;
        for name in BUILDS.into_iter().filter(|name| !self.stream().join(name).exists()) {
            let is_held =
                there.holds_of(&build(name)).map_err(chain)?.iter().any(|hold| hold.is_active(now()));
            if !is_held {
                return Err(format!("{name} is not held in the archive"));
            }
            sums_hold(&self.archive("master/centos").join(name))?;
        }
        Ok(())
    }

    /// Returns the end, with what the archive has and holds.
    pub(super) fn end_of_both(&self) -> Vec<String> {
        let mut end = self.end();
        let there = open(self.store_of_archive()).unwrap();
        let lines = |line: String| format!("archive {line}");
        end.extend(tree(&self.archive("master")).into_iter().map(lines));
        for name in BUILDS {
            let holds: Vec<String> =
                there.holds_of(&build(name)).unwrap().into_iter().map(|hold| hold.why).collect();
            end.push(format!("archive {name} {holds:?} {:?}", there.record(&build(name)).unwrap().is_some()));
        }
        // A part may have gone before its build, when another build could not be read for a moment.
        let is_part =
            |line: &str| ["inputs", "SHA256SUMS", "Untrimmed"].iter().any(|part| line.contains(part));
        end.retain(|line| !(line.contains(BUILDS[1]) && is_part(line)));
        end
    }

    /// Returns a pruned scene of which the newest build is held and to be withdrawn.
    pub(super) fn withdrawing() -> Self {
        let scene = Self { withdraws: true, ..Self::pruned() };
        let hold = Hold { who: "ops".to_owned(), why: "bug 7".to_owned(), until: None, since: None };
        let mirror = open(scene.store()).unwrap();
        mirrorkeep::ops::retention::hold(&Session::new(&mirror, &now), &build(BUILDS[3]), hold, Mode::Real)
            .unwrap();
        scene
    }

    /// Returns a pruned scene that lost its journal.
    pub(super) fn lost() -> Self {
        let scene = Self::pruned();
        fs::remove_dir_all(scene.root().join(".mirrorkeep/journal")).unwrap();
        scene
    }

    /// Returns a pruned scene of whose journal one line in the middle is damaged and the end is lost.
    pub(super) fn damaged() -> Self {
        let scene = Self::pruned();
        let segment = scene.root().join(".mirrorkeep/journal/000000000001.jsonl");
        let text = fs::read_to_string(&segment).unwrap().replacen("\"seq\":5,", "\"seq\":6,", 1);
        let kept: String = text.split_inclusive('\n').take(8).collect();
        fs::write(&segment, kept).unwrap();
        scene
    }

    /// Returns the end, with every event that can be read and which events are stated as lost.
    pub(super) fn end_of_the_journal(&self) -> Vec<String> {
        let mut end = self.end();
        let journal = self.root().join(".mirrorkeep/journal");
        for name in fs::read_dir(&journal).unwrap().map(|entry| entry.unwrap().path()) {
            if name.extension().is_some_and(|ending| ending == "jsonl") {
                let text = fs::read_to_string(&name).unwrap();
                let event = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
                let mut lines: Vec<&str> = text.lines().collect();
                // The very same line twice counts once.
                lines.dedup();
                end.extend(lines.into_iter().map(event).map(|event| {
                    format!("event {} {} {} {}", event["seq"], event["what"], event["to"], event["details"])
                }));
            }
        }
        end.sort();
        end
    }

    pub(super) fn store(&self) -> Arc<dyn Store> {
        Arc::new(Posix::open(&self.root()).unwrap())
    }

    pub(super) fn root(&self) -> PathBuf {
        self.dir.path().join("mirror")
    }

    pub(super) fn stream(&self) -> PathBuf {
        self.root().join("master/centos")
    }

    /// Fails when a reader could see a part of a build, or an alias that leads to none.
    pub(super) fn is_whole(&self) -> Result<(), String> {
        for entry in fs::read_dir(self.stream()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_symlink() {
                fs::metadata(&path).map_err(|error| format!("{name} leads nowhere: {error}"))?;
                continue;
            }
            sums_hold(&path).map_err(|why| format!("{name}: {why}"))?;
        }
        let latest = fs::read_link(self.stream().join("latest_build")).map_err(|error| error.to_string())?;
        let moved = self.withdraws && latest == Path::new(BUILDS[2]);
        if latest == Path::new(BUILDS[3]) || moved {
            Ok(())
        } else {
            Err(format!("latest_build is {}", latest.display()))
        }
    }

    /// Returns the end without what is marked as going, which goes with the next sweep.
    pub(super) fn end_but_sweeping(&self) -> Vec<String> {
        self.end().into_iter().filter(|line| !line.starts_with("going ")).collect()
    }

    /// Returns what there is in the end: what readers see, what waits in the trash, and what the records say.
    pub(super) fn end(&self) -> Vec<String> {
        let mut end = tree(&self.root().join("master"));
        let mirror = open(self.store()).unwrap();
        let trash = mirror.trash().unwrap();
        let shown = |trashed: &Trashed| format!("trash {} {:?}", trashed.ticket.id, trashed.ticket.what);
        let waiting: Vec<String> = trash.waiting.iter().map(shown).collect();
        // A part may have gone before its build, when another build could not be read for a moment.
        let whole = |line: &str| waiting.contains(&line.replace("Untrimmed", "Build"));
        end.extend(waiting.iter().filter(|line| !line.contains("Untrimmed") || !whole(line)).cloned());
        end.extend(trash.empty.iter().map(|at| format!("empty {at}")));
        end.extend(trash.going.iter().map(|at| format!("going {at}")));
        end.extend(trash.strange.iter().map(|(at, why)| format!("strange {at}: {why}")));
        for name in BUILDS {
            let record = mirror.record(&build(name)).unwrap();
            let record =
                record.map(|record| (record.files, record.bytes, record.trimmed, record.sums.is_some()));
            let files = mirror.manifest(&build(name)).unwrap().map(|manifest| manifest.files.len());
            let held = mirror.holds_of(&build(name)).unwrap().len().min(1);
            end.push(format!("{name} {record:?} {files:?} held {held}"));
        }
        end.push(format!("unsettled {}", mirror.unsettled().unwrap().len()));
        end.sort();
        end
    }
}

/// Checks every file of a build, and that it has no other.
fn sums_hold(root: &Path) -> Result<(), String> {
    let text = fs::read_to_string(root.join("SHA256SUMS")).map_err(|error| error.to_string())?;
    let mut sums: BTreeMap<PathBuf, &str> = BTreeMap::new();
    for line in text.lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        sums.insert(root.join(name), sum);
    }
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if !path.ends_with("SHA256SUMS") {
                let sum = sums.remove(&path).ok_or(format!("no sum of {}", path.display()))?;
                if Digest::of(&fs::read(&path).unwrap()).to_string() != sum {
                    return Err(format!("wrong sum of {}", path.display()));
                }
            }
        }
    }
    if sums.is_empty() { Ok(()) } else { Err(format!("missing: {sums:?}")) }
}
