//! Images that go along with a stage: tags that move with it, go back with it, and are never left between two builds.

use super::real;
use super::scene::Server;
use super::standin::{Deed, StandIn};
use crate::support::http::Message;
use crate::support::rig::Rig;
use mirrorkeep::layout::Layout;
use serde_json::{Value, json};
use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

pub(super) const A: &str = "20181205T060000Z";
pub(super) const B: &str = "20181206T060000Z";
pub(super) const C: &str = "20181207T060000Z";

/// The images of each build.
pub(super) const IMAGES: [&str; 3] = ["nova", "neutron", "glance"];

/// What becomes of a promotion at one request.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The registry denies it.
    Denied,
    /// Nothing answers any more, and the command gives up.
    Gone,
    /// It is done, and the answer is lost.
    Lost,
    /// The command is killed.
    Killed,
}

/// A mirror with a stage that carries images from a registry to another namespace of it and to a second registry.
pub(super) struct Carried {
    pub(super) rig: Rig,
    pub(super) from: u16,
}

/// Returns a layout in which builds have three images, and a pipeline with a stage that carries them.
pub(super) fn settings(from: u16, to: &[&str], tags: &[&str]) -> (String, String) {
    let layout = Layout::shipped("starlingx").unwrap();
    let begin = layout.find("\nimages:\n").unwrap();
    let end = begin + layout[begin..].find("\nmarkers:").unwrap();
    let images = "\nimages:\n  lists: [outputs/images.lst]\n  references: ['ci/{component}:{stamp}']\n";
    let text = format!("{}{images}{}", &layout[..begin], &layout[end..]);
    let text = text.replacen("\ntree:\n", "\ntree:\n  - outputs/images.lst\n", 1);
    let pipeline = format!(
        "pipeline: 1
stages:
  - name: tested
    streams: master/centos
    require: {{votes: [smoke]}}
    previous: before
    carry: [{{images: {{from: '127.0.0.1:{from}/ci', to: {}, tag: {}}}}}]
",
        json!(to),
        json!(tags),
    );
    (text, pipeline)
}

impl Carried {
    pub(super) fn new(from: u16, to: u16) -> Self {
        Self::carrying(
            from,
            &[&format!("127.0.0.1:{from}/pub"), &format!("127.0.0.1:{to}")],
            &["{build}", "{stage}"],
        )
    }

    /// Returns the same for other targets and tags.
    pub(super) fn carrying(from: u16, to: &[&str], tags: &[&str]) -> Self {
        Self::with(from, settings(from, to, tags))
    }

    /// Returns the same for a layout and a pipeline.
    pub(super) fn with(from: u16, (text, pipeline): (String, String)) -> Self {
        let rig = Rig::new();
        for (name, text) in [("layout.yaml", text), ("pipeline.yaml", pipeline)] {
            fs::write(rig.work("..").join(name), text).unwrap();
        }
        let file = |name: &str| rig.work("..").join(name).display().to_string();
        rig.ok(&["init", "--layout", &file("layout.yaml"), "--pipeline", &file("pipeline.yaml")]);
        Self { rig, from }
    }

    /// Publishes a build whose images are in the registry, with its vote.
    pub(super) fn build(&self, name: &str) {
        self.build_of(name, name, "");
    }

    /// Publishes a build with the images of another one under its own tags, and with more lines in its list.
    pub(super) fn build_of(&self, name: &str, of: &str, more: &str) {
        let server = Server { port: self.from, key: None, _running: Box::new(()) };
        for image in IMAGES {
            server.put_image(&format!("ci/{image}"), Some(name), &format!("{image} of {of}"));
        }
        let list: Vec<String> = IMAGES.iter().map(|image| format!("docker.io/ci/{image}:{name}\n")).collect();
        self.rig.write("outputs/images.lst", &(list.concat() + more));
        self.rig.publish(name, &[]);
        self.rig.ok(&["vote", &format!("master/centos/{name}"), "smoke", "success"]);
    }

