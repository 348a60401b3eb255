//! Builds that go to an archive instead of the trash, on the command line.

use crate::support::rig::{Mounted, Rig, tree};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const A: &str = "20261001T000000Z";
const B: &str = "20261002T000000Z";
const C: &str = "20261003T000000Z";
const D: &str = "20261004T000000Z";

fn id(name: &str) -> String {
    format!("master/centos/{name}")
}

/// A mirror, and its archive in a directory beside it.
struct Pair {
    rig: Rig,
    archive: PathBuf,
}

impl Pair {
    /// Returns an empty mirror with that rule of the family `master/**`, and an archive that keeps one build.
    fn new(keep: &str) -> Self {
        let rig = Rig::new();
        let archive = rig.work("").parent().unwrap().join("archive");
        let pair = Self { rig, archive };
        pair.policy(keep, ", until: 10y", "");
        let own = pair.rig.work("../archive-policy.yaml");
        fs::write(&own, "version: 1\nbrakes: {policy_change: apply}\ndefaults: {min_age: 0h, superseded_grace: 0h, floor: 1}\nfamilies: [{name: a, match: \"**\", keep: [{last: 1}], parts: {iso: {paths: [\"outputs/**\"], keep: []}}}]\n").unwrap();
        pair.there(&["init", "--policy", own.to_str().unwrap()]);
        pair
    }

    fn policy(&self, keep: &str, until: &str, top: &str) {
        self.rig.policy_file(&format!(
            "version: 1\n{top}defaults: {{min_age: 0h, superseded_grace: 0h, floor: 1}}\nfamilies:\n  - {{name: master, match: \"master/**\", keep: [{keep}], archive: {{to: {}{until}}}}}\n  - {{name: others, match: \"**\", keep: [{{last: 1}}]}}\n",
            self.archive.display()
        ));
    }

