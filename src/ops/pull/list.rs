//! Reading the change list of another mirror: the head with its signatures, and the parts that are needed.

use super::PullError;
use super::state::PullState;
use crate::decide::changes::{
    Change, ChangesError, HEAD_LIMIT, Head, Known, PART_LIMIT, Part, PartRef, SignedHead,
};
use crate::model::{Digest, RelPath};
use crate::send::Fetcher;
use crate::sign::Keys;
use rayon::prelude::*;

/// More than all parts of a list ever have, in bytes.
const MOST: u64 = 4 * PART_LIMIT;

/// How often the head is read again where a part has gone meanwhile.
const TRIES: usize = 3;

/// A change list on a server.
pub(super) struct Upstream<'u> {
    pub(super) fetcher: &'u Fetcher,
    /// The directory of the list.
    pub(super) dir: RelPath,
    pub(super) keys: &'u Keys,
}

/// What was read of a list.
pub(super) struct Read {
    pub(super) head: Head,
    /// The latest changes of builds and names.
    pub(super) changes: Vec<Change>,
    /// Whether these are all.
    pub(super) all: bool,
}

impl Upstream<'_> {
    /// Returns the address of the head.
    pub(super) fn address(&self) -> String {
        self.fetcher.address(&SignedHead::place(&self.dir)).to_string()
    }

    /// Reads what is above a serial; everything without one, or where only that helps.
    ///
    /// `accept` refuses heads.
    pub(super) fn read(
        &self,
        since: Option<u64>,
        accept: impl Fn(&Head) -> Result<(), PullError>,
    ) -> Result<Read, PullError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let head = self.head()?;
            accept(&head)?;
            match self.parts(&head, since) {
                // The next edition may have replaced it.
                Err(error) if error.is_missing() && tries < TRIES => {}
                read => {
                    let (changes, all) = read?;
                    return Ok(Read { head, changes, all });
                }
            }
        }
    }

    /// Reads everything that a head names.
    pub(super) fn all(&self, head: &Head) -> Result<Vec<Change>, PullError> {
        Ok(self.parts(head, None)?.0)
    }

    fn head(&self) -> Result<Head, PullError> {
        let place = SignedHead::place(&self.dir);
        let at = self.address();
        let bytes = self.fetcher.read(&place, HEAD_LIMIT).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => PullError::NoList(at.clone()),
            _ => PullError::Read { at: at.clone(), source },
        })?;
        let unfit = |why| PullError::Unfit { at: at.clone(), why };
        let signed = SignedHead::parse(&bytes).map_err(unfit)?;
        let proven = self.keys.prove(|by| signed.signature(by).map(str::as_bytes), signed.head.as_bytes());
        proven.map_err(|(by, source)| PullError::Unsigned { at: at.clone(), by, source })?;
        Head::parse(&signed.head).map_err(unfit)
    }

    fn parts(&self, head: &Head, since: Option<u64>) -> Result<(Vec<Change>, bool), PullError> {
        let some = since.and_then(|since| Some((since, head.since(since)?)));
        let named = some.map_or(head.parts.as_slice(), |(_, parts)| parts);
        if named.iter().map(|part| part.bytes).sum::<u64>() > MOST {
            let why = ChangesError::Contradiction(format!("its parts have more than {MOST} bytes"));
            return Err(PullError::Unfit { at: self.address(), why });
        }
        let parts = named.par_iter().map(|part| self.part(head, part)).collect::<Result<Vec<_>, _>>()?;
        let mut known = Known::default();
        for part in parts {
            known.add(part);
        }
        if some.is_none() {
            known.fits(head).map_err(|why| PullError::Unfit { at: self.address(), why })?;
        }
        // A part may begin before.
        let new = known.changes().filter(|change| some.is_none_or(|(since, _)| change.serial > since));
        Ok((new.cloned().collect(), some.is_none()))
    }

    fn part(&self, head: &Head, named: &PartRef) -> Result<Part, PullError> {
        let place = self.dir.child(&named.file()).unwrap_or_default();
        let at = self.fetcher.address(&place).to_string();
        let bytes = self.fetcher.read(&place, named.bytes);
        let bytes = bytes.map_err(|source| PullError::Read { at: at.clone(), source })?;
        if bytes.len() as u64 != named.bytes || Digest::of(&bytes) != named.sha256 {
            let why = format!("it has {} bytes and another digest than the head states", bytes.len());
            return Err(PullError::Other { at, why });
        }
        let part = Part::parse(&bytes).map_err(|why| PullError::Unfit { at: at.clone(), why })?;
        let fits = part.mirror == head.mirror && (part.after, part.serial) == (named.after, named.serial);
        let fits = fits && part.items.len() as u64 == named.items;
        if !fits {
            return Err(PullError::Other { at, why: "its first line states another part".to_owned() });
        }
        Ok(part)
    }
}

/// Refuses the head of another mirror, and one that is older than what was seen.
pub(super) fn follows(at: &str, own: &str, known: Option<&PullState>, head: &Head) -> Result<(), PullError> {
    if head.mirror == own {
        return Err(PullError::Same(at.to_owned()));
    }
    let Some(known) = known else { return Ok(()) };
    if known.from != head.mirror {
        let (found, known) = (head.mirror.clone(), known.from.clone());
        return Err(PullError::OtherMirror { at: at.to_owned(), found, known });
    }
    if head.serial < known.seen {
        return Err(PullError::Backwards { at: at.to_owned(), found: head.serial, seen: known.seen });
    }
    if head.serial == known.seen && known.content.is_some_and(|content| content != head.content()) {
        return Err(PullError::Rewritten { at: at.to_owned(), serial: head.serial });
    }
    Ok(())
}
