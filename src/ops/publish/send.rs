//! Publishing where trees are not moved: the files first, at the place where they stay, then the seal.
//!
//! Killed before the seal, the build is not there and the next try goes on where this one stopped; killed after it,
//! the next command that changes anything finishes aliases and event. Of two publishers of one build one seals it.

use crate::commit::places::make_room;
use crate::commit::untrash::find;
use crate::commit::upload::{Found, Upload};
use crate::ops::publish::error::PublishError;
use crate::ops::publish::outcome::PublishReport;
use crate::ops::publish::prepared::{Prepared, record};
use crate::ops::publish::run::PublishRun;

impl PublishRun<'_> {
    /// Publishes a build that is not there.
    pub(crate) fn send(&self, mut prepared: Prepared) -> Result<PublishReport, PublishError> {
        let (mirror, publishing, watch) = (self.session.mirror(), self.publishing, self.session.progress());
        let id = &publishing.id;
        let mut upload = Upload::open(mirror, id, &prepared.path)?;
        if let Some(report) = self.published_meanwhile(&prepared)? {
            upload.leave()?;
            return Ok(report);
        }
        if find(mirror, id).map_err(Box::new)?.is_some() {
            return Err(PublishError::InTrash(id.clone()));
        }
        make_room(mirror, id).map_err(Box::new)?;
        // First, so that what is sent can always be resumed.
        if let Some(claim) = &prepared.claim {
            claim.note(mirror.store())?;
        }
        if upload.begin(id)? == Found::Foreign {
            return Err(PublishError::Foreign(id.clone()));
        }
        watch.expect("publishing", prepared.source.files.len() as u64, prepared.source.bytes());
        let reuse = self.earlier(&prepared);
        let tally = upload.fill(&prepared.source, &reuse, publishing.filling, watch, self.session.stop())?;
        for (to, bytes) in &prepared.own {
            upload.add(to, bytes)?;
        }
        prepared.sign(publishing, upload.manifest())?;
        let sealed = upload.close(record(mirror, publishing, &prepared)?, &prepared.sums)?;
        self.session.check_cancelled()?;
        self.show(prepared, sealed, &tally)
    }
}
