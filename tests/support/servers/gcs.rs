//! A stand-in for Google Cloud Storage: as much of its XML API as the client uses, kept in memory.
//!
//! Written from the client's requests and Google's pages on the XML API; it is checked by the contract of a store and
//! the stories of the command line. It requires no credentials.

use super::Engine;
use crate::support::http::{Message, Side};
use mirrorkeep::store::Conditions;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::BufReader;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The maximum number of keys on a page of a listing.
const PAGE: usize = 1000;

/// An object, or a part of an unfinished one.
#[derive(Clone, Default)]
struct Object {
    bytes: Vec<u8>,
    generation: u64,
    /// When it was written, in both forms in which it is reported.
    written: Option<chrono::DateTime<chrono::Utc>>,
    headers: Vec<(String, String)>,
}

/// The bucket.
#[derive(Default)]
struct Bucket {
    objects: BTreeMap<String, Object>,
    uploads: BTreeMap<String, (Object, BTreeMap<u32, Vec<u8>>)>,
    /// Whether conditions are ignored.
    lies: bool,
    /// The last number of a version or an upload.
    last: u64,
}

/// A parsed request.
struct Asked<'a> {
    message: &'a Message,
    /// The key; empty for the bucket itself.
    key: String,
    query: BTreeMap<String, String>,
}

/// Starts one that honours conditions, or accepts and ignores them.
pub(crate) fn start(conditions: Conditions) -> Engine {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let bucket =
        Arc::new(Mutex::new(Bucket { lies: conditions == Conditions::Ignored, ..Bucket::default() }));
    // It ends with the process of the tests: it leaves nothing behind.
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let bucket = Arc::clone(&bucket);
            std::thread::spawn(move || serve(stream, &bucket));
        }
    });
    let reach = |port| {
        let account = format!(
            r#"{{"gcs_base_url": "http://127.0.0.1:{port}", "disable_oauth": true, "client_email": "", "private_key": "", "private_key_id": ""}}"#
        );
        vec![("GOOGLE_SERVICE_ACCOUNT_KEY", account), ("GOOGLE_ALLOW_HTTP", "true".to_owned())]
    };
    Engine::new("a stand-in for GCS", "gs://test", port, reach, ())
}

fn serve(stream: TcpStream, bucket: &Mutex<Bucket>) {
    stream.set_nodelay(true).ok();
    let Ok(mut out) = stream.try_clone() else { return };
    let mut from = BufReader::new(stream);
    while let Ok(Some(message)) = Message::read(&mut from, Side::Request) {
        let (path, query) = message.target().split_once('?').unwrap_or((message.target(), ""));
        let path = decoded(path.trim_start_matches('/'));
        let key = path.split_once('/').map_or("", |(_, key)| key).to_owned();
        let query = query.split('&').filter(|pair| !pair.is_empty());
        let query = query.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let query = query.map(|(name, value)| (decoded(name), decoded(&value.replace('+', " ")))).collect();
        let asked = Asked { message: &message, key, query };
        let mut answer = bucket.lock().unwrap().answer(&asked);
        if answer.header("content-length").is_none() {
            answer = answer.body(Vec::new());
        }
        if message.method() == "HEAD" {
            answer.body.clear();
        }
        if answer.write(&mut out).is_err() {
            return;
        }
    }
}

impl Bucket {
    fn answer(&mut self, asked: &Asked<'_>) -> Message {
        let upload = asked.query.get("uploadId").cloned();
        match (asked.message.method(), upload) {
            ("GET", _) if asked.key.is_empty() => self.list(asked),
            ("GET" | "HEAD", _) => self.get(asked),
            ("PUT", Some(upload)) => self.part(asked, &upload),
            ("PUT", None) => self.put(asked),
            ("POST", None) => self.begin(asked),
            ("POST", Some(upload)) => self.complete(asked, &upload),
            ("DELETE", Some(upload)) => Message::answer(self.uploads.remove(&upload).map_or(404, |_| 204)),
            ("DELETE", None) => Message::answer(self.objects.remove(&asked.key).map_or(404, |_| 204)),
            _ => Message::answer(405),
        }
    }

    fn get(&self, asked: &Asked<'_>) -> Message {
        let Some(object) = self.objects.get(&asked.key) else { return Message::answer(404) };
        let size = object.bytes.len();
        let range = asked.message.header("range").map(|range| {
            let (first, last) = range.trim_start_matches("bytes=").split_once('-').unwrap();
            let last = last.parse().map_or(size, |last: usize| size.min(last + 1));
            first.parse::<usize>().unwrap()..last
        });
        let mut answer = match &range {
            Some(range) if range.start >= range.end => return Message::answer(416),
            Some(range) => Message::answer(206)
                .with("content-range", format!("bytes {}-{}/{size}", range.start, range.end - 1)),
            None => Message::answer(200),
        };
        for (name, value) in &object.headers {
            answer = answer.with(name, value);
        }
        let written = object.written.unwrap_or_default().format("%a, %d %b %Y %H:%M:%S GMT");
        object
            .told(answer.with("last-modified", written))
            .body(object.bytes[range.unwrap_or(0..size)].to_vec())
    }

