//! Publishing where trees are not moved: the files first, at the place where they stay, then the seal.
//!
//! Killed before the seal, the build is not there and the next try goes on where this one stopped; killed after it,
//! the next command that changes anything finishes aliases and event. Of two publishers of one build one seals it.

use crate::commit::places::make_room;
use crate::commit::untrash::find;
use crate::commit::upload::{Found, Upload};
use crate::decide::Reuse;
use crate::mirror::Mirror;
use crate::model::Stamp;
use crate::ops::publish::error::PublishError;
use crate::ops::publish::outcome::PublishReport;
use crate::ops::publish::prepared::{Prepared, record};
use crate::ops::publish::request::Publishing;
use crate::ops::publish::steps::{earlier, published_meanwhile, show};
use crate::progress::{Stop, Watch};

/// Publishes a build that is not there.
pub(crate) fn send(
    mirror: &Mirror,
    publishing: &Publishing,
    mut prepared: Prepared,
    clock: &dyn Fn() -> Stamp,
    watch: &dyn Watch,
    stop: &Stop,
) -> Result<PublishReport, PublishError> {
    let id = &publishing.id;
    let mut upload = Upload::open(mirror, id, &prepared.path)?;
    if let Some(report) = published_meanwhile(mirror, publishing, &prepared, clock, watch, stop)? {
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
    let reuse = match publishing.filling.dedupe {
        Some(_) => earlier(mirror, publishing, &prepared, watch),
        None => Reuse::default(),
    };
    let tally = upload.fill(&prepared.source, &reuse, publishing.filling, watch, stop)?;
    for (to, bytes) in &prepared.own {
        upload.add(to, bytes)?;
    }
    prepared.sign(publishing, upload.manifest())?;
    let sealed = upload.close(record(mirror, publishing, &prepared)?, &prepared.sums)?;
    stop.check()?;
    show(mirror, publishing, prepared, sealed, &tally, clock)
}
