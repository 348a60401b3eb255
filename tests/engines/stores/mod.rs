//! Every engine under the same laws and the same stories: what a store promises holds wherever the bucket is.
//!
//! A server is started once for all of it; each law and each story has a mirror of its own in the bucket, and several
//! run at once, since most of the time is spent waiting.

pub(crate) mod bucket;
pub(crate) mod stories;

use crate::cli::promotion::story;
use crate::store::contract::LAWS;
use crate::support::servers::{Engine, azurite, gcs, liar, weed};
use crate::support::trunk::Trunk;
use bucket::{Bucket, Story};
use mirrorkeep::store::Conditions;
use std::sync::Mutex;

/// Something that is done once.
type Run<'a> = Box<dyn FnOnce() + Send + 'a>;

/// How many mirrors are worked on at once.
const AT_ONCE: usize = 6;

#[test]
fn seaweedfs_keeps_the_laws_and_tells_the_stories() {
    let engine = weed::single();
    keeps_the_laws(&engine, Conditions::Honoured);
    tells(&engine, stories::ALL);
    tells(&engine, stories::READ_WITHOUT_A_KEY);
    tells(&engine, stories::OF_SEVERAL_WRITERS);
}

#[test]
fn azurite_keeps_the_laws_and_tells_the_stories() {
    let engine = azurite::start();
    keeps_the_laws(&engine, Conditions::Honoured);
    tells(&engine, stories::ALL);
    tells(&engine, stories::OF_SEVERAL_WRITERS);
}

#[test]
fn a_stand_in_for_gcs_keeps_the_laws_and_tells_the_stories() {
    let engine = gcs::start(Conditions::Honoured);
    keeps_the_laws(&engine, Conditions::Honoured);
    tells(&engine, stories::ALL);
    tells(&engine, stories::READ_WITHOUT_A_KEY);
    tells(&engine, stories::OF_SEVERAL_WRITERS);
}

#[test]
fn a_store_that_ignores_conditions_keeps_the_rest() {
    let engine = gcs::start(Conditions::Ignored);
    keeps_the_laws(&engine, Conditions::Ignored);
    tells(&engine, stories::ALL);
    tells(&engine, stories::OF_ONE_WRITER_AT_A_TIME);
}

/// It writes files in place, so that who reads meanwhile sees a part: not every law can hold.
#[test]
fn a_server_that_ignores_conditions_is_found_out() {
    let engine = liar::start();
    assert_eq!(engine.store("tried").conditions(), Conditions::Ignored);
    tells(&engine, stories::OF_ONE_WRITER_AT_A_TIME);
}

#[test]
fn a_week_of_promotions_in_seaweedfs() {
    let engine = weed::single();
    story::tell(&Trunk::at(|| engine.command("promotion")));
}

/// Fails with every law that does not hold, and when the server honours conditions and should not, or the reverse.
#[track_caller]
pub(crate) fn keeps_the_laws(engine: &Engine, conditions: Conditions) {
    assert_eq!(engine.store("tried").conditions(), conditions, "{}", engine.name);
    let laws = LAWS.iter().map(|(name, law)| {
        let run = move || law(&engine.untried(&format!("law-{name}")).known_as(conditions));
        (*name, Box::new(run) as Run<'_>)
    });
    all(engine, laws.collect());
}

#[track_caller]
pub(crate) fn tells(engine: &Engine, stories: &[Story]) {
    let told = stories.iter().map(|(name, story)| {
        let run = move || story(&Bucket::new(engine, name));
        (*name, Box::new(run) as Run<'_>)
    });
    all(engine, told.collect());
}

/// Runs everything, some at once, and fails with the name of each that failed.
#[track_caller]
fn all(engine: &Engine, work: Vec<(&'static str, Run<'_>)>) {
    let (work, failed) = (Mutex::new(work), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((name, run)) = work.lock().unwrap().pop() else { return };
                    let run = std::panic::AssertUnwindSafe(run);
                    if std::panic::catch_unwind(run).is_err() {
                        failed.lock().unwrap().push(name);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{}: {failed:?}; what each said is above", engine.name);
}
