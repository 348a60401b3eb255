//! Notifies the service manager that the service is ready, is alive, or stops (`sd_notify`).
//!
//! Nothing is sent without such a manager. Failures to send are ignored: the manager then does what its unit defines
//! for a silent service.

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The variable that names the socket of the manager.
const VARIABLE: &str = "NOTIFY_SOCKET";

/// Minimum time between two signs of life.
const BETWEEN: Duration = Duration::from_secs(5);

/// The manager of this service, if there is one.
#[derive(Debug)]
pub(super) struct Service {
    to: Option<(UnixDatagram, SocketAddr)>,
    /// When the last sign of life was sent.
    heard: Mutex<Option<Instant>>,
}

impl Service {
    /// Returns the manager that the environment names.
    pub(super) fn new() -> Self {
        let to = std::env::var_os(VARIABLE).and_then(|name| address(&name));
        let to = to.and_then(|to| Some((UnixDatagram::unbound().ok()?, to)));
        Self { to, heard: Mutex::new(None) }
    }

    /// Reports that the service is alive; the first time, that it is ready.
    pub(super) fn beat(&self) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        match *heard {
            None => self.send(b"READY=1\nWATCHDOG=1"),
            Some(last) if last.elapsed() >= BETWEEN => self.send(b"WATCHDOG=1"),
            Some(_) => return,
        }
        *heard = Some(Instant::now());
    }

    /// Reports that the service stops.
    pub(super) fn stopping(&self) {
        self.send(b"STOPPING=1");
    }

    fn send(&self, text: &[u8]) {
        if let Some((socket, to)) = &self.to {
            socket.send_to_addr(text, to).ok();
        }
    }
}

/// Returns the address of a socket: a path, or an abstract name after `@`.
fn address(name: &OsStr) -> Option<SocketAddr> {
    match name.as_bytes().split_first()? {
        (b'@', rest) => SocketAddr::from_abstract_name(rest).ok(),
        (b'/', _) => SocketAddr::from_pathname(Path::new(name)).ok(),
        _ => None,
    }
}