    /// Runs the binary on the archive.
    #[track_caller]
    fn there(&self, args: &[&str]) -> String {
        let output = self.rig.command(args).env("MIRRORKEEP_MIRROR", &self.archive).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Returns the builds of `master/centos` in the archive.
    fn archived(&self) -> Vec<String> {
        let Ok(names) = fs::read_dir(self.archive.join("master/centos")) else { return Vec::new() };
        let dirs = names.map(|entry| entry.unwrap()).filter(|entry| entry.file_type().unwrap().is_dir());
        let mut names: Vec<String> = dirs.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Returns the reason and the end of each hold of a build in the archive.
    fn holds(&self, name: &str) -> Vec<(String, String)> {
        let path = self.archive.join(format!(".mirrorkeep/holds/{}.json", id(name)));
        let text: Value = serde_json::from_slice(&fs::read(path).unwrap_or(b"[]".to_vec())).unwrap();
        let holds = text.as_array().or(text["holds"].as_array()).unwrap().clone();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        holds.iter().map(|hold| (text(&hold["why"]), text(&hold["until"]))).collect()
    }

    fn mirror_id(&self) -> String {
        let text = fs::read_to_string(self.rig.mirror(".mirrorkeep/mirror.yaml")).unwrap();
        text.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().trim().to_owned()
    }

    fn why(&self) -> String {
        format!("archived from mirror {}", self.mirror_id())
    }

    fn is_in_trash(&self, name: &str) -> bool {
        self.rig.ok(&["trash", "list"]).contains(name)
    }
}

/// Lets everybody write a file or directory that is read-only.
fn writable(path: &Path) {
    Command::new("chmod").args(["-R", "u+w"]).arg(path).status().unwrap();
}

#[test]
fn what_expires_goes_to_the_archive_and_comes_back_by_copy() {
    let pair = Pair::new("{last: 1}");
    let (rig, shown) = (&pair.rig, pair.archive.display().to_string());
    rig.builds([A, B, C]);
    let before = tree(&rig.mirror(&id(A)));
    let untouched = tree(&pair.archive);
    let dry = rig.ends(0, &["prune", "--dry-run"]);
    assert!(dry.contains(&format!("would copy  {}  to {shown}, and delete it here", id(A))), "{dry}");
    assert!(dry.contains(&format!("goes to {shown}")), "{dry}");
    assert_eq!((tree(&pair.archive), rig.there().len()), (untouched, 3));
    let explained = rig.ok(&["explain", &id(A)]);
    assert!(explained.contains(&format!("(goes to the archive {shown}, held there until ")), "{explained}");
    let plan = rig.json(&["plan"]);
    assert_eq!(plan["builds"][0]["archive"]["to"], json!(shown));
    assert_eq!(plan["builds"][2]["archive"], Value::Null);
    assert!(rig.ok(&["list"]).contains("to archive"));
    let done = rig.ok(&["prune"]);
    assert!(done.contains(&format!("(archived in {shown})")), "{done}");
    assert!(done.contains("2 builds pruned, 2 swept, 1 kept"), "{done}");
    assert_eq!((rig.there(), pair.archived()), (vec![C.to_owned()], vec![A.to_owned(), B.to_owned()]));
    assert_eq!(tree(&pair.archive.join(id(A))), before);
    assert!(!pair.is_in_trash(A));
    let [(why, until)] = &pair.holds(A)[..] else { panic!("{:?}", pair.holds(A)) };
    assert_eq!(*why, pair.why());
    assert!(until.starts_with("20") && until[..4].parse::<u32>().unwrap() >= 2036, "{until}");
    // Neither a build nor a part of it goes there, whatever the policy of the archive says.
    pair.there(&["prune"]);
    assert_eq!(pair.archived(), [A, B]);
    assert!(pair.archive.join(id(A)).join("outputs/iso/bootimage.iso").exists());
    // It is no withdrawal.
    let log = rig.ok(&["log", &id(A)]);
    assert!(log.contains(&format!("to the archive {shown}: last 1")) && !log.contains("withdrew"), "{log}");
    for verb in ["restore", "show", "explain"] {
        let back = format!("`mirrorkeep copy {shown} {} {}` copies it back", rig.mirror("").display(), id(A));
        rig.fails(1, &back, &[verb, &id(A)]);
    }
    let mirror = rig.mirror("").display().to_string();
    let back = rig.ends(0, &["copy", &shown, &mirror, &id(A)]);
    assert!(!back.contains("withdrawn"), "{back}");
    assert_eq!(rig.there(), [A, C]);
    assert!(rig.ends(5, &["check"]).contains("0 errors"));
    // A second time the archive has it, and holds it once.
    rig.ok(&["prune"]);
    assert_eq!((rig.there(), pair.holds(A).len()), (vec![C.to_owned()], 1));
    pair.there(&["verify", "--all"]);
}

#[test]
fn the_events_name_the_archive_and_no_reason_of_a_withdrawal() {
    let pair = Pair::new("{last: 1}");
    pair.rig.builds([A, B]);
    let report = pair.rig.json(&["prune"]);
    let gone = &report["report"]["pruned"][0];
    assert_eq!(gone["archive"]["address"], json!(pair.archive.display().to_string()));
    let journal = fs::read_to_string(pair.rig.mirror(".mirrorkeep/journal/000000000001.jsonl")).unwrap();
    let lines = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let pruned: Vec<Value> =
        lines.filter(|line| line["what"] == "pruned" && line["phase"] == "done").collect();
    let [pruned] = &pruned[..] else { panic!("{pruned:?}") };
    assert_eq!(pruned["details"]["archive"], gone["archive"]);
    assert_eq!(pruned["details"]["why"], Value::Null);
}

#[test]
fn a_hold_lasts_as_the_longest_run_said() {
    let pair = Pair::new("{last: 1}");
    pair.rig.builds([A, B, C]);
    let mirror = pair.rig.mirror("").display().to_string();
    let archive = pair.archive.display().to_string();
    // As after a kill between the hold and the removal, or by an earlier policy.
    for (name, until) in [(A, &["--until", "2999-01-01"][..]), (B, &["--until", "2027-01-01"])] {
        pair.rig.ok(&["copy", &mirror, &archive, &id(name)]);
        pair.there(&[&["hold", &id(name), "--why", &pair.why()], until].concat());
    }
    pair.there(&["hold", &id(A), "--why", "bug 7"]);
    pair.rig.ok(&["prune"]);
    let holds = pair.holds(A);
    assert_eq!(holds[0], (pair.why(), "2999-01-01T23:59:59Z".to_owned()));
    assert_eq!((holds.len(), &*holds[1].0), (2, "bug 7"));
    let [(_, until)] = &pair.holds(B)[..] else { panic!() };
    assert!(until[..4].parse::<u32>().unwrap() >= 2036, "{until}");
    // Without `until` a person ends it.
    pair.policy("{last: 1}", "", "");
    pair.rig.builds([D]);
    pair.rig.ok(&["prune"]);
    assert_eq!(pair.holds(C), [(pair.why(), String::new())]);
}

#[test]
fn a_mirror_that_loses_what_is_removed_here_is_no_archive() {
    let refused = |make: &dyn Fn(&Pair), said: &str| {
        let pair = Pair::new("{last: 1}");
        pair.rig.builds([A, B]);
        let work = pair.rig.work("").display().to_string();
        for name in [A, B] {
            pair.rig.ok(&["publish", &work, "--stream", "feature/x/centos", "--build", name]);
        }
        make(&pair);
        let dry = pair.rig.ends(1, &["prune", "--dry-run"]);
        assert!(dry.contains(said) && dry.contains(&format!("would skip  {}", id(A))), "{dry}");
        let told = pair.rig.ends(1, &["prune"]);
        assert!(told.contains(said), "{told}");
        assert!(told.contains(&format!("skipped   {}  the archive", id(A))), "{told}");
        assert_eq!(pair.rig.there(), [A, B]);
        // The other family goes on.
        assert!(!pair.rig.mirror(&format!("feature/x/centos/{A}")).exists());
        assert!(pair.is_in_trash("feature/x/centos"));
    };
    let gone = |pair: &Pair| fs::remove_dir_all(&pair.archive).unwrap();
    refused(&gone, "is not a mirror");
    refused(
        &|pair| {
            gone(pair);
            let copied = Command::new("cp").arg("-a").arg(pair.rig.mirror("")).arg(&pair.archive).status();
            assert!(copied.unwrap().success());
        },
        "has the ID of this mirror",
    );
    refused(
        &|pair| {
            let inside = pair.rig.mirror(".mirrorkeep/archive");
            fs::rename(&pair.archive, &inside).unwrap();
            std::os::unix::fs::symlink(&inside, &pair.archive).unwrap();
        },
        "are inside each other",
    );
    refused(
        &|pair| {
            let targets =
                format!("targets: 1\nto: [{{name: spare, directory: {}}}]\n", pair.archive.display());
            fs::write(pair.rig.mirror(".mirrorkeep/targets.yaml"), targets).unwrap();
        },
        "is the target `spare` of `sync`",
    );
    refused(
        &|pair| {
            fs::create_dir_all(pair.archive.join("project/trace")).unwrap();
            let trace = json!({"trace": 1, "mirror": pair.mirror_id(), "name": "far", "serial": 1, "at": "2026-10-01T00:00:00Z"});
            fs::write(pair.archive.join("project/trace/far"), format!("{trace}\n")).unwrap();
        },
        "is the target `far` of `sync`",
    );
    refused(
        &|pair| {
            let text = fs::read_to_string(pair.archive.join(".mirrorkeep/mirror.yaml")).unwrap();
            let own = text.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
            let state = json!({"pull": 1, "mirror": own, "from": pair.mirror_id(), "serial": 1, "seen": 1, "content": null,
                "choice": null, "names": {}, "withdrawn": []});
            fs::write(pair.archive.join(".mirrorkeep/pull.json"), state.to_string()).unwrap();
        },
        "that `pull` updates",
    );
}

#[test]
fn a_build_that_is_not_proved_stays_and_the_others_go() {
    let pair = Pair::new("{last: 1}");
    pair.rig.builds([A, B, C, D]);
    let (mirror, archive) = (pair.rig.mirror("").display().to_string(), pair.archive.display().to_string());
    // One of the same ID with other content, and one of which a byte changed after it was copied.
    let work = pair.rig.work("").display().to_string();
    pair.rig.write("outputs/iso/bootimage.iso", "another image");
    pair.there(&["publish", &work, "--stream", "master/centos", "--build", A]);
    pair.rig.ok(&["copy", &mirror, &archive, &id(B)]);
    let file = pair.archive.join(id(B)).join("outputs/iso/bootimage.iso");
    writable(&pair.archive.join(id(B)));
    fs::write(&file, B.replace('2', "3")).unwrap();
    let told = pair.rig.ends(1, &["prune"]);
    assert!(told.contains("is published already, with other content"), "{told}");
    assert!(told.contains("is damaged in the archive: sha256 "), "{told}");
    assert_eq!(pair.rig.there(), [A, B, D]);
    // Nothing is wrong with the mirror itself, and once the archive is repaired, the rest goes.
    fs::write(&file, B).unwrap();
    pair.there(&["withdraw", &id(A), "--why", "wrong build", "--purge", "--yes"]);
    let told = pair.rig.ends(1, &["prune"]);
    assert!(told.contains("was withdrawn from the archive: wrong build"), "{told}");
    assert_eq!(pair.rig.there(), [A, D]);
    pair.rig.ok(&["copy", &mirror, &archive, &id(A)]);
    pair.rig.ok(&["prune"]);
    assert_eq!((pair.rig.there(), pair.archived()), (vec![D.to_owned()], vec![A.into(), B.into(), C.into()]));
}

#[test]
fn an_archive_whose_lists_fit_other_bytes_proves_nothing() {
    let pair = Pair::new("{last: 1}");
    pair.rig.builds([A, B]);
    let (mirror, archive) = (pair.rig.mirror("").display().to_string(), pair.archive.display().to_string());
    pair.rig.ok(&["copy", &mirror, &archive, &id(A)]);
    // The manifest and the record are as they were, so that the copy is taken for the same.
    let root = pair.archive.join(id(A));
    writable(&root);
    fs::write(root.join("outputs/iso/bootimage.iso"), A.replace('2', "3")).unwrap();
    let mut sums = Command::new("sh");
    sums.arg("-c").arg("sha256sum outputs/iso/* outputs/RPMS/std/* > SHA256SUMS");
    assert!(sums.current_dir(&root).status().unwrap().success());
    let told = pair.rig.ends(1, &["prune"]);
    assert!(told.contains("is damaged in the archive"), "{told}");
    assert_eq!(pair.rig.there(), [A, B]);
    fs::remove_file(root.join("outputs/iso/bootimage.iso")).unwrap();
    let told = pair.rig.ends(1, &["prune"]);
    assert!(told.contains("has other content in the archive: `outputs/iso/bootimage.iso`"), "{told}");
    assert_eq!(pair.rig.there(), [A, B]);
}

#[test]
fn a_full_archive_keeps_the_builds_here() {
    let pair = Pair::new("{last: 1}");
    pair.rig.builds([A]);
    pair.rig.write("outputs/iso/bootimage.iso", &"b".repeat(3 << 20));
    pair.rig.publish(B, &[]);
    pair.rig.builds([C]);
    let small = pair.rig.work("../small");
    let _disk = Mounted::tmpfs(&small, "size=2m,mode=755");
    let to = small.canonicalize().unwrap();
    let moved = Command::new("cp").arg("-a").arg(pair.archive.join(".")).arg(&to).status().unwrap();
    assert!(moved.success());
    let pair = Pair { archive: to, ..pair };
    pair.policy("{last: 1}", "", "");
    let told = pair.rig.ends(1, &["prune"]);
    assert!(told.contains(&format!("failed: {}: ", id(B))), "{told}");
    assert_eq!((pair.rig.there(), pair.archived()), (vec![B.into(), C.into()], vec![A.to_owned()]));
}

#[test]
fn what_a_build_needs_is_copied_with_it_and_required_names_resolve_there() {
    let pair = Pair::new("{last: 1}");
    pair.rig.builds([A]);
    pair.rig.publish(B, &["--requires", &id(A)]);
    pair.rig.builds([C]);
    pair.rig.ok(&["hold", &id(A), "--why", "bug 7"]);
    pair.rig.ok(&["prune"]);
    assert_eq!((pair.rig.there(), pair.archived()), (vec![A.into(), C.into()], vec![A.into(), B.into()]));
    assert!(pair.holds(A).is_empty() && pair.holds(B).len() == 1);
    // The name of the archive itself, and not that of the mirror.
    assert_eq!(fs::read_link(pair.archive.join("master/centos/latest_build")).unwrap(), Path::new(B));
}

#[test]
fn what_a_build_needs_that_is_not_proved_stays_with_it() {
    let pair = Pair::new("{last: 1}");
    pair.rig.builds([A]);
    pair.rig.publish(B, &["--requires", &id(A)]);
    pair.rig.builds([C, D]);
    let work = pair.rig.work("").display().to_string();
    pair.rig.write("outputs/iso/bootimage.iso", "another image");
    pair.there(&["publish", &work, "--stream", "master/centos", "--build", B]);
    let told = pair.rig.ends(1, &["prune"]);
    assert!(told.contains(&format!("skipped   {}  `{}` stays, and needs it", id(A), id(B))), "{told}");
    assert_eq!(pair.rig.there(), [A, B, D]);
}

#[test]
fn what_was_withdrawn_from_the_archive_does_not_come_back_with_what_needs_it() {
    let pair = Pair::new("{last: 1}");
    pair.rig.builds([A]);
    let (mirror, archive) = (pair.rig.mirror("").display().to_string(), pair.archive.display().to_string());
    pair.rig.ok(&["copy", &mirror, &archive, &id(A)]);
    pair.there(&["withdraw", &id(A), "--why", "a secret", "--purge", "--yes", "--force"]);
    pair.rig.publish(B, &["--requires", &id(A)]);
    pair.rig.builds([C]);
    pair.rig.ok(&["hold", &id(A), "--why", "bug 7"]);
    let told = pair.rig.ends(1, &["prune"]);
    assert!(told.contains(&format!("`{}` needs `{}`, which is not at the target", id(B), id(A))), "{told}");
    assert_eq!((pair.rig.there().len(), pair.archived().len()), (3, 0));
}

#[test]
fn a_build_that_lost_parts_here_goes_as_it_is_and_is_proved_by_a_whole_one() {
    let pair = Pair::new("{last: 2}");
    let parts = |to: &Path| {
        pair.rig.policy_file(&format!(
            "version: 1\nbrakes: {{policy_change: apply}}\ndefaults: {{min_age: 0h, superseded_grace: 0h, floor: 1}}\nfamilies:\n  - {{name: a, match: \"**\", keep: [{{last: 2}}], parts: {{bulky: {{paths: [\"inputs/**\"], keep: [{{last: 1}}]}}}}, archive: {{to: {}}}}}\n",
            to.display()
        ));
    };
    parts(&pair.archive);
    pair.rig.write("inputs/RPMS/a.rpm", "the same").builds([A, B]);
    let (mirror, archive) = (pair.rig.mirror("").display().to_string(), pair.archive.display().to_string());
    // A is whole in the archive, B is not there.
    pair.rig.ok(&["copy", &mirror, &archive, &id(A)]);
    pair.rig.ok(&["prune"]);
    assert!(!pair.rig.mirror(&id(A)).join("inputs").exists());
    pair.rig.builds([C, D]);
    pair.rig.ok(&["prune"]);
    pair.rig.builds(["20261005T000000Z"]);
    pair.rig.ok(&["prune"]);
    assert_eq!(pair.rig.there(), [D, "20261005T000000Z"]);
    assert_eq!(pair.archived(), [A, B, C]);
    assert!(pair.archive.join(id(A)).join("inputs/RPMS/a.rpm").exists());
    pair.there(&["verify", "--all"]);
}

#[test]
fn under_pressure_builds_are_archived_one_by_one_until_enough_is_free() {
    let pair = Pair::new("{last: 9}");
    let _mounted = Mounted::tmpfs(&pair.rig.mirror(""), "size=24m,mode=755");
    let top = |below: u64, until: u64| {
        format!("brakes: {{policy_change: apply}}\npressure: {{free_below: {below}, until_free: {until}}}\n")
    };
    pair.policy("{last: {max: 9, min: 1}}", "", &top(1, 1));
    for (name, byte) in [(A, 'a'), (B, 'b'), (C, 'c'), (D, 'd')] {
        pair.rig.write("outputs/iso/bootimage.iso", &String::from(byte).repeat(2 << 20));
        pair.rig.publish(name, &[]);
    }
    let free = Command::new("df").args(["--output=avail", "-B1"]).arg(pair.rig.mirror("")).output().unwrap();
    let free = String::from_utf8_lossy(&free.stdout).lines().last().unwrap().trim().parse::<u64>().unwrap();
    pair.policy("{last: {max: 9, min: 1}}", "", &top(free + (64 << 10), free + (3 << 20)));
    let told = pair.rig.ok(&["prune"]);
    assert_eq!(pair.rig.there(), [C, D], "{told}");
    assert_eq!(pair.archived(), [A, B]);
    assert!(pair.holds(B).len() == 1 && !pair.is_in_trash(A));
    // An archive that cannot be used frees nothing, and says so.
    pair.policy("{last: {max: 9, min: 1}}", "", &top(free + (6 << 20), free + (7 << 20)));
    fs::remove_dir_all(&pair.archive).unwrap();
    let told = pair.rig.ends(1, &["prune"]);
    assert!(told.contains("is not a mirror") && told.contains("shortfall"), "{told}");
    assert_eq!(pair.rig.there(), [C, D]);
}

#[test]
fn a_short_archive_is_reported_by_lint() {
    let pair = Pair::new("{last: 1}");
    pair.policy("{last: 1}", ", until: 7d", "");
    let told = pair.rig.ends(5, &["policy", "lint"]);
    assert!(
        told.contains("[short-archive]") && told.contains("no longer than the trash would (7d)"),
        "{told}"
    );
    pair.policy("{last: 1}", ", until: 8d", "");
    assert!(!pair.rig.run(&["policy", "lint"]).stdout.windows(13).any(|window| window == b"short-archive"));
}
