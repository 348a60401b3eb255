//! Tags that are not at the images of the build that has a stage, while the stage stays: found, and moved back.

use super::carried::{A, B, C, Carried, IMAGES, tag, tagged};
use super::checked::findings;
use super::scene::Server;
use super::standin::{Deed, StandIn};
use serde_json::{Value, json};
use std::fs;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Two registries, and a mirror whose stage has its second build.
pub(super) struct Scene {
    pub(super) from: StandIn,
    pub(super) to: StandIn,
    pub(super) here: Carried,
}

impl Scene {
    pub(super) fn new() -> Self {
        let (from, to) = (StandIn::start(), StandIn::start());
        let here = Carried::new(from.port, to.port);
        for name in [A, B] {
            here.build(name);
            here.rig.ok(&["promote"]);
        }
        Self { from, to, here }
    }

    /// Returns at which build the tags and the stage are.
    pub(super) fn at(&self) -> (Option<&'static str>, Option<String>) {
        (tagged(&self.from.server(), &self.to.server()), self.here.has())
    }

    #[track_caller]
    pub(super) fn is_at(&self, build: &str) {
        assert_eq!(self.at(), (Some(known(build)), Some(build.to_owned())));
    }

    pub(super) fn promoted(&self, code: i32, args: &[&str]) -> Value {
        self.here.rig.json_ends(code, &[&["promote"], args].concat())["stages"][0].clone()
    }

    /// Has registries answer nothing, or again.
    pub(super) fn answer(&self, is_up: bool) {
        for server in [&self.from, &self.to] {
            server.rule(move |_, _| (!is_up).then(|| Deed::Raw(Vec::new(), None)));
        }
    }

    pub(super) fn demote(&self) {
        let args = ["demote", "tested", "--stream", "master/centos", "--why", "bad"];
        let mut demote = self.here.rig.command(&args);
        demote.env("MIRRORKEEP_PATIENCE", "1").output().unwrap();
    }

    pub(super) fn skip(&self) {
        self.here.rig.ok(&["recover", "--skip-commands"]);
    }

    /// Returns what `check --registry` and `stages --check` find of the tags.
    pub(super) fn found(&self) -> (usize, bool) {
        let moved = findings(&self.here, &[]).iter().filter(|one| one.starts_with("image-tag-moved")).count();
        let stages = self.here.rig.run(&["stages", "--check"]);
        (moved, stages.status.code() == Some(5))
    }
}

fn known(build: &str) -> &'static str {
    [A, B, C].into_iter().find(|one| *one == build).unwrap()
}

#[test]
fn a_demotion_whose_registry_was_given_up_moves_its_tags_with_the_next_promotion() {
    let scene = Scene::new();
    assert_eq!(scene.found(), (0, false));
    scene.answer(false);
    scene.demote();
    scene.skip();
    scene.answer(true);
    assert_eq!(scene.at(), (Some(B), Some(A.to_owned())));
    assert_eq!(scene.found(), (1, true));
    let dry = scene.promoted(0, &["--dry-run"]);
    assert_eq!((&dry["outcome"], dry["tags"].as_array().map(Vec::len)), (&json!("current"), Some(6)));
    assert_eq!(scene.at().0, Some(B));
    let one = scene.promoted(0, &[]);
    assert_eq!((&one["outcome"], one["tags"].as_array().map(Vec::len)), (&json!("current"), Some(6)));
    scene.is_at(A);
    assert_eq!((scene.found(), &scene.promoted(0, &[])["tags"]), ((0, false), &json!(null)));
    // What was demoted is demoted for the same reason once, whatever moved tags since.
    scene.here.rig.ok(&["demote", "tested", "--stream", "master/centos", "--why", "bad"]);
    scene.is_at(A);
    scene.here.build(C);
    scene.here.rig.ok(&["promote"]);
    scene.is_at(C);
    scene.here.rig.ok(&["demote", "tested", "--stream", "master/centos", "--why", "nor that"]);
    scene.is_at(A);
}

#[test]
fn a_demotion_whose_registry_was_given_up_is_no_interference_for_the_next_build() {
    let scene = Scene::new();
    scene.answer(false);
    scene.demote();
    scene.skip();
    scene.answer(true);
    scene.here.build(C);
    scene.here.rig.ok(&["promote"]);
    scene.is_at(C);
}

