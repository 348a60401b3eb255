//! A tree outside the mirror that nothing may touch, and somebody who puts links to it everywhere, all the time.
//!
//! While mirrorkeep publishes, prunes, sweeps, adopts, verifies and checks, a swapper lets directories of the mirror, of
//! its own area and of the source change places with links that lead out. Commands may fail; the tree outside must be
//! what it was to the byte, the mode and the time, nothing of it may be read, and nothing of it may come in. Some
//! seconds in the usual run, three minutes in `make torture`. What is read is seen by `inotify` no less than by times.

use crate::support::dice::Dice;
use crate::support::rig::{Rig, lay, tree};
use rustix::fs::{CWD, Mode, OFlags, RenameFlags, ResolveFlags, inotify, openat2, renameat, renameat_with};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::mem::MaybeUninit;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What the files outside hold; it must never be found inside.
const SECRET: &str = "the canary sings";

/// Nothing is protected by its age, and the trash is swept at once.
const POLICY: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1, trash: 0h}
families:
  - {name: all, match: \"**\", keep: [{last: 2}]}
";

/// The tree outside, as it was made, and a watch for whoever opens anything of it.
struct Canary {
    at: PathBuf,
    before: Vec<String>,
    watch: rustix::fd::OwnedFd,
}

impl Canary {
    /// Lays a tree down that looks like whatever mirrorkeep wants to find.
    fn new(at: PathBuf) -> Self {
        let files = [
            "x",
            "mirror.yaml",
            "master/centos/20181201T060000Z/outputs/success",
            "centos/20181201T060000Z/outputs/success",
            "20181201T060000Z/outputs/success",
            "outputs/iso/bootimage.iso",
            "outputs/success",
            "iso/bootimage.iso",
            "000000000001/ticket.json",
            "tree/outputs/success",
            "ticket.json",
            "SHA256SUMS",
        ];
        for file in files {
            fs::create_dir_all(at.join(file).parent().unwrap()).unwrap();
            fs::write(at.join(file), SECRET).unwrap();
        }
        let watch = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC).unwrap();
        let (before, mut dirs) = (seen(&at), vec![at.clone()]);
        while let Some(dir) = dirs.pop() {
            let told = inotify::WatchFlags::OPEN | inotify::WatchFlags::ACCESS;
            inotify::add_watch(&watch, &dir, told).unwrap();
            let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
            dirs.extend(entries.filter(|path| path.is_dir()));
        }
        let canary = Self { at, before, watch };
        // Watching the directories opened them.
        canary.opened();
        canary
    }

    /// Returns whatever of the tree was opened or read since the last look.
    fn opened(&self) -> Vec<String> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.watch, &mut buffer);
        let mut names = Vec::new();
        while let Ok(event) = reader.next() {
            let name = event.file_name().map(|name| name.to_string_lossy().into_owned());
            names.push(format!("{} ({:?})", name.unwrap_or_default(), event.events()));
        }
        names
    }
}

/// Returns all that can be changed of a tree: names, modes, owners, times, links and bytes.
fn seen(at: &Path) -> Vec<String> {
    let mut lines = tree(at);
    let files: Vec<PathBuf> = lines.iter().map(|line| at.join(line.split(' ').next().unwrap())).collect();
    for file in files {
        let meta = fs::symlink_metadata(&file).unwrap();
        let times = (meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec());
        lines.push(format!("{} {} {} {times:?}", file.display(), meta.nlink(), meta.uid()));
    }
    lines
}

/// Where the swapper puts its links, below the rig's directory, and in how many tries out of ten it goes for each.
const PLACES: [&str; 10] = [
    "mirror/master",
    "mirror/master/centos",
    "mirror/master/centos/BUILD",
    "mirror/master/centos/BUILD/outputs",
    "mirror/master/centos/BUILD/outputs/iso",
    "mirror/master/centos/BUILD/outputs/iso/bootimage.iso",
    "mirror/.mirrorkeep/trash/ANY/tree/outputs",
    "mirror/.mirrorkeep/stage/ANY/tree",
    "mirror/.mirrorkeep/stage/ANY/tree/outputs",
    "work/outputs/iso",
];

/// Returns a place with a name of what is there in the place of each word.
fn somewhere(top: &Path, dice: &mut Dice) -> Option<PathBuf> {
    let mut at = top.to_owned();
    for name in dice.pick(&PLACES)?.split('/') {
        let any = || {
            let names = fs::read_dir(&at).ok()?.flatten().map(|entry| entry.file_name());
            Some(names.collect::<Vec<_>>())
        };
        match name {
            "BUILD" | "ANY" => at.push(dice.pick(&any()?)?),
            name => at.push(name),
        }
    }
    Some(at)
}

