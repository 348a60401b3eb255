//! A web server on loopback that serves a directory, and lies about some of its files as a test requires.

use super::http::{Message, Side};
use percent_encoding::percent_decode_str;
use std::fs;
use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How one file is answered.
#[derive(Debug, Clone)]
pub(crate) enum Lie {
    /// With this status.
    Status(u16),
    /// With other bytes.
    Bytes(Vec<u8>),
    /// With its length, and that many bytes of it, after which the connection closes.
    Cut(usize),
    /// With bytes without end.
    Endless,
    /// Not at all.
    Hang,
    /// By naming another address.
    Redirect(String),
}

/// What happens while a client waits.
type Act = Box<dyn FnOnce() + Send>;

/// A web server that serves a directory.
pub(crate) struct Served {
    at: SocketAddr,
    state: Arc<State>,
}

struct State {
    root: PathBuf,
    /// The paths that were asked for.
    asked: Mutex<Vec<String>>,
    /// Ends of paths, and how these are answered.
    lies: Mutex<Vec<(String, Lie)>>,
    /// Ends of paths, and what happens once, before such a path is answered.
    meanwhile: Mutex<Vec<(String, Act)>>,
    ended: AtomicBool,
}

impl Served {
    /// Starts a server.
    pub(crate) fn start(root: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let state = State {
            root: root.to_owned(),
            asked: Mutex::default(),
            lies: Mutex::default(),
            meanwhile: Mutex::default(),
            ended: AtomicBool::new(false),
        };
        let state = Arc::new(state);
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.ended.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.serve(&stream.unwrap()));
            }
        });
        Self { at, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.at)
    }

    /// Answers every path with that end in this way.
    pub(crate) fn lie(&self, end: &str, lie: Lie) -> &Self {
        self.state.lies.lock().unwrap().push((end.to_owned(), lie));
        self
    }

    /// Does something once, in place of another process, just before a path with that end is answered for the first time.
    pub(crate) fn meanwhile(&self, end: &str, act: impl FnOnce() + Send + 'static) -> &Self {
        self.state.meanwhile.lock().unwrap().push((end.to_owned(), Box::new(act)));
        self
    }

    /// Answers truly again.
    pub(crate) fn tell_the_truth(&self) -> &Self {
        self.state.lies.lock().unwrap().clear();
        self
    }

    /// Returns the paths that were asked for since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.state.asked.lock().unwrap())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
        TcpStream::connect(self.at).ok();
    }
}

impl State {
    fn serve(&self, stream: &TcpStream) {
        let mut from = BufReader::new(stream.try_clone().unwrap());
        while let Ok(Some(request)) = Message::read(&mut from, Side::Request) {
            if !self.answer(&request, stream) {
                return;
            }
        }
    }

    /// Answers a request, and returns whether the connection stays open.
    fn answer(&self, request: &Message, mut to: &TcpStream) -> bool {
        let path = percent_decode_str(request.target()).decode_utf8().unwrap().into_owned();
        let path = path.trim_start_matches('/').to_owned();
        self.asked.lock().unwrap().push(path.clone());
        let act = {
            let mut waiting = self.meanwhile.lock().unwrap();
            let nth = waiting.iter().position(|(end, _)| path.ends_with(end));
            nth.map(|nth| waiting.remove(nth).1)
        };
        if let Some(act) = act {
            act();
        }
        let at = self.root.join(path.split('?').next().unwrap_or_default());
        let bytes = if at.is_file() { fs::read(&at).ok() } else { None };
        let lie = self.lies.lock().unwrap().iter().rev().find(|(end, _)| path.ends_with(end)).cloned();
        let whole = |bytes: Vec<u8>| Message::answer(200).body(bytes);
        match (lie.map(|(_, lie)| lie), bytes) {
            (Some(Lie::Status(status)), _) => Message::answer(status).body(Vec::new()).write(&mut to).is_ok(),
            (Some(Lie::Bytes(bytes)), _) | (None, Some(bytes)) => whole(bytes).write(&mut to).is_ok(),
            (Some(Lie::Cut(at)), bytes) => {
                let bytes = bytes.unwrap_or_default();
                let head = Message::answer(200).with("content-length", bytes.len());
                to.write_all(&[&head.bytes()[..], &bytes[..at.min(bytes.len())]].concat()).ok();
                to.shutdown(std::net::Shutdown::Both).ok();
                false
            }
            (Some(Lie::Endless), _) => {
                to.write_all(&Message::answer(200).bytes()).ok();
                let many = vec![b'x'; 65536];
                while to.write_all(&many).is_ok() {}
                false
            }
            (Some(Lie::Hang), _) => {
                while !self.ended.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(20));
                }
                false
            }
            (Some(Lie::Redirect(url)), _) => {
                Message::answer(302).with("location", url).body(Vec::new()).write(&mut to).is_ok()
            }
            (None, None) => Message::answer(404).body(Vec::new()).write(&mut to).is_ok(),
        }
    }
}
