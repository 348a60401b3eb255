//! Images that a registry lost, and tags that something else moved: they keep no other tag of the stage from moving, and
//! no command from ending well.

use super::carried::{A, B, C, IMAGES, tag};
use super::healed::{D, Scene};
use super::scene::{ARCHITECTURES, INDEX, Server};
use crate::support::http::Message;
use serde_json::{Value, json};
use std::fs;

/// Deletes an image with all its tags, as a registry or another tool does.
fn lose(server: &Server, repository: &str, name: &str) {
    let digest = tag(server, repository, name).unwrap();
    let gone = server.ask(Message::request("DELETE", &format!("/v2/{repository}/manifests/{digest}")));
    assert!(gone.first.contains(" 202 "), "{gone:?}");
}

impl Scene {
    /// Has both targets lose an image, and the source, too.
    fn lose(&self, image: &str, name: &str, of_source: bool) {
        lose(&self.from.server(), &format!("pub/{image}"), name);
        lose(&self.to.server(), image, name);
        if of_source {
            lose(&self.from.server(), &format!("ci/{image}"), name);
        }
    }

    /// Runs a promotion, and returns what it warns of.
    #[track_caller]
    fn promote_again(&self, code: i32, args: &[&str]) -> String {
        let said = self.here.rig.run(&[&["promote"], args].concat());
        let text = String::from_utf8(said.stderr).unwrap();
        assert_eq!(said.status.code(), Some(code), "{text}");
        text
    }

    /// Returns whether the tag of the stage has the image that the source has under a tag, in both targets.
    fn has(&self, image: &str, name: &str) -> bool {
        let source = tag(&self.from.server(), &format!("ci/{image}"), name);
        let of = [
            tag(&self.from.server(), &format!("pub/{image}"), "tested"),
            tag(&self.to.server(), image, "tested"),
        ];
        source.is_some() && of == [source.clone(), source]
    }

    #[track_caller]
    fn nothing_is_open(&self) {
        assert_eq!(self.here.rig.json(&["recover", "--dry-run"])["unsettled"], json!([]));
    }
}

const TAKE_OVER: [&str; 6] = ["tested", "--stream", "master/centos", "--take-over", "--why", "ours"];

#[test]
fn a_demotion_goes_to_no_image_of_an_earlier_build_of_that_name() {
    for expired in [false, true] {
        let scene = Scene::empty();
        scene.promote(A, &IMAGES);
        scene.promote(B, &IMAGES);
        scene.withdraw(A);
        scene.build(A, &IMAGES, &["--allow-withdrawn"]);
        for image in IMAGES {
            let source = format!("ci/{image}");
            scene.from.server().put_image(&source, Some(A), &format!("{image} without the secret"));
            if expired {
                lose(&scene.from.server(), &source, A);
            }
        }
        let said = String::from_utf8(scene.demote_to(A).stderr).unwrap();
        let why = if expired { "an image of a build that was withdrawn" } else { "another image than" };
        assert!(said.contains(why), "{said}");
        assert!(IMAGES.iter().all(|image| scene.has(image, B)), "{said}");
        assert_eq!(scene.here.has().as_deref(), Some(A));
        let said = scene.promote_again(1, &[]);
        assert!(said.contains(why) && said.contains("delete `127.0.0.1:"), "{said}");
        assert!(IMAGES.iter().all(|image| scene.has(image, B)), "{said}");
        if !expired {
            // As the hint says.
            for image in IMAGES {
                scene.lose(image, A, false);
            }
            scene.promote_again(0, &[]);
            assert!(IMAGES.iter().all(|image| scene.has(image, A)));
            scene.is_settled();
        }
    }
}

#[test]
fn an_image_that_no_registry_has_any_more_keeps_no_other_tag_from_moving() {
    for demoted in [false, true] {
        let scene = Scene::empty();
        scene.promote(A, &IMAGES);
        scene.promote(B, &["nova", "neutron"]);
        scene.promote(C, &IMAGES);
        scene.lose("glance", A, true);
        if demoted {
            let args = ["demote", "tested", "--stream", "master/centos", "--why", "bad"];
            let told = scene.here.rig.json_ends(1, &args);
            assert!(told["failures"].to_string().contains("is missing in the registry"), "{told}");
            assert!(scene.has("nova", B) && scene.has("glance", C));
            scene.nothing_is_open();
        } else {
            scene.withdraw(C);
        }
        let said = scene.promote_again(0, &[]);
        assert!(
            said.contains("glance:tested` stays where it is, since no registry of the stage has"),
            "{said}"
        );
        assert!(scene.has("nova", B) && scene.has("neutron", B) && scene.has("glance", C));
        assert_eq!(scene.found(), (0, false));
        let said = scene.promote_again(0, &[]);
        assert!(!said.contains("no registry"), "{said}");
        assert_eq!(said.contains("an image of a build that was withdrawn"), !demoted, "{said}");
        scene.lose("glance", C, false);
        assert_eq!(scene.promote_again(0, &[]), "");
        assert_eq!(scene.found(), (0, false));
        // The next build that has it gets it again.
        scene.promote(D, &IMAGES);
        assert!(scene.has("glance", D));
    }
}

#[test]
fn an_image_that_only_the_targets_lost_is_copied_again_by_its_digest() {
    let scene = Scene::empty();
    scene.promote(A, &IMAGES);
    scene.promote(B, &["nova", "neutron"]);
    scene.promote(C, &IMAGES);
    scene.lose("glance", A, false);
    scene.withdraw(C);
    let dry = scene.promoted(0, &["--dry-run"]);
    assert_eq!(dry["tags"].as_array().map(Vec::len), Some(6), "{dry}");
    assert!(scene.has("glance", C));
    assert_eq!(scene.promote_again(0, &[]), "");
    assert!(scene.has("nova", B) && scene.has("glance", A));
    scene.is_settled();
}

