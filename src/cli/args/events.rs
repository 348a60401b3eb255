//! Arguments of the verb `events`.

use crate::decide::events::Choice;
use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct EventsArgs {
    /// Only events with this number or a higher one [default: all]
    #[arg(long, value_name = "SEQ", default_value = "1", hide_default_value = true, value_parser = super::event_number::<0>)]
    pub(in crate::cli) since: u64,
    /// Wait for the next event after the last one, until interrupted
    #[arg(long)]
    pub(in crate::cli) follow: bool,
    /// Only events of this type, such as build.published, or of a group, such as 'stage.*'; may be repeated
    #[arg(long = "type", value_name = "TYPE", value_parser = str::parse::<Choice>)]
    pub(in crate::cli) types: Vec<Choice>,
    /// Only events of streams that match this pattern, such as 'release/*'; may be repeated
    #[arg(long, value_name = "PATTERN")]
    pub(in crate::cli) stream: Vec<String>,
}
