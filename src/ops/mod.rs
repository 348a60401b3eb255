//! What can be done to a mirror: a folder for each capability.
//!
//! An operation takes plain values and a mirror, reports its progress, and returns its result. It prints nothing and
//! parses no arguments; the caller passes the time.

pub mod adopt;
pub mod alias;
pub mod archive;
pub mod branch;
pub mod bundle;
pub mod changes;
pub mod check;
pub mod copy;
pub mod deliver;
pub mod diff;
pub mod due;
pub(crate) mod error;
pub mod events;
pub mod gate;
pub(crate) mod git;
pub mod history;
pub mod images;
pub mod matching;
pub mod metrics;
mod mode;
mod observe;
pub(crate) mod op_error;
mod opener;
pub mod promotion;
pub mod publish;
pub mod pull;
pub mod readers;
pub mod release;
pub mod retention;
pub mod retire;
pub mod settings;
pub mod site;
pub mod status;
pub mod sync;
pub mod targets;
pub mod verify;
pub mod withdraw;

pub use error::ActError;
pub use mode::Mode;
pub use op_error::OpError;
pub use opener::Opener;
