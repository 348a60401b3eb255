//! What a prune withholds, what it offers to do about that, and what a full disk makes it delete.

use crate::support::rig::{Mounted, Rig};
use serde_json::Value;
use std::fs;
use std::process::Command;

const A: &str = "20261001T000000Z";
const B: &str = "20261002T000000Z";
const C: &str = "20261003T000000Z";
const D: &str = "20261004T000000Z";

/// Returns a policy that keeps nine builds, with these brakes, and their inputs as `parts` says.
fn parted(brakes: &str, parts: &str) -> String {
    format!(
        "version: 1\nbrakes: {{{brakes}}}\ndefaults: {{min_age: 0h, superseded_grace: 0h, floor: 1}}\nfamilies:\n  - {{name: all, match: \"**\", keep: [{{last: 9}}], parts: {{bulky: {{paths: [\"inputs/**\"], keep: [{parts}]}}}}}}\n"
    )
}

/// Publishes builds with 5,000 bytes of inputs each.
fn with_inputs<const N: usize>(rig: &Rig, names: [&str; N]) {
    for name in names {
        rig.write("inputs/RPMS/a.rpm", &name.repeat(5000 / name.len() + 1)[..5000]);
        rig.builds([name]);
    }
}

/// Returns for each build whether it has its inputs.
fn inputs(rig: &Rig) -> Vec<bool> {
    rig.there().iter().map(|name| rig.mirror(&format!("master/centos/{name}/inputs")).exists()).collect()
}

#[test]
fn every_brake_counts_builds_that_lose_parts() {
    for brakes in
        ["stream: {count: 1}", "run: {count: 1}", "run: {bytes: 9KB}", "stream: {percent: 10, min_sample: 2}"]
    {
        let rig = Rig::new();
        rig.policy_file(&parted(brakes, "{last: 1}"));
        with_inputs(&rig, [A, B, C]);
        let plan = rig.json_ends(4, &["plan"]);
        assert_eq!(plan["builds"][0]["parts"]["bulky"], "withheld", "{brakes}: {plan}");
        assert_eq!(plan["totals"]["trims_withheld"], 2, "{plan}");
        let said = rig.ends(4, &["prune"]);
        assert!(said.contains("parts of 2 builds"), "{said}");
        assert_eq!(inputs(&rig), [true; 3], "{brakes}");
        rig.ok(&["prune", "--accept", plan["digest"].as_str().unwrap()]);
        assert_eq!(inputs(&rig), [false, false, true], "{brakes}");
    }
    let rig = Rig::new();
    rig.policy_file(&parted("run: {count: 2, bytes: 10KB}", "{last: 1}"));
    with_inputs(&rig, [A, B, C]);
    let plan = rig.json(&["plan"]);
    assert_eq!(
        (&plan["totals"]["trimmed"], &plan["totals"]["bytes_freed"]),
        (&Value::from(2), &Value::from(10_000))
    );
    assert!(rig.ok(&["plan"]).contains("without parts: 2"));
    rig.ok(&["prune"]);
    assert_eq!(inputs(&rig), [false, false, true]);
}

#[test]
fn parts_that_only_an_edit_deletes_wait_until_somebody_accepts() {
    let rig = Rig::new();
    rig.policy_file(&parted("", "{last: 3}"));
    with_inputs(&rig, [A, B, C]);
    rig.ok(&["prune"]);
    rig.policy_file(&parted("", "{last: 1}"));
    for _ in 0..2 {
        rig.ends(4, &["prune"]);
        assert_eq!(inputs(&rig), [true; 3]);
    }
    let plan = rig.json_ends(4, &["plan"]);
    assert_eq!(plan["builds"][0]["parts_withheld"][0]["rule"], "policy_change defer", "{plan}");
    rig.ok(&["prune", "--accept", plan["digest"].as_str().unwrap()]);
    assert_eq!(inputs(&rig), [false, false, true]);
}

#[test]
fn a_frozen_stream_names_the_command_that_ends_the_freeze() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B]);
    fs::remove_file(rig.mirror("master/centos/latest_build")).unwrap();
    let said = rig.ends(4, &["prune"]);
    assert!(!said.contains("--accept"), "{said}");
    let way = format!(
        "; nothing of master/centos is deleted until it is fixed; `mirrorkeep alias set master/centos/latest_build {B}`"
    );
    assert!(said.contains(&way), "{said}");
    assert_eq!(said.matches("it is missing").count(), 1, "{said}");
    rig.ok(&["alias", "set", "master/centos/latest_build", B]);
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [B]);
}

#[test]
fn damaged_holds_are_named_by_their_path_and_no_accepting_is_offered() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B]);
    rig.ok(&["hold", &format!("master/centos/{A}"), "--why", "bug 7"]);
    let file = format!(".mirrorkeep/holds/master/centos/{A}.json");
    fs::write(rig.mirror(&file), "{").unwrap();
    let said = rig.ends(3, &["prune"]);
    assert!(said.contains(&format!("`{file}`")) && !said.contains("--accept"), "{said}");
}

