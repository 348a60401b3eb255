//! Which events a subscriber gets.
//!
//! A filter drops an event only if the event states another value: an event without a stream, result or label passes
//! a filter by stream, result or label. Events with unknown values are delivered.

use super::about::About;
use super::kind::Choice;
use crate::decide::policy::fits;
use crate::model::{Outcome, Stream};
use crate::record::EventKind;
use glob::Pattern;
use std::collections::BTreeMap;

/// A selection of events; each empty part selects all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// The types.
    pub types: Vec<Choice>,
    /// The streams, as patterns.
    pub streams: Vec<Pattern>,
    /// The results of builds.
    pub results: Vec<Outcome>,
    /// The labels that are set: any of the values of each key.
    pub labels: BTreeMap<String, Vec<String>>,
}

impl Filter {
    /// Returns whether an event is selected.
    pub fn has(&self, kind: EventKind, about: &About) -> bool {
        self.has_type(kind)
            && (self.streams.is_empty() || about.stream.as_ref().is_none_or(|stream| self.has_stream(stream)))
            && (self.results.is_empty() || about.result.is_none_or(|result| self.results.contains(&result)))
            && about.labels.as_ref().is_none_or(|labels| self.has_labels(labels))
    }

    /// Returns whether events of a kind are selected, independently of their subject.
    pub fn has_type(&self, kind: EventKind) -> bool {
        self.types.is_empty() || self.types.iter().any(|choice| choice.has(kind))
    }

    /// Returns whether a pattern matches the stream, or a path above it.
    fn has_stream(&self, stream: &Stream) -> bool {
        let name = stream.as_str();
        let ends = name.match_indices('/').map(|(at, _)| at).chain([name.len()]);
        let mut above = ends.filter_map(|end| name.get(..end));
        above.any(|above| self.streams.iter().any(|pattern| fits(pattern, above)))
    }

    fn has_labels(&self, set: &BTreeMap<String, Option<String>>) -> bool {
        self.labels.iter().all(|(key, values)| {
            set.get(key).is_some_and(|value| value.as_ref().is_some_and(|value| values.contains(value)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(types: &[&str], streams: &[&str]) -> Filter {
        Filter {
            types: types.iter().map(|text| text.parse().unwrap()).collect(),
            streams: streams.iter().map(|text| Pattern::new(text).unwrap()).collect(),
            ..Filter::default()
        }
    }

    fn about(stream: &str) -> About {
        About { stream: Some(stream.parse().unwrap()), ..About::default() }
    }

    #[test]
    fn an_event_is_dropped_only_for_what_it_states() {
        let all = Filter::default();
        assert!(all.has(EventKind::Published, &about("master/centos")));
        let one = filter(&["build.published", "stage.*"], &["master/**"]);
        assert!(one.has(EventKind::Published, &about("master/centos")));
        assert!(one.has(EventKind::Promoted, &about("master/centos")));
        assert!(!one.has(EventKind::Pruned, &about("master/centos")));
        assert!(!one.has(EventKind::Published, &about("release/centos")));
        assert!(one.has(EventKind::Waived, &About::default()));
        assert!(filter(&[], &["master"]).has(EventKind::Published, &about("master/centos")));
        assert!(filter(&[], &["master/*"]).has(EventKind::Aliased, &About::default()));
    }

    #[test]
    fn results_and_labels_are_compared_where_they_are_stated() {
        let filter = Filter { results: vec![Outcome::Success], ..Filter::default() };
        let with = |result| About { result, ..about("a") };
        assert!(filter.has(EventKind::Published, &with(Some(Outcome::Success))));
        assert!(!filter.has(EventKind::Published, &with(Some(Outcome::Fail))));
        assert!(filter.has(EventKind::Promoted, &with(None)));
        let labels = BTreeMap::from([("sanity".to_owned(), vec!["green".to_owned(), "blue".to_owned()])]);
        let filter = Filter { labels, ..Filter::default() };
        let set = |labels: &[(&str, Option<&str>)]| {
            let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned)));
            About { labels: Some(labels.collect()), ..about("a") }
        };
        assert!(filter.has(EventKind::Labelled, &set(&[("sanity", Some("blue")), ("x", None)])));
        assert!(!filter.has(EventKind::Labelled, &set(&[("sanity", Some("red"))])));
        assert!(!filter.has(EventKind::Labelled, &set(&[("sanity", None)])));
        assert!(!filter.has(EventKind::Labelled, &set(&[("x", Some("green"))])));
        assert!(filter.has(EventKind::Published, &about("a")));
    }
}
