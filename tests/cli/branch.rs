//! Sentences of `branch`: what the settings lack, an inherited build, one step for several streams, and undoing.

use crate::support::rig::{Rig, lay, tree};
use crate::support::trunk::Trunk;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

const POLICY: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1}
events:
  release: [2018-10-01]
families:
  - name: release-2018.10
    match: \"release/2018.10/**\"
    keep: [{within: 365d}, {periods: {of: release, n: 1}}]
  - {name: nightly, match: \"**\", keep: [{last: 1}]}
";

const COVERING: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1}
families:
  - {name: release, match: \"release/**\", keep: [{last: 9}]}
";

const PIPELINE: &str = "pipeline: 1
stages:
  - {name: testing, streams: \"**\", from: latest_build, pin: true}
  - name: stable
    streams: \"release/2018.10/**\"
    from: testing
    require: {votes: [smoke]}
    carry: [{alias: stable-image, place: outputs/iso}]
";

const SEED: &str = "20181205T060000Z";

/// Publishes the workspace.
#[track_caller]
fn publish(rig: &Rig, stream: &str, build: &str, more: &[&str]) {
    let work = rig.work("");
    rig.ok(&[&["publish", work.to_str().unwrap(), "--stream", stream, "--build", build], more].concat());
}

/// A mirror with two streams of a release, each with two builds; the first is stable, the second in the making.
fn scene(policy: &str) -> Rig {
    let rig = Rig::new();
    rig.policy_file(policy);
    let pipeline = rig.work("../pipeline.yaml");
    fs::write(&pipeline, PIPELINE).unwrap();
    rig.ok(&["pipeline", "set", pipeline.to_str().unwrap()]);
    for (name, stable) in [(SEED, true), ("20181206T060000Z", false)] {
        for distro in ["centos", "debian"] {
            rig.write("outputs/iso/bootimage.iso", &format!("{distro} {name}"));
            let stream = format!("release/2018.10/{distro}");
            publish(&rig, &stream, name, &["--label", "sanity=green"]);
            if stable {
                rig.ok(&["promote"]);
                rig.ok(&["vote", &format!("{stream}/{name}"), "smoke", "success"]);
                rig.ok(&["promote"]);
            }
        }
    }
    rig.ok(&["promote", "testing"]);
    rig
}

/// Has the pipeline cover every release.
fn covered(rig: &Rig) {
    let pipeline = rig.work("../pipeline.yaml");
    fs::write(&pipeline, PIPELINE.replace("release/2018.10/**", "release/**")).unwrap();
    rig.ok(&["pipeline", "set", pipeline.to_str().unwrap()]);
}

/// Returns the events of a type, as `what` of `events --json` states them.
fn events(rig: &Rig, of: &str) -> Vec<Value> {
    let text = rig.ok(&["events", "--type", of]);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn resolved(rig: &Rig, alias: &str) -> String {
    rig.ok(&["resolve", alias]).trim().to_owned()
}

#[test]
fn what_is_lacking_is_printed_as_text_that_can_be_pasted() {
    let rig = scene(POLICY);
    let before = tree(&rig.mirror(""));
    let sentence = [
        "branch",
        "release/2019.05",
        "--like",
        "release/2018.10",
        "--seed",
        "stable",
        "--date",
        "2019-05-01",
    ];
    let said = rig.ends(3, &sentence);
    for line in [
        "would branch release/2019.05/centos from release/2018.10/centos\n",
        "policy, `families`, before `nightly`: `release/2018.10` has its own family `release-2018.10`, and `release/2019.05/centos`, \
         `release/2019.05/debian` would belong to `nightly`, which has other rules\n  - name: release-2019.05\n    match: \
         release/2019.05/**\n",
        "policy, `events`: the family `release-2018.10` counts periods of `release`, which has no event on 2019-05-01\n  release: \
         [2018-10-01, 2019-05-01]\n",
        "pipeline, the stage `stable`: it is in `release/2018.10`, and not in `release/2019.05/centos`, `release/2019.05/debian`\n    \
         streams: [\"release/2018.10/**\", \"release/2019.05/**\"]\n",
        "error: nothing was branched: settings lack what is listed above\n",
        "`mirrorkeep policy show > policy.yaml` writes the policy; after the edit `mirrorkeep policy set policy.yaml` puts it in force",
    ] {
        assert!(said.contains(line), "no {line} in {said}");
    }
    assert_eq!(tree(&rig.mirror("")), before);
    let answer = rig.json_ends(3, &sentence);
    let lacks = answer["report"]["lacks"].as_array().unwrap();
    assert_eq!(lacks.len(), 3, "{answer}");
    let add = |of: &str| {
        lacks.iter().find(|lack| lack["place"].as_str().unwrap().contains(of)).unwrap()["add"]
            .as_str()
            .unwrap()
    };
    // Pasted as it is, it is enough.
    let policy = POLICY
        .replace("  release: [2018-10-01]\n", add("events"))
        .replace("  - {name: nightly", &format!("{}  - {{name: nightly", add("families")));
    let pipeline = PIPELINE.replace("    streams: \"release/2018.10/**\"\n", add("stable"));
    for (what, text) in [("policy", policy), ("pipeline", pipeline)] {
        let file = rig.work(&format!("../{what}.yaml"));
        fs::write(&file, text).unwrap();
        rig.ok(&[what, "set", file.to_str().unwrap()]);
    }
    let said = rig.ok(&sentence);
    assert!(said.contains("branched release/2019.05/debian from release/2018.10/debian\n  family of the policy: release-2019.05\n"), "{said}");
    assert_eq!(events(&rig, "stream.branched")[0]["data"]["date"], "2019-05-01");
}

#[test]
fn a_stream_without_a_place_gets_the_text_for_the_layout() {
    let rig = scene(COVERING);
    covered(&rig);
    let said = rig.ends(3, &["branch", "release/2018.10/fedora", "--like", "release/2018.10/centos"]);
    let text = "layout, `fields`, instead of `distro`: ";
    assert!(
        said.contains(text)
            && said.contains("  distro:\n    one_of:\n    - centos\n    - debian\n    - fedora\n"),
        "{said}"
    );
    // Nothing covers what is elsewhere either, and all of it is reported at once.
    let said = rig.ends(3, &["branch", "stable/2018.10", "--like", "release/2018.10"]);
    for line in [
        "  - stream: stable/{name}/{distro}\n    build: '{stamp}'\n",
        "  - name: release-2018.10\n    match: stable/2018.10/**\n",
    ] {
        assert!(said.contains(line), "no {line} in {said}");
    }
}

#[test]
fn a_branch_inherits_the_stable_build_by_hard_links_with_its_names_and_its_stage() {
    let rig = scene(COVERING);
    covered(&rig);
    let sentence = ["branch", "release/2019.05", "--like", "release/2018.10", "--seed", "stable"];
    let before = tree(&rig.mirror(""));
    let said = rig.ok(&[&sentence[..], &["--dry-run"]].concat());
    for line in [
        "would branch release/2019.05/centos from release/2018.10/centos\n",
        "  would inherit release/2018.10/centos/20181205T060000Z (3 files, ",
        "  would set release/2019.05/centos/latest_build -> release/2019.05/centos/20181205T060000Z\n",
        "  would set r2019.05 -> release/2019.05\n",
        "  would promote 20181205T060000Z to stable\n",
    ] {
        assert!(said.contains(line), "no {line} in {said}");
    }
    assert_eq!(tree(&rig.mirror("")), before);
    let answer = rig.json(&sentence);
    let row = &answer["report"]["streams"][0];
    assert_eq!(
        (row["outcome"].as_str(), row["build"]["shared_files"].as_u64()),
        (Some("branched"), Some(3)),
        "{answer}"
    );
    for distro in ["centos", "debian"] {
        let (old, new) = (format!("release/2018.10/{distro}"), format!("release/2019.05/{distro}"));
        let (seed, build) = (format!("{old}/{SEED}"), format!("{new}/{SEED}"));
        rig.sums_hold(&build);
        for file in ["outputs/iso/bootimage.iso", "outputs/RPMS/std/a.rpm", "outputs/success"] {
            assert_eq!(rig.inode(&format!("{seed}/{file}")), rig.inode(&format!("{build}/{file}")));
        }
        assert_eq!(resolved(&rig, &format!("{new}/latest_build")), build);
        assert_eq!(resolved(&rig, &format!("{new}/stable")), build);
        assert_eq!(resolved(&rig, &format!("{new}/stable-image")), format!("{build}/outputs/iso"));
        // `testing` was at a later build, so it begins empty.
        rig.fails(1, "there is no alias", &["resolve", &format!("{new}/testing")]);
        let shown = rig.json(&["show", &build]);
        assert_eq!(shown["labels"]["inherited"]["value"], *seed);
        assert_eq!(
            (&shown["labels"]["sanity"]["value"], &shown["labels"]["vote/smoke"]["value"]),
            (&"green".into(), &"success".into())
        );
        let moves = rig.json(&["history", &format!("{new}/stable")]);
        assert!(moves.to_string().contains(&format!("inherited from {seed}")), "{moves}");
    }
    assert_eq!(fs::read_link(rig.mirror("r2019.05")).unwrap(), Path::new("release/2019.05"));
    let events = events(&rig, "stream.branched");
    let [_, data] = &*events else { panic!("{events:?}") };
    let data = &data["data"];
    assert_eq!(
        (&data["stream"], &data["like"], &data["seed"], &data["build"], &data["path"]),
        (
            &"release/2019.05/debian".into(),
            &"release/2018.10/debian".into(),
            &"release/2018.10/debian/20181205T060000Z".into(),
            &"release/2019.05/debian/20181205T060000Z".into(),
            &"release/2019.05/debian/20181205T060000Z".into()
        )
    );
    let log = rig.ok(&["log"]);
    assert!(log.contains("branched release/2019.05/debian from release/2018.10/debian, beginning with release/2018.10/debian/20181205T060000Z"), "{log}");
    assert!(rig.ends(5, &["check"]).contains("0 errors"));
    rig.ok(&["verify", "--all"]);
    // Again, nothing is changed.
    let before = tree(&rig.mirror(""));
    let said = rig.ok(&sentence);
    assert_eq!(said.matches("branched from release/2018.10/").count(), 2, "{said}");
    assert_eq!(tree(&rig.mirror("")), before);
    rig.fails(
        3,
        "`release/2019.05/debian` was branched from `release/2018.10/debian` at",
        &["branch", "release/2019.05/debian", "--like", "release/2018.10/centos"],
    );
    // The next build takes the names over, and the old stream is not concerned.
    rig.write("outputs/iso/bootimage.iso", "next");
    publish(&rig, "release/2019.05/debian", "20181207T060000Z", &[]);
    assert_eq!(
        resolved(&rig, "release/2019.05/debian/latest_build"),
        "release/2019.05/debian/20181207T060000Z"
    );
    assert_eq!(
        resolved(&rig, "release/2018.10/debian/latest_build"),
        "release/2018.10/debian/20181206T060000Z"
    );
}

#[test]
fn without_a_seed_only_an_event_is_written_and_a_stage_takes_what_is_published() {
    let rig = scene(COVERING);
    covered(&rig);
    let said = rig.ok(&["branch", "release/2019.05", "--like", "release/2018.10"]);
    assert!(said.contains("branched release/2019.05/centos from release/2018.10/centos\n  family of the policy: release\n  stages: testing, stable\n"), "{said}");
    assert!(!rig.mirror("release/2019.05").exists() && fs::symlink_metadata(rig.mirror("r2019.05")).is_err());
    assert_eq!(events(&rig, "stream.branched")[1]["data"]["build"], Value::Null);
    // A stream begins with its first build, too, and is not taken over.
    publish(&rig, "release/2020.1/centos", "20181207T060000Z", &[]);
    for seed in [&[][..], &["--seed", "stable"]] {
        let sentence = [&["branch", "release/2020.1", "--like", "release/2018.10"], seed].concat();
        rig.fails(
            3,
            "`release/2020.1/centos` has builds already, such as `release/2020.1/centos/20181207T060000Z`",
            &sentence,
        );
    }
}

#[test]
fn a_step_that_fails_undoes_all_before_it() {
    let rig = scene(COVERING);
    covered(&rig);
    // The second stage of the second stream cannot be moved: what it carries is taken by a file.
    fs::create_dir_all(rig.mirror("release/2019.05/debian")).unwrap();
    fs::write(rig.mirror("release/2019.05/debian/stable-image"), "mine").unwrap();
    let sentence = ["branch", "release/2019.05", "--like", "release/2018.10", "--seed", "stable"];
    let said = rig.ends(1, &sentence);
    assert!(said.contains("nothing was branched: a step failed, and what was made was removed"), "{said}");
    assert!(said.contains("the stage `stable` of `release/2019.05/debian` was not moved"), "{said}");
    let left: Vec<String> = tree(&rig.mirror("release/2019.05"));
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(rig.ok(&["trash", "list"]).is_empty() && events(&rig, "stream.branched").is_empty());
    for distro in ["centos", "debian"] {
        rig.sums_hold(&format!("release/2018.10/{distro}/{SEED}"));
        assert_eq!(
            resolved(&rig, &format!("release/2018.10/{distro}/stable")),
            format!("release/2018.10/{distro}/{SEED}")
        );
    }
    // Once the reason is gone, the same command does all of it.
    fs::remove_file(rig.mirror("release/2019.05/debian/stable-image")).unwrap();
    rig.ok(&sentence);
    assert_eq!(resolved(&rig, "r2019.05/debian/stable"), format!("release/2019.05/debian/{SEED}"));
    assert_eq!(resolved(&rig, "release/2019.05/centos/stable"), format!("release/2019.05/centos/{SEED}"));
    assert!(rig.ends(5, &["check"]).contains("0 errors"));
    rig.ok(&["verify", "--all"]);
}

#[test]
fn what_others_made_in_the_new_stream_outlives_undoing() {
    let rig = scene(COVERING);
    covered(&rig);
    let sentence =
        ["branch", "release/2019.05/debian", "--like", "release/2018.10/debian", "--seed", "stable"];
    lay(&rig, "release/2019.05/debian/stable-image", &[("theirs", "mine")]);
    rig.ends(1, &sentence);
    assert_eq!(fs::read_to_string(rig.mirror("release/2019.05/debian/stable-image/theirs")).unwrap(), "mine");
    fs::remove_dir_all(rig.mirror("release/2019.05/debian/stable-image")).unwrap();
    // A damaged seed is found before anything is visible.
    let iso = rig.mirror(&format!("release/2018.10/debian/{SEED}/outputs/iso/bootimage.iso"));
    fs::set_permissions(&iso, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&iso, "debian 20181205T06000").unwrap();
    let said = rig.ends(1, &sentence);
    assert!(said.contains("bootimage.iso") && !rig.mirror("release/2019.05").exists(), "{said}");
}

#[test]
fn a_seed_is_a_success_of_the_old_stream_that_no_one_rejected() {
    let rig = scene(COVERING);
    covered(&rig);
    let like = ["branch", "release/2019.05/debian", "--like", "release/2018.10/debian", "--seed"];
    let case = |code: i32, said: &str, seed: &str| rig.fails(code, said, &[&like[..], &[seed]].concat());
    case(2, "`release/2018.10/debian` has no build or alias `staging`", "staging");
    case(2, "is not a build of `release/2018.10/debian`", &format!("release/2018.10/centos/{SEED}"));
    case(2, "is not a build of `release/2018.10/debian`", "release/2018.10/debian/20180101T060000Z");
    case(2, "has no build or alias `..`", "..");
    symlink("nowhere", rig.mirror("release/2018.10/debian/dangling")).unwrap();
    case(2, "has no build or alias `dangling`", "dangling");
    rig.ok(&["reject", &format!("release/2018.10/debian/{SEED}"), "--why", "does not boot"]);
    case(3, "cannot be inherited: it is rejected: does not boot", SEED);
    rig.ok(&["unreject", &format!("release/2018.10/debian/{SEED}")]);
    publish(&rig, "release/2018.10/debian", "20181208T060000Z", &["--result", "fail"]);
    case(3, "cannot be inherited: its result is `fail`", "20181208T060000Z");
    rig.fails(2, "is not a valid build name there", &[&like[..], &[SEED, "--build", "GA"]].concat());
    rig.fails(
        2,
        "no rule for these streams counts periods",
        &[&like[..], &[SEED, "--date", "2019-05-01"]].concat(),
    );
    rig.fails(2, "a day such as `2024-10-02`", &[&like[..], &[SEED, "--date", "May"]].concat());
    for (new, old, said) in [
        ("release/2018.10/next", "release/2018.10", "is itself a stream of OLD, or above one"),
        ("release/2019.05", "release/2017.1", "the mirror has no builds in `release/2017.1` or below it"),
        ("release/*", "release/2018.10", "`release/*` has 1 `*`, and `release/2018.10` has 0"),
        ("../x", "release/2018.10", "`../x` is not a stream"),
    ] {
        rig.fails(2, said, &["branch", new, "--like", old]);
    }
    // By an ID, under another name, and with a pattern.
    let id = format!("release/2018.10/debian/{SEED}");
    rig.ok(&[
        "branch",
        "release/2019.05/debian",
        "--like",
        "release/2018.10/debian",
        "--seed",
        &id,
        "--build",
        "20181205T070000Z",
    ]);
    let shown = rig.json(&["show", "release/2019.05/debian/20181205T070000Z"]);
    assert_eq!(
        (&shown["created"], &shown["labels"]["inherited"]["value"]),
        (&"2018-12-05T07:00:00Z".into(), &id.into())
    );
    let said = rig.ends(3, &["branch", "milestone/*", "--like", "release/*.10", "--dry-run"]);
    assert!(said.contains("would branch milestone/2018/debian from release/2018.10/debian\n"), "{said}");
}

#[test]
fn a_build_that_a_person_withdrew_is_not_brought_back() {
    let rig = scene(COVERING);
    covered(&rig);
    let sentence =
        ["branch", "release/2019.05/debian", "--like", "release/2018.10/debian", "--seed", "stable"];
    let id = format!("release/2019.05/debian/{SEED}");
    publish(&rig, "release/2019.05/debian", SEED, &[]);
    rig.ok(&["withdraw", &id, "--why", "a key", "--purge", "--yes"]);
    rig.fails(3, &format!("`{id}` was withdrawn at"), &sentence);
    assert!(!rig.mirror(&id).exists());
    rig.ok(&["branch", "release/2019.05/debian", "--like", "release/2018.10/debian"]);
}

#[test]
fn stages_shows_how_long_after_the_announcement_a_build_got_a_stage() {
    let rig = scene(COVERING);
    assert!(!rig.ok(&["stages"]).contains("ANNOUNCEMENT"));
    let id = format!("release/2018.10/debian/{SEED}");
    rig.ok(&["label", &id, "announced=20181205T080000Z"]);
    let stages = rig.json(&["stages", "stable", "--stream", "release/2018.10/debian"]);
    let one = &stages["list"][0];
    assert_eq!(one["announced"], "2018-12-05T08:00:00Z");
    let since: chrono::DateTime<chrono::Utc> = one["since"].as_str().unwrap().parse().unwrap();
    let announced: chrono::DateTime<chrono::Utc> = "2018-12-05T08:00:00Z".parse().unwrap();
    assert_eq!(one["announced_to_stage"].as_i64(), Some((since - announced).num_seconds()));
    let text = rig.ok(&["stages"]);
    let row = text.lines().find(|line| line.starts_with("stable") && line.contains("debian")).unwrap();
    let days = format!(" {}d ", (since - announced).num_days());
    assert!(text.contains("AFTER ANNOUNCEMENT") && row.contains(&days), "{text}");
    rig.ok(&["label", &id, "announced=2999-01-01T00:00:00Z"]);
    assert!(rig.ok(&["stages"]).contains(" before "));
    rig.ok(&["label", &id, "announced=yesterday"]);
    assert_eq!(rig.json(&["stages", "stable"])["list"][1]["announced"], Value::Null);
}

#[test]
fn runs_that_meet_begin_the_streams_once() {
    let rig = scene(COVERING);
    covered(&rig);
    let sentence = ["branch", "release/2019.05", "--like", "release/2018.10", "--seed", "stable"];
    let runs: Vec<_> = (0..5).map(|_| rig.command(&sentence).spawn().unwrap()).collect();
    for run in runs {
        let output = run.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    assert_eq!(events(&rig, "stream.branched").len(), 2);
    for distro in ["centos", "debian"] {
        assert_eq!(
            resolved(&rig, &format!("r2019.05/{distro}/stable")),
            format!("release/2019.05/{distro}/{SEED}")
        );
    }
    assert!(rig.ends(5, &["check"]).contains("0 errors"));
}

#[test]
fn components_of_a_worker_are_branched_together_and_their_bundles_begin_empty() {
    let trunk = Trunk::new();
    let (nova, glance) = (trunk.publish("compute", 1), trunk.publish("glance", 2));
    trunk.ok(&["bundle", "centos9-master/consistent"]);
    // The rules of a stable branch, which master does not have.
    let own = "  - {name: epoxy, match: \"centos*-epoxy/**\", keep: [{within: 180d}]}\n  - name: stable\n";
    let policy = tempfile::NamedTempFile::new().unwrap();
    fs::write(policy.path(), trunk.ok(&["policy", "show"]).replace("  - name: stable\n", own)).unwrap();
    trunk.ok(&["policy", "set", policy.path().to_str().unwrap()]);
    let said =
        trunk.ends(0, &["branch", "centos*-epoxy", "--like", "centos*-master", "--seed", "consistent"]);
    for line in [
        "branched centos9-epoxy/component/compute from centos9-master/component/compute\n",
        "`centos9-epoxy/consistent` begins empty",
    ] {
        assert!(said.contains(line), "no {line} in {said}");
    }
    for (component, build) in [("compute", nova), ("glance", glance)] {
        let build = build.rsplit('/').next().unwrap().to_owned();
        let at = trunk.ok(&["resolve", &format!("centos9-epoxy/component/{component}/consistent")]);
        assert!(at.contains(&build), "{at} {build}");
    }
    trunk.ok(&["bundle", "centos9-epoxy/consistent"]);
    trunk.ok(&["verify", "--all"]);
}
