//! The mirror to which a build was copied before it was removed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A mirror that has the builds that are removed from this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Archive {
    /// Its path or URL.
    pub address: String,
    /// Its ID, which stays when it moves to another address.
    pub id: String,
}
