//! Where the files of a site are written: a directory of the mirror, or one outside.

use super::Pages;
use crate::mirror::Mirror;
use crate::model::{Digest, RelPath};
use crate::store::{Kind, Put, Store, StoreError, StoreErrorKind, at_once};
use rayon::prelude::*;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// How many files are read or written at once where each call is slow.
const AT_ONCE: usize = 16;

/// More than a file of a site ever has, in bytes.
const LIMIT: u64 = 256 << 20;

/// How the name of a file begins and ends while it is written outside of the mirror.
const UNFINISHED: (&str, &str) = (".mirrorkeep-", ".tmp");

/// The pause between two attempts to lock a directory.
const PAUSE: Duration = Duration::from_millis(20);

/// Where the files of a site are.
#[derive(Clone, Copy)]
pub(super) enum Dest<'a> {
    /// Below a directory of the mirror.
    Mirror(&'a Mirror, &'a RelPath),
    /// Below a directory outside, of the file system.
    Dir(&'a Path),
}

/// What is at a path.
pub(super) enum There {
    Nothing,
    /// A file of a size that one of a site can have.
    File(Vec<u8>),
    /// Something else, or a link on the way there.
    Other,
}

impl Dest<'_> {
    /// Returns the path of a file as a report names it: in the mirror, or below the directory.
    pub(super) fn shown(&self, path: &RelPath) -> RelPath {
        match self {
            Self::Mirror(_, at) => at.join(path),
            Self::Dir(_) => path.clone(),
        }
    }

    /// Returns what is at a path of the site.
    pub(super) fn found(&self, path: &RelPath) -> Result<There, StoreError> {
        match self {
            Self::Mirror(mirror, at) => in_store(mirror.store(), &at.join(path)),
            Self::Dir(dir) => {
                outside(dir, path).map_err(|error| failed("read", &dir.join(path.as_str()), error))
            }
        }
    }

    /// Returns whether a file is at a path of the site.
    pub(super) fn has(&self, path: &RelPath) -> Result<bool, StoreError> {
        match self {
            Self::Mirror(mirror, at) => match mirror.store().look(&at.join(path)) {
                Err(error) if is_in_the_way(&error) => Ok(false),
                entry => Ok(entry?.is_some_and(|entry| entry.kind == Kind::File)),
            },
            Self::Dir(dir) => Ok(dir.join(path.as_str()).is_file()),
        }
    }

    /// Removes a file, and the directories that are empty then.
    pub(super) fn remove(&self, path: &RelPath) -> Result<(), StoreError> {
        match self {
            Self::Mirror(mirror, at) => {
                let path = at.join(path);
                mirror.store().remove(&path)?;
                for dir in path.ancestors().take_while(|dir| dir != *at) {
                    // One that holds something else stays.
                    mirror.store().remove_dir(&dir).ok();
                }
            }
            Self::Dir(dir) => {
                let file = dir.join(path.as_str());
                fs::remove_file(&file).map_err(|error| failed("remove", &file, error))?;
                for above in path.ancestors().take_while(|above| !above.is_root()) {
                    fs::remove_dir(dir.join(above.as_str())).ok();
                }
            }
        }
        Ok(())
    }

    /// Writes files, each in one step.
    pub(super) fn put(&self, files: &[(RelPath, String)]) -> Result<(), StoreError> {
        let one = |(path, text): &(RelPath, String)| match self {
            Self::Mirror(mirror, at) => mirror.store().put(&at.join(path), text.as_bytes(), Put::ReplaceSoon),
            Self::Dir(dir) => {
                let file = dir.join(path.as_str());
                write(&file, text).map_err(|error| failed("write", &file, error))
            }
        };
        let all = || files.par_iter().map(one).collect::<Result<(), StoreError>>();
        match self {
            Self::Mirror(mirror, _) => at_once(mirror.store(), (AT_ONCE, files.len()), all)?,
            Self::Dir(_) => all(),
        }
    }

    /// Returns the files of the site that are there.
    pub(super) fn there(&self, pages: &dyn Pages) -> Result<BTreeMap<RelPath, Digest>, StoreError> {
        let ours = |path: RelPath, bytes: &[u8]| {
            pages.is_ours(path.name(), bytes).then(|| (path, Digest::of(bytes)))
        };
        match self {
            Self::Mirror(mirror, at) => {
                let store = mirror.store();
                let files = store.below(at)?.into_iter();
                let files = files.filter(|found| found.kind == Kind::File && found.size <= LIMIT);
                let files: Vec<RelPath> = files.map(|found| found.path).collect();
                let read = |path: &RelPath| match store.read(path, LIMIT) {
                    // What this user may not read was not written by it.
                    Err(error) if error.is_not_found() || error.kind() == StoreErrorKind::Denied => Ok(None),
                    Err(error) => Err(error),
                    Ok(bytes) => Ok(path.below(at).and_then(|below| ours(below, &bytes))),
                };
                let read = || files.par_iter().map(read).collect::<Result<Vec<_>, StoreError>>();
                Ok(at_once(store, (AT_ONCE, files.len()), read)??.into_iter().flatten().collect())
            }
            Self::Dir(dir) => {
                let files = files_below(dir).map_err(|error| failed("list", dir, error))?;
                let read = |path: RelPath| match outside(dir, &path) {
                    Ok(There::File(bytes)) => Ok(ours(path, &bytes)),
                    Ok(_) => Ok(None),
                    Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(None),
                    Err(error) => Err(failed("read", &dir.join(path.as_str()), error)),
                };
                let found = files.into_par_iter().map(read).collect::<Result<Vec<_>, StoreError>>()?;
                Ok(found.into_iter().flatten().collect())
            }
        }
    }
}

