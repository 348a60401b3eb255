//! Every error of promotion: its exit code, what it says, and its hint, pasted.

use super::sentences::{ONE, STAGED, STREAM, tested, with_votes};
use crate::support::trunk::{Trunk, build, id, stream};
use std::fs;

const NO_BUILD: &str = "centos9-master/component/compute/420c638d6325d1ccf50eb5fe430c5d255dcbfb94_52cbbfe7";

#[test]
fn a_mirror_without_a_pipeline_has_no_stages() {
    let trunk = Trunk::new();
    let settings = trunk.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.replace("pipeline: rdo-trunk\n", "")).unwrap();
    let id = trunk.publish(ONE, 1);
    let cases: [&[&str]; 4] = [
        &["promote"],
        &["stages"],
        &["reject", &id, "--why", "x"],
        &["waive", "tested", "smoke", "--build", &id, "--why", "x"],
    ];
    for args in cases {
        let hints = trunk.fails(2, "the mirror has no pipeline, so it has no stages", args);
        trunk.pasted(0, &hints[0], &[]);
        trunk.pasted(0, &format!("{} --dry-run", hints[1]), &[("NAME|FILE", "rdo-trunk")]);
    }
    // A vote is kept all the same.
    assert_eq!(trunk.ok(&["vote", &id, "smoke", "success"]), format!("smoke voted success on {id}\n"));
}

#[test]
fn a_stage_a_stream_or_a_job_that_is_not_known_is_an_error_of_usage() {
    let trunk = tested(1);
    let id = id(ONE, 1);
    let stage = "the pipeline has no stage `testd`; it has tested, released";
    let stream = "the mirror has no stream `centos9-master/component/cinder`";
    let job = "the stage requires no vote of `smok`; it requires smoke, boot, boot-rerun";
    let cases: [(&str, &[&str]); 9] = [
        (stage, &["promote", "testd"]),
        (stage, &["stages", "testd"]),
        (stage, &["demote", "testd", "--stream", STREAM, "--why", "x"]),
        (stage, &["waive", "testd", "smoke", "--build", &id, "--why", "x"]),
        (stage, &["reject", &id, "--stage", "testd", "--why", "x"]),
        (stream, &["demote", "tested", "--stream", "centos9-master/component/cinder", "--why", "x"]),
        (job, &["waive", "tested", "smok", "--build", &id, "--why", "x"]),
        (job, &["waive", "tested", "smok", "--until", "1d", "--why", "x"]),
        ("`smoke test` is not a name of a job", &["vote", &id, "smoke test", "success"]),
    ];
    for (said, args) in cases {
        assert!(trunk.fails(2, said, args).is_empty());
    }
}

#[test]
fn a_stage_that_is_not_in_a_stream_says_where_it_is() {
    let trunk = Trunk::with(&STAGED.replace("'*/component/*'", "'*/component/net*'"));
    let id = trunk.publish(ONE, 1);
    let said = format!("the stage `tested` is not in `{STREAM}`: the pipeline has it in `*/component/net*`");
    trunk.fails(2, &said, &["promote", "tested", "--build", &id]);
    trunk.fails(2, &said, &["demote", "tested", "--stream", STREAM, "--why", "x"]);
    trunk.fails(2, &said, &["waive", "tested", "smoke", "--build", &id, "--why", "x"]);
    trunk.fails(2, &said, &["reject", &id, "--stage", "tested", "--why", "x"]);
}

#[test]
fn a_build_that_is_not_there_gets_no_vote_waiver_rejection_or_stage() {
    let trunk = tested(1);
    let said = format!("there is no build `{NO_BUILD}`");
    let cases: [&[&str]; 5] = [
        &["vote", NO_BUILD, "smoke", "success"],
        &["waive", "tested", "smoke", "--build", NO_BUILD, "--why", "x"],
        &["reject", NO_BUILD, "--why", "x"],
        &["promote", "tested", "--build", NO_BUILD],
        &["demote", "tested", "--stream", STREAM, "--why", "x", "--to", NO_BUILD],
    ];
    for args in cases {
        trunk.fails(1, &said, args);
    }
    // A build of another stream cannot have it, either.
    let other = trunk.publish("network", 1);
    trunk.fails(1, &other, &["demote", "tested", "--stream", STREAM, "--why", "x", "--to", &other]);
}

#[test]
fn a_failed_or_rejected_build_is_not_promoted_and_force_does_not_help() {
    let trunk = tested(1);
    let failed = trunk.publish_as(ONE, 2, ("FAILED", "half a package"), &["--result", "fail"]);
    let rejected = with_votes(&trunk, 3, &["smoke", "boot"]);
    trunk.ok(&["reject", &rejected, "--why", "leaks memory"]);
    let cases = [
        (&failed, format!("`{failed}` cannot be promoted to `tested`: its result is `fail`")),
        (&rejected, format!("`{rejected}` cannot be promoted to `tested`: it is rejected: leaks memory")),
    ];
    for (id, said) in cases {
        trunk.fails(1, &said, &["promote", "tested", "--build", id]);
        trunk.fails(1, &said, &["promote", "tested", "--build", id, "--force", "--why", "x"]);
        trunk.fails(1, &said, &["demote", "tested", "--stream", STREAM, "--why", "x", "--to", id]);
    }
    trunk.ends(4, &["promote", "tested", "--force", "--why", "x", "--require-move"]);
    assert_eq!(trunk.has(ONE, "tested"), Some(id(ONE, 1)));
}