#[test]
fn a_promotion_whose_registry_was_given_up_moves_its_tags_back() {
    let scene = Scene::new();
    scene.here.build(C);
    // The second tag of one registry is the last that moves.
    let to = scene.to.clone();
    let mut puts = 0;
    to.rule(move |_, message| {
        let is_tag = message.method() == "PUT" && message.target().ends_with("/manifests/tested");
        puts += u32::from(is_tag);
        (puts > 1).then(|| Deed::Raw(Vec::new(), None))
    });
    let mut promote = scene.here.rig.command(&["promote"]);
    assert_eq!(promote.env("MIRRORKEEP_PATIENCE", "1").output().unwrap().status.code(), Some(1));
    scene.answer(false);
    scene.skip();
    scene.answer(true);
    let moved: Vec<_> = IMAGES
        .iter()
        .filter(|image| tag(&scene.to.server(), image, "tested") == tag(&scene.to.server(), image, C))
        .collect();
    assert!(!moved.is_empty() && scene.here.has().as_deref() == Some(B));
    assert_eq!(scene.found().0, 1);
    scene.here.rig.ok(&["reject", &format!("master/centos/{C}"), "--why", "bad"]);
    assert_eq!(scene.promoted(0, &[])["outcome"], "waiting");
    scene.is_at(B);
}

#[test]
fn the_tags_of_a_build_that_was_withdrawn_go_to_the_build_that_got_its_stage() {
    let scene = Scene::new();
    scene.here.rig.ok(&["withdraw", &format!("master/centos/{B}"), "--why", "a secret", "--force"]);
    assert_eq!(scene.at(), (Some(B), Some(A.to_owned())));
    assert_eq!(scene.found(), (1, true));
    let status = scene.here.rig.json(&["status"]);
    assert!(status["attention"].to_string().contains("left at another build than"), "{status}");
    let said = scene.here.rig.ok(&["promote"]);
    assert!(
        said.contains(&format!("tested stays at {A}")) && said.contains("nova:tested -> sha256:"),
        "{said}"
    );
    scene.is_at(A);
    assert_eq!(scene.found(), (0, false));
    let log = scene.here.rig.ok(&["log"]);
    let moved = format!("moved the image tags of master/centos/tested back to those of master/centos/{A}");
    assert!(log.contains(&moved), "{log}");
}

#[test]
fn a_tag_that_something_else_moved_is_taken_back_by_the_command_of_its_hint() {
    let scene = Scene::new();
    scene.to.server().put_image("nova", Some("tested"), "something else");
    assert_eq!(scene.found(), (1, false));
    let one = scene.promoted(3, &[]);
    assert_eq!(one["outcome"], "interfered");
    let why = one["why"].as_str().unwrap();
    assert!(why.contains(&format!("`127.0.0.1:{}/nova:tested` is not where", scene.to.port)), "{why}");
    let answer = scene.here.rig.run(&["--json", "check", "--registry"]);
    let answer: Value = serde_json::from_slice(&answer.stdout).unwrap();
    let findings = answer["findings"].as_array().unwrap();
    let moved = findings.iter().find(|found| found["code"] == "image-tag-moved").unwrap();
    let hint = moved["hint"].as_str().unwrap();
    let command = hint.split('`').nth(1).unwrap();
    assert!(command.starts_with("mirrorkeep promote tested --stream master/centos "), "{hint}");
    let args: Vec<&str> = command.split(' ').skip(1).collect();
    scene.here.rig.ok(&args);
    scene.is_at(B);
    // A tag that was deleted is something else's, too.
    scene.to.kept.lock().unwrap().tags.remove(&("nova".to_owned(), "tested".to_owned()));
    assert_eq!(scene.promoted(3, &[])["outcome"], "interfered");
    scene.here.rig.ok(&args);
    scene.is_at(B);
}

