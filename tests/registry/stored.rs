//! A stage that carries images, with each call of the mirror's store gone wrong once: the tags stay with the stage's name.

use super::carried::{A, B, IMAGES, settings, tagged};
use super::scene::Server;
use super::standin::{StandIn, State};
use crate::support::broken::Broken;
use crate::support::view::{self, chain};
use mirrorkeep::mirror::{Chosen, Commands, Mirror, Setup};
use mirrorkeep::model::{BuildId, RelPath, Stamp};
use mirrorkeep::ops::Mode;
use mirrorkeep::ops::promotion::{self, DemoteRequest, PromoteRequest, PromotedAs, Vote, VoteResult};
use mirrorkeep::recover::Stages;
use mirrorkeep::session::Session;
use mirrorkeep::store::{Conditions, Fault, ObjectStore, Posix, Spy, Store, StoreErrorKind};
use object_store::memory::InMemory;
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Where a mirror is.
enum Place {
    Directory(tempfile::TempDir),
    Bucket(Arc<InMemory>),
}

/// A mirror and the two registries in which its images are.
struct Scene {
    place: Place,
    registries: Arc<[StandIn; 2]>,
}

/// A scene with what its registries have when something begins.
struct Ready(Scene, [State; 2]);

fn now() -> Stamp {
    Stamp::from_instant(chrono::Utc::now()).unwrap()
}

fn id(name: &str) -> BuildId {
    format!("master/centos/{name}").parse().unwrap()
}

fn open(store: Arc<dyn Store>) -> Result<Mirror, String> {
    let mirror = Mirror::open(store, "a test", Duration::from_secs(20)).map_err(chain)?;
    Ok(mirror.with_commands(Commands::Run))
}

fn promote(store: Arc<dyn Store>) -> Result<(), String> {
    let mirror = open(store)?;
    let report = promotion::promote(&Session::new(&mirror, &now), &PromoteRequest::default(), Mode::Real);
    let report = report.map_err(chain)?;
    // A stage that stays for a reason, such as a build that cannot be read, was not promoted.
    let wrong = report.stages.iter().find(|one| one.outcome == PromotedAs::Failed || one.why.is_some());
    wrong.map_or(Ok(()), |one| Err(format!("{one:?}")))
}

/// Hands the stage to the first build; again, it stays there.
fn demote(store: Arc<dyn Store>) -> Result<(), String> {
    let mirror = open(store)?;
    let request = DemoteRequest {
        stage: "tested".to_owned(),
        stream: "master/centos".parse().unwrap(),
        to: Some(id(A)),
        why: "bad".to_owned(),
        allow_empty: false,
    };
    promotion::demote(&Session::new(&mirror, &now), &request, Mode::Real).map(drop).map_err(chain)
}

impl Scene {
    fn store(&self) -> Arc<dyn Store> {
        match &self.place {
            Place::Directory(dir) => Arc::new(Posix::open(dir.path()).unwrap()),
            Place::Bucket(memory) => {
                let client = Arc::<InMemory>::clone(memory);
                let store = ObjectStore::new(client, "memory", Conditions::Honoured).unwrap();
                Arc::new(store.naming_uploads(Arc::<InMemory>::clone(memory)))
            }
        }
    }

    /// Returns which build has the stage.
    fn has(&self) -> Option<String> {
        let mirror = open(self.store()).unwrap();
        let at = mirrorkeep::commit::pointed_at(&mirror, &"master/centos/tested".parse().unwrap()).unwrap();
        at.map(|at| at.name().to_owned())
    }

    /// Fails unless every moving tag is at the build that has the stage, once an interrupted command is settled.
    fn is_together(&self) -> Result<(), String> {
        let mirror = open(self.store())?;
        mirrorkeep::recover::recover(&mirror, Stages::Wait, &now).map_err(chain)?;
        let [from, to] = &*self.registries;
        let (tags, has) = (tagged(&from.server(), &to.server()), self.has());
        if tags == has.as_deref() {
            Ok(())
        } else {
            Err(format!("the stage is at {has:?}, its tags at {tags:?}"))
        }
    }

    fn end(&self) -> Vec<String> {
        let mirror = open(self.store()).unwrap();
        let [from, to] = &*self.registries;
        let tags = tagged(&from.server(), &to.server());
        vec![
            format!("{:?} {tags:?} {}", self.has(), mirror.unsettled().unwrap().len()),
            format!("{:?}", promotion::stages(&mirror, None, None, now()).unwrap()[0].build),
        ]
    }
}

