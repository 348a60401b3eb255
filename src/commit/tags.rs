//! Tags of images that move with a stage: put forward and read back, and put back in reverse where the stage does not move.
//!
//! What moves is in the intent, with its digest before and after, so that recovery needs nothing else. A tag that has
//! neither digest was moved by something else since, and stays. The order is in `docs/decisions/0018-images.md`.

use crate::commit::carried::CarryError;
use crate::mirror::{Commands, Mirror, StateError, WriteLock};
use crate::model::Digest;
use crate::model::registry::Image;
use crate::progress::CancelToken;
use crate::record::{Promotion, TagMove};
use crate::registry::Registries;
use crate::store::io_pool;
use rayon::prelude::*;

/// How many requests are under way at once.
const AT_ONCE: usize = 8;

/// The tags of a promotion or demotion, at work.
pub(crate) struct Tagging<'a> {
    lock: &'a WriteLock<'a>,
    promotion: &'a Promotion,
    registries: Option<Registries>,
}

/// What is done about a tag that is neither where it was nor where it is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moved {
    /// Nothing was promoted yet: the promotion fails.
    Fails,
    /// It stays, with a warning.
    Stays,
}

impl<'a> Tagging<'a> {
    pub(crate) fn of(
        lock: &'a WriteLock<'a>,
        promotion: &'a Promotion,
        stop: &CancelToken,
    ) -> Result<Self, CarryError> {
        let any = promotion.parts().iter().any(|part| !part.tags.is_empty());
        let registries = any.then(|| Registries::new(stop.clone())).transpose()?;
        Ok(Self { lock, promotion, registries })
    }

    /// Moves every tag to its new digest; one that something else moved meanwhile is a failure.
    pub(crate) fn promote(&self) -> Result<(), CarryError> {
        let all = vec![true; self.promotion.parts().len()];
        self.all(&all, |registries, one| {
            let Some(to) = one.to else { return Ok(()) };
            put(registries, &one.image, (one.from, to), Moved::Fails).map(drop)
        })
    }

    /// Moves the tags of these parts back to where they were.
    pub(crate) fn undo(&self, own: &[bool]) -> Result<(), CarryError> {
        self.all(own, |registries, one| self.settle(registries, &one.image, (one.to, one.from)))
    }

    /// Moves the tags of these parts to where a demotion takes them.
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
            // Registries differ in whether the deletion of a tag deletes its digest and all other tags of that.
            if from.is_some() && registries.look(image)?.is_some_and(|now| Some(now.digest) == from) {
                warnings.add(format!("the tag `{image}` was new, and stays"));
            }
            return Ok(());
        };
        if !put(registries, image, (from, to), Moved::Stays)? {
            warnings.add(format!("the tag `{image}` was moved by something else, and stays"));
        }
        Ok(())
    }

    /// Does something with every tag of these parts, several at once.
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
        let tags: Vec<&TagMove> = parts.flat_map(|(part, _)| &part.tags).collect();
        at_once(mirror, &tags, |one| act(registries, one)).map(drop)
    }
}

/// Gives a tag to a digest that its repository has, and reads it back; returns whether it is there, and not moved by
/// something else.
fn put(
    registries: &Registries,
    image: &Image,
    (from, to): (Option<Digest>, Digest),
    moved: Moved,
) -> Result<bool, CarryError> {
    let now = digest_of(registries, image)?;
    if now == Some(to) {
        return Ok(true);
    }
    if now != from {
        return match moved {
            Moved::Fails => Err(CarryError::TagMoved { image: Box::new(image.clone()), is: now }),
            Moved::Stays => Ok(false),
        };
    }
    let manifest = registries.manifest(&image.repository.at(to))?;
    registries.put_manifest(image, &manifest)?;
    if digest_of(registries, image)? != Some(to) {
        return Err(CarryError::TagNotThere { image: Box::new(image.clone()), to });
    }
    Ok(true)
}

/// Returns the digest that an image has; nothing if it is not there.
pub(crate) fn digest_of(registries: &Registries, image: &Image) -> Result<Option<Digest>, CarryError> {
    Ok(registries.look(image)?.map(|is| is.digest))
}

/// Does something with each, several at once, and returns the results in their order. After a failure nothing more is begun.
pub(crate) fn at_once<T: Sync, R: Send>(
    mirror: &Mirror,
    items: &[T],
    act: impl Fn(&T) -> Result<R, CarryError> + Sync,
) -> Result<Vec<R>, CarryError> {
    let pool = io_pool(mirror.store(), AT_ONCE).map_err(StateError::from)?;
    pool.install(|| items.par_iter().with_max_len(1).map(&act).collect())
}
