//! A mirror with one build, and what is done to it through a store that may break.

use crate::support::view::{self, chain};
use mirrorkeep::mirror::{Chosen, Mirror, Setup};
use mirrorkeep::model::{BuildId, Digest, Stamp};
use mirrorkeep::ops::Mode;
use mirrorkeep::ops::adopt::{Changed, Scope, SumsIn};
use mirrorkeep::ops::publish::PublishRequest;
use mirrorkeep::ops::readers::{Look, update};
use mirrorkeep::ops::verify::{By, VerifyOptions, VerifyReport, Which};
use mirrorkeep::record::{BuildRecord, Event, Manifest, Phase};
use mirrorkeep::session::Session;
use mirrorkeep::store::{Posix, Store};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Something that is done to a scene.
pub(super) type Act = fn(&Scene, Arc<dyn Store>) -> Result<(), String>;

pub(super) const STREAM: &str = "master/centos";
pub(super) const ONE: &str = "20181205T060000Z";
const TWO: &str = "20181206T060000Z";
const SCRIPTED: &str = "20181204T060000Z";

/// A mirror with one build, and a workspace with the next.
pub(super) struct Scene {
    dir: tempfile::TempDir,
}

/// Publishes the second build.
pub(super) fn publish(scene: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    scene.publish(store, TWO)
}

/// Publishes the second build, signed.
pub(super) fn publish_signed(scene: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    let plain = view::publishing(build(TWO), &scene.work());
    view::publish(&open(store)?, &PublishRequest { signers: view::signers(), ..plain }, &now).map(drop)
}

