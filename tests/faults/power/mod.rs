//! Power cuts: what was told stays, what was not is there as a whole, or not, and the same command again ends right.
//!
//! Publishing, aliases, pruning, restoring and sweeping go on in a file system on a loop device, which is copied at
//! random moments. Each copy is mounted as after a power cut. A few on ext4 in the usual run, 200 on each file system
//! in `make torture`; `MIRRORKEEP_CUTS` and `MIRRORKEEP_DISKS` (as `xfs,btrfs`) say otherwise. Needs root, loop devices,
//! and what `make tools` installs. Not modelled: a disk that loses or swaps what it was handed and asked to flush.

mod disk;
mod told;

use crate::support::dice::Dice;
use crate::support::rig::Rig;
use disk::{Disk, EXT4, Image, Kind, OTHERS, Shelf};
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use told::{Entry, State, Step, holds, visible};

/// So many copies are made before they are looked at.
const ROUND: usize = 8;

/// Nothing is protected by its age, and nothing is swept unasked.
const POLICY: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1, trash: 7d}
families:
  - {name: all, match: \"**\", keep: [{last: 3}]}
";

/// What was done so far: every command that was started, and how many of them told that they are done.
#[derive(Default)]
struct Ledger {
    entries: Vec<Entry>,
    told: usize,
}

/// A copy, and where the ledger stood before and after it was made.
struct Cut {
    image: Image,
    told: usize,
    started: usize,
}

#[test]
fn what_was_told_survives_a_power_cut_on_ext4() {
    cuts(&[EXT4], ROUND);
}

#[test]
fn what_was_told_survives_a_power_cut_on_every_file_system() {
    if std::env::var_os("MIRRORKEEP_TORTURE").is_some() {
        let names = std::env::var("MIRRORKEEP_DISKS").unwrap_or_default();
        let mut kinds = [[EXT4].as_slice(), &OTHERS].concat();
        kinds.retain(|kind| names.is_empty() || names.split(',').any(|name| name == kind.name));
        assert!(!kinds.is_empty(), "MIRRORKEEP_DISKS names no file system: {names}");
        cuts(&kinds, number("MIRRORKEEP_CUTS").unwrap_or(200));
    }
}

/// Returns the number that a variable of the environment holds.
fn number<N: std::str::FromStr>(name: &str) -> Option<N> {
    std::env::var(name).ok()?.parse().ok()
}

/// Says how it goes to whoever runs the long way.
fn tell(line: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "{line}").unwrap();
}

#[track_caller]
fn cuts(kinds: &[Kind], count: usize) {
    let seed = number("MIRRORKEEP_SEED").unwrap_or_else(|| u64::from(std::process::id()) << 20 | 1);
    let mut failures = Vec::new();
    for kind in kinds {
        let mut dice = Dice(seed);
        let failed = on(*kind, count, &mut dice);
        let said = format!("power: {}: {count} cuts, {} failed", kind.name, failed.len());
        tell(&said);
        failures.extend(failed.into_iter().map(|why| format!("{}: {why}", kind.name)));
    }
    assert!(failures.is_empty(), "seed {seed}:\n{}", failures.join("\n"));
}

/// Cuts the power of a file system so many times, and returns what was wrong after.
fn on(kind: Kind, count: usize, dice: &mut Dice) -> Vec<String> {
    let (shelf, rig) = (Shelf::new(), Rig::new());
    let disk = Disk::new(kind, shelf.place("disk.img"), &rig.mirror(""));
    rig.policy_file(POLICY);
    let ledger = Mutex::new(Ledger::default());
    let mut failures = Vec::new();
    let mut done = 0;
    while done < count {
        let cuts = round(&rig, &disk, &shelf, &ledger, dice, ROUND.min(count - done));
        done += cuts.len();
        let ledger = ledger.lock().unwrap();
        let looks = cuts.into_iter().map(|cut| {
            let entries = &ledger.entries[..cut.started];
            let (told, last) = (cut.told, &entries[cut.told.saturating_sub(2)..]);
            survives(cut, entries).map_err(|why| format!("{told} told, then {last:?}: {why}"))
        });
        for why in disk.rest(|| looks.filter_map(Result::err).collect::<Vec<_>>()) {
            tell(&format!("power: {why}"));
            failures.push(why);
        }
    }
    failures
}

