//! A stand-in for a registry, in memory: it checks no digest of what it is sent, and answers as a rule of the test says.

use super::scene::Server;
use crate::support::http::{Message, Side};
use mirrorkeep::model::Digest;
use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What becomes of a request instead of its work.
pub(super) enum Deed {
    /// It is answered with this.
    Answer(Message),
    /// It is done after a while.
    Late(Duration),
    /// It is done, and the connection is cut before the answer.
    Lost,
    /// This is sent and the connection is cut; an answer of bytes without end goes on with the second until nobody reads it.
    Raw(Vec<u8>, Option<Vec<u8>>),
}

/// Chooses what becomes of a request by its number, counted from one.
type Rule = Box<dyn FnMut(usize, &Message) -> Option<Deed> + Send>;

/// Blobs and manifests by repository and digest, tags by repository and name.
pub(super) type State = (
    BTreeMap<(String, String), Vec<u8>>,
    BTreeMap<(String, String), (String, Vec<u8>)>,
    BTreeMap<(String, String), String>,
);

/// What it keeps.
#[derive(Default)]
pub(super) struct Kept {
    /// By repository and digest.
    pub(super) blobs: BTreeMap<(String, String), Vec<u8>>,
    pub(super) manifests: BTreeMap<(String, String), (String, Vec<u8>)>,
    pub(super) tags: BTreeMap<(String, String), String>,
    uploads: usize,
    pub(super) seen: Vec<Message>,
    rule: Option<Rule>,
    /// How many tags a page has, and whether it names the next one.
    pub(super) page: Option<(usize, bool)>,
}

/// A stand-in.
#[derive(Clone)]
pub(super) struct StandIn {
    pub(super) port: u16,
    pub(super) kept: Arc<Mutex<Kept>>,
}

impl StandIn {
    /// Starts one; it ends with the process of the tests.
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let kept = Arc::<Mutex<Kept>>::default();
        let each = Arc::clone(&kept);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let kept = Arc::clone(&each);
                std::thread::spawn(move || serve(stream, &kept));
            }
        });
        Self { port, kept }
    }

    /// Returns it as a server of the contract.
    pub(super) fn server(&self) -> Server {
        Server { port: self.port, key: None, _running: Box::new(()) }
    }

    /// Sets what becomes of each request from now on, and counts them again.
    pub(super) fn rule(&self, rule: impl FnMut(usize, &Message) -> Option<Deed> + Send + 'static) {
        let mut kept = self.kept.lock().unwrap();
        kept.seen.clear();
        kept.rule = Some(Box::new(rule));
    }

    /// Returns the requests since the last rule, as method and target.
    pub(super) fn seen(&self) -> Vec<String> {
        let kept = self.kept.lock().unwrap();
        kept.seen.iter().map(|message| format!("{} {}", message.method(), message.target())).collect()
    }

    /// Returns what it keeps.
    pub(super) fn state(&self) -> State {
        let kept = self.kept.lock().unwrap();
        (kept.blobs.clone(), kept.manifests.clone(), kept.tags.clone())
    }

    /// Has it keep this and nothing else.
    pub(super) fn set_state(&self, (blobs, manifests, tags): State) {
        let mut kept = self.kept.lock().unwrap();
        (kept.blobs, kept.manifests, kept.tags) = (blobs, manifests, tags);
    }

    /// Fails if a blob is kept under a digest that is not its own.
    #[track_caller]
    pub(super) fn is_sound(&self) {
        for ((repository, digest), bytes) in &self.kept.lock().unwrap().blobs {
            assert_eq!(&format!("sha256:{}", Digest::of(bytes)), digest, "in {repository}");
        }
    }
}

fn serve(stream: TcpStream, kept: &Mutex<Kept>) {
    stream.set_nodelay(true).ok();
    let Ok(mut out) = stream.try_clone() else { return };
    let mut from = BufReader::new(stream);
    while let Ok(Some(message)) = Message::read(&mut from, Side::Request) {
        let deed = {
            let mut kept = kept.lock().unwrap();
            kept.seen.push(message.clone());
            let nth = kept.seen.len();
            kept.rule.as_mut().and_then(|rule| rule(nth, &message))
        };
        let answer = match deed {
            Some(Deed::Answer(answer)) => answer,
            Some(Deed::Raw(first, then)) => {
                let mut sent = out.write_all(&first);
                while let (Ok(()), Some(then)) = (&sent, &then) {
                    sent = out.write_all(then);
                }
                return;
            }
            Some(Deed::Lost) => {
                drop(kept.lock().unwrap().answer(&message));
                return;
            }
            Some(Deed::Late(time)) => {
                std::thread::sleep(time);
                kept.lock().unwrap().answer(&message)
            }
            None => kept.lock().unwrap().answer(&message),
        };
        let mut answer = if answer.header("content-length").is_none() { answer.body("") } else { answer };
        if message.method() == "HEAD" {
            answer.body.clear();
        }
        if answer.write(&mut out).is_err() {
            return;
        }
    }
}

