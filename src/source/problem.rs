//! Problems of a source, all reported at once.

use crate::model::RelPath;
use std::io;

/// Everything that is wrong with a source, of which at most twenty problems are listed.
#[derive(Debug, thiserror::Error)]
#[error("{}", listed(.0))]
pub struct SourceError(pub Vec<SourceProblem>);

/// One thing that cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum SourceProblem {
    /// It cannot be read.
    #[error("`{path}`: {cause}")]
    Read {
        /// Which file.
        path: String,
        /// Why not; it is in the message, since several problems are listed in one.
        cause: io::Error,
    },
    /// A mirror cannot represent its name.
    #[error("`{path}`: {why}")]
    Name {
        /// Which file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// It is a device, FIFO or socket.
    #[error(
        "`{path}` is a {kind}; regular files, directories and links inside the build are accepted, and \
         `--exclude '{name}'` leaves it out"
    )]
    Special {
        /// Its name.
        name: String,
        /// Which file.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// It is the mirror, or belongs to the own area of a mirror.
    #[error("`{path}` is {what}, which is never published; name a source that does not hold it")]
    Mirror {
        /// Which directory.
        path: String,
        /// What it is.
        what: &'static str,
    },
    /// A symlink points out of the build.
    #[error("`{path}` is a symlink to `{text}`, outside the build")]
    LinkOut {
        /// Which link.
        path: String,
        /// Its text.
        text: String,
    },
    /// Two files have one path in the build.
    #[error("`{to}` would come from both `{first}` and `{second}`")]
    Twice {
        /// Their path in the build.
        to: RelPath,
        /// One of the two.
        first: String,
        /// The other.
        second: String,
    },
    /// A file has the path of a directory that another one needs.
    #[error("`{to}` would be a file, from `{first}`, and the directory of `{below}`, from `{second}`")]
    Within {
        /// Their path in the build.
        to: RelPath,
        /// The source of the file.
        first: String,
        /// The path of the other.
        below: RelPath,
        /// The other.
        second: String,
    },
    /// Nothing matches a pattern.
    #[error("nothing below `{path}` matches `{pattern}`")]
    NothingFits {
        /// Where it was searched.
        path: String,
        /// The pattern.
        pattern: String,
    },
    /// A listed entry is in no source.
    #[error("`{}` is listed, and is not in the source", crate::model::shown(name))]
    NotThere {
        /// The entry of the list.
        name: String,
    },
    /// A marker is excluded.
    #[error(
        "`{path}` cannot be excluded: `{marker}` states the result of the build or holds it; give a narrower --exclude"
    )]
    Marker {
        /// What a pattern excludes.
        path: String,
        /// The marker, by its path in the build.
        marker: RelPath,
    },
    /// It differs from its record in the source mirror.
    #[error("`{path}` is damaged: {why}; `mirrorkeep --mirror … verify` on its mirror reports what else is")]
    Damaged {
        /// Which file.
        path: String,
        /// What was found, and what was recorded.
        why: String,
    },
    /// It changed while it was read.
    #[error("`{path}` changed while it was read; publish when the build has finished writing")]
    Changed {
        /// Which file.
        path: String,
    },
}

/// The number of problems that are listed.
const TOLD: usize = 20;

fn listed(problems: &[SourceProblem]) -> String {
    let mut text: Vec<String> = problems.iter().take(TOLD).map(ToString::to_string).collect();
    if problems.len() > TOLD {
        text.push(format!("and {} more", problems.len() - TOLD));
    }
    if problems.iter().any(|problem| matches!(problem, SourceProblem::LinkOut { .. })) {
        text.push(
            "a link that points out of the build is not followed; put a copy of its target in its place, or leave it out with `--exclude PATTERN`"
                .to_owned(),
        );
    }
    text.join("\n  ")
}
