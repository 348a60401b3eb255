//! The path of one run of verify: which builds and files, from where to where.

use crate::decide::Portion;
use crate::mirror::{Mirror, chain};
use crate::model::{BuildId, RelPath, Stamp};
use crate::ops::ActError;
use crate::ops::verify::cursor::Cursor;
use crate::ops::verify::report::VerifyReport;
use crate::store::Put;

/// How often a run writes the cursor, in seconds.
const OFTEN: i64 = 10;

/// Which files of a build belong to a run.
pub(crate) enum Part {
    All,
    After(RelPath),
    Until(RelPath),
}

impl Part {
    pub(crate) fn has(&self, at: &RelPath) -> bool {
        match self {
            Self::All => true,
            Self::After(file) => at > file,
            Self::Until(file) => at <= file,
        }
    }
}

/// The path of one run.
pub(crate) struct Track {
    /// Where the cursor is stored; nothing for a run without one.
    place: Option<RelPath>,
    /// Whether the run wraps around, from the last build to the first.
    round: bool,
    pub(crate) portion: Portion,
    pub(crate) started: Option<Cursor>,
    passed: Option<Cursor>,
    entered: bool,
    bytes: u64,
    kept: Option<Stamp>,
}

impl Track {
    /// Returns the path of a run without a cursor.
    pub(crate) fn none(portion: Portion) -> Self {
        Self {
            place: None,
            round: false,
            portion,
            started: None,
            passed: None,
            entered: false,
            bytes: 0,
            kept: None,
        }
    }

    /// Returns the path through everything, from where it was interrupted.
    pub(crate) fn all(mirror: &Mirror, restart: bool) -> Result<Self, ActError> {
        let place = RelPath::state("cursors/verify-all.json");
        let started = if restart { None } else { Cursor::read(mirror, &place)? };
        Ok(Self { place: Some(place), passed: started.clone(), started, ..Self::none(Portion::whole()) })
    }

    /// Returns the path of a sample, from where the last one ended.
    pub(crate) fn sample(mirror: &Mirror, portion: Portion) -> Result<Self, ActError> {
        let place = RelPath::state("cursors/verify-sample.json");
        let started = Cursor::read(mirror, &place)?;
        let passed = started.clone();
        Ok(Self { place: Some(place), round: true, passed, started, ..Self::none(portion) })
    }

    /// Returns the builds in the order of this run.
    pub(crate) fn order(&self, builds: Vec<BuildId>) -> Vec<BuildId> {
        let Some(started) = &self.started else { return builds };
        let first = builds.partition_point(|id| *id < started.build);
        let (before, after) = builds.split_at(first);
        let mut order = after.to_vec();
        if self.round {
            order.extend_from_slice(before);
            // The earlier files of the build in which the last run ended.
            order.extend(after.first().filter(|id| **id == started.build).cloned());
        }
        order
    }

    /// Returns which files of the next build belong to this run.
    pub(crate) fn part(&mut self, id: &BuildId) -> Part {
        let first = !std::mem::replace(&mut self.entered, true);
        match &self.started {
            Some(started) if started.build == *id && first => Part::After(started.file.clone()),
            Some(started) if started.build == *id => Part::Until(started.file.clone()),
            _ => Part::All,
        }
    }

    /// Adds to the number of bytes that are waiting to be read, and returns it.
    pub(crate) fn grew(&mut self, bytes: u64) -> u64 {
        self.bytes = self.bytes.saturating_add(bytes);
        self.bytes
    }

    /// Records that no bytes are waiting.
    pub(crate) fn read_all(&mut self) {
        self.bytes = 0;
    }

    /// Records the last file that was read.
    pub(crate) fn passed(&mut self, cursor: Cursor) {
        self.passed = Some(cursor);
    }

    /// Writes the cursor if the last write was long ago.
    pub(crate) fn keep_at_times(&mut self, mirror: &Mirror, now: Stamp, report: &mut VerifyReport) {
        if self.kept.is_some_and(|kept| now.since(kept) < OFTEN) {
            return;
        }
        self.keep(mirror, now, report);
    }

    /// Writes the cursor; if that fails, the run is no less valid.
    pub(crate) fn keep(&mut self, mirror: &Mirror, now: Stamp, report: &mut VerifyReport) {
        self.kept = Some(now);
        let (Some(place), Some(passed)) = (&self.place, &mut self.passed) else { return };
        passed.at = Some(now);
        report.next = Some(passed.clone());
        // Plain data always serializes.
        let text = serde_json::to_vec(passed).unwrap_or_default();
        if let Err(error) = mirror.store().put(place, &text, Put::Replace) {
            let why = chain(&error);
            let warning = format!("the next run will not know where this one ended: {why}");
            if !report.warnings.contains(&warning) {
                report.warnings.push(warning);
            }
        }
    }

    /// Ends a run that reached the end of its path.
    pub(crate) fn finish(&mut self, mirror: &Mirror, now: Stamp, report: &mut VerifyReport) {
        if self.round {
            self.keep(mirror, now, report);
            return;
        }
        report.next = None;
        if let Some(place) = &self.place
            && let Err(error) = mirror.store().remove(place)
        {
            report.warnings.push(format!("the cursor could not be removed: {}", chain(&error)));
        }
    }
}