impl Kept {
    fn answer(&mut self, message: &Message) -> Message {
        let (path, query) = message.target().split_once('?').unwrap_or((message.target(), ""));
        let query: BTreeMap<String, String> =
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let Some(path) = path.strip_prefix("/v2/") else { return Message::answer(404) };
        let parts: Vec<&str> = path.split('/').collect();
        let (method, all) = (message.method(), parts.len());
        if path.is_empty() {
            return Message::answer(200).body("{}");
        }
        let name = |from_end: usize| parts[..all - from_end].join("/");
        match (&parts[all.saturating_sub(3)..], method) {
            ([_, "tags", "list"], "GET") => self.list(&name(2), &query),
            ([_, "manifests", reference], _) => self.manifest(&name(2), reference, message),
            (["blobs", "uploads", ""], "POST") => self.begin(&name(3), &query),
            (["blobs", "uploads", _], "PUT") => {
                self.blobs.insert((name(3), query["digest"].clone()), message.body.clone());
                Message::answer(201).with("Docker-Content-Digest", &query["digest"])
            }
            ([_, "blobs", digest], "GET" | "HEAD") => {
                match self.blobs.get(&(name(2), (*digest).to_owned())) {
                    Some(bytes) => Message::answer(200).body(bytes.clone()),
                    None => Message::answer(404),
                }
            }
            _ => Message::answer(405),
        }
    }

    fn begin(&mut self, repository: &str, query: &BTreeMap<String, String>) -> Message {
        if let (Some(digest), Some(from)) = (query.get("mount"), query.get("from"))
            && let Some(bytes) = self.blobs.get(&(from.clone(), digest.clone())).cloned()
        {
            self.blobs.insert((repository.to_owned(), digest.clone()), bytes);
            return Message::answer(201);
        }
        self.uploads += 1;
        let location = format!("/v2/{repository}/blobs/uploads/{}?state=a%2Fb", self.uploads);
        Message::answer(202).with("Location", location)
    }

    fn manifest(&mut self, repository: &str, reference: &str, message: &Message) -> Message {
        let tag = (repository.to_owned(), reference.to_owned());
        if message.method() == "PUT" {
            let digest = format!("sha256:{}", Digest::of(&message.body));
            let media_type = message.header("content-type").unwrap().to_owned();
            self.manifests.insert((tag.0.clone(), digest.clone()), (media_type, message.body.clone()));
            if !reference.starts_with("sha256:") {
                self.tags.insert(tag, digest.clone());
            }
            return Message::answer(201).with("Docker-Content-Digest", digest);
        }
        let digest = self.tags.get(&tag).cloned().unwrap_or_else(|| reference.to_owned());
        let at = (tag.0, digest);
        if message.method() == "DELETE" {
            if !reference.starts_with("sha256:") {
                return Message::answer(400);
            }
            self.tags.retain(|(repository, _), digest| repository != &at.0 || digest != &at.1);
            return Message::answer(self.manifests.remove(&at).map_or(404, |_| 202));
        }
        match self.manifests.get(&at) {
            Some((media_type, bytes)) => Message::answer(200)
                .with("Docker-Content-Digest", &at.1)
                .with("Content-Type", media_type)
                .body(bytes.clone()),
            None => Message::answer(404),
        }
    }

    fn list(&self, repository: &str, query: &BTreeMap<String, String>) -> Message {
        let all: Vec<&String> =
            self.tags.keys().filter(|(name, _)| name == repository).map(|(_, tag)| tag).collect();
        if all.is_empty() {
            return Message::answer(404).body(r#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#);
        }
        let Some((page, links)) = self.page else {
            return Message::answer(200).body(serde_json::json!({ "tags": all }).to_string());
        };
        let after = query.get("last").cloned().unwrap_or_default();
        let tags: Vec<&String> = all.into_iter().filter(|tag| **tag > after).take(page).collect();
        let answer = Message::answer(200).body(serde_json::json!({ "tags": tags }).to_string());
        match tags.last() {
            Some(last) if links => {
                answer.with("Link", format!("</v2/{repository}/tags/list?last={last}>; rel=\"next\""))
            }
            _ => answer,
        }
    }
}
