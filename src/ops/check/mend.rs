//! Mending what a check found and what can be mended safely, one thing after the other.

use crate::commit::repoint::repoint;
use crate::decide::check::{Mend, MendKind};
use crate::layout::Place;
use crate::mirror::{Mirror, chain};
use crate::model::{RelPath, Stamp};
use crate::ops::ActError;
use crate::ops::adopt::{Remembered, rebuild};
use crate::ops::observe::disk::Disk;
use crate::progress::{Stop, Watch};
use crate::recover::{abandoned, settle, stale};
use crate::store::{Kind, Uploads};
use serde::Serialize;
use std::cell::OnceCell;

/// What became of one thing that was to be mended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mended {
    /// What was to be done.
    #[serde(flatten)]
    pub mend: Mend,
    /// Why it was not.
    pub failure: Option<String>,
}

/// Mends in the order of the list; goes on after a failure and tells every one.
pub fn mend(
    mirror: &Mirror,
    mends: Vec<Mend>,
    watch: &dyn Watch,
    stop: &Stop,
    clock: &dyn Fn() -> Stamp,
) -> Result<Vec<Mended>, ActError> {
    settle(&mirror.lock()?, clock)?;
    let disk = Disk::of(mirror);
    let mending = Mending { mirror, disk, remembered: OnceCell::new(), watch, stop, clock };
    let mut done = Vec::new();
    for mend in mends {
        stop.check()?;
        let failure = mending.one(&mend).err();
        done.push(Mended { mend, failure });
    }
    Ok(done)
}

struct Mending<'a> {
    mirror: &'a Mirror,
    disk: Option<Disk>,
    /// Read when the first lost record is made again, for all of them.
    remembered: OnceCell<Remembered>,
    watch: &'a dyn Watch,
    stop: &'a Stop,
    clock: &'a dyn Fn() -> Stamp,
}

impl Mending<'_> {
    fn one(&self, mend: &Mend) -> Result<(), String> {
        let mirror = self.mirror;
        // The root is shown as a dot.
        let shown = if mend.path == "." { "" } else { &mend.path };
        let path: RelPath = shown.parse().map_err(|error| format!("{error}"))?;
        match mend.what {
            MendKind::Record => match mirror.layout().place(&path) {
                Place::Build { build } => {
                    rebuild(mirror, &build, self.remembered()?, self.watch, self.stop, self.clock)
                }
                _ => Err("it is no build".to_owned()),
            },
            MendKind::Open => {
                let disk = self.disk.as_ref().ok_or("the mirror is no directory of this machine")?;
                let entry = mirror.store().look(&path).map_err(|error| chain(&error))?;
                let is_dir = entry.is_some_and(|entry| entry.kind == Kind::Dir);
                disk.permit(&path, if is_dir { 0o555 } else { 0o444 }).map_err(|error| error.to_string())
            }
            MendKind::Relink => {
                let to: RelPath =
                    mend.to.as_deref().unwrap_or_default().parse().map_err(|error| format!("{error}"))?;
                let lock = mirror.lock().map_err(|error| chain(&error))?;
                repoint(&lock, &path, &to, (self.clock)()).map(drop).map_err(|error| chain(&error))
            }
            MendKind::Clear => {
                let _lock = mirror.lock().map_err(|error| chain(&error))?;
                let stale = stale(mirror, (self.clock)()).map_err(|error| chain(&error))?;
                if !stale.contains(&path) {
                    return Ok(());
                }
                mirror.store().discard(&path).map(drop).map_err(|error| chain(&error))
            }
            MendKind::GiveUp => {
                let left = abandoned(mirror, Uploads::All, (self.clock)()).map_err(|error| chain(&error))?;
                let mut left = left.iter().filter(|upload| upload.to == path);
                left.try_for_each(|upload| mirror.store().give_up(upload)).map_err(|error| chain(&error))
            }
        }
    }

    fn remembered(&self) -> Result<&Remembered, String> {
        if let Some(read) = self.remembered.get() {
            return Ok(read);
        }
        let read = Remembered::of(self.mirror).map_err(|error| chain(&error))?;
        Ok(self.remembered.get_or_init(|| read))
    }
}
