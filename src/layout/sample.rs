//! Values that certainly match: the words and examples of fields.

use super::field::{Field, FieldKind, model_time};
use super::template::{Part, Values};

/// Returns names that certainly match a part.
pub(super) fn samples(part: &Part) -> Vec<String> {
    if let Part::Whole(field) = part {
        let given = match &field.kind {
            FieldKind::OneOf(words) => words.clone(),
            FieldKind::Matches(..) | FieldKind::Version(..) => field.examples.clone(),
            FieldKind::Time(form, _) => vec![model_time(form)],
        };
        return given.into_iter().filter(|sample| field.fits(sample)).collect();
    }
    part.write(&sample_values(part.fields().into_iter())).into_iter().collect()
}

/// Returns a value that certainly matches, for each field that has one.
pub(super) fn sample_values<'a>(fields: impl Iterator<Item = &'a Field>) -> Values {
    let sampled = fields.filter_map(|field| {
        let sample = samples(&Part::Whole(field.clone())).into_iter().next()?;
        Some((field.name.clone(), sample))
    });
    sampled.collect()
}
