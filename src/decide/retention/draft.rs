//! Verdicts while they are being made.

use crate::decide::retention::plan::{Fate, Miss, PartFate, Reason, Verdict};
use crate::model::{BuildId, Outcome, Stamp};
use std::collections::BTreeMap;

/// The present state of one build's verdict.
#[derive(Debug, Clone)]
pub(super) struct Draft<'a> {
    pub stream: usize,
    pub age: (Option<Stamp>, u64),
    pub bytes: u64,
    pub fate: Fate,
    pub result: Outcome,
    pub reasons: Vec<Reason>,
    pub misses: Vec<Miss>,
    pub parts: BTreeMap<&'a str, PartFate>,
    pub parts_withheld: Vec<Reason>,
    pub pressed: bool,
}

/// The drafts of a census, in its order.
#[derive(Debug, Clone)]
pub(super) struct Drafts<'a> {
    pub all: Vec<Draft<'a>>,
    pub sizes: Vec<usize>,
}

impl Draft<'_> {
    /// Keeps every part that would be removed.
    pub(super) fn keep_parts(&mut self) {
        let going = self.parts.values_mut().filter(|fate| **fate == PartFate::Expire);
        going.for_each(|fate| *fate = PartFate::Keep);
    }

    /// Returns whether it stays and loses parts.
    pub(super) fn is_trimmed(&self) -> bool {
        self.fate == Fate::Keep && self.parts.values().any(|fate| *fate == PartFate::Expire)
    }

    /// Withholds those of its expiring parts that `which` names.
    pub(super) fn withhold_parts(&mut self, which: impl Fn(&str) -> bool, rule: &str, detail: &str) {
        if self.fate != Fate::Keep {
            return;
        }
        let mut found = false;
        for (_, fate) in
            self.parts.iter_mut().filter(|(name, fate)| **fate == PartFate::Expire && which(name))
        {
            *fate = PartFate::Withheld;
            found = true;
        }
        if found {
            self.parts_withheld.push(Reason::lasting(rule, detail.to_owned()));
        }
    }
}

impl Drafts<'_> {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn expiring(&self) -> impl Iterator<Item = usize> {
        self.all.iter().enumerate().filter(|(_, draft)| draft.fate == Fate::Expire).map(|(index, _)| index)
    }

    /// Returns the builds that are deleted or lose parts.
    pub(super) fn changing(&self) -> impl Iterator<Item = usize> {
        let changing = |draft: &Draft<'_>| draft.fate == Fate::Expire || draft.is_trimmed();
        self.all.iter().enumerate().filter(move |(_, draft)| changing(draft)).map(|(index, _)| index)
    }

    pub(super) fn fate(&self, index: usize) -> Fate {
        self.all.get(index).map_or(Fate::Blocked, |draft| draft.fate)
    }

    pub(super) fn stream(&self, index: usize) -> usize {
        self.all.get(index).map_or(usize::MAX, |draft| draft.stream)
    }

    pub(super) fn stream_size(&self, stream: usize) -> usize {
        self.sizes.get(stream).copied().unwrap_or(0)
    }

    pub(super) fn age(&self, index: usize) -> (Option<Stamp>, u64, usize) {
        self.all.get(index).map_or((None, 0, index), |draft| (draft.age.0, draft.age.1, index))
    }

    pub(super) fn bytes(&self, index: usize) -> u64 {
        self.all.get(index).map_or(0, |draft| draft.bytes)
    }

    /// Withholds builds that would be deleted.
    pub(super) fn withhold(&mut self, builds: &[usize], rule: &str, detail: &str) {
        for index in builds {
            if let Some(draft) = self.all.get_mut(*index).filter(|draft| draft.fate == Fate::Expire) {
                draft.fate = Fate::Withheld;
                draft.keep_parts();
                draft.reasons.push(Reason::lasting(rule, detail.to_owned()));
            }
        }
    }

    /// Withholds builds that would be deleted, and parts of builds that stay.
    pub(super) fn hold_back(&mut self, builds: &[usize], rule: &str, detail: &str) {
        for index in builds {
            if let Some(draft) = self.all.get_mut(*index) {
                draft.withhold_parts(|_| true, rule, detail);
            }
        }
        self.withhold(builds, rule, detail);
    }

    /// Returns the verdicts, by stream and age.
    pub(super) fn verdicts(self, ids: &[BuildId], measured: bool) -> Vec<Verdict> {
        let mut order: Vec<usize> = (0..self.all.len()).collect();
        let age = |index: &usize| {
            let id = ids.get(*index);
            let age = self.all.get(*index).map(|draft| draft.age);
            (id.map(|id| &id.stream), age, id.map(|id| &id.name))
        };
        order.sort_by(|a, b| age(a).cmp(&age(b)));
        let mut all: Vec<Option<Draft<'_>>> = self.all.into_iter().map(Some).collect();
        let taken =
            order.into_iter().filter_map(|index| Some((all.get_mut(index)?.take()?, ids.get(index)?)));
        taken
            .map(|(draft, id)| {
                let freed = if draft.fate == Fate::Expire || (measured && draft.is_trimmed()) {
                    draft.bytes
                } else {
                    0
                };
                let parts = draft.parts.into_iter().map(|(name, fate)| (name.to_owned(), fate)).collect();
                let mut verdict = Verdict {
                    id: id.clone(),
                    fate: draft.fate,
                    result: draft.result,
                    reasons: draft.reasons,
                    misses: draft.misses,
                    parts,
                    parts_withheld: draft.parts_withheld,
                    kept_until: None,
                    bytes_freed: freed,
                    pressed: draft.pressed && draft.fate == Fate::Expire,
                    archive: None,
                };
                if draft.fate == Fate::Keep {
                    verdict.kept_until = verdict.last_instant();
                }
                verdict
            })
            .collect()
    }
}