    pub(super) fn has(&self) -> Option<String> {
        let link = fs::read_link(self.rig.mirror("master/centos/tested")).ok()?;
        Some(link.to_str().unwrap().to_owned())
    }
}

/// Returns the digest of an image by its tag, as the registry states it.
pub(super) fn tag(server: &Server, repository: &str, tag: &str) -> Option<String> {
    let head = Message::request("HEAD", &format!("/v2/{repository}/manifests/{tag}"));
    let answer = server.ask(head.with("Accept", super::scene::IMAGE));
    answer.header("docker-content-digest").map(str::to_owned)
}

/// Returns to which build the moving tags of all images in both targets lead.
#[track_caller]
pub(super) fn tagged(from: &Server, to: &Server) -> Option<&'static str> {
    let mut all = Vec::new();
    for (server, namespace) in [(from, "pub/"), (to, "")] {
        for image in IMAGES {
            let repository = format!("{namespace}{image}");
            let now = tag(server, &repository, "tested");
            let of =
                [A, B, C].into_iter().find(|build| now.is_some() && tag(server, &repository, build) == now);
            assert_eq!(of.is_some(), now.is_some(), "{repository}");
            all.push(of);
        }
    }
    assert!(all.iter().all(|one| *one == all[0]), "the tags are mixed: {all:?}");
    all[0]
}

fn digests(moved: &Value) -> usize {
    moved.as_array().map_or(0, Vec::len)
}

#[test]
fn tags_move_with_the_stage_and_go_back_with_it_in_real_registries() {
    let (from, to) = (real::open(), real::open());
    let carried = Carried::new(from.port, to.port);
    carried.build(A);
    let dry = carried.rig.json(&["promote", "--dry-run"])["stages"][0].clone();
    assert_eq!((&dry["outcome"], digests(&dry["tags"])), (&json!("promoted"), 6));
    assert_eq!((tagged(&from, &to), tag(&from, "pub/nova", A)), (None, None));
    let first = carried.rig.json(&["promote"])["stages"][0].clone();
    assert_eq!((digests(&first["tags"]), &first["tags"][0]["from"]), (6, &json!(null)));
    assert_eq!((tagged(&from, &to), carried.has().as_deref()), (Some(A), Some(A)));
    carried.build(B);
    let told = carried.rig.ok(&["promote"]);
    assert!(told.contains(&format!("127.0.0.1:{}/pub/glance:tested", from.port)), "{told}");
    assert_eq!((tagged(&from, &to), carried.has().as_deref()), (Some(B), Some(B)));
    let back = carried.rig.json(&["demote", "tested", "--stream", "master/centos", "--why", "does not boot"]);
    assert_eq!((digests(&back["tags"]), tagged(&from, &to)), (6, Some(A)));
    assert_eq!(carried.rig.json(&["promote"])["stages"][0]["outcome"], "current");
    // To a build that is named, whose images have their fixed tags.
    carried.build(C);
    carried.rig.ok(&["promote"]);
    let id = format!("master/centos/{A}");
    carried.rig.ok(&["demote", "tested", "--stream", "master/centos", "--to", &id, "--why", "nor does that"]);
    assert_eq!((tagged(&from, &to), carried.has().as_deref()), (Some(A), Some(A)));
}

