//! What a person who just made a mirror meets: edits of the policy, builds that are gone, names that are mistyped.

use crate::support::rig::Rig;
use serde_json::Value;
use std::fs;

const A: &str = "20261001T000000Z";
const B: &str = "20261002T000000Z";
const C: &str = "20261003T000000Z";
const STREAM: &str = "master/centos";

fn id(build: &str) -> String {
    format!("{STREAM}/{build}")
}

/// Returns a policy file that keeps the newest builds.
fn last(rig: &Rig, builds: usize) -> String {
    let name = format!("keep-{builds}.yaml");
    let text = format!(
        "version: 1\ndefaults: {{min_age: 0h, superseded_grace: 0h, floor: 1}}\nfamilies:\n  - {{name: all, match: \"**\", keep: [{{last: {builds}}}]}}\n"
    );
    let path = rig.work("").parent().unwrap().join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Returns the standard error of a command that ends with that code.
#[track_caller]
fn told(rig: &Rig, code: i32, args: &[&str]) -> String {
    let output = rig.run(args);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    said
}

#[test]
fn an_edited_policy_waits_before_the_first_prune_too() {
    let rig = Rig::new();
    rig.ok(&["init", "--policy", &last(&rig, 9)]);
    rig.builds([A, B, C]);
    let said = rig.ok(&["policy", "set", &last(&rig, 1)]);
    assert!(
        said.contains("now expires   master/centos/20261001") && said.contains("2 more builds will expire"),
        "{said}"
    );
    // As after the first prune, an edit of an edit is compared with what was accepted.
    rig.ok(&["policy", "set", &last(&rig, 2)]);
    let plan = rig.json_ends(4, &["plan"]);
    assert_eq!(plan["builds"][0]["reasons"][0]["rule"], "policy_change defer", "{plan}");
    let status = rig.ok(&["status"]);
    assert!(
        status.contains("1 build is withheld from prune (policy_change defer: the policy was edited)"),
        "{status}"
    );
    for _ in 0..2 {
        rig.ends(4, &["prune"]);
        assert_eq!(rig.there(), [A, B, C]);
    }
    rig.ok(&["prune", "--accept", plan["digest"].as_str().unwrap()]);
    assert_eq!(rig.there(), [B, C]);
}

#[test]
fn a_policy_that_is_set_before_the_first_build_needs_no_accepting() {
    let rig = Rig::new();
    rig.ok(&["init", "--policy", &last(&rig, 9)]);
    rig.ok(&["policy", "set", &last(&rig, 1)]);
    rig.builds([A, B]);
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [B]);
    // Nor does one that is edited by hand, once a prune saw that there is no build.
    let rig = Rig::new();
    rig.ok(&["init", "--policy", &last(&rig, 9)]);
    fs::copy(last(&rig, 1), rig.mirror(".mirrorkeep/policy.yaml")).unwrap();
    rig.ok(&["prune"]);
    rig.builds([A, B]);
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [B]);
}

#[test]
fn a_mirror_that_began_without_a_policy_or_by_an_older_version_compares_with_the_first_one() {
    let rig = Rig::new();
    rig.ok(&["init", "--policy", "none"]);
    rig.builds([A, B, C]);
    rig.ok(&["policy", "set", &last(&rig, 2)]);
    rig.ok(&["policy", "set", &last(&rig, 1)]);
    rig.ends(4, &["prune"]);
    assert_eq!(rig.there(), [B, C]);
    let rig = Rig::new();
    rig.ok(&["init", "--policy", &last(&rig, 3)]);
    fs::remove_file(rig.mirror(".mirrorkeep/first-policy.yaml")).unwrap();
    rig.builds([A, B, C]);
    rig.ok(&["policy", "set", &last(&rig, 1)]);
    rig.ends(4, &["prune"]);
    assert_eq!(rig.there(), [A, B, C]);
}

