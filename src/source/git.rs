//! Asking git which commits a workspace is made of.
//!
//! As StarlingX' tool does: every checkout whose `.git` lies at most five levels below the workspace counts, but for
//! the repo tool's own. Links to directories are not followed, but for a `.git` that is one. Git itself says what is
//! checked out.

use crate::model::RelPath;
use crate::record::{Context, ContextError};
use rayon::prelude::*;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use walkdir::WalkDir;

/// How deep a `.git` may lie below the workspace.
const DEPTH: usize = 5;

/// The checkout that the repo tool keeps of itself.
const REPO_TOOL: &str = ".repo/repo";

/// What a caller's environment could turn another repository in with.
const GIT_ENVIRONMENT: [&str; 6] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_CEILING_DIRECTORIES",
];

/// Says why a workspace has no context.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The workspace cannot be walked.
    #[error("cannot look for git checkouts below `{path}`")]
    Walk {
        /// Where.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// There is no checkout.
    #[error("no git checkout lies at most {DEPTH} levels below `{0}`")]
    NoCheckout(String),
    /// Git cannot be started.
    #[error("cannot start git to ask about `{path}`")]
    Start {
        /// Which checkout.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// Git does not know the commit.
    #[error("git knows no commit of `{path}`: {said}")]
    Unknown {
        /// Which checkout.
        path: String,
        /// What git said.
        said: String,
    },
    /// A directory's name that a CONTEXT line cannot hold.
    #[error("a checkout cannot stand in a CONTEXT file: {0}")]
    Form(#[from] ContextError),
}

/// Returns the commits of all git checkouts below `workspace`.
pub fn context_of(workspace: &Path) -> Result<Context, GitError> {
    let shown = workspace.display().to_string();
    let walk = |source: io::Error| GitError::Walk { path: shown.clone(), source };
    let top = std::fs::canonicalize(workspace).map_err(walk)?;
    let mut checkouts: Vec<PathBuf> = Vec::new();
    let mut walker = WalkDir::new(&top).max_depth(DEPTH).into_iter();
    while let Some(step) = walker.next() {
        let entry = step.map_err(|error| walk(error.into()))?;
        if entry.file_name() != ".git" || entry.depth() == 0 {
            continue;
        }
        // The repo tool makes `.git` a link into its own directory; git itself follows it.
        if entry.file_type().is_symlink() && !entry.path().is_dir() {
            continue;
        }
        if entry.file_type().is_dir() {
            walker.skip_current_dir();
        }
        let below = entry.path().parent().and_then(|dir| dir.strip_prefix(&top).ok());
        checkouts.extend(below.filter(|below| !below.ends_with(REPO_TOOL)).map(Path::to_owned));
    }
    if checkouts.is_empty() {
        return Err(GitError::NoCheckout(shown));
    }
    let asked: Result<Vec<(String, String)>, GitError> =
        checkouts.par_iter().map(|below| Ok((name(below), commit(&top.join(below))?))).collect();
    Ok(Context::of(asked?)?)
}

/// Returns the directory as a CONTEXT line names it, `.` being the workspace itself.
fn name(below: &Path) -> String {
    let text = below.to_string_lossy();
    match text.parse::<RelPath>() {
        Ok(path) if !path.is_root() => path.as_str().to_owned(),
        _ => text.into_owned(),
    }
}

fn commit(checkout: &Path) -> Result<String, GitError> {
    let path = checkout.display().to_string();
    let mut git = Command::new("git");
    // Where the directory's own `.git` is not usable, git searches the directories above: the prefix shows that.
    git.arg("-C").arg(checkout).args(["rev-parse", "--show-prefix", "--verify", "--quiet", "HEAD^{commit}"]);
    for name in GIT_ENVIRONMENT {
        git.env_remove(name);
    }
    let output = git.output().map_err(|source| GitError::Start { path: path.clone(), source })?;
    let text = String::from_utf8_lossy(&output.stdout);
    let (prefix, commit) = text.split_once('\n').unwrap_or_default();
    if !prefix.is_empty() {
        let said = "its `.git` is not a repository; remove it, or check the directory out again".to_owned();
        return Err(GitError::Unknown { path, said });
    }
    if output.status.success() && !commit.trim().is_empty() {
        return Ok(commit.trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next().unwrap_or("nothing is checked out yet").to_owned();
    Err(GitError::Unknown { path, said })
}
