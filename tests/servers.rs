//! Real servers on loopback, started by a test and ended with it.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// SeaweedFS with all its parts in one process, serving S3; everybody may read, as on a public mirror.
pub(crate) struct Weed {
    process: Child,
    _dir: tempfile::TempDir,
    port: u16,
    secret: String,
}

impl Weed {
    /// Starts it and waits until it answers.
    #[track_caller]
    pub(crate) fn start() -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/servers/weed/bin/weed");
        assert!(program.exists(), "SeaweedFS is missing; tests/servers/install.sh puts it there");
        let dir = tempfile::tempdir().unwrap();
        let secret = uuid::Uuid::new_v4().simple().to_string();
        let config = dir.path().join("s3.json");
        let readers = r#"{"name": "anonymous", "actions": ["Read"]}"#;
        let keys = format!(r#"[{{"accessKey": "tests", "secretKey": "{secret}"}}]"#);
        let tests = format!(
            r#"{{"name": "tests", "credentials": {keys}, "actions": ["Admin", "Read", "Write", "List"]}}"#
        );
        fs::write(&config, format!(r#"{{"identities": [{tests}, {readers}]}}"#)).unwrap();
        let names = "s3.port s3.port.grpc s3.port.iceberg s3.port.lance master.port master.port.grpc volume.port \
                     volume.port.grpc filer.port filer.port.grpc admin.port admin.port.grpc metricsPort";
        // Held together, so that no two are the same.
        let free: Vec<TcpListener> =
            names.split_whitespace().map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<u16> = free.iter().map(|held| held.local_addr().unwrap().port()).collect();
        drop(free);
        let log = fs::File::create(dir.path().join("log")).unwrap();
        let mut command = Command::new(program);
        command
            .args([
                "mini",
                "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1",
                "-bucket=test",
                "-admin.ui=false",
                "-webdav=false",
            ])
            .arg(format!("-dir={}", dir.path().display()))
            .arg(format!("-s3.config={}", config.display()))
            .args(names.split_whitespace().zip(&ports).map(|(name, port)| format!("-{name}={port}")))
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let weed = Self { process: command.spawn().unwrap(), _dir: dir, port: ports[0], secret };
        let started = Instant::now();
        while !weed.get("").is_ok_and(|(head, _)| head.contains(" 403 ") || head.contains(" 200 ")) {
            assert!(started.elapsed() < Duration::from_mins(1), "SeaweedFS did not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        weed
    }

    /// Returns a command of the binary on the mirror `name` in its bucket.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorkeep"));
        command
            .env("AWS_ACCESS_KEY_ID", "tests")
            .env("AWS_SECRET_ACCESS_KEY", &self.secret)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ENDPOINT", format!("http://127.0.0.1:{}", self.port))
            .env("AWS_ALLOW_HTTP", "true")
            .arg("--mirror")
            .arg(format!("s3://test/{name}"));
        command
    }

    /// Returns head and body of what a reader without any key is answered.
    pub(crate) fn get(&self, path: &str) -> std::io::Result<(String, Vec<u8>)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        write!(stream, "GET /test/{path} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\n\r\n", self.port)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(answer.len());
        let body = answer.get(end + 4..).unwrap_or_default().to_vec();
        Ok((String::from_utf8_lossy(&answer[..end]).into_owned(), body))
    }
}

impl Drop for Weed {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