#[test]
fn why_a_build_expired_is_told_after_it_is_gone() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}, {within: 1h}]").builds([A, B]);
    let said = rig.ok(&["prune"]);
    let line = said.lines().find(|line| line.starts_with("pruned ")).unwrap();
    assert!(
        line.contains("last 1: rank 2; within 1h: late by ") && line.contains("(trash until 2"),
        "{said}"
    );
    let event: Value =
        serde_json::from_str(rig.ok(&["events", "--type", "build.pruned"]).lines().next().unwrap()).unwrap();
    assert_eq!(
        event["data"]["rules"][0],
        serde_json::json!({"rule": "last 1", "detail": "rank 2"}),
        "{event}"
    );
    assert_eq!(rig.json(&["trash", "list"])["builds"][0]["rules"][1]["rule"], "within 1h");
    assert!(rig.ok(&["trash", "list"]).contains("last 1: rank 2; within 1h: late by "));
    assert!(rig.ok(&["log", &id(A)]).contains("to the trash: last 1: rank 2"));
    for verb in ["explain", "show"] {
        rig.fails(1, "; it expired at 2", &[verb, &id(A)]);
        rig.fails(1, "last 1: rank 2; within 1h: late by ", &[verb, &id(A)]);
        rig.fails(1, "is in the trash until", &[verb, &id(A)]);
    }
    // Also once its bytes are deleted.
    fs::write(
        rig.mirror(".mirrorkeep/policy.yaml"),
        fs::read_to_string(rig.mirror(".mirrorkeep/policy.yaml")).unwrap(),
    )
    .unwrap();
    rig.ok(&["sweep"]);
    rig.fails(1, "last 1: rank 2; within 1h: late by ", &["explain", &id(A)]);
    // What a person withdrew has a reason of its own.
    rig.ok(&["withdraw", &id(B), "--why", "a key", "--force"]);
    assert_eq!(rig.json(&["trash", "list"])["builds"][0]["rules"], serde_json::json!([]));
}

#[test]
fn a_vanished_build_freezes_its_stream_until_it_is_recorded_as_gone() {
    let rig = Rig::new();
    rig.ok(&["init", "--policy", &last(&rig, 9)]);
    rig.builds([A, B, C]);
    rig.ok(&["prune"]);
    rig.ok(&["policy", "set", &last(&rig, 1)]);
    fs::remove_dir_all(rig.mirror(&id(B))).unwrap();
    for _ in 0..2 {
        let said = rig.ends(4, &["prune"]);
        let why = "frozen: master/centos: 1 of 3 builds disappeared since 2";
        let way = "`mirrorkeep adopt --changed master/centos` records that they are gone";
        assert!(said.contains(why) && said.contains(way), "{said}");
    }
    let said = rig.ok(&["adopt", "--changed", STREAM]);
    assert!(said.contains(&format!("removed the record of {}, which is missing", id(B))), "{said}");
    assert!(said.contains("adopted no builds, accepted 1 change"), "{said}");
    let said = rig.ends(4, &["prune"]);
    assert!(!said.contains("frozen"), "{said}");
    let plan = rig.json_ends(4, &["plan"]);
    assert_eq!(plan["builds"][0]["reasons"][0]["rule"], "policy_change defer", "{plan}");
    rig.ok(&["prune", "--accept", plan["digest"].as_str().unwrap()]);
    assert_eq!(rig.there(), [C]);
}

#[test]
fn list_and_show_say_withheld_as_the_plan_does() {
    let rig = Rig::new();
    rig.ok(&["init", "--policy", &last(&rig, 9)]);
    rig.builds([A, B]);
    rig.ok(&["policy", "set", &last(&rig, 1)]);
    assert_eq!(rig.json_ends(4, &["plan"])["builds"][0]["verdict"], "withheld");
    assert_eq!(rig.json(&["list"])["builds"][0]["verdict"], "withheld");
    assert_eq!(rig.json(&["show", &id(A)])["verdict"], "withheld");
    assert!(rig.ok(&["list"]).contains("withheld"));
    // Without a usable policy it says that there is no verdict.
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.replace("policy: policy.yaml", "policy: nosuch")).unwrap();
    let said = told(&rig, 0, &["list"]);
    assert!(said.contains("verdicts are left out: `policy: nosuch` in .mirrorkeep/mirror.yaml"), "{said}");
    assert!(rig.ok(&["list"]).contains("  ?  "));
}

