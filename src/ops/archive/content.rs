//! The content of a build, as far as a copy of it must have the same.

use super::ArchiveError;
use crate::mirror::Mirror;
use crate::model::{BuildId, Digest, RelPath};
use crate::record::{BuildRecord, Manifest};
use crate::sign::{Signature, there as signatures};
use std::collections::BTreeMap;

/// The content of a build.
#[derive(Debug, Clone)]
pub struct Content {
    /// Its record.
    pub(super) record: BuildRecord,
    /// Its files, links and directories.
    pub(super) manifest: Manifest,
    /// The signatures of its SHA256SUMS.
    pub(super) signatures: Vec<Signature>,
}

/// Returns the content of a build, as its record and manifest state it.
pub fn content_of(mirror: &Mirror, id: &BuildId) -> Result<Content, ArchiveError> {
    let (record, manifest) = (mirror.record(id)?, mirror.manifest(id)?);
    let (Some(record), Some(manifest)) = (record, manifest) else {
        return Err(ArchiveError::NoRecord(id.clone(), mirror.store().shown()));
    };
    let signatures = signatures(mirror.store(), &mirror.layout().build_path(id)?)?;
    Ok(Content { record, manifest, signatures })
}

impl Content {
    /// Returns what stands for all of it: a build with another digest has other files, checksums or signatures.
    pub fn digest(&self) -> Digest {
        let mut text: String = self.manifest.lines().collect();
        text += &format!("sums {:?}\n", self.record.sums);
        for signature in &self.signatures {
            text += &format!("{} {}\n", signature.file, Digest::of(&signature.bytes));
        }
        Digest::of(text.as_bytes())
    }

    /// Returns whether another one has the same files and links, and no others.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        lacks(&self.manifest, &other.manifest).is_empty() && lacks(&other.manifest, &self.manifest).is_empty()
    }
}

/// Returns what the second manifest does not have as the first one has it: files with their bytes and whether they can be
/// executed, and links with their texts. Empty directories do not count, since a bucket has none.
pub(super) fn lacks(here: &Manifest, there: &Manifest) -> Vec<RelPath> {
    let (found, expected) = (facts(there), facts(here));
    let missing = expected.into_iter().filter(|(path, fact)| found.get(path) != Some(fact));
    missing.map(|(path, _)| path.clone()).collect()
}

/// What a path of a manifest is.
#[derive(PartialEq, Eq)]
enum Fact<'m> {
    File(&'m Digest, u64, bool),
    Link(&'m str),
}

fn facts(manifest: &Manifest) -> BTreeMap<&RelPath, Fact<'_>> {
    let files = manifest.files.iter();
    let files = files.map(|file| (&file.path, Fact::File(&file.digest, file.size, file.mode & 0o111 != 0)));
    let links = manifest.links.iter().map(|link| (&link.path, Fact::Link(&link.text)));
    files.chain(links).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{FileEntry, LinkEntry};
    use proptest::prelude::*;

    fn manifest(files: &[(String, u8, u32)]) -> Manifest {
        let file = |(path, byte, mode): &(String, u8, u32)| FileEntry {
            path: path.parse().unwrap(),
            size: 1,
            digest: Digest::of(&[*byte]),
            mode: *mode,
            mtime: 0,
            inode: 0,
            seen: None,
        };
        let mut manifest = Manifest { files: files.iter().map(file).collect(), ..Manifest::default() };
        manifest.sort();
        manifest.files.dedup_by(|a, b| a.path == b.path);
        manifest
    }

    proptest! {
        #[test]
        fn a_part_lacks_nothing_of_the_whole_and_the_whole_lacks_exactly_the_rest(
            files in proptest::collection::vec(("[a-d]{1,2}", 0u8..3, prop_oneof![Just(0o644u32), Just(0o755)]), 0..12),
            kept in proptest::collection::vec(any::<bool>(), 12),
        ) {
            let whole = manifest(&files);
            let mut part = whole.clone();
            let mut index = 0;
            part.files.retain(|_| { index += 1; kept[index - 1] });
            prop_assert!(lacks(&part, &whole).is_empty());
            let rest: Vec<RelPath> = whole.files.iter().filter(|file| !part.files.contains(file))
                .map(|file| file.path.clone()).collect();
            prop_assert_eq!(lacks(&whole, &part), rest);
        }
    }

    #[test]
    fn bytes_executability_and_link_texts_count_and_times_and_directories_do_not() {
        let here = manifest(&[("a".to_owned(), 1, 0o755)]);
        let case = |change: &dyn Fn(&mut Manifest), expected: bool| {
            let mut there = here.clone();
            change(&mut there);
            assert_eq!(lacks(&here, &there).is_empty(), expected);
        };
        case(&|there| there.files[0].mtime = 7, true);
        case(&|there| there.files[0].mode = 0o555, true);
        case(&|there| there.dirs.push("d".parse().unwrap()), true);
        case(&|there| there.files[0].mode = 0o644, false);
        case(&|there| there.files[0].digest = Digest::of(b"x"), false);
        let link = |text: &str| LinkEntry { path: "l".parse().unwrap(), text: text.to_owned() };
        let linked = Manifest { links: vec![link("a")], ..Manifest::default() };
        let other = Manifest { links: vec![link("b")], ..Manifest::default() };
        assert_eq!(lacks(&linked, &other), ["l".parse().unwrap()]);
    }
}