#[test]
fn moving_tags_back_is_killed_at_each_request_and_done_by_the_next_promotion() {
    let scene = Scene::new();
    scene.here.rig.ok(&["withdraw", &format!("master/centos/{B}"), "--why", "a secret", "--force"]);
    let state = [&scene.from, &scene.to].map(StandIn::state);
    let (count, victim) = (Arc::<AtomicU32>::default(), Arc::<AtomicU32>::default());
    let mut killed = 0;
    for nth in (1..).step_by(4) {
        for (server, state) in [&scene.from, &scene.to].into_iter().zip(&state) {
            server.set_state(state.clone());
        }
        let here = Carried { rig: scene.here.rig.copy(), from: scene.from.port };
        count.store(0, Ordering::SeqCst);
        victim.store(0, Ordering::SeqCst);
        for server in [&scene.from, &scene.to] {
            let (count, victim) = (Arc::clone(&count), Arc::clone(&victim));
            server.rule(move |_, _| {
                if count.fetch_add(1, Ordering::SeqCst) + 1 == nth {
                    let pid = victim.load(Ordering::SeqCst).to_string();
                    Command::new("kill").args(["-9", &pid]).status().unwrap();
                }
                None
            });
        }
        let mut child = here.rig.command(&["promote"]).spawn().unwrap();
        victim.store(child.id(), Ordering::SeqCst);
        let ended = child.wait().unwrap().success();
        scene.answer(true);
        here.rig.ok(&["promote"]);
        assert_eq!(tagged(&scene.from.server(), &scene.to.server()), Some(A), "killed at {nth}");
        assert_eq!(here.rig.json(&["recover", "--dry-run"])["unsettled"], json!([]), "killed at {nth}");
        if ended {
            break;
        }
        killed += 1;
    }
    assert!(killed > 3, "{killed}");
}

#[test]
fn tags_that_are_there_already_are_stated_and_named_for_no_build_before() {
    let (from, to) = (StandIn::start(), StandIn::start());
    let here = Carried::new(from.port, to.port);
    here.build(A);
    here.rig.ok(&["promote"]);
    // The same images again: no tag moves.
    here.build_of(B, A, "");
    let one = here.rig.json(&["promote"])["stages"][0].clone();
    assert_eq!((&one["outcome"], &one["tags"]), (&json!("promoted"), &json!(null)));
    let events: Value = serde_json::from_str(here.rig.ok(&["events"]).lines().last().unwrap()).unwrap();
    assert_eq!(events["data"]["tags"], json!([]), "{events}");
    here.build(C);
    let explained = || here.rig.json(&["explain", &format!("master/centos/{A}")]).to_string();
    assert!(!explained().contains("image tags"), "{}", explained());
    // Something else moves a tag to where the promotion is about to move it.
    to.server().put_image("nova", Some("tested"), &format!("nova of {C}"));
    here.rig.ok(&["promote"]);
    here.build("20181208T060000Z");
    let one = here.rig.json(&["promote"])["stages"][0].clone();
    assert_eq!((&one["outcome"], one["tags"].as_array().map(Vec::len)), (&json!("promoted"), Some(6)));
    // And back to the build before, whose image of it was never moved to.
    here.rig.ok(&["demote", "tested", "--stream", "master/centos", "--why", "bad"]);
    assert_eq!(tagged(&from.server(), &to.server()), Some(C));
}

impl Scene {
    /// Returns two registries and a mirror without a build.
    pub(super) fn empty() -> Self {
        let (from, to) = (StandIn::start(), StandIn::start());
        let here = Carried::new(from.port, to.port);
        Self { from, to, here }
    }

    /// Publishes a build that has only some images, with its vote.
    pub(super) fn build(&self, name: &str, images: &[&str], more: &[&str]) {
        let mut list = String::new();
        for image in images {
            self.from.server().put_image(&format!("ci/{image}"), Some(name), &format!("{image} of {name}"));
            list += &format!("docker.io/ci/{image}:{name}\n");
        }
        self.here.rig.write("outputs/images.lst", &list);
        self.here.rig.publish(name, more);
        self.here.rig.ok(&["vote", &id(name), "smoke", "success"]);
    }

    /// Publishes such a build and promotes the stage to it.
    pub(super) fn promote(&self, name: &str, images: &[&str]) {
        self.build(name, images, &[]);
        self.here.rig.ok(&["promote"]);
        assert_eq!(self.here.has().as_deref(), Some(name));
    }

