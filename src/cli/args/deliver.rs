//! Arguments of the verb `deliver`.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(in crate::cli) struct DeliverArgs {
    #[command(subcommand)]
    pub(in crate::cli) verb: Option<DeliverVerb>,
    /// Only these subscribers [default: all of deliver.yaml]
    #[arg(value_name = "NAME")]
    pub(in crate::cli) names: Vec<String>,
    /// The default: deliver pending events once, then exit, also if a receiver refused one
    #[arg(long, conflicts_with = "follow")]
    pub(in crate::cli) once: bool,
    /// Wait for the next event after the last one, and for receivers that are away, until stopped by a signal
    #[arg(long, conflicts_with = "dry_run")]
    pub(in crate::cli) follow: bool,
    /// Show what would be delivered, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

impl DeliverArgs {
    /// Returns whether the verb may write into the mirror.
    pub(in crate::cli) fn writes(&self) -> bool {
        match &self.verb {
            None => !self.dry_run,
            Some(
                DeliverVerb::Replay { dry_run, .. }
                | DeliverVerb::Park { dry_run, .. }
                | DeliverVerb::Unpark { dry_run, .. },
            ) => !dry_run,
            Some(DeliverVerb::Status { .. } | DeliverVerb::Lint { .. } | DeliverVerb::Schema) => false,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum DeliverVerb {
    /// Show how far each subscriber is, its last answer, and what is parked
    #[command(after_help = "Exits with 5 if an event waits longer than `alarm` or is parked.

Example:\n  mirrorkeep deliver status")]
    Status {
        /// Only these subscribers [default: all of deliver.yaml]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Deliver every event from a number on again
    #[command(after_help = "Example:\n  mirrorkeep deliver replay ci --since 1042")]
    Replay {
        /// The subscriber
        name: String,
        /// The number of the first event, as `mirrorkeep events` prints it
        #[arg(long, value_name = "SEQ", value_parser = super::event_number::<1>)]
        since: u64,
        /// Show what would be done, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Park the event that is not accepted, so that the next ones are delivered
    Park {
        /// The subscriber
        name: String,
        /// Show what would be done, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Deliver parked events again
    #[command(
        after_help = "Examples:\n  mirrorkeep deliver unpark ci\n  mirrorkeep deliver unpark ci 1042 1043"
    )]
    Unpark {
        /// The subscriber
        name: String,
        /// The numbers of the events [default: all that are parked]
        #[arg(value_name = "SEQ")]
        events: Vec<u64>,
        /// Show what would be done, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Find what is wrong or odd with a deliver.yaml
    #[command(after_help = "Examples:\n  mirrorkeep deliver lint\n  mirrorkeep deliver lint deliver.yaml")]
    Lint {
        /// The file [default: that of the mirror]
        file: Option<std::path::PathBuf>,
    },
    /// Write the JSON schema of deliver.yaml
    Schema,
}
