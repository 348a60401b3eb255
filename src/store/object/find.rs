//! Finding objects, and reading them.
//!
//! A path is a file if an object has its key, a link if one has its key and the suffix of links, and a directory if
//! any key is below it. All three are looked up at once.

use super::ObjectStore;
use super::fault::{failed, is_missing};
use super::key::{Named, below_key, file_key, link_key, named};
use super::stream::ObjectReader;
use crate::model::{Digest, RelPath};
use crate::store::{Below, Entry, Kind, Listed, Listing, Result, StoreError, StoreErrorKind};
use futures_util::{StreamExt, future};
use object_store::{Attribute, Attributes, GetOptions, GetResult, ObjectMeta, ObjectStoreExt};
use std::io::Read;
use std::sync::Arc;

/// The metadata key of a file's permission bits, as octal digits.
const MODE: Attribute = Attribute::Metadata(std::borrow::Cow::Borrowed("mirrorkeepmode"));

/// The metadata key of a file's time, in nanoseconds since 1970.
const MTIME: Attribute = Attribute::Metadata(std::borrow::Cow::Borrowed("mirrorkeepmtime"));

/// The metadata key in which rclone keeps a file's time; its form depends on the vendor ([`TimeForm`]).
const RCLONE_MTIME: Attribute = Attribute::Metadata(std::borrow::Cow::Borrowed("mtime"));

/// How rclone writes a time into metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeForm {
    /// Seconds since 1970 with a fraction, as in S3: `1540000000.25`.
    Seconds,
    /// RFC 3339, as in Google Cloud Storage and Azure: `2018-10-20T01:46:40.25Z`.
    Rfc3339,
}

/// The metadata key of the SHA-256 of a file, if it was known before the upload.
const DIGEST: Attribute = Attribute::Metadata(std::borrow::Cow::Borrowed("mirrorkeepsha256"));

/// A link as it was found: its text, and what distinguishes this version of it from the next.
#[derive(Debug)]
pub(super) struct FoundLink {
    pub(super) text: String,
    pub(super) meta: ObjectMeta,
}

impl ObjectStore {
    pub(super) async fn find(&self, at: &RelPath) -> Result<Option<Entry>> {
        const DOING: &str = "look at";
        if at.is_root() {
            return Ok(Some(Entry::directory()));
        }
        if at.is_own() {
            // No links exist there, and mostly one file is requested.
            return match self.find_file(at).await? {
                None => Ok(self.has_below(at, DOING).await?.then(Entry::directory)),
                file => Ok(file),
            };
        }
        let (file, link, dir) =
            future::join3(self.find_file(at), self.find_link(at, DOING), self.has_below(at, DOING)).await;
        if let Some(file) = file? {
            return Ok(Some(file));
        }
        if let Some(FoundLink { text, meta }) = link? {
            let entry = entry(Kind::Link, &meta, &Attributes::new());
            return Ok(Some(Entry { size: text.len() as u64, mode: 0o777, link: Some(text), ..entry }));
        }
        Ok(dir?.then(Entry::directory))
    }

    pub(super) async fn find_file(&self, at: &RelPath) -> Result<Option<Entry>> {
        const DOING: &str = "look at";
        let Ok(key) = file_key(at, DOING) else { return Ok(None) };
        let head = GetOptions { head: true, ..GetOptions::default() };
        match self.client.get_opts(&key, head).await {
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(failed(DOING, at)(error)),
            Ok(found) => Ok(Some(Entry {
                mode: mode(&found.attributes).unwrap_or(if at.is_own() { 0o600 } else { 0o444 }),
                ..entry(Kind::File, &found.meta, &found.attributes)
            })),
        }
    }

    /// Returns the link at a path, if one is there.
    pub(super) async fn find_link(&self, at: &RelPath, doing: &'static str) -> Result<Option<FoundLink>> {
        let found = match self.client.get(&link_key(at, doing)?).await {
            Err(error) if is_missing(&error) => return Ok(None),
            found => found.map_err(failed(doing, at))?,
        };
        let meta = found.meta.clone();
        if meta.size > 8192 {
            let why = "it is far longer than the text of a link";
            return Err(StoreError::because(StoreErrorKind::TooLarge, doing, at, why));
        }
        let bytes = found.bytes().await.map_err(failed(doing, at))?;
        Ok(Some(FoundLink { text: String::from_utf8_lossy(&bytes).into_owned(), meta }))
    }

    /// Returns whether any key is below a path.
    pub(super) async fn has_below(&self, at: &RelPath, doing: &'static str) -> Result<bool> {
        let below = below_key(at, doing)?;
        let first = self.client.list(Some(&below)).next().await;
        Ok(first.transpose().map_err(failed(doing, at))?.is_some())
    }

