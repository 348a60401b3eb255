//! `images prune` and `images pins`: the tags of deleted builds go, and nothing that something else needs.

use super::carried::{A, B, C, Carried, IMAGES, settings, tag, tagged};
use super::real;
use super::scene::{IMAGE, INDEX};
use super::standin::{Deed, StandIn};
use crate::support::http::Message;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

fn id(name: &str) -> String {
    format!("master/centos/{name}")
}

impl Carried {
    fn promote(&self, names: &[&str]) {
        for name in names {
            self.build(name);
            self.rig.ok(&["promote"]);
        }
    }

    /// Deletes a build for good.
    fn purge(&self, name: &str) {
        self.rig.ok(&["withdraw", &id(name), "--why", "too old", "--purge", "--yes", "--force"]);
    }

    fn pin(&self, text: &str) -> Value {
        let file = self.rig.work("..").join("pins.yaml");
        fs::write(&file, text).unwrap();
        self.rig.json(&["images", "pins", file.to_str().unwrap()])["pins"][0].clone()
    }
}

/// Returns what an answer says of each tag of a repository.
#[track_caller]
fn fates(answer: &Value, repository: &str) -> BTreeMap<String, String> {
    let all = answer["repositories"].as_array().unwrap();
    let one = all.iter().find(|one| one["repository"].as_str().unwrap().ends_with(repository)).unwrap();
    let said = |tag: &Value| tag["why"].as_str().or(tag["fate"].as_str()).unwrap().to_owned();
    one["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| (tag["tag"].as_str().unwrap().to_owned(), said(tag)))
        .collect()
}

fn expected<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.map(|(tag, why)| (tag.to_owned(), why.to_owned())).into()
}

#[test]
fn tags_of_a_deleted_build_go_from_real_registries_and_all_others_stay() {
    let (from, to) = (real::open(), real::open());
    let carried = Carried::new(from.port, to.port);
    carried.promote(&[A, B, C]);
    to.put_image("nova", Some("unknown"), "of nobody");
    let nothing = carried.rig.json(&["images", "prune"]);
    assert_eq!((&nothing["plan"], &nothing["deleted"]), (&Value::Null, &json!(0)));
    // In the trash it can come back, and its images stay.
    carried.rig.ok(&["withdraw", &id(A), "--why", "too old", "--force"]);
    assert_eq!(carried.rig.json(&["images", "prune"])["plan"], Value::Null);
    carried.rig.ok(&["sweep"]);
    let dry = carried.rig.json(&["images", "prune", "--dry-run"]);
    assert_eq!(
        fates(&dry, &format!("{}/nova", to.port)),
        expected([(A, "goes"), (B, "build"), (C, "build"), ("tested", "unknown"), ("unknown", "unknown")])
    );
    assert_eq!((&dry["builds"], tag(&to, "nova", A).is_some()), (&json!([id(A)]), true));
    let done = carried.rig.json(&["images", "prune"]);
    assert_eq!((&done["deleted"], &done["failures"]), (&json!(6), &json!([])));
    for image in IMAGES {
        assert_eq!((tag(&to, image, A), tag(&from, &format!("pub/{image}"), A)), (None, None));
        assert!(tag(&from, &format!("ci/{image}"), A).is_some(), "the source is no target");
    }
    assert_eq!(tagged(&from, &to), Some(C));
    assert!(carried.rig.ok(&["log"]).contains("deleted 1 tag of 127.0.0.1:"));
    assert_eq!(carried.rig.json(&["images", "prune"])["plan"], Value::Null);
    // A stage still goes back.
    carried.rig.ok(&["demote", "tested", "--stream", "master/centos", "--why", "does not boot"]);
    assert_eq!(tagged(&from, &to), Some(B));
}