#[test]
fn what_is_missing_taken_or_moved_by_something_else_stops_the_stage_before_anything_moves() {
    let (from, to) = (StandIn::start(), StandIn::start());
    let carried = Carried::new(from.port, to.port);
    carried.build(A);
    carried.rig.ok(&["promote"]);
    let why = |code: i32| {
        let one = carried.rig.json_ends(code, &["promote"])["stages"][0].clone();
        assert_eq!((tagged(&from.server(), &to.server()), carried.has().as_deref()), (Some(A), Some(A)));
        one["why"].as_str().unwrap().to_owned()
    };
    carried.build(B);
    // Two images are missing: both are named, and nothing was copied.
    for image in &IMAGES[..2] {
        from.kept.lock().unwrap().tags.remove(&(format!("ci/{image}"), B.to_owned()));
    }
    let said = why(1);
    assert!(
        said.contains(&format!("/ci/nova:{B}`")) && said.contains(&format!("/ci/neutron:{B}`")),
        "{said}"
    );
    assert_eq!(tag(&from.server(), "pub/glance", B), None);
    for image in &IMAGES[..2] {
        from.server().put_image(&format!("ci/{image}"), Some(B), &format!("{image} of {B}"));
    }
    // A fixed tag of another image.
    to.server().put_image("nova", Some(B), "something else");
    let said = why(1);
    assert!(said.contains(&format!("the tag `127.0.0.1:{}/nova:{B}` has sha256:", to.port)), "{said}");
    to.server().put_image("nova", Some(B), &format!("nova of {B}"));
    // A tag that another program moved: only a person moves it from there.
    to.server().put_image("nova", Some("tested"), &format!("nova of {B}"));
    to.server().put_image("neutron", Some("tested"), "something else");
    let one = carried.rig.json_ends(3, &["promote"])["stages"][0].clone();
    let said = one["why"].as_str().unwrap();
    assert!(said.contains(&format!("`127.0.0.1:{}/neutron:tested` is not where", to.port)), "{said}");
    assert_eq!((one["outcome"].as_str(), carried.has().as_deref()), (Some("interfered"), Some(A)));
    carried.rig.ok(&["promote", "tested", "--stream", "master/centos", "--take-over", "--why", "ours"]);
    assert_eq!((tagged(&from.server(), &to.server()), carried.has().as_deref()), (Some(B), Some(B)));
}

#[test]
fn a_demotion_goes_to_the_images_of_the_build_whatever_a_tag_had_before() {
    let (from, to) = (StandIn::start(), StandIn::start());
    let carried = Carried::new(from.port, to.port);
    for name in [A, B] {
        carried.build(name);
        carried.rig.ok(&["promote"]);
    }
    // Somebody moves one tag, and the stage goes on over that.
    to.server().put_image("nova", Some("tested"), &format!("nova of {A}"));
    carried.build(C);
    carried.rig.ok(&["promote", "tested", "--stream", "master/centos", "--take-over", "--why", "ours"]);
    assert_eq!(tagged(&from.server(), &to.server()), Some(C));
    carried.rig.ok(&["demote", "tested", "--stream", "master/centos", "--why", "does not boot"]);
    assert_eq!((tagged(&from.server(), &to.server()), carried.has().as_deref()), (Some(B), Some(B)));
    // A build that is withdrawn takes its tags with it only by the next move.
    let told =
        carried.rig.ends(0, &["withdraw", &format!("master/centos/{B}"), "--why", "a secret", "--force"]);
    assert!(told.contains("image tags of `tested`"), "{told}");
    carried.build("20181208T060000Z");
    carried.rig.ok(&["promote", "tested", "--stream", "master/centos", "--take-over", "--why", "ours"]);
    carried.rig.ok(&["demote", "tested", "--stream", "master/centos", "--why", "nor that"]);
    assert_eq!((tagged(&from.server(), &to.server()), carried.has().as_deref()), (Some(A), Some(A)));
}

#[test]
fn a_build_without_a_list_or_with_a_bad_one_carries_nothing() {
    let (from, to) = (StandIn::start(), StandIn::start());
    let carried = Carried::new(from.port, to.port);
    for (name, list, said) in [
        (A, None, "no list of `master/centos/20181205T060000Z` has an image"),
        (B, Some("docker.io/ci/nova:v1 x\n"), "line 1 of `outputs/images.lst`"),
        (C, Some("docker.io/ci/nova@sha256:00\n"), "line 1 of `outputs/images.lst`"),
    ] {
        if let Some(list) = list {
            carried.rig.write("outputs/images.lst", list);
        }
        carried.rig.publish(name, &[]);
        carried.rig.ok(&["vote", &format!("master/centos/{name}"), "smoke", "success"]);
        let one = carried.rig.json_ends(1, &["promote"])["stages"][0].clone();
        assert!(one["why"].as_str().unwrap().contains(said), "{one}");
    }
    assert_eq!(carried.has(), None);
}