    pub(super) async fn names_in(&self, dir: &RelPath) -> Result<Listing> {
        const DOING: &str = "list";
        let below = below_key(dir, DOING)?;
        let found = self.client.list_with_delimiter(Some(&below)).await.map_err(failed(DOING, dir))?;
        if !dir.is_root() && found.objects.is_empty() && found.common_prefixes.is_empty() {
            return Err(self.why_not(dir, DOING, Kind::Dir).await?);
        }
        let mut listing = Listing::default();
        let mut add = |name: &str, kind| match name.parse::<RelPath>() {
            Ok(_) => listing.entries.push(Listed { name: name.to_owned(), kind }),
            Err(_) => listing.odd.push(name.escape_debug().to_string()),
        };
        for prefix in &found.common_prefixes {
            add(prefix.filename().unwrap_or_default(), Kind::Dir);
        }
        // Some tools write an object at the path of the directory itself: it is not an entry of it.
        for object in found.objects.iter().filter(|object| object.location != below) {
            match named(object.location.filename().unwrap_or_default()) {
                Named::File(name) => add(name, Kind::File),
                Named::Link(name) => add(name, Kind::Link),
            }
        }
        // If a path is several things, the order is that of `look`: a file before a link before a directory.
        listing.entries.sort_by(|a, b| {
            (&a.name, a.kind == Kind::Dir, a.kind).cmp(&(&b.name, b.kind == Kind::Dir, b.kind))
        });
        listing.entries.dedup_by(|later, kept| later.name == kept.name);
        listing.odd.sort();
        Ok(listing)
    }

    /// Returns every file and link below a path by one listing, at any depth.
    pub(super) async fn all_below(&self, dir: &RelPath) -> Result<Vec<Below>> {
        const DOING: &str = "list";
        let odd = |key: &str, why: String| {
            StoreError::because(StoreErrorKind::WrongKind, DOING, key.escape_debug(), &why)
        };
        let prefix = below_key(dir, DOING)?;
        let mut listing = self.client.list(Some(&prefix));
        let mut found = Vec::new();
        while let Some(meta) = listing.next().await {
            let meta = meta.map_err(failed(DOING, dir))?;
            let key: RelPath =
                meta.location.as_ref().parse().map_err(|error: crate::model::PathError| {
                    odd(meta.location.as_ref(), error.to_string())
                })?;
            let (kind, name) = match named(key.name()) {
                Named::File(name) => (Kind::File, name),
                Named::Link(name) => (Kind::Link, name),
            };
            let path = key.parent().unwrap_or_default().child(name);
            let path = path.map_err(|error| odd(key.as_str(), error.to_string()))?;
            let written = written(&meta);
            let listed = meta.last_modified.timestamp_subsec_nanos();
            let version = meta.e_tag.map(|tag| format!("{tag} {written} {listed}"));
            found.push(Below { path, kind, size: meta.size, written, version });
        }
        found.sort();
        Ok(found)
    }

    pub(super) async fn read_whole(&self, at: &RelPath, limit: u64) -> Result<Vec<u8>> {
        let found = self.get(at, "read").await?;
        if found.meta.size > limit {
            let why = format!("it is larger than the {limit} bytes that make sense there");
            return Err(StoreError::because(StoreErrorKind::TooLarge, "read", at, &why));
        }
        Ok(found.bytes().await.map_err(failed("read", at))?.into())
    }

    pub(super) fn open_stream(&self, at: &RelPath) -> Result<Box<dyn Read + Send>> {
        let found = self.wait_for(self.get(at, "open"))?;
        let size = found.meta.size;
        Ok(Box::new(ObjectReader::new(Arc::clone(&self.runtime), found.into_stream(), size)))
    }

    async fn get(&self, at: &RelPath, doing: &'static str) -> Result<GetResult> {
        match self.client.get(&file_key(at, doing)?).await {
            Err(error) if is_missing(&error) => Err(self.why_not(at, doing, Kind::File).await?),
            found => found.map_err(failed(doing, at)),
        }
    }

    /// Returns why a path does not have the expected kind.
    async fn why_not(&self, at: &RelPath, doing: &'static str, wanted: Kind) -> Result<StoreError> {
        let wrong = if wanted == Kind::Dir { "it is not a directory" } else { "it is not a regular file" };
        let (kind, why) = match self.find(at).await?.map(|entry| entry.kind) {
            None => (StoreErrorKind::NotFound, "nothing is there"),
            // It was written since: when it was requested, nothing existed.
            Some(kind) if kind == wanted => (StoreErrorKind::NotFound, "nothing was there"),
            Some(Kind::Link) => (StoreErrorKind::Escapes, wrong),
            Some(_) => (StoreErrorKind::WrongKind, wrong),
        };
        Ok(StoreError::because(kind, doing, at, why))
    }
}

/// Returns the attributes for a file's object.
pub(super) fn attributes(mode: u32) -> Attributes {
    let mut attributes = Attributes::new();
    attributes.insert(MODE, format!("{mode:o}").into());
    attributes
}

/// Adds the time of a file to its metadata, also in the form of rclone.
pub(super) fn note_time(attributes: &mut Attributes, mtime: i128, form: TimeForm) {
    attributes.insert(MTIME, mtime.to_string().into());
    if let Some(time) = form.write(mtime) {
        attributes.insert(RCLONE_MTIME, time.into());
    }
}