#[test]
fn a_digest_stays_with_another_tag_a_list_a_pin_an_index_or_a_stage() {
    let registry = StandIn::start();
    let server = registry.server();
    let own = format!("127.0.0.1:{}/ci", registry.port);
    // The tags of the lists are the fixed ones, as where a job pushes to where the stage is.
    let carried = Carried::carrying(registry.port, &[&own], &["{tag}", "{stage}"]);
    carried.promote(&[A]);
    // The same nova under another tag, the neutron of the first build in the list of another, and its glance in an index.
    carried.build_of(B, B, &format!("docker.io/ci/neutron:{A}\n"));
    server.put_image("ci/nova", Some("again"), &format!("nova of {A}"));
    let glance = server.put_image("ci/glance", Some(A), &format!("glance of {A}"));
    let index = format!("{{\"schemaVersion\":2,\"mediaType\":\"{INDEX}\",\"manifests\":[{glance}]}}");
    server.put_manifest("ci/glance", "all", INDEX, &index);
    carried.promote(&[C]);
    carried.purge(A);
    let answer = || carried.rig.json(&["images", "prune", "--dry-run"]);
    assert_eq!(fates(&answer(), "ci/nova")[A], "other-tag");
    assert_eq!(fates(&answer(), "ci/neutron")[A], "listed");
    assert_eq!(fates(&answer(), "ci/glance")[A], "index");
    registry.kept.lock().unwrap().tags.remove(&("ci/nova".to_owned(), "again".to_owned()));
    registry.kept.lock().unwrap().tags.remove(&("ci/glance".to_owned(), "all".to_owned()));
    // The last promotion states where it came from.
    assert_eq!(fates(&answer(), "ci/nova")[A], "stated");
    carried.promote(&["20181208T060000Z"]);
    assert_eq!(fates(&answer(), "ci/nova")[A], "goes");
    let pinned = carried.pin(&format!("- {{name: docker.io/ci/glance, src_build_tag: {A}}}\n"));
    assert_eq!(
        (&pinned["elsewhere"], &pinned["builds"]),
        (&json!([format!("docker.io/ci/glance:{A}")]), &json!([]))
    );
    assert_eq!(fates(&answer(), "ci/glance")[A], "pinned");
    assert_eq!(carried.rig.json(&["images", "prune"])["deleted"], 1);
    assert_eq!(tag(&server, "ci/nova", A), None);
    carried.rig.ok(&["images", "pins", "--remove", "pins.yaml"]);
    assert_eq!(carried.rig.json(&["images", "prune"])["deleted"], 1);
    assert_eq!(tag(&server, "ci/glance", A), None);
    assert!(tag(&server, "ci/neutron", A).is_some(), "the list of {B} has it");
}

#[test]
fn a_tag_that_a_list_names_literally_stays() {
    let (from, to) = (StandIn::start(), StandIn::start());
    let carried = Carried::new(from.port, to.port);
    carried.promote(&[A, B]);
    // The list of another build names what the first one got, as it is.
    carried.build_of(
        C,
        C,
        // Lines that scripts write by mistake count, too.
        &format!(
            " 127.0.0.1:{}/nova:{A}\t\r\n127.0.0.1:{}/pub/glance:{A}\nhttps://127.0.0.1:{}/neutron:{A}  # keep\n",
            to.port, from.port, to.port
        ),
    );
    carried.rig.ok(&[
        "publish",
        carried.rig.work("").to_str().unwrap(),
        "--stream",
        "master/debian",
        "--build",
        "20190101T060000Z",
    ]);
    carried.rig.ok(&["withdraw", &id(C), "--why", "a test", "--purge", "--yes", "--force"]);
    carried.promote(&["20181208T060000Z", "20181209T060000Z"]);
    carried.purge(A);
    let answer = carried.rig.json(&["images", "prune"]);
    assert_eq!(fates(&answer, &format!("{}/nova", to.port))[A], "listed");
    assert_eq!(fates(&answer, "pub/glance")[A], "listed");
    assert_eq!(fates(&answer, &format!("{}/neutron", to.port))[A], "listed");
    // A line that is not a reference keeps what it names in every registry.
    assert_eq!(
        (&answer["deleted"], &fates(&answer, "pub/neutron")[A]),
        (&json!(1), &"listed".to_owned()),
        "{answer}"
    );
}

