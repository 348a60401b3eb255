//! The request repository, read at a commit by plumbing: no file of its working tree is opened.

use super::ReleaseError;
use crate::decide::release::{Contents, Files, REQUESTS, SETTINGS};
use crate::model::{shown, unprintable};
use crate::ops::git::{Git, is_cut};
use crate::progress::Interrupted;
use rayon::prelude::*;
use std::path::Path;

/// The most bytes of a file, and the most files.
const LIMITS: (u64, usize) = (256 << 10, 5000);

/// How many files are read at once.
const AT_ONCE: usize = 8;

/// The trailers of a commit that say who approved it.
const APPROVALS: [&str; 2] = ["approved-by", "reviewed-by"];

/// The most approvals of a release.
const MOST_APPROVALS: usize = 50;

/// A request repository.
pub(super) struct Requests<'a> {
    git: &'a Git,
    dir: String,
}

impl<'a> Requests<'a> {
    /// Returns the repository in a directory.
    pub(super) fn at(git: &'a Git, dir: &Path) -> Result<Self, ReleaseError> {
        let wrong = |why: &str| ReleaseError::Usage(format!("`{}` {why}", shown(&dir.display().to_string())));
        let dir = std::fs::canonicalize(dir).map_err(|error| wrong(&format!("cannot be used: {error}")))?;
        let text = dir.to_str().ok_or_else(|| wrong("has a name that is not UTF-8"))?;
        Ok(Self { git, dir: text.to_owned() })
    }

    fn ask(&self, args: &[&str]) -> Result<Result<String, String>, Interrupted> {
        let all = [&["-C", &self.dir][..], args].concat();
        Ok(self.git.run(&all, b"")?.map_err(|refused| refused.why))
    }

    fn required(&self, args: &[&str]) -> Result<String, ReleaseError> {
        self.ask(args)?.map_err(|why| ReleaseError::Requests { repository: self.dir.clone(), why })
    }

    /// Returns the commit that a revision names.
    pub(super) fn commit(&self, revision: &str) -> Result<String, ReleaseError> {
        let wrong = |why: &str| ReleaseError::Usage(format!("`{}` {why}", shown(revision)));
        if revision.is_empty() || revision.starts_with('-') || revision.len() > 500 {
            return Err(wrong("is not a revision such as `HEAD` or `origin/main`"));
        }
        if unprintable(revision).is_some() || revision.contains(char::is_whitespace) {
            return Err(wrong("is not a revision such as `HEAD` or `origin/main`"));
        }
        // What is no repository is reported as that, and not as a revision.
        self.required(&["rev-parse", "--git-dir"])?;
        let asked = format!("{revision}^{{commit}}");
        match self.ask(&["rev-parse", "--verify", "--quiet", &asked])? {
            Ok(answer) => Ok(answer.trim().to_owned()),
            Err(_) => Err(wrong(&format!("is not a commit of `{}`", self.dir))),
        }
    }

    /// Returns the files of a commit.
    pub(super) fn files(&self, commit: &str) -> Result<Files, ReleaseError> {
        let list = self.required(&[
            "ls-tree",
            "-r",
            "-z",
            "--long",
            "--full-tree",
            commit,
            "--",
            SETTINGS,
            REQUESTS,
        ])?;
        let failed = |why: String| ReleaseError::Requests { repository: self.dir.clone(), why };
        if is_cut(&list) {
            return Err(failed(format!("it has more than {} files", LIMITS.1)));
        }
        let mut found = Vec::new();
        for line in list.split('\0').filter(|line| !line.is_empty()) {
            // MODE TYPE ID SIZE TAB PATH
            let (about, path) =
                line.split_once('\t').ok_or_else(|| failed("git lists no files".to_owned()))?;
            let words: Vec<&str> = about.split_whitespace().collect();
            let &[mode, _, id, size] = words.as_slice() else {
                return Err(failed("git lists no files".to_owned()));
            };
            found.push((
                path.to_owned(),
                mode.to_owned(),
                id.to_owned(),
                size.parse::<u64>().unwrap_or(u64::MAX),
            ));
        }
        if found.len() > LIMITS.1 {
            return Err(failed(format!("it has {} files; at most {} are accepted", found.len(), LIMITS.1)));
        }
        let mut files = Files::new();
        for some in found.chunks(AT_ONCE) {
            let read = some.par_iter().map(|(path, mode, id, size)| {
                let contents = match mode.as_str() {
                    "100644" | "100755" if *size <= LIMITS.0 => self.text(id)?,
                    "100644" | "100755" => {
                        Contents::Unfit(format!("it has {size} bytes; at most {} are accepted", LIMITS.0))
                    }
                    "120000" => Contents::Unfit("it is a symlink; a regular file is accepted".to_owned()),
                    _ => Contents::Unfit("it is a submodule; a regular file is accepted".to_owned()),
                };
                Ok((path.clone(), contents))
            });
            files.extend(read.collect::<Result<Vec<_>, ReleaseError>>()?);
        }
        Ok(files)
    }

    fn text(&self, id: &str) -> Result<Contents, ReleaseError> {
        let text = self.required(&["cat-file", "blob", id])?;
        Ok(if text.contains('\u{fffd}') {
            Contents::Unfit("it contains bytes that are not UTF-8".to_owned())
        } else {
            Contents::Text(text)
        })
    }

    /// Returns the commit that wrote a line of a file, and who approved it by the trailers of that commit.
    pub(super) fn approvals(
        &self,
        commit: &str,
        file: &str,
        line: usize,
    ) -> Result<(String, Vec<String>), ReleaseError> {
        let range = format!("{line},{line}");
        let blame = self.required(&["blame", "--porcelain", "-L", &range, commit, "--", file])?;
        let by = blame.split(' ').next().unwrap_or_default().to_owned();
        let text = self.required(&["cat-file", "commit", &by])?;
        Ok((by, approvals_in(&text)))
    }
}

/// Returns who approved a commit, by the trailers in the last paragraph of its message.
fn approvals_in(commit: &str) -> Vec<String> {
    let message = commit.split_once("\n\n").map_or("", |(_, message)| message);
    // The first paragraph is the subject, and no trailers.
    let Some((_, last)) = message.trim_end().rsplit_once("\n\n") else { return Vec::new() };
    let mut found: Vec<String> = Vec::new();
    for line in last.lines() {
        let Some((key, value)) = line.split_once(": ") else { continue };
        let value = value.trim();
        let is_one =
            APPROVALS.contains(&&*key.to_ascii_lowercase()) && crate::model::check_line(value).is_ok();
        if is_one && found.len() < MOST_APPROVALS && !found.iter().any(|known| known == value) {
            found.push(value.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::approvals_in;

    #[test]
    fn only_trailers_approve() {
        let commit = |message: &str| format!("tree x\nauthor A\n\n{message}");
        let all = "Release\n\nApproved-by: not a trailer\n\nReviewed-by: A <a@b>\nApproved-by: B\nreviewed-by: A <a@b>\nSigned-off-by: C\n";
        assert_eq!(approvals_in(&commit(all)), ["A <a@b>", "B"]);
        for none in ["", "Approved-by: A", "x\n\nApproved-by: \u{1b}[2K\n", "x\n\nApproved-by:A\n"] {
            assert!(approvals_in(&commit(none)).is_empty(), "{none}");
        }
    }
}
