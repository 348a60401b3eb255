//! Where things go: a grammar of paths, read from YAML, total both ways.
//!
//! Every path has a [`Place`], if only that of a stray with the rule it breaks and the nearest path that would do;
//! every build has exactly one path. A layout is data: another project's mirror takes a page of YAML, which
//! `docs/layout-grammar.md` teaches.

mod alias;
mod beside;
mod branch;
mod bundle;
mod bundled;
mod declared;
mod error;
mod field;
mod grammar;
mod images;
mod load;
mod loading;
mod marker;
mod markers;
mod overlap;
mod place;
mod reference;
mod rules;
mod sample;
mod schema;
mod shipped;
mod stray;
mod suggest;
mod template;
mod tree;

pub use alias::{AliasRule, Condition, MovedBy};
pub use branch::BranchPlace;
pub use bundle::Bundle;
pub use bundled::{Bundled, Made};
pub use declared::{Declared, NameByHand};
pub use error::{LayoutError, NoPlace};
pub use field::likeness;
pub use grammar::{Created, Layout, LegacyAlias};
pub use images::{ForeignField, ImageMisfit, ImageTie, Images, PlacedImage, Ties};
pub use marker::{Files, MarkerResult};
pub use markers::{Markers, ResultMarker, TimeFile};
pub use place::{Artifact, Place};
pub use stray::Stray;
