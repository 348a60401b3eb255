//! Every changing verb, in a directory and in an object store, with each call of its store gone wrong once.
//!
//! A new verb that changes something is one line of [`verbs!`] below. It is then stopped, failed, done without an answer
//! and done twice at every call, on both kinds of store; after each, readers must not be misled, the rerun must end where
//! an undisturbed run does, and one read that fails after a stop must lose no build. Verbs that publish, prune, restore
//! and adopt have their own longer stories beside this.

use crate::support::broken::Broken;
use crate::support::served::Served;
use crate::support::shapes::event_fits;
use crate::support::twice::{Left, every_read};
use crate::support::view::{self, chain};
use mirrorkeep::commit::Permit;
use mirrorkeep::decide::InputPatterns;
use mirrorkeep::decide::branch::Counterparts;
use mirrorkeep::decide::changes::{Head, Item, Known, Part, SignedHead};
use mirrorkeep::decide::due::{Runs, TELLING};
use mirrorkeep::decide::pipeline::Pipeline;
use mirrorkeep::decide::targets::Targets;
use mirrorkeep::layout::Layout;
use mirrorkeep::mirror::{Chosen, Commands, Mirror, Setup};
use mirrorkeep::model::{BuildId, Digest, Patience, RelPath, Stamp, Stream};
use mirrorkeep::ops::branch::BranchRequest;
use mirrorkeep::ops::changes;
use mirrorkeep::ops::deliver::{Outcome, Until, deliver, required_deliver};
use mirrorkeep::ops::due::{DueOutcome, DueRequest, due};
use mirrorkeep::ops::events::{EventsRequest, Follow, events};
use mirrorkeep::ops::gate::{GateOutcome, GateRequest, WhichGates};
use mirrorkeep::ops::images;
use mirrorkeep::ops::promotion::{self, DemoteRequest, PromoteRequest, PromotedAs, Vote, VoteResult};
use mirrorkeep::ops::publish::{PublishOutcome, PublishRequest};
use mirrorkeep::ops::pull::{PullOptions, pull};
use mirrorkeep::ops::readers::{Look, update};
use mirrorkeep::ops::release::{Release, record};
use mirrorkeep::ops::retention::PruneOptions;
use mirrorkeep::ops::retire::{Retire, RetireError, RetireOutcome, RetireRequest, retire};
use mirrorkeep::ops::site::{self, Extent};
use mirrorkeep::ops::sync::{SyncOptions, SyncOutcome, TargetReport, Verify, sync};
use mirrorkeep::ops::withdraw::Withdrawing;
use mirrorkeep::ops::{ActError, Mode};
use mirrorkeep::record::{EventKind, Hold, Phase, Pins, Released, Waived};
use mirrorkeep::recover::Stages;
use mirrorkeep::render::SitePages;
use mirrorkeep::session::Session;
use mirrorkeep::sign::{Keys, Signers};
use mirrorkeep::store::{Conditions, Kind, ObjectStore, Posix, Put, Store};
use object_store::memory::InMemory;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::ControlFlow;
use std::process::Command;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// What is done to a mirror.
type Act = fn(&Session<'_>) -> Result<(), String>;

/// Builds of `master/centos`, oldest first. In a mirror that was pruned, the oldest is in the trash.
const BUILDS: [&str; 4] = ["20181205T060000Z", "20181206T060000Z", "20181207T060000Z", "20181208T060000Z"];

const POLICY: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1, trash: 7d}
families:
  - {name: all, match: \"**\", keep: [{last: 3}]}
";

const PIPELINE: &str = "pipeline: 1
stages:
  - name: tested
    streams: \"master/centos\"
    require: {votes: [smoke]}
    previous: tested-before
    carry: [{alias: tested-images, place: outputs/iso}]
";

/// An entry of `carry` that notes beside the mirror which build has the stage in a stream, as a registry would.
fn noting() -> String {
    let note = |build: &str| {
        let file = "$MIRRORKEEP_MIRROR/../noted.$(echo $MIRRORKEEP_STREAM | tr / .)";
        format!("[sh, -c, 'printf %s \"${build}\" > \"{file}\"']")
    };
    format!("{{run: {{apply: {}, undo: {}}}}}", note("MIRRORKEEP_BUILD"), note("MIRRORKEEP_BEFORE"))
}

fn with_commands() -> String {
    PIPELINE.replace("carry: [", &format!("carry: [{}, ", noting()))
}

fn sets_with_commands() -> String {
    SETS.replace("bundle: true", &format!("bundle: true, carry: [{}]", noting()))
}

/// The streams of which bundles are made.
const MEMBERS: [&str; 2] = ["feature/a/debian", "feature/b/debian"];

const SETS: &str = "pipeline: 1
stages:
  - {name: tested, streams: 'feature/**', require: {votes: [smoke]}, previous: tested-before, bundle: true}
";

/// The n-th point of every N is tried in the usual run, and every point by `make torture`: with one fault, and with two.
const STRIDE: usize = 7;
const STRIDE_OF_TWO: usize = 13;

/// The same for verbs that make hundreds of calls.
const LONG_STRIDE: usize = 29;
const LONG_STRIDE_OF_TWO: usize = 101;

/// Makes the tests of each verb, from a mirror in which it has something to do.
macro_rules! verbs {
    ($stride:ident $of_two:ident: $($verb:ident from $begin:ident)*) => { $(mod $verb {
        use super::*;

        #[test]
        fn broken_at_any_call_of_a_directory() {
            every_call(&Scene::in_directory($begin), super::$verb, $stride);
        }

        #[test]
        fn broken_at_any_call_of_an_object_store() {
            every_call(&Scene::in_bucket($begin), super::$verb, $stride);
        }

        #[test]
        fn its_events_have_the_form_of_their_types() {
            events_fit(&Scene::in_directory($begin), super::$verb);
        }

        #[test]
        fn a_read_that_fails_after_a_stop_loses_no_build_of_a_directory() {
            let ready = Scene::in_directory($begin);
            every_read($of_two, || ready.fork(), |_, store| done(store, super::$verb));
        }

        #[test]
        fn a_read_that_fails_after_a_stop_loses_no_build_of_an_object_store() {
            let ready = Scene::in_bucket($begin);
            every_read($of_two, || ready.fork(), |_, store| done(store, super::$verb));
        }
    })* };
}

verbs! { STRIDE STRIDE_OF_TWO:
    label from pruned
    unlabel from labelled
    set_alias from pruned
    move_alias from labelled
    remove_alias from labelled
    hold from pruned
    hold_what_is_in_the_trash from pruned
    unhold from labelled
    withdraw_what_is_protected from labelled
    confirm from pruned
    vote from promoted
    gate from gated
    waive from promoted
    promote from voted
    promote_with_commands from carrying
    demote from promoted
    demote_with_commands from carried
    pin_images from pruned
    unpin_images from pinned
    set_policy from pruned
    set_pipeline from pruned
    set_layout from pruned
    export_readers from for_readers
    write_site from for_site
    write_changes from for_changes
    deliver_events from subscribed
    release from pruned
    cancel_retirement from retiring
    request_build from pruned
    take_back_requests from requested
    start_build from requested
}

verbs! { LONG_STRIDE LONG_STRIDE_OF_TWO:
    sync_targets from pruned
    archive_expired from with_archive
    pull_builds from pruned
    branch from branching
    bundle from with_sets
    promote_set from voted_sets
    promote_set_with_commands from carrying_sets
    demote_set from promoted_sets
    demote_set_with_commands from carried_sets
}

fn pin_images(session: &Session<'_>) -> Result<(), String> {
    let image = "starlingx/stx-nova:master-centos-pike".parse().unwrap();
    let pins = Pins { images: vec![image] };
    images::pin_images(session, "pins.yaml", &pins, Mode::Real).map(drop).map_err(chain)
}

fn unpin_images(session: &Session<'_>) -> Result<(), String> {
    match images::unpin_images(session, "pins.yaml", Mode::Real) {
        // A try that was cut off may have come far enough.
        Ok(_) | Err(images::ImagesError::NoPins { .. }) => Ok(()),
        Err(error) => Err(chain(error)),
    }
}

fn pinned(session: &Session<'_>) -> Result<(), String> {
    pruned(session)?;
    pin_images(session)
}

fn label(session: &Session<'_>) -> Result<(), String> {
    let labels = ["sanity=green", "tested=yes"].map(|label| label.parse().unwrap());
    mirrorkeep::ops::alias::label(session, &build(BUILDS[2]), &labels, &[], Mode::Real)
        .map(drop)
        .map_err(chain)
}

fn unlabel(session: &Session<'_>) -> Result<(), String> {
    let keys = ["sanity".to_owned()];
    mirrorkeep::ops::alias::label(session, &build(BUILDS[2]), &[], &keys, Mode::Real).map(drop).map_err(chain)
}

/// Sets an alias that is not there yet.
fn set_alias(session: &Session<'_>) -> Result<(), String> {
    point(session, BUILDS[1])
}

/// Moves an alias to an older build.
fn move_alias(session: &Session<'_>) -> Result<(), String> {
    point(session, BUILDS[1])
}

fn point(session: &Session<'_>, name: &str) -> Result<(), String> {
    let lock = session.begin().map_err(chain)?;
    let permit = Permit { backwards: true, no_success: false, stage: false };
    let target = build(name).as_path();
    mirrorkeep::commit::set(&lock, &stable(), &target, permit, lock.now()).map(drop).map_err(chain)
}

fn remove_alias(session: &Session<'_>) -> Result<(), String> {
    let lock = session.begin().map_err(chain)?;
    match mirrorkeep::commit::remove(&lock, &stable(), lock.now()) {
        // A try that was cut off may have come far enough.
        Err(mirrorkeep::commit::RepointError::Missing(_)) => Ok(()),
        removed => removed.map(drop).map_err(chain),
    }
}

fn hold(session: &Session<'_>) -> Result<(), String> {
    held(session, BUILDS[1])
}

/// Holds a build that is in the trash, which brings it back.
fn hold_what_is_in_the_trash(session: &Session<'_>) -> Result<(), String> {
    held(session, BUILDS[0])
}

fn held(session: &Session<'_>, name: &str) -> Result<(), String> {
    let hold = Hold { who: "ops".to_owned(), why: "bug 7".to_owned(), until: None, since: None };
    mirrorkeep::ops::retention::hold(session, &build(name), hold, Mode::Real).map(drop).map_err(chain)
}

fn unhold(session: &Session<'_>) -> Result<(), String> {
    mirrorkeep::ops::retention::unhold(session, &build(BUILDS[1]), None, Mode::Real).map(drop).map_err(chain)
}

/// Withdraws a build that is held and to which an alias leads.
fn withdraw_what_is_protected(session: &Session<'_>) -> Result<(), String> {
    let what = Withdrawing { id: build(BUILDS[3]), why: "a secret".to_owned(), force: true, purge: false };
    let report = mirrorkeep::ops::withdraw::withdraw(session, &what, Mode::Real).map_err(chain)?;
    if report.failures.is_empty() { Ok(()) } else { Err(format!("{:?}", report.failures)) }
}

/// Finds that the inputs of the newest build are what is to be published.
fn confirm(session: &Session<'_>) -> Result<(), String> {
    let work = tempfile::tempdir().unwrap();
    fs::create_dir_all(work.path().join("outputs/iso")).unwrap();
    fs::write(work.path().join("outputs/iso/bootimage.iso"), BUILDS[3]).unwrap();
    let if_changed = Some(InputPatterns::read(&["outputs/iso".to_owned()]).unwrap());
    let id = build("20181209T060000Z");
    let publishing = PublishRequest { if_changed, ..view::publishing(id, work.path()) };
    let report = view::publish(session.mirror(), &publishing, &now)?;
    let is_confirmed = report.outcome == PublishOutcome::InputsUnchanged && report.id == build(BUILDS[3]);
    if is_confirmed { Ok(()) } else { Err(format!("{report:?}")) }
}

/// Votes that the newest build passed.
fn vote(session: &Session<'_>) -> Result<(), String> {
    voted_on(session, BUILDS[3])
}

fn voted_on(session: &Session<'_>, name: &str) -> Result<(), String> {
    let vote = Vote { id: build(name), job: "smoke".to_owned(), result: VoteResult::Success, url: None };
    promotion::vote(session, &vote, Mode::Real).map(drop).map_err(chain)
}

/// Runs two gates on the newest build, of which one is a command.
fn gate(session: &Session<'_>) -> Result<(), String> {
    let which = WhichGates::Named(["passes", "whole"].map(str::to_owned).to_vec());
    let report =
        mirrorkeep::ops::gate::gate(session, &GateRequest { id: build(BUILDS[3]), which }, Mode::Real);
    let report = report.map_err(chain)?;
    let wrong = report.gates.iter().find(|one| one.outcome != GateOutcome::Success);
    wrong.map_or(Ok(()), |one| Err(format!("{one:?}")))
}

/// Has a pipeline with gates.
fn gated(session: &Session<'_>) -> Result<(), String> {
    let gates = "gates: {passes: {run: ['true']}, whole: {verify: true}}\n";
    let chosen = Chosen::File(format!("{PIPELINE}{gates}"));
    mirrorkeep::ops::settings::set_pipeline(session, &chosen, Mode::Real).map(drop).map_err(chain)
}

#[test]
fn a_bucket_runs_no_command_by_itself() {
    let scene = Scene::in_bucket(gated);
    let mirror = Mirror::open(scene.store(), "a test", Duration::ZERO).unwrap();
    let refused = gate(&Session::new(&mirror, &now)).unwrap_err();
    assert!(refused.contains("the pipeline of a bucket runs none by itself"), "{refused}");
    assert_eq!(scene.mirror().record(&build(BUILDS[3])).unwrap().unwrap().labels.len(), 1);
    done(scene.store(), gate).unwrap();
    assert_eq!(scene.mirror().record(&build(BUILDS[3])).unwrap().unwrap().labels.len(), 3);
    // Nor is anything sent from here as its deliver.yaml says.
    let scene = Scene::in_bucket(subscribed);
    let mirror = Mirror::open(scene.store(), "a test", Duration::ZERO).unwrap();
    let refused = deliver_events(&Session::new(&mirror, &now)).unwrap_err();
    assert!(refused.contains("deliver.yaml is in a bucket") && scene.delivered().is_empty(), "{refused}");
    // In a directory whoever may change the pipeline is the mirror's own user.
    let scene = Scene::in_directory(gated);
    let mirror = Mirror::open(scene.store(), "a test", Duration::ZERO).unwrap();
    gate(&Session::new(&mirror, &now)).unwrap();
    // Nor does a command of a stage run, nor what a forged or interrupted promotion states: that stays open.
    let scene = Scene::in_bucket(carrying);
    let by_itself = |act: Act| {
        let mirror = Mirror::open(scene.store(), "a test", Duration::ZERO).unwrap();
        act(&Session::new(&mirror, &now)).map(|()| mirror.unsettled().unwrap().len())
    };
    let refused = by_itself(promote).unwrap_err();
    assert!(refused.contains("the pipeline of a bucket runs none by itself"), "{refused}");
    assert_eq!(by_itself(label), Ok(0));
    // Neither `apply` nor `undo` finds its place.
    fs::remove_dir(scene.dir().join("mirror")).unwrap();
    promote(&Session::new(&scene.mirror(), &now)).unwrap_err();
    fs::create_dir(scene.dir().join("mirror")).unwrap();
    let before = scene.noted();
    assert_eq!((by_itself(unlabel), scene.noted()), (Ok(1), before));
    promote(&Session::new(&scene.mirror(), &now)).unwrap();
    assert_eq!(scene.moves_as_one(), Ok(()));
    assert_eq!(scene.noted(), BTreeMap::from([("master/centos".to_owned(), build(BUILDS[2]).to_string())]));
}

fn waive(session: &Session<'_>) -> Result<(), String> {
    let [name, job, why] = ["tested", "smoke", "no hardware"].map(str::to_owned);
    let waiver = Waived { name, job, build: Some(build(BUILDS[3])), until: None, why: Some(why) };
    promotion::waive(session, &waiver, Mode::Real).map(drop).map_err(chain)
}

fn promote(session: &Session<'_>) -> Result<(), String> {
    let report = promotion::promote(session, &PromoteRequest::default(), Mode::Real).map_err(chain)?;
    let wrong = report.stages.iter().find(|one| one.outcome == PromotedAs::Failed);
    wrong.map_or(Ok(()), |one| Err(format!("{one:?}")))
}

fn demote(session: &Session<'_>) -> Result<(), String> {
    let request = DemoteRequest {
        stage: "tested".to_owned(),
        stream: "master/centos".parse().unwrap(),
        to: None,
        why: "bad".to_owned(),
        allow_empty: false,
    };
    promotion::demote(session, &request, Mode::Real).map(drop).map_err(chain)
}

fn promote_with_commands(session: &Session<'_>) -> Result<(), String> {
    promote(session)
}

fn demote_with_commands(session: &Session<'_>) -> Result<(), String> {
    demote(session)
}

fn carrying(session: &Session<'_>) -> Result<(), String> {
    voted_by(session, with_commands())
}

fn carried(session: &Session<'_>) -> Result<(), String> {
    carrying(session)?;
    done(session.mirror().shared_store(), promote)
}

/// Has a pipeline, and the second build promoted by it; the third has its vote, too.
fn voted(session: &Session<'_>) -> Result<(), String> {
    voted_by(session, PIPELINE.to_owned())
}

fn voted_by(session: &Session<'_>, pipeline: String) -> Result<(), String> {
    let chosen = Chosen::File(pipeline);
    mirrorkeep::ops::settings::set_pipeline(session, &chosen, Mode::Real).map_err(chain)?;
    // Settings are read when a mirror is opened.
    let mirror = open(session.mirror().shared_store())?;
    let session = &Session::new(&mirror, &now);
    voted_on(session, BUILDS[1])?;
    promote(session)?;
    voted_on(session, BUILDS[2])
}

/// Has the third build promoted after the second.
fn promoted(session: &Session<'_>) -> Result<(), String> {
    voted(session)?;
    done(session.mirror().shared_store(), promote)
}

/// Makes the bundle of a name that was set by hand.
fn bundle(session: &Session<'_>) -> Result<(), String> {
    let stream = "sets/stable".parse().unwrap();
    one_by_one(|| mirrorkeep::ops::bundle::bundle(session, &stream, Mode::Real).map(drop).map_err(chain))
}

fn promote_set(session: &Session<'_>) -> Result<(), String> {
    one_by_one(|| promote(session))
}

fn demote_set(session: &Session<'_>) -> Result<(), String> {
    let (stage, stream) = ("tested".to_owned(), MEMBERS[1].parse().unwrap());
    let request = DemoteRequest { stage, stream, to: None, why: "bad".to_owned(), allow_empty: false };
    one_by_one(|| promotion::demote(session, &request, Mode::Real).map(drop).map_err(chain))
}

fn promote_set_with_commands(session: &Session<'_>) -> Result<(), String> {
    promote_set(session)
}

fn demote_set_with_commands(session: &Session<'_>) -> Result<(), String> {
    demote_set(session)
}

/// Does something on one thread, so that the calls of the store come in one order.
fn one_by_one(act: impl FnOnce() -> Result<(), String> + Send) -> Result<(), String> {
    rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(act)
}

/// Has a layout with bundles, two builds in each of two streams, and a name at the first of each.
fn with_sets(session: &Session<'_>) -> Result<(), String> {
    with_sets_by(session, SETS.to_owned())
}

fn with_sets_by(session: &Session<'_>, pipeline: String) -> Result<(), String> {
    let text = set_of(Layout::shipped("starlingx").unwrap());
    let layout = Layout::load(&text, "layout.yaml").unwrap();
    let chosen = Chosen::File(text);
    mirrorkeep::ops::settings::set_layout(session, (&chosen, &layout), Mode::Real).map_err(chain)?;
    // Settings are read when a mirror is opened.
    let mirror = open(session.mirror().shared_store())?;
    let (in_force, chosen) = (Session::new(&mirror, &now), Chosen::File(pipeline));
    mirrorkeep::ops::settings::set_pipeline(&in_force, &chosen, Mode::Real).map_err(chain)?;
    let mirror = open(session.mirror().shared_store())?;
    let work = tempfile::tempdir().unwrap();
    for (stream, nth) in MEMBERS.iter().flat_map(|stream| [0, 1].map(|nth| (stream, nth))) {
        fs::write(work.path().join("packages.list"), format!("{stream} {nth}\n")).unwrap();
        let publishing = view::publishing(member(stream, nth), work.path());
        view::publish(&mirror, &publishing, &now)?;
    }
    let lock = Session::new(&mirror, &now).begin().map_err(chain)?;
    for stream in MEMBERS {
        let alias = format!("{stream}/stable").parse().unwrap();
        let target = member(stream, 0).as_path();
        mirrorkeep::commit::set(&lock, &alias, &target, Permit::default(), lock.now()).map_err(chain)?;
    }
    Ok(())
}

/// Has the first build of each stream promoted as a set; the second has its vote, too.
fn voted_sets(session: &Session<'_>) -> Result<(), String> {
    with_sets(session)?;
    voted_on_sets(session)
}

fn carrying_sets(session: &Session<'_>) -> Result<(), String> {
    with_sets_by(session, sets_with_commands())?;
    voted_on_sets(session)
}

fn carried_sets(session: &Session<'_>) -> Result<(), String> {
    carrying_sets(session)?;
    done(session.mirror().shared_store(), promote)
}

fn voted_on_sets(session: &Session<'_>) -> Result<(), String> {
    for nth in [0, 1] {
        let mirror = open(session.mirror().shared_store())?;
        let session = Session::new(&mirror, &now);
        for stream in MEMBERS {
            let (id, job) = (member(stream, nth), "smoke".to_owned());
            let vote = Vote { id, job, result: VoteResult::Success, url: None };
            promotion::vote(&session, &vote, Mode::Real).map_err(chain)?;
        }
        if nth == 0 {
            promote(&session)?;
        }
    }
    Ok(())
}

/// Has the second build of each stream promoted after the first.
fn promoted_sets(session: &Session<'_>) -> Result<(), String> {
    voted_sets(session)?;
    done(session.mirror().shared_store(), promote)
}

/// Adds bundles to a layout.
fn set_of(layout: &str) -> String {
    let more = [
        ("fields:\n", "  md5: { matches: '[0-9a-f]{32}' }\n  label: { one_of: [tested, stable] }\n"),
        ("streams:\n", "  - { stream: 'sets/{label}', build: '{md5}' }\n"),
        ("tree:\n", "  - packages.list\n  - packages.list.md5\n"),
    ];
    let layout = more.iter().fold(layout.to_owned(), |layout, (key, lines)| {
        layout.replacen(&format!("\n{key}"), &format!("\n{key}{lines}"), 1)
    });
    layout
        + "beside: [packages.list, packages.list.md5]
bundles:
  - stream: 'sets/{label}'
    members: 'feature/{name}/{distro}'
    alias: '{label}'
    link: now
    files: [{file: packages.list}, {file: packages.list.md5, md5_of: packages.list}]
"
}

fn member(stream: &str, nth: usize) -> BuildId {
    format!("{stream}/{}", BUILDS[nth]).parse().unwrap()
}

fn set_policy(session: &Session<'_>) -> Result<(), String> {
    let chosen = Chosen::File(POLICY.replace("last: 3", "last: 2"));
    mirrorkeep::ops::settings::set_policy(session, &chosen, Mode::Real).map(drop).map_err(chain)
}

fn set_pipeline(session: &Session<'_>) -> Result<(), String> {
    let chosen = Chosen::File(Pipeline::shipped("starlingx").unwrap().to_owned());
    mirrorkeep::ops::settings::set_pipeline(session, &chosen, Mode::Real).map(drop).map_err(chain)
}

fn set_layout(session: &Session<'_>) -> Result<(), String> {
    let text = format!("{}# ours\n", Layout::shipped("starlingx").unwrap());
    let layout = Layout::load(&text, "layout.yaml").unwrap();
    let chosen = Chosen::File(text);
    mirrorkeep::ops::settings::set_layout(session, (&chosen, &layout), Mode::Real).map(drop).map_err(chain)
}

/// Writes the public files of the names, of which there are none yet.
fn export_readers(session: &Session<'_>) -> Result<(), String> {
    let report = update(session, Look::Everything, &[], Mode::Real).map_err(chain)?;
    report.and_then(|report| report.failure).map_or(Ok(()), Err)
}

/// Prunes, and has settings for readers.
fn for_readers(session: &Session<'_>) -> Result<(), String> {
    pruned(session)?;
    let (store, settings) = (session.mirror().store(), RelPath::state("mirror.yaml"));
    let text = String::from_utf8(store.read(&settings, 1 << 20).unwrap()).unwrap();
    store
        .put(&settings, format!("{text}readers: {{url: 'http://mirror'}}\n").as_bytes(), Put::Replace)
        .map_err(chain)
}

/// Names a build that became a release, and notes that; an alias follows its label.
fn release(session: &Session<'_>) -> Result<(), String> {
    let released = Released {
        series: "2024.1".to_owned(),
        name: "tool".to_owned(),
        version: "1.0.0".to_owned(),
        kind: "final".to_owned(),
        team: "tools".to_owned(),
        build: Some(BuildId::new(stream(), BUILDS[1].parse().unwrap())),
        commits: BTreeMap::from([("tool".to_owned(), "1".repeat(40))]),
        approved_by: Vec::new(),
        announcement: None,
        request: "2".repeat(40),
    };
    let labels = ["release=1.0.0", "sanity=green"].map(|label| label.parse().unwrap()).to_vec();
    record(session, &Release { released, labels }).map(drop).map_err(chain)
}

/// Begins a stream with the build that has the stage in the old one, and the stage in the new one.
fn branch(session: &Session<'_>) -> Result<(), String> {
    one_by_one(|| branched(session, "tested"))
}

fn branched(session: &Session<'_>, seed: &str) -> Result<(), String> {
    let request = BranchRequest {
        counterparts: Counterparts::read("master/debian", "master/centos").unwrap(),
        seed: Some(seed.to_owned()),
        build: None,
        without: BTreeSet::new(),
        date: None,
    };
    let report = mirrorkeep::ops::branch::branch(session, &request, Mode::Real).map_err(chain)?;
    if report.lacks.is_empty() { Ok(()) } else { Err(format!("{:?}", report.lacks)) }
}

/// Has a stage in every stream of `master`, to which the third build was promoted after the second.
fn branching(session: &Session<'_>) -> Result<(), String> {
    voted_by(session, PIPELINE.replace("master/centos", "master/*"))?;
    done(session.mirror().shared_store(), promote)
}

/// Begins to retire a stream.
fn retiring(session: &Session<'_>) -> Result<(), String> {
    labelled(session)?;
    retired(session)
}

fn retired(session: &Session<'_>) -> Result<(), String> {
    let request = RetireRequest {
        streams: vec![stream()],
        why: "no users".to_owned(),
        archive: None,
        url: None,
        served_at: None,
        notice: 14 * 86_400,
        keep: vec![BUILDS[3].to_owned()],
    };
    let opener = |_: &str| Err("there is no archive".into());
    let report = retire(session, &Retire::Begin(request), &opener, Mode::Real).map_err(chain)?;
    let is_done = report.streams.iter().all(|one| one.outcome == RetireOutcome::Waiting);
    if is_done { Ok(()) } else { Err(format!("{report:?}")) }
}

fn cancel_retirement(session: &Session<'_>) -> Result<(), String> {
    match mirrorkeep::ops::retire::cancel(session, &[stream()], "users", Mode::Real) {
        // A try that was cut off may have come far enough.
        Ok(_) | Err(RetireError::NotRetiring(_)) => Ok(()),
        Err(error) => Err(chain(error)),
    }
}

/// Requests a build.
fn request_build(session: &Session<'_>) -> Result<(), String> {
    mirrorkeep::ops::due::request(session, &stream(), "bug 7", Mode::Real).map(drop).map_err(chain)
}

fn take_back_requests(session: &Session<'_>) -> Result<(), String> {
    mirrorkeep::ops::due::unrequest(session, &stream(), Mode::Real).map(drop).map_err(chain)
}

/// Starts the build that is requested, unless a try that was cut off came that far.
fn start_build(session: &Session<'_>) -> Result<(), String> {
    let request = DueRequest {
        stream: stream(),
        every: None,
        git: Vec::new(),
        context: None,
        git_limit: Duration::from_secs(9),
        changed: Vec::new(),
        run: Some(["sh", "-c", "echo x >> \"$MIRRORKEEP_MIRROR/../built\""].map(str::to_owned).to_vec()),
        run_limit: Duration::from_mins(1),
    };
    let report = due(session, &request, Mode::Real).map_err(chain)?;
    let recorded = report.run.as_ref().is_none_or(|run| run.unrecorded.is_none());
    let is_done = recorded && matches!(report.outcome, DueOutcome::Succeeded | DueOutcome::NotDue);
    if is_done { Ok(()) } else { Err(format!("{report:?}")) }
}

/// Prunes, and has a build requested.
fn requested(session: &Session<'_>) -> Result<(), String> {
    pruned(session)?;
    request_build(session)
}

fn stream() -> Stream {
    "master/centos".parse().unwrap()
}

/// Writes the site, of which nothing is there yet but a file of a stream that is gone.
fn write_site(session: &Session<'_>) -> Result<(), String> {
    site::update(session, &SitePages, Extent::Changes, Mode::Real).map(drop).map_err(chain)
}

/// Prunes, and has settings for a site with a file that is not wanted any more.
fn for_site(session: &Session<'_>) -> Result<(), String> {
    pruned(session)?;
    let (store, settings) = (session.mirror().store(), RelPath::state("mirror.yaml"));
    let text = String::from_utf8(store.read(&settings, 1 << 20).unwrap()).unwrap();
    let put = |at: &RelPath, text: &str| store.put(at, text.as_bytes(), Put::Replace).map_err(chain);
    put(&"status/gone/index.json".parse().unwrap(), "{\"index\":1,}")?;
    put(&settings, &format!("{text}site: {{url: 'http://mirror'}}\n"))
}

/// Writes the next edition of the change list, in which a build and a name went and others came.
fn write_changes(session: &Session<'_>) -> Result<(), String> {
    let by = (&Signers::default(), changes::Signatures::Keep);
    changes::export(session, by, changes::Extent::Changes, Mode::Real).map(drop).map_err(chain)
}

/// Has a change list, and then prunes and points a name elsewhere.
fn for_changes(session: &Session<'_>) -> Result<(), String> {
    let (store, settings) = (session.mirror().store(), RelPath::state("mirror.yaml"));
    let text = String::from_utf8(store.read(&settings, 1 << 20).unwrap()).unwrap();
    store.put(&settings, format!("{text}changes: {{}}\n").as_bytes(), Put::Replace).map_err(chain)?;
    let mirror = open(session.mirror().shared_store())?;
    let session = Session::new(&mirror, &now);
    write_changes(&session)?;
    pruned(&session)?;
    point(&session, BUILDS[2])
}

/// Returns what the change list of a mirror states; fails unless all of it is there.
fn listed(mirror: &Mirror) -> Result<Vec<String>, String> {
    let Some(config) = &mirror.config().changes else { return Ok(Vec::new()) };
    let (store, dir) = (mirror.store(), &config.path);
    let head = SignedHead::parse(&store.read(&SignedHead::place(dir), 1 << 20).map_err(chain)?);
    let head = Head::parse(&head.map_err(chain)?.head).map_err(chain)?;
    let mut known = Known::default();
    for part in &head.parts {
        let bytes = store.read(&dir.child(&part.file()).unwrap(), 1 << 20).map_err(chain)?;
        if Digest::of(&bytes) != part.sha256 {
            return Err(format!("{} has another digest", part.file()));
        }
        known.add(Part::parse(&bytes).map_err(chain)?);
    }
    known.fits(&head).map_err(chain)?;
    let mut lines = Vec::new();
    for change in known.changes() {
        match &change.item {
            Item::Build(build) => {
                // Readers find the files of a build that is listed; one that went meanwhile may be missing.
                if mirror.has_build(&build.id).map_err(chain)? {
                    let bytes = store.read(&build.manifest_at(dir), 1 << 20).map_err(chain)?;
                    if Digest::of(&bytes) != build.manifest.sha256 {
                        return Err(format!("the manifest of {} has another digest", build.id));
                    }
                }
                lines.push(format!("listed {}", build.id));
            }
            Item::Name(name) => lines.push(format!("listed {} -> {}", name.path, name.to)),
            Item::BuildGone { .. } | Item::NameGone(_) => {}
        }
    }
    Ok(lines)
}

/// A mirror with two builds of another stream, and the server in front of it.
static UPSTREAM: LazyLock<(tempfile::TempDir, Served)> = LazyLock::new(|| {
    let dir = room();
    let root = dir.path().join("upstream");
    fs::create_dir(&root).unwrap();
    let setup = Setup {
        layout: Chosen::Shipped("starlingx".to_owned()),
        policy: None,
        pipeline: None,
        id: "upstream".to_owned(),
    };
    let store: Arc<dyn Store> = Arc::new(Posix::open(&root).unwrap());
    Mirror::init(Arc::clone(&store), &setup, "a test", Duration::ZERO).unwrap();
    let settings = RelPath::state("mirror.yaml");
    let text = String::from_utf8(store.read(&settings, 1 << 20).unwrap()).unwrap();
    store.put(&settings, format!("{text}changes: {{}}\n").as_bytes(), Put::Replace).unwrap();
    let mirror = open(store).unwrap();
    let work = tempfile::tempdir().unwrap();
    fs::create_dir_all(work.path().join("outputs/iso")).unwrap();
    for name in &BUILDS[..2] {
        fs::write(work.path().join("outputs/iso/bootimage.iso"), name).unwrap();
        let id = format!("feature/up/centos/{name}").parse().unwrap();
        view::publish(&mirror, &view::publishing(id, work.path()), &now).unwrap();
    }
    write_changes(&Session::new(&mirror, &now)).unwrap();
    let server = Served::start(&root);
    (dir, server)
});

/// Pulls the builds of another mirror.
fn pull_builds(session: &Session<'_>) -> Result<(), String> {
    let options = PullOptions {
        url: UPSTREAM.1.url().parse().unwrap(),
        changes: "changes".parse().unwrap(),
        streams: Vec::new(),
        keys: Keys::none(),
        unsigned_builds: false,
        alarm: i64::MAX,
        withdraw: None,
        restart: false,
        trace: Some("spare".to_owned()),
        patience: Patience::default(),
        mode: Mode::Real,
    };
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let report = alone.install(|| pull(session, &options)).map_err(chain)?;
    let wrong = report.ended_by.map(chain).or_else(|| report.failures.first().map(|one| one.error.clone()));
    wrong.map_or(Ok(()), Err)
}

/// Brings a copy up to date: a directory beside a mirror that is a directory, and a mirror of its own for one in a bucket.
fn sync_targets(session: &Session<'_>) -> Result<(), String> {
    let beside = session.mirror().directory().map(|dir| dir.parent().unwrap().join("spare"));
    let way = match &beside {
        Some(dir) => {
            fs::create_dir_all(dir).unwrap();
            format!("directory: '{}'", dir.display())
        }
        None => "mirror: /spare".to_owned(),
    };
    let targets =
        Targets::load(&format!("targets: 1\nto: [{{name: spare, {way}}}]\n"), "targets.yaml").unwrap();
    let setup = Setup {
        layout: Chosen::Shipped("starlingx".to_owned()),
        policy: None,
        pipeline: None,
        id: "spare".to_owned(),
    };
    let open = |_: &str| {
        let store: Arc<dyn Store> = Arc::new(ObjectStore::in_memory().unwrap());
        Mirror::init(Arc::clone(&store), &setup, "a test", Duration::ZERO)?;
        Ok(Mirror::open(store, "a test", Duration::ZERO)?)
    };
    let options = SyncOptions {
        names: Vec::new(),
        verify: Verify::Sample,
        restart: false,
        delete_at_most: None,
        mode: Mode::Real,
    };
    let report = sync(session, &targets, &options, &open).map_err(chain)?;
    let is_whole = |one: &&TargetReport| matches!(one.outcome, SyncOutcome::Done | SyncOutcome::Current);
    let wrong = report.targets.iter().find(|one| !is_whole(one));
    wrong.map_or(Ok(()), |one| Err(format!("{one:?}")))
}

/// Prunes a build that goes to an archive in an object store, and looks whether it is held there.
fn archive_expired(session: &Session<'_>) -> Result<(), String> {
    let setup = Setup {
        layout: Chosen::Shipped("starlingx".to_owned()),
        policy: None,
        pipeline: None,
        id: "archive".to_owned(),
    };
    let store: Arc<dyn Store> = Arc::new(ObjectStore::in_memory().unwrap());
    Mirror::init(Arc::clone(&store), &setup, "a test", Duration::ZERO).unwrap();
    let opener = |_: &str| Ok(Mirror::open(Arc::clone(&store), "a test", Duration::ZERO)?);
    let report = mirrorkeep::ops::retention::prune(session, &PruneOptions::default(), &opener, Mode::Real);
    let report = report.map_err(chain)?;
    let there = open(store)?;
    for gone in &report.pruned {
        let holds = there.holds_of(&gone.id).map_err(chain)?;
        assert_eq!(gone.archive.as_ref().map(|archive| &*archive.id), Some("archive"));
        assert!(there.has_build(&gone.id).unwrap() && holds[0].why == "archived from mirror x", "{holds:?}");
    }
    let failures: Vec<_> = report.failures.iter().chain(&report.trash.failures).collect();
    // A prune that refuses succeeds.
    let is_done = failures.is_empty() && !session.mirror().has_build(&build(BUILDS[1])).map_err(chain)?;
    if is_done { Ok(()) } else { Err(format!("{:?} {failures:?}", report.plan.refusals)) }
}

/// Prunes, and has a policy by which the next build goes to an archive.
fn with_archive(session: &Session<'_>) -> Result<(), String> {
    pruned(session)?;
    let text = POLICY.replace("keep: [{last: 3}]", "keep: [{last: 2}], archive: {to: /archive, until: 1y}");
    let text = text.replace("families:", "brakes: {policy_change: apply}\nfamilies:");
    let name = session.mirror().config().policy.clone().unwrap();
    session.mirror().store().put(&RelPath::state(&name), text.as_bytes(), Put::Replace).map_err(chain)
}

/// Delivers every event to a command that writes its number down.
fn deliver_events(session: &Session<'_>) -> Result<(), String> {
    let file = required_deliver(session.mirror()).map_err(chain)?;
    let report = deliver(session, file, &[], Until::End, &|| ()).map_err(chain)?;
    let wrong = report.subscribers.iter().find(|one| one.outcome != Outcome::UpToDate);
    wrong.map_or(Ok(()), |one| Err(format!("{one:?}")))
}

/// Prunes, and has a subscriber of some of the events.
fn subscribed(session: &Session<'_>) -> Result<(), String> {
    pruned(session)?;
    let yaml = "deliver: 1
to:
  - {name: ci, since: 1, types: [build.published, build.pruned], run: [sh, -c, 'echo $MIRRORKEEP_EVENT_SEQ >> \"$MIRRORKEEP_MIRROR/../delivered\"']}
";
    let at = RelPath::state("deliver.yaml");
    session.mirror().store().put(&at, yaml.as_bytes(), Put::Replace).map_err(chain)
}

/// Prunes once, so that the oldest build is in the trash.
fn pruned(session: &Session<'_>) -> Result<(), String> {
    mirrorkeep::ops::retention::prune(session, &PruneOptions::default(), &view::no_archive, Mode::Real)
        .map(drop)
        .map_err(chain)
}

/// Prunes, labels the third build, holds the second and the newest, and has an alias lead to the third.
fn labelled(session: &Session<'_>) -> Result<(), String> {
    pruned(session)?;
    label(session)?;
    hold(session)?;
    held(session, BUILDS[3])?;
    point(session, BUILDS[2])
}

fn stable() -> RelPath {
    "master/centos/stable".parse().unwrap()
}

fn build(name: &str) -> BuildId {
    format!("master/centos/{name}").parse().unwrap()
}

fn now() -> Stamp {
    // The store has its own clock, and prune compares the two.
    Stamp::from_instant(chrono::Utc::now()).unwrap()
}

fn open(store: Arc<dyn Store>) -> Result<Mirror, String> {
    // The commands of a bucket run, too.
    let mirror = Mirror::open(store, "a test", Duration::from_secs(20)).map_err(chain)?;
    Ok(mirror.with_commands(Commands::Run))
}

fn done(store: Arc<dyn Store>, act: Act) -> Result<(), String> {
    act(&Session::new(&open(store)?, &now))
}

/// A mirror with builds, of which copies are made.
enum Scene {
    Directory(tempfile::TempDir),
    /// With a directory beside which commands keep what they note.
    Bucket(Arc<InMemory>, tempfile::TempDir),
}

/// Returns a directory, in memory where that is possible: every case makes a mirror of its own.
fn room() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

impl Scene {
    fn in_directory(begin: Act) -> Self {
        let dir = room();
        fs::create_dir(dir.path().join("mirror")).unwrap();
        Self::Directory(dir).with(begin)
    }

    fn in_bucket(begin: Act) -> Self {
        let dir = room();
        fs::create_dir(dir.path().join("mirror")).unwrap();
        Self::Bucket(Arc::new(InMemory::new()), dir).with(begin)
    }

    fn with(self, begin: Act) -> Self {
        let setup = Setup {
            layout: Chosen::Shipped("starlingx".to_owned()),
            policy: Some(Chosen::File(POLICY.to_owned())),
            pipeline: None,
            id: "x".to_owned(),
        };
        let store = self.store();
        Mirror::init(Arc::clone(&store), &setup, "a test", Duration::ZERO).unwrap();
        let settings = RelPath::state("mirror.yaml");
        let text = String::from_utf8(store.read(&settings, 1 << 20).unwrap()).unwrap();
        let text = text + "aliases:\n- name: latest_green_build\n  labels: {sanity: green}\n";
        store.put(&settings, text.as_bytes(), Put::Replace).unwrap();
        let work = tempfile::tempdir().unwrap();
        for name in BUILDS {
            for (file, text) in
                [("outputs/RPMS/std/a.rpm", "the same in all"), ("outputs/iso/bootimage.iso", name)]
            {
                let path = work.path().join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            let publishing = view::publishing(build(name), work.path());
            view::publish(&open(Arc::clone(&store)).unwrap(), &publishing, &now).unwrap();
        }
        done(store, begin).unwrap();
        self
    }

    /// Returns another scene that is as this one is now.
    fn fork(&self) -> Self {
        let copy = room();
        let from = fs::read_dir(self.dir()).unwrap().map(|entry| entry.unwrap().path());
        assert!(Command::new("cp").arg("-a").args(from).arg(copy.path()).status().unwrap().success());
        match self {
            Self::Bucket(memory, _) => Self::Bucket(Arc::new(memory.fork()), copy),
            Self::Directory(_) => Self::Directory(copy),
        }
    }

    /// Returns the directory in which the mirror is, or beside which its commands note something.
    fn dir(&self) -> &std::path::Path {
        match self {
            Self::Directory(dir) | Self::Bucket(_, dir) => dir.path(),
        }
    }

    /// Returns which build the commands of the stage noted in each stream.
    fn noted(&self) -> BTreeMap<String, String> {
        let files = fs::read_dir(self.dir()).unwrap().map(|entry| entry.unwrap());
        let noted = files.filter_map(|file| {
            let stream = file.file_name().to_str()?.strip_prefix("noted.")?.replace('.', "/");
            Some((stream, fs::read_to_string(file.path()).unwrap()))
        });
        noted.collect()
    }

    fn mirror(&self) -> Mirror {
        open(self.store()).unwrap()
    }

    /// Returns the numbers of the events that were delivered, each once; fails where one came after a higher one for the
    /// first time.
    fn delivered(&self) -> Vec<u64> {
        let text = fs::read_to_string(self.dir().join("delivered")).unwrap_or_default();
        let mut came: Vec<u64> = Vec::new();
        for number in text.lines().map(|line| line.parse().unwrap()) {
            if !came.contains(&number) {
                assert!(came.last().is_none_or(|last| *last < number), "{number} came late in {text}");
                came.push(number);
            }
        }
        came
    }

    /// Looks whether the names of the stage are those before or those after, once an interrupted command is settled, and the
    /// journal says so.
    fn moves_as_one(&self) -> Result<(), String> {
        let settled = self.fork();
        let mirror = settled.mirror();
        mirrorkeep::recover::recover(&mirror, Stages::Wait, &now).map_err(chain)?;
        let leads = |name: &str| -> Result<Option<String>, String> {
            let alias: RelPath = format!("master/centos/{name}").parse().unwrap();
            let at = mirrorkeep::commit::pointed_at(&mirror, &alias).map_err(chain)?;
            Ok(at.map(|at| at.as_str().trim_end_matches("/outputs/iso").to_owned()))
        };
        let [stage, images, before] = ["tested", "tested-images", "tested-before"].map(leads);
        let [second, third] = [1, 2].map(|nth| Some(build(BUILDS[nth]).to_string()));
        let one =
            [(None, None, None), (second.clone(), second.clone(), None), (third.clone(), third, second)];
        let is = (stage?, images?, before?);
        for (stream, noted) in settled.noted() {
            let alias = format!("{stream}/tested").parse().unwrap();
            let at = mirrorkeep::commit::pointed_at(&mirror, &alias).map_err(chain)?;
            if at.as_ref().map(RelPath::as_str) != Some(&*noted) {
                return Err(format!("the commands noted `{noted}`, and `{alias}` is at {at:?}"));
            }
        }
        if !one.contains(&is) {
            return Err(format!("the names of the stage are mixed: {is:?}"));
        }
        for label in ["tested", "stable"] {
            is_one_set(&mirror, label)?;
        }
        listed(&mirror).map(drop)
    }

    /// Returns what there is in the end: what readers see, what the records and holds say, and what is in force.
    fn end(&self) -> Vec<String> {
        // What settles and sweeps here would be news to the verb that runs again.
        let settled = self.fork();
        let mirror = settled.mirror();
        let store = mirror.store();
        mirrorkeep::recover::recover(&mirror, Stages::Discard, &now).unwrap();
        // An entry of the trash whose build came back goes with the next sweep.
        let swept = mirrorkeep::ops::retention::sweep(&Session::new(&mirror, &now), Mode::Real).unwrap();
        assert!(swept.failures.is_empty(), "{:?}", swept.failures);
        let mut end = view::state(&mirror);
        // The front page says how full the disk and the trash are, which is swept here.
        end.retain(|line| !line.contains("/tmp/") && !line.starts_with("status/index.html"));
        // A killed run leaves files that no head names, and its serial is not used again.
        end.retain(|line| !line.starts_with("changes/") && !line.contains("project/trace"));
        end.extend(listed(&mirror).unwrap());
        if !self.noted().is_empty() {
            // The logs of commands are written after the names moved, and nothing waits for them.
            end.retain(|line| !line.contains("/logs/"));
        }
        for found in store.below(&RelPath::root()).unwrap() {
            if found.kind == Kind::Link && !found.path.is_own() {
                end.push(format!("{} -> {:?}", found.path, store.look(&found.path).unwrap().unwrap().link));
            }
        }
        for name in BUILDS {
            let labels = mirror.record(&build(name)).unwrap().map(|record| record.labels);
            let labels: Vec<_> =
                labels.iter().flatten().map(|(key, label)| format!("{key}={}", label.value)).collect();
            let holds: Vec<String> =
                mirror.holds_of(&build(name)).unwrap().into_iter().map(|hold| hold.why).collect();
            let confirmed =
                mirror.record(&build(name)).unwrap().is_some_and(|record| record.confirmed_at.is_some());
            end.push(format!("{name} {labels:?} {holds:?} {confirmed}"));
        }
        for name in ["mirror.yaml", "policy.yaml", "pipeline.yaml", "layout.yaml"] {
            if let Ok(bytes) = store.read(&RelPath::state(name), 1 << 20) {
                end.push(format!("{name} {}", String::from_utf8(bytes).unwrap()));
            }
        }
        if mirror.config().pipeline.is_some() {
            for one in promotion::stages(&mirror, None, None, now()).unwrap() {
                end.push(format!("{} {:?} {:?} {:?}", one.stage, one.build, one.missing, one.waived));
            }
        }
        end.push(format!("pins {:?}", mirror.pins().unwrap()));
        end.push(format!("noted {:?}", self.noted()));
        end.push(format!("unsettled {}", mirror.unsettled().unwrap().len()));
        end.push(format!("delivered {:?}", self.delivered()));
        let runs = Runs::of(&mirror.history(&TELLING).unwrap(), &stream());
        let built = self.dir().join("built").exists();
        end.push(format!("requested {}, built {built}", !runs.open.is_empty()));
        end.sort();
        end
    }
}

/// Fails unless the link of a bundle resolves to the bundle of the builds that have the label, through which its files are
/// seen; a label that was set by hand may have none.
fn is_one_set(mirror: &Mirror, label: &str) -> Result<(), String> {
    let Some(bundle) = mirror.layout().bundle(&format!("sets/{label}").parse().unwrap()) else {
        return Ok(());
    };
    let at = |path: String| -> Result<Option<RelPath>, String> {
        mirrorkeep::commit::pointed_at(mirror, &path.parse().unwrap()).map_err(chain)
    };
    let link = at(format!("sets/{label}/{}", bundle.link))?;
    let has = MEMBERS.map(|stream| at(format!("{stream}/{label}")).map(|at| at.map(|at| at.to_string())));
    let has = [has[0].clone()?, has[1].clone()?];
    let before = MEMBERS.map(|stream| at(format!("{stream}/{label}-before")).map(|at| at.is_some()));
    let Some(link) = link else {
        let is_first = has == [None, None] || label == "stable";
        return if is_first { Ok(()) } else { Err(format!("{has:?} without a bundle")) };
    };
    let id: BuildId = link.as_str().parse().unwrap();
    let record = mirror.record(&id).map_err(chain)?.ok_or(format!("{id} has no record"))?;
    let manifest = mirror.manifest(&id).map_err(chain)?.ok_or(format!("{id} has no manifest"))?;
    for file in &manifest.files {
        let bytes = mirror.store().read(&link.join(&file.path), 1 << 20).map_err(chain)?;
        if Digest::of(&bytes) != file.digest {
            return Err(format!("{id} has other bytes in {}", file.path));
        }
    }
    let requires: Vec<Option<String>> = record.requires.iter().map(|id| Some(id.to_string())).collect();
    if requires != has {
        return Err(format!("{id} is made of {requires:?}, and the names point to {has:?}"));
    }
    let second = MEMBERS.map(|stream| Some(member(stream, 1).to_string()));
    let moved = [before[0].clone()?, before[1].clone()?];
    if label == "tested" && has == second && moved != [true; 2] {
        return Err(format!("the names before it are {moved:?}"));
    }
    for file in ["packages.list", "packages.list.md5"] {
        let through = format!("sets/{label}/now/{file}").parse().ok();
        // By hand the link comes first.
        if at(format!("sets/{label}/{file}"))? != through && label == "tested" {
            return Err(format!("{file} is not seen through the link"));
        }
    }
    Ok(())
}

impl Left for Scene {
    type Had = BTreeSet<&'static str>;

    fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Directory(dir) => Arc::new(Posix::open(&dir.path().join("mirror")).unwrap()),
            Self::Bucket(memory, dir) => {
                let client = Arc::<InMemory>::clone(memory);
                let address = dir.path().join("mirror").display().to_string();
                let store = ObjectStore::new(client, &address, Conditions::Honoured).unwrap();
                Arc::new(store.naming_uploads(Arc::<InMemory>::clone(memory)))
            }
        }
    }

    fn recover(store: Arc<dyn Store>) -> Result<(), String> {
        mirrorkeep::recover::recover(&open(store)?, Stages::Wait, &now).map(drop).map_err(chain)
    }

    fn had(&self) -> BTreeSet<&'static str> {
        let mirror = self.mirror();
        let waiting = mirror.trash().unwrap().waiting;
        let waits = |name: &str| waiting.iter().any(|trashed| trashed.ticket.id == build(name));
        BUILDS.into_iter().filter(|name| mirror.has_build(&build(name)).unwrap() || waits(name)).collect()
    }

    fn survives(&self, had: &BTreeSet<&'static str>) -> Result<(), String> {
        <Self as Left>::recover(self.store())?;
        let mirror = self.mirror();
        view::misleads_nobody(&mirror)?;
        for name in had {
            if !mirror.has_build(&build(name)).map_err(chain)? {
                let restored = mirrorkeep::ops::retention::restore(
                    &Session::new(&mirror, &now),
                    &build(name),
                    Mode::Real,
                );
                match restored {
                    // It was about to be swept, since the archive has it.
                    Err(ActError::Archived { .. }) => {}
                    Err(ActError::NotInTrash(_)) => return Err(format!("{name} is lost")),
                    restored => drop(restored.map_err(|error| format!("{name}: {}", chain(error)))?),
                }
            }
        }
        view::misleads_nobody(&mirror)
    }
}