    /// Returns of which builds the tag of the stage is for each image, in both targets.
    #[track_caller]
    pub(super) fn of(&self, images: &[&str]) -> Vec<Option<&'static str>> {
        let of = |server: &Server, repository: &str| {
            let now = tag(server, repository, "tested");
            [A, B, C, D].into_iter().find(|build| now.is_some() && tag(server, repository, build) == now)
        };
        let one = |image: &&str| {
            let both = [of(&self.from.server(), &format!("pub/{image}")), of(&self.to.server(), image)];
            assert_eq!(both[0], both[1], "{image}");
            both[0]
        };
        images.iter().map(one).collect()
    }

    pub(super) fn withdraw(&self, name: &str) {
        self.here.rig.ok(&["withdraw", &id(name), "--why", "a secret", "--force"]);
    }

    pub(super) fn demote_to(&self, name: &str) -> Output {
        let args = ["demote", "tested", "--stream", "master/centos", "--to", &id(name), "--why", "bad"];
        self.here.rig.run(&args)
    }

    /// Fails unless nothing is left to do for tags.
    #[track_caller]
    pub(super) fn is_settled(&self) {
        assert_eq!(self.found(), (0, false));
        assert_eq!(self.promoted(0, &[])["tags"], json!(null));
    }

    /// Replaces a text in the pipeline.
    pub(super) fn repipe(&self, from: &str, to: &str) {
        let file = self.here.rig.work("../pipeline.yaml");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&file, text.replace(from, to)).unwrap();
        self.here.rig.ok(&["pipeline", "set", file.to_str().unwrap()]);
    }
}

pub(super) const D: &str = "20181208T060000Z";

pub(super) fn id(name: &str) -> String {
    format!("master/centos/{name}")
}

#[test]
fn a_build_that_is_published_again_gets_no_image_of_its_first_publication() {
    let scene = Scene::empty();
    scene.promote(A, &IMAGES);
    scene.promote(B, &IMAGES);
    scene.withdraw(B);
    scene.here.rig.ok(&["promote"]);
    assert_eq!(scene.of(&IMAGES), [Some(A); 3]);
    scene.build(B, &["nova", "neutron"], &["--allow-withdrawn"]);
    scene.here.rig.ok(&["promote"]);
    for _ in 0..2 {
        assert_eq!(scene.of(&IMAGES), [Some(B), Some(B), Some(A)]);
        scene.is_settled();
    }
}

#[test]
fn tags_of_images_that_the_older_build_lacks_go_back_to_where_they_were_then() {
    for withdrawn in [true, false] {
        let scene = Scene::empty();
        scene.promote(A, &IMAGES);
        scene.promote(B, &["neutron"]);
        scene.promote(C, &IMAGES);
        scene.promote(D, &IMAGES);
        if withdrawn {
            scene.withdraw(D);
            scene.withdraw(C);
            assert_eq!((scene.here.has().as_deref(), scene.found().1), (Some(B), true));
            scene.here.rig.ok(&["promote"]);
        } else {
            assert!(scene.demote_to(B).status.success());
        }
        assert_eq!(scene.of(&IMAGES), [Some(A), Some(B), Some(A)], "{withdrawn}");
        scene.is_settled();
    }
}

#[test]
fn no_tag_goes_back_to_an_image_that_only_a_withdrawn_build_had() {
    let scene = Scene::empty();
    scene.promote(A, &IMAGES);
    scene.promote(B, &["neutron"]);
    scene.withdraw(A);
    let said = scene.here.rig.run(&["promote"]);
    assert_eq!(scene.of(&IMAGES), [Some(A), Some(B), Some(A)]);
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.contains("/nova:tested` is an image of a build that was withdrawn"), "{said}");
    scene.promote(C, &IMAGES);
    assert!(scene.demote_to(B).status.success());
    assert_eq!(scene.of(&IMAGES), [Some(C), Some(B), Some(C)]);
}

#[test]
fn a_tag_that_the_pipeline_no_longer_gives_is_left_alone() {
    let scene = Scene::empty();
    scene.repipe("\"{stage}\"", "\"{stage}\",\"other\"");
    scene.promote(A, &IMAGES);
    scene.repipe("\"{stage}\",\"other\"", "\"{stage}\"");
    scene.to.server().put_image("nova", Some("other"), "something else");
    let other = tag(&scene.to.server(), "nova", "other");
    scene.is_settled();
    scene.here.rig.ok(&["promote", "tested", "--take-over", "--why", "x"]);
    assert_eq!(tag(&scene.to.server(), "nova", "other"), other);
}

