//! Registries that answer as none should: slow, busy, cut off, endless, wrong, or by way of others.

use super::contract::{LAWS, Pair};
use super::scene::{IMAGE, client, client_of, is_whole};
use super::standin::{Deed, StandIn};
use crate::support::http::Message;
use mirrorkeep::model::{Classify, Digest, ErrorKind};
use mirrorkeep::progress::{CancelToken, NoProgress};
use mirrorkeep::registry::{Credentials, Image, Registries, RegistryError, Repository};
use std::fs;
use std::net::TcpListener;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Two stand-ins, the first with an image.
struct Scene {
    one: StandIn,
    other: StandIn,
    from: Image,
    to: Image,
}

impl Scene {
    fn new() -> Self {
        let (one, other) = (StandIn::start(), StandIn::start());
        one.server().put_image("a/b", Some("v1"), "x");
        let (from, to) = (one.server().image("a/b", "v1"), other.server().image("c/d", "v1"));
        Self { one, other, from, to }
    }

    fn copy(&self, client: &Registries) -> Result<(), String> {
        client.copy(&self.from, &self.to, &NoProgress).map(drop).map_err(|error| format!("{error} {error:?}"))
    }

    /// Copies with little patience, which must fail without anything wrong in the target; returns the error.
    #[track_caller]
    fn fails(&self, client: &Registries) -> String {
        let error = self.copy(client).unwrap_err();
        self.other.is_sound();
        assert!(self.other.kept.lock().unwrap().tags.is_empty(), "{error}");
        error
    }
}

/// Returns the end of a rule: what is asked for in a path, and becomes that.
fn always(
    part: &'static str,
    deed: impl Fn() -> Deed + Send + 'static,
) -> impl FnMut(usize, &Message) -> Option<Deed> + Send {
    move |_, message| message.target().contains(part).then(&deed)
}

fn status(status: u16) -> Message {
    Message::answer(status)
}

/// What happens to bytes on their way.
type Change = fn(&mut Vec<u8>);

#[test]
fn the_contract_holds_over_stand_ins_whatever_pages_they_have() {
    for page in [None, Some((4, true)), Some((4, false)), Some((1, true))] {
        let [one, two] = [(); 2].map(|()| StandIn::start());
        for standin in [&one, &two] {
            standin.kept.lock().unwrap().page = page;
        }
        let pair = Pair { one: one.server(), two: two.server(), client: client(20) };
        for (_, law) in LAWS {
            law(&pair);
        }
    }
}

#[test]
fn a_busy_registry_is_waited_for_as_it_asks() {
    let scene = Scene::new();
    scene.one.rule(|nth, _| (nth == 1).then(|| Deed::Answer(status(429).with("Retry-After", 2))));
    let started = Instant::now();
    client(20).look(&scene.from).unwrap().unwrap();
    assert!(started.elapsed() >= Duration::from_secs(2));
    let until = chrono::Utc::now() + chrono::TimeDelta::seconds(3);
    let until = until.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    scene.one.rule(move |nth, _| (nth == 1).then(|| Deed::Answer(status(503).with("Retry-After", &until))));
    let started = Instant::now();
    client(20).look(&scene.from).unwrap().unwrap();
    assert!(started.elapsed() >= Duration::from_millis(1500), "{:?}", started.elapsed());
    // For longer than the patience, it is an error that says for how long.
    scene.one.rule(|_, _| Some(Deed::Answer(status(429).with("Retry-After", 3600).body("slow down"))));
    let started = Instant::now();
    let error = client(1).look(&scene.from).unwrap_err().to_string();
    assert!(error.contains("429") && error.contains("wait for 3600 s"), "{error}");
    assert!(
        started.elapsed() < Duration::from_secs(10) && scene.one.seen().len() == 2,
        "{:?}",
        scene.one.seen()
    );
}

#[test]
fn a_slow_registry_is_asked_again_and_a_silent_one_is_an_error() {
    let scene = Scene::new();
    scene.one.rule(|nth, _| (nth == 1).then(|| Deed::Late(Duration::from_secs(3))));
    let started = Instant::now();
    client(8).look(&scene.from).unwrap().unwrap();
    assert!(started.elapsed() < Duration::from_secs(3), "the second answer came first");
    scene.one.rule(|_, _| Some(Deed::Late(Duration::from_secs(9))));
    let started = Instant::now();
    let error = client(2).look(&scene.from).unwrap_err().to_string();
    assert!(error.contains("did not answer within") && started.elapsed() < Duration::from_secs(6), "{error}");
}

