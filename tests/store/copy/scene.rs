//! Two mirrors, each in a directory or in a bucket in memory, and copying from one to the other.

use crate::support::view::{self, chain};
use mirrorkeep::commit::Permit;
use mirrorkeep::mirror::{Chosen, Mirror, Resolved, Setup, survey};
use mirrorkeep::model::{BuildId, Digest, RelPath, Stamp};
use mirrorkeep::ops::Mode;
use mirrorkeep::ops::copy::{CopyOptions, CopyReport};
use mirrorkeep::ops::publish::PublishRequest;
use mirrorkeep::session::Session;
use mirrorkeep::sign::Signers;
use mirrorkeep::store::{Conditions, Kind, ObjectStore, Posix, Store};
use object_store::memory::InMemory;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub(crate) const ONE: &str = "20181205T060000Z";
pub(crate) const TWO: &str = "20181206T060000Z";
pub(crate) const ISO: &str = "outputs/iso/bootimage.iso";

/// A mirror.
pub(crate) struct Home {
    kept: Kept,
    /// Opened once for looking: reading a layout takes longer than all else.
    mirror: OnceLock<Mirror>,
}

/// Where a mirror is kept.
enum Kept {
    Dir(tempfile::TempDir),
    Bucket(Arc<InMemory>),
}

/// A kind of home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum In {
    Dir,
    Bucket,
}

pub(crate) const PAIRS: [(In, In); 4] =
    [(In::Dir, In::Dir), (In::Dir, In::Bucket), (In::Bucket, In::Dir), (In::Bucket, In::Bucket)];

fn temporary() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

impl Home {
    /// Makes an empty mirror.
    pub(crate) fn new(kind: In, layout: Chosen) -> Self {
        Self::with_policy(kind, layout, None)
    }

    /// Makes an empty mirror with a policy.
    pub(crate) fn with_policy(kind: In, layout: Chosen, policy: Option<Chosen>) -> Self {
        let home = Self::over(match kind {
            In::Dir => Kept::Dir(temporary()),
            In::Bucket => Kept::Bucket(Arc::new(InMemory::new())),
        });
        let id = uuid::Uuid::new_v4().to_string();
        Mirror::init(home.store(), &Setup { layout, policy, pipeline: None, id }, "a test", Duration::ZERO)
            .unwrap();
        home
    }

    fn over(kept: Kept) -> Self {
        Self { kept, mirror: OnceLock::new() }
    }

    pub(crate) fn starlingx(kind: In) -> Self {
        Self::new(kind, Chosen::Shipped("starlingx".to_owned()))
    }

    /// Returns another home that is as this one is now.
    pub(crate) fn fork(&self) -> Self {
        Self::over(match &self.kept {
            Kept::Bucket(memory) => Kept::Bucket(Arc::new(memory.fork())),
            Kept::Dir(dir) => {
                let copy = temporary();
                let from = dir.path().join(".");
                assert!(Command::new("cp").arg("-a").args([&*from, copy.path()]).status().unwrap().success());
                Kept::Dir(copy)
            }
        })
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        match &self.kept {
            Kept::Dir(dir) => Arc::new(Posix::open(dir.path()).unwrap()),
            Kept::Bucket(memory) => {
                let client = Arc::<InMemory>::clone(memory);
                Arc::new(ObjectStore::new(client, "memory:", Conditions::Honoured).unwrap())
            }
        }
    }

    pub(crate) fn mirror(&self) -> &Mirror {
        self.mirror.get_or_init(|| open(self.store()).unwrap())
    }

    /// Publishes what a directory holds.
    pub(crate) fn publish(&self, work: &Path, name: &str, requires: &[&str]) {
        self.publish_by(Signers::default(), work, name, requires);
    }

    /// Publishes what a directory holds, signed.
    pub(crate) fn publish_by(&self, signers: Signers, work: &Path, name: &str, requires: &[&str]) {
        let requires = requires.iter().map(|name| build(name)).collect();
        let publishing = PublishRequest { requires, signers, ..view::publishing(build(name), work) };
        mirrorkeep::ops::publish::publish(&Session::new(self.mirror(), &now), &publishing).unwrap();
    }

    /// Says something of a build.
    pub(crate) fn label(&self, name: &str, label: &str) {
        let label = label.parse().unwrap();
        mirrorkeep::ops::alias::label(
            &Session::new(self.mirror(), &now),
            &build(name),
            &[label],
            &[],
            Mode::Real,
        )
        .unwrap();
    }

    /// Puts other bytes of the same number into a file, behind the back of everybody.
    pub(crate) fn damage(&self, at: &str) {
        let store = self.store();
        let at: RelPath = at.parse().unwrap();
        let bytes: Vec<u8> = store.read(&at, 1 << 20).unwrap().iter().map(|byte| byte ^ 1).collect();
        match &self.kept {
            Kept::Bucket(_) => store.put(&at, &bytes, mirrorkeep::store::Put::Replace).unwrap(),
            Kept::Dir(dir) => {
                let path = dir.path().join(at.as_str());
                fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
                fs::write(&path, bytes).unwrap();
            }
        }
    }

