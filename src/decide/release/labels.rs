//! The labels of a pre-release: none by which an alias that follows final releases would move to it.

use crate::layout::AliasRule;
use crate::model::{Label, Outcome};

/// Returns the labels of a successful pre-release that an alias does not follow, and those that are left out because one does.
///
/// A label is left out if all that a rule asks for is among the labels and those that the build has already; a rule that asks for
/// no label follows every build.
pub fn without_followed<'r>(
    labels: Vec<Label>,
    had: &[Label],
    rules: impl IntoIterator<Item = &'r AliasRule> + Clone,
) -> (Vec<Label>, Vec<Label>) {
    let (mut kept, mut left_out) = (labels, Vec::new());
    loop {
        // A label that is set again has its new value.
        let value = |key: &str| kept.iter().chain(had).find(|label| label.key() == key).map(Label::value);
        let met = rules.clone().into_iter().find(|rule| {
            let of_rule = |label: &Label| rule.when.labels.contains_key(label.key());
            kept.iter().any(of_rule) && rule.when.is_met(Outcome::Success, value)
        });
        let Some(rule) = met else { return (kept, left_out) };
        let (out, stay) = kept.into_iter().partition(|label| rule.when.labels.contains_key(label.key()));
        left_out.extend::<Vec<Label>>(out);
        kept = stay;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Condition;

    fn labels(texts: &[&str]) -> Vec<Label> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn rule(wanted: &[(&str, &str)]) -> AliasRule {
        let labels = wanted.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
        AliasRule {
            name: "x".into(),
            when: Condition { results: vec![Outcome::Success], labels },
            required: false,
        }
    }

    #[test]
    fn what_an_alias_follows_is_left_out() {
        let all = || labels(&["series=2024.1", "type=rc", "tier=1"]);
        let both = |rules: &[AliasRule]| without_followed(all(), &[], rules);
        assert_eq!(both(&[rule(&[])]), (all(), vec![]));
        assert_eq!(
            both(&[rule(&[("series", "2024.1")])]),
            (labels(&["type=rc", "tier=1"]), labels(&["series=2024.1"]))
        );
        // It follows final releases alone.
        assert_eq!(both(&[rule(&[("series", "2024.1"), ("type", "final")])]), (all(), vec![]));
        let two = [rule(&[("series", "2024.1"), ("tier", "1")]), rule(&[("type", "rc")])];
        assert_eq!(both(&two), (vec![], labels(&["series=2024.1", "tier=1", "type=rc"])));
        // What it lacks, the build has already.
        let rules = [rule(&[("series", "2024.1"), ("best", "1")])];
        let (kept, _) = without_followed(all(), &labels(&["best=1"]), &rules);
        assert_eq!(kept, labels(&["type=rc", "tier=1"]));
        assert_eq!(without_followed(vec![], &labels(&["series=2024.1", "best=1"]), &rules), (vec![], vec![]));
    }
}
