//! Fixing what a check found and what can be fixed safely, one problem after the other.

use crate::commit::repoint::repoint;
use crate::decide::check::{Fix, MendKind};
use crate::layout::Place;
use crate::mirror::chain;
use crate::model::RelPath;
use crate::ops::ActError;
use crate::ops::Mode;
use crate::ops::adopt::{Remembered, rebuild};
use crate::ops::observe::disk::Disk;
use crate::ops::readers::{Look, update};
use crate::recover::{abandoned, stale};
use crate::session::Session;
use crate::store::{Kind, Uploads};
use schemars::JsonSchema;
use serde::Serialize;
use std::cell::OnceCell;

/// The outcome of one fix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FixOutcome {
    /// What was to be fixed.
    #[serde(flatten)]
    pub mend: Fix,
    /// Why it failed; `null` if it did not.
    pub failure: Option<String>,
}

/// Fixes in the order of the list; continues after a failure and reports each one.
pub fn mend(session: &Session<'_>, mends: Vec<Fix>) -> Result<Vec<FixOutcome>, ActError> {
    drop(session.begin()?);
    let mending = Mending { session, disk: Disk::of(session.mirror()), remembered: OnceCell::new() };
    let mut done = Vec::new();
    for mend in mends {
        session.check_cancelled()?;
        let failure = mending.one(&mend).err();
        done.push(FixOutcome { mend, failure });
    }
    Ok(done)
}

struct Mending<'a> {
    session: &'a Session<'a>,
    disk: Option<Disk>,
    /// Read when the first lost record is made again, for all of them.
    remembered: OnceCell<Remembered>,
}

impl Mending<'_> {
    fn one(&self, mend: &Fix) -> Result<(), String> {
        let (session, mirror) = (self.session, self.session.mirror());
        // The root is shown as a dot.
        let shown = if mend.path == "." { "" } else { &mend.path };
        let path: RelPath = shown.parse().map_err(|error| format!("{error}"))?;
        match mend.what {
            MendKind::Record => match mirror.layout().place(&path) {
                Place::Build { build } => rebuild(session, &build, self.remembered()?),
                _ => Err("it is not a build".to_owned()),
            },
            MendKind::Readers => {
                let done =
                    update(session, Look::Everything, &[], Mode::Real).map_err(|error| chain(&error))?;
                done.and_then(|report| report.failure).map_or(Ok(()), Err)
            }
            MendKind::Open => {
                let disk = self.disk.as_ref().ok_or("the mirror is not a directory of this machine")?;
                let entry = mirror.store().look(&path).map_err(|error| chain(&error))?;
                let is_dir = entry.is_some_and(|entry| entry.kind == Kind::Dir);
                disk.permit(&path, if is_dir { 0o555 } else { 0o444 }).map_err(|error| error.to_string())
            }
            MendKind::Relink => {
                let to: RelPath =
                    mend.to.as_deref().unwrap_or_default().parse().map_err(|error| format!("{error}"))?;
                let lock = session.begin().map_err(|error| chain(&error))?;
                repoint(&lock, &path, &to, session.now()).map(drop).map_err(|error| chain(&error))
            }
            MendKind::Clear => {
                let _lock = session.begin().map_err(|error| chain(&error))?;
                let stale = stale(mirror, session.now()).map_err(|error| chain(&error))?;
                if !stale.contains(&path) {
                    return Ok(());
                }
                mirror.store().discard(&path).map(drop).map_err(|error| chain(&error))
            }
            MendKind::GiveUp => {
                let left = abandoned(mirror, Uploads::All, session.now()).map_err(|error| chain(&error))?;
                let mut left = left.iter().filter(|upload| upload.to == path);
                left.try_for_each(|upload| mirror.store().give_up(upload)).map_err(|error| chain(&error))
            }
        }
    }

    fn remembered(&self) -> Result<&Remembered, String> {
        if let Some(read) = self.remembered.get() {
            return Ok(read);
        }
        let read = Remembered::of(self.session.mirror()).map_err(|error| chain(&error))?;
        Ok(self.remembered.get_or_init(|| read))
    }
}