#[test]
fn what_cannot_be_read_deletes_nothing() {
    let (from, to) = (StandIn::start(), StandIn::start());
    let carried = Carried::new(from.port, to.port);
    carried.promote(&[A, B, C]);
    carried.purge(A);
    let state = to.state();
    let stays = |code: i32, said: &str| {
        let output = carried.rig.run(&["images", "prune"]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}: {text}");
        assert!(text.contains(said), "{said}: {text}");
        for image in IMAGES {
            assert!(tag(&to.server(), image, A).is_some(), "{said}");
        }
    };
    // Nothing of a repository goes if a page of its tags is missing, or a manifest.
    for (path, status) in [("/tags/list", 403), ("/manifests/", 403)] {
        to.rule(move |_, request| {
            let hit = request.target().contains(path) && request.method() != "DELETE";
            hit.then(|| Deed::Answer(Message::answer(status).body("")))
        });
        let output = carried.rig.run(&["images", "prune"]);
        assert_eq!(output.status.code(), Some(1), "{path}");
        to.rule(|_, _| None);
        assert!(IMAGES.iter().all(|image| tag(&to.server(), image, A).is_some()), "{path}");
    }
    // The first run deleted what the other registry had.
    assert!(IMAGES.iter().all(|image| tag(&from.server(), &format!("pub/{image}"), A).is_none()));
    // A manifest of an unknown kind may need any other.
    for image in IMAGES {
        to.server().put_manifest(image, "odd", "application/x-unknown", "{}");
    }
    stays(1, "of the kind `application/x-unknown`, which is not known");
    to.set_state(state);
    // So may a list, whatever became of it.
    let list = carried.rig.mirror(&id(C)).join("outputs/images.lst");
    let published = fs::read(&list).unwrap();
    fs::remove_file(&list).unwrap();
    stays(3, "it was published, and is missing");
    fs::write(&list, "").unwrap();
    stays(3, "it has other bytes than were published");
    fs::remove_file(&list).unwrap();
    fs::create_dir(&list).unwrap();
    stays(3, "it is a directory");
    fs::remove_dir(&list).unwrap();
    fs::write(&list, published).unwrap();
    // And a whole build that is not there for the moment.
    let (at, away) = (carried.rig.mirror(&id(B)), carried.rig.work("../away"));
    fs::rename(&at, &away).unwrap();
    stays(3, "the build is recorded, was not pruned, and is missing");
    fs::rename(&away, &at).unwrap();
    let answer = carried.rig.json(&["images", "prune"]);
    assert!(answer["deleted"].as_u64().unwrap() > 0, "{answer}");
}

#[test]
fn what_a_registry_says_that_it_deleted_is_looked_up() {
    let (from, to) = (StandIn::start(), StandIn::start());
    let carried = Carried::new(from.port, to.port);
    carried.promote(&[A, B, C]);
    carried.purge(A);
    for status in [202, 404] {
        to.rule(move |_, request| {
            (request.method() == "DELETE").then(|| Deed::Answer(Message::answer(status).body("")))
        });
        let answer = carried.rig.json_ends(1, &["images", "prune"]);
        let failures = answer["failures"].as_array().unwrap();
        assert!(failures[0].as_str().unwrap().contains("and it still has the image"), "{failures:?}");
        assert!(IMAGES.iter().all(|image| tag(&to.server(), image, A).is_some()), "{status}");
    }
    to.rule(|_, _| None);
    assert!(carried.rig.json(&["images", "prune"])["deleted"].as_u64().unwrap() > 0);
}