#[test]
fn a_mistyped_stream_is_told_by_every_verb_that_reads_streams() {
    let rig = Rig::new();
    rig.init_with_any_stream();
    rig.publish(A, &[]);
    for args in [
        &["list", "mastre"][..],
        &["list", "mastre/"],
        &["hold", "list", "mastre"],
        &["trash", "list", "mastre"],
    ] {
        let said = told(&rig, 0, args);
        assert!(
            said.contains("`mastre` has no builds; `master`, which looks like it, has"),
            "{args:?}: {said}"
        );
    }
    let said = told(&rig, 0, &["adopt", "master/centso"]);
    assert!(said.contains("`master/centso` has no builds; `master/centos`"), "{said}");
    for args in [
        &["list"][..],
        &["list", "master"],
        &["list", STREAM],
        &["list", "*/centos"],
        &["hold", "list", STREAM],
    ] {
        assert!(!told(&rig, 0, args).contains("has no builds"), "{args:?}");
    }
    let near = "`master/centso` has no builds, and its name looks like that of `master/centos`";
    for (code, args) in [
        (9, &["due", "master/centso"][..]),
        (0, &["due", "master/centso", "--every", "24h"]),
        (0, &["due", "master/centso", "--request", "--why", "x"]),
    ] {
        let said = told(&rig, code, args);
        assert!(said.contains(near), "{args:?}: {said}");
    }
    assert!(!told(&rig, 9, &["due", STREAM, "--every", "9999d"]).contains("has no builds"));
    let gone = format!("master/centso/{A}");
    for args in [&["show", &gone][..], &["explain", &gone]] {
        let said = told(&rig, 1, args);
        assert!(
            said.contains("`mirrorkeep list master/centos` lists those of `master/centos`"),
            "{args:?}: {said}"
        );
    }
}

#[test]
fn due_without_a_condition_says_so() {
    let rig = Rig::new();
    rig.publish(A, &[]);
    let why = "without --every, --git, --context or --changed, only a request makes a build due";
    assert!(told(&rig, 9, &["due", STREAM]).contains(why));
    let said = told(&rig, 9, &["due", STREAM, "--run", "true", "--every", "24h"]);
    assert!(said.contains(why) && said.contains("so `--every` does as well"), "{said}");
    assert!(!told(&rig, 9, &["due", STREAM, "--every", "9999d", "--run", "true"]).contains(why));
    rig.ok(&["due", STREAM, "--request", "--why", "x"]);
    assert!(!told(&rig, 0, &["due", STREAM]).contains(why));
}

#[test]
fn a_build_above_other_streams_is_warned_of() {
    let rig = Rig::new();
    rig.ok(&["init", "--layout", "generic"]);
    let work = rig.write("a.iso", "a").work("");
    let publish = |more: &[&str]| {
        let args =
            [&["publish", work.to_str().unwrap(), "--git-branch", "main", "--build", A], more].concat();
        told(&rig, 0, &args)
    };
    publish(&["--distro", "debian"]);
    publish(&["--distro", "centos"]);
    let said = publish(&[]);
    let why = "`main` is a new stream, and other streams are below it (`main/centos`, `main/debian`); if a name such as --distro";
    assert!(said.contains(why), "{said}");
}

#[test]
fn verify_counts_what_it_could_not_verify() {
    let rig = Rig::new();
    for name in [A, B] {
        let build = rig.mirror(&format!("main/debian/{name}"));
        fs::create_dir_all(&build).unwrap();
        fs::write(build.join("success"), "").unwrap();
    }
    rig.ok(&["init", "--layout", "generic"]);
    let said = rig.ok(&["verify", "--all"]);
    assert!(
        said.contains(
            "verified 0 files in 0 of 2 builds (0 B): nothing to compare with; 2 have no checksums"
        ),
        "{said}"
    );
    let work = rig.write("a.iso", "a").work("");
    rig.ok(&["publish", work.to_str().unwrap(), "--stream", "main/debian", "--build", C]);
    let said = rig.ok(&["verify", "--all"]);
    assert!(said.contains(" in 1 of 3 builds (") && said.contains("): OK; 2 have no checksums"), "{said}");
}

