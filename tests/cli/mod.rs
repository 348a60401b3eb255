//! Sentences of the command line: each verb as a user types it, its answers and its exit codes.

pub(crate) mod addressed;
pub(crate) mod adopt;
pub(crate) mod answers;
pub(crate) mod colours;
pub(crate) mod dry;
pub(crate) mod exits;
pub(crate) mod help;
pub(crate) mod history;
pub(crate) mod init;
pub(crate) mod installed;
pub(crate) mod invalid;
pub(crate) mod listing;
pub(crate) mod logged;
pub(crate) mod pruning;
pub(crate) mod publish;
pub(crate) mod readers;
mod readme;
pub(crate) mod resuming;
pub(crate) mod settings;
pub(crate) mod sign;
pub(crate) mod status;
pub(crate) mod staying;
pub(crate) mod terminal;
pub(crate) mod trials;
pub(crate) mod withdraw;
