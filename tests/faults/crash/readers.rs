//! Writing what readers of a name get, disturbed: each file is the old or the new one, and the next command ends it.

use super::{Story, torture};
use crate::support::rig::Rig;
use std::fs;

const A: &str = "20181205T060000Z";
const B: &str = "20181206T060000Z";

/// Every so manieth point is tried in the usual run.
const STRIDE: usize = 37;

const PUBLIC: [&str; 4] = [
    "latest_build.json",
    "latest_build.repo",
    "latest_build/mirrorlist",
    "latest_build/outputs/RPMS/std/mirrorlist",
];

/// Returns a mirror with one build, whose readers get lists.
fn begin() -> Rig {
    let rig = Rig::new();
    rig.write("outputs/RPMS/std/repodata/repomd.xml", "<repomd/>");
    rig.ok(&["init"]);
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text + "readers: {url: 'http://mirror'}\n").unwrap();
    rig.publish(A, &[]);
    rig.write("outputs/iso/bootimage.iso", "other");
    rig
}

/// Returns a mirror in which the name moved and the files did not.
fn left_behind() -> Rig {
    let rig = begin();
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.split("readers:").next().unwrap()).unwrap();
    rig.publish(B, &[]);
    fs::write(&settings, text).unwrap();
    rig
}

/// Every public file is there as a whole: of one build or of both.
fn visible(rig: &Rig) -> Result<(), String> {
    for file in PUBLIC {
        let text = fs::read_to_string(rig.mirror(&format!("readers/master/centos/{file}")));
        let text = text.map_err(|error| format!("{file}: {error}"))?;
        let (old, new) = (text.contains(A), text.contains(B));
        let whole = text.ends_with('\n') && (old || file.ends_with(".repo"));
        let listed = !new || file.ends_with(".json") || text.find(B) < text.find(A);
        if !whole || !listed {
            return Err(format!("{file} is {text:?}"));
        }
    }
    Ok(())
}

/// Returns every public file after the next command.
fn end(rig: &Rig) -> Vec<String> {
    rig.ok(&["recover"]);
    let text = |file| fs::read_to_string(rig.mirror(&format!("readers/master/centos/{file}"))).unwrap();
    PUBLIC.map(|file| format!("{file}: {}", text(file))).to_vec()
}

fn fits(code: Option<i32>, said: &str) -> bool {
    match code {
        Some(1) => said.lines().any(|line| line.starts_with("error: ")),
        code => code == Some(0),
    }
}

#[test]
fn lists_of_a_name_that_are_cut_off_or_fail_anywhere_are_ended_by_the_next_command() {
    let story = |name, begin, command| Story {
        name,
        begin,
        command,
        fits,
        visible,
        again: |output| output.status.success(),
        end,
    };
    let export = story("export readers", left_behind, |_| {
        ["--jobs", "1", "export", "readers"].map(str::to_owned).to_vec()
    });
    let publish = story("publish for readers", begin, |rig| {
        let work = rig.work("").display().to_string();
        let args = ["--jobs", "1", "publish", &work, "--stream", "master/centos", "--build", B];
        args.map(str::to_owned).to_vec()
    });
    torture(&[export, publish], STRIDE, 20);
}