impl TimeForm {
    /// Writes a time in nanoseconds since 1970; nothing for one that the form cannot represent.
    fn write(self, mtime: i128) -> Option<String> {
        const SECOND: u128 = 1_000_000_000;
        match self {
            Self::Seconds => {
                let (sign, mtime) = (if mtime < 0 { "-" } else { "" }, mtime.unsigned_abs());
                let fraction = format!(".{:09}", mtime % SECOND);
                let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
                Some(format!("{sign}{}{fraction}", mtime / SECOND))
            }
            Self::Rfc3339 => {
                let time = chrono::DateTime::from_timestamp_nanos(i64::try_from(mtime).ok()?);
                Some(time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
            }
        }
    }
}

/// Adds the digest of a file to its metadata.
pub(super) fn note_digest(attributes: &mut Attributes, digest: Digest) {
    attributes.insert(DIGEST, digest.to_string().into());
}

fn mode(attributes: &Attributes) -> Option<u32> {
    u32::from_str_radix(attributes.get(&MODE)?, 8).ok()
}

/// Returns when an object was written, in nanoseconds since 1970.
///
/// To the second: some stores are more precise in a listing, and none with the object itself.
fn written(meta: &ObjectMeta) -> i128 {
    i128::from(meta.last_modified.timestamp()) * 1_000_000_000
}

fn entry(kind: Kind, meta: &ObjectMeta, attributes: &Attributes) -> Entry {
    let mtime = attributes.get(&MTIME).and_then(|mtime| mtime.parse().ok());
    Entry {
        kind,
        size: meta.size,
        mtime: mtime.unwrap_or(written(meta)),
        ctime: meta.last_modified.timestamp(),
        ctime_nsec: 0,
        mode: 0,
        owner: (0, 0),
        inode: (0, 0),
        names: 1,
        link: None,
        digest: attributes.get(&DIGEST).and_then(|digest| digest.parse().ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn times_are_written_as_rclone_writes_them() {
        let form = |form: TimeForm, mtime: i128| form.write(mtime).unwrap();
        assert_eq!(form(TimeForm::Seconds, 1_540_000_000_000_000_000), "1540000000");
        assert_eq!(form(TimeForm::Seconds, 1_540_000_000_250_000_001), "1540000000.250000001");
        assert_eq!(form(TimeForm::Seconds, 1_540_000_000_250_000_000), "1540000000.25");
        assert_eq!(form(TimeForm::Seconds, 5), "0.000000005");
        assert_eq!(form(TimeForm::Seconds, -1_500_000_000), "-1.5");
        assert_eq!(form(TimeForm::Rfc3339, 1_540_000_000_250_000_000), "2018-10-20T01:46:40.250Z");
        assert_eq!(form(TimeForm::Rfc3339, 1_540_000_000_000_000_000), "2018-10-20T01:46:40Z");
        assert_eq!(TimeForm::Rfc3339.write(i128::MAX), None);
    }
    use object_store::path::Path;

    #[test]
    fn what_is_several_things_is_told_as_a_file_before_a_link_before_a_directory() {
        let store = ObjectStore::in_memory().unwrap();
        let at: RelPath = "m/name".parse().unwrap();
        let keys = ["m/name", "m/name.mirrorkeep-link", "m/name/below"].map(Path::from);
        for key in &keys {
            store.wait_for(store.client.put(key, "text".into())).unwrap();
        }
        for (key, kind) in keys.iter().zip([Kind::File, Kind::Link, Kind::Dir]) {
            assert_eq!(store.look(&at).unwrap().map(|entry| entry.kind), Some(kind));
            let listed = store.list(&"m".parse().unwrap()).unwrap().entries;
            assert_eq!(listed, [Listed { name: "name".to_owned(), kind }]);
            store.wait_for(store.client.delete(key)).unwrap();
        }
        assert_eq!(store.look(&at).unwrap(), None);
    }

    #[test]
    fn what_came_since_it_was_asked_for_is_told_as_missing_and_not_as_something_else() {
        let store = ObjectStore::in_memory().unwrap();
        for key in ["m/file", "m/dir/below"] {
            store.wait_for(store.client.put(&Path::from(key), "".into())).unwrap();
        }
        let told = |at: &str, wanted| {
            store.wait_for(store.why_not(&at.parse().unwrap(), "read", wanted)).unwrap().kind()
        };
        assert_eq!(told("m/file", Kind::File), StoreErrorKind::NotFound);
        assert_eq!(told("m/dir", Kind::Dir), StoreErrorKind::NotFound);
        assert_eq!(told("m/file", Kind::Dir), StoreErrorKind::WrongKind);
        assert_eq!(told("m/dir", Kind::File), StoreErrorKind::WrongKind);
    }

    #[test]
    fn a_name_that_no_path_holds_is_told_as_odd() {
        let store = ObjectStore::in_memory().unwrap();
        store.wait_for(store.client.put(&Path::from("m/good"), "".into())).unwrap();
        store.wait_for(store.client.put(&Path::parse("m/\u{85}bad").unwrap(), "".into())).unwrap();
        let listing = store.list(&"m".parse().unwrap()).unwrap();
        assert_eq!(listing.odd, ["\\u{85}bad"]);
        assert_eq!(listing.entries.len(), 1);
    }
}