/// Lets commands follow each other, and copies the disk at random moments meanwhile.
fn round(
    rig: &Rig,
    disk: &Disk,
    shelf: &Shelf,
    ledger: &Mutex<Ledger>,
    dice: &mut Dice,
    count: usize,
) -> Vec<Cut> {
    let over = AtomicBool::new(false);
    let mut order = Dice(dice.below(u64::MAX) | 1);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let step = next(&ledger.lock().unwrap(), &mut order);
                does(rig, ledger, step);
            }
        });
        let mut cuts = Vec::new();
        for number in 0..count {
            dice.rest(250);
            let told = ledger.lock().unwrap().told;
            let image = disk.cut(shelf.place(&format!("cut-{number}.img")));
            cuts.push(Cut { image, told, started: ledger.lock().unwrap().entries.len() });
        }
        over.store(true, Ordering::Relaxed);
        cuts
    })
}

/// Draws what is done next.
fn next(ledger: &Ledger, dice: &mut Dice) -> Step {
    let state = State::after(&ledger.entries);
    let published = ledger.entries.iter().filter(|entry| matches!(entry.step, Step::Publish(_))).count();
    let fresh = Step::Publish(format!("20260101T{:02}{:02}00Z", published / 60, published % 60));
    let any = |from: &std::collections::BTreeSet<String>, dice: &mut Dice| {
        dice.pick(&from.iter().cloned().collect::<Vec<_>>()).cloned()
    };
    match dice.below(10) {
        0..=3 => Some(fresh.clone()),
        4 | 5 => any(&state.there, dice).filter(|build| state.stable <= Some(build.clone())).map(Step::Point),
        6 | 7 => Some(Step::Prune),
        8 => any(&state.trash, dice).map(Step::Restore),
        _ => (state.trash.len() > 6).then_some(Step::Sweep),
    }
    .unwrap_or(fresh)
}

/// Does one step, which must succeed, and writes into the ledger what it told.
fn does(rig: &Rig, ledger: &Mutex<Ledger>, step: Step) {
    step.prepare(rig);
    let args = step.args(rig);
    let prunes = step == Step::Prune;
    ledger.lock().unwrap().entries.push(Entry { step, went: Vec::new() });
    let answer = rig.json(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let mut ledger = ledger.lock().unwrap();
    if prunes {
        let gone = answer["report"]["pruned"].as_array().unwrap().iter();
        let names = gone.map(|gone| gone["id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned());
        ledger.entries.last_mut().unwrap().went = names.collect();
    }
    ledger.told += 1;
}

/// Mounts what a cut left, looks at it, lets mirrorkeep recover, and does again what was underway.
fn survives(cut: Cut, entries: &[Entry]) -> Result<(), String> {
    let rig = Rig::new();
    let _disk = cut.image.mount(&rig.mirror(""));
    holds(&rig, entries, cut.told)?;
    let runs = |args: &[&str], fits: &dyn Fn(i32, &str) -> bool| {
        let output = rig.run(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let code = output.status.code().unwrap_or(-1);
        if fits(code, &said) { Ok(()) } else { Err(format!("{args:?} ended with {code}: {said}")) }
    };
    let well = |code: i32, _: &str| code == 0;
    runs(&["recover"], &well)?;
    holds(&rig, entries, cut.told).map_err(|why| format!("after recovering {why}"))?;
    for Entry { step, .. } in &entries[cut.told..] {
        step.prepare(&rig);
        let args = step.args(&rig);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let restores = matches!(step, Step::Restore(_));
        runs(&args, &|code, said| code == 0 || restores && said.contains("is not in the trash"))?;
    }
    visible(&rig)?;
    let all = State::after(entries);
    if let Some(build) = all.there.iter().find(|build| !rig.there().contains(build)) {
        return Err(format!("{build} is gone in the end"));
    }
    for build in &all.trash {
        runs(&["restore", &format!("master/centos/{build}")], &well)?;
    }
    visible(&rig)?;
    runs(&["verify", "--all"], &well)
}
