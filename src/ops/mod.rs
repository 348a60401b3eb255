//! What can be done to a mirror: a folder for each capability.
//!
//! An operation takes plain values and a mirror, reports its progress, and returns what it did. It prints nothing and
//! reads no arguments; the time is given to it.

pub mod adopt;
pub mod alias;
pub mod bundle;
pub mod check;
pub mod copy;
pub mod deliver;
pub(crate) mod error;
pub mod events;
pub mod gate;
pub mod history;
pub mod images;
pub mod matching;
mod mode;
mod observe;
pub(crate) mod op_error;
pub mod promotion;
pub mod publish;
pub mod readers;
pub mod retention;
pub mod settings;
pub mod status;
pub mod verify;
pub mod withdraw;

pub use error::ActError;
pub use mode::Mode;
pub use op_error::OpError;
