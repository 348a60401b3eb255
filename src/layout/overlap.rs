//! Whether two classes of a grammar would claim the same path.
//!
//! Whether two regular expressions overlap cannot be decided in general, so their examples are tried on each other:
//! what is found is certain, and a field without examples is trusted.

use super::grammar::Class;
use super::sample::samples;
use super::template::{Part, Template, Values};

/// Returns the later of two classes with the problem: a path of it would be, or be in, a build of the other.
pub(super) fn overlaps(classes: &[Class]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (index, later) in classes.iter().enumerate() {
        let before = classes.iter().take(index).find(|earlier| collide(&earlier.path, &later.path));
        found.extend(before.map(|earlier| {
            let (these, those) = (&later.shown, &earlier.shown);
            (
                index,
                format!("builds of `{these}` and of `{those}` would be in each other or at the same path"),
            )
        }));
    }
    found
}

/// Returns whether some path matches both templates as far as the shorter goes.
fn collide(a: &Template, b: &Template) -> bool {
    a.parts.iter().zip(&b.parts).all(|(a, b)| {
        let fits = |part: &Part, samples: Vec<String>| {
            samples.iter().any(|sample| part.matches(sample, &mut Values::new()))
        };
        fits(a, samples(b)) || fits(b, samples(a))
    })
}
