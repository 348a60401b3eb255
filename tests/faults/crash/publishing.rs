//! Publishing, disturbed: where no mirror is yet, and beside an earlier build whose bytes are shared.

use super::{Story, torture, whole};
use crate::support::attempt::{Attempt, ONE, TWO};
use crate::support::rig::{Rig, tree};

/// Every so manieth point is tried in the usual run.
const STRIDE: usize = 23;

#[test]
fn a_publish_that_is_cut_off_or_fails_anywhere_converges_on_rerun() {
    let story = |name, begin, visible| Story {
        name,
        begin,
        command,
        fits: |code, said| match code {
            Some(1) => said.lines().any(|line| line.starts_with("error: ")),
            code => code == Some(0),
        },
        visible,
        again: |output| output.status.success(),
        end: |rig| tree(&rig.mirror("master")),
    };
    let first = story("the first build", Rig::new, |rig| visible(rig, false));
    let next = story("the next build", || Attempt::new().rig, |rig| visible(rig, true));
    torture(&[first, next], STRIDE, 60);
}

fn command(rig: &Rig) -> Vec<String> {
    let work = rig.work("").display().to_string();
    let args = ["--jobs", "1", "publish", &work, "--stream", "master/centos", "--build", TWO, "--init"];
    args.map(str::to_owned).to_vec()
}

fn visible(rig: &Rig, next: bool) -> Result<(), String> {
    for (build, must) in [(ONE, next), (TWO, false)] {
        let there = rig.mirror(&format!("master/centos/{build}"));
        if must && !there.exists() {
            return Err(format!("{build} is gone"));
        }
        if there.exists() && !whole(&there) {
            return Err(format!("{build} is there in part"));
        }
    }
    match rig.latest().as_deref() {
        None if !next => Ok(()),
        Some(ONE) if next => Ok(()),
        Some(TWO) if rig.mirror(&format!("master/centos/{TWO}")).exists() => Ok(()),
        other => Err(format!("latest_build is {other:?}")),
    }
}
