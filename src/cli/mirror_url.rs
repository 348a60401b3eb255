//! The location of a mirror: a directory, or an address in an object store.

use super::args::publish::WritersArg;
use super::exit::{Outcome, Usage};
use super::say;
use crate::mirror::{Mirror, MirrorError};
use crate::model::{Class, Classify, ErrorKind, OWN_DIR, RelPath};
use crate::store::{Abilities, Conditions, Logged, ObjectStore, Posix, Store, StoreError, StoreErrorKind};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use url::Url;

/// The location of a mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MirrorUrl {
    /// Below a directory.
    Dir(PathBuf),
    /// In a bucket, below a prefix.
    Bucket(String),
    /// An address that no verb accepts, and why; it may contain a key, so it is not kept. A verb that needs no mirror
    /// still runs.
    Refused(&'static str),
}

/// Returns the error that no mirror is named.
const NO_MIRROR: &str = "--mirror, or MIRRORKEEP_MIRROR, is empty; a directory such as `/srv/mirror`, or an address such as \
    `s3://bucket/prefix`, is accepted";

/// States where credentials belong.
const NO_SECRET: &str = "an address in --mirror names no user and no key; credentials come from the environment, \
    such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

/// States where settings belong.
const NO_QUERY: &str = "an address in --mirror has no `?` and no `#`; `s3://bucket/prefix` is accepted, and settings \
    come from the environment, such as AWS_ENDPOINT_URL";

/// Says that a mirror is not reached through another machine.
const NO_HOST: &str = "--mirror: remote paths are not supported; run mirrorkeep on that host, or write `./` in front of a \
    directory of that name";