#[test]
fn stable_and_development_images_of_one_build_get_tags_of_their_own() {
    let (from, to) = (real::open(), real::open());
    let (text, pipeline) = settings(from.port, &[&format!("127.0.0.1:{}", to.port)], &["{build}", "{stage}"]);
    let text = text.replace("'ci/{component}:{stamp}'", "'ci/{component}:{qualifier}-{stamp}'");
    let entry = pipeline.split_once("carry: [").unwrap().1.split_once("]\n").unwrap().0;
    let only = |value: &str| entry.replace("}}", &format!(", only: {{qualifier: {value}}}}}}}"));
    let (stable, dev) = (only("stable"), only("dev").replace("}\"", "}-dev\""));
    let of_both = pipeline.replace(entry, &format!("{stable}, {dev}"));
    let none = pipeline.replace(entry, &only("rc"));
    for (pipeline, said) in [
        (&pipeline, "two images of the build would get the tag"),
        (&none, "has the fields that `only` of `tested` in the pipeline requires"),
        (&of_both, ""),
    ] {
        let carried = Carried::with(from.port, (text.clone(), pipeline.clone()));
        let mut list = String::new();
        for qualifier in ["stable", "dev"] {
            let tag = format!("{qualifier}-{A}");
            from.put_image("ci/nova", Some(&tag), &tag);
            list += &format!("docker.io/ci/nova:{tag}\n");
        }
        carried.rig.write("outputs/images.lst", &list);
        carried.rig.publish(A, &[]);
        carried.rig.ok(&["vote", &format!("master/centos/{A}"), "smoke", "success"]);
        let exit = i32::from(!said.is_empty());
        let one = carried.rig.json_ends(exit, &["promote"])["stages"][0].clone();
        assert!(one["why"].as_str().unwrap_or_default().contains(said), "{one}");
        assert_eq!(tag(&to, "nova", "tested").is_some(), said.is_empty(), "{one}");
    }
    let source = |qualifier: &str| tag(&from, "ci/nova", &format!("{qualifier}-{A}"));
    assert!(source("stable") != source("dev"));
    assert_eq!((tag(&to, "nova", "tested"), tag(&to, "nova", A)), (source("stable"), source("stable")));
    let of_dev = [tag(&to, "nova", "tested-dev"), tag(&to, "nova", &format!("{A}-dev"))];
    assert_eq!(of_dev, [source("dev"), source("dev")]);
}

#[test]
fn the_tag_of_an_image_that_the_next_build_lacks_stays_with_a_warning() {
    let (from, to) = (StandIn::start(), StandIn::start());
    let carried = Carried::new(from.port, to.port);
    from.server().put_image("ci/cinder", Some(A), "cinder");
    carried.build_of(A, A, &format!("docker.io/ci/cinder:{A}\n"));
    carried.rig.ok(&["promote"]);
    carried.build(B);
    let said = carried.rig.run(&["promote"]);
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.contains("/cinder:tested` and 1 more stay at the image of `master/centos/2018"), "{said}");
    assert!(said.contains(&format!("since `master/centos/{B}` has no such image")), "{said}");
    carried.build(C);
    let said = carried.rig.run(&["promote"]);
    assert_eq!(String::from_utf8(said.stderr).unwrap(), "");
}