impl Ready {
    /// Returns a mirror whose first build is promoted, and whose second one has its vote.
    fn new(place: Place) -> Self {
        let registries = Arc::new([StandIn::start(), StandIn::start()]);
        let [from, to] = &*registries;
        let targets = [format!("127.0.0.1:{}/pub", from.port), format!("127.0.0.1:{}", to.port)];
        let targets = targets.each_ref().map(String::as_str);
        let (layout, pipeline) = settings(from.port, &targets, &["{build}", "{stage}"]);
        let scene = Scene { place, registries: Arc::clone(&registries) };
        let setup = Setup {
            layout: Chosen::File(layout),
            policy: None,
            pipeline: Some(Chosen::File(pipeline)),
            id: "x".to_owned(),
        };
        Mirror::init(scene.store(), &setup, "a test", Duration::ZERO).unwrap();
        let work = tempfile::tempdir().unwrap();
        fs::create_dir(work.path().join("outputs")).unwrap();
        for name in [A, B] {
            let server = Server { port: from.port, key: None, _running: Box::new(()) };
            let mut list = String::new();
            for image in IMAGES {
                server.put_image(&format!("ci/{image}"), Some(name), &format!("{image} of {name}"));
                list += &format!("docker.io/ci/{image}:{name}\n");
            }
            fs::write(work.path().join("outputs/images.lst"), list).unwrap();
            let mirror = open(scene.store()).unwrap();
            view::publish(&mirror, &view::publishing(id(name), work.path()), &now).unwrap();
            let vote = Vote { id: id(name), job: "smoke".to_owned(), result: VoteResult::Success, url: None };
            promotion::vote(&Session::new(&mirror, &now), &vote, Mode::Real).unwrap();
            if name == A {
                promote(scene.store()).unwrap();
            }
        }
        Self::as_it_is(scene)
    }

    fn as_it_is(scene: Scene) -> Self {
        let states = scene.registries.each_ref().map(StandIn::state);
        Self(scene, states)
    }

    /// Returns the same with the second build promoted.
    fn promoted(place: Place) -> Self {
        let Self(scene, _) = Self::new(place);
        promote(scene.store()).unwrap();
        assert_eq!(scene.has().as_deref(), Some(B));
        Self::as_it_is(scene)
    }

    /// Returns another mirror that is as this one, and has the registries be as they were.
    fn fork(&self) -> Scene {
        let Self(scene, states) = self;
        for (registry, state) in scene.registries.iter().zip(states) {
            registry.set_state(state.clone());
        }
        let place = match &scene.place {
            Place::Bucket(memory) => Place::Bucket(Arc::new(memory.fork())),
            Place::Directory(dir) => {
                let copy = tempfile::tempdir().unwrap();
                let from = dir.path().join(".");
                assert!(Command::new("cp").arg("-a").args([&from, copy.path()]).status().unwrap().success());
                Place::Directory(copy)
            }
        };
        Scene { place, registries: Arc::clone(&scene.registries) }
    }

    /// Breaks every call; the next command settles what was left, or is the same command again.
    fn every_call(&self, act: fn(Arc<dyn Store>) -> Result<(), String>) {
        for whole in [Scene::is_together, |_: &Scene| Ok(())] {
            let broken = Broken {
                stride: 37,
                begin: &|| self.fork(),
                store: Scene::store,
                act: &act,
                whole,
                all_done: true,
                end: &|scene: &Scene| {
                    scene.is_together().unwrap();
                    scene.end()
                },
            };
            broken.every_call(8);
        }
    }
}

fn directory() -> Place {
    Place::Directory(tempfile::tempdir().unwrap())
}

fn bucket() -> Place {
    Place::Bucket(Arc::new(InMemory::new()))
}

#[test]
fn a_promotion_broken_at_any_call_of_a_directory() {
    Ready::new(directory()).every_call(promote);
}

#[test]
fn a_promotion_broken_at_any_call_of_an_object_store() {
    Ready::new(bucket()).every_call(promote);
}

#[test]
fn without_the_records_of_a_bucket_no_stage_is_taken_for_done() {
    let ready = Ready::new(bucket());
    let spy = Arc::new(Spy::new(ready.fork().store()));
    promote(Arc::<Spy>::clone(&spy)).unwrap();
    let calls = spy.calls();
    let records: RelPath = ".mirrorkeep/builds".parse().unwrap();
    let lists = (1..).zip(&calls).filter(|(_, call)| call.method == "below" && call.at == records);
    let tried = lists.map(|(nth, _)| {
        let scene = ready.fork();
        let failing = Spy::new(scene.store()).with(nth, Fault::Fail(StoreErrorKind::Io));
        let done = promote(Arc::new(failing));
        assert!(done.is_err() || scene.has().as_deref() == Some(B), "call {nth}: {done:?}");
    });
    assert!(tried.count() > 0, "{calls:?}");
}

#[test]
fn a_demotion_broken_at_any_call_of_a_directory() {
    Ready::promoted(directory()).every_call(demote);
}

#[test]
fn a_demotion_broken_at_any_call_of_an_object_store() {
    Ready::promoted(bucket()).every_call(demote);
}