    /// Says what could mislead a reader: a listed build that lacks bytes, a name that leads to no whole success.
    pub(crate) fn misleads_nobody(&self) -> Result<(), String> {
        let mirror = self.mirror();
        let survey = survey(mirror, now()).map_err(chain)?;
        if let Some(trouble) = survey.troubles.first() {
            return Err(format!("{}: {}", trouble.path, trouble.error));
        }
        for (id, census) in survey.census.builds() {
            // A build that was moved into place a moment ago has its record in its stage.
            let Some(manifest) = mirror.manifest(&id).map_err(chain)? else { continue };
            let root = mirror.layout().build_path(&id).map_err(chain)?;
            for file in &manifest.files {
                let bytes = mirror.store().read(&root.join(&file.path), 1 << 20);
                let bytes = bytes.map_err(|error| format!("{id} lacks {}: {error}", file.path))?;
                if Digest::of(&bytes) != file.digest {
                    return Err(format!("{id} has other bytes in {}", file.path));
                }
            }
            let there = mirror.store().below(&root).map_err(chain)?.len();
            if there != manifest.files.len() + manifest.links.len() + 1 {
                return Err(format!("{id} has {there} files and links, {census:?}"));
            }
        }
        for alias in &survey.census.aliases {
            if alias.target.is_none() && alias.problem.as_deref() != Some("it is missing") {
                return Err(format!("{} leads nowhere: {:?}", alias.path, alias.problem));
            }
        }
        Ok(())
    }

    /// Returns the builds that are there.
    pub(crate) fn builds(&self) -> Vec<String> {
        let survey = survey(self.mirror(), now()).unwrap();
        survey.census.builds().map(|(id, _)| id.name.to_string()).collect()
    }

    /// Returns where a name of the stream leads.
    pub(crate) fn leads(&self, name: &str) -> String {
        match self.mirror().resolve(&format!("master/centos/{name}").parse().unwrap()).unwrap() {
            Resolved::To(path) => path.name().to_owned(),
            other => format!("{other:?}"),
        }
    }

    /// Returns everything that readers see and what is known of builds, but for times of publishing.
    pub(crate) fn state(&self) -> Vec<String> {
        let mirror = self.mirror();
        let mut state = Vec::new();
        for found in mirror.store().below(&RelPath::root()).unwrap() {
            let path = found.path.to_string();
            if path.starts_with(".mirrorkeep/") {
                let passing = ["journal/", "lock", "clock", "mirror.yaml"];
                if !passing.iter().any(|own| path.contains(own)) {
                    state.push(path);
                }
                continue;
            }
            let entry = mirror.store().look(&found.path).unwrap().unwrap();
            let what = match found.kind {
                Kind::Link => entry.link.unwrap_or_default(),
                _ => format!(
                    "{:o} {}",
                    entry.mode,
                    Digest::of(&mirror.store().read(&found.path, 1 << 20).unwrap())
                ),
            };
            state.push(format!("{path} {what}"));
        }
        for id in mirror.recorded().unwrap() {
            let mut record = mirror.record(&id).unwrap().unwrap();
            record.published = None;
            state.push(record.write());
        }
        state
    }
}

/// Makes a source with two builds: a large file that both hold, links, an executable file, a label, a name set back.
pub(crate) fn source(kind: In) -> Home {
    let home = Home::starlingx(kind);
    let work = temporary();
    let write = |below: &str, text: &str| {
        let path = work.path().join(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("outputs/RPMS/std/a.rpm", "the same in both");
    write("outputs/RPMS/std/large.rpm", &"large enough to be copied by the store".repeat(2000));
    write("outputs/logs/run", "#!/bin/sh\n");
    fs::set_permissions(work.path().join("outputs/logs/run"), fs::Permissions::from_mode(0o755)).unwrap();
    write(ISO, "of the first");
    symlink("bootimage.iso", work.path().join("outputs/iso/image.iso")).unwrap();
    home.publish(work.path(), ONE, &[]);
    write(ISO, "of the second");
    home.publish(work.path(), TWO, &[ONE]);
    home.label(ONE, "sanity=green");
    home
}

pub(crate) fn build(name: &str) -> BuildId {
    format!("master/centos/{name}").parse().unwrap()
}

pub(crate) fn everything() -> CopyOptions {
    CopyOptions { what: Vec::new(), without: BTreeSet::new(), permit: Permit::default(), mode: Mode::Real }
}

/// Copies from one to the other; a failure of any build is an error.
pub(crate) fn copy(from: &Home, to: &Home) -> Result<CopyReport, String> {
    copy_between(from.mirror(), to.mirror(), &everything())
}

/// Copies on one thread, so that the calls come in one order.
pub(crate) fn copy_between(from: &Mirror, to: &Mirror, copying: &CopyOptions) -> Result<CopyReport, String> {
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let report = alone.install(|| mirrorkeep::ops::copy::copy(from, &Session::new(to, &now), copying));
    let report = report.map_err(chain)?;
    match report.failures.first() {
        None => Ok(report),
        Some(failure) => Err(format!("{}: {}", failure.path, failure.error)),
    }
}

pub(crate) fn open(store: Arc<dyn Store>) -> Result<Mirror, String> {
    Mirror::open(store, "a test", Duration::ZERO).map_err(chain)
}

pub(crate) fn now() -> Stamp {
    Stamp::from_unix(1_544_200_000).unwrap()
}
