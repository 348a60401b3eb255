//! A store read through a layout: its contents, who may change it, and what changed.

mod accept;
mod acquire_lock;
mod anchors;
mod bucket;
mod build_info;
mod catalogue;
mod changes_config;
mod config;
mod contradiction;
mod cursors;
mod directory;
mod downstream;
mod error;
mod events;
mod expected;
mod feed;
mod handle;
mod held;
mod inodes;
mod journal;
mod kept_error;
mod last_run;
mod leading;
mod links;
mod logs;
mod materialized;
mod open;
mod pending;
mod pins;
mod readers_config;
mod records;
mod reserved;
mod resolve;
mod retiring;
mod seal;
mod settings;
mod site_config;
mod stated;
mod statements;
mod survey;
mod trash;
mod trimmed;
mod warnings;
mod write_lock;

pub use accept::Accepted;
pub use build_info::{
    build_info, build_info_from_record, build_info_from_snapshot, build_of, look_at_tree, named,
};
pub use changes_config::{CHANGES, ChangesConfig};
pub use config::{AliasConfig, CheckConfig, FORMAT, IgnoreConfig, MirrorConfig};
pub use contradiction::AnchorError;
pub use cursors::{Asked, Begin, Cursor, Failing, Found, KeptCursor, LastAnswer, Parked, Unable};
pub use downstream::{Sent, SentName};
pub use error::MirrorError;
pub use expected::{ExpectedError, ExpectedState};
pub use feed::{Feed, JournalMark};
pub use handle::{Commands, CommitsBy, Mirror};
pub use held::LostHolds;
use journal::Fact;
pub use journal::{Journal, JournalError};
pub use kept_error::{Kept, StateError};
pub(crate) use last_run::{LastRun, LastRunError};
pub use links::{Links, Pointing, laid, links, pointing};
pub use logs::{BuildLogs, RunLog};
pub use materialized::{Generation, Materialized};
pub use open::{AliasRules, Setup};
pub use pending::Pending;
pub use pins::PinsInForce;
pub use readers_config::{READERS, ReadersConfig};
pub use records::Tree;
pub(crate) use records::{MANIFEST_LIMIT, RECORD_LIMIT};
pub use reserved::Covered;
pub use resolve::{Resolved, resolve};
pub use retiring::Retirements;
pub use settings::{Chosen, InForce, SETTINGS_LIMIT};
pub use site_config::{SITE, SITE_STATE, SiteConfig};
pub use statements::GOING;
pub(crate) use statements::{number_of, term_of};
pub(crate) use survey::mounted_at;
pub use survey::{
    Survey, Unreadable, builds_of, hidden_streams, survey, survey_despite, survey_stream, survey_to_show,
};
pub(crate) use trash::TICKET_LIMIT;
pub use trash::{Ticket, TicketKind, Trash, Trashed};
pub use trimmed::{TrimmedObjects, parts_at};
pub use warnings::Warnings;
pub use write_lock::{LockError, WriteLock};

/// Returns a message of several lines, such as a list of problems, on one.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for part in text.lines().map(str::trim).filter(|part| !part.is_empty()) {
        if !line.is_empty() {
            line.push_str(if line.ends_with(':') { " " } else { "; " });
        }
        line.push_str(part);
    }
    line
}

/// Returns an error with all its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(|error| one_line(&error.to_string())).collect::<Vec<_>>().join(": ")
}
