//! What `release check` finds: a rule, a place in a file, what was found and what would be accepted.

use crate::model::{Document, Problem};
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;

/// A rule for requests of releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A file is where requests are.
    FilePlace,
    /// A file has the form of a request.
    FileForm,
    /// `releases.yaml` can be used.
    Settings,
    /// The series is open for this type of release.
    SeriesClosed,
    /// The version has an accepted form, and the release model accepts its type.
    VersionForm,
    /// Each version is newer than the one before.
    VersionOrder,
    /// No two entries make the same tag in one repository.
    TagTwice,
    /// Entries are only added at the end.
    OnlyAppended,
    /// The repositories of an entry are listed, each once.
    Repositories,
    /// A final release has the commits of its last candidate.
    FinalCommit,
    /// The end of life covers all repositories.
    EolRepositories,
    /// No two entries name one build, and an end of life names none.
    BuildTwice,
    /// The labels of a pre-release move no alias that final releases have.
    CandidateLabel,
    /// The commit is in the repository.
    CommitMissing,
    /// The commit is on the branch of the series.
    CommitBranch,
    /// A tag that exists is at the commit.
    TagElsewhere,
    /// A tag that exists is signed by a trusted key.
    TagUnsigned,
    /// An applied entry is as it was when it was applied.
    AppliedOther,
    /// The build is in the mirror.
    BuildMissing,
    /// The build is a success.
    BuildResult,
    /// The build has what the stage of the series requires.
    BuildVotes,
    /// What a rule needs can be found out.
    NotKnown,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 22] = [
        Self::FilePlace,
        Self::FileForm,
        Self::Settings,
        Self::SeriesClosed,
        Self::VersionForm,
        Self::VersionOrder,
        Self::TagTwice,
        Self::OnlyAppended,
        Self::Repositories,
        Self::FinalCommit,
        Self::EolRepositories,
        Self::BuildTwice,
        Self::CandidateLabel,
        Self::CommitMissing,
        Self::CommitBranch,
        Self::TagElsewhere,
        Self::TagUnsigned,
        Self::AppliedOther,
        Self::BuildMissing,
        Self::BuildResult,
        Self::BuildVotes,
        Self::NotKnown,
    ];

    /// Returns its code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FilePlace => "file-place",
            Self::FileForm => "file-form",
            Self::Settings => "settings",
            Self::SeriesClosed => "series-closed",
            Self::VersionForm => "version-form",
            Self::VersionOrder => "version-order",
            Self::TagTwice => "tag-twice",
            Self::OnlyAppended => "only-appended",
            Self::Repositories => "repositories",
            Self::FinalCommit => "final-commit",
            Self::EolRepositories => "eol-repositories",
            Self::BuildTwice => "build-twice",
            Self::CandidateLabel => "candidate-label",
            Self::CommitMissing => "commit-missing",
            Self::CommitBranch => "commit-branch",
            Self::TagElsewhere => "tag-elsewhere",
            Self::TagUnsigned => "tag-unsigned",
            Self::AppliedOther => "applied-other",
            Self::BuildMissing => "build-missing",
            Self::BuildResult => "build-result",
            Self::BuildVotes => "build-votes",
            Self::NotKnown => "not-known",
        }
    }

    /// Returns what to do about its findings.
    pub fn hint(self) -> &'static str {
        match self {
            Self::FilePlace => "a request is a regular file `requests/<series>/<name>.yaml`",
            Self::FileForm | Self::Settings => "docs/releases.md has the keys of the files",
            Self::SeriesClosed => "`series` in releases.yaml has the status of each series",
            Self::VersionForm => "write the version as the release model says (docs/releases.md)",
            Self::VersionOrder => "add a newer version, or `flags: [forced]` for an older one that is meant",
            Self::TagTwice => "choose another version for one of them",
            Self::OnlyAppended => {
                "restore the entries that the base has, and add new ones after them; one that was never applied can be corrected: without --base, `mirrorkeep release check` and `mirrorkeep release apply` take it for a new one"
            }
            Self::Repositories => "list each repository once, with a commit",
            Self::FinalCommit => "release the commits of the candidate, or make another candidate first",
            Self::EolRepositories => {
                "add the repositories that are missing, each with the last commit of its branch"
            }
            Self::BuildTwice => "name another build, or none",
            Self::CandidateLabel => "leave this label out; the final release gets it",
            Self::CommitMissing => "push the commit, or correct `hash`",
            Self::CommitBranch => {
                "merge the commit into the branch, or name the branch of the series in releases.yaml"
            }
            Self::TagElsewhere => "choose another version: a tag that people may have fetched is never moved",
            Self::TagUnsigned => {
                "a person with a trusted key has to sign that tag, or to choose another version"
            }
            Self::AppliedOther => "restore the entry, and add a new version",
            Self::BuildMissing => "`mirrorkeep list` lists the builds",
            Self::BuildResult => "name a build that succeeded",
            Self::BuildVotes => "`mirrorkeep stages` shows what builds wait for",
            Self::NotKnown => "put right what it says, and run it again",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A violation of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Finding {
    /// The file, by its path in the repository.
    pub file: String,
    /// The line, if the finding has one.
    pub line: Option<usize>,
    /// The column, in characters.
    pub column: Option<usize>,
    /// The rule.
    pub rule: Rule,
    /// The version of the entry; `null` if the finding is about the whole file.
    pub version: Option<String>,
    /// The key in the file, such as `releases[2].version`.
    pub key: String,
    /// What was found, and what would be accepted.
    pub message: String,
    /// What to do about it.
    pub hint: &'static str,
    /// The position of the entry: a version may be there twice.
    #[serde(skip)]
    pub entry: Option<usize>,
}

impl Finding {
    /// Returns a finding about a whole file.
    pub fn of_file(rule: Rule, file: &str, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            column: None,
            rule,
            version: None,
            key: String::new(),
            message: message.into(),
            hint: rule.hint(),
            entry: None,
        }
    }

    /// Returns a finding about a key of a file.
    pub(super) fn at(rule: Rule, document: &Document, key: &str, message: impl Into<String>) -> Self {
        Self::of_problem(rule, document.problem(key, message))
    }

    /// Returns a problem with the form of a file as a finding.
    pub(super) fn of_problem(rule: Rule, problem: Problem) -> Self {
        let Problem { file, mark, path, message } = problem;
        Self {
            line: mark.map(|mark| mark.line),
            column: mark.map(|mark| mark.column),
            key: path,
            ..Self::of_file(rule, &file, message)
        }
    }

    /// Returns the finding as one about the entry at a position.
    #[must_use]
    pub(super) fn of_entry(self, entry: usize, version: &str) -> Self {
        Self { version: Some(version.to_owned()), entry: Some(entry), ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}: {}", self.rule, self.message)
    }
}