#[test]
fn errors_of_a_server_are_tried_again_and_then_told_in_its_words() {
    let scene = Scene::new();
    // One request of three, in no order that a copy has.
    scene.other.rule(|nth, _| (nth * nth % 7 < 2).then(|| Deed::Answer(status(500))));
    scene.copy(&client(20)).unwrap();
    scene.other.is_sound();
    let body = r#"{"errors":[{"code":"UNKNOWN","message":"the disk \u001b[31mis full"}]}"#;
    scene.other.rule(always("/tags/", move || Deed::Answer(status(500).body(body))));
    let error = client(2).tags(&scene.to.repository).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("500") && text.contains(r"UNKNOWN the disk \u{1b}[31mis full"), "{text}");
    assert!(text.contains(&scene.to.repository.to_string()), "{text}");
    scene.other.rule(always("/tags/", || Deed::Answer(status(418).body("z".repeat(9_000_000)))));
    assert!(client(2).tags(&scene.to.repository).unwrap_err().to_string().len() < 500);
}

#[test]
fn bytes_of_another_digest_are_never_completed() {
    let scene = Scene::new();
    let size = super::scene::layer("x").len();
    let kept: Vec<(String, Vec<u8>)> = scene
        .one
        .kept
        .lock()
        .unwrap()
        .blobs
        .iter()
        .map(|((_, digest), bytes)| (digest.clone(), bytes.clone()))
        .collect();
    let changes: [(Change, &str); 3] = [
        (|bytes| bytes[0] ^= 1, "bytes have another digest"),
        (|bytes| bytes.truncate(9), "its manifest states"),
        (|bytes| bytes.push(0), "its manifest states"),
    ];
    for (change, why) in changes {
        let kept = kept.clone();
        scene.one.rule(move |_, message| {
            let (_, bytes) = kept.iter().find(|(digest, _)| message.target().ends_with(&**digest))?;
            let mut bytes = bytes.clone();
            change(&mut bytes);
            Some(Deed::Answer(status(200).body(bytes)))
        });
        let error = scene.fails(&client(8));
        assert!(error.contains(why), "{error}");
        assert!(scene.other.kept.lock().unwrap().blobs.is_empty(), "{error}");
    }
    // Without a length, one that ends early has broken off, and one that goes on is cut.
    let raw =
        |length: usize| Deed::Raw([b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'w'; length]].concat(), None);
    scene.one.rule(always("/blobs/", move || raw(5)));
    assert!(scene.fails(&client(2)).contains("ended after 5 of"));
    scene.one.rule(always("/blobs/", move || raw(size * 9)));
    assert!(scene.fails(&client(8)).contains("more than"));
    scene
        .one
        .rule(always("/manifests/", || Deed::Answer(status(200).with("Content-Type", IMAGE).body("{}"))));
    let by_digest = scene.from.repository.at(Digest::of(b"x"));
    let error = client(8).manifest(&by_digest).unwrap_err().to_string();
    assert!(error.contains("have the digest"), "{error}");
    let stated = format!("sha256:{}", Digest::of(b"x"));
    let answer =
        move || status(200).with("Content-Type", IMAGE).with("Docker-Content-Digest", &stated).body("{}");
    scene.one.rule(always("/manifests/", move || Deed::Answer(answer())));
    let error = client(8).manifest(&scene.from).unwrap_err().to_string();
    assert!(error.contains("do not have the digest that it states"), "{error}");
}

#[test]
fn a_blob_that_breaks_off_once_is_sent_from_its_beginning() {
    let scene = Scene::new();
    let blobs: Vec<Vec<u8>> = scene.one.kept.lock().unwrap().blobs.values().cloned().collect();
    let mut broken = std::collections::BTreeSet::new();
    scene.one.rule(move |_, message| {
        let target = message.target().to_owned();
        let found = blobs.iter().find(|bytes| target.ends_with(&Digest::of(bytes).to_string()))?;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", found.len()).into_bytes();
        let half = found[..found.len() / 2].to_vec();
        broken.insert(target).then(|| Deed::Raw([head, half].concat(), None))
    });
    scene.copy(&client(20)).unwrap();
    scene.other.is_sound();
    assert_eq!(scene.one.seen().len(), 1 + 3 * 2);
}

