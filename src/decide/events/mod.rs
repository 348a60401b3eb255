//! Events for other programs: what a line of the journal says, as a CloudEvent.
//!
//! A line that states what is done becomes one event, and any other none. An event is made from its line, the id of the
//! mirror and the layout alone, so that a repeat has the same bytes. It has nothing that is of use inside the mirror alone,
//! such as places in the trash, and no command: receivers are strangers (`docs/decisions/0019-events.md`).

mod about;
mod cloud;
mod data;
mod filter;
mod kind;

pub use about::About;
pub use cloud::{CloudEvent, Envelope};
pub use data::{
    AliasGeneration, AliasMoved, AliasRemoved, BuildAdopted, BuildHeld, BuildLabelled, BuildPlain,
    BuildPruned, BuildPublished, BuildSwept, BuildTrimmed, EventData, ImagesPinned, ImagesUntagged,
    JournalRecovered, MirrorData, StageMoved, StageWaiver,
};
pub use filter::Filter;
pub use kind::{Choice, ChoiceError, type_name, type_of};
