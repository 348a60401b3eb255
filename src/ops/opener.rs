//! How an operation opens another mirror than that of its session.

use crate::mirror::Mirror;

/// Opens the mirror at an address, from any thread.
pub type Opener<'o> = dyn Fn(&str) -> Result<Mirror, Box<dyn std::error::Error + Send + Sync>> + Sync + 'o;
