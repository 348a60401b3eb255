//! Commands that go along with a stage: their order, what a failure and a kill undo, and what a demotion runs.

use crate::support::rig::Rig;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::time::Duration;

const A: &str = "master/centos/20181205T060000Z";
const B: &str = "master/centos/20181206T060000Z";

/// Appends to a file which command runs for which build, and whether the name has moved; sets or reads the tag of a registry.
const TAG: &str = r#"#!/bin/sh
at=$(readlink "$MIRRORKEEP_MIRROR/master/centos/tested" || echo none)
echo "$1 $MIRRORKEEP_STEP build=${MIRRORKEEP_BUILD##*/} before=${MIRRORKEEP_BEFORE##*/} stage=$MIRRORKEEP_STAGE at=$at" >> "$0.log"
case $MIRRORKEEP_STEP in
apply) echo "$MIRRORKEEP_BUILD" > "$0.$1" ;;
undo) echo "$MIRRORKEEP_BEFORE" > "$0.$1" ;;
esac
if [ -e "$0.slow-$1-$MIRRORKEEP_STEP" ]; then touch "$0.begun"; sleep 2; echo "$1 $MIRRORKEEP_STEP ended" >> "$0.log"; fi
if [ -e "$0.fail-$1-$MIRRORKEEP_STEP" ]; then echo "no such tag" >&2; exit 3; fi
"#;

/// A mirror with two builds and a stage with two carried commands, and the place of the script.
struct Carried {
    rig: Rig,
    tag: String,
}

impl Carried {
    fn new() -> Self {
        let rig = Rig::new();
        rig.builds([A, B].map(|id| id.rsplit('/').next().unwrap()));
        let tag = rig.work("../tag").display().to_string();
        fs::write(&tag, TAG).unwrap();
        Command::new("chmod").args(["755", &tag]).status().unwrap();
        let one = |name: &str| {
            let words = ["verify", "prepare", "apply", "undo"].map(|key| format!("{key}: ['{tag}', {name}]"));
            format!("{{run: {{{}, timeout: 20s}}}}", words.join(", "))
        };
        let file = rig.work("../pipeline.yaml");
        let text = format!(
            "pipeline: 1\nstages:\n  - name: tested\n    streams: master/centos\n    require: {{votes: [smoke]}}\n    previous: before\n    carry: [{}, {{alias: tested-images, place: outputs/iso}}, {}]\n",
            one("one"),
            one("two")
        );
        fs::write(&file, text).unwrap();
        rig.ok(&["pipeline", "set", file.to_str().unwrap()]);
        Self { rig, tag }
    }

    /// Has the first build promoted, and the second ready.
    fn promoted() -> Self {
        let carried = Self::new();
        carried.rig.ok(&["vote", A, "smoke", "success"]);
        carried.rig.ok(&["promote"]);
        carried.rig.ok(&["vote", B, "smoke", "success"]);
        fs::remove_file(format!("{}.log", carried.tag)).unwrap();
        carried
    }

    /// Returns what ran, and forgets it.
    fn ran(&self) -> Vec<String> {
        let at = format!("{}.log", self.tag);
        let lines = fs::read_to_string(&at).unwrap_or_default();
        fs::remove_file(at).ok();
        lines.lines().map(str::to_owned).collect()
    }

    /// Returns to which build each tag of the registry points, and the stage with what goes along.
    fn state(&self) -> [String; 4] {
        let tag = |name: &str| {
            fs::read_to_string(format!("{}.{name}", self.tag)).unwrap_or_default().trim().to_owned()
        };
        let name = |name: &str| {
            let link = fs::read_link(self.rig.mirror(&format!("master/centos/{name}"))).unwrap_or_default();
            let target = link.display().to_string();
            let build = target.split('/').next().unwrap().to_owned();
            if build.is_empty() { build } else { format!("master/centos/{build}") }
        };
        [tag("one"), tag("two"), name("tested-images"), name("tested")]
    }

    fn switch(&self, what: &str, on: bool) {
        let at = format!("{}.{what}", self.tag);
        if on { fs::write(at, "").unwrap() } else { fs::remove_file(at).unwrap() }
    }

