//! Templates of references of images: matched as a whole, with the correction for a reference that matches none.
//!
//! A reference is one text to a template, so a field may match several names of the repository if its expression
//! allows `/`. The expressions are compiled for the first reference: most commands never see one.

use super::field::Field;
use super::sample::sample_values;
use super::template::{Piece, Values, agrees, bind};
use regex::{Captures, Regex};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// A template of references, with one combination of its optional parts.
#[derive(Debug)]
pub(super) struct Reference {
    /// The template as the layout writes it.
    pub(super) shown: String,
    pieces: Vec<Piece>,
    whole: OnceLock<Option<Regex>>,
    /// The longest prefix of the template that matches.
    start: OnceLock<Option<Regex>>,
    /// For each piece, the whole with any text in its place.
    holes: Vec<OnceLock<Option<Regex>>>,
}

/// Why a reference does not match one template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Misfit {
    pub(super) field: Option<String>,
    pub(super) found: String,
    pub(super) expected: String,
    /// How much text does not match.
    pub(super) distance: usize,
}

impl Reference {
    /// Parses a template whose optional parts are already decided; `shown` is the template with them.
    pub(super) fn parse(shown: &str, text: &str, fields: &BTreeMap<String, Field>) -> Result<Self, String> {
        let pieces: Vec<Piece> = Piece::all(text, fields)?.into_iter().flat_map(at_names).collect();
        let holes = pieces.iter().map(|_| OnceLock::new()).collect();
        let (whole, start) = (OnceLock::new(), OnceLock::new());
        Ok(Self { shown: shown.to_owned(), pieces, whole, start, holes })
    }

