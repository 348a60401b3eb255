//! What a person is told of registries and images: hints that help, and what would go wrong before it does.

use super::carried::{A, B, C, Carried, tag};
use super::scene::{IMAGE, INDEX};
use super::standin::{Deed, StandIn};
use crate::support::http::Message;
use mirrorkeep::model::Digest;
use serde_json::{Value, json};
use std::fs;

fn deny(server: &StandIn) {
    server.rule(|_, _| Some(Deed::Answer(Message::answer(403).body(""))));
}

/// Returns what became of the stage, by a promotion that ends with this code.
#[track_caller]
fn promoted(carried: &Carried, code: i32, args: &[&str]) -> Value {
    carried.rig.json_ends(code, &[&["promote"], args].concat())["stages"][0].clone()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[test]
fn what_helps_against_a_registry_is_part_of_every_answer() {
    let (from, to) = (StandIn::start(), StandIn::start());
    let carried = Carried::new(from.port, to.port);
    carried.build(A);
    carried.rig.ok(&["promote"]);
    carried.build(B);
    deny(&from);
    let login = format!("`docker login 127.0.0.1:{}`", from.port);
    assert!(text(&promoted(&carried, 1, &[])["hint"]).contains(&login));
    let said = carried.rig.ends(1, &["promote"]);
    assert!(said.contains("hint") && said.contains(&login), "{said}");
    let check = carried.rig.run(&["--json", "check", "--registry", "master/centos/tested"]);
    assert!(String::from_utf8_lossy(&check.stdout).contains(&login));
    from.rule(|_, _| None);
    // A target that refuses deletes says how to allow them; the last promotion still states where its tags were.
    carried.rig.ok(&["promote"]);
    carried.build(C);
    carried.rig.ok(&["promote"]);
    carried.rig.ok(&[
        "withdraw",
        &format!("master/centos/{A}"),
        "--why",
        "old",
        "--purge",
        "--yes",
        "--force",
    ]);
    for server in [&from, &to] {
        server.rule(|_, message| {
            (message.method() == "DELETE").then(|| Deed::Answer(Message::answer(405).body("")))
        });
    }
    let pruned = carried.rig.json_ends(1, &["images", "prune"]);
    assert!(pruned["hints"].to_string().contains("storage.delete.enabled"), "{pruned}");
    let said = carried.rig.ends(1, &["images", "prune"]);
    assert!(said.contains("storage.delete.enabled"), "{said}");
}

#[test]
fn what_helps_against_a_registry_is_part_of_the_answer_of_a_demotion() {
    let (from, to) = (StandIn::start(), StandIn::start());
    let carried = Carried::new(from.port, to.port);
    for name in [A, B] {
        carried.build(name);
        carried.rig.ok(&["promote"]);
    }
    deny(&to);
    let demote = ["demote", "tested", "--stream", "master/centos", "--why", "bad"];
    let back = carried.rig.json_ends(1, &demote);
    assert!(back["hints"].to_string().contains(&format!("docker login 127.0.0.1:{}", to.port)), "{back}");
}

#[test]
fn a_registry_that_is_not_there_may_need_its_scheme() {
    let from = StandIn::start();
    let carried = Carried::carrying(from.port, &["127.0.0.1:1/pub"], &["{build}", "{stage}"]);
    carried.build(A);
    assert!(text(&promoted(&carried, 1, &[])["hint"]).contains("`http://`"));
}

#[test]
fn a_dry_run_fails_for_a_fixed_tag_of_another_image() {
    let (from, to) = (StandIn::start(), StandIn::start());
    let carried = Carried::new(from.port, to.port);
    carried.build(A);
    to.server().put_image("nova", Some(A), "something else");
    let why = text(&promoted(&carried, 1, &["--dry-run"])["why"]);
    assert!(why.contains(&format!("the tag `127.0.0.1:{}/nova:{A}` has sha256:", to.port)), "{why}");
    assert_eq!(tag(&to.server(), "glance", A), None);
}

#[test]
fn a_reference_of_another_build_is_named_with_both() {
    let (from, to) = (StandIn::start(), StandIn::start());
    let carried = Carried::new(from.port, to.port);
    carried.build(A);
    carried.rig.ok(&["promote"]);
    from.server().put_image("ci/extra", Some(A), "extra");
    carried.build_of(B, B, &format!("docker.io/ci/extra:{A}\n"));
    let said = carried.rig.ends(0, &["promote"]);
    let warning = format!(
        "`docker.io/ci/extra:{A}` in `outputs/images.lst` of `master/centos/{B}` is an image of `master/centos/{A}`"
    );
    assert!(said.contains(&warning), "{said}");
}

#[test]
fn two_images_of_one_tag_are_both_named() {
    let (from, to) = (StandIn::start(), StandIn::start());
    let carried = Carried::new(from.port, to.port);
    carried.build(A);
    carried.build_of(B, B, &format!("docker.io/ci/nova:{A}\n"));
    let why = text(&promoted(&carried, 1, &[])["why"]);
    let both = [A, B].map(|name| format!("`127.0.0.1:{}/ci/nova:{name}`", from.port));
    assert!(both.iter().all(|one| why.contains(one)), "{why}");
}

#[test]
fn an_index_that_lost_a_child_in_its_own_repository_is_not_promoted() {
    let registry = StandIn::start();
    let own = format!("127.0.0.1:{}/ci", registry.port);
    let carried = Carried::carrying(registry.port, &[&own], &["{tag}", "{stage}"]);
    carried.build(A);
    let server = registry.server();
    let child = server.put_image("ci/nova", None, "a child");
    let lost = Digest::of(b"lost");
    let lost = format!("{{\"mediaType\":\"{IMAGE}\",\"digest\":\"sha256:{lost}\",\"size\":4}}");
    let index = |children: &str| {
        format!("{{\"schemaVersion\":2,\"mediaType\":\"{INDEX}\",\"manifests\":[{children}]}}")
    };
    server.put_manifest("ci/nova", A, INDEX, &index(&format!("{child},{lost}")));
    let why = text(&promoted(&carried, 1, &[])["why"]);
    assert!(
        why.contains(&format!("it names sha256:{}, which the registry does not have", Digest::of(b"lost"))),
        "{why}"
    );
    assert_eq!(carried.has(), None);
    server.put_manifest("ci/nova", A, INDEX, &index(&child));
    assert_eq!(promoted(&carried, 0, &[])["outcome"], "promoted");
}

#[test]
fn a_layer_that_is_missing_is_no_missing_image() {
    let (from, to) = (StandIn::start(), StandIn::start());
    let carried = Carried::new(from.port, to.port);
    carried.build(A);
    from.kept.lock().unwrap().blobs.clear();
    let why = text(&promoted(&carried, 1, &[])["why"]);
    assert!(why.contains("without this part") && !why.contains("no such image"), "{why}");
}

#[test]
fn a_command_about_something_else_waits_briefly_for_a_registry() {
    let (from, to) = (StandIn::start(), StandIn::start());
    let carried = Carried::new(from.port, to.port);
    for name in [A, B] {
        carried.build(name);
        carried.rig.ok(&["promote"]);
    }
    for server in [&from, &to] {
        server.rule(|_, _| Some(Deed::Raw(Vec::new(), None)));
    }
    let demote = ["demote", "tested", "--stream", "master/centos", "--why", "bad"];
    carried.rig.command(&demote).env("MIRRORKEEP_PATIENCE", "1").output().unwrap();
    let said = carried.rig.ends(0, &["label", &format!("master/centos/{A}"), "seen=yes"]);
    assert!(said.contains("for up to 8 s"), "{said}");
    assert_eq!(carried.rig.json(&["recover", "--dry-run"])["unsettled"].as_array().map(Vec::len), Some(1));
}

#[test]
fn names_of_pins_and_impossible_dates_are_refused_or_named() {
    let from = StandIn::start();
    let carried = Carried::new(from.port, from.port);
    carried.build(A);
    let file = carried.rig.work("..").join("pins.yaml");
    fs::write(&file, format!("- {{name: docker.io/ci/nova, src_build_tag: {A}}}\n")).unwrap();
    let file = file.to_str().unwrap();
    for name in ["a/b", "", "..", "."] {
        carried.rig.fails(2, "is not a name of pins", &["images", "pins", file, &format!("--name={name}")]);
    }
    assert_eq!(carried.rig.json(&["images", "pins"])["pins"], json!([]));
    for args in [
        ["images", "place", "docker.io/ci/nova:20180231T060000Z"],
        ["layout", "place", "master/centos/20180231T060000Z"],
    ] {
        let said = carried.rig.ends(0, &args);
        assert!(said.contains("`20180231T060000Z` is an impossible date or time"), "{said}");
        let answer = carried.rig.json(&args);
        assert!(text(&answer["impossible"]).contains("impossible date"), "{answer}");
    }
}
