//! A receiver of events: a web server on loopback that answers as a test requires and keeps the requests.

use super::http::{Message, Side};
use std::collections::VecDeque;
use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How one request is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum How {
    /// With this status and body.
    Status(u16, &'static str),
    /// With this status and header.
    Header(u16, &'static str, String),
    /// Not at all, for this time.
    Hang(Duration),
    /// With bytes that are not an answer.
    Garbage,
    /// By closing the connection.
    Close,
    /// With status 200 and a body of this many megabytes.
    Huge(u16, usize),
    /// With this many headers.
    Headers(usize),
    /// With status 200 and a body that never ends.
    Drip,
}

/// A web server that keeps the requests that it accepted.
pub(crate) struct Receiver {
    at: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Every request that arrived.
    all: Mutex<Vec<Message>>,
    /// Those that were answered with 200.
    accepted: Mutex<Vec<Message>>,
    answers: Mutex<VecDeque<How>>,
    /// The answer to requests without one of their own.
    then: Mutex<Option<How>>,
    ended: AtomicBool,
}

impl Receiver {
    /// Starts a receiver that accepts everything.
    pub(crate) fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn on(listener: TcpListener) -> Self {
        let at = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.ended.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.serve(stream.unwrap()));
            }
        });
        Self { at, state }
    }

    /// Answers the next requests in this way.
    pub(crate) fn answers(&self, how: impl IntoIterator<Item = How>) -> &Self {
        self.state.answers.lock().unwrap().extend(how);
        self
    }

    /// Answers all requests without an answer of their own in this way.
    pub(crate) fn then(&self, how: Option<How>) -> &Self {
        *self.state.then.lock().unwrap() = how;
        self
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.at)
    }

    pub(crate) fn all(&self) -> Vec<Message> {
        self.state.all.lock().unwrap().clone()
    }

    pub(crate) fn accepted(&self) -> Vec<Message> {
        self.state.accepted.lock().unwrap().clone()
    }

    /// Returns the numbers of the accepted events, in the order in which they arrived.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.accepted().iter().map(number).collect()
    }

    /// Waits until this many requests arrived, whatever was answered.
    #[track_caller]
    pub(crate) fn wait_for_requests(&self, count: usize) {
        let began = Instant::now();
        while self.state.all.lock().unwrap().len() < count {
            assert!(began.elapsed() < Duration::from_mins(1), "only {} came", self.all().len());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until this many events were accepted.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize) {
        let began = Instant::now();
        while self.state.accepted.lock().unwrap().len() < count {
            assert!(began.elapsed() < Duration::from_mins(1), "only {:?} came", self.numbers());
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
        TcpStream::connect(self.at).ok();
    }
}

/// Returns the number of the event of a request.
pub(crate) fn number(message: &Message) -> u64 {
    message.header("webhook-id").unwrap().rsplit_once('/').unwrap().1.parse().unwrap()
}

impl State {
    fn serve(&self, stream: TcpStream) {
        let mut from = BufReader::new(stream.try_clone().unwrap());
        let mut to = stream;
        while let Ok(Some(message)) = Message::read(&mut from, Side::Request) {
            self.all.lock().unwrap().push(message.clone());
            let how = self.answers.lock().unwrap().pop_front().or_else(|| self.then.lock().unwrap().clone());
            let how = how.unwrap_or(How::Status(200, ""));
            if matches!(how, How::Status(200, _) | How::Huge(200, _) | How::Drip) {
                self.accepted.lock().unwrap().push(message);
            }
            if !answer(&how, &mut to) {
                return;
            }
        }
    }
}

/// Answers a request; returns whether the connection can be used again.
fn answer(how: &How, to: &mut TcpStream) -> bool {
    match how {
        How::Status(status, body) => Message::answer(*status).body(*body).write(to).is_ok(),
        How::Header(status, name, value) => {
            Message::answer(*status).with(name, value).body("").write(to).is_ok()
        }
        How::Hang(time) => {
            thread::sleep(*time);
            false
        }
        How::Garbage => {
            to.write_all(b"\x00\xff no answer at all \r\n\r\n").ok();
            false
        }
        How::Close => false,
        How::Huge(status, megabytes) => {
            let length = megabytes << 20;
            let head = format!("HTTP/1.1 {status} As told\r\ncontent-length: {length}\r\n\r\n");
            let mut done = to.write_all(head.as_bytes());
            for _ in 0..*megabytes {
                done = done.and_then(|()| to.write_all(&vec![b'x'; 1 << 20]));
            }
            done.is_ok()
        }
        How::Headers(count) => {
            let headers: String =
                (0..*count).map(|nth| format!("x-{nth}: {}\r\n", "y".repeat(100))).collect();
            to.write_all(format!("HTTP/1.1 200 As told\r\n{headers}content-length: 0\r\n\r\n").as_bytes())
                .is_ok()
        }
        How::Drip => {
            let mut done = to.write_all(b"HTTP/1.1 200 As told\r\ntransfer-encoding: chunked\r\n\r\n");
            while done.is_ok() {
                thread::sleep(Duration::from_millis(20));
                done = to.write_all(b"1\r\nx\r\n");
            }
            false
        }
    }
}