#[test]
fn options_of_every_verb_may_stand_before_a_verb_of_a_verb() {
    let rig = Rig::new();
    rig.publish(A, &[]);
    let listed = rig.json(&["hold", "list"]);
    for args in [&["hold", "--json", "list"][..], &["--quiet", "hold", "--wait", "0", "--json", "list"]] {
        let answer: Value = serde_json::from_slice(&rig.run(args).stdout).unwrap();
        assert_eq!(answer["holds"], listed["holds"], "{args:?}");
    }
    fs::write(rig.mirror(".mirrorkeep/deliver.yaml"), "deliver: 1\nto:\n  - {name: ci, run: [\"true\"]}\n")
        .unwrap();
    let said = told(&rig, 0, &["deliver", "--json", "status"]);
    assert!(!said.contains("no subscriber"), "{said}");
    // What belongs to the verb itself stays there.
    rig.ok(&["hold", "--dry-run", &id(A), "--why", "list"]);
}

#[test]
fn arguments_that_cannot_be_used_are_named() {
    let rig = Rig::new();
    let output = rig.run(&["--json", "hold", "x"]);
    let said = String::from_utf8(output.stderr).unwrap();
    let answer: Value = serde_json::from_str(said.lines().next_back().unwrap()).unwrap();
    assert_eq!(
        answer["error"], "the following required arguments were not provided: --why <WHY>",
        "{answer}"
    );
    rig.fails(2, "there is no command `gc`", &["gc"]);
    rig.fails(2, "there is no command `layout lint`", &["layout", "lint"]);
    for (args, advice) in [
        (&["publish", "out", "main/debian"][..], "`--stream main/debian` names the stream"),
        (&["init", "pub"], "`mirrorkeep --mirror pub init` names the mirror"),
        (&["sweep", "s3://bucket/m"], "`mirrorkeep --mirror s3://bucket/m sweep` names the mirror"),
        (
            &["publish", "out", "--stream", "main", "--distro", "linux"],
            "`--stream main/debian` names the whole stream",
        ),
        (
            &["publish", "out", "--stream", "main", "--field", "a=b"],
            "`--stream main/debian` names the whole stream",
        ),
        (
            &["layout", "path", "--stream", "main", "--distro", "x"],
            "`--stream main/debian` names the whole stream",
        ),
        (&["publish", "out", "--force"], "`mirrorkeep withdraw ID --why TEXT`"),
        (&["publish", "out", "--tag", "x=y"], "`--label KEY=VALUE`"),
        (&["publish", "out", "--failed"], "`--result fail`"),
        (&["publish", "out", "--name", "x"], "`--build NAME`"),
        (&["list", "--reverse"], "`--sort created`"),
        (&["list", "-n", "5"], "`--limit 5`"),
        (&["log", "--follow"], "`mirrorkeep events --follow`"),
        (&["layout", "test"], "`mirrorkeep layout place PATH"),
        (&["yank", "x"], "`mirrorkeep withdraw ID --why TEXT`"),
        (&["why", "x"], "`mirrorkeep explain ID`"),
        (&["streams"], "`mirrorkeep status`"),
    ] {
        let said = told(&rig, 2, args);
        assert!(said.contains(&format!("hint: {advice}")) || said.contains(advice), "{args:?}: {said}");
        assert!(!said.contains("tip:"), "{args:?}: {said}");
    }
    // Names that look like nothing that was typed are not offered, and those that do are.
    assert!(!told(&rig, 2, &["mount"]).contains("tip:"));
    assert!(!told(&rig, 2, &["sweep", "--target", "x"]).contains("tip:"));
    for (args, near) in [
        (&["pubish"][..], "'publish'"),
        (&["list", "--lmit", "5"], "'--limit'"),
        (&["prune", "--dryrun"], "'--dry-run'"),
    ] {
        let said = told(&rig, 2, args);
        assert!(said.contains("tip:") && said.contains(near), "{args:?}: {said}");
    }
}