#[test]
fn a_clock_that_stepped_is_accepted_by_the_command_that_the_refusal_names() {
    for (last, said) in [("2030-01-01T00:00:00Z", "went back"), ("2026-01-01T00:00:00Z", "more than 31d")] {
        let rig = Rig::new();
        rig.policy("keep: [{last: 1}]").builds([A]);
        rig.ok(&["prune"]);
        rig.builds([B]);
        let file = rig.mirror(".mirrorkeep/last-run.json");
        let mut run: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        run["at"] = last.into();
        fs::write(&file, run.to_string()).unwrap();
        let refused = rig.ends(3, &["prune"]);
        assert!(refused.contains(said) && refused.contains("`mirrorkeep prune --accept-clock`"), "{refused}");
        rig.ok(&["prune", "--accept-clock"]);
        assert_eq!(rig.there(), [B]);
        rig.ok(&["prune"]);
    }
}

#[test]
fn a_plan_for_any_instant_is_shown() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A]);
    rig.ok(&["prune"]);
    rig.builds([B]);
    for at in ["2027-03-01T00:00:00Z", "2026-10-05T00:00:00Z", "2027-03-01", "30d"] {
        let said = rig.ok(&["plan", "--at", at]);
        assert!(said.contains(&format!("EXPIRE    {A}")), "{said}");
    }
}

#[test]
fn a_full_disk_frees_what_is_asked_for_when_builds_share_files() {
    let rig = Rig::new();
    let _mounted = Mounted::tmpfs(&rig.mirror(""), "size=16m,mode=755");
    let text = |until: &str| {
        format!(
            "version: 1\nbrakes: {{policy_change: apply}}\npressure: {{free_below: {until}, until_free: {until}}}\ndefaults: {{min_age: 0h, superseded_grace: 0h, floor: 1}}\nfamilies: [{{name: all, match: \"**\", keep: [{{last: {{max: 9, min: 2}}}}]}}]\n"
        )
    };
    rig.policy_file(&text("1MiB"));
    rig.write("inputs/RPMS/a.rpm", &"s".repeat(3 << 20));
    for (name, byte) in [(A, 'a'), (B, 'b'), (C, 'c'), (D, 'd')] {
        if name == C {
            fs::remove_dir_all(rig.work("inputs")).unwrap();
        }
        rig.write("outputs/iso/bootimage.iso", &String::from(byte).repeat(1 << 20));
        rig.publish(name, &[]);
    }
    let shared = |name: &str| rig.inode(&format!("master/centos/{name}/inputs/RPMS/a.rpm"));
    assert_eq!(shared(A), shared(B));
    let free = Command::new("df").args(["--output=avail", "-B1"]).arg(rig.mirror("")).output().unwrap();
    let free = String::from_utf8_lossy(&free.stdout).lines().last().unwrap().trim().parse::<u64>().unwrap();
    rig.policy_file(&text(&(free + (5 << 19)).to_string()));
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [C, D]);
}

#[test]
fn a_run_that_the_disk_made_necessary_goes_on_until_enough_is_free() {
    let rig = Rig::new();
    let _mounted = Mounted::tmpfs(&rig.mirror(""), "size=24m,mode=755");
    let text = |below: u64, until: u64| {
        format!(
            "version: 1\nbrakes: {{policy_change: apply}}\npressure: {{free_below: {below}, until_free: {until}}}\ndefaults: {{min_age: 0h, superseded_grace: 0h, floor: 1}}\nfamilies: [{{name: all, match: \"**\", keep: [{{last: {{max: 9, min: 1}}}}]}}]\n"
        )
    };
    rig.policy_file(&text(1, 1));
    for (name, byte) in [(A, 'a'), (B, 'b'), (C, 'c'), (D, 'd')] {
        rig.write("outputs/iso/bootimage.iso", &String::from(byte).repeat(2 << 20));
        rig.publish(name, &[]);
    }
    let free = Command::new("df").args(["--output=avail", "-B1"]).arg(rig.mirror("")).output().unwrap();
    let free = String::from_utf8_lossy(&free.stdout).lines().last().unwrap().trim().parse::<u64>().unwrap();
    // The first build that goes brings the disk above `free_below`, and the third above `until_free`.
    rig.policy_file(&text(free + (64 << 10), free + (5 << 20)));
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [D]);
}

#[test]
fn what_cannot_be_measured_passes_no_brake_of_bytes() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B]);
    rig.ok(&["prune"]);
    rig.builds([C, D]);
    rig.policy_file(
        "version: 1\nbrakes: {policy_change: apply, run: {bytes: 1GiB}}\ndefaults: {min_age: 0h, superseded_grace: 0h, floor: 1}\nfamilies: [{name: all, match: \"**\", keep: [{last: 1}]}]\n",
    );
    // Deeper than a path of the mirror can be.
    let deep = rig.mirror(&format!("master/centos/{C}/outputs")).join("directory-of-20-bytes/".repeat(150));
    fs::create_dir_all(&deep).unwrap();
    let nested = Command::new("sh")
        .args(["-c", "for i in $(seq 300); do mkdir -p d-of-20-bytes-and-xyz && cd -P d-of-20-bytes-and-xyz || exit 1; done"])
        .current_dir(&deep)
        .status();
    assert!(nested.unwrap().success());
    let plan = rig.run(&["plan"]);
    assert_eq!(plan.status.code(), Some(4), "{}", String::from_utf8_lossy(&plan.stderr));
    assert_eq!(rig.run(&["prune"]).status.code(), Some(4));
    assert!(rig.there().contains(&C.to_owned()));
}