impl MirrorUrl {
    /// Parses what was typed: an address if it looks like one, else a directory.
    pub(super) fn read(text: OsString) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::Refused(NO_MIRROR));
        }
        let Some((scheme, rest)) = text.to_str().and_then(|text| text.split_once("://")) else {
            let may_hold_a_key = text.to_str().is_some_and(|text| text.contains(['@', '?', '#']));
            return match text.to_str().and_then(looks_remote) {
                Some(_) if may_hold_a_key => Ok(Self::Refused(NO_HOST)),
                Some(meant) => Err(meant),
                None => Ok(Self::Dir(text.into())),
            };
        };
        // An error of the argument parser would repeat the argument, keys included.
        if rest.split('/').next().is_some_and(|host| host.contains('@')) {
            return Ok(Self::Refused(NO_SECRET));
        }
        if scheme != "file" && rest.contains(['?', '#']) {
            return Ok(Self::Refused(NO_QUERY));
        }
        let address = text.to_string_lossy().into_owned();
        match scheme {
            "s3" | "gs" | "az" => Ok(Self::Bucket(address.trim_end_matches('/').to_owned())),
            "file" => {
                let path = Url::parse(&address).ok().and_then(|url| url.to_file_path().ok());
                path.map(Self::Dir).ok_or_else(|| "`file:///srv/mirror` is the form of such an address".to_owned())
            }
            _ => Err("a directory, or an address that begins with `s3://`, `gs://`, `az://` or `file:///`, is accepted"
                .to_owned()),
        }
    }

    /// Opens the store of an existing mirror, with the abilities that were found when the mirror was made.
    pub(super) fn open(&self) -> Outcome<Arc<dyn Store>> {
        match self {
            Self::Dir(dir) => match Posix::open(dir) {
                Err(error) if error.is_not_found() => {
                    Err(MirrorError::NotAMirror(dir.display().to_string()).into())
                }
                store => Ok(Logged::wrap(Arc::new(store?))),
            },
            Self::Bucket(address) => {
                let store = ObjectStore::at(address)?;
                Ok(Logged::wrap(Arc::new(match Mirror::abilities(&store)? {
                    Some(known) => store.known_by(&known),
                    None => store.known_as(Conditions::Ignored),
                })))
            }
            Self::Refused(why) => Err(Usage((*why).to_owned()).into()),
        }
    }

    /// Returns whether opening it can succeed: a bucket always, a directory if it has an own area.
    pub(super) fn may_be_a_mirror(&self) -> bool {
        match self {
            Self::Dir(dir) => dir.join(OWN_DIR).exists(),
            Self::Bucket(_) | Self::Refused(_) => true,
        }
    }

    /// Returns the common prefix of all its keys, which is also that of its URLs; empty for a directory.
    pub(super) fn prefix(&self) -> RelPath {
        let Self::Bucket(address) = self else { return RelPath::root() };
        let below = address.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
        below.and_then(|(_, prefix)| prefix.parse().ok()).unwrap_or_default()
    }

    /// Opens a store to make a mirror in it: a directory is made, an object store probed.
    pub(super) fn create(&self, writers: Option<WritersArg>) -> Outcome<Arc<dyn Store>> {
        match self {
            Self::Dir(dir) => {
                if !dir.exists() {
                    let failed = |error| StoreError::new("make the directory", dir.display(), error);
                    std::fs::create_dir_all(dir).map_err(failed)?;
                    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
                    std::fs::set_permissions(dir, mode).map_err(failed)?;
                }
                Ok(Logged::wrap(Arc::new(Posix::open(dir)?)))
            }
            Self::Bucket(address) => {
                let store = ObjectStore::at(address)?.tried_out()?;
                if store.conditions() == Conditions::Ignored {
                    if writers == Some(WritersArg::Many) {
                        return Err(SingleWriterOnly(address.clone()).into());
                    }
                    say::note(&format!(
                        "warning: `{address}` was tried out and does not honour conditional writes"
                    ));
                }
                let Abilities { notes, copies, .. } = store.abilities();
                if !notes {
                    say::note(&format!(
                        "warning: `{address}` does not keep what is noted beside a file: nothing is resumed, and `verify` reads every byte"
                    ));
                }
                if !copies {
                    say::note(&format!(
                        "warning: `{address}` does not copy files by itself: what earlier builds hold is sent again"
                    ));
                }
                Ok(Logged::wrap(Arc::new(if writers == Some(WritersArg::One) {
                    store.known_as(Conditions::Ignored)
                } else {
                    store
                })))
            }
            Self::Refused(why) => Err(Usage((*why).to_owned()).into()),
        }
    }

    /// Fails if no mirror can be made here, as far as that is known without a change.
    pub(super) fn may_create(&self) -> Outcome {
        match self {
            Self::Dir(dir) if dir.exists() => Ok(Mirror::may_init(&Posix::open(dir)?)?),
            Self::Dir(dir) => {
                let there = dir.ancestors().find_map(|dir| {
                    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
                    dir.exists().then_some(dir)
                });
                Ok(accepts_directories(there.unwrap_or(Path::new("/")))
                    .map_err(|error| StoreError::new("make the directory", dir.display(), error))?)
            }
            Self::Bucket(address) => Ok(Mirror::may_init(&ObjectStore::at(address)?)?),
            Self::Refused(why) => Err(Usage((*why).to_owned()).into()),
        }
    }

    /// Fails if a mirror made here would be inside another one, whose `check` and `prune` would find its builds.
    pub(super) fn is_apart(&self) -> Outcome {
        let outer = match self {
            Self::Dir(dir) => {
                let from = dir.ancestors().find_map(|dir| {
                    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
                    Some((dir.canonicalize().ok()?, dir))
                });
                from.and_then(|(real, typed)| {
                    // The place itself may already be a mirror; if it does not exist yet, it is still below all of
                    // these directories.
                    let mut places = real.ancestors().skip(usize::from(typed == dir));
                    places.find(|place| place.join(OWN_DIR).join("mirror.yaml").exists()).map(shown)
                })
            }
            Self::Bucket(address) => {
                let root = address.find("://").map_or(0, |at| at + 3);
                let places = address.match_indices('/').map(|(at, _)| at).filter(|at| *at >= root);
                let mut outer = None;
                for place in places.filter_map(|at| address.get(..at)) {
                    match ObjectStore::at(place)?.look(&RelPath::state("mirror.yaml")) {
                        Ok(Some(_)) => {
                            outer = Some(place.to_owned());
                            break;
                        }
                        Err(error) if error.kind() == StoreErrorKind::Unreachable => return Err(error.into()),
                        // Credentials for the prefix alone cannot look above it, and nothing above it would see this
                        // mirror.
                        Ok(None) | Err(_) => {}
                    }
                }
                outer
            }
            Self::Refused(_) => None,
        };
        match outer {
            Some(outer) => Err(Nested { inner: self.to_string(), outer }.into()),
            None => Ok(()),
        }
    }

    /// Returns whether the place is empty, or has only what an interrupted `init` left.
    pub(super) fn is_unused(&self) -> Outcome<bool> {
        match self {
            Self::Dir(dir) => {
                Ok(is_unused_dir(dir).map_err(|error| StoreError::new("look into", dir.display(), error))?)
            }
            // Making a mirror in a bucket probes the store first; only an explicit `init` may do that.
            Self::Bucket(_) | Self::Refused(_) => Ok(false),
        }
    }
}