    fn put(&mut self, asked: &Asked<'_>) -> Message {
        let there = self.objects.get(&asked.key).map_or(0, |object| object.generation);
        let wanted = asked.message.header("x-goog-if-generation-match");
        if !self.lies && wanted.is_some_and(|wanted| wanted != there.to_string()) {
            return Message::answer(412);
        }
        let mut object = Object { bytes: asked.message.body.clone(), ..asked.described() };
        if let Some(from) = asked.message.header("x-goog-copy-source") {
            let from = decoded(from.trim_start_matches('/'));
            let Some(old) = self.objects.get(from.split_once('/').unwrap().1) else {
                return Message::answer(404);
            };
            object = old.clone();
        }
        self.keep(&asked.key, object)
    }

    fn keep(&mut self, key: &str, object: Object) -> Message {
        self.last += 1;
        let object = Object { generation: self.last, written: Some(chrono::Utc::now()), ..object };
        let answer = object.told(Message::answer(200));
        self.objects.insert(key.to_owned(), object);
        answer
    }

    fn begin(&mut self, asked: &Asked<'_>) -> Message {
        self.last += 1;
        let upload = format!("upload-{}", self.last);
        self.uploads.insert(upload.clone(), (asked.described(), BTreeMap::new()));
        let text = format!(
            "<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
        );
        Message::answer(200).body(text)
    }

    fn part(&mut self, asked: &Asked<'_>, upload: &str) -> Message {
        let Some((_, parts)) = self.uploads.get_mut(upload) else { return Message::answer(404) };
        let bytes = asked.message.body.clone();
        let answer = Message::answer(200).with("etag", etag(&bytes));
        parts.insert(asked.query["partNumber"].parse().unwrap(), bytes);
        answer
    }

    fn complete(&mut self, asked: &Asked<'_>, upload: &str) -> Message {
        let Some((described, parts)) = self.uploads.remove(upload) else { return Message::answer(404) };
        let named = String::from_utf8_lossy(&asked.message.body).matches("<PartNumber>").count();
        if named != parts.len() {
            return Message::answer(400);
        }
        let bytes: Vec<u8> = parts.into_values().flatten().collect();
        let tag = etag(&bytes);
        let text =
            format!("<CompleteMultipartUploadResult><ETag>{tag}</ETag></CompleteMultipartUploadResult>");
        self.keep(&asked.key, Object { bytes, ..described }).body(text)
    }

    fn list(&self, asked: &Asked<'_>) -> Message {
        let said = |name: &str| asked.query.get(name).cloned().unwrap_or_default();
        let (prefix, delimiter, after) = (said("prefix"), said("delimiter"), said("continuation-token"));
        let after = after.max(said("start-after"));
        let (mut told, mut last, mut more) = (BTreeMap::new(), String::new(), false);
        for (key, object) in self.objects.range(after.clone()..) {
            let Some(below) = key.strip_prefix(&prefix) else { continue };
            let dir = (!delimiter.is_empty()).then(|| below.split_once(&delimiter)).flatten();
            let name = dir.map_or(key.clone(), |(dir, _)| format!("{prefix}{dir}{delimiter}"));
            if *key == after || !after.is_empty() && name <= after || told.contains_key(&name) {
                continue;
            }
            if told.len() == PAGE {
                more = true;
                break;
            }
            last.clone_from(&name);
            told.insert(name.clone(), dir.is_none().then_some(object));
        }
        let mut text = "<ListBucketResult>".to_owned();
        for (name, object) in told {
            let name = name.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            text += &match object {
                None => format!("<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>"),
                Some(object) => {
                    let (size, tag) = (object.bytes.len(), etag(&object.bytes));
                    let written = object.written.unwrap_or_default().to_rfc3339();
                    format!(
                        "<Contents><Key>{name}</Key><Size>{size}</Size><ETag>{tag}</ETag><LastModified>{written}</LastModified></Contents>"
                    )
                }
            };
        }
        if more {
            // A token is opaque to clients; here it is the last listed name, in plain letters.
            text += &format!("<NextContinuationToken>{last}</NextContinuationToken>");
        }
        Message::answer(200).body(text + "</ListBucketResult>")
    }
}

impl Object {
    fn told(&self, answer: Message) -> Message {
        answer.with("etag", etag(&self.bytes)).with("x-goog-generation", self.generation)
    }
}

impl Asked<'_> {
    /// Returns an object with the headers that the request asks for.
    fn described(&self) -> Object {
        let told =
            ["content-type", "cache-control", "content-encoding", "content-language", "content-disposition"];
        let kept = |name: &str| told.contains(&name) || name.starts_with("x-goog-meta-");
        let headers = self.message.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone()));
        Object { headers: headers.filter(|(name, _)| kept(name)).collect(), ..Object::default() }
    }
}

fn etag(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    format!("\"{}\"", digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// Returns text with percent-encoding decoded.
fn decoded(text: &str) -> String {
    let (mut bytes, mut left) = (Vec::new(), text.as_bytes());
    while let Some((first, rest)) = left.split_first() {
        let hex = rest.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                left = &rest[2..];
            }
            None => {
                bytes.push(*first);
                left = rest;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}
