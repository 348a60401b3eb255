//! A proxy that stands in front of a server, counts the requests, and breaks the one that it is told to.

use crate::support::http::{Message, Side};
use std::io::{self, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection is cut before the server hears of it.
    Cut,
    /// The server does it, and the connection is cut before the answer.
    Lost,
    /// The server does it, and the connection is cut in the middle of the answer.
    Half,
    /// The server is not asked, and the answer is an error of that status.
    Status(u16),
    /// The server does it, and the answer comes after longer than anybody waits.
    Late,
}

/// Every fault that there is.
pub(crate) const FAULTS: [Fault; 6] =
    [Fault::Cut, Fault::Lost, Fault::Half, Fault::Status(500), Fault::Status(503), Fault::Late];

/// How long an answer that comes too late takes; the tests have less patience.
const LATE: Duration = Duration::from_millis(1500);

/// Which requests are broken, counted from one, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) first: usize,
    pub(crate) count: usize,
    pub(crate) fault: Fault,
}

/// What a proxy has seen and is to do.
#[derive(Debug)]
struct Shared {
    upstream: u16,
    plan: Option<Plan>,
    seen: Mutex<Vec<String>>,
    over: AtomicBool,
}

/// A proxy, for as long as its value lives.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Starts a proxy in front of a port.
    pub(crate) fn start(upstream: u16, plan: Option<Plan>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Shared { upstream, plan, seen: Mutex::default(), over: AtomicBool::new(false) };
        let shared = Arc::new(shared);
        let each = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if each.over.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&each);
                // A connection that breaks is what we are here for.
                std::thread::spawn(move || shared.serve(stream).ok());
            }
        });
        Self { port, shared }
    }

    /// Returns the requests so far, as their first lines.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.shared.seen.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        TcpStream::connect(("127.0.0.1", self.port)).ok();
    }
}

impl Shared {
    /// Serves one connection until it ends or is cut.
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut out = stream.try_clone()?;
        let mut from = BufReader::new(stream);
        while let Some(request) = Message::read(&mut from, Side::Request)? {
            let nth = {
                let mut seen = self.seen.lock().unwrap();
                seen.push(request.first.clone());
                seen.len()
            };
            let plan = self.plan.filter(|plan| (plan.first..plan.first + plan.count).contains(&nth));
            match plan.map(|plan| plan.fault) {
                None => self.ask(&request)?.write(&mut out)?,
                Some(Fault::Cut) => return Ok(()),
                Some(Fault::Lost) => return self.ask(&request).map(drop),
                Some(Fault::Half) => {
                    let bytes = self.ask(&request)?.bytes();
                    out.write_all(&bytes[..bytes.len() / 2])?;
                    return Ok(());
                }
                Some(Fault::Status(status)) => Message::answer(status).body("broken").write(&mut out)?,
                Some(Fault::Late) => {
                    let answer = self.ask(&request)?;
                    std::thread::sleep(LATE);
                    answer.write(&mut out)?;
                }
            }
        }
        Ok(())
    }

    /// Has the server do it, on a connection of its own.
    fn ask(&self, request: &Message) -> io::Result<Message> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.upstream))?;
        stream.set_nodelay(true)?;
        request.write(&mut stream)?;
        let side = if request.method() == "HEAD" { Side::HeadAnswer } else { Side::Answer };
        let answer = Message::read(&mut BufReader::new(stream), side)?;
        answer.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}
