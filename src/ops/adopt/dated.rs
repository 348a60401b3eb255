//! The time of a build, recorded because the user knows it: neither its name nor its files state it.
//!
//! The times of files are not used for it. Copies may or may not preserve them, and reproducible builds set them to
//! fixed values, so they are too early as often as too late, and a build whose time is too early is deleted too
//! early.

use crate::census::BuildCensus;
use crate::commit::handshake::say;
use crate::layout::Created;
use crate::mirror::build_info;
use crate::model::{BuildId, Stamp};
use crate::ops::Mode;
use crate::ops::adopt::request::{Adopted, Stopped};
use crate::ops::adopt::taking::Taking;
use crate::record::{BuildRecord, Origin, Payload};

impl Taking<'_> {
    /// Adopts a build that was made at that time.
    pub(crate) fn dated(&self, id: &BuildId, census: &BuildCensus, at: Stamp) -> Result<Adopted, Stopped> {
        self.is_undated(id)?;
        if let Some(known) = census.created.filter(|known| *known != at) {
            return Err(Stopped::Build(format!("its files say that it was made at {}", known.iso())));
        }
        self.build(id, &BuildCensus { created: Some(at), ..census.clone() })
    }

    /// Records the time of a build that already has a record; does nothing if the record has that time.
    pub(crate) fn date(&self, id: &BuildId, at: Stamp) -> Result<Option<Adopted>, Stopped> {
        self.is_undated(id)?;
        let refuse = |why: String| Err(Stopped::Build(why));
        let lock = if self.adopting.mode == Mode::Real { Some(self.session.begin()?) } else { None };
        let Some(before) = self.session.mirror().record(id)? else {
            return refuse("its record was removed during that time".to_owned());
        };
        if before.created == Some(at) {
            return Ok(None);
        }
        if let (Origin::Published, Some(known)) = (before.origin, before.created) {
            return refuse(format!("it was published with the time {}", known.iso()));
        }
        if let Some(problem) = build_info(self.session.mirror(), id)?.problem {
            return refuse(problem);
        }
        let published = before.published.filter(|published| *published >= at);
        let record = BuildRecord { created: Some(at), published, ..before.clone() };
        let adopted = Adopted {
            id: id.clone(),
            path: self.session.mirror().layout().build_path(id).unwrap_or_else(|_| id.as_path()),
            created: record.created,
            result: record.result,
            files: record.files,
            bytes: record.bytes,
            listed: 0,
            unread: Vec::new(),
            unfit: Vec::new(),
        };
        let Some(lock) = lock else { return Ok(Some(adopted)) };
        let (result, files, bytes) = (record.result, record.files, record.bytes);
        let payload = Payload::Dated { result, created: at, files, bytes };
        let now = lock.now();
        let pending = lock.begin(now, id, &payload)?;
        let stands =
            say(&lock, id, || lock.renew_record(&before, &record), || lock.renew_record(&record, &before))?;
        if !stands {
            pending.undone(now)?;
            return refuse("it is being pruned at this moment".to_owned());
        }
        pending.done(now)?;
        Ok(Some(adopted))
    }

    /// Fails if the name of a build states its time, which takes precedence.
    fn is_undated(&self, id: &BuildId) -> Result<(), Stopped> {
        match self.session.mirror().layout().created(id) {
            Created::Unnamed => Ok(()),
            Created::At(at, _) => {
                Err(Stopped::Build(format!("its name says that it was made at {}", at.iso())))
            }
            Created::Impossible(why) => Err(Stopped::Build(why)),
        }
    }
}
