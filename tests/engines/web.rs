//! Real servers on loopback, and what they answer.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that a test started; it ends with the value.
pub(crate) struct Running {
    process: Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Running {
    /// Starts a program that listens to a free port and waits until it answers.
    #[track_caller]
    pub(crate) fn start(program: &str, configure: impl Fn(&Path, u16) -> Vec<String>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let args = configure(dir.path(), port);
        let log = fs::File::create(dir.path().join("log")).unwrap();
        let mut command = Command::new(at(program));
        command.args(args).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut process = command.spawn().unwrap();
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = process.try_wait().unwrap();
            let log = || fs::read_to_string(dir.path().join("log")).unwrap();
            assert!(ended.is_none() && started.elapsed() < Duration::from_mins(1), "{program}: {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { process, port, _dir: dir }
    }

    /// Returns the port on loopback.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns the id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Returns the head and the body of an answer.
    pub(crate) fn get(&self, path: &str) -> (String, Vec<u8>) {
        self.ask(path, "")
    }

    /// Returns the head and the body of the answer to a request with more lines in its head.
    pub(crate) fn ask(&self, path: &str, more: &str) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: mirror\r\n{more}\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        (String::from_utf8_lossy(&answer[..end]).into_owned(), answer[end + 4..].to_vec())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Writes the settings of nginx to a directory, and returns its arguments: what is at the top, and what is in `http`.
pub(crate) fn nginx_in(dir: &Path, top: &str, http: &str) -> Vec<String> {
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary: String = temporary.iter().map(|name| format!("{name}_temp_path {name};\n")).collect();
    let text = format!(
        "{top} daemon off; pid nginx.pid; error_log stderr;\nevents {{}}\nhttp {{ access_log off; {temporary}{http} }}\n"
    );
    fs::write(dir.join("nginx.conf"), text).unwrap();
    let dir = dir.display().to_string();
    ["-p", &*dir, "-e", "stderr", "-c", "nginx.conf"].map(str::to_owned).to_vec()
}

/// Returns where a program is.
#[track_caller]
pub(crate) fn at(program: &str) -> PathBuf {
    let paths = std::env::var("PATH").unwrap() + ":/usr/sbin";
    let found = paths.split(':').map(|dir| Path::new(dir).join(program)).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("`{program}` is missing; `make tools` installs it"))
}

/// Returns a text as it stands in a URL.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