/// Returns what was probably meant by a text that is not an address and should not become a directory of that name.
///
/// `scp` and `rsync` take what precedes a colon in the first component for a host; `./` in front makes it a
/// directory.
fn looks_remote(text: &str) -> Option<String> {
    let (before, after) = text.split('/').next()?.split_once(':')?;
    let rest = text.get(before.len() + 1..)?.trim_start_matches('/');
    Some(match before {
        "s3" | "gs" | "az" => format!("`{before}://{rest}` is the form of such an address, with two slashes"),
        "file" => format!("`file:///{rest}` is the form of such an address, with three slashes"),
        _ if after.is_empty() && !text.contains('/') => return None,
        _ => format!(
            "a mirror on another host is not accepted; run mirrorkeep there, or write `./{text}` for a directory of that name"
        ),
    })
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Returns the error that a mirror would be inside another one.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{inner}` is inside the mirror `{outer}`, and a mirror cannot be inside another one; a place outside it is accepted"
)]
pub(super) struct Nested {
    inner: String,
    outer: String,
}

impl Classify for Nested {
    fn class(&self) -> Class {
        ErrorKind::Refused.into()
    }
}

/// Returns the error that several writers cannot write to a store at once.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` does not honour conditional writes, so that many writers would overwrite each other; `--writers one` is accepted"
)]
pub(super) struct SingleWriterOnly(String);

impl Classify for SingleWriterOnly {
    fn class(&self) -> Class {
        ErrorKind::Refused.into()
    }
}

impl fmt::Display for MirrorUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dir(dir) => write!(f, "{}", dir.display()),
            Self::Bucket(address) => f.write_str(address),
            Self::Refused(_) => f.write_str("an address that is not accepted"),
        }
    }
}

/// States what a store lacks that several writers would need.
pub(super) fn say_what_lacks(store: &dyn Store) {
    if !store.abilities().creates_once {
        say::note(&format!(
            "warning: `{}` allows one writer at a time, by a lease; that is less certain than conditional writes",
            store.shown()
        ));
    }
}

/// Fails if no directory can be made in this one.
fn accepts_directories(dir: &Path) -> std::io::Result<()> {
    use std::io::{Error, ErrorKind};
    /// The device numbers of `/proc` and `/sys`, where only the system makes directories.
    const OF_THE_SYSTEM: [i64; 2] = [0x9fa0, 0x6265_6572];
    if !dir.is_dir() {
        return Err(Error::from(ErrorKind::NotADirectory));
    }
    if OF_THE_SYSTEM.contains(&rustix::fs::statfs(dir)?.f_type) {
        return Err(Error::from(ErrorKind::PermissionDenied));
    }
    Ok(rustix::fs::access(dir, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)?)
}

fn is_unused_dir(root: &Path) -> std::io::Result<bool> {
    let own = root.join(OWN_DIR);
    let unfinished = own.join("tmp");
    let entries = match std::fs::read_dir(root) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if path == root.join("lost+found") {
            continue;
        }
        if path != own {
            return Ok(false);
        }
        for below in walkdir::WalkDir::new(&own).min_depth(1) {
            let below = below?;
            let parent = below.path().parent();
            // The paths that `init` writes before `mirror.yaml`.
            let early = ["lock", "layout.yaml", "policy.yaml", "pipeline.yaml", "first-policy.yaml"];
            let early = early.map(OsStr::new);
            let is_early = parent == Some(&own) && early.contains(&below.file_name());
            if !below.file_type().is_dir() && parent != Some(&unfinished) && !is_early {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_from_a_directory() {
        let read = |text: &str| MirrorUrl::read(text.into());
        let dir = |path: &str| Ok(MirrorUrl::Dir(path.into()));
        assert_eq!(read("./mirror"), dir("./mirror"));
        assert_eq!(read("file:///srv/a%20b"), dir("/srv/a b"));
        assert_eq!(read("s3://bucket/a/"), Ok(MirrorUrl::Bucket("s3://bucket/a".to_owned())));
        let prefix = |text: &str| read(text).unwrap().prefix().as_str().to_owned();
        assert_eq!(["s3://bucket/a/b/", "s3://bucket", "/srv/a"].map(prefix), ["a/b", "", ""]);
        assert_eq!(read("./host:/a"), dir("./host:/a"));
        assert_eq!(read("a/b:c"), dir("a/b:c"));
        assert!(read("s3:/bucket/a").unwrap_err().contains("`s3://bucket/a`"));
        assert!(read("file:/srv/a").unwrap_err().contains("`file:///srv/a`"));
        assert!(read("host:/srv/a").unwrap_err().contains("`./host:/srv/a`"));
        assert_eq!(read("./a@b"), dir("./a@b"));
        assert!(read("host:srv").unwrap_err().contains("another host"));
        for odd in ["s3://bucket/a?x=1", "s3://bucket/a#b"] {
            assert_eq!(read(odd), Ok(MirrorUrl::Refused(NO_QUERY)));
        }
        assert_eq!(read("s3://KEY:SECRET@bucket/a"), Ok(MirrorUrl::Refused(NO_SECRET)));
        for remote in
            ["user@host:/srv/a", "s3:/KEY:SECRET@bucket/a", "s3:KEY:SECRET@bucket/a", "s3:/b?key=SECRET"]
        {
            assert_eq!(read(remote), Ok(MirrorUrl::Refused(NO_HOST)));
        }
        assert!(read("ftp://host/a").unwrap_err().contains("s3://"));
        assert!(read("file://host/a").unwrap_err().contains("file:///"));
    }
}
