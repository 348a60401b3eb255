//! Many events: each comes once, in order, and as fast as the client can send them.

use super::scene::{Scene, webhook};
use crate::support::receiver::Receiver;
use mirrorkeep::mirror::Mirror;
use mirrorkeep::model::Stamp;
use mirrorkeep::record::Payload;
use mirrorkeep::session::Session;
use mirrorkeep::store::Posix;
use serde_json::{Map, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many events there are: more than a segment of the journal has.
fn count() -> usize {
    if std::env::var_os("MIRRORKEEP_TORTURE").is_some() { 10_000 } else { 3_000 }
}

#[test]
#[expect(clippy::print_stdout, reason = "two rates, for a person who compares them")]
fn thousands_of_events_come_once_each_in_order() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), "since: 1,"));
    let now = || Stamp::from_instant(chrono::Utc::now()).unwrap();
    let store = Arc::new(Posix::open(&scene.rig.mirror("")).unwrap());
    let mirror = Mirror::open(store, "a test", Duration::ZERO).unwrap();
    for first in (0..count()).step_by(500) {
        let lock = Session::new(&mirror, &now).begin().unwrap();
        for nth in first..first + 500 {
            let labels = Map::from_iter([("n".to_owned(), json!(format!("v{nth}")))]);
            lock.note(now(), "master/centos/20181203T060000Z", &Payload::Labelled { labels }).unwrap();
        }
    }
    let began = Instant::now();
    scene.once(0);
    let took = began.elapsed();
    let all = scene.numbers();
    assert_eq!(receiver.numbers(), all);
    let files = std::fs::read_dir(scene.rig.mirror(".mirrorkeep/journal")).unwrap().count();
    assert!(files > 1, "one segment only");
    // What the same client does without mirrorkeep, for a person who compares the two.
    let bodies: Vec<Vec<u8>> = receiver.accepted().into_iter().map(|message| message.body).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    rustls::crypto::ring::default_provider().install_default().ok();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let other = Receiver::start();
    let began = Instant::now();
    for body in bodies {
        let url = other.url();
        let sent = runtime.block_on(async {
            let answer = client.post(url).header("webhook-id", "x/1").body(body).send().await?;
            answer.bytes().await
        });
        sent.unwrap();
    }
    let bare = began.elapsed();
    println!("{} events: {took:.2?}; bare requests: {bare:.2?}", all.len());
    assert_eq!(other.accepted().len(), all.len());
}