#[test]
fn brakes_hold_back_until_what_is_shown_is_accepted() {
    let (from, to) = (StandIn::start(), StandIn::start());
    let carried = Carried::new(from.port, to.port);
    let policy = carried.rig.work("..").join("policy.yaml");
    let text = "version: 1
families:
  - {name: all, match: '**', keep: [{last: 9}]}
brakes: {run: {percent: 20, min_sample: 1}}
";
    fs::write(&policy, text).unwrap();
    carried.rig.ok(&["policy", "set", policy.to_str().unwrap()]);
    carried.promote(&[A, B, C]);
    carried.purge(A);
    let (code, held) = (4, "brake run percent 20: 6 of 24 tags would go");
    let answer = carried.rig.json_ends(code, &["images", "prune"]);
    assert_eq!((&answer["withheld"], &answer["deleted"]), (&json!(held), &json!(0)));
    let plan = answer["plan"].as_str().unwrap().to_owned();
    let shown = carried.rig.ends(4, &["images", "prune"]);
    assert!(shown.contains(&format!("`mirrorkeep images prune --accept sha256:{plan}`")), "{shown}");
    let other = "0".repeat(64);
    carried.rig.ends(4, &["images", "prune", "--accept", &other]);
    assert_eq!(carried.rig.json(&["images", "prune", "--accept", &format!("sha256:{plan}")])["deleted"], 6);
}

#[test]
fn a_registry_that_deletes_nothing_is_reported_once() {
    let (from, to) = (StandIn::start(), real::keeping());
    let carried = Carried::new(from.port, to.port);
    carried.promote(&[A, B, C]);
    carried.purge(A);
    let answer = carried.rig.json_ends(1, &["images", "prune"]);
    let failures = answer["failures"].as_array().unwrap();
    assert_eq!((failures.len(), &answer["deleted"]), (1, &json!(3)), "{failures:?}");
    assert!(failures[0].as_str().unwrap().contains("the registry does not delete"), "{failures:?}");
}

/// Breaks each request of a run; the next run ends with every image of the deleted build gone and nothing else.
fn every_request(killed: bool) {
    let (from, to) = (StandIn::start(), StandIn::start());
    let ready = Carried::new(from.port, to.port);
    ready.promote(&[A, B, C]);
    ready.purge(A);
    let state = [&from, &to].map(StandIn::state);
    let count = Arc::new(AtomicU32::new(0));
    let rules = |act: Option<usize>, pid: &Arc<AtomicU32>| {
        count.store(0, Ordering::SeqCst);
        for server in [&from, &to] {
            let (count, pid) = (Arc::clone(&count), Arc::clone(pid));
            server.rule(move |_, _| {
                let nth = count.fetch_add(1, Ordering::SeqCst) as usize + 1;
                act.filter(|act| *act == nth)?;
                if killed {
                    let pid = pid.load(Ordering::SeqCst).to_string();
                    Command::new("kill").args(["-9", &pid]).status().unwrap();
                    return None;
                }
                Some(Deed::Answer(Message::answer(403).body("")))
            });
        }
    };
    let none = Arc::<AtomicU32>::default();
    rules(None, &none);
    ready.rig.copy().ok(&["images", "prune"]);
    let all = count.load(Ordering::SeqCst) as usize;
    let stride = if std::env::var_os("MIRRORKEEP_TORTURE").is_some() { 1 } else { 7 };
    for nth in (1..=all).step_by(stride) {
        for (server, state) in [&from, &to].into_iter().zip(&state) {
            server.set_state(state.clone());
        }
        let rig = ready.rig.copy();
        let pid = Arc::<AtomicU32>::default();
        rules(Some(nth), &pid);
        let mut command = rig.command(&["images", "prune"]);
        command.env("MIRRORKEEP_PATIENCE", "1").stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        pid.store(child.id(), Ordering::SeqCst);
        child.wait().unwrap();
        rules(None, &none);
        rig.ok(&["images", "prune"]);
        assert_eq!(rig.json(&["recover", "--dry-run"])["unsettled"], json!([]), "at {nth}");
        for (server, namespace) in [(from.server(), "pub/"), (to.server(), "")] {
            for image in IMAGES {
                let has = |name: &str| tag(&server, &format!("{namespace}{image}"), name).is_some();
                assert_eq!([A, B, C].map(has), [false, true, true], "{namespace}{image} at {nth}");
            }
        }
        assert_eq!(tagged(&from.server(), &to.server()), Some(C), "at {nth}");
    }
}