#[test]
fn the_build_at_a_stage_whose_image_is_lost_keeps_no_command_from_ending_well() {
    let scene = Scene::empty();
    scene.promote(A, &IMAGES);
    scene.promote(B, &IMAGES);
    scene.lose("glance", B, true);
    for _ in 0..2 {
        let said = scene.promote_again(0, &[]);
        assert!(said.contains(&format!("glance:{B}` is missing in the registry, and so is `127")), "{said}");
        assert!(!scene.found().1);
    }
    scene.promote_again(0, &TAKE_OVER);
    scene.promote(C, &["nova", "neutron"]);
    assert_eq!(scene.promote_again(0, &[]), "");
    assert!(scene.has("nova", C) && !scene.found().1);
}

#[test]
fn an_image_of_an_earlier_build_that_is_lost_keeps_no_tag_at_a_withdrawn_build() {
    for of_source in [true, false] {
        let scene = Scene::empty();
        scene.promote(A, &IMAGES);
        scene.promote(B, &IMAGES);
        scene.promote(C, &["nova", "neutron"]);
        scene.lose("glance", B, of_source);
        scene.withdraw(C);
        // A tag that is gone is something else's doing, which a person accepts.
        scene.promote_again(if of_source { 0 } else { 3 }, &[]);
        assert!(scene.has("nova", B) && scene.has("neutron", B), "{of_source}");
        if !of_source {
            scene.promote_again(0, &TAKE_OVER);
            assert!(scene.has("glance", B));
            scene.is_settled();
        }
        scene.promote_again(0, &[]);
        assert!(!scene.found().1);
    }
}

#[test]
fn a_demotion_without_its_registry_ends_although_an_image_is_lost_then() {
    let scene = Scene::empty();
    scene.promote(A, &IMAGES);
    scene.promote(B, &IMAGES);
    scene.answer(false);
    scene.demote();
    scene.answer(true);
    scene.lose("glance", A, true);
    let said = scene.here.rig.run(&["recover"]);
    let text = String::from_utf8(said.stderr).unwrap();
    assert!(said.status.success() && text.contains("which the registry does not have any more"), "{text}");
    assert!(scene.has("nova", A) && scene.has("glance", B));
    scene.nothing_is_open();
    scene.promote_again(0, &[]);
    assert!(!scene.found().1);
}

#[test]
fn a_tag_that_something_else_moved_keeps_no_other_one_at_a_withdrawn_build() {
    let scene = Scene::new();
    let server = scene.to.server();
    server.put_image("nova", Some("tested"), "something else");
    let foreign = tag(&server, "nova", "tested");
    scene.withdraw(B);
    let said = scene.promote_again(3, &[]);
    assert!(said.contains("nova:tested` is not where the stage") && said.contains("--take-over"), "{said}");
    assert!(scene.has("neutron", A) && scene.has("glance", A));
    assert_eq!(tag(&server, "nova", "tested"), foreign);
    let events = || scene.here.rig.ok(&["events"]).lines().count();
    let before = events();
    scene.promote_again(3, &[]);
    assert_eq!(events(), before, "nothing new is stated");
    scene.promote_again(0, &TAKE_OVER);
    scene.is_at(A);
}

#[test]
fn a_part_of_an_index_that_a_target_lost_is_copied_again_by_the_next_promotion() {
    let scene = Scene::empty();
    scene.build(A, &IMAGES, &[]);
    scene.from.server().put_index("ci/nova", A);
    scene.here.rig.ok(&["promote"]);
    let child: Value =
        serde_json::from_str(&scene.from.server().put_image("ci/nova", None, ARCHITECTURES[1])).unwrap();
    let child = child["digest"].as_str().unwrap();
    lose(&scene.to.server(), "nova", child);
    assert_eq!(tag(&scene.to.server(), "nova", child), None);
    let file = scene.here.rig.work("../pipeline.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let carry = text.lines().find(|line| line.contains("carry:")).unwrap();
    let stage =
        "  - name: stable\n    streams: master/centos\n    from: tested\n    require: {votes: [smoke]}\n";
    fs::write(&file, format!("{text}{stage}{carry}\n")).unwrap();
    scene.here.rig.ok(&["pipeline", "set", file.to_str().unwrap()]);
    scene.here.rig.ok(&["promote"]);
    assert!(tag(&scene.to.server(), "nova", child).is_some());
    let head = Message::request("HEAD", "/v2/nova/manifests/stable").with("Accept", INDEX);
    assert!(scene.to.server().ask(head).first.contains(" 200 "));
}

#[test]
fn a_withdrawal_that_leaves_no_build_at_the_stage_says_what_becomes_of_its_tags() {
    let scene = Scene::empty();
    scene.promote(A, &IMAGES);
    let withdraw = |name: &str| {
        let args = ["withdraw", &format!("master/centos/{name}"), "--why", "a secret", "--force"];
        String::from_utf8(scene.here.rig.run(&args).stderr).unwrap()
    };
    scene.promote(B, &IMAGES);
    let said = withdraw(B);
    assert!(said.contains("the next `mirrorkeep promote tested` moves the tags"), "{said}");
    scene.promote_again(0, &[]);
    let said = withdraw(A);
    assert!(said.contains("no build has the stage then, so delete these tags"), "{said}");
}