/// Breaks every call of a verb in every way, and fails with everything that did not come right again.
#[track_caller]
fn every_call(ready: &Scene, act: Act, stride: usize) {
    let done_once = ready.fork();
    done(done_once.store(), act).unwrap();
    assert_ne!(done_once.end(), ready.fork().end(), "it changes nothing");
    let broken = Broken {
        stride,
        begin: &|| ready.fork(),
        store: <Scene as Left>::store,
        act: &|store| done(store, act),
        whole: |scene| view::misleads_nobody(&scene.mirror()).and_then(|()| scene.moves_as_one()),
        all_done: true,
        end: &Scene::end,
    };
    broken.every_call(8);
}

/// Does a verb, and fails unless each event of the mirror has the form of its type.
#[track_caller]
fn events_fit(ready: &Scene, act: Act) {
    let scene = ready.fork();
    done(scene.store(), act).unwrap();
    let mirror = scene.mirror();
    let mut count = 0;
    let request = EventsRequest::default();
    let done = events(&Session::new(&mirror, &now), &request, Follow::End, &mut |events| {
        for event in events {
            event_fits(&serde_json::from_str(&event.line()).unwrap()).unwrap();
            count += 1;
        }
        ControlFlow::Continue(())
    });
    done.unwrap();
    let all = mirror.history(&EventKind::ALL).unwrap();
    assert_eq!(count, all.iter().filter(|event| event.phase == Phase::Done).count());
    assert!(count > BUILDS.len());
}
