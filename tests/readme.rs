//! The README's commands do what it says.

use std::{fs, path::Path, process::Command};

#[test]
fn the_first_command_of_the_readme_publishes_the_fixture() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let line = readme.lines().find(|line| line.starts_with("cargo run --release -- publish")).unwrap();
    let args: Vec<&str> = line.split_whitespace().skip(4).collect();
    let place = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_mirrorkeep"))
        .env("MIRRORKEEP_MIRROR", place.path().join("mirror"))
        .current_dir(root)
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(place.path().join("mirror/master/centos/latest_build/outputs/iso/bootimage.iso").exists());
}
