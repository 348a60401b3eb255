//! One run: each stream comes as far as it can, and what is due is removed.

use super::announce::{announce, is_due, redirect};
use super::begin::begin;
use super::prove::{Proof, prove};
use super::remove::{Due, remove};
use super::report::{RetireOutcome, RetireReport, RetiredStream, fails, from};
use super::state::{builds, current};
use super::{Retire, RetireError, served};
use crate::model::{BuildId, Stream};
use crate::ops::{Mode, Opener};
use crate::record::{Retirement, RetirementState};
use crate::session::Session;
use std::collections::BTreeSet;

/// Retires streams, as far as that is possible now. What stops one of them stops no other.
pub fn retire(
    session: &Session<'_>,
    what: &Retire,
    opener: &Opener<'_>,
    mode: Mode,
) -> Result<RetireReport, RetireError> {
    let all = match what {
        Retire::Begin(request) => begin(session, request, opener, mode)?,
        Retire::Continue(streams) => begun(session, streams, mode)?,
    };
    let begins = matches!(what, Retire::Begin(_));
    let run = Run { session, opener, mode, begins };
    let (mut report, mut due) = (RetireReport::default(), Vec::new());
    for one in all {
        let mut row = RetiredStream::of(one.stream.clone(), Some(one.clone()));
        match run.advance(one, &mut row) {
            Ok(Some(ready)) => due.push(ready),
            Ok(None) => {}
            Err(error) => fails(&mut row, &error)?,
        }
        report.streams.push(row);
    }
    if !due.is_empty() {
        remove(session, &due, &mut report, mode)?;
    }
    Ok(report)
}

/// Returns the retirements that were begun: of these streams, or all that are not complete.
fn begun(session: &Session<'_>, streams: &[Stream], mode: Mode) -> Result<Vec<Retirement>, RetireError> {
    let mirror = session.mirror();
    let known = mirror.retirements()?;
    if let Some(stream) = streams.iter().find(|stream| !known.contains_key(*stream)) {
        return Err(RetireError::NotRetiring(stream.clone()));
    }
    let lock = if mode == Mode::Real && !known.is_empty() { Some(session.begin()?) } else { None };
    let chosen = known.into_iter().filter(|(stream, _)| streams.is_empty() || streams.contains(stream));
    let mut all: Vec<Retirement> = match &lock {
        Some(lock) => {
            let chosen: Vec<Stream> = chosen.map(|(stream, _)| stream).collect();
            current(lock, &chosen)?.into_values().collect()
        }
        None => chosen.map(|(_, one)| one).collect::<Result<_, _>>()?,
    };
    all.retain(|one| one.retired_at.is_none() || !streams.is_empty());
    Ok(all)
}

struct Run<'a> {
    session: &'a Session<'a>,
    opener: &'a Opener<'a>,
    mode: Mode,
    /// Whether retirements begin, and do not only continue.
    begins: bool,
}

impl Run<'_> {
    /// Takes a stream through its steps up to the removal; returns it if that may begin.
    fn advance(&self, mut one: Retirement, row: &mut RetiredStream) -> Result<Option<Due>, RetireError> {
        let session = self.session;
        let there = builds(session.mirror(), &one.stream, session.now())?;
        row.builds = there.len() as u64;
        if one.state() == RetirementState::Retired {
            row.ends(RetireOutcome::Retired, "");
            return Ok(None);
        }
        if one.state() == RetirementState::Announced && !is_due(session, &one, self.mode)? {
            row.ends(RetireOutcome::Waiting, one.removal_at.map(from).unwrap_or_default());
            return Ok(None);
        }
        let proof = prove(session, &one, &there, self.opener, self.mode)?;
        row.proved = proof.count();
        if self.mode == Mode::Trial {
            return Ok(self.trial(one, there, proof, row));
        }
        if one.state() == RetirementState::Frozen {
            one = announce(session, &one, &there)?;
            row.is_now(&one);
            if !is_due(session, &one, self.mode)? {
                row.ends(RetireOutcome::Waiting, one.removal_at.map(from).unwrap_or_default());
                return Ok(None);
            }
        }
        if one.state() == RetirementState::Announced {
            one = redirect(session, &one, &there, &proof)?;
            row.is_now(&one);
        }
        if let Some(why) = served::differs(session, &one, &there)? {
            let next = format!(
                "load the rules of `mirrorkeep export redirects` in the server, then run `mirrorkeep retire`: {why}"
            );
            row.ends(RetireOutcome::Unredirected, next);
            return Ok(None);
        }
        Ok(Some(Due { retirement: one, proof }))
    }

    /// Says what the next step would be.
    fn trial(
        &self,
        one: Retirement,
        there: BTreeSet<BuildId>,
        proof: Proof,
        row: &mut RetiredStream,
    ) -> Option<Due> {
        match one.state() {
            RetirementState::Frozen => {
                let copied =
                    if one.archive.is_some() { "would copy and verify" } else { "would not archive" };
                let freeze = if self.begins { "would freeze it, " } else { "" };
                let next = format!("{freeze}{copied} {} builds, and announce the removal", there.len());
                row.ends(RetireOutcome::Trial, next);
                None
            }
            RetirementState::Announced => {
                row.ends(RetireOutcome::Trial, "would redirect its addresses, then remove its builds");
                None
            }
            _ => Some(Due { retirement: one, proof }),
        }
    }
}