/// Lets something change places with a link that leads out, for a moment.
fn swap(top: &Path, canary: &Path, dice: &mut Dice, swapped: &AtomicUsize) {
    let link = top.join("link-out");
    let Some(at) = somewhere(top, dice) else { return };
    // A tree that moved with a link in it keeps the link: the swapper itself must not go out through that.
    let (Some(above), Some(name)) = (at.parent(), at.file_name()) else { return };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let beneath = openat2(CWD, above, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS);
    let Ok(above) = beneath else { return };
    let exchange = || renameat_with(&above, name, CWD, &link, RenameFlags::EXCHANGE);
    fs::remove_file(&link).ok();
    symlink(if at.ends_with("bootimage.iso") { canary.join("x") } else { canary.to_owned() }, &link).unwrap();
    if exchange().is_err() {
        return;
    }
    swapped.fetch_add(1, Ordering::Relaxed);
    // Long enough to be met, short enough to let a command come far.
    std::thread::sleep(Duration::from_micros(dice.below(3000)));
    // If somebody took the link away meanwhile, the thing itself stays outside and is put back, or thrown away.
    if exchange().is_err() && renameat(CWD, &link, &above, name).is_err() {
        fs::remove_dir_all(&link).or_else(|_| fs::remove_file(&link)).ok();
    }
}

/// Returns the files inside in which the bytes of the tree outside stand.
fn stolen(top: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut dirs = vec![top.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            if kind.is_dir() {
                dirs.push(path);
            } else if kind.is_file() && fs::read(&path).is_ok_and(|bytes| bytes == SECRET.as_bytes()) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[test]
fn nothing_outside_is_ever_read_or_touched() {
    let long = std::env::var_os("MIRRORKEEP_TORTURE").is_some();
    let until = Instant::now() + Duration::from_secs(if long { 180 } else { 6 });
    let rig = Rig::new();
    rig.policy_file(POLICY);
    rig.builds(["20260101T000000Z", "20260101T000001Z", "20260101T000002Z", "20260101T000003Z"]);
    let outside = tempfile::tempdir().unwrap();
    let canary = Canary::new(outside.path().join("canary"));
    let top = rig.work("..").canonicalize().unwrap();
    let (over, swapped) = (AtomicBool::new(false), AtomicUsize::new(0));
    // The test itself writes by paths, which lead wherever a link leads.
    let turn = Mutex::new(());
    let mut failures: Vec<String> = Vec::new();
    let mut ended: BTreeMap<String, usize> = BTreeMap::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut dice = Dice(u64::from(std::process::id()) << 8 | 1);
            while !over.load(Ordering::Relaxed) {
                let held = turn.lock().unwrap();
                swap(&top, &canary.at, &mut dice, &swapped);
                drop(held);
                // Now and then a command comes through, so that there is something to prune and to sweep.
                let most = if dice.below(40) == 0 { 400 } else { 3 };
                dice.rest(most);
            }
        });
        let mut number = 10;
        let done = |ended: &BTreeMap<String, usize>| {
            let both = ["publish Some(0)", "sweep Some(0)"].iter().all(|end| ended.contains_key(*end));
            both && swapped.load(Ordering::Relaxed) > 100
        };
        while (Instant::now() < until || !done(&ended)) && failures.is_empty() {
            number += 1;
            let build = format!("20260101T{:02}{:02}{:02}Z", number / 3600, number / 60 % 60, number % 60);
            let strange = format!("master/debian/{build}");
            let mine = turn.lock().unwrap();
            fs::create_dir_all(rig.work("outputs/iso")).ok();
            fs::write(rig.work("outputs/iso/bootimage.iso"), &build).ok();
            if number % 5 == 0 {
                lay(&rig, &strange, &[("outputs/success", ""), ("outputs/iso/bootimage.iso", "laid")]);
            }
            drop(mine);
            let work = rig.work("").display().to_string();
            let commands: [&[&str]; 7] = [
                &["publish", &work, "--stream", "master/centos", "--build", &build],
                &["verify", "--all"],
                &["check"],
                &["adopt"],
                &["prune", "--io-priority", "normal"],
                &["sweep", "--io-priority", "normal"],
                &["recover"],
            ];
            for args in commands {
                let output = rig.run(args);
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                *ended.entry(format!("{} {:?}", args[0], output.status.code())).or_default() += 1;
                if output.status.code().is_none() || said.contains("panicked") {
                    failures.push(format!("{args:?} ended with {:?}: {said}", output.status));
                }
                let opened = canary.opened();
                if !opened.is_empty() {
                    failures.push(format!("{args:?} opened {opened:?}: {said}"));
                }
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    failures.extend(stolen(&top).into_iter().map(|file| format!("{file} came from outside")));
    let now = seen(&canary.at);
    if now != canary.before {
        failures.push(format!("the tree outside was {:?}\nand is {now:?}", canary.before));
    }
    let swaps = swapped.into_inner();
    let mut out = std::io::stdout();
    writeln!(out, "canary: {swaps} swaps, {ended:?}, {} failed", failures.len()).unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
