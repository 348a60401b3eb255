//! Events for other programs: lines of the journal as CloudEvents.
//!
//! A line that states something that was done becomes one event, and any other line none. An event is made from its
//! line, the ID of the mirror and the layout alone, so that a repeat has the same bytes. It has nothing that is only
//! useful inside the mirror, such as paths in the trash, and no commands: receivers are not trusted
//! (`docs/decisions/0019-events.md`).

mod about;
mod cloud;
mod data;
mod filter;
mod kind;
mod purge;

pub use about::About;
pub use cloud::{CloudEvent, Envelope};
pub use data::{
    AliasGeneration, AliasMoved, AliasRemoved, BuildAdopted, BuildConfirmed, BuildHeld, BuildLabelled,
    BuildPlain, BuildPruned, BuildPublished, BuildSwept, BuildTrimmed, EventData, ImagesPinned,
    ImagesUntagged, JournalRecovered, MirrorConfigured, MirrorData, ReleaseApplied, RunEnded, RunRequested,
    RunStarted, StageMoved, StageWaiver, StreamBranched, StreamRetirement, StreamUnretired,
};
pub use filter::Filter;
pub use kind::{Choice, ChoiceError, type_name, type_of};