#[test]
fn a_build_whose_images_were_never_carried_gets_them_by_the_next_promotion() {
    let scene = Scene::empty();
    scene.build(A, &IMAGES, &[]);
    scene.promote(B, &IMAGES);
    let said = scene.demote_to(A);
    let text = String::from_utf8(said.stderr).unwrap();
    assert_eq!(said.status.code(), Some(1), "{text}");
    assert!(text.contains("`mirrorkeep promote tested --stream master/centos` copies it"), "{text}");
    assert_eq!((scene.of(&IMAGES), scene.here.has().as_deref()), (vec![Some(B); 3], Some(A)));
    let dry = scene.promoted(0, &["--dry-run"]);
    assert_eq!(dry["tags"].as_array().map(Vec::len), Some(6), "{dry}");
    assert_eq!(tag(&scene.to.server(), "nova", A), None);
    scene.here.rig.ok(&["promote"]);
    assert_eq!(scene.of(&IMAGES), [Some(A); 3]);
    scene.is_settled();
}

#[test]
fn while_a_stage_stays_it_takes_no_tag_of_something_else_and_fills_a_new_target() {
    let scene = Scene::empty();
    scene.promote(A, &IMAGES);
    scene.from.server().put_image("pub/nova", Some("prod"), "something else");
    let prod = || tag(&scene.from.server(), "pub/nova", "prod");
    let foreign = prod();
    scene.repipe("\"{stage}\"", "\"{stage}\",\"prod\"");
    assert_eq!(scene.promoted(3, &[])["outcome"], "interfered");
    assert_eq!(prod(), foreign);
    scene.here.rig.ok(&["promote", "tested", "--take-over", "--why", "ours now"]);
    assert_eq!(prod(), tag(&scene.from.server(), "pub/nova", A));
    let first = format!("127.0.0.1:{}/pub", scene.from.port);
    scene.repipe(&format!("\"{first}\""), &format!("\"{first}\",\"{first}/second\""));
    scene.here.rig.ok(&["promote"]);
    let second = |name: &str| tag(&scene.from.server(), "pub/second/glance", name);
    assert!(second(A).is_some() && second(A) == second("tested") && second(A) == second("prod"));
}

#[test]
fn a_demotion_goes_by_what_the_journal_states_although_a_fixed_tag_was_overwritten() {
    let scene = Scene::empty();
    scene.promote(A, &IMAGES);
    let good = tag(&scene.to.server(), "nova", A);
    scene.promote(B, &IMAGES);
    scene.to.server().put_image("nova", Some(A), "evil");
    scene.here.rig.ok(&["demote", "tested", "--stream", "master/centos", "--why", "bad"]);
    assert_eq!(tag(&scene.to.server(), "nova", "tested"), good);
    assert_ne!(tag(&scene.to.server(), "nova", A), good);
}

#[test]
fn an_image_that_a_target_lost_is_copied_again() {
    let scene = Scene::empty();
    scene.promote(A, &IMAGES);
    let before = tag(&scene.to.server(), "nova", A);
    let mut kept = scene.to.kept.lock().unwrap();
    kept.tags.retain(|(repository, _), _| repository != "nova");
    kept.manifests.retain(|(repository, _), _| repository != "nova");
    drop(kept);
    // The tag that is gone is something else's doing.
    scene.promoted(3, &[]);
    scene.here.rig.ok(&["promote", "tested", "--take-over", "--why", "the registry lost it"]);
    assert_eq!(
        [tag(&scene.to.server(), "nova", "tested"), tag(&scene.to.server(), "nova", A)],
        [before.clone(), before]
    );
    scene.is_settled();
}

#[test]
fn a_registry_that_does_not_answer_keeps_no_other_one_behind() {
    let scene = Scene::new();
    scene.here.rig.ok(&["withdraw", &id(B), "--why", "a secret", "--force"]);
    scene.to.rule(|_, _| Some(Deed::Raw(Vec::new(), None)));
    let promote = || {
        let mut promote = scene.here.rig.command(&["promote"]);
        promote.env("MIRRORKEEP_PATIENCE", "1").output().unwrap()
    };
    let said = promote();
    let text = String::from_utf8(said.stderr).unwrap();
    assert_eq!(said.status.code(), Some(1), "{text}");
    assert!(
        text.contains("were not compared") && text.contains("are behind, and it does not answer"),
        "{text}"
    );
    let at = |server: &Server, name: &str| tag(server, name, "tested") == tag(server, name, A);
    assert!(at(&scene.from.server(), "pub/nova"));
    scene.to.rule(|_, _| None);
    assert!(!at(&scene.to.server(), "nova"));
    assert!(promote().status.success());
    scene.is_at(A);
    // What is where it is to be is no failure.
    scene.to.rule(|_, _| Some(Deed::Raw(Vec::new(), None)));
    assert!(promote().status.success());
}

