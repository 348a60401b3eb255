//! What can be wrong with a source, everything reported at once.

use crate::model::RelPath;
use std::io;

/// Says what is wrong with a source: everything that was found, at most twenty of it told.
#[derive(Debug, thiserror::Error)]
#[error("{}", listed(.0))]
pub struct SourceError(pub Vec<SourceProblem>);

/// One thing that cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum SourceProblem {
    /// It cannot be looked at or read.
    #[error("`{path}`: {source}")]
    Read {
        /// Which file.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// It has no name that a mirror can hold.
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
    /// It is the mirror, or belongs to the state of a mirror.
    #[error("`{path}` is {what}, which is never published; name a source that does not hold it")]
    Mirror {
        /// Which directory.
        path: String,
        /// What it is.
        what: &'static str,
    },
    /// A symlink leads out of the build.
    #[error("`{path}` is a symlink to `{text}`, outside the build")]
    LinkOut {
        /// Which link.
        path: String,
        /// What it holds.
        text: String,
    },
    /// Two things go to one place.
    #[error("`{to}` would come from both `{first}` and `{second}`")]
    Twice {
        /// The place in the build.
        to: RelPath,
        /// One of the two.
        first: String,
        /// The other.
        second: String,
    },
    /// A file goes where another needs a directory.
    #[error("`{to}` would be a file, from `{first}`, and the directory of `{below}`, from `{second}`")]
    Within {
        /// The place in the build.
        to: RelPath,
        /// What is to be a file there.
        first: String,
        /// The place of the other.
        below: RelPath,
        /// The other.
        second: String,
    },
    /// Nothing was found that a pattern names.
    #[error("nothing below `{path}` fits `{pattern}`")]
    NothingFits {
        /// Where was looked.
        path: String,
        /// The pattern.
        pattern: String,
    },
    /// It is listed, and no source has it.
    #[error("`{}` is listed, and is not in the source", crate::model::shown(name))]
    NotThere {
        /// The entry of the list.
        name: String,
    },
    /// It is left out, and says something of the build.
    #[error(
        "`{path}` cannot be left out: `{marker}` states how the build went or holds it; give a narrower --exclude"
    )]
    Marker {
        /// What a pattern leaves out.
        path: String,
        /// The marker, by its place in the build.
        marker: RelPath,
    },
    /// It is not what its mirror wrote down for it.
    #[error("`{path}` is damaged: {why}; `mirrorkeep --mirror … verify` on its mirror reports what else is")]
    Damaged {
        /// Which file.
        path: String,
        /// What was found, and what was written down.
        why: String,
    },
    /// It was changed while it was read.
    #[error("`{path}` changed while it was read; publish when the build has finished writing")]
    Changed {
        /// Which file.
        path: String,
    },
}

/// How many problems are told.
const TOLD: usize = 20;

fn listed(problems: &[SourceProblem]) -> String {
    let mut text: Vec<String> = problems.iter().take(TOLD).map(ToString::to_string).collect();
    if problems.len() > TOLD {
        text.push(format!("and {} more", problems.len() - TOLD));
    }
    if problems.iter().any(|problem| matches!(problem, SourceProblem::LinkOut { .. })) {
        text.push(
            "a link that leads out of the build is not followed; put a copy of its target in its place, or leave it out with `--exclude PATTERN`"
                .to_owned(),
        );
    }
    text.join("\n  ")
}
