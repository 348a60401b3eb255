//! Every request of a copy broken in turn, in every way, and connections that are cut after some bytes: nothing wrong is ever
//! completed, and another call ends where an undisturbed one does.

use super::scene::{Server, client, is_whole, repository};
use super::standin::StandIn;
use crate::faults::network::proxy::{FAULTS, Fault, Plan, Proxy};
use mirrorkeep::model::Digest;
use mirrorkeep::progress::NoProgress;
use mirrorkeep::registry::{Copied, RegistryError};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Mutex;

/// How many points are tried at once: most of the time is spent waiting.
const AT_ONCE: usize = 6;

/// Which side is disturbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Source,
    Target,
}

struct Scene {
    source: Server,
    target: StandIn,
    digest: Digest,
}

impl Scene {
    fn new() -> Self {
        let source = StandIn::start().server();
        let digest = source.put_index("a/b", "v1");
        Self { source, target: StandIn::start(), digest }
    }

    /// Copies between ports to a repository, with so many seconds of patience.
    fn copy(from: u16, to: u16, name: &str, patience: u16) -> Result<Copied, RegistryError> {
        let (from, to) = (repository(from, "a/b").tagged("v1"), repository(to, name).tagged("v1"));
        client(patience).copy(&from.unwrap(), &to.unwrap(), &NoProgress)
    }

    /// Copies by way of a port in front of one side, and then without it.
    fn comes_right(&self, side: Side, port: u16, name: &str, patience: u16) -> Result<Copied, RegistryError> {
        let (from, to) = (self.source.port, self.target.port);
        let first = match side {
            Side::Source => Self::copy(port, to, name, patience),
            Side::Target => Self::copy(from, port, name, patience),
        };
        self.target.is_sound();
        if first.is_ok() {
            is_whole(&self.target.server(), name, "v1", self.digest);
        } else if self.target.kept.lock().unwrap().tags.contains_key(&(name.to_owned(), "v1".to_owned())) {
            // A tag, whose answer was lost, leads to a whole image.
            is_whole(&self.target.server(), name, "v1", self.digest);
        }
        assert_eq!(Self::copy(from, to, name, 20).unwrap().digest, self.digest);
        is_whole(&self.target.server(), name, "v1", self.digest);
        first
    }
}

/// Does something for each point, several at once.
fn each<T: Send>(points: Vec<T>, act: impl Fn(usize, T) + Sync) {
    let left = Mutex::new(points.into_iter().enumerate());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((number, point)) = left.lock().unwrap().next() else { return };
                    act(number, point);
                }
            });
        }
    });
}

fn stride(usual: usize) -> usize {
    if std::env::var_os("MIRRORKEEP_TORTURE").is_some() { 1 } else { usual }
}

#[test]
fn a_request_of_a_copy_that_breaks_costs_another_try_and_nothing_else() {
    let scene = Scene::new();
    let counts = [Side::Source, Side::Target].map(|side| {
        let upstream = if side == Side::Source { scene.source.port } else { scene.target.port };
        let proxy = Proxy::start(upstream, None);
        scene.comes_right(side, proxy.port, &format!("count/{}", proxy.port), 20).unwrap();
        (side, upstream, proxy.seen().len())
    });
    let mut points = Vec::new();
    for (side, upstream, count) in counts {
        assert!(count > 10, "{side:?}: {count}");
        for first in 1..=count {
            points.extend(FAULTS.map(|fault| (side, upstream, Plan { first, count: 1, fault })));
            // It does not come back while the call lasts.
            points.push((side, upstream, Plan { first, count: usize::MAX / 2, fault: Fault::Cut }));
            points.push((side, upstream, Plan { first, count: usize::MAX / 2, fault: Fault::Half }));
        }
    }
    let points: Vec<_> = points.into_iter().step_by(stride(5)).collect();
    each(points, |number, (side, upstream, plan)| {
        let proxy = Proxy::start(upstream, Some(plan));
        let once = plan.count == 1;
        // An answer is late after a second and a half, and the silence that is waited for is a quarter of the patience.
        let first =
            scene.comes_right(side, proxy.port, &format!("point/p{number}"), if once { 4 } else { 1 });
        assert!(!once || first.is_ok(), "{side:?} {plan:?}: {first:?}");
        assert!(once || first.is_err(), "{side:?} {plan:?}: {first:?}");
    });
}

#[test]
fn a_connection_that_is_cut_after_some_bytes_leaves_nothing_wrong() {
    let scene = Scene::new();
    let sizes = [1, 100, 300, 1000, 5000, 20_000, 70_000, 150_000, 300_000];
    let points = sizes.iter().flat_map(|&most| [(Side::Source, most), (Side::Target, most)]).collect();
    each(points, |number, (side, most): (Side, u64)| {
        let upstream = if side == Side::Source { scene.source.port } else { scene.target.port };
        let port = cutting(upstream, most);
        let first = scene.comes_right(side, port, &format!("cut/p{number}"), 1);
        // Every layer has more bytes than that.
        assert!(first.is_err(), "{side:?} {most}: {first:?}");
    });
}

/// Passes on so many bytes of each connection in each direction, and cuts it.
fn cutting(upstream: u16, most: u64) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || pass(&stream, upstream, most).ok());
        }
    });
    port
}

fn pass(client: &TcpStream, upstream: u16, most: u64) -> io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", upstream))?;
    let one_way = move |from: TcpStream, mut to: TcpStream| {
        let mut from = from.take(most);
        let mut piece = [0; 512];
        while let Ok(read @ 1..) = from.read(&mut piece) {
            if to.write_all(&piece[..read]).is_err() {
                break;
            }
        }
        from.get_ref().shutdown(Shutdown::Both).ok();
        to.shutdown(Shutdown::Both).ok();
    };
    let (from, to) = (client.try_clone()?, server.try_clone()?);
    let back = std::thread::spawn(move || one_way(to, from));
    one_way(client.try_clone()?, server);
    back.join().ok();
    Ok(())
}
