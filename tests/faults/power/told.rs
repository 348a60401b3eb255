//! What was told before the power went, and what must be there after.

use crate::support::rig::Rig;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

/// One command, by what it is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Publish(String),
    /// Points `stable` at a build.
    Point(String),
    Prune,
    Restore(String),
    Sweep,
}

/// A command that was started, and what it told.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) step: Step,
    /// The builds that a prune told as gone.
    pub(super) went: Vec<String>,
}

/// What there is after some commands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) there: BTreeSet<String>,
    pub(super) trash: BTreeSet<String>,
    pub(super) latest: Option<String>,
    pub(super) stable: Option<String>,
}

impl State {
    pub(super) fn after(entries: &[Entry]) -> Self {
        let mut state = Self::default();
        for Entry { step, went } in entries {
            match step {
                Step::Publish(build) => {
                    state.there.insert(build.clone());
                    state.latest = Some(build.clone());
                }
                Step::Point(build) => state.stable = Some(build.clone()),
                Step::Prune => {
                    state.there.retain(|build| !went.contains(build));
                    state.trash.extend(went.iter().cloned());
                }
                Step::Restore(build) => {
                    state.there.insert(build.clone());
                    state.trash.remove(build);
                }
                Step::Sweep => state.trash.clear(),
            }
        }
        state
    }
}

impl Step {
    pub(super) fn args(&self, rig: &Rig) -> Vec<String> {
        let id = |build: &str| format!("master/centos/{build}");
        let (work, id) = (rig.work("").display().to_string(), id);
        let args = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect();
        match self {
            Self::Publish(build) => args(&["publish", &work, "--stream", "master/centos", "--build", build]),
            Self::Point(build) => args(&["alias", "set", "master/centos/stable", &id(build)]),
            Self::Prune => args(&["prune", "--io-priority", "normal"]),
            Self::Restore(build) => args(&["restore", &id(build)]),
            Self::Sweep => args(&["sweep", "--io-priority", "normal"]),
        }
    }

    /// Lays out what a publish of this build publishes.
    pub(super) fn prepare(&self, rig: &Rig) {
        if let Self::Publish(build) = self {
            rig.write("outputs/iso/bootimage.iso", &build.repeat(3000));
            rig.write("outputs/logs/log", build);
        }
    }
}

/// Fails when a reader sees a build in part, or a name that leads nowhere.
pub(super) fn visible(rig: &Rig) -> Result<BTreeSet<String>, String> {
    let there: BTreeSet<String> = if rig.mirror("master/centos").exists() {
        rig.there().into_iter().collect()
    } else {
        BTreeSet::new()
    };
    for build in &there {
        let mut check = Command::new("sha256sum");
        check
            .args(["-c", "--quiet", "SHA256SUMS"])
            .current_dir(rig.mirror(&format!("master/centos/{build}")));
        let output = check.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            return Err(format!(
                "{build} is there in part: {said}{}",
                String::from_utf8_lossy(&output.stderr)
            ));
        }
    }
    for name in ["latest_build", "stable"] {
        if let Some(to) = link(rig, name)
            && !there.contains(&to)
        {
            return Err(format!("{name} leads to {to}, which is not there"));
        }
    }
    Ok(there)
}

fn link(rig: &Rig, name: &str) -> Option<String> {
    let to = fs::read_link(rig.mirror(&format!("master/centos/{name}"))).ok()?;
    Some(to.to_str().unwrap().to_owned())
}

/// Fails unless all that was told before the cut is there, and what was underway is there or not, but as a whole.
pub(super) fn holds(rig: &Rig, entries: &[Entry], told: usize) -> Result<(), String> {
    let there = visible(rig)?;
    let states: Vec<State> = (told..=entries.len()).map(|end| State::after(&entries[..end])).collect();
    for build in states.iter().flat_map(|state| &state.there) {
        if states.iter().all(|state| state.there.contains(build)) && !there.contains(build) {
            return Err(format!("{build} is gone"));
        }
    }
    if let Some(build) = there.iter().find(|build| !states.iter().any(|state| state.there.contains(*build))) {
        return Err(format!("{build} is there"));
    }
    for name in ["latest_build", "stable"] {
        let to = link(rig, name);
        let of = |state: &State| if name == "stable" { state.stable.clone() } else { state.latest.clone() };
        if !states.iter().any(|state| of(state) == to) {
            return Err(format!("{name} leads to {to:?}"));
        }
    }
    Ok(())
}
