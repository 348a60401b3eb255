//! The commits of two builds, by the directories of their CONTEXT.

use super::Change;
use crate::record::{Context, version_order};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What differs between the commits of two builds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CommitsDiff {
    /// The number of directories with the same commit in both.
    pub same: u64,
    /// The others, in version order.
    pub changes: Vec<CommitChange>,
}

/// A directory with different commits in the two builds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CommitChange {
    /// The kind of change.
    pub change: Change,
    /// The directory, without the leading `./`.
    pub dir: String,
    /// The commit in the first build.
    pub before: Option<String>,
    /// The commit in the second build.
    pub after: Option<String>,
}

impl CommitsDiff {
    /// Compares the commits of two builds.
    pub fn of(before: &Context, after: &Context) -> Self {
        let (old, new) = (commits(before), commits(after));
        let mut diff = Self { same: 0, changes: Vec::new() };
        for dir in old.keys().chain(new.keys()).copied().collect::<BTreeSet<&str>>() {
            let [before, after] = [&old, &new].map(|commits| commits.get(dir).map(ToString::to_string));
            let change = match (&before, &after) {
                (None, _) => Change::Added,
                (_, None) => Change::Gone,
                (Some(before), Some(after)) if before != after => Change::Changed,
                _ => {
                    diff.same += 1;
                    continue;
                }
            };
            diff.changes.push(CommitChange { change, dir: dir.to_owned(), before, after });
        }
        diff.changes.sort_by(|a, b| version_order(&a.dir, &b.dir));
        diff
    }
}

/// Returns the commit of each directory; of two lines for one directory the last counts, as when the file is sourced.
fn commits(context: &Context) -> BTreeMap<&str, &str> {
    let lines = context.checkouts().iter();
    lines.map(|(dir, commit)| (dir.strip_prefix("./").unwrap_or(dir), commit.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn context(lines: &[(&str, char)]) -> Context {
        let line = |(dir, digit): &(&str, char)| ((*dir).to_owned(), digit.to_string().repeat(40));
        Context::of(lines.iter().map(line)).unwrap()
    }

    #[test]
    fn commits_are_compared_by_directory() {
        let before = context(&[("a", '1'), ("b2", '2'), ("c", '3')]);
        let after = context(&[("a", '1'), ("b2", '4'), ("b10", '5')]);
        let diff = CommitsDiff::of(&before, &after);
        let told: Vec<_> = diff.changes.iter().map(|one| (one.change, one.dir.as_str())).collect();
        assert_eq!(told, [(Change::Changed, "b2"), (Change::Added, "b10"), (Change::Gone, "c")]);
        assert_eq!(diff.same, 1);
        let first = &diff.changes[0];
        assert_eq!((first.before.clone(), first.after.clone()), (Some("2".repeat(40)), Some("4".repeat(40))));
    }

    fn contexts() -> impl Strategy<Value = Context> {
        let commit = prop::sample::select(vec!['1', '2', 'f']);
        let lines = prop::collection::btree_map("[a-c][0-9]{0,2}", commit, 1..6);
        lines.prop_map(|lines| {
            context(&lines.iter().map(|(dir, commit)| (&**dir, *commit)).collect::<Vec<_>>())
        })
    }

    proptest! {
        #[test]
        fn a_difference_turned_round_is_the_difference_of_what_is_turned_round(a in contexts(), b in contexts()) {
            let (there, back) = (CommitsDiff::of(&a, &b), CommitsDiff::of(&b, &a));
            let turned = back.changes.into_iter().map(|one| {
                let change = match one.change {
                    Change::Added => Change::Gone,
                    Change::Gone => Change::Added,
                    Change::Changed => Change::Changed,
                };
                CommitChange { change, before: one.after, after: one.before, ..one }
            });
            prop_assert_eq!(there.same, back.same);
            prop_assert_eq!(&there.changes, &turned.collect::<Vec<_>>());
            let dirs: BTreeSet<&str> = commits(&a).into_keys().chain(commits(&b).into_keys()).collect();
            prop_assert_eq!(there.same + there.changes.len() as u64, dirs.len() as u64);
            prop_assert!(CommitsDiff::of(&a, &a).changes.is_empty());
        }
    }
}
