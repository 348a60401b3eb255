//! Where a run of verify ended, so that the next one goes on there.
//!
//! A cursor that is lost or damaged costs time and nothing else: the next run begins with the first build.

use crate::mirror::Mirror;
use crate::model::{BuildId, RelPath, Stamp};
use crate::ops::ActError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// More than a cursor ever has, in bytes.
const LIMIT: u64 = 64 * 1024;

/// The last file that was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The version of this form: 1.
    pub version: u32,
    /// Which build.
    pub build: BuildId,
    /// Which file in it.
    pub file: RelPath,
    /// When that was.
    #[serde(default)]
    pub at: Option<Stamp>,
}

impl Cursor {
    pub(crate) fn at(build: &BuildId, file: &RelPath) -> Self {
        Self { version: 1, build: build.clone(), file: file.clone(), at: None }
    }

    pub(crate) fn read(mirror: &Mirror, place: &RelPath) -> Result<Option<Self>, ActError> {
        match mirror.store().read(place, LIMIT) {
            Err(error) if error.is_not_found() => Ok(None),
            bytes => Ok(serde_json::from_slice(&bytes?).ok().filter(|cursor: &Self| cursor.version == 1)),
        }
    }
}