#[test]
fn a_target_that_states_another_digest_is_an_error() {
    let scene = Scene::new();
    let other = format!("sha256:{}", Digest::of(b"other"));
    for part in ["/blobs/uploads/1", "/manifests/v1"] {
        let other = other.clone();
        scene.other.rule(move |_, message| {
            let answer = || Deed::Answer(status(201).with("Docker-Content-Digest", &other));
            (message.method() == "PUT" && message.target().contains(part)).then(answer)
        });
        assert!(scene.copy(&client(8)).unwrap_err().contains("another digest"));
    }
}

#[test]
fn what_is_too_large_or_never_ends_is_not_read_to_its_end() {
    let scene = Scene::new();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {IMAGE}\r\n\r\n").into_bytes();
    let endless = move || Deed::Raw(head.clone(), Some(vec![b' '; 1 << 16]));
    scene.one.rule(always("/manifests/", endless.clone()));
    let error = client(8).manifest(&scene.from).unwrap_err().to_string();
    assert!(error.contains("larger than 4194304 bytes"), "{error}");
    scene.one.rule(always("/tags/", endless.clone()));
    let error = client(8).tags(&scene.from.repository).unwrap_err().to_string();
    assert!(error.contains("larger than 4194304 bytes"), "{error}");
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: {IMAGE}\r\nContent-Length: 100000000\r\n\r\n").into_bytes();
    scene.one.rule(always("/manifests/", move || Deed::Raw(head.clone(), Some(vec![b' '; 1 << 16]))));
    assert!(client(8).manifest(&scene.from).unwrap_err().to_string().contains("larger than"));
    for header in [b"X-Endless: ".to_vec(), b"X: y\r\nX: y\r\n".to_vec()] {
        let piece = header.clone();
        scene.one.rule(always("/manifests/", move || {
            Deed::Raw([b"HTTP/1.1 200 OK\r\n", &*header].concat(), Some(piece.repeat(1000)))
        }));
        let started = Instant::now();
        assert!(client(1).look(&scene.from).is_err());
        assert!(started.elapsed() < Duration::from_secs(5));
    }
    // Every tag at once, whatever is asked for, and one is added in the meantime.
    let mut pages = 0;
    scene.one.rule(move |_, request| {
        let tags = if pages == 0 { r#"{"tags": ["v1", "v9"]}"# } else { r#"{"tags": ["v1", "v5", "v9"]}"# };
        request.target().contains("/tags/").then(|| {
            pages += 1;
            Deed::Answer(status(200).body(tags))
        })
    });
    assert_eq!(client(8).tags(&scene.from.repository).unwrap(), ["v1", "v5", "v9"]);
    // Pages that lead to themselves: what other tags there are is not known, and who deletes must not take these for all.
    for last in ["v1", "v2"] {
        let link = format!("</v2/a/b/tags/list?last={last}>; rel=\"next\"");
        let page = move || status(200).with("Link", &link).body(r#"{"tags": ["v1"]}"#);
        scene.one.rule(always("/tags/", move || Deed::Answer(page())));
        let error = client(8).tags(&scene.from.repository).unwrap_err().to_string();
        assert!(error.contains("names a page of tags again as the next one"), "{error}");
        assert!(scene.one.seen().len() < 4);
    }
    // So is a page that is missing.
    scene.one.rule(|nth, request| {
        let link = "</v2/a/b/tags/list?last=v1>; rel=\"next\"";
        let first = nth == 1 && request.target().contains("/tags/");
        let page = || status(200).with("Link", link).body(r#"{"tags": ["v1"]}"#);
        let missing = || status(404).body(r#"{"errors": [{"code": "NAME_UNKNOWN"}]}"#);
        Some(Deed::Answer(if first { page() } else { missing() }))
    });
    let error = client(8).tags(&scene.from.repository).unwrap_err().to_string();
    assert!(error.contains("a page of its tags is missing"), "{error}");
    // An empty page, which names a next one at another host, is not the last.
    scene.one.rule(|nth, _| {
        let link = "<https://inner.invalid/v2/a/b/tags/list?last=v0>; rel=\"next\"";
        (nth == 1).then(|| Deed::Answer(status(200).with("Link", link).body(r#"{"tags": []}"#)))
    });
    assert_eq!(client(8).tags(&scene.from.repository).unwrap(), ["v1"]);
    scene.one.rule(always("/tags/", || Deed::Answer(status(200).body(r#"{"tags": ["v1", "../v2"]}"#))));
    assert!(
        client(8)
            .tags(&scene.from.repository)
            .unwrap_err()
            .to_string()
            .contains("`../v2`, which is not a tag")
    );
}

/// Returns a stand-in for a token service that gives the token `T`, and a file with credentials for a registry.
fn with_login(host: &str) -> (tempfile::TempDir, Registries) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.json");
    let auths = serde_json::json!({ "auths": { host: { "username": "user", "password": "SECRET" } } });
    fs::write(&file, auths.to_string()).unwrap();
    let client = client_of(8, Some(&file));
    (dir, client)
}

/// Returns a rule of a registry that wants a token, and names where it is given.
fn wants_token(realm: String) -> impl FnMut(usize, &Message) -> Option<Deed> + Send {
    move |_, message| {
        let given = message.header("authorization") == Some("Bearer T");
        let challenge = format!("Bearer realm=\"{realm}\",service=\"tests\",scope=\"repository:a/b:pull\"");
        (!given).then(|| Deed::Answer(status(401).with("WWW-Authenticate", challenge)))
    }
}

#[test]
fn a_token_is_asked_for_once_for_each_scope_and_renewed_when_it_ends() {
    let (scene, service) = (Scene::new(), StandIn::start());
    service.rule(|_, _| Some(Deed::Answer(status(200).body(r#"{"access_token": "T", "expires_in": 300}"#))));
    for standin in [&scene.one, &scene.other] {
        standin.rule(wants_token(format!("http://127.0.0.1:{}/token", service.port)));
    }
    let (_dir, client) = with_login(scene.from.repository.host().name());
    client.copy(&scene.from, &scene.to, &NoProgress).unwrap();
    let tokens = service.seen();
    assert_eq!(tokens.len(), 3, "source pull, target pull and push: {tokens:#?}");
    assert!(
        tokens[0].starts_with("GET /token?service=tests&scope=repository%3Aa%2Fb%3Apull&account=user"),
        "{tokens:?}"
    );
    let keys: Vec<Option<String>> = service
        .kept
        .lock()
        .unwrap()
        .seen
        .iter()
        .map(|ask| ask.header("authorization").map(str::to_owned))
        .collect();
    assert_eq!((keys[0].as_deref(), keys[1].as_deref()), (Some("Basic dXNlcjpTRUNSRVQ="), None));
    // The registry forgets every token: the next request gets another.
    let mut forgotten = false;
    let challenge = format!("Bearer realm=\"http://127.0.0.1:{}/token\"", service.port);
    scene.one.rule(move |_, _| {
        let first = !std::mem::replace(&mut forgotten, true);
        first.then(|| Deed::Answer(status(401).with("WWW-Authenticate", &challenge)))
    });
    client.look(&scene.from).unwrap().unwrap();
    assert_eq!(service.seen().len(), 4);
}

#[test]
fn credentials_go_to_no_token_service_without_tls_elsewhere() {
    let scene = Scene::new();
    let (_dir, client) = with_login(scene.from.repository.host().name());
    for realm in ["http://registry.invalid/token", "ftp://127.0.0.1/", "token"] {
        scene.one.rule(wants_token(realm.to_owned()));
        let error = client.look(&scene.from).unwrap_err();
        assert!(matches!(error, RegistryError::Realm { .. }), "{error:?}");
        assert!(error.to_string().contains(realm), "{error}");
        assert!(scene.one.kept.lock().unwrap().seen.iter().all(|ask| ask.header("authorization").is_none()));
    }
    let service = StandIn::start();
    scene.one.rule(wants_token(format!("http://127.0.0.1:{}/token", service.port)));
    for (answer, why) in [
        (status(401).body(r#"{"details": "no"}"#), "401 Unauthorized"),
        (status(200).body("{}"), "without a token"),
        (
            status(200).body(format!("{{\"token\": \"{}\"}}", "t".repeat(2 << 20))),
            "larger than 1048576 bytes",
        ),
        (status(302).with("Location", "http://127.0.0.1:1/"), "302"),
    ] {
        service.rule(move |_, _| Some(Deed::Answer(answer.clone())));
        let error = client.look(&scene.from).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(why) && !text.contains("SECRET") && !text.contains("dXNlc"), "{text}");
    }
}

#[test]
fn a_redirect_is_followed_for_blobs_without_credentials_elsewhere() {
    let (scene, store) = (Scene::new(), StandIn::start());
    store.server().put_image("a/b", None, "x");
    let (_dir, client) = with_login(scene.from.repository.host().name());
    let elsewhere = store.port;
    scene.one.rule(move |_, message| {
        if message.header("authorization").is_none() {
            return Some(Deed::Answer(status(401).with("WWW-Authenticate", "Basic realm=\"tests\"")));
        }
        let target = message.target();
        let hop = target.contains("/blobs/") && !target.contains("hop=2");
        let to = if target.contains("hop=1") {
            format!("http://127.0.0.1:{elsewhere}{}", target.split('?').next().unwrap())
        } else {
            format!("{target}?hop=1")
        };
        hop.then(|| Deed::Answer(status(307).with("Location", to)))
    });
    store.rule(|_, _| None);
    client.copy(&scene.from, &scene.to, &NoProgress).unwrap();
    scene.other.is_sound();
    let seen = store.kept.lock().unwrap().seen.clone();
    assert_eq!(seen.len(), 3, "{seen:#?}");
    assert!(seen.iter().all(|ask| ask.header("authorization").is_none()), "{seen:#?}");
}

#[test]
fn a_redirect_that_leads_nowhere_is_an_error() {
    let scene = Scene::new();
    scene.one.rule(|_, message| {
        let to = message.target().to_owned();
        to.contains("/blobs/").then(|| Deed::Answer(status(302).with("Location", to)))
    });
    assert!(scene.fails(&client(8)).contains("redirects more than 5 times"));
    assert!(scene.one.seen().len() < 30);
    scene.one.rule(always("/blobs/", || Deed::Answer(status(302).with("Location", "file:///etc/passwd"))));
    assert!(scene.fails(&client(8)).contains("is not encrypted"));
    scene.one.rule(always("/blobs/", || Deed::Answer(status(302))));
    assert!(scene.fails(&client(8)).contains("to no address"));
    // Nothing else is redirected.
    scene
        .one
        .rule(always("/manifests/", || Deed::Answer(status(302).with("Location", "/v2/a/b/manifests/v2"))));
    assert!(scene.fails(&client(8)).contains("302 Found"));
}

#[test]
fn an_upload_goes_to_another_host_without_credentials() {
    let (scene, store) = (Scene::new(), StandIn::start());
    let (_dir, client) = with_login(scene.to.repository.host().name());
    let elsewhere = store.port;
    scene.other.rule(move |_, message| {
        if message.header("authorization").is_none() {
            return Some(Deed::Answer(status(401).with("WWW-Authenticate", "Basic realm=\"tests\"")));
        }
        let to = format!("http://127.0.0.1:{elsewhere}/v2/c/d/blobs/uploads/7?signed=yes");
        (message.method() == "POST").then(|| Deed::Answer(status(202).with("Location", to)))
    });
    store.rule(|_, _| None);
    client.copy(&scene.from, &scene.to, &NoProgress).unwrap();
    let seen = store.kept.lock().unwrap().seen.clone();
    assert!(seen.iter().all(|ask| ask.header("authorization").is_none()) && seen.len() == 3);
    assert!(seen[0].target().contains("?signed=yes&digest=sha256%3A"), "{}", seen[0].target());
    store.is_sound();
}

#[test]
fn what_is_not_a_registry_is_named_instead_of_a_missing_image() {
    let web = StandIn::start();
    web.rule(|_, _| Some(Deed::Answer(status(404).body("<html>not here</html>"))));
    let error = client(8).look(&web.server().image("a/b", "v1")).unwrap_err();
    assert!(matches!(error, RegistryError::NotARegistry { .. }), "{error:?}");
    assert!(!error.to_string().contains("html"), "{error}");
    // Nobody listens: three tries, whatever the patience.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let started = Instant::now();
    let image: Image = format!("127.0.0.1:{port}/a/b:v1").parse().unwrap();
    let error = client(60).look(&image).unwrap_err();
    assert!(matches!(error, RegistryError::Unreachable { .. }), "{error:?}");
    assert!(error.class().hint.unwrap().contains("http://") && started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_registry_without_digests_in_headers_is_read_to_know_them() {
    let scene = Scene::new();
    let known = client(5).look(&scene.from).unwrap().unwrap();
    let bytes = client(5).manifest(&scene.from).unwrap().bytes;
    let answer =
        move || status(200).with("Content-Type", format!("{IMAGE}; charset=utf-8")).body(bytes.clone());
    scene
        .one
        .rule(move |_, message| message.target().contains("/manifests/").then(|| Deed::Answer(answer())));
    assert_eq!(client(5).look(&scene.from).unwrap(), Some(known));
    assert_eq!(scene.one.seen().len(), 2);
}

#[test]
fn an_index_that_names_too_much_is_refused() {
    let scene = Scene::new();
    let server = scene.one.server();
    let mut child = server.put_image("a/b", None, "x");
    for depth in 0..6 {
        let text = format!("{{\"manifests\": [{child}]}}");
        server.put_manifest("a/b", &format!("deep{depth}"), super::scene::INDEX, &text);
        child = super::scene::descriptor(super::scene::INDEX, text.as_bytes());
    }
    let from = server.image("a/b", "deep5");
    let error = client(8).copy(&from, &scene.to, &NoProgress).unwrap_err().to_string();
    assert!(error.contains("more than 4 deep"), "{error}");
    client(8).copy(&server.image("a/b", "deep1"), &scene.to, &NoProgress).unwrap();
    let text = format!("{{\"manifests\": [{}]}}", child.replace("\"size\":", "\"size\":1"));
    server.put_manifest("a/b", "sizes", super::scene::INDEX, &text);
    let error =
        client(8).copy(&server.image("a/b", "sizes"), &scene.to, &NoProgress).unwrap_err().to_string();
    assert!(error.contains("another size"), "{error}");
}

#[test]
fn layers_that_are_in_no_registry_are_left_out() {
    let scene = Scene::new();
    let server = scene.one.server();
    let layer = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let foreign =
        super::scene::descriptor(layer, b"elsewhere").replace('}', ", \"urls\": [\"https://x.invalid/l\"]}");
    let config = server.put_blob("a/b", "application/vnd.oci.image.config.v1+json", b"{}");
    let text = format!("{{\"config\": {config}, \"layers\": [{foreign}]}}");
    let digest = server.put_manifest("a/b", "foreign", IMAGE, &text);
    let copied = client(8).copy(&server.image("a/b", "foreign"), &scene.to, &NoProgress).unwrap();
    assert_eq!((copied.digest, copied.sent, copied.foreign), (digest, 1, 1));
}

#[test]
fn a_wish_to_stop_ends_a_wait_and_a_copy() {
    let scene = Scene::new();
    scene.one.rule(always("/blobs/", || Deed::Answer(status(503).with("Retry-After", 60))));
    let stop = CancelToken::new();
    let client = Registries::with("60".parse().unwrap(), Credentials::in_files([]), stop.clone()).unwrap();
    let started = Instant::now();
    std::thread::scope(|scope| {
        let copying = scope.spawn(|| client.copy(&scene.from, &scene.to, &NoProgress));
        std::thread::sleep(Duration::from_millis(500));
        stop.flag().store(true, Ordering::Relaxed);
        let error = copying.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}");
    });
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_copy_that_is_whole_needs_no_more_than_its_requests() {
    let scene = Scene::new();
    let digest = scene.one.server().put_index("a/b", "index");
    let (from, to) = (scene.one.server().image("a/b", "index"), scene.other.server().image("c/d", "index"));
    let client = client(20);
    let counted = |repository: &Repository| {
        let _ = repository;
        scene.one.rule(|_, _| None);
        scene.other.rule(|_, _| None);
        client.copy(&from, &to, &NoProgress).unwrap();
        (scene.one.seen().len(), scene.other.seen().len())
    };
    // Four manifests and seven blobs; of the target, a look at each, a beginning and an end of each blob, and the manifests.
    let first = counted(&from.repository);
    is_whole(&scene.other.server(), "c/d", "index", digest);
    assert_eq!(first, (4 + 7, 1 + 1 + 3 + 7 * 3 + 4));
    assert_eq!(counted(&from.repository), (1, 2 + 3));
}
