//! rclone serving a directory as S3: it accepts conditional writes and ignores the condition.

use super::process::{Process, data, free_ports, program};
use super::{Engine, s3};
use std::fs;
use std::process::Command;

pub(crate) fn start() -> Engine {
    let dir = data();
    fs::create_dir_all(dir.path().join("buckets/test")).unwrap();
    let secret = uuid::Uuid::new_v4().simple().to_string();
    let port = free_ports(1)[0];
    let mut command = Command::new(program("rclone/bin/rclone"));
    command
        .args(["serve", "s3", "--vfs-cache-mode=off"])
        .arg(format!("--config={}", dir.path().join("none").display()))
        .arg(format!("--addr=127.0.0.1:{port}"))
        .arg(format!("--auth-key=tests,{secret}"))
        .arg(dir.path().join("buckets"));
    let mut process = Process::start("rclone", dir.path(), &mut command);
    process.until(|| super::answers(port));
    Engine::new("rclone serve s3", "s3://test", port, s3("tests", &secret, "us-east-1"), (process, dir))
}
