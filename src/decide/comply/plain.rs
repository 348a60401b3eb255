//! What holds for everything that is served, whatever the layout: kind, mode and name.

use super::{Code, Finding, SeenEntry, SeenKind};
use crate::word::RelPath;
use std::collections::BTreeMap;

/// The longest name that leaves rsync room for its temporary one, in bytes: a dot before, a dot and six letters after.
const NAME_MAX: usize = 255 - 8;

/// The longest path that every system can hold below a short root, in bytes.
const PATH_MAX: usize = 1000;

/// Judges one thing below `root`, which must be a regular file, a directory or a link that all may read.
pub(super) fn judge(entry: &SeenEntry, root: &RelPath, findings: &mut Vec<Finding>) {
    let at = || root.join(&entry.path);
    let mode = entry.mode;
    let (needed, what) = match entry.kind {
        SeenKind::File => (0o004, "a file that everybody may read"),
        SeenKind::Dir => (0o005, "a directory that everybody may list and enter"),
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
    // On a directory set-group-id only says whose its files will be.
    let set_id = if entry.kind == SeenKind::Dir { 0o4000 } else { 0o6000 };
    if mode & set_id != 0 {
        findings.push(Finding::new(Code::SetId, at(), found(), "no set-id bits"));
    }
    if mode & 0o002 != 0 {
        findings.push(Finding::new(Code::WorldWritable, at(), found(), "nobody else may write"));
    }
}

/// Judges the names of everything below `root`: how long they are, and whether they differ in more than case.
pub(super) fn names(entries: &[SeenEntry], root: &RelPath, findings: &mut Vec<Finding>) {
    let mut same: BTreeMap<String, &RelPath> = BTreeMap::new();
    for entry in entries {
        let (name, path) = (entry.path.name(), root.as_str().len() + entry.path.as_str().len() + 1);
        if name.len() > NAME_MAX || path > PATH_MAX {
            let found = format!("a name of {} bytes in a path of {path}", name.len());
            let expected = format!("at most {NAME_MAX} and {PATH_MAX}");
            findings.push(Finding::new(Code::LongName, root.join(&entry.path), found, expected));
        }
        let Some(above) = entry.path.parent() else { continue };
        let folded = format!("{above}/{}", name.to_lowercase());
        if let Some(other) = same.insert(folded, &entry.path)
            && *other != entry.path
        {
            let found = format!("`{name}` beside `{}`", other.name());
            let expected = "names that differ in more than case";
            findings.push(Finding::new(Code::CaseCollision, root.join(&entry.path), found, expected));
        }
    }
}

/// Returns the finding of a name that no path can hold.
pub(super) fn odd(dir: &RelPath, name: &str) -> Finding {
    let path = if dir.is_root() { name.to_owned() } else { format!("{dir}/{name}") };
    Finding::new(Code::OddName, path, format!("`{name}`"), "UTF-8 without control characters")
}