#[test]
fn restoring_or_accepting_something_else_says_what_it_is() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B]);
    let alias = format!("{STREAM}/latest_build");
    rig.fails(
        2,
        &format!("`{alias}` is an alias of {}, which is not in the trash", id(B)),
        &["restore", &alias],
    );
    rig.fails(2, "`mirrorkeep trash list`", &["restore", &alias]);
    let other = format!("sha256:{}", "0".repeat(64));
    let said = told(&rig, 0, &["prune", "--accept", &other, "--dry-run"]);
    assert!(
        said.contains("nothing was accepted: the plan is sha256:") && said.contains(&other[7..]),
        "{said}"
    );
    let digest = rig.json(&["plan"])["digest"].as_str().unwrap().to_owned();
    assert!(!told(&rig, 0, &["prune", "--accept", &digest]).contains("nothing was accepted"));
}

#[test]
fn a_build_has_an_address_where_the_mirror_has_one() {
    let rig = Rig::new();
    rig.publish(A, &[]);
    let answer = rig.json(&["show", &id(A)]);
    assert_eq!((&answer["url"], &answer["page"]), (&Value::Null, &Value::Null));
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text + "site: {url: \"https://mirror.example.org/m/\", path: pages}\n").unwrap();
    let url = format!("https://mirror.example.org/m/{}/", id(A));
    assert_eq!(rig.json(&["show", &id(A)])["page"], Value::Null);
    rig.ok(&["site"]);
    let page = format!("https://mirror.example.org/m/pages/{}.html", id(A));
    let said = rig.ok(&["show", &id(A)]);
    assert!(said.contains(&format!("address    {url}\npage       {page}\n")), "{said}");
    let alias = format!("{STREAM}/latest_build");
    let answer = rig.json(&["resolve", &alias]);
    assert_eq!((&answer["url"], &answer["page"]), (&Value::from(url.as_str()), &Value::from(page.as_str())));
    // Scripts take the ID from what is printed.
    assert_eq!(rig.ok(&["resolve", &alias]), format!("{}\n", id(A)));
    assert!(told(&rig, 0, &["resolve", &alias]).contains(&url));
}

#[test]
fn what_policy_lint_warns_of_is_told_when_it_is_set() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    let policy = last(&rig, 1);
    let lint = String::from_utf8(rig.run(&["policy", "lint", &policy]).stdout).unwrap();
    assert!(lint.contains("no-grace"), "{lint}");
    assert!(told(&rig, 0, &["policy", "set", &policy, "--dry-run"]).contains("no-grace"));
    assert!(told(&rig, 0, &["policy", "set", &policy]).contains("no-grace"));
}

#[test]
fn a_build_that_a_person_names_with_its_result_is_adopted_though_it_is_fresh() {
    let rig = Rig::new();
    for name in [A, B] {
        let build = rig.mirror(&format!("main/debian/{name}"));
        fs::create_dir_all(&build).unwrap();
        fs::write(build.join("a.iso"), name).unwrap();
    }
    rig.ok(&["init", "--layout", "generic"]);
    let way = format!("`mirrorkeep adopt --result success main/debian/{A}` takes it all the same");
    assert!(rig.ends(6, &["adopt", "--result", "success", "main/debian"]).contains(&way));
    rig.ok(&["adopt", "--result", "success", &format!("main/debian/{A}")]);
    assert_eq!(rig.json(&["show", &format!("main/debian/{A}")])["result"], "success");
}

#[test]
fn errors_of_several_lines_are_one_warning() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A]);
    fs::write(rig.mirror(".mirrorkeep/policy.yaml"), "version: 1\nfamilies: [{name: all, kept: 1}]\n")
        .unwrap();
    let said = told(&rig, 0, &["list"]);
    assert!(said.contains("verdicts are left out: ") && !said.contains("\\n"), "{said}");
    rig.fails(2, "unknown layout `nosuch`; `", &["init", "--layout", "nosuch"]);
    let layout = include_str!("../../layouts/generic.yaml").replacen("[A-Za-z]", "([A-Za-z]", 1);
    let file = rig.mirror("../bad.yaml");
    fs::write(&file, layout).unwrap();
    let said = told(&rig, 2, &["layout", "show", "--layout", file.to_str().unwrap()]);
    assert!(said.contains("unclosed group") && !said.contains("\\n") && !said.contains(";  are"), "{said}");
}

