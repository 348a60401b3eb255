//! A template of addresses for the repository of every checkout of a CONTEXT, so that none has to be listed.

use super::git::{GitSource, GitSourceError};
use super::known::{checkouts, dir_of};
use crate::record::Context;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// An address with a branch or tag, in which `{repo}` is the last name of a checkout's directory and `{dir}` the
/// whole directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextSource(String);

/// Why a text is not such a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContextSourceError {
    /// It names one repository only.
    #[error(
        "`{0}` has neither `{{repo}}` nor `{{dir}}`; expected URL@REF, such as https://git.example.org/{{repo}}.git@main"
    )]
    One(String),
    /// It is not an address.
    #[error(transparent)]
    Source(#[from] GitSourceError),
}

impl FromStr for ContextSource {
    type Err = ContextSourceError;

    fn from_str(text: &str) -> Result<Self, ContextSourceError> {
        let form = Self(text.to_owned());
        form.source("dir/repo")?;
        if !["{repo}", "{dir}"].iter().any(|field| text.contains(field)) {
            return Err(ContextSourceError::One(text.to_owned()));
        }
        Ok(form)
    }
}

impl fmt::Display for ContextSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ContextSource {
    /// Returns the repository of each checkout that is not one of `others`, or what it is about and why it has none.
    pub fn sources(
        &self,
        context: &Context,
        others: &[GitSource],
    ) -> Vec<Result<GitSource, (String, String)>> {
        let others: BTreeSet<&str> = others.iter().filter_map(|one| dir_of(context, one)).collect();
        let one = |(dir, _): (&str, &str)| {
            if dir == "." {
                let why = "the checkout `.` in CONTEXT has no name; add --git '.=URL@REF'".to_owned();
                return Err((self.0.clone(), why));
            }
            let why = |error: GitSourceError| format!("{error}; add --git './{dir}=URL@REF'");
            self.source(dir).map_err(|error| (format!("{dir}={}", self.0), why(error)))
        };
        checkouts(context).into_iter().filter(|(dir, _)| !others.contains(dir)).map(one).collect()
    }

    fn source(&self, dir: &str) -> Result<GitSource, GitSourceError> {
        let repo = dir.rsplit('/').next().unwrap_or_default();
        format!("./{dir}={}", self.0.replace("{repo}", repo).replace("{dir}", dir)).parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_checkout_has_a_repository_of_its_name() {
        let commit = "0".repeat(40);
        let checkouts = ["stx/config", "tool", "."].map(|dir| (dir.to_owned(), commit.clone()));
        let context = Context::of(checkouts).unwrap();
        let named = |form: &str| -> Vec<String> {
            let form: ContextSource = form.parse().unwrap();
            let all = form.sources(&context, &[]).into_iter();
            all.map(|one| one.map_or_else(|(about, _)| format!("none: {about}"), |one| one.to_string()))
                .collect()
        };
        let repo = "https://git.example.org/{repo}.git@main";
        let expected = [
            format!("none: {repo}"),
            "stx/config=https://git.example.org/config.git@main".to_owned(),
            "tool=https://git.example.org/tool.git@main".to_owned(),
        ];
        assert_eq!(named(repo), expected);
        assert_eq!(named("git@h:{dir}@r/{repo}")[1], "stx/config=git@h:stx/config@r/config");
        // One whose repository is named otherwise is not asked.
        let form: ContextSource = repo.parse().unwrap();
        let left = |others: &[&str]| {
            let others: Vec<GitSource> = others.iter().map(|one| one.parse().unwrap()).collect();
            let all = form.sources(&context, &others).into_iter();
            all.map(|one| one.ok().and_then(|one| one.dir).unwrap_or_default()).collect::<Vec<_>>()
        };
        assert_eq!(left(&[".=https://h/x@main"]), ["stx/config", "tool"]);
        assert_eq!(left(&[".=https://h/x@main", "https://h/config@main", "a=https://h/a@main"]), ["tool"]);
        // The only checkout is compared with any repository, and asked all the same.
        let only = Context::of([("tool".to_owned(), commit.clone())]).unwrap();
        assert_eq!(form.sources(&only, &["https://h/x@main".parse().unwrap()]).len(), 1);
    }

    #[test]
    fn a_checkout_of_any_name_has_its_repository() {
        let dirs = ["a@b", "-a", "a+b", ".a", "x/y@z"];
        let context = Context::of(dirs.map(|dir| (dir.to_owned(), "0".repeat(40)))).unwrap();
        let form: ContextSource = "https://git.example.org/{repo}.git@main".parse().unwrap();
        for source in form.sources(&context, &[]) {
            let source = source.unwrap();
            assert!(dirs.contains(&source.dir.as_deref().unwrap()), "{source}");
            // As it is shown it can be typed.
            assert_eq!(source.to_string().parse(), Ok(source));
        }
    }

    #[test]
    fn one_repository_and_what_is_no_address_is_refused() {
        let refused = |text: &str| text.parse::<ContextSource>().unwrap_err().to_string();
        assert!(refused("https://git.example.org/a.git@main").contains("neither `{repo}` nor `{dir}`"));
        for text in ["{repo}", "ext::{repo}@main", "--upload-pack={repo}@main", "https://h/{repo}", ""] {
            assert!(refused(text).contains("is not a branch or tag of a repository"), "{text}");
        }
    }
}