#[test]
fn tags_that_are_right_although_the_journal_has_them_elsewhere_are_stated() {
    let scene = Scene::new();
    scene.here.rig.ok(&["withdraw", &id(B), "--why", "a secret", "--force"]);
    for server in [&scene.from, &scene.to] {
        let mut kept = server.kept.lock().unwrap();
        let fixed = kept.tags.clone();
        for ((repository, name), digest) in &mut kept.tags {
            if name == "tested" {
                digest.clone_from(&fixed[&(repository.clone(), A.to_owned())]);
            }
        }
    }
    assert_eq!(scene.found(), (0, true));
    scene.here.rig.ok(&["promote"]);
    scene.is_at(A);
    scene.is_settled();
}

#[test]
fn registries_that_come_back_one_after_the_other_all_get_their_tags() {
    let scene = Scene::new();
    scene.answer(false);
    scene.demote();
    scene.skip();
    scene.from.rule(|_, _| None);
    let mut promote = scene.here.rig.command(&["promote"]);
    assert_eq!(promote.env("MIRRORKEEP_PATIENCE", "1").output().unwrap().status.code(), Some(1));
    scene.answer(true);
    scene.here.rig.ok(&["promote"]);
    scene.is_at(A);
    scene.is_settled();
}

#[test]
fn the_next_build_takes_no_withdrawn_image_with_it() {
    for (again, demoted) in [(false, false), (true, false), (false, true)] {
        let scene = Scene::empty();
        scene.promote(A, &IMAGES);
        scene.promote(B, &IMAGES);
        if demoted {
            scene.answer(false);
            scene.demote();
            scene.skip();
            scene.answer(true);
        } else {
            scene.withdraw(B);
        }
        if again {
            scene.build(B, &["nova"], &["--allow-withdrawn"]);
        }
        scene.promote(C, &["nova", "neutron"]);
        assert_eq!(scene.of(&IMAGES), [Some(C), Some(C), Some(A)], "{again} {demoted}");
        scene.is_settled();
    }
}

#[test]
fn a_target_that_was_out_of_the_pipeline_gets_the_images_of_the_build_that_has_the_stage() {
    let scene = Scene::empty();
    let both = format!("\"127.0.0.1:{}/pub\",\"127.0.0.1:{}\"", scene.from.port, scene.to.port);
    let one = format!("\"127.0.0.1:{}/pub\"", scene.from.port);
    scene.promote(A, &IMAGES);
    scene.repipe(&both, &one);
    scene.promote(B, &IMAGES);
    scene.repipe(&one, &both);
    scene.here.rig.ok(&["promote"]);
    assert_eq!(scene.of(&IMAGES), [Some(B); 3]);
    scene.is_settled();
    // One that is new when a demotion comes gets what it lacks, too.
    let second = format!("{both},\"127.0.0.1:{}/second\"", scene.to.port);
    scene.repipe(&both, &second);
    scene.here.rig.ok(&["promote"]);
    let at = |name: &str| tag(&scene.to.server(), "second/nova", name);
    assert!(at("tested").is_some() && at("tested") == at(B));
    let demoted = scene.here.rig.run(&["demote", "tested", "--stream", "master/centos", "--why", "bad"]);
    assert_eq!(demoted.status.code(), Some(1));
    assert_eq!((scene.of(&IMAGES), at("tested") == at(B)), (vec![Some(A); 3], true));
    scene.here.rig.ok(&["promote"]);
    assert!(at("tested").is_some() && at("tested") == at(A));
    scene.is_settled();
}

#[test]
fn a_demotion_without_its_registry_goes_by_the_journal() {
    let scene = Scene::empty();
    scene.promote(A, &IMAGES);
    scene.to.server().put_image("nova", Some("tested"), "something else");
    scene.build(B, &IMAGES, &[]);
    scene.here.rig.ok(&["promote", "tested", "--take-over", "--why", "ours"]);
    scene.answer(false);
    scene.demote();
    scene.answer(true);
    scene.here.rig.ok(&["promote"]);
    assert_eq!((scene.of(&IMAGES), scene.here.has().as_deref()), (vec![Some(A); 3], Some(A)));
}

