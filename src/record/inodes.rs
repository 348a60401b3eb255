//! When the inodes of the files of a stream's last published build last changed.
//!
//! A file whose bytes were overwritten in place has another change time, even if its size and modification time are
//! as before. The notes are only an optimization: a file without a note is read before another build shares its
//! bytes, so they may be lost.

use crate::model::BuildName;
use std::collections::BTreeMap;

/// The first line of the file.
const HEAD: &str = "mirrorkeep-inodes 1";

/// The change times of the inodes of one build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inodes {
    /// The build that was published last.
    pub build: BuildName,
    /// The change time of each inode, in nanoseconds since 1970.
    pub changed: BTreeMap<u64, i128>,
}

impl Inodes {
    /// Writes the notes.
    pub fn write(&self) -> String {
        let mut text = String::with_capacity(64 + self.changed.len() * 32);
        text.push_str(&format!("{HEAD}\nbuild\t{}\n", self.build.as_str()));
        for (inode, changed) in &self.changed {
            text.push_str(&format!("{inode}\t{changed}\n"));
        }
        text.push_str(&format!("end\t{}\n", self.changed.len()));
        text
    }

    /// Parses the notes; returns nothing if they are damaged, truncated or of another version.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut lines = str::from_utf8(bytes).ok()?.strip_suffix('\n')?.split('\n');
        lines.next().filter(|head| *head == HEAD)?;
        let build = lines.next()?.strip_prefix("build\t")?.parse().ok()?;
        let mut changed = BTreeMap::new();
        for line in &mut lines {
            let (inode, time) = line.split_once('\t')?;
            if inode == "end" {
                let whole = time.parse() == Ok(changed.len()) && lines.next().is_none();
                return whole.then_some(Self { build, changed });
            }
            changed.insert(inode.parse().ok()?, time.parse().ok()?);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn inodes(changed: BTreeMap<u64, i64>) -> Inodes {
        let changed = changed.into_iter().map(|(inode, time)| (inode, i128::from(time))).collect();
        Inodes { build: "20181205T060000Z".parse().unwrap(), changed }
    }

    proptest! {
        #[test]
        fn notes_print_back_the_same(changed in prop::collection::btree_map(any::<u64>(), any::<i64>(), 0..6)) {
            let notes = inodes(changed);
            prop_assert_eq!(Inodes::parse(notes.write().as_bytes()), Some(notes));
        }

        #[test]
        fn cut_notes_are_never_taken_for_whole(
            changed in prop::collection::btree_map(any::<u64>(), any::<i64>(), 0..6),
            cut in 0usize..200,
        ) {
            let text = inodes(changed).write();
            let short: String = text.chars().take(cut).collect();
            prop_assert_eq!(Inodes::parse(short.as_bytes()).is_some(), short == text);
        }
    }
}
