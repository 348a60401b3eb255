//! The command line: a file a verb. Each parses what was typed, calls one act and shows what it returned.

mod adopt;
mod args;
mod check;
mod complete;
mod context;
mod copy;
mod exit;
mod export;
mod guide;
mod journal;
mod list;
mod log;
mod look;
mod make;
mod man;
mod mirror_url;
mod naming;
mod owner;
mod plan;
mod policy;
mod progress;
mod promotion;
mod prune;
mod publish;
mod read;
mod run;
mod say;
mod shown_bar;
mod sign;
mod status;
mod surveyed;
mod verify;
mod when;
mod withdraw;

pub use exit::Exit;
pub use run::main;