    #[track_caller]
    fn is_at(&self, id: &str) {
        assert_eq!(self.state(), [id; 4]);
    }
}

#[test]
fn commands_run_in_their_order_before_the_names_and_are_logged() {
    let carried = Carried::new();
    carried.rig.ok(&["vote", A, "smoke", "success"]);
    let told = carried.rig.ok(&["promote", "--dry-run"]);
    let tag = &carried.tag;
    assert!(told.contains(&format!("  would run {tag} one\n  would run {tag} two\n")), "{told}");
    assert_eq!(carried.ran(), Vec::<String>::new());
    let told = carried.rig.ok(&["promote"]);
    assert!(told.contains(&format!("  ran {tag} one\n  ran {tag} two\n")), "{told}");
    let line =
        |name: &str, step: &str| format!("{name} {step} build=20181205T060000Z before= stage=tested at=none");
    let order =
        ["verify", "prepare", "apply"].into_iter().flat_map(|step| [line("one", step), line("two", step)]);
    assert_eq!(carried.ran(), order.collect::<Vec<_>>());
    carried.is_at(A);
    carried.rig.ok(&["vote", B, "smoke", "success"]);
    assert_eq!(
        carried.rig.json(&["promote"])["stages"][0]["commands"],
        json!([format!("{tag} one"), format!("{tag} two")])
    );
    assert_eq!(
        carried.ran()[5],
        "two apply build=20181206T060000Z before=20181205T060000Z stage=tested at=20181205T060000Z"
    );
    carried.is_at(B);
    let logs = carried.rig.json(&["show", B])["logs"].clone();
    let names: Vec<&String> = logs.as_object().unwrap().keys().collect();
    let wanted = ["1/apply", "1/prepare", "1/verify", "2/apply", "2/prepare", "2/verify"];
    assert_eq!(names, wanted.map(|name| format!("carry/tested/{name}")).iter().collect::<Vec<_>>());
    assert_eq!(logs["carry/tested/2/apply"]["result"], "success");
}

#[test]
fn a_failure_undoes_what_was_applied_in_reverse_and_moves_no_name() {
    let carried = Carried::promoted();
    for (fails, ran) in [
        ("fail-two-verify", &["one verify", "two verify"][..]),
        ("fail-two-prepare", &["one verify", "two verify", "one prepare", "two prepare"]),
        (
            "fail-one-apply",
            &["one verify", "two verify", "one prepare", "two prepare", "one apply", "one undo"],
        ),
        (
            "fail-two-apply",
            &[
                "one verify",
                "two verify",
                "one prepare",
                "two prepare",
                "one apply",
                "two apply",
                "two undo",
                "one undo",
            ],
        ),
    ] {
        carried.switch(fails, true);
        let one = carried.rig.json_ends(1, &["promote"])["stages"][0].clone();
        let (name, step) = fails[5..].split_once('-').unwrap();
        let why = format!(
            "`{} {name}` ({step} of tested) failed: it ended with exit code 3: no such tag",
            carried.tag
        );
        assert_eq!((&one["outcome"], &one["why"]), (&json!("failed"), &json!(why)));
        let words = |line: &String| line.split(" build=").next().unwrap().to_owned();
        assert_eq!(carried.ran().iter().map(words).collect::<Vec<_>>(), ran, "{fails}");
        carried.is_at(A);
        assert_eq!(carried.rig.json(&["recover", "--dry-run"])["unsettled"], json!([]));
        carried.switch(fails, false);
    }
    // A name that cannot move undoes them, too.
    let images = carried.rig.mirror("master/centos/tested-images");
    fs::remove_file(&images).unwrap();
    fs::create_dir(&images).unwrap();
    assert_eq!(carried.rig.json_ends(1, &["promote"])["stages"][0]["outcome"], "failed");
    fs::remove_dir(&images).unwrap();
    carried.ran();
    carried.rig.ok(&["promote"]);
    carried.is_at(B);
}