#[test]
fn a_build_that_lacks_a_vote_is_promoted_by_the_hint() {
    let trunk = tested(1);
    let two = with_votes(&trunk, 2, &["boot"]);
    let said = format!("`{two}` lacks what `tested` requires: smoke");
    let hints = trunk.fails(1, &said, &["promote", "tested", "--build", &two]);
    assert!(trunk.pasted(0, &hints[0], &[("TEXT", "bug-7")]).contains("promoted"));
    assert_eq!(trunk.has(ONE, "tested"), Some(two));
}

#[test]
fn a_demotion_needs_a_build_that_has_the_stage_and_one_that_can_have_it() {
    let trunk = tested(2);
    let (one, two) = (id(ONE, 1), id(ONE, 2));
    trunk.fails(
        1,
        &format!("no build of `{STREAM}` has the stage `released`"),
        &["demote", "released", "--stream", STREAM, "--why", "x"],
    );
    let demote = ["demote", "tested", "--stream", STREAM, "--why", "x"];
    trunk.fails(
        1,
        &format!("`{two}` has the stage `tested` already"),
        &[&demote[..], &["--to", &two]].concat(),
    );
    trunk.ok(&["reject", &one, "--why", "bad"]);
    let said = format!("no earlier build that had the stage `tested` in `{STREAM}` can have it again");
    let hints = trunk.fails(1, &said, &demote);
    let three = trunk.publish(ONE, 3);
    trunk.pasted(0, &hints[0], &[("TEXT", "bug-7"), ("ID", &three)]);
    assert_eq!(trunk.has(ONE, "tested"), Some(three));
}

#[test]
fn a_waiver_that_was_not_given_cannot_be_taken_back() {
    let trunk = tested(1);
    let waive = ["waive", "tested", "smoke", "--build", &id(ONE, 1), "--why", "x"];
    trunk.ok(&waive);
    let said = "there is no waiver of the vote of `boot` for `tested`";
    trunk.fails(1, said, &["unwaive", "tested", "boot"]);
    let two = trunk.publish(ONE, 2);
    let said = "there is no waiver of the vote of `smoke` for `tested`";
    trunk.fails(1, said, &["unwaive", "tested", "smoke", "--build", &two]);
    trunk.ok(&["unwaive", "tested", "smoke", "--build", &id(ONE, 1)]);
    trunk.fails(1, said, &["unwaive", "tested", "smoke"]);
}

#[test]
fn a_reason_or_a_url_is_one_printable_line() {
    let trunk = tested(1);
    let id = id(ONE, 1);
    let cases: [(&str, &[&str]); 5] = [
        ("--why: it is empty", &["waive", "tested", "smoke", "--build", &id, "--why", ""]),
        ("--why: it contains the control character", &["reject", &id, "--why", "a\nb"]),
        ("--why: it contains U+202E", &["demote", "tested", "--stream", STREAM, "--why", "a\u{202e}"]),
        ("--why: it has 256 characters", &["promote", "tested", "--force", "--why", &"x".repeat(256)]),
        ("--url: it contains the control character", &["vote", &id, "smoke", "success", "--url", "a\nb"]),
    ];
    for (said, args) in cases {
        trunk.fails(2, said, args);
    }
}

#[test]
fn a_directory_at_the_place_of_a_stage_is_named_and_the_other_streams_go_on() {
    let trunk = Trunk::with(STAGED);
    for component in [ONE, "network"] {
        let id = trunk.publish(component, 1);
        for job in ["smoke", "boot"] {
            trunk.vote(&id, job, "success");
        }
    }
    fs::create_dir(trunk.link(ONE, "tested")).unwrap();
    let told = trunk.ends(1, &["promote"]);
    let said = format!(
        "error: {STREAM}: tested was not moved: `{STREAM}/tested` cannot be an alias: a file or directory"
    );
    assert!(told.contains(&said), "{told}");
    assert_eq!(trunk.has("network", "tested"), Some(id("network", 1)));
}

#[test]
fn what_is_carried_must_be_in_the_build() {
    let carry = "    carry: [{alias: images, place: overcloud-images}]\n    keep: 2\n";
    let trunk = Trunk::with(&STAGED.replace("    keep: 2\n", carry));
    with_votes(&trunk, 1, &["smoke", "boot"]);
    let told = trunk.ends(1, &["promote"]);
    let said = format!("`{STREAM}/images` moves with `tested` to ");
    let alt = "`images` moves with `tested` to `";
    assert!(told.contains(alt) || told.contains(&said), "{told}");
    assert!(told.contains("/overcloud-images`, which is not there"), "{told}");
    assert_eq!(trunk.has(ONE, "tested"), None);
}

#[test]
fn what_cannot_be_read_above_the_streams_fails_the_whole_command() {
    let trunk = tested(1);
    let dir = trunk.mirror("centos9-master/component");
    for args in [&["promote"][..], &["stages"]] {
        let mut strace = std::process::Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-P"]).arg(&dir);
        strace.args(["-e", "inject=getdents64:error=EIO", env!("CARGO_BIN_EXE_mirrorkeep")]);
        let output = strace.arg("--mirror").arg(trunk.mirror("")).args(args).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {told}");
        let said =
            "`centos9-master/component` cannot be read, so that nothing is known of the streams below it: ";
        assert!(told.contains(said), "{told}");
    }
    assert_eq!(build(ONE, 1).len(), 49);
    assert_eq!(stream(ONE), STREAM);
}
