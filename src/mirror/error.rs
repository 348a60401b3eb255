//! Why a mirror cannot be opened, made or locked.

use super::FORMAT;
use crate::layout::LayoutError;
use crate::model::{Class, Classify, ErrorKind, Problem, shell_word};
use crate::store::StoreError;

/// Why a mirror cannot be opened or made.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// There is no mirror.
    #[error("`{0}` is not a mirror: it has no .mirrorkeep/mirror.yaml")]
    NotAMirror(String),
    /// What a mirror keeps is there, but not the file that says which mirror it is.
    #[error("`{place}` lost its .mirrorkeep/mirror.yaml, and still has {} of a mirror", what.join(", "))]
    Lost {
        /// Its path.
        place: String,
        /// What exists.
        what: Vec<&'static str>,
        /// Its ID, as the last prune or the journal states it.
        id: Option<String>,
    },
    /// There is a mirror already.
    #[error("`{0}` is a mirror already")]
    Already(String),
    /// Its settings cannot be used.
    #[error("the mirror's settings cannot be used:\n  {}", shown(.0))]
    Config(Vec<Problem>),
    /// It was made by another version.
    #[error("`.mirrorkeep/mirror.yaml` has format {0}; this version reads {FORMAT}")]
    Format(u32),
    /// Its layout cannot be used.
    #[error("the mirror's layout cannot be used")]
    Layout(#[source] LayoutError),
    /// It names a layout, policy or pipeline that does not ship.
    #[error("`{key}: {name}` in .mirrorkeep/mirror.yaml: no {key} of that name ships")]
    NotShipped {
        /// Which of them, by its key.
        key: &'static str,
        /// The name.
        name: String,
    },
    /// It names a file that does not exist.
    #[error("mirror.yaml selects `{name}` as its {key}, and `.mirrorkeep/{name}` is missing")]
    FileGone {
        /// Which of them, by its key.
        key: &'static str,
        /// The name of the file.
        name: String,
    },
    /// Another mirror is at the path than the one that was opened.
    #[error("the mirror at `{0}` is not the one that was opened: its id changed")]
    OtherMirror(String),
    /// The directory that was opened is not at its path any more.
    #[error(
        "the mirror that was opened at `{0}` is not there now: the directory was moved, or another one was mounted over it"
    )]
    Replaced(String),
    /// Another layout was set since the mirror was opened.
    #[error("the layout of the mirror was changed while the command ran")]
    OtherLayout,
    /// The line of its settings that names a layout, policy or pipeline cannot be found and changed.
    #[error("cannot find the line `{key}:` in .mirrorkeep/mirror.yaml to change it")]
    NotEdited {
        /// The key.
        key: &'static str,
        /// Its expected value.
        name: String,
    },
    /// Another process is making or changing it.
    #[error("the mirror is busy")]
    Busy(#[source] StoreError),
    /// The store failed.
    #[error("cannot reach the mirror")]
    Store(#[from] StoreError),
}

impl Classify for MirrorError {
    fn class(&self) -> Class {
        match self {
            Self::NotAMirror(path) => ErrorKind::Refused.hint(format!(
                "is its disk mounted? `mirrorkeep --mirror {} init` makes a new mirror there; --mirror gives another place",
                shell_word(path.as_ref())
            )),
            Self::Lost { id, .. } => {
                let id = id.as_ref().map_or_else(
                    || "`id` (any text that no other mirror has)".to_owned(),
                    |id| format!("`id: {id}` (as in last-run.json or the journal)"),
                );
                ErrorKind::Refused.hint(format!(
                    "put .mirrorkeep/mirror.yaml back from a copy; it must contain `format: {FORMAT}`, {id}, `layout`, \
                     `policy` and, where it had one, `pipeline`: the name of one that ships, or `layout.yaml`, `policy.yaml` \
                     or `pipeline.yaml` where .mirrorkeep has that file"
                ))
            }
            Self::Config(_) | Self::Format(_) | Self::OtherMirror(_) | Self::Replaced(_) => {
                ErrorKind::Refused.into()
            }
            Self::OtherLayout => ErrorKind::Failed.hint("run the same command again"),
            Self::NotEdited { key, name } => ErrorKind::Refused.hint(format!(
                "write `{key}: {name}` on a line of its own, without space before it, and run the same command again"
            )),
            Self::Layout(_) => ErrorKind::Usage.hint(
                "put the file back from a copy, or name the layout of these builds as `layout` in \
                 .mirrorkeep/mirror.yaml; `mirrorkeep layout list` names those that ship",
            ),
            Self::NotShipped { key, .. } => ErrorKind::Usage.hint(format!(
                "`mirrorkeep {key} list` lists those that ship; a file beside mirror.yaml has a name that ends in .yaml"
            )),
            Self::FileGone { key, .. } => ErrorKind::Usage.hint(format!(
                "put the file back from a copy, or `mirrorkeep {key} set NAME|FILE` selects another {key}"
            )),
            Self::Already(_) => ErrorKind::Failed.hint(
                "`mirrorkeep policy set`, `mirrorkeep pipeline set` and `mirrorkeep layout set` change its settings",
            ),
            Self::Busy(_) => ErrorKind::Busy.into(),
            Self::Store(error) => error.class(),
        }
    }
}

fn shown(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ")
}
