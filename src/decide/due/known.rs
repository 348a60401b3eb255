//! The checkout of a CONTEXT that belongs to a repository.

use super::git::GitSource;
use crate::record::Context;
use std::collections::HashMap;

/// Returns the commit that a CONTEXT states for a repository; nothing if it states none.
///
/// Without a directory it is the checkout whose last name is that of the address, or the only one.
///
/// # Errors
///
/// Several checkouts have that name; they are returned.
pub fn checkout_of<'c>(context: &'c Context, source: &GitSource) -> Result<Option<&'c str>, Vec<String>> {
    let all = checkouts(context);
    if let Some(wanted) = &source.dir {
        return Ok(all.into_iter().find(|(dir, _)| dir == wanted).map(|(_, commit)| commit));
    }
    if let [(_, commit)] = all.as_slice() {
        return Ok(Some(*commit));
    }
    match by_name(context, source).as_slice() {
        [] => Ok(None),
        [(_, commit)] => Ok(Some(*commit)),
        several => Err(several.iter().map(|(dir, _)| (*dir).to_owned()).collect()),
    }
}

/// Returns the directory of the checkout that a repository is by its directory or its name, and not just since there is no other.
pub(super) fn dir_of<'c>(context: &'c Context, source: &'c GitSource) -> Option<&'c str> {
    match &source.dir {
        Some(dir) => Some(dir),
        None => match by_name(context, source).as_slice() {
            [(dir, _)] => Some(dir),
            _ => None,
        },
    }
}

/// Returns the checkouts whose last name is that of the address.
fn by_name<'c>(context: &'c Context, source: &GitSource) -> Vec<(&'c str, &'c str)> {
    let name = source.url.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or_default();
    let name = name.strip_suffix(".git").unwrap_or(name);
    checkouts(context).into_iter().filter(|(dir, _)| dir.rsplit('/').next() == Some(name)).collect()
}

/// Returns each directory with its commit; of several lines of one directory the last, as a shell that sources the file leaves
/// it.
pub(super) fn checkouts(context: &Context) -> Vec<(&str, &str)> {
    let mut all: Vec<(&str, &str)> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (dir, commit) in context.checkouts() {
        let dir = dir.trim_start_matches("./");
        let place = *places.entry(dir).or_insert(all.len());
        match all.get_mut(place) {
            Some(known) => known.1 = commit,
            None => all.push((dir, commit)),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(dirs: &[&str], source: &str, expected: Result<Option<usize>, &[&str]>) {
        let commit = |nth: usize| format!("{nth:040x}");
        let context =
            Context::of(dirs.iter().enumerate().map(|(nth, dir)| ((*dir).to_owned(), commit(nth)))).unwrap();
        let source: GitSource = source.parse().unwrap();
        let found = checkout_of(&context, &source).map(|found| found.map(str::to_owned));
        let expected = expected
            .map(|nth| nth.map(commit))
            .map_err(|dirs| dirs.iter().map(|dir| (*dir).to_owned()).collect());
        assert_eq!(found, expected, "{dirs:?} {source}");
    }

    #[test]
    fn a_repository_is_the_checkout_of_its_name() {
        case(&["stx/a", "stx/b"], "https://h/x/b.git@main", Ok(Some(1)));
        case(&["stx/a", "stx/b"], "git@h:b@main", Ok(Some(1)));
        case(&["stx/a", "stx/b"], "https://h/c@main", Ok(None));
        case(&["stx/a", "stx/b"], "stx/a=https://h/c@main", Ok(Some(0)));
        case(&["stx/a", "stx/b"], "a=https://h/a@main", Ok(None));
        case(&["x/a", "y/a"], "https://h/a@main", Err(&["x/a", "y/a"]));
        case(&["source"], "https://h/c@main", Ok(Some(0)));
        case(&["source"], "other=https://h/c@main", Ok(None));
        case(&["."], "https://h/c@main", Ok(Some(0)));
    }

    #[test]
    fn of_two_lines_of_a_directory_the_last_counts() {
        let line = |dir: &str, digit: &str| format!("(cd ./{dir} && git checkout -f {})\n", digit.repeat(40));
        let text = [line("x/a", "1"), line("b", "2"), line("x/a", "3")].concat();
        let context = Context::parse(text.as_bytes()).unwrap();
        for source in ["https://h/a@main", "x/a=https://h/c@main"] {
            let found = checkout_of(&context, &source.parse().unwrap()).unwrap().map(str::to_owned);
            assert_eq!(found, Some("3".repeat(40)), "{source}");
        }
    }
}
