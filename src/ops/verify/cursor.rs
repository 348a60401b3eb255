//! Where a run of verify ended, so that the next one continues there.
//!
//! A lost or damaged cursor only costs time: the next run begins with the first build.

use crate::mirror::Mirror;
use crate::model::{BuildId, RelPath, Stamp};
use crate::ops::ActError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// More bytes than a cursor ever has.
const LIMIT: u64 = 64 * 1024;

/// The last file that was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The version of this form: 1.
    pub version: u32,
    /// The ID of the build.
    pub build: BuildId,
    /// The file in it.
    pub file: RelPath,
    /// When it was verified.
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
