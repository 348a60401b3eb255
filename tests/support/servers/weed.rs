//! SeaweedFS: all its parts in one process, or each in a process of its own.

use super::process::{Process, data, free_ports, program};
use super::{Engine, s3};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// SeaweedFS in one process; anonymous reads are allowed, as on a public mirror.
pub(crate) fn single() -> Engine {
    let dir = data();
    let secret = uuid::Uuid::new_v4().simple().to_string();
    let config = identities(dir.path(), &secret);
    let names = "s3.port s3.port.grpc s3.port.iceberg s3.port.lance master.port master.port.grpc volume.port \
                 volume.port.grpc filer.port filer.port.grpc admin.port admin.port.grpc metricsPort";
    let names: Vec<&str> = names.split_whitespace().collect();
    let ports = free_ports(names.len());
    let mut command = weed();
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
        .arg(config)
        .args(names.iter().zip(&ports).map(|(name, port)| format!("-{name}={port}")));
    let mut process = Process::start("weed", dir.path(), &mut command);
    let port = ports[0];
    process.until(|| super::answers(port));
    Engine::new("SeaweedFS", "s3://test", port, s3("tests", &secret, "us-east-1"), (process, dir))
}

/// SeaweedFS as a cluster: a master, three servers that store every file twice, a filer, and an S3 gateway.
pub(crate) struct Cluster {
    pub(crate) engine: Arc<Engine>,
    volumes: Vec<(Process, Vec<String>)>,
    dir: tempfile::TempDir,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let dir = data();
        let secret = uuid::Uuid::new_v4().simple().to_string();
        let config = identities(dir.path(), &secret);
        let ports = free_ports(12);
        let mut left = ports.iter();
        let mut pair = move |name: &str| {
            let (port, grpc) = (*left.next().unwrap(), *left.next().unwrap());
            let at = name.to_owned();
            let args = ["-ip=127.0.0.1".to_owned(), format!("-port={port}"), format!("-port.grpc={grpc}")];
            (port, grpc, at, args)
        };
        let make = |below: &str| {
            fs::create_dir_all(dir.path().join(below)).unwrap();
            dir.path().join(below).display().to_string()
        };
        let (master, master_grpc, at, args) = pair("master");
        let mut command = weed();
        command.arg("master").args(args).arg(format!("-mdir={}", make(&at)));
        command.args([
            "-ip.bind=127.0.0.1",
            "-defaultReplication=001",
            "-volumeSizeLimitMB=64",
            "-peers=none",
        ]);
        let mut processes = vec![Process::start("master", dir.path(), &mut command)];
        processes[0].until_listening(master);
        let leader = format!("127.0.0.1:{master}.{master_grpc}");
        let volumes: Vec<(Process, Vec<String>)> = (0..3)
            .map(|number| {
                let (port, _, at, args) = pair(&format!("volume{number}"));
                let mut all =
                    vec!["volume".to_owned(), format!("-dir={}", make(&at)), format!("-master={leader}")];
                all.extend(args);
                all.extend(["-ip.bind=127.0.0.1", "-max=30", "-index=leveldb"].map(str::to_owned));
                let mut process = Process::start(&at, dir.path(), weed().args(&all));
                process.until_listening(port);
                (process, all)
            })
            .collect();
        let (filer, filer_grpc, at, args) = pair("filer");
        let mut command = weed();
        command.arg("filer").args(args).arg(format!("-master={leader}"));
        command.args([format!("-defaultStoreDir={}", make(&at)), "-ip.bind=127.0.0.1".to_owned()]);
        let mut process = Process::start("filer", dir.path(), &mut command);
        process.until_listening(filer);
        processes.push(process);
        let (port, grpc, ..) = pair("s3");
        let mut command = weed();
        command.args(["s3", "-ip.bind=127.0.0.1"]).arg(config.replace("-s3.config", "-config"));
        command.args([format!("-port={port}"), format!("-port.grpc={grpc}")]);
        command
            .args(["-port.iceberg=0", "-port.lance=0"])
            .arg(format!("-filer=127.0.0.1:{filer}.{filer_grpc}"));
        let mut process = Process::start("s3", dir.path(), &mut command);
        process.until(|| super::answers(port));
        processes.push(process);
        let engine =
            Engine::new("a cluster", "s3://test", port, s3("tests", &secret, "us-east-1"), processes);
        Self { engine: Arc::new(engine), volumes, dir }
    }

    /// Kills one of the servers that store the bytes.
    pub(crate) fn kill(&mut self, number: usize) {
        self.volumes[number].0.kill();
    }

    /// Starts it again with its data.
    pub(crate) fn revive(&mut self, number: usize) {
        let (process, args) = &mut self.volumes[number];
        *process = Process::start(&format!("volume{number}"), self.dir.path(), weed().args(&*args));
    }
}

fn weed() -> Command {
    Command::new(program("weed/bin/weed"))
}

/// Writes the permissions, and returns the argument that names the file.
fn identities(dir: &Path, secret: &str) -> String {
    let config = dir.join("s3.json");
    let readers = r#"{"name": "anonymous", "actions": ["Read", "List"]}"#;
    let keys = format!(r#"[{{"accessKey": "tests", "secretKey": "{secret}"}}]"#);
    let tests = format!(
        r#"{{"name": "tests", "credentials": {keys}, "actions": ["Admin", "Read", "Write", "List"]}}"#
    );
    fs::write(&config, format!(r#"{{"identities": [{tests}, {readers}]}}"#)).unwrap();
    format!("-s3.config={}", config.display())
}
