//! The files inside and beside a build: parsed and written as pure text.
//!
//! Each file here is one format with its parser, its writer and the law that they agree. `docs/format.md` states
//! every byte.

mod archive;
mod build;
mod context;
mod event;
mod foreign;
mod images;
mod inodes;
mod labels;
mod manifest;
mod payload;
mod pins;
mod promotion;
mod release;
mod run;
mod sums;

pub use crate::model::version_order;
pub use archive::Archive;
pub use build::{BUILD_RECORD_VERSION, BuildRecord, Origin, RecordError};
pub use context::{Context, ContextError, ContextProblem};
pub use event::{Event, EventError, EventKind, Phase, person};
pub use foreign::{ForeignError, ForeignList, ForeignRead, ListedFile};
pub use images::{IMAGE_LIST_LIMIT, ImageLine, ImageList, ImageListError};
pub use inodes::Inodes;
pub use labels::{Hold, LabelValue, Labels, as_object};
pub use manifest::{
    Change, FileEntry, FileLine, LinkEntry, Manifest, ManifestError, ManifestLine, Seen, manifest_lines,
};
pub use payload::{Details, Lapsed, Payload};
pub use pins::{PINS_LIMIT, Pins};
pub use promotion::{CarriedCommand, NameMove, Promotion, TagMove, Waived};
pub use release::Released;
pub use run::{Question, RunOutcome, RunReason};
pub use sums::{Sums, SumsError, sum_line, sum_lines, sums_without};