fn failed(doing: &'static str, at: &Path, error: io::Error) -> StoreError {
    StoreError::new(doing, at.display(), error)
}

fn is_in_the_way(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::Escapes | StoreErrorKind::WrongKind | StoreErrorKind::TooLarge)
}

fn in_store(store: &dyn Store, at: &RelPath) -> Result<There, StoreError> {
    match store.look(at) {
        Ok(None) => Ok(There::Nothing),
        Ok(Some(entry)) if entry.kind != Kind::File || entry.size > LIMIT => Ok(There::Other),
        Err(error) if is_in_the_way(&error) => Ok(There::Other),
        Err(error) => Err(error),
        Ok(Some(_)) => match store.read(at, LIMIT) {
            Ok(bytes) => Ok(There::File(bytes)),
            Err(error) if error.is_not_found() => Ok(There::Nothing),
            Err(error) if is_in_the_way(&error) => Ok(There::Other),
            Err(error) => Err(error),
        },
    }
}

/// Returns what is below a directory of the file system; no link is followed below it.
fn outside(dir: &Path, path: &RelPath) -> io::Result<There> {
    let mut above: Vec<RelPath> = path.ancestors().filter(|above| !above.is_root()).collect();
    above.reverse();
    for above in above {
        match fs::symlink_metadata(dir.join(above.as_str())) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Ok(There::Other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(There::Nothing),
            Err(error) => return Err(error),
        }
    }
    let file = dir.join(path.as_str());
    match fs::symlink_metadata(&file) {
        Ok(found) if found.is_file() && found.len() <= LIMIT => Ok(There::File(fs::read(file)?)),
        Ok(_) => Ok(There::Other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(There::Nothing),
        Err(error) => Err(error),
    }
}

/// Returns the paths of the regular files below a directory; what has a name that no file of a site has is left out.
fn files_below(dir: &Path) -> io::Result<Vec<RelPath>> {
    let (mut files, mut dirs) = (Vec::new(), vec![(dir.to_owned(), RelPath::root())]);
    while let Some((at, path)) = dirs.pop() {
        let entries = match fs::read_dir(&at) {
            // Nothing was written yet, or what is there is not of the site.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) =>
            {
                continue;
            }
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let Some(below) = entry.file_name().to_str().and_then(|name| path.child(name).ok()) else {
                continue;
            };
            let kind = entry.file_type()?;
            if kind.is_dir() {
                dirs.push((entry.path(), below));
            } else if kind.is_file() {
                files.push(below);
            }
        }
    }
    Ok(files)
}

/// Writes a file in one step: what a kill leaves has the name of an unfinished file.
fn write(file: &Path, text: &str) -> io::Result<()> {
    let dir = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    // As readable as any new file of the user: servers read it.
    let permissions = fs::Permissions::from_mode(0o666);
    // Without the name of the temporary file, which would not help.
    let plain = |error: io::Error| error.raw_os_error().map_or(error, io::Error::from_raw_os_error);
    let (prefix, suffix) = UNFINISHED;
    let mut builder = tempfile::Builder::new();
    let mut unfinished =
        builder.prefix(prefix).suffix(suffix).permissions(permissions).tempfile_in(dir).map_err(plain)?;
    let bytes = unfinished.as_file_mut();
    // A power cut must not leave an empty file, which no later run takes for its own.
    bytes.write_all(text.as_bytes()).and_then(|()| bytes.sync_data())?;
    unfinished.persist(file).map_err(|error| error.error)?;
    Ok(())
}

/// Makes a directory outside of the mirror, takes the right to write there, and removes what killed runs left unfinished.
///
/// The right ends with the returned file. On a file system without locks no file is returned, no other writer is kept out, and
/// unfinished files stay.
pub(super) fn alone_in(dir: &Path, wait: Duration) -> Result<Option<File>, StoreError> {
    const DOING: &str = "take the lock of the directory";
    fs::create_dir_all(dir).map_err(|error| failed("make", dir, error))?;
    let file = File::open(dir).map_err(|error| failed("open", dir, error))?;
    let started = Instant::now();
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => break,
            Err(Errno::WOULDBLOCK) if started.elapsed() >= wait => {
                let why = "another `mirrorkeep site --out` holds it";
                return Err(StoreError::because(StoreErrorKind::Busy, DOING, dir.display(), why));
            }
            Err(Errno::WOULDBLOCK | Errno::INTR) => std::thread::sleep(PAUSE.min(wait)),
            Err(_) => return Ok(None),
        }
    }
    let is_unfinished =
        |path: &RelPath| path.name().starts_with(UNFINISHED.0) && path.name().ends_with(UNFINISHED.1);
    let files = files_below(dir).map_err(|error| failed("list", dir, error))?;
    for path in files.iter().filter(|path| is_unfinished(path)) {
        let at = dir.join(path.as_str());
        fs::remove_file(&at).map_err(|error| failed("remove", &at, error))?;
    }
    Ok(Some(file))
}