#[test]
fn each_request_is_denied_in_turn() {
    every_request(false);
}

#[test]
fn it_is_killed_at_each_request_in_turn() {
    every_request(true);
}

#[test]
fn a_promotion_copies_again_what_was_deleted_since_it_copied() {
    let registry = StandIn::start();
    let (server, target) = (registry.server(), StandIn::start());
    let carried = Carried::new(registry.port, target.port);
    carried.promote(&[A, B, "20181206T070000Z"]);
    carried.build_of(C, C, "");
    // The nova of the next build is an index with that of the build that goes, which the target has under its tag alone.
    let child = server.put_image("ci/nova", None, &format!("nova of {A}"));
    let text = format!("{{\"schemaVersion\":2,\"mediaType\":\"{INDEX}\",\"manifests\":[{child}]}}");
    server.put_manifest("ci/nova", C, INDEX, &text);
    carried.purge(A);
    let mut prune = carried.rig.command(&["images", "prune"]);
    prune.stdout(Stdio::null()).stderr(Stdio::null());
    target.rule(move |_, request| {
        let last = request.method() == "PUT" && request.target().ends_with(&format!("nova/manifests/{C}"));
        // The index is not there yet, and the promotion has no lock.
        last.then(|| {
            drop(prune.spawn().unwrap());
            Deed::Late(Duration::from_secs(3))
        })
    });
    carried.rig.ok(&["promote"]);
    target.rule(|_, _| None);
    let log = carried.rig.ok(&["log"]);
    assert!(log.contains(&format!("deleted 1 tag of 127.0.0.1:{}/nova", target.port)), "{log}");
    let image = format!("nova of {A}");
    let digest = server.put_image("ci/nova", None, &image);
    let digest: Value = serde_json::from_str(&digest).unwrap();
    assert!(tag(&target.server(), "nova", digest["digest"].as_str().unwrap()).is_some());
}

#[test]
fn only_images_that_a_stage_carried_go() {
    let registry = StandIn::start();
    let own = format!("127.0.0.1:{}/ci", registry.port);
    let (layout, pipeline) = settings(registry.port, &[&own], &["{build}", "{stage}"]);
    let part = pipeline.replace("\"{stage}\"]", "\"{stage}\"], only: {component: nova}");
    let carried = Carried::with(registry.port, (layout, part));
    // The first was never promoted, so that no stage gave it a tag.
    carried.build_of("20181204T060000Z", "20181204T060000Z", "");
    carried.promote(&[A, B, C]);
    carried.purge("20181204T060000Z");
    carried.purge(A);
    let answer = carried.rig.json(&["images", "prune"]);
    for image in ["neutron", "glance"] {
        assert_eq!(fates(&answer, &format!("ci/{image}"))[A], "unknown");
    }
    let nova = fates(&answer, "ci/nova");
    assert_eq!((&*nova[A], &*nova["20181204T060000Z"]), ("deleted", "unknown"));
    assert_eq!(answer["deleted"], 1);
}