    /// Returns the fields of the template.
    pub(super) fn field_names(&self) -> impl Iterator<Item = &Field> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Field(field, _) => Some(field),
        })
    }

    /// Returns a reference that certainly matches; nothing if a field has no example.
    pub(super) fn sample(&self) -> Option<String> {
        let values = sample_values(self.field_names());
        self.pieces.iter().map(|piece| piece.write(&values)).collect::<Result<_, _>>().ok()
    }

    /// Returns the text with each field as `{}`.
    pub(super) fn outline(&self) -> String {
        let outlined = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Field(..) => "{}".to_owned(),
        };
        self.pieces.iter().map(outlined).collect()
    }

    /// Returns the values of the fields in a reference that matches.
    pub(super) fn values(&self, text: &str) -> Option<Values> {
        let source = || self.source(None);
        let found = made(&self.whole, source)?.captures(text)?;
        let mut values = Values::new();
        self.bound(&found, None, &mut values).then_some(values)
    }

    /// Returns the one invalid field of a reference, if everything else matches.
    pub(super) fn one_wrong(&self, text: &str) -> Option<Misfit> {
        if !self.has_texts(text) {
            return None;
        }
        let fields = (self.pieces.iter().zip(&self.holes).enumerate()).filter_map(|(at, (piece, hole))| {
            let Piece::Field(field, None) = piece else { return None };
            self.wrong_at(text, at, field, hole)
        });
        fields.min_by_key(|misfit| misfit.distance)
    }

    /// Returns whether the texts between the fields occur in a reference in their order, as they do if one field is
    /// invalid.
    fn has_texts(&self, text: &str) -> bool {
        let mut rest = text;
        self.pieces.iter().all(|piece| match piece {
            Piece::Text(part) => match rest.split_once(part.as_str()) {
                Some((_, after)) => {
                    rest = after;
                    true
                }
                None => false,
            },
            Piece::Field(..) => true,
        })
    }

    /// Returns what is wrong with one field, if everything else matches.
    fn wrong_at(
        &self,
        text: &str,
        at: usize,
        field: &Field,
        hole: &OnceLock<Option<Regex>>,
    ) -> Option<Misfit> {
        let found = made(hole, || self.source(Some(at)))?.captures(text)?;
        let mut values = Values::new();
        if !self.bound(&found, Some(at), &mut values) {
            return None;
        }
        let value = group(&found, at);
        let expected = match values.get(field.name()) {
            Some(known) => format!("`{known}`, as elsewhere in it"),
            None if field.fits(value) => return None,
            None => field.expected(),
        };
        let distance = value.len();
        Some(Misfit { field: Some(field.name().to_owned()), found: value.to_owned(), expected, distance })
    }

    /// Returns the first difference between the reference and the template, from the left.
    pub(super) fn misfit_from_left(&self, text: &str) -> Misfit {
        let found = made(&self.start, || self.start()).and_then(|start| start.captures(text));
        // A field matches as much as it can; the certain part ends with the last text of the template.
        let texts = self.pieces.iter().enumerate().filter(|(_, piece)| matches!(piece, Piece::Text(_)));
        let end = |at: usize| found.as_ref()?.name(&name(at)).map(|group| group.end());
        let last = texts.filter_map(|(at, _)| Some((at + 1, end(at)?))).next_back();
        let (next, certain) = last.unwrap_or_default();
        let rest: Vec<&Piece> = self.pieces.iter().skip(next).collect();
        let field = match rest.first() {
            // A field that matches something is not the problem.
            Some(Piece::Field(field, _)) if end(next).is_none() => Some(field.name().to_owned()),
            _ => None,
        };
        let wanted: String = rest.iter().map(|piece| piece.stand_in()).collect();
        let expected = if wanted.is_empty() { "nothing more".to_owned() } else { format!("`{wanted}`") };
        let left = text.get(certain..).unwrap_or_default();
        Misfit { field, found: left.to_owned(), expected, distance: left.len() }
    }

    /// Records the values of the fields except the one in question, and returns whether all are valid together.
    fn bound(&self, found: &Captures<'_>, hole: Option<usize>, values: &mut Values) -> bool {
        let pieces = || self.pieces.iter().enumerate().filter(|(at, _)| Some(*at) != hole);
        let fits = pieces().all(|(at, piece)| {
            let text = group(found, at);
            match piece {
                Piece::Text(_) => true,
                Piece::Field(field, None) => field.fits(text) && bind(values, field.name(), text),
                Piece::Field(field, Some(range)) => {
                    bind(values, &format!("{} {range:?}", field.name()), text)
                }
            }
        });
        fits && pieces().all(|(_, piece)| match piece {
            Piece::Text(_) => true,
            Piece::Field(field, _) => agrees(field, values),
        })
    }

    /// Returns the expression of the whole, with any text in the place of one piece.
    fn source(&self, hole: Option<usize>) -> String {
        let group = |(at, piece): (usize, &Piece)| {
            let source = if Some(at) == hole { ANY.to_owned() } else { piece.source() };
            format!("(?P<{}>{source})", name(at))
        };
        format!("^{}$", self.pieces.iter().enumerate().map(group).collect::<String>())
    }

    /// Returns the expression of as many pieces as match from the left.
    fn start(&self) -> String {
        let group = |(at, piece): (usize, &Piece)| format!("(?:(?P<{}>{})", name(at), piece.source());
        let open: String = self.pieces.iter().enumerate().map(group).collect();
        format!("^{open}{}", ")?".repeat(self.pieces.len()))
    }
}

/// Any text of a reference, which is ASCII.
const ANY: &str = "[ -~]*?";

/// Splits text where names of the repository and the tag begin, so that a message begins there, too.
fn at_names(piece: Piece) -> Vec<Piece> {
    match piece {
        Piece::Text(text) => {
            text.split_inclusive(['/', ':']).map(|part| Piece::Text(part.to_owned())).collect()
        }
        field @ Piece::Field(..) => vec![field],
    }
}

/// Returns the name of a piece's group; a field's own expression may have groups, too.
fn name(at: usize) -> String {
    format!("mirrorkeep_{at}")
}

fn group<'t>(found: &Captures<'t>, at: usize) -> &'t str {
    found.name(&name(at)).map_or("", |group| group.as_str())
}

/// Returns the expression, made when it is first needed; nothing if it is too large for the crate.
fn made(cell: &OnceLock<Option<Regex>>, source: impl FnOnce() -> String) -> Option<&Regex> {
    cell.get_or_init(|| Regex::new(&source()).ok()).as_ref()
}
