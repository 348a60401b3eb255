//! Where everything is stored: a grammar of paths, parsed from YAML, total in both directions.
//!
//! Every path has a [`Place`], at least that of a stray with the broken rule and the nearest valid path; every build
//! has exactly one path. A layout is data: a mirror of another project takes a page of YAML, which
//! `docs/layout-grammar.md` explains.

mod address;
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
mod like;
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

pub use address::{BuildAddress, address};
pub use alias::{AliasRule, Condition, MovedBy};
pub use branch::BranchPlace;
pub use bundle::Bundle;
pub use bundled::{Bundled, Made};
pub use declared::{Declared, NameByHand};
pub use error::{LayoutError, NoPlace};
pub use field::likeness;
pub use grammar::{Created, Layout, LegacyAlias};
pub use images::{ForeignField, ImageMisfit, ImageTie, Images, PlacedImage, Ties};
pub use like::Addition;
pub use marker::{Files, MarkerResult};
pub use markers::{Markers, ResultMarker, TimeFile};
pub use place::{Artifact, Place};
pub use stray::Stray;
