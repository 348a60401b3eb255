//! The commands that are disturbed, each with what comes before it.

use crate::engines::stores::bucket::{Bucket, ONE, TWO};
use std::process::Output;

/// A command, and what must be true of its rerun.
pub(super) struct Story {
    pub(super) name: &'static str,
    /// Makes what it begins with.
    pub(super) begin: fn(&Bucket<'_>),
    /// Returns the command's arguments.
    pub(super) command: fn(&Bucket<'_>) -> Vec<String>,
    /// Returns whether the rerun may end so.
    pub(super) again: fn(&Output) -> bool,
}

pub(super) const ALL: &[Story] = &[
    Story {
        name: "publish",
        begin: |bucket| {
            bucket.publish(ONE);
            // It goes in parts.
            bucket.write("outputs/iso/large.iso", &"large ".repeat(3 << 20));
        },
        command: |bucket| bucket.publishing(TWO),
        again: succeeds,
    },
    Story {
        name: "alias",
        begin: two_builds,
        command: |_| words("alias set master/centos/latest_build 20181205T060000Z --allow-backwards"),
        again: succeeds,
    },
    Story { name: "prune", begin: two_builds, command: |_| words("prune"), again: succeeds },
    Story {
        name: "restore",
        begin: one_in_the_trash,
        command: |_| words("restore master/centos/20181205T060000Z"),
        // What came back already is in the trash no more.
        again: |output| {
            succeeds(output) || String::from_utf8_lossy(&output.stderr).contains("not in the trash")
        },
    },
    Story { name: "sweep", begin: one_in_the_trash, command: |_| words("sweep"), again: succeeds },
];

fn two_builds(bucket: &Bucket<'_>) {
    bucket.publish(ONE);
    bucket.publish(TWO);
}

fn one_in_the_trash(bucket: &Bucket<'_>) {
    two_builds(bucket);
    bucket.ok(&["prune"]);
}

fn succeeds(output: &Output) -> bool {
    output.status.success()
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}