/// Publishes the second build, and writes what readers of the names get.
pub(super) fn publish_for_readers(scene: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    let settings = scene.root().join(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    if !text.contains("readers:") {
        fs::write(&settings, text + "readers: {url: 'http://mirror'}\n").unwrap();
        scene.write("outputs/RPMS/std/repodata/repomd.xml", "<repomd/>");
        for_readers(scene.store())?;
    }
    scene.publish(Arc::clone(&store), TWO)?;
    for_readers(store)
}

fn for_readers(store: Arc<dyn Store>) -> Result<(), String> {
    let mirror = open(store)?;
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let update = || update(&Session::new(&mirror, &now), Look::Changes, &[], Mode::Real);
    alone.install(update).map(drop).map_err(chain)
}

/// Says of the first build that it is green, which moves an alias.
pub(super) fn label(_scene: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    let mirror = open(store)?;
    let green = "sanity=green".parse().unwrap();
    mirrorkeep::ops::alias::label(&Session::new(&mirror, &now), &build(ONE), &[green], &[], Mode::Real)
        .map(drop)
        .map_err(chain)
}

/// Takes over a build that a script laid down, the same as the first but for its name.
pub(super) fn adopt(scene: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    let (from, to) = (scene.root().join(STREAM).join(ONE), scene.root().join(STREAM).join(SCRIPTED));
    if !to.exists() {
        assert!(Command::new("cp").arg("-a").args([&from, &to]).status().unwrap().success());
    }
    view::adopt(&open(store)?, Scope::Build(build(SCRIPTED)), SumsIn::Build, Changed::Leave, &now)
}

/// Verifies everything there is, from the first build on.
pub(super) fn verify(store: Arc<dyn Store>) -> Result<VerifyReport, String> {
    let mirror = open(store)?;
    let verifying = VerifyOptions {
        which: Which::All { restart: true },
        by: By::Bytes,
        keys: mirrorkeep::sign::Keys::none(),
    };
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    alone.install(|| mirrorkeep::ops::verify::verify(&Session::new(&mirror, &now), &verifying)).map_err(chain)
}

/// Takes for right that a build changed, another is gone, and an alias was moved by hand.
pub(super) fn adopt_changed(scene: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    let home = scene.root().join(STREAM);
    let (iso, sums) = (home.join(ONE).join("outputs/iso/bootimage.iso"), home.join(ONE).join("SHA256SUMS"));
    if fs::read(&iso).unwrap() != b"by hand" {
        scene.publish(scene.store(), TWO)?;
        fs::remove_dir_all(home.join(TWO)).unwrap();
        fs::remove_file(&iso).unwrap();
        fs::write(&iso, "by hand").unwrap();
        fs::File::options().append(true).open(&iso).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        let text = fs::read_to_string(&sums).unwrap();
        let old = text.lines().find(|line| line.ends_with("bootimage.iso")).unwrap().to_owned();
        let new = format!("{}  outputs/iso/bootimage.iso", Digest::of(b"by hand"));
        fs::remove_file(&sums).unwrap();
        fs::write(&sums, text.replace(&old, &new)).unwrap();
        fs::remove_file(home.join("latest_build")).unwrap();
        symlink(ONE, home.join("latest_build")).unwrap();
    }
    view::adopt(&open(store)?, Scope::All, SumsIn::Record, Changed::Take, &now)
}

/// Records when a build was made whose name does not have that.
pub(super) fn adopt_dated(scene: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    let settings = scene.root().join(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    if text.contains("layout: starlingx\n") {
        fs::write(&settings, text.replace("layout: starlingx\n", "layout: starlingx-debian\n")).unwrap();
        let marker = scene.root().join("release/2.0.0/centos/outputs/Success");
        fs::create_dir_all(marker.parent().unwrap()).unwrap();
        fs::write(&marker, "Build was successful\n").unwrap();
        fs::File::options().append(true).open(&marker).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        view::adopt(&open(scene.store())?, Scope::Build(release()), SumsIn::Record, Changed::Leave, &now)?;
    }
    let adopting = mirrorkeep::ops::adopt::AdoptOptions {
        scope: Scope::Build(release()),
        sums: SumsIn::Record,
        trust: mirrorkeep::ops::adopt::Trust::Bytes,
        changed: Changed::Leave,
        result: None,
        created: Stamp::from_unix(1_532_563_200),
        mode: Mode::Real,
    };
    let left =
        mirrorkeep::ops::adopt::adopt(&Session::new(&open(store)?, &now), &adopting).map_err(chain)?.left;
    if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
}

fn release() -> BuildId {
    "release/centos/2.0.0".parse().unwrap()
}

/// Takes the files of the first build as they are, and writes its list of checksums again.
pub(super) fn rewrite(_scene: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    view::adopt(&open(store)?, Scope::Build(build(ONE)), SumsIn::Record, Changed::Rewrite, &now)
}

/// Finishes or clears what an interrupted command left; stages wait for their publisher.
pub(super) fn recover(_scene: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    mirrorkeep::recover::recover(&open(store)?, mirrorkeep::recover::Stages::Wait, &now)
        .map(drop)
        .map_err(chain)
}

/// Says something else of the first build.
pub(super) fn say_another(_scene: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    let seen = "seen=yes".parse().unwrap();
    mirrorkeep::ops::alias::label(&Session::new(&open(store)?, &now), &build(ONE), &[seen], &[], Mode::Real)
        .map(drop)
        .map_err(chain)
}

fn open(store: Arc<dyn Store>) -> Result<Mirror, String> {
    Mirror::open(store, "a test", Duration::ZERO).map_err(chain)
}

fn now() -> Stamp {
    Stamp::from_unix(1_544_100_000).unwrap()
}

fn build(name: &str) -> BuildId {
    format!("{STREAM}/{name}").parse().unwrap()
}

impl Scene {
    pub(super) fn new() -> Self {
        // In memory where that is possible: every case makes a mirror of its own.
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let scene = Self { dir };
        fs::create_dir(scene.root()).unwrap();
        let setup = Setup {
            layout: Chosen::Shipped("starlingx".to_owned()),
            policy: None,
            pipeline: None,
            id: "x".to_owned(),
        };
        Mirror::init(scene.store(), &setup, "a test", Duration::ZERO).unwrap();
        let settings = scene.root().join(".mirrorkeep/mirror.yaml");
        let text = fs::read_to_string(&settings).unwrap();
        let alias = "aliases:\n- name: latest_green_build\n  labels: {sanity: green}\n";
        fs::write(&settings, text + alias).unwrap();
        scene.write("outputs/RPMS/std/a.rpm", "the same in both");
        scene.write("outputs/iso/bootimage.iso", "of the first");
        symlink("bootimage.iso", scene.work().join("outputs/iso/image.iso")).unwrap();
        scene.publish(scene.store(), ONE).unwrap();
        scene.write("outputs/iso/bootimage.iso", "of the second, and longer");
        scene
    }

    /// Returns the store itself, with nothing that breaks.
    pub(super) fn store(&self) -> Arc<dyn Store> {
        Arc::new(Posix::open(&self.root()).unwrap())
    }

    pub(super) fn root(&self) -> PathBuf {
        self.dir.path().join("mirror")
    }

    fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    fn write(&self, below: &str, text: &str) {
        let path = self.work().join(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn publish(&self, store: Arc<dyn Store>, name: &str) -> Result<(), String> {
        view::publish(&open(store)?, &view::publishing(build(name), &self.work()), &now).map(drop)
    }

    /// Says what could mislead a reader: half a build, wrong bytes, a name that leads to no success.
    pub(super) fn misleads_nobody(&self) -> Result<(), String> {
        let stream = self.root().join(STREAM);
        for name in names(&stream) {
            let at = stream.join(&name);
            if at.is_symlink() && !at.join("outputs/success").is_file() {
                return Err(format!("`{name}` leads to no success"));
            }
            let sums = fs::read_to_string(at.join("SHA256SUMS"));
            let sums = sums.map_err(|_| format!("`{name}` has no checksums"))?;
            let mut told: Vec<String> = vec!["SHA256SUMS".to_owned()];
            if let Ok(signature) = fs::read(at.join(view::SIGNATURE)) {
                view::signed_rightly(&name, sums.as_bytes(), &signature)?;
                told.push(view::SIGNATURE.to_owned());
            }
            for line in sums.lines() {
                let (digest, file) = line.split_once("  ").unwrap();
                let bytes = fs::read(at.join(file)).map_err(|_| format!("`{name}` lacks `{file}`"))?;
                if Digest::of(&bytes).to_string() != digest {
                    return Err(format!("`{name}` has other bytes in `{file}`"));
                }
                told.push(file.to_owned());
            }
            let files =
                below(&at).into_iter().filter(|file| at.join(file).symlink_metadata().unwrap().is_file());
            let stray = files.into_iter().find(|file| !told.contains(file));
            if let Some(stray) = stray {
                return Err(format!("`{name}` has `{stray}` beyond its checksums"));
            }
        }
        Ok(())
    }

    /// Returns what readers see: names, modes, bytes, link texts.
    pub(super) fn seen(&self) -> Vec<String> {
        let below = below(&self.root()).into_iter().filter(|path| !path.starts_with(".mirrorkeep"));
        below.map(|path| format!("seen {path} {}", self.shown(&path))).collect()
    }

    /// Returns everything but times and inodes: what readers see, what is known of builds, what was told.
    pub(super) fn state(&self) -> Vec<String> {
        let mut state = self.seen();
        let own = below(&self.root().join(".mirrorkeep"));
        for path in own.into_iter().filter(|path| !path.starts_with("journal/")) {
            let at = self.root().join(".mirrorkeep").join(&path);
            if path == "readers.json" {
                let mut written: serde_json::Value = serde_json::from_slice(&fs::read(at).unwrap()).unwrap();
                // A disturbed run has more events.
                written["seq"].take();
                state.push(format!("{path} {written}"));
                continue;
            }
            let kept = path.split_once('/').and_then(|(dir, id)| Some((dir, id.rsplit_once('.')?.0)));
            state.push(match kept {
                Some(("builds", id)) => format!("{path} {:?}", record(&fs::read(at).unwrap(), id)),
                Some(("manifests", _)) => format!("{path} {:?}", manifest(&fs::read(at).unwrap())),
                // Change times differ from run to run.
                Some(("inodes", _)) => path,
                _ => format!("{path} {}", self.shown(&format!(".mirrorkeep/{path}"))),
            });
        }
        state.extend(self.told());
        state
    }

    fn shown(&self, below: &str) -> String {
        let at = self.root().join(below);
        let meta = at.symlink_metadata().unwrap();
        let mode = meta.permissions().mode();
        if meta.is_symlink() {
            return format!("-> {}", fs::read_link(at).unwrap().display());
        }
        if meta.is_dir() || below.ends_with("lock") {
            return format!("{mode:o}");
        }
        if below.ends_with(view::SIGNATURE) {
            // It tells when it was made.
            return format!("{mode:o} signed");
        }
        format!("{mode:o} {}", Digest::of(&fs::read(at).unwrap()))
    }

    /// Returns what the journal says was done, and what it says was begun and never settled.
    fn told(&self) -> Vec<String> {
        let journal = self.root().join(".mirrorkeep/journal");
        let mut open = BTreeMap::new();
        let mut told = Vec::new();
        let mut last = 0;
        for segment in names(&journal) {
            for line in fs::read_to_string(journal.join(segment)).unwrap().lines() {
                let event = Event::parse(line.as_bytes()).unwrap();
                // A line that was sent twice counts once.
                if std::mem::replace(&mut last, event.seq) == event.seq {
                    continue;
                }
                if event.phase == Phase::Intent {
                    open.insert(event.seq, format!("open {:?} {}", event.what, event.to));
                    continue;
                }
                event.settles.and_then(|intent| open.remove(&intent));
                if event.phase == Phase::Done {
                    let mut details = event.details;
                    details.remove("stage");
                    told.push(format!("done {:?} {} {details:?}", event.what, event.to));
                }
            }
        }
        told.sort();
        told.into_iter().chain(open.into_values()).collect()
    }
}

fn record(bytes: &[u8], id: &str) -> BuildRecord {
    let mut record = BuildRecord::parse(bytes, &id.parse().unwrap()).unwrap();
    record.published = record.published.map(|_| Stamp::default());
    record
}

/// Returns a manifest without what differs from run to run.
fn manifest(bytes: &[u8]) -> Manifest {
    let mut manifest = Manifest::parse(bytes).unwrap();
    for file in &mut manifest.files {
        (file.mtime, file.inode, file.seen) = (0, 0, None);
    }
    manifest
}

/// Returns the first lines that only one of two states has.
pub(super) fn difference(is: &[String], wanted: &[String]) -> Result<(), String> {
    let only = |some: &[String], others: &[String], sign: &str| -> Vec<String> {
        let mut others = others.to_vec();
        let mut only = Vec::new();
        for line in some {
            match others.iter().position(|other| other == line) {
                Some(at) => drop(others.swap_remove(at)),
                None => only.push(format!("\n      {sign} {line}")),
            }
        }
        only
    };
    let lines = [only(is, wanted, "+"), only(wanted, is, "-")].concat();
    if lines.is_empty() { Ok(()) } else { Err(lines.concat()) }
}

/// Returns the names in a directory, sorted; none when it is not there.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .map(|found| found.map(|one| one.unwrap().file_name().into_string().unwrap()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

/// Returns the path of everything below a directory, links not followed.
fn below(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for name in names(dir) {
        let at = dir.join(&name);
        if at.symlink_metadata().unwrap().is_dir() {
            found.extend(below(&at).into_iter().map(|path| format!("{name}/{path}")));
        }
        found.push(name);
    }
    found
}
