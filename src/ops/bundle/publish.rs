//! Publishing a bundle: the files of its members are read, joined, and published as an ordinary build.

use super::{BundleError, Members};
use crate::commit::{Check, Filling, TimeRule};
use crate::decide::bundle::{Content, Member, content};
use crate::layout::Bundle;
use crate::mirror::Mirror;
use crate::model::{BuildId, Digest, RelPath};
use crate::ops::Mode;
use crate::ops::publish::{self, Named, PublishError, PublishOutcome, PublishReport, PublishRequest};
use crate::ops::retention::restore;
use crate::session::Session;
use crate::sign::Signers;
use crate::source::SourceSpec;
use crate::store::Share;
use std::collections::BTreeMap;
use std::fs;

/// More than a file that is joined ever has, in bytes.
const FILE_LIMIT: u64 = 64 << 20;

/// Publishes the bundle of these members, or says what would be published; one that is there already is left as it is.
///
/// Takes the lock, so that the caller must not hold it.
pub(crate) fn publish(
    session: &Session<'_>,
    bundle: &Bundle,
    members: &Members,
    mode: Mode,
) -> Result<PublishReport, BundleError> {
    let made = joined(session.mirror(), bundle, members)?;
    let dir = tempfile::tempdir().map_err(BundleError::Write)?;
    for (name, bytes) in &made.files {
        fs::write(dir.path().join(name), bytes).map_err(BundleError::Write)?;
    }
    let publishing = PublishRequest {
        // Its members say what it has.
        allow_shrink: true,
        id: id(bundle, &made)?,
        named: Named::Given,
        sources: vec![SourceSpec { to: RelPath::root(), from: dir.path().to_owned(), only: None }],
        exclude: Vec::new(),
        listed: None,
        result: None,
        context: None,
        labels: Vec::new(),
        requires: members.builds.clone(),
        filling: Filling {
            take: None,
            dedupe: Some(Share::Link),
            check: Check::Bytes,
            times: TimeRule::Later,
        },
        signers: Signers::default(),
    };
    let act = if mode == Mode::Real { publish::publish } else { publish::try_publish };
    let mut report = act(session, &publishing).map_err(|error| BundleError::Publish(Box::new(error)))?;
    if report.outcome == PublishOutcome::Unchanged
        && let Some(record) = session.mirror().record(&publishing.id)?
        && record.requires != publishing.requires
    {
        let id = &publishing.id;
        report.warnings.push(format!(
            "`{id}` has the same content, and was made of other builds; its record still names those"
        ));
    }
    Ok(report)
}

/// Brings the build of a failed publish back, if that failed since it is in the trash.
pub(crate) fn restored(session: &Session<'_>, error: &BundleError) -> Result<bool, BundleError> {
    let BundleError::Publish(error) = error else { return Ok(false) };
    let PublishError::InTrash(id) = &**error else { return Ok(false) };
    restore(session, id, Mode::Real).map_err(|error| BundleError::Restore(Box::new(error)))?;
    Ok(true)
}

fn id(bundle: &Bundle, made: &Content) -> Result<BuildId, BundleError> {
    let id = format!("{}/{}", bundle.stream, made.name);
    id.parse().map_err(|error| BundleError::Write(std::io::Error::other(error)))
}

/// Returns the files of the bundle of these members.
fn joined(mirror: &Mirror, bundle: &Bundle, members: &Members) -> Result<Content, BundleError> {
    let read = |id: &BuildId| read(mirror, bundle, id);
    let members = members.builds.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    content(&bundle.files, &members).map_err(|error| BundleError::Content(bundle.stream.clone(), error))
}

/// Returns the files of a member of which a bundle is made, each as it was published.
fn read(mirror: &Mirror, bundle: &Bundle, id: &BuildId) -> Result<Member, BundleError> {
    let path = mirror.layout().build_path(id)?;
    let manifest = mirror.manifest(id)?;
    let mut files = BTreeMap::new();
    for name in bundle.needs() {
        let at = path.child(name).unwrap_or_default();
        let bytes = match mirror.store().read(&at, FILE_LIMIT) {
            // Content says which file is lacking.
            Err(error) if error.is_not_found() => continue,
            bytes => bytes?,
        };
        let known = manifest.iter().flat_map(|manifest| &manifest.files);
        let known = known.into_iter().find(|file| file.path.as_str() == name);
        if known.is_some_and(|file| file.digest != Digest::of(&bytes)) {
            return Err(BundleError::Changed { id: id.clone(), file: name.to_owned() });
        }
        files.insert(name.to_owned(), bytes);
    }
    Ok(Member { id: id.clone(), files })
}