#[test]
fn a_stage_that_was_moved_by_hand_names_the_command_of_stages() {
    let rig = Rig::new();
    rig.builds([A, B]);
    rig.ok(&["pipeline", "set", "generic"]);
    rig.ok(&["promote"]);
    fs::remove_file(rig.mirror(&format!("{STREAM}/testing"))).unwrap();
    let said = rig.ends(5, &["check"]);
    assert!(
        said.contains("`mirrorkeep promote testing") && !said.contains("alias set master/centos/testing"),
        "{said}"
    );
}

#[test]
fn the_digest_that_a_prune_prints_is_that_of_what_it_left() {
    let rig = Rig::new();
    rig.ok(&["init", "--policy", &last(&rig, 3)]);
    rig.builds([A, B, C]);
    rig.ok(&["prune"]);
    rig.builds(["20261004T000000Z"]);
    rig.ok(&["policy", "set", &last(&rig, 1)]);
    let answer = rig.json_ends(4, &["prune", "--dry-run"]);
    let said = told(&rig, 4, &["prune"]);
    let accept =
        said.split("`mirrorkeep prune --accept ").nth(1).and_then(|rest| rest.split('`').next()).unwrap();
    assert!(!rig.mirror(&id(A)).exists() && rig.mirror(&id(B)).exists(), "{said}");
    assert_ne!(answer["digest"], accept);
    let report = rig.json_ends(4, &["prune"])["report"].clone();
    assert_eq!(report["accept"], accept);
    let done = rig.json(&["prune", "--accept", accept])["report"].clone();
    assert_eq!((done["pruned"].as_array().map(Vec::len), &done["accept"]), (Some(2), &Value::Null));
}

#[test]
fn a_directory_above_streams_is_no_stream_that_a_policy_must_cover() {
    let rig = Rig::new();
    let policy = rig.work("").parent().unwrap().join("platforms.yaml");
    let text = "version: 1\ndefaults: {trash: 7d, superseded_grace: 7d, floor: 1}\nfamilies:\n  - {name: main, match: 'main/*', keep: [{last: 3}]}\n";
    fs::write(&policy, text).unwrap();
    let policy = policy.to_str().unwrap();
    rig.ok(&["init", "--layout", "generic"]);
    rig.write("a.iso", "a");
    let out = rig.work("");
    rig.ok(&[
        "publish",
        out.to_str().unwrap(),
        "--stream",
        "main/linux-x86_64",
        "--build",
        A,
        "--result",
        "success",
    ]);
    assert!(!told(&rig, 0, &["policy", "set", policy]).contains("no family"));
    assert!(!told(&rig, 0, &["prune"]).contains("no family"));
    rig.ok(&["check"]);
    // A policy file is judged with the streams of the mirror.
    fs::write(policy, text.replace("main/*", "v2/*")).unwrap();
    let lint = String::from_utf8(rig.run(&["policy", "lint", policy]).stdout).unwrap();
    assert!(lint.contains("no family fits the stream `main/linux-x86_64`"), "{lint}");
    assert!(!lint.contains("`main`"), "{lint}");
}

