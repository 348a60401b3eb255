//! Rules for everything that is served, in every layout: kind, mode and name.

use crate::decide::check::{Code, Finding, SeenKind};
use crate::model::{RelPath, folded_name};

/// The longest name that leaves rsync space for its temporary one, in bytes: a dot before it, a dot and six letters
/// after it.
const NAME_MAX: usize = 255 - 8;

/// The longest path that every system accepts below a short root, in bytes.
const PATH_MAX: usize = 1000;

/// Judges the entry at `at`, which must be a regular file, a directory or a link that all users may read.
pub(super) fn judge(kind: &SeenKind, mode: u32, at: impl Fn() -> RelPath, findings: &mut Vec<Finding>) {
    let (needed, what) = match kind {
        SeenKind::File => (0o004, "a file that every user may read"),
        SeenKind::Dir => (0o005, "a directory that every user may list and enter"),
        SeenKind::Link(..) => return,
        SeenKind::Other => {
            let expected = "a file, a directory or a symlink";
            findings.push(Finding::new(Code::SpecialFile, at(), "a device, FIFO or socket", expected));
            return;
        }
    };
    let found = || format!("mode {mode:04o}");
    if mode & needed != needed {
        findings.push(Finding::new(Code::NotServed, at(), found(), what));
    }
    // On a directory, set-group-id only determines the group of its files.
    let set_id = if *kind == SeenKind::Dir { 0o4000 } else { 0o6000 };
    if mode & set_id != 0 {
        findings.push(Finding::new(Code::SetId, at(), found(), "no set-id bits"));
    }
    if mode & 0o002 != 0 {
        findings.push(Finding::new(Code::WorldWritable, at(), found(), "no write permission for others"));
    }
}

/// Judges the names in one directory: their length, and whether they differ in more than case and Unicode form.
pub(super) fn names<'a>(dir: &RelPath, names: impl Iterator<Item = &'a str>, findings: &mut Vec<Finding>) {
    let above = if dir.is_root() { 0 } else { dir.as_str().len() + 1 };
    let mut folded: Vec<(u64, &str)> = Vec::with_capacity(names.size_hint().0);
    for name in names {
        if name.len() > NAME_MAX || above + name.len() > PATH_MAX {
            let found = format!("a name of {} bytes in a path of {}", name.len(), above + name.len());
            let expected = format!("at most {NAME_MAX} and {PATH_MAX}");
            findings.push(Finding::new(Code::LongName, dir.child(name).unwrap_or_default(), found, expected));
        }
        folded.push((fold(name), name));
    }
    folded.sort_unstable();
    // Names with the same number are compared in full: two that differ may share it.
    for ((one, other), (next, name)) in folded.iter().zip(folded.iter().skip(1)) {
        if one == next && other != name && folded_name(other) == folded_name(name) {
            let found = format!("`{name}` beside `{other}`");
            let expected = "names that differ in more than case and Unicode form";
            let at = dir.child(name).unwrap_or_default();
            findings.push(Finding::new(Code::CaseCollision, at, found, expected));
        }
    }
}

/// Returns a number that is the same for names that differ only in case or Unicode form (FNV-1a over the folded
/// name).
fn fold(name: &str) -> u64 {
    const START: u64 = 0xcbf2_9ce4_8422_2325;
    const FACTOR: u64 = 0x0000_0100_0000_01b3;
    let step = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(FACTOR);
    if name.is_ascii() {
        name.bytes().map(|byte| byte.to_ascii_lowercase()).fold(START, step)
    } else {
        folded_name(name).bytes().fold(START, step)
    }
}

/// Returns the finding for a name that a path cannot represent.
pub(super) fn odd(dir: &RelPath, name: &str) -> Finding {
    let path = if dir.is_root() { name.to_owned() } else { format!("{dir}/{name}") };
    Finding::new(Code::OddName, path, format!("`{name}`"), "UTF-8 without control characters")
}