#[test]
fn another_image_of_the_build_never_gets_the_fixed_tag_of_one() {
    let scene = Scene::empty();
    scene.promote(A, &IMAGES);
    scene.from.server().put_image("ci/nova", Some(A), "another image under the same tag");
    let mut kept = scene.to.kept.lock().unwrap();
    kept.tags.retain(|(repository, name), _| repository != "nova" || name != A);
    drop(kept);
    let said = scene.here.rig.run(&["promote"]);
    let text = String::from_utf8(said.stderr).unwrap();
    assert!(text.contains("is another image than the build had"), "{text}");
    assert_eq!(tag(&scene.to.server(), "nova", A), None);
}

#[test]
fn a_first_promotion_that_was_undone_takes_no_tag_of_something_else() {
    let scene = Scene::empty();
    scene.repipe("carry: [", "alarm: 5d\n#    carry: [");
    scene.promote(A, &IMAGES);
    scene.to.server().put_image("nova", Some("tested"), "something else");
    let foreign = tag(&scene.to.server(), "nova", "tested");
    scene.repipe("alarm: 5d\n#    carry: [", "carry: [");
    scene.build(B, &IMAGES, &[]);
    let to = scene.to.clone();
    // The tags cannot be written.
    to.rule(|_, message| {
        let is_tag = message.method() == "PUT" && message.target().ends_with("/manifests/tested");
        is_tag.then(|| Deed::Raw(Vec::new(), None))
    });
    let mut promote = scene.here.rig.command(&["promote"]);
    assert_eq!(promote.env("MIRRORKEEP_PATIENCE", "1").output().unwrap().status.code(), Some(1));
    scene.answer(true);
    scene.here.rig.ok(&["recover"]);
    scene.here.rig.ok(&["reject", &id(B), "--why", "bad"]);
    scene.here.rig.ok(&["promote"]);
    assert_eq!(tag(&scene.to.server(), "nova", "tested"), foreign);
}

#[test]
fn a_fixed_tag_that_something_else_gave_never_becomes_an_image_of_a_build() {
    let (from, to) = (StandIn::start(), StandIn::start());
    let here = Carried::new(from.port, to.port);
    for name in [A, B] {
        here.build(name);
    }
    here.rig.ok(&["promote"]);
    let now = || IMAGES.map(|image| tag(&to.server(), image, "tested"));
    let of_b = now();
    to.server().put_image("nova", Some(A), "something else");
    let (to_a, line) = (format!("master/centos/{A}"), "master/centos");
    let args = ["demote", "tested", "--stream", line, "--to", &to_a, "--why", "bad"];
    let told = here.rig.json_ends(1, &args);
    let why = told["failures"].to_string();
    assert!(why.contains(&format!("the tag `127.0.0.1:{}/nova:{A}` has sha256:", to.port)), "{told}");
    // The other targets and images lack their fixed tags, which only a promotion copies.
    assert_eq!((here.has().as_deref(), now()), (Some(A), of_b.clone()));
    let one = here.rig.json_ends(1, &["promote"])["stages"][0].clone();
    assert!(one["why"].as_str().unwrap().contains(&format!("/nova:{A}` has sha256:")), "{one}");
    assert_eq!(now()[0], of_b[0]);
    to.kept.lock().unwrap().tags.remove(&("nova".to_owned(), A.to_owned()));
    here.rig.ok(&["promote"]);
    assert_eq!(tagged(&from.server(), &to.server()), Some(A));
}

#[test]
fn a_build_whose_record_is_damaged_is_not_half_demoted() {
    let scene = Scene::new();
    let record = scene.here.rig.mirror(&format!(".mirrorkeep/builds/master/centos/{B}.json"));
    let whole = fs::read(&record).unwrap();
    fs::write(&record, "{").unwrap();
    let args = ["demote", "tested", "--stream", "master/centos", "--why", "bad"];
    let at = format!(".mirrorkeep/builds/master/centos/{B}.json` from a copy");
    scene.here.rig.fails(1, &at, &args);
    let said = scene.here.rig.ok(&["recover"]);
    assert!(said.contains("nothing to recover"), "{said}");
    fs::write(&record, whole).unwrap();
    scene.is_at(B);
    scene.here.rig.ok(&args);
    scene.is_at(A);
}
