//! The changes, as cargo-mutants lists them.

use serde::Deserialize;
use std::{error::Error, fs, path::Path};

/// One change.
#[derive(Debug, Deserialize)]
pub(crate) struct Change {
    /// Its number in this run.
    #[serde(skip)]
    pub(crate) id: usize,
    /// Its place and what it does, for people.
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) span: Span,
    pub(crate) replacement: String,
    /// The change among the lines around it.
    pub(crate) diff: String,
}

/// From where to where, in a file.
#[derive(Debug, Deserialize)]
pub(crate) struct Span {
    pub(crate) start: Place,
    pub(crate) end: Place,
}

/// A line and a character in it, each from 1.
#[derive(Debug, Deserialize)]
pub(crate) struct Place {
    line: usize,
    column: usize,
}

impl Place {
    pub(crate) fn at(&self) -> (usize, usize) {
        (self.line, self.column)
    }
}

/// Reads the list; the numbers begin at 1.
pub(crate) fn read(path: &Path) -> Result<Vec<Change>, Box<dyn Error>> {
    let mut all: Vec<Change> = serde_json::from_slice(&fs::read(path)?)?;
    for (change, id) in all.iter_mut().zip(1..) {
        change.id = id;
    }
    Ok(all)
}
