//! A reader who trusts nobody: every build whole, and `latest_build` always there, on a success, never going back.

use super::{STREAMS, World};
use mirrorkeep::model::Digest;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// How often something is looked at before it counts as missing: it may have gone, and come back, meanwhile.
const LOOKS: usize = 4;

/// Looks at everything, again and again.
pub(super) fn read(world: &World) {
    let mut seen = [const { String::new() }; STREAMS.len()];
    while world.goes_on() && world.failures.lock().unwrap().is_empty() {
        // The others need the machine, too.
        std::thread::sleep(Duration::from_millis(10));
        for (stream, newest) in STREAMS.iter().zip(&mut seen) {
            if let Err(why) = latest(world, stream, newest) {
                world.fail(format!("{stream}/latest_build {why}"));
            }
            for build in world.builds(stream) {
                let at = world.at(&format!("{stream}/{build}"));
                world.count("looked at a build");
                if let Err(why) = steadily(|| whole(&at), || inode(&at)) {
                    world.fail(format!("{stream}/{build} is there in part: {why}"));
                }
            }
        }
    }
}

/// Fails when a look fails again and again though the thing that is looked at stays the same.
fn steadily<T: PartialEq>(
    look: impl Fn() -> Result<(), String>,
    same: impl Fn() -> Option<T>,
) -> Result<(), String> {
    let mut result = Ok(());
    for _ in 0..LOOKS {
        let before = same();
        result = look();
        if result.is_ok() || before.is_none() || same() != before {
            return Ok(());
        }
    }
    result
}

fn inode(at: &Path) -> Option<u64> {
    fs::symlink_metadata(at).ok().map(|meta| meta.ino())
}

fn latest(world: &World, stream: &str, newest: &mut String) -> Result<(), String> {
    let link = world.at(&format!("{stream}/latest_build"));
    let text = || fs::read_link(&link).ok().map(|text| text.to_str().unwrap().to_owned());
    // It is replaced in one step, so that it is there at every look.
    let now = text().ok_or("is not there")?;
    if now < *newest {
        return Err(format!("went back from {newest} to {now}"));
    }
    newest.clone_from(&now);
    let success = || {
        let there = link.with_file_name(&now).join("outputs/success").exists();
        if there { Ok(()) } else { Err(format!("leads to {now}, which is no success")) }
    };
    steadily(success, text)
}

/// Fails when a file of a build is missing, too much, or other than its checksum says.
fn whole(build: &Path) -> Result<(), String> {
    let read = |at: &Path| fs::read(at).map_err(|error| format!("{}: {error}", at.display()));
    let sums = String::from_utf8(read(&build.join("SHA256SUMS"))?).unwrap();
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").ok_or_else(|| format!("`{line}` is no checksum"))?;
        if Digest::of(&read(&build.join(name))?).to_string() != sum {
            return Err(format!("{name} is not as its checksum says"));
        }
    }
    let files = count(build).map_err(|error| error.to_string())?;
    let named = sums.lines().count() + 1;
    if files == named { Ok(()) } else { Err(format!("it has {files} files, and {named} are named")) }
}

fn count(dir: &Path) -> std::io::Result<usize> {
    let mut files = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        files += if entry.file_type()?.is_dir() { count(&entry.path())? } else { 1 };
    }
    Ok(files)
}
