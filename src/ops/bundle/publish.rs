//! Publishing a bundle: the files of its members are read, joined, and published as an ordinary build.

use super::{BundleError, Members};
use crate::commit::{Check, Filling, Moved, TimeRule};
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

/// More bytes than a joined file ever has.
const FILE_LIMIT: u64 = 64 << 20;

/// The bundle that is published, or would be.
pub(crate) struct Made {
    pub(crate) id: BuildId,
    pub(crate) outcome: PublishOutcome,
    pub(crate) aliases: Vec<Moved>,
    pub(crate) warnings: Vec<String>,
}

/// Publishes the bundle of these members; one that already exists is left as it is, and one in the trash is restored.
///
/// Takes the lock, so the caller must not have it.
pub(crate) fn publish(
    session: &Session<'_>,
    bundle: &Bundle,
    members: &Members,
) -> Result<Made, BundleError> {
    match act(session, bundle, members, publish::publish) {
        Err(BundleError::Publish(error)) => match *error {
            PublishError::InTrash(id) => {
                restore(session, &id, Mode::Real).map_err(|error| BundleError::Restore(Box::new(error)))?;
                act(session, bundle, members, publish::publish)
            }
            error => Err(BundleError::Publish(Box::new(error))),
        },
        made => made,
    }
}

/// Returns what [`publish`](fn@publish) would do, and changes nothing.
pub(crate) fn bundled(
    session: &Session<'_>,
    bundle: &Bundle,
    members: &Members,
) -> Result<Made, BundleError> {
    match act(session, bundle, members, publish::try_publish) {
        Err(BundleError::Publish(error)) => match *error {
            PublishError::InTrash(id) => {
                Ok(Made { id, outcome: PublishOutcome::Trial, aliases: Vec::new(), warnings: Vec::new() })
            }
            error => Err(BundleError::Publish(Box::new(error))),
        },
        made => made,
    }
}

fn act(
    session: &Session<'_>,
    bundle: &Bundle,
    members: &Members,
    act: impl FnOnce(&Session<'_>, &PublishRequest) -> Result<PublishReport, PublishError>,
) -> Result<Made, BundleError> {
    let made = joined(session.mirror(), bundle, members)?;
    let dir = tempfile::tempdir().map_err(BundleError::Write)?;
    for (name, bytes) in &made.files {
        fs::write(dir.path().join(name), bytes).map_err(BundleError::Write)?;
    }
    let id = id(bundle, &made)?;
    let publishing = PublishRequest {
        // Its contents follow from its members.
        allow_shrink: true,
        // Its members are published, and not withdrawn with it.
        allow_withdrawn: true,
        id: id.clone(),
        named: Named::Given,
        sources: vec![SourceSpec { to: RelPath::root(), from: dir.path().to_owned(), only: None }],
        exclude: Vec::new(),
        listed: None,
        if_changed: None,
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
    let PublishReport { outcome, aliases, mut warnings, .. } =
        act(session, &publishing).map_err(|error| BundleError::Publish(Box::new(error)))?;
    if outcome == PublishOutcome::Unchanged
        && session.mirror().record(&id)?.is_some_and(|record| record.requires != publishing.requires)
    {
        warnings.push(format!(
            "`{id}` has the same content, and was made of other builds; its record still names those"
        ));
    }
    Ok(Made { id, outcome, aliases, warnings })
}

/// Returns the bundle of these members, if it is published already.
pub(crate) fn is_there(
    mirror: &Mirror,
    bundle: &Bundle,
    members: &Members,
) -> Result<Option<BuildId>, BundleError> {
    let id = id(bundle, &joined(mirror, bundle, members)?)?;
    Ok((mirror.has_build(&id)? && mirror.record(&id)?.is_some()).then_some(id))
}

fn id(bundle: &Bundle, made: &Content) -> Result<BuildId, BundleError> {
    let id = format!("{}/{}", bundle.stream, made.name);
    id.parse().map_err(|error| BundleError::Write(std::io::Error::other(error)))
}

/// Returns the files of the bundle of these members.
fn joined(mirror: &Mirror, bundle: &Bundle, members: &Members) -> Result<Content, BundleError> {
    let read = |id: &BuildId| read(mirror, bundle, id);
    let members = members.builds.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    content(&bundle.files, &members)
        .map_err(|error| BundleError::Content(bundle.stream.clone(), Box::new(error)))
}

/// Returns the files of a member that become part of a bundle, each as it was published.
fn read(mirror: &Mirror, bundle: &Bundle, id: &BuildId) -> Result<Member, BundleError> {
    let path = mirror.layout().build_path(id)?;
    let manifest = mirror.manifest(id)?;
    let mut files = BTreeMap::new();
    for name in bundle.needs() {
        let at = path.child(name).unwrap_or_default();
        let bytes = match mirror.store().read(&at, FILE_LIMIT) {
            // The contents name the missing file.
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
