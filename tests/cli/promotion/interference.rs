//! Somebody moves a stage without mirrorkeep: nothing moves there until a person accepts that.

use super::sentences::{ONE, STREAM, of_tested, tested, with_votes};
use crate::support::trunk::{Trunk, build, id};
use serde_json::json;
use std::fs;
use std::os::unix::fs::symlink;

/// Returns where the builds of a day are, from the stream's directory.
fn place(day: u8) -> String {
    let name = build(ONE, day);
    format!("{}/{}/{name}", &name[..2], &name[2..4])
}

/// Has the link of `tested` lead to the build of a day, as `ln -sfn` does, or removes it.
fn by_hand(trunk: &Trunk<'_>, day: Option<u8>) {
    let link = trunk.link(ONE, "tested");
    fs::remove_file(&link).unwrap();
    if let Some(day) = day {
        symlink(place(day), link).unwrap();
    }
}

/// Returns the hint of a promotion that finds the name moved.
#[track_caller]
fn refused(trunk: &Trunk<'_>, to: &str) -> String {
    let told = trunk.ends(3, &["promote"]);
    let said = format!("{STREAM}: `tested` was moved to {to} without mirrorkeep; ");
    assert!(told.contains(&said), "{told}");
    told.split('`').find(|part| part.contains("--take-over")).unwrap().to_owned()
}

#[test]
fn a_name_that_somebody_moved_stays_until_a_person_takes_it_over() {
    let trunk = tested(2);
    by_hand(&trunk, Some(1));
    let three = with_votes(&trunk, 3, &["smoke", "boot"]);
    let hint = refused(&trunk, &build(ONE, 1));
    let one = of_tested(&trunk.json_ends(3, &["promote", "--dry-run"]));
    assert_eq!((&one["outcome"], &one["incumbent"]), (&json!("interfered"), &json!(id(ONE, 1))));
    assert_eq!(trunk.has(ONE, "tested"), Some(id(ONE, 1)));
    assert_eq!(of_tested(&trunk.json(&["stages"]))["outcome"], "interfered");
    assert!(trunk.ok(&["stages"]).contains("moved without mirrorkeep"));
    let hints = trunk.fails(3, "without mirrorkeep", &["demote", "tested", "--stream", STREAM, "--why", "x"]);
    assert!(trunk.pasted(0, &hints[0], &[]).contains("moved without mirrorkeep"));
    assert_eq!(hints[1], hint);
    let told = trunk.pasted(0, &hint, &[("TEXT", "bug-7")]);
    assert!(
        told.contains(&format!("promoted {} to tested (it was at {})", build(ONE, 3), build(ONE, 1))),
        "{told}"
    );
    assert_eq!(
        (trunk.has(ONE, "tested"), trunk.has(ONE, "previous-tested")),
        (Some(three), Some(id(ONE, 1)))
    );
    let told = trunk.ok(&["history", &format!("{STREAM}/tested")]);
    assert!(
        told.contains(&format!("-> {} by release-engineer", build(ONE, 1))) && told.contains(": bug-7\n"),
        "{told}"
    );
    trunk.ends(0, &["promote"]);
}

#[test]
fn a_link_that_somebody_removed_is_an_interference_too() {
    let trunk = tested(2);
    by_hand(&trunk, None);
    with_votes(&trunk, 3, &[]);
    let hint = refused(&trunk, "no build");
    assert_eq!(trunk.has(ONE, "tested"), None);
    trunk.pasted(0, &hint, &[("TEXT", "bug-7")]);
    assert_eq!(trunk.has(ONE, "tested"), None);
    trunk.vote(&id(ONE, 3), "smoke", "success");
    trunk.vote(&id(ONE, 3), "boot", "success");
    trunk.ok(&["promote", "tested", "--require-move"]);
    // `previous` leads to no build that nobody promoted.
    assert_eq!(trunk.has(ONE, "previous-tested"), Some(id(ONE, 1)));
}

#[test]
fn an_interference_stops_only_its_own_stage_and_stream() {
    let trunk = tested(2);
    trunk.publish("network", 1);
    for job in ["smoke", "boot"] {
        trunk.vote(&id("network", 1), job, "success");
    }
    by_hand(&trunk, Some(1));
    trunk.ends(3, &["promote"]);
    assert_eq!(trunk.has("network", "tested"), Some(id("network", 1)));
}

#[test]
fn a_link_that_is_put_back_is_none() {
    let trunk = tested(2);
    by_hand(&trunk, Some(1));
    refused(&trunk, &build(ONE, 1));
    by_hand(&trunk, Some(2));
    trunk.ends(0, &["promote"]);
}

#[test]
fn a_stage_that_somebody_moved_feeds_no_later_stage_before_that_is_accepted() {
    let pipeline = "pipeline: 1
stages:
  - {name: tested, streams: 'centos9-*/component/*', from: consistent, require: {votes: [smoke]}}
  - {name: released, streams: 'centos9-*/component/*', from: tested, require: {votes: [sign]}}
";
    let trunk = Trunk::with(pipeline);
    with_votes(&trunk, 1, &["smoke"]);
    trunk.ok(&["promote"]);
    with_votes(&trunk, 2, &["sign"]);
    by_hand(&trunk, Some(2));
    trunk.ends(3, &["promote"]);
    assert_eq!(trunk.has(ONE, "released"), None);
    trunk.ok(&["promote", "tested", "--stream", STREAM, "--take-over", "--why", "bug 7"]);
    trunk.ok(&["promote"]);
    assert_eq!(trunk.has(ONE, "released"), Some(id(ONE, 2)));
}

#[test]
fn a_rejected_build_that_is_taken_over_is_told() {
    let trunk = tested(2);
    by_hand(&trunk, Some(1));
    trunk.ok(&["reject", &id(ONE, 1), "--stage", "tested", "--why", "bug 8"]);
    let told = trunk.ends(0, &["promote", "tested", "--stream", STREAM, "--take-over", "--why", "for now"]);
    let said = format!("`tested` stays at `{}`, which is rejected (bug 8)", id(ONE, 1));
    assert!(told.contains(&said), "{told}");
}
