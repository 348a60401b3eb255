//! The members of a bundle: which streams, and which build of each.

use super::BundleError;
use crate::census::Census;
use crate::layout::{Bundle, Place};
use crate::mirror::{Mirror, Resolved, Unreadable, build_info, chain, hidden_streams};
use crate::model::{BuildId, Outcome, Stream};
use std::collections::{BTreeMap, BTreeSet};

/// The members of a bundle, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Members {
    /// The builds.
    pub(crate) builds: Vec<BuildId>,
}

impl Members {
    /// Returns the builds to which the alias of a bundle points in each member stream, with the moves that are about
    /// to be made.
    ///
    /// Fails with every member stream that has none.
    pub(crate) fn read(
        mirror: &Mirror,
        (census, unreadable): (&Census, &[Unreadable]),
        bundle: &Bundle,
        moved: &BTreeMap<Stream, Option<BuildId>>,
    ) -> Result<Self, BundleError> {
        let (mut builds, mut wrong) = (Vec::new(), Vec::new());
        for (_, stream) in streams(mirror, (census, unreadable), bundle)? {
            let found = match moved.get(&stream) {
                Some(Some(id)) => success(mirror, id.clone())?,
                Some(None) => Err(format!("it would have no `{}`", bundle.alias)),
                None => build(mirror, bundle, &stream)?,
            };
            match found {
                Ok(id) => builds.push(id),
                Err(why) => wrong.push((stream, why)),
            }
        }
        if !wrong.is_empty() {
            return Err(BundleError::Members { stream: bundle.stream.clone(), members: wrong });
        }
        if builds.is_empty() {
            return Err(BundleError::NoMember(bundle.stream.clone()));
        }
        Ok(Self { builds })
    }

    /// Returns whether the alias still points to the same builds.
    pub(crate) fn still(&self, mirror: &Mirror, bundle: &Bundle) -> Result<bool, BundleError> {
        for id in &self.builds {
            if build(mirror, bundle, &id.stream)?.as_ref() != Ok(id) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Returns the build that the link of a bundle resolves to.
pub(crate) fn current(mirror: &Mirror, bundle: &Bundle) -> Result<Option<BuildId>, BundleError> {
    let link = mirror.layout().stream_path(&bundle.stream)?.child(&bundle.link).unwrap_or_default();
    let Some(target) = mirror.resolve(&link)?.path() else { return Ok(None) };
    Ok(match mirror.layout().place(&target) {
        Place::Build { build } if build.stream == bundle.stream => Some(build),
        _ => None,
    })
}

/// Returns the member streams, in their order: those that have builds, and those of the current bundle.
fn streams(
    mirror: &Mirror,
    (census, unreadable): (&Census, &[Unreadable]),
    bundle: &Bundle,
) -> Result<BTreeSet<(Vec<String>, Stream)>, BundleError> {
    let hidden = hidden_streams(mirror, unreadable)
        .map_err(|one| BundleError::Unreadable(one.path.clone(), chain(&one.error)))?;
    let last = current(mirror, bundle)?.map(|id| mirror.record(&id)).transpose()?.flatten();
    let last = last.into_iter().flat_map(|record| record.requires).map(|id| id.stream);
    let filled = census.streams.iter().filter(|line| !line.builds.is_empty());
    let all = filled.map(|line| line.stream.clone()).chain(hidden).chain(last);
    Ok(all.filter_map(|stream| Some((bundle.member(&stream)?, stream))).collect())
}

/// Returns the build to which the alias points in a stream, or why there is none.
fn build(mirror: &Mirror, bundle: &Bundle, stream: &Stream) -> Result<Result<BuildId, String>, BundleError> {
    let name = &bundle.alias;
    let alias = mirror.layout().stream_path(stream)?.child(name).unwrap_or_default();
    if mirror.named(&alias)?.is_none() {
        return Ok(Err(format!("it has no `{name}`")));
    }
    Ok(match mirror.resolve(&alias)? {
        Resolved::To(target) => match mirror.layout().place(&target) {
            Place::Build { build } if build.stream == *stream => return success(mirror, build),
            _ => Err(format!("`{name}` resolves to `{target}`, which is not one of its builds")),
        },
        Resolved::Dangles(at) => Err(format!("`{name}` dangles: nothing is at `{at}`")),
        Resolved::Loops => Err(format!("`{name}` loops")),
        Resolved::Leaves(text) => Err(format!("`{name}` leaves the mirror by `{}`", text.escape_debug())),
    })
}

/// Returns a build if it is a success, or why it cannot be a member.
fn success(mirror: &Mirror, id: BuildId) -> Result<Result<BuildId, String>, BundleError> {
    let known = build_info(mirror, &id)?;
    Ok(match (known.problem, known.result) {
        (Some(problem), _) => Err(format!("`{}`: {problem}", id.name)),
        (None, Outcome::Success) => Ok(id),
        (None, result) => Err(format!("the result of `{}` is `{result}`", id.name)),
    })
}
