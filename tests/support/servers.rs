//! Real servers on loopback, started by a test and stopped with it, and how a mirror in each is reached.
//!
//! `tests/support/servers/install.sh` states what they are and where they come from; `docs/object-store.md` what they
//! honour.

pub(crate) mod azurite;
#[cfg(feature = "garage")]
pub(crate) mod garage;
pub(crate) mod gcs;
pub(crate) mod liar;
pub(crate) mod process;
pub(crate) mod weed;

use crate::support::http::{Message, Side};
use mirrorkeep::store::ObjectStore;
use std::any::Any;
use std::io::BufReader;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

/// The environment of a command if the server listens on that port.
type Environment = Vec<(&'static str, String)>;

/// A server with a bucket in it.
pub(crate) struct Engine {
    pub(crate) name: &'static str,
    /// The address of the bucket.
    pub(crate) bucket: &'static str,
    pub(crate) port: u16,
    reach: Box<dyn Fn(u16) -> Environment + Send + Sync>,
    _running: Box<dyn Any + Send + Sync>,
}

impl Engine {
    pub(crate) fn new(
        name: &'static str,
        bucket: &'static str,
        port: u16,
        reach: impl Fn(u16) -> Environment + Send + Sync + 'static,
        running: impl Any + Send + Sync,
    ) -> Self {
        Self { name, bucket, port, reach: Box::new(reach), _running: Box::new(running) }
    }

    /// Returns a command of the binary on a mirror in its bucket.
    pub(crate) fn command(&self, mirror: &str) -> Command {
        self.through(self.port, mirror)
    }

    /// Returns the same through another port, if something is in front of the server.
    pub(crate) fn through(&self, port: u16, mirror: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorkeep"));
        command.envs((self.reach)(port)).arg("--mirror").arg(format!("{}/{mirror}", self.bucket));
        command
    }

    /// Returns the store of a mirror, not probed.
    pub(crate) fn untried(&self, mirror: &str) -> ObjectStore {
        ObjectStore::at_with(&format!("{}/{mirror}", self.bucket), &(self.reach)(self.port)).unwrap()
    }

    /// Returns the store of a mirror, probed.
    pub(crate) fn store(&self, mirror: &str) -> ObjectStore {
        self.untried(mirror).tried_out().unwrap()
    }

    /// Returns the answer to an anonymous reader.
    pub(crate) fn get(&self, path: &str) -> Message {
        get(self.port, &format!("/test/{path}")).unwrap()
    }
}

/// Returns an S3 client for it.
pub(crate) fn s3(key: &str, secret: &str, region: &str) -> impl Fn(u16) -> Environment + Send + Sync + use<> {
    let [key, secret, region] = [key, secret, region].map(str::to_owned);
    move |port| {
        vec![
            ("AWS_ACCESS_KEY_ID", key.clone()),
            ("AWS_SECRET_ACCESS_KEY", secret.clone()),
            ("AWS_REGION", region.clone()),
            ("AWS_ENDPOINT", format!("http://127.0.0.1:{port}")),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
        ]
    }
}

/// Returns whether a server answers, even with a refusal.
pub(crate) fn answers(port: u16) -> bool {
    get(port, "/").is_ok_and(|answer| !answer.first.contains(" 5"))
}

fn get(port: u16, target: &str) -> std::io::Result<Message> {
    ask(port, &Message::request("GET", target).with("Host", format!("127.0.0.1:{port}")))
}

/// Sends a request and returns the answer to it.
fn ask(port: u16, request: &Message) -> std::io::Result<Message> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    request.write(&mut stream)?;
    let answer = Message::read(&mut BufReader::new(stream), Side::Answer)?;
    answer.ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
}