#[test]
fn a_pin_keeps_every_copy_of_the_image() {
    for (reference, list, tags, copy) in [
        ("v-{stamp}", format!("v-{A}"), ["{build}", "{stage}"], A.to_owned()),
        ("{stamp}", A.to_owned(), ["r-{tag}", "{stage}"], format!("r-{A}")),
    ] {
        let (from, to) = (StandIn::start(), StandIn::start());
        let (layout, pipeline) = settings(from.port, &[&format!("127.0.0.1:{}", to.port)], &tags);
        let layout = layout.replace("{component}:{stamp}", &format!("{{component}}:{reference}"));
        let carried = Carried::with(from.port, (layout, pipeline));
        for name in [A, B, C] {
            let mut lines = String::new();
            for image in ["nova", "glance"] {
                let tag = list.replace(A, name);
                from.server().put_image(&format!("ci/{image}"), Some(&tag), &format!("{image} of {name}"));
                lines += &format!("docker.io/ci/{image}:{tag}\n");
            }
            carried.rig.write("outputs/images.lst", &lines);
            carried.rig.publish(name, &[]);
            carried.rig.ok(&["vote", &id(name), "smoke", "success"]);
            carried.rig.ok(&["promote"]);
        }
        carried.pin(&format!("- {{name: docker.io/ci/nova, src_build_tag: {list}}}\n"));
        carried.purge(A);
        let answer = carried.rig.json(&["images", "prune"]);
        assert_eq!(fates(&answer, "/nova")[&copy], "pinned");
        assert_eq!((&*fates(&answer, "/glance")[&copy], &answer["deleted"]), ("deleted", &json!(1)));
        assert!(tag(&to.server(), "nova", &copy).is_some());
    }
}

#[test]
fn an_index_keeps_what_it_names_under_any_media_type() {
    let registry = StandIn::start();
    let server = registry.server();
    let own = format!("127.0.0.1:{}/ci", registry.port);
    let carried = Carried::carrying(registry.port, &[&own], &["{tag}", "{stage}"]);
    carried.promote(&[A]);
    carried.build(B);
    let child = server.put_image("ci/nova", None, &format!("nova of {A}"));
    let child = child.replace(IMAGE, "application/vnd.oci.artifact.manifest.v1+json");
    let index = format!("{{\"schemaVersion\":2,\"mediaType\":\"{INDEX}\",\"manifests\":[{child}]}}");
    server.put_manifest("ci/nova", B, INDEX, &index);
    carried.rig.ok(&["promote"]);
    carried.promote(&[C]);
    carried.purge(A);
    let answer = carried.rig.json(&["images", "prune"]);
    assert_eq!((&*fates(&answer, "ci/nova")[A], &*fates(&answer, "ci/glance")[A]), ("index", "deleted"));
}

#[test]
fn a_registry_that_does_not_answer_is_asked_for_one_repository() {
    let (from, to) = (StandIn::start(), StandIn::start());
    let carried = Carried::new(from.port, to.port);
    carried.promote(&[A, B, C]);
    carried.purge(A);
    let prune = || {
        let mut prune = carried.rig.command(&["--json", "images", "prune"]);
        let said = prune.env("MIRRORKEEP_PATIENCE", "1").output().unwrap();
        assert_eq!(said.status.code(), Some(1));
        serde_json::from_slice::<Value>(&said.stdout).unwrap()["failures"].as_array().unwrap().clone()
    };
    to.rule(|_, _| Some(Deed::Raw(Vec::new(), None)));
    let failures = prune();
    let told = format!("2 more repositories not read: the registry `127.0.0.1:{}` does not answer", to.port);
    assert_eq!((failures.len(), &failures[1]), (2, &json!(told)));
    let asked: std::collections::BTreeSet<String> = to.seen().into_iter().collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    // Nor is it asked to delete more.
    to.rule(|_, request| (request.method() == "DELETE").then(|| Deed::Raw(Vec::new(), None)));
    assert_eq!(prune().len(), 1);
    let asked = to.seen().into_iter().filter(|one| one.starts_with("DELETE"));
    assert_eq!(asked.collect::<std::collections::BTreeSet<_>>().len(), 1);
}
