//! Checks over HTTP: the archive serves what it has, and the server of the mirror redirects to it.

use super::RetireError;
use crate::mirror::Mirror;
use crate::model::{BuildId, Digest, RelPath, url_path};
use crate::record::{FileEntry, Retirement};
use crate::send::{get, look};
use crate::session::Session;
use std::collections::BTreeSet;
use std::time::Duration;
use url::Url;

/// How long one answer may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Returns the address of a path below a public address.
pub(super) fn address(base: &str, path: &RelPath) -> Result<Url, String> {
    let text = format!("{}{}", base.trim_end_matches('/'), url_path(path));
    text.parse().map_err(|error| format!("`{text}` is not an address: {error}"))
}

/// The smallest file of a build, with its path in the mirror.
struct Sample {
    at: RelPath,
    file: FileEntry,
}

/// Returns the smallest file of the first build that has one.
fn sample(mirror: &Mirror, builds: &BTreeSet<BuildId>) -> Result<Option<Sample>, RetireError> {
    for id in builds {
        let files = mirror.manifest(id)?.map(|manifest| manifest.files).unwrap_or_default();
        if let Some(file) = files.into_iter().min_by_key(|file| file.size) {
            let at = mirror.layout().build_path(id)?.join(&file.path);
            return Ok(Some(Sample { at, file }));
        }
    }
    Ok(None)
}

/// Fails unless the public address of the archive serves a file of these builds.
pub(super) fn is_in_archive(
    session: &Session<'_>,
    one: &Retirement,
    builds: &BTreeSet<BuildId>,
) -> Result<(), RetireError> {
    let (Some(url), Some(sample)) = (&one.url, sample(session.mirror(), builds)?) else { return Ok(()) };
    let not = |why: String| RetireError::NotServed { url: url.clone(), why };
    let from = address(url, &sample.at).map_err(not)?;
    let bytes =
        get(&from, sample.file.size, LIMIT, session.stop()).map_err(|why| not(format!("{from}: {why}")))?;
    match bytes {
        None => Err(not(format!("nothing is at {from}"))),
        Some(bytes) if Digest::of(&bytes) != sample.file.digest => {
            Err(not(format!("{from} has other bytes than the build")))
        }
        Some(_) => Ok(()),
    }
}

/// Returns what is wrong with the redirects of a stream; nothing if they are in force, or are not to be checked.
pub(super) fn differs(
    session: &Session<'_>,
    one: &Retirement,
    builds: &BTreeSet<BuildId>,
) -> Result<Option<String>, RetireError> {
    let (mirror, Some(base)) = (session.mirror(), &one.served_at) else { return Ok(None) };
    let mut asked: Vec<(RelPath, RelPath)> = Vec::new();
    if let Some(Sample { at, .. }) = sample(mirror, builds)? {
        asked.push((at.clone(), at));
    }
    let there =
        |to: &RelPath| builds.iter().any(|id| mirror.layout().build_path(id).is_ok_and(|at| at == *to));
    if let Some((name, to)) = one.names.iter().find(|(_, to)| there(to)) {
        let sums = |dir: &RelPath| dir.child(crate::model::SUMS_NAME).unwrap_or_default();
        asked.push((sums(name), sums(to)));
    }
    for (at, to) in asked {
        if let Some(why) = one_differs(session, one, base, (&at, &to))? {
            return Ok(Some(why));
        }
    }
    Ok(None)
}

fn one_differs(
    session: &Session<'_>,
    one: &Retirement,
    base: &str,
    (at, to): (&RelPath, &RelPath),
) -> Result<Option<String>, RetireError> {
    let asked = match address(base, at) {
        Ok(url) => url,
        Err(why) => return Ok(Some(why)),
    };
    let answer = match look(&asked, LIMIT, session.stop()) {
        Ok(answer) => answer,
        Err(why) => {
            session.check_cancelled()?;
            return Ok(Some(format!("{asked}: {why}")));
        }
    };
    let Some(url) = &one.url else {
        let expected = answer.status == 410;
        return Ok((!expected).then(|| format!("{asked} answers {}, expected 410", answer.status)));
    };
    let expected = match address(url, to) {
        Ok(url) => url,
        Err(why) => return Ok(Some(why)),
    };
    let redirects = matches!(answer.status, 301 | 302 | 303 | 307 | 308);
    if redirects && answer.location.as_ref() == Some(&expected) {
        return Ok(None);
    }
    let found = match answer.location {
        Some(location) => format!("{} to {location}", answer.status),
        None => answer.status.to_string(),
    };
    Ok(Some(format!("{asked} answers {found}; expected a redirect to {expected}")))
}
