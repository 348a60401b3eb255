//! Reading the commits of a workspace with git.
//!
//! As in StarlingX' tool: every checkout whose `.git` is at most five levels below the workspace counts, except the
//! repo tool's own and those in a mirror. Links to directories are not followed, except a `.git` that is one. Git itself determines what is
//! checked out.

use crate::model::{OWN_DIR, shown};
use crate::record::Context;
use rayon::prelude::*;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use walkdir::WalkDir;

/// The maximum depth of a `.git` below the workspace.
const DEPTH: usize = 5;

/// The repo tool's checkout of itself.
const REPO_TOOL: &str = ".repo/repo";

/// The number of skipped directories that are named.
const NAMED: usize = 10;

/// Variables with which a caller's environment could select another repository.
const GIT_ENVIRONMENT: [&str; 5] =
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE"];

/// The commits of a workspace, and what was skipped.
#[derive(Debug)]
pub struct Checkouts {
    /// The commits of the checkouts that can be used.
    pub context: Context,
    /// One sentence for each skipped directory.
    pub warnings: Vec<String>,
}

/// Why a workspace has no CONTEXT.
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
    #[error("there is no git checkout at most {DEPTH} levels below `{0}`")]
    NoCheckout(String),
    /// There are some, and none of them can be used.
    #[error("none of the git checkouts below `{path}` can be used:\n  {}", .why.join("\n  "))]
    Unusable {
        /// The workspace.
        path: String,
        /// What was found, and why it cannot be used.
        why: Vec<String>,
    },
    /// Git cannot be started.
    #[error("cannot start git to ask about `{path}`")]
    Start {
        /// Which checkout.
        path: String,
        /// Why not.
        source: io::Error,
    },
}

/// Returns the commits of all git checkouts below `workspace`; what cannot be read, and what git cannot use, is
/// skipped with a warning.
pub fn context_of(workspace: &Path) -> Result<Checkouts, GitError> {
    let path = shown(&workspace.display().to_string()).into_owned();
    let walk = |source: io::Error| GitError::Walk { path: path.clone(), source };
    let top = std::fs::canonicalize(workspace).map_err(walk)?;
    let mut checkouts: Vec<PathBuf> = Vec::new();
    let mut left_out: Vec<String> = Vec::new();
    let mut walker = WalkDir::new(&top).max_depth(DEPTH).sort_by_file_name().into_iter();
    while let Some(step) = walker.next() {
        let entry = match step {
            Ok(entry) => entry,
            Err(error) if error.depth() == 0 => return Err(walk(error.into())),
            Err(error) => {
                let at = error.path().map(|at| named(&top, at)).unwrap_or_default();
                left_out.push(format!("`{at}` cannot be read: {}", io::Error::from(error)));
                continue;
            }
        };
        // The builds of a mirror below the workspace are no sources of the next one.
        if entry.depth() > 0 && entry.path().join(OWN_DIR).join("mirror.yaml").is_file() {
            walker.skip_current_dir();
            continue;
        }
        if entry.file_name() != ".git" || entry.depth() == 0 {
            continue;
        }
        if entry.file_type().is_dir() {
            walker.skip_current_dir();
        }
        // The repo tool makes `.git` a link into its own directory; git itself follows it.
        let Some(dir) = entry.path().parent().filter(|dir| !dir.ends_with(REPO_TOOL)) else { continue };
        checkouts.push(dir.to_owned());
    }
    let asked: Result<Vec<_>, GitError> =
        checkouts.par_iter().map(|dir| Ok((named(&top, dir), commit(dir)?))).collect();
    let mut commits = Vec::new();
    for (dir, commit) in asked? {
        match commit {
            Ok(_) if !Context::can_name(&dir) => left_out.push(format!(
                "`{}` has a name that a CONTEXT line cannot hold; ASCII letters, digits and `._-+@~:` are accepted",
                shown(&dir)
            )),
            Ok(commit) => commits.push((dir, commit)),
            Err(why) => left_out.push(format!("`{}`: {why}", shown(&dir))),
        }
    }
    let more = left_out.len().saturating_sub(NAMED);
    left_out.truncate(NAMED);
    left_out.extend((more > 0).then(|| format!("{more} more directories")));
    if commits.is_empty() {
        return Err(if left_out.is_empty() {
            GitError::NoCheckout(path)
        } else {
            GitError::Unusable { path, why: left_out }
        });
    }
    let warnings = left_out.into_iter().map(|why| format!("left out of CONTEXT: {why}")).collect();
    match Context::of(commits) {
        Ok(context) => Ok(Checkouts { context, warnings }),
        Err(error) => Err(GitError::Unusable { path, why: vec![error.to_string()] }),
    }
}

/// Returns a directory as a CONTEXT line names it, `.` being the workspace itself.
fn named(top: &Path, dir: &Path) -> String {
    let below = dir.strip_prefix(top).unwrap_or(dir).to_string_lossy();
    if below.is_empty() { ".".to_owned() } else { below.into_owned() }
}

/// Returns the commit of exactly this directory, or why git has none.
fn commit(checkout: &Path) -> Result<Result<String, String>, GitError> {
    let mut git = Command::new("git");
    // If the directory's own `.git` is not usable, git searches the directories above: the ceiling prevents that, and
    // the prefix shows it if the ceiling does not work.
    git.arg("-C").arg(checkout).args(["rev-parse", "--show-prefix", "--verify", "--quiet", "HEAD^{commit}"]);
    for name in GIT_ENVIRONMENT {
        git.env_remove(name);
    }
    git.env("GIT_CEILING_DIRECTORIES", checkout.parent().unwrap_or(checkout)).env("LC_ALL", "C");
    let path = || shown(&checkout.display().to_string()).into_owned();
    let output = git.output().map_err(|source| GitError::Start { path: path(), source })?;
    let text = String::from_utf8_lossy(&output.stdout);
    let (prefix, commit) = text.split_once('\n').unwrap_or_default();
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next().unwrap_or("nothing is checked out yet");
    let unusable = ["fatal: not a git repository", "fatal: invalid gitfile format"];
    if !prefix.is_empty() || unusable.iter().any(|start| said.starts_with(start)) {
        return Ok(Err(
            "its `.git` is not a repository; remove it, or check the directory out again".to_owned()
        ));
    }
    if output.status.success() && !commit.trim().is_empty() {
        return Ok(Ok(commit.trim().to_owned()));
    }
    Ok(Err(format!("git knows no commit of it: {}", shown(said))))
}