/// Starts a promotion.
fn promoting(rig: &Rig) -> Child {
    let mut command = rig.command(&["promote"]);
    command.env("MIRRORKEEP_PATIENCE", "1").stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

#[test]
fn of_two_promotions_at_once_one_moves_the_tags() {
    let (from, to) = (StandIn::start(), StandIn::start());
    let carried = Carried::new(from.port, to.port);
    carried.build(A);
    carried.rig.ok(&["promote"]);
    for (name, events) in [(B, 2), (C, 3)] {
        carried.build(name);
        let mut both = [promoting(&carried.rig), promoting(&carried.rig)];
        assert_eq!(both.each_mut().map(|one| one.wait().unwrap().success()), [true; 2]);
        assert_eq!(
            (tagged(&from.server(), &to.server()), carried.has().as_deref()),
            (Some(name), Some(name))
        );
        let moves = carried.rig.json(&["history", "master/centos/tested"])["moves"].clone();
        assert_eq!(moves.as_array().unwrap().len(), events, "{moves}");
    }
}

/// Breaks each request of a promotion and what the next command does about it.
fn every_request(fault: Fault, stride: usize) {
    let stride = if std::env::var_os("MIRRORKEEP_TORTURE").is_some() { 1 } else { stride };
    let (from, to) = (StandIn::start(), StandIn::start());
    let ready = Carried::new(from.port, to.port);
    ready.build(A);
    ready.rig.ok(&["promote"]);
    ready.build(B);
    let state = [&from, &to].map(StandIn::state);
    let count = Arc::new(AtomicU32::new(0));
    let counted = |act: Option<usize>, pid: Arc<AtomicU32>| {
        count.store(0, Ordering::SeqCst);
        for server in [&from, &to] {
            let (count, pid) = (Arc::clone(&count), Arc::clone(&pid));
            server.rule(move |_, _| {
                let nth = count.fetch_add(1, Ordering::SeqCst) as usize + 1;
                let act = act?;
                match fault {
                    Fault::Denied => (nth == act).then(|| Deed::Answer(Message::answer(403).body(""))),
                    Fault::Gone => (nth >= act).then(|| Deed::Raw(Vec::new(), None)),
                    Fault::Lost => (nth == act).then_some(Deed::Lost),
                    Fault::Killed => {
                        if nth == act {
                            let pid = pid.load(Ordering::SeqCst).to_string();
                            Command::new("kill").args(["-9", &pid]).status().unwrap();
                        }
                        None
                    }
                }
            });
        }
    };
    let none = Arc::<AtomicU32>::default();
    counted(None, Arc::clone(&none));
    let rig = ready.rig.copy();
    assert!(promoting(&rig).wait().unwrap().success());
    let all = count.load(Ordering::SeqCst) as usize;
    assert!(all > 40, "{all}");
    let [mut old, mut new] = [0, 0];
    for nth in (1..=all).step_by(stride) {
        for (server, state) in [&from, &to].into_iter().zip(&state) {
            server.set_state(state.clone());
        }
        let here = Carried { rig: ready.rig.copy(), from: from.port };
        let pid = Arc::<AtomicU32>::default();
        counted(Some(nth), Arc::clone(&pid));
        let mut child = promoting(&here.rig);
        pid.store(child.id(), Ordering::SeqCst);
        child.wait().unwrap();
        counted(None, Arc::clone(&none));
        // Any command that changes something settles it.
        here.rig.ok(&["label", &format!("master/centos/{A}"), "seen=yes"]);
        assert_eq!(here.rig.json(&["recover", "--dry-run"])["unsettled"], json!([]), "{fault:?} at {nth}");
        let has = here.has();
        assert_eq!(tagged(&from.server(), &to.server()), has.as_deref(), "{fault:?} at {nth}");
        match has.as_deref() {
            Some(A) => old += 1,
            _ => new += 1,
        }
        here.rig.ok(&["promote"]);
        assert_eq!(here.has().as_deref(), Some(B), "{fault:?} at {nth}");
        assert_eq!(tagged(&from.server(), &to.server()), Some(B), "{fault:?} at {nth}");
        from.is_sound();
        to.is_sound();
    }
    // Every request comes before the names, and only a lost answer is asked for again.
    let expected = if matches!(fault, Fault::Lost) { old == 0 } else { old > 0 };
    assert!(expected, "{fault:?}: {old} old, {new} new");
}

#[test]
fn each_request_is_denied_in_turn() {
    every_request(Fault::Denied, 7);
}

#[test]
fn the_registry_goes_away_at_each_request_in_turn() {
    every_request(Fault::Gone, 11);
}

#[test]
fn each_answer_is_lost_in_turn() {
    every_request(Fault::Lost, 7);
}

#[test]
fn the_promotion_is_killed_at_each_request_in_turn() {
    every_request(Fault::Killed, 5);
}
