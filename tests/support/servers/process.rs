//! A server's process: ended with its value, even if a test panics, and by its process ID alone.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server.
pub(crate) struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Process {
    /// Starts a server in a directory, where it writes its log.
    #[track_caller]
    pub(crate) fn start(name: &str, dir: &Path, command: &mut Command) -> Self {
        let log = dir.join(format!("{name}.log"));
        let out = fs::File::options().create(true).append(true).open(&log).unwrap();
        command.current_dir(dir).stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out);
        Self { child: command.spawn().unwrap(), name: name.to_owned(), log }
    }

    /// Waits until something is true.
    #[track_caller]
    pub(crate) fn until(&mut self, ready: impl Fn() -> bool) {
        let started = Instant::now();
        while !ready() {
            let ended = self.child.try_wait().unwrap();
            let late = started.elapsed() > Duration::from_mins(1);
            if ended.is_some() || late {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(5).collect();
                panic!("{} did not start ({ended:?}): {last:#?}", self.name);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until it listens.
    #[track_caller]
    pub(crate) fn until_listening(&mut self, port: u16) {
        self.until(|| TcpStream::connect(("127.0.0.1", port)).is_ok());
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Returns this many free ports.
pub(crate) fn free_ports(count: usize) -> Vec<u16> {
    // Bound at the same time, so that no two are the same.
    let held: Vec<TcpListener> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    held.iter().map(|held| held.local_addr().unwrap().port()).collect()
}

/// Returns a program that `tests/support/servers/install.sh` or `make garage` puts there.
#[track_caller]
pub(crate) fn program(below: &str) -> PathBuf {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/servers").join(below);
    assert!(
        program.exists(),
        "`{}` is missing; `make tools` puts it there, and `make garage` Garage",
        program.display()
    );
    program
}

/// Returns a directory for a server's data below `target/`, removed with its value.
pub(crate) fn data() -> tempfile::TempDir {
    let below = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/servers/data");
    fs::create_dir_all(&below).unwrap();
    tempfile::tempdir_in(below).unwrap()
}