#[test]
fn who_changed_what_is_kept_is_in_the_log() {
    let rig = Rig::new();
    rig.builds([A]);
    rig.ok(&["--by", "releases", "policy", "set", &last(&rig, 5)]);
    rig.ok(&["policy", "set", &last(&rig, 5)]);
    rig.ok(&["--by", "nightly", "policy", "set", &last(&rig, 4)]);
    rig.ok(&["pipeline", "set", "generic"]);
    let events = rig.json(&["log", "--limit", "3"])["events"].clone();
    let texts: Vec<&str> =
        events.as_array().unwrap().iter().map(|one| one["text"].as_str().unwrap()).collect();
    assert_eq!(
        texts,
        [
            "put the pipeline generic in force",
            "changed the policy in force, policy.yaml",
            "put the policy policy.yaml in force in place of starlingx"
        ]
    );
    assert_eq!(events[1]["details"]["digest"].as_str().map(str::len), Some(64));
    let mine = rig.ok(&["log", "--by", "releases"]);
    assert!(mine.lines().count() == 1 && mine.contains("in place of"), "{mine}");
    assert_eq!(rig.ok(&["log", "--by", "nobody"]), "");
}

#[test]
fn a_checkout_without_a_branch_makes_no_stream() {
    let rig = Rig::new();
    rig.ok(&["init", "--layout", "generic"]);
    rig.write("a.iso", "a");
    let out = rig.work("");
    for branch in ["HEAD", "refs/heads/HEAD", "origin/HEAD"] {
        let args = ["publish", out.to_str().unwrap(), "--git-branch", branch];
        assert!(told(&rig, 2, &args).contains("it is no branch, and the checkout has none"));
    }
}

#[test]
fn a_stream_that_stopped_to_succeed_needs_attention_while_it_is_built() {
    let rig = Rig::new();
    rig.ok(&["init", "--layout", "generic"]);
    rig.write("a.iso", "a");
    let out = rig.work("");
    let now = chrono::Utc::now();
    let publish = |days: i64, result: &str| {
        let build = (now - chrono::Duration::days(days)).format("%Y%m%dT000000Z").to_string();
        rig.ok(&[
            "publish",
            out.to_str().unwrap(),
            "--stream",
            "main",
            "--build",
            &build,
            "--result",
            result,
        ]);
    };
    for days in [12, 11, 10, 9] {
        publish(days, "success");
    }
    let stalled = || {
        let status = rig.json(&["status"]);
        let told = status["attention"].to_string().contains("more than three times as long as usual");
        (status["streams"][0]["stalled"].as_bool().unwrap(), told)
    };
    assert_eq!(stalled(), (true, true));
    publish(1, "fail");
    assert_eq!(stalled(), (true, true));
    publish(0, "success");
    assert_eq!(stalled(), (false, false));
}

#[test]
fn what_a_typo_or_a_removal_leaves_undone_is_a_warning() {
    let rig = Rig::new();
    rig.builds(["20181204T060000Z"]);
    let id = "master/centos/20181204T060000Z";
    rig.ok(&["label", id, "sanity=green"]);
    let told = rig.ends(0, &["label", id, "--remove", "sanit"]);
    assert!(told.contains(&format!("warning: `{id}` has no label `sanit`; it has `sanity`")), "{told}");
    let told = rig.ends(0, &["label", id, "--remove", "sanity"]);
    assert!(!told.contains("warning"), "{told}");
    for trial in [&["--dry-run"][..], &[]] {
        let told = rig.ends(0, &[&["alias", "remove", "master/centos/latest_build"], trial].concat());
        let why = "warning: `master/centos/latest_build` is required: without it, nothing of `master/centos` would be pruned";
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn a_build_in_place_of_its_stream_and_an_alias_that_is_misspelt_are_told_apart_from_new_ones() {
    let rig = Rig::new();
    rig.ok(&["init", "--layout", "generic"]);
    let work = rig.work("");
    let publish = ["publish", work.to_str().unwrap(), "--stream", "main/linux/20261125T020000Z"];
    let said = told(&rig, 2, &publish);
    assert!(said.contains("`main/linux/20261125T020000Z` is a build, not a stream"), "{said}");
    assert!(said.contains("`--stream main/linux --build 20261125T020000Z` names that build"), "{said}");
    rig.ok(&["publish", work.to_str().unwrap(), "--stream", "main/linux", "--build", "20261125T020000Z"]);
    let said = told(&rig, 2, &["alias", "set", "main/linux/stabel", "20261125T020000Z"]);
    assert!(said.contains("did you mean `stable`?"), "{said}");
}
