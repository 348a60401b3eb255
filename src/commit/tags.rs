//! Tags of images that move with a stage: moved and read back, and moved back in reverse order if the stage does not
//! move.
//!
//! The moves are in the intent, with their digests before and after, so that recovery needs nothing else. A tag that
//! has neither digest was moved by another program, and stays. The order is in `docs/decisions/0018-images.md`.

use crate::commit::carried::CarryError;
use crate::mirror::{Commands, Mirror, StateError, WriteLock};
use crate::model::Digest;
use crate::model::registry::Image;
use crate::progress::CancelToken;
use crate::record::{Promotion, TagMove};
use crate::registry::{Registries, RegistryError};
use crate::store::io_pool;
use rayon::prelude::*;

/// How many requests run at once.
const AT_ONCE: usize = 8;

/// How long to wait for a registry that does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// As for every request.
    Patiently,
    /// A few seconds, since the command has another purpose, and a later one settles the tags as well.
    Briefly,
}

/// The tags of a running promotion or demotion.
pub(crate) struct Tagging<'a> {
    lock: &'a WriteLock<'a>,
    promotion: &'a Promotion,
    registries: Option<Registries>,
}

impl<'a> Tagging<'a> {
    pub(crate) fn of(
        lock: &'a WriteLock<'a>,
        promotion: &'a Promotion,
        stop: &CancelToken,
        waiting: Waiting,
    ) -> Result<Self, CarryError> {
        let any = promotion.parts().iter().any(|part| part.tags.iter().any(TagMove::is_move));
        let client = match waiting {
            Waiting::Patiently => Registries::new,
            Waiting::Briefly => Registries::brief,
        };
        let registries = any.then(|| client(stop.clone())).transpose()?;
        Ok(Self { lock, promotion, registries })
    }

    /// Moves every tag to its new digest. The old digests are in the intent, which was written under the same lock;
    /// registries have no conditional move, so a second look would leave the same race.
    pub(crate) fn promote(&self) -> Result<(), CarryError> {
        let all = vec![true; self.promotion.parts().len()];
        self.all(&all, |registries, one| {
            let Some(to) = one.to else { return Ok(()) };
            put(registries, &one.image, to)
        })
    }

    /// Moves the tags of these parts back to their old digests.
    pub(crate) fn undo(&self, own: &[bool]) -> Result<(), CarryError> {
        self.all(own, |registries, one| self.settle(registries, &one.image, (one.to, one.from)))
    }

    /// Moves the tags of these parts to their digests after a demotion.
    pub(crate) fn demote(&self, own: &[bool]) -> Result<(), CarryError> {
        self.all(own, |registries, one| self.settle(registries, &one.image, (one.from, one.to)))
    }

    fn settle(
        &self,
        registries: &Registries,
        image: &Image,
        (from, to): (Option<Digest>, Option<Digest>),
    ) -> Result<(), CarryError> {
        let warnings = self.lock.mirror().warnings();
        let Some(to) = to else {
            // Registries differ in whether deleting a tag also deletes its digest and all other tags of it.
            if from.is_some() && registries.look(image)?.is_some_and(|now| Some(now.digest) == from) {
                warnings.add(format!("the tag `{image}` was new, and stays"));
            }
            return Ok(());
        };
        match digest_of(registries, image)? {
            Some(now) if now == to => Ok(()),
            now if now == from => match put(registries, image, to) {
                Err(CarryError::Registry(RegistryError::Missing(_)))
                    if digest_of(registries, &image.repository.at(to))?.is_none() =>
                {
                    let why = "which the registry does not have any more";
                    warnings.add(format!("the tag `{image}` stays: it was to have sha256:{to}, {why}"));
                    Ok(())
                }
                put => put,
            },
            _ => {
                warnings.add(format!("the tag `{image}` was moved by something else, and stays"));
                Ok(())
            }
        }
    }

    /// Calls a function for every tag of these parts, several at once.
    fn all(
        &self,
        own: &[bool],
        act: impl Fn(&Registries, &TagMove) -> Result<(), CarryError> + Sync,
    ) -> Result<(), CarryError> {
        let Some(registries) = &self.registries else { return Ok(()) };
        let mirror = self.lock.mirror();
        match mirror.commands() {
            Commands::Run => {}
            Commands::Refuse => return Err(CarryError::Refused(self.promotion.name.clone())),
            Commands::Skip => {
                mirror.warnings().add(format!("the tags of `{}` were not moved", self.promotion.name));
                return Ok(());
            }
        }
        let parts = self.promotion.parts().iter().zip(own).filter(|(_, own)| **own);
        let tags: Vec<&TagMove> =
            parts.flat_map(|(part, _)| &part.tags).filter(|one| one.is_move()).collect();
        at_once(mirror, &tags, |one| act(registries, one)).map(drop)
    }
}

/// Points a tag to a digest that is in its repository, and reads it back.
fn put(registries: &Registries, image: &Image, to: Digest) -> Result<(), CarryError> {
    let manifest = registries.manifest(&image.repository.at(to))?;
    registries.put_manifest(image, &manifest)?;
    if digest_of(registries, image)? == Some(to) {
        return Ok(());
    }
    Err(CarryError::TagNotThere { image: Box::new(image.clone()), to })
}

/// Returns the digest of an image; nothing if it does not exist.
pub(crate) fn digest_of(registries: &Registries, image: &Image) -> Result<Option<Digest>, CarryError> {
    Ok(registries.look(image)?.map(|is| is.digest))
}

/// Calls a function for each, several at once, and returns the results in their order. After a failure no further
/// call is started.
pub(crate) fn at_once<T: Sync, R: Send>(
    mirror: &Mirror,
    items: &[T],
    act: impl Fn(&T) -> Result<R, CarryError> + Sync,
) -> Result<Vec<R>, CarryError> {
    let pool = io_pool(mirror.store(), AT_ONCE).map_err(StateError::from)?;
    pool.install(|| items.par_iter().with_max_len(1).map(&act).collect())
}