/// Kills `promote` once the command began that is switched to be slow.
fn killed(carried: &Carried, slow: &str) {
    carried.switch(slow, true);
    let mut running = carried.rig.command(&["promote"]).spawn().unwrap();
    let begun = format!("{}.begun", carried.tag);
    while fs::metadata(&begun).is_err() {
        std::thread::sleep(Duration::from_millis(5));
    }
    running.kill().unwrap();
    running.wait().unwrap();
    carried.switch(slow, false);
}

#[test]
fn after_a_kill_the_next_command_waits_for_the_command_that_runs_and_undoes_it() {
    let carried = Carried::promoted();
    killed(&carried, "slow-two-apply");
    // What runs without mirrorkeep keeps the mirror locked.
    let busy = carried.rig.run(&["--wait", "0", "label", A, "x=y"]);
    assert_eq!(busy.status.code(), Some(7), "{}", String::from_utf8_lossy(&busy.stderr));
    // The journal states what is to be undone, whatever the pipeline says by now.
    let pipeline = carried.rig.mirror(".mirrorkeep/pipeline.yaml");
    fs::write(
        pipeline,
        "pipeline: 1\nstages: [{name: tested, streams: master/centos, require: {votes: [smoke]}}]\n",
    )
    .unwrap();
    carried.rig.ok(&["label", A, "x=y"]);
    let ran = carried.ran();
    let last: Vec<&str> =
        ran.iter().rev().take(3).rev().map(|line| line.split(" build=").next().unwrap()).collect();
    assert_eq!(last, ["two apply ended", "two undo", "one undo"], "{ran:?}");
    carried.is_at(A);
    assert!(carried.rig.json(&["show", B])["logs"]["carry/tested/1/undo"].is_object());
}

#[test]
fn an_undo_that_fails_keeps_the_stage_where_it_is_until_a_person_skips_it() {
    let carried = Carried::promoted();
    carried.switch("fail-one-undo", true);
    killed(&carried, "slow-two-apply");
    let labelled = carried.rig.run(&["label", A, "x=y"]);
    let told = String::from_utf8_lossy(&labelled.stderr).into_owned();
    assert!(
        labelled.status.success() && told.contains("(undo of tested) failed: it ended with exit code 3"),
        "{told}"
    );
    let one = carried.rig.json_ends(1, &["promote"])["stages"][0].clone();
    assert!(one["why"].as_str().unwrap().contains("cannot be settled"), "{one}");
    assert_eq!(carried.state()[3], A);
    let told = String::from_utf8(carried.rig.run(&["recover", "--skip-commands"]).stderr).unwrap();
    assert!(told.contains(&format!("`{} one` (undo of tested) was not run", carried.tag)), "{told}");
    carried.rig.ok(&["promote"]);
    carried.is_at(B);
}

#[test]
fn an_undo_that_waits_is_not_run_after_another_command_moved_the_stage() {
    let carried = Carried::promoted();
    carried.rig.ok(&["promote"]);
    let c = "master/centos/20181207T060000Z";
    carried.rig.builds([c.rsplit('/').next().unwrap()]);
    carried.rig.ok(&["vote", c, "smoke", "success"]);
    for what in ["fail-two-apply", "fail-two-undo"] {
        carried.switch(what, true);
    }
    carried.rig.ends(1, &["promote"]);
    // A demotion waits for it; a build that must leave at once does not, and hands the stage on.
    carried.rig.ends(1, &["demote", "tested", "--stream", "master/centos", "--why", "bad"]);
    carried.rig.ok(&["withdraw", B, "--why", "leaked key", "--force"]);
    for what in ["fail-two-apply", "fail-two-undo"] {
        carried.switch(what, false);
    }
    carried.ran();
    let told = carried.rig.ok(&["recover"]);
    assert_eq!(carried.ran(), Vec::<String>::new(), "{told}");
    assert_eq!(carried.state()[3], A);
    carried.rig.ok(&["promote"]);
    carried.is_at(c);
}

