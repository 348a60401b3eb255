//! A layout file that is being parsed: its problems and the fields that are known so far.

use super::field::Field;
use super::template::Template;
use crate::model::{Document, Problem};
use std::collections::BTreeMap;

pub(super) struct Loading<'a> {
    pub(super) document: &'a Document,
    pub(super) problems: Vec<Problem>,
    pub(super) fields: BTreeMap<String, Field>,
}

impl Loading<'_> {
    /// Records what is wrong with an entry.
    pub(super) fn problem(&mut self, path: &str, message: impl Into<String>) {
        let problem = self.document.problem(path, message);
        // Each combination of the optional parts of an entry has the same mistake again.
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Returns the field with that name.
    pub(super) fn known(&mut self, at: &str, name: &str) -> Option<Field> {
        let field = self.fields.get(name).cloned();
        if field.is_none() {
            self.problem(at, format!("`{{{name}}}` is not a field of this layout"));
        }
        field
    }

    /// Parses a template.
    pub(super) fn template(&mut self, at: &str, text: &str) -> Template {
        match Template::parse(text, &self.fields) {
            Ok(template) => template,
            Err(why) => {
                self.problem(at, why);
                Template::default()
            }
        }
    }
}