#[test]
fn a_demotion_moves_them_back_and_the_stage_moves_although_one_fails() {
    let carried = Carried::promoted();
    carried.rig.ok(&["promote"]);
    carried.ran();
    let demote = |why: &str| -> Vec<String> {
        ["demote", "tested", "--stream", "master/centos", "--allow-empty", "--why", why]
            .map(str::to_owned)
            .to_vec()
    };
    let call = |code: i32, why: &str| -> Value {
        let words = demote(why);
        carried.rig.json_ends(code, &words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let answer = call(0, "does not boot");
    assert_eq!(answer["commands"], json!([format!("{} one", carried.tag), format!("{} two", carried.tag)]));
    let ran = carried.ran();
    let words: Vec<&str> = ran.iter().map(|line| line.split(" at=").next().unwrap()).collect();
    let line = |words: &str| format!("{words} build=20181205T060000Z before=20181206T060000Z stage=tested");
    assert_eq!(words, ["one prepare", "one apply", "two prepare", "two apply"].map(line));
    carried.is_at(A);
    // Again, with a registry that is down.
    carried.rig.ok(&["unreject", B, "--stage", "tested"]);
    carried.rig.ok(&["promote", "tested", "--build", B]);
    carried.switch("fail-one-apply", true);
    let answer = call(1, "boots no more");
    let why =
        format!("`{} one` (apply of tested) failed: it ended with exit code 3: no such tag", carried.tag);
    assert_eq!((&answer["failures"], &answer["to"]), (&json!([why]), &json!(A)));
    assert_eq!(carried.state()[1..], [A; 3]);
    // It is not done before they succeed, and nothing else moves the stage.
    let told = carried.rig.ends(1, &["demote", "tested", "--stream", "master/centos", "--why", "other"]);
    assert!(told.contains("cannot be settled: `mirrorkeep recover` shows why"), "{told}");
    let told = carried.rig.ends(1, &["recover"]);
    assert!(told.contains("(apply of tested) failed") && told.contains("recover --skip-commands"), "{told}");
    carried.switch("fail-one-apply", false);
    carried.rig.ok(&["recover"]);
    carried.is_at(A);
    assert_eq!(call(0, "boots no more")["already"], true);
    // To no build: they are undone.
    carried.ran();
    call(0, "not that one either");
    let ran = carried.ran();
    assert!(
        ran[0].starts_with("two undo build=20181205T060000Z before= ") && ran[1].starts_with("one undo "),
        "{ran:?}"
    );
    assert_eq!(carried.state(), [""; 4]);
}

#[test]
fn a_command_that_ends_too_late_or_is_not_there_is_a_failure() {
    let rig = Rig::new();
    rig.publish("20181205T060000Z", &[]);
    let file = rig.work("../pipeline.yaml");
    for (apply, why) in [
        ("[sleep, '50']", "it was ended after its time limit of 1 s"),
        ("[/no/such/program]", "cannot start `/no/such/program`: there is no such program"),
    ] {
        let text = format!(
            "pipeline: 1\nstages:\n  - {{name: tested, streams: master/centos, require: {{labels: {{ok: 'yes'}}}}, carry: [{{run: {{apply: {apply}, undo: ['true'], timeout: 1s}}}}]}}\n"
        );
        fs::write(&file, text).unwrap();
        rig.ok(&["pipeline", "set", file.to_str().unwrap()]);
        rig.ok(&["label", A, "ok=yes"]);
        let one = rig.json_ends(1, &["promote"])["stages"][0].clone();
        assert!(one["why"].as_str().unwrap().contains(why), "{one}");
    }
    let locked = rig.mirror(".mirrorkeep/lock");
    assert!(fs::metadata(locked).unwrap().size() > 0);
}

#[test]
fn withdraw_runs_no_command_and_says_which_verb_does() {
    let carried = Carried::promoted();
    carried.rig.ok(&["promote"]);
    carried.ran();
    let output = carried.rig.run(&["withdraw", B, "--why", "a secret", "--force"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && told.contains("withdraw runs no command of the stage `tested`"),
        "{told}"
    );
    assert_eq!((carried.ran(), carried.state()), (Vec::new(), [B, B, A, A].map(str::to_owned)));
}
