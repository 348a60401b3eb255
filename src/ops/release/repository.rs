//! The request repository, read at a commit by plumbing: no file of its working tree is opened.
//!
//! Its objects are read through an empty repository that has no configuration and no attributes, so what a file says, and who
//! wrote a line, depends on the commit alone. The repository itself is asked only what a revision is, and where its objects are.

use super::ReleaseError;
use super::remote::temporary;
use crate::decide::release::{Contents, Files, REQUESTS, SETTINGS};
use crate::model::{shown, unprintable};
use crate::ops::git::{Git, is_cut};
use crate::progress::Interrupted;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The most bytes of a file, and the most files.
const LIMITS: (u64, usize) = (256 << 10, 5000);

/// How many files are read at once.
const AT_ONCE: usize = 8;

/// The trailers of a commit that say who approved it.
const APPROVALS: [&str; 2] = ["approved-by", "reviewed-by"];

/// The most approvals of a release.
const MOST_APPROVALS: usize = 50;

/// Where a hook has further objects.
const ALTERNATES: &str = "GIT_ALTERNATE_OBJECT_DIRECTORIES";

/// A request repository.
pub(super) struct Requests {
    /// For the repository itself.
    git: Git,
    /// For its objects.
    apart: Git,
    dir: String,
    /// The empty repository through which its objects are read.
    objects: String,
    is_shallow: bool,
    /// Removed with it.
    _temporary: tempfile::TempDir,
}

impl Requests {
    /// Returns the repository in a directory.
    pub(super) fn at(git: &Git, dir: &Path) -> Result<Self, ReleaseError> {
        let wrong = |why: &str| ReleaseError::Usage(format!("`{}` {why}", shown(&dir.display().to_string())));
        let dir = std::fs::canonicalize(dir).map_err(|error| wrong(&format!("cannot be used: {error}")))?;
        let text = dir.to_str().ok_or_else(|| wrong("has a name that is not UTF-8"))?;
        let (git, apart) = (git.of_hook(), git.apart());
        let failed = |why: String| ReleaseError::Requests { repository: text.to_owned(), why };
        let about = [
            "-C",
            text,
            "rev-parse",
            "--is-shallow-repository",
            "--show-object-format",
            "--git-path",
            "objects",
        ];
        let about = git.run(&about, b"")?.map_err(|refused| failed(refused.why))?;
        let mut lines = about.splitn(3, '\n');
        let (shallow, format, at) = (lines.next(), lines.next(), lines.next());
        let (Some(format), Some(at)) = (format, at.and_then(|at| at.strip_suffix('\n'))) else {
            return Err(failed("git does not say where its objects are".to_owned()));
        };
        let temporary = temporary()?;
        let objects = temporary.path().to_str().map(str::to_owned);
        let objects = objects
            .ok_or_else(|| wrong("cannot be read: the temporary directory has a name that is not UTF-8"))?;
        let form = format!("--object-format={format}");
        let init = ["-C", "/", "init", "--quiet", "--bare", "--template=", &form, &objects];
        // Only git from 2.29 on knows other formats.
        let init: Vec<&str> = init.into_iter().filter(|word| *word != "--object-format=sha1").collect();
        apart.run(&init, b"")?.map_err(|refused| failed(refused.why))?;
        let more = std::env::var_os(ALTERNATES).unwrap_or_default();
        let all = [dir.join(at)].into_iter().chain(std::env::split_paths(&more));
        alternates(temporary.path(), all.filter(|path| !path.as_os_str().is_empty()))?;
        let is_shallow = shallow == Some("true");
        Ok(Self { git, apart, dir: text.to_owned(), objects, is_shallow, _temporary: temporary })
    }

    fn ask(&self, args: &[&str]) -> Result<Result<String, String>, Interrupted> {
        self.ask_on(args, "")
    }

    fn ask_on(&self, args: &[&str], input: &str) -> Result<Result<String, String>, Interrupted> {
        let dir = format!("--git-dir={}", self.objects);
        let all = [&[&dir, "-c", "core.attributesFile=/dev/null"][..], args].concat();
        Ok(self.apart.run(&all, input.as_bytes())?.map_err(|refused| refused.why))
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
        if is_nothing(revision) {
            return Err(wrong(
                "stands for no commit, as of a branch that is deleted; there is nothing to read",
            ));
        }
        let asked = format!("{revision}^{{commit}}");
        match self.git.run(&["-C", &self.dir, "rev-parse", "--verify", "--quiet", &asked], b"")? {
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
                    // git lists no size of what it does not have.
                    "100644" | "100755" if *size == u64::MAX => {
                        Contents::Unfit("its contents are missing in the repository".to_owned())
                    }
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
            Contents::Unfit(
                "it contains bytes that are not UTF-8, or U+FFFD, which stands for them".to_owned(),
            )
        } else {
            Contents::Text(text)
        })
    }

    /// Returns the files one of whose commits is in the history of a commit, as far as the repository has it.
    pub(super) fn with_history(
        &self,
        files: &BTreeMap<String, BTreeSet<String>>,
        commit: &str,
    ) -> Result<BTreeSet<String>, ReleaseError> {
        let is_id =
            |id: &&String| matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let asked: String = files.values().flatten().filter(is_id).map(|id| format!("{id}\n")).collect();
        let mut found = BTreeSet::new();
        if asked.is_empty() {
            return Ok(found);
        }
        let known = self.ask_on(&["rev-list", "--no-walk", "--ignore-missing", "--stdin"], &asked)?;
        let known: BTreeSet<&str> = known.as_deref().unwrap_or_default().lines().collect();
        for (file, commits) in files {
            for id in commits.iter().filter(|id| known.contains(id.as_str())) {
                if self.ask(&["merge-base", "--is-ancestor", id, commit])?.is_ok() {
                    found.insert(file.clone());
                    break;
                }
            }
        }
        Ok(found)
    }

    /// Returns the newest commit that wrote one of these lines of a file, and who approved them by the trailers of the commits
    /// that wrote them: no one if one of these commits names no one.
    pub(super) fn approvals(
        &self,
        commit: &str,
        file: &str,
        (first, last): (usize, usize),
    ) -> Result<Result<(String, Vec<String>), String>, Interrupted> {
        if self.is_shallow {
            let why = "the repository is shallow, so it does not have the commits that wrote the entry; `git fetch --unshallow` fetches \
                       them";
            return Ok(Err(why.to_owned()));
        }
        let range = format!("{first},{last}");
        let blame = self.ask(&["blame", "--porcelain", "--no-textconv", "-L", &range, commit, "--", file])?;
        let blame = match blame {
            Ok(blame) if is_cut(&blame) => return Ok(Err("git says too much about its lines".to_owned())),
            Ok(blame) => blame,
            Err(why) => return Ok(Err(why)),
        };
        let commits = commits_in(&blame);
        let newest =
            self.ask(&[&["rev-list", "--topo-order", "--max-count=1"], &commits[..], &["--"]].concat())?;
        // git decides what a trailer is.
        let trailers = "--format=%x00%(trailers:only,unfold)%x00";
        let form = ["rev-list", "--no-walk=unsorted", "--encoding=UTF-8", trailers];
        let messages = self.ask(&[&form, &commits[..], &["--"]].concat())?;
        let (newest, messages) = match (newest, messages) {
            (Ok(newest), Ok(messages)) => (newest.trim().to_owned(), messages),
            (Err(why), _) | (_, Err(why)) => return Ok(Err(why)),
        };
        let is_whole = !is_cut(&messages);
        // A header and the trailers for each.
        let messages: Vec<&str> = messages.split('\0').skip(1).step_by(2).collect();
        if newest.is_empty() || !is_whole || messages.len() != commits.len() {
            return Ok(Err("git does not show the commits that wrote it, or they say too much".to_owned()));
        }
        Ok(Ok((newest, approvals_of(&messages))))
    }
}

/// Lets an empty repository read the objects in these directories.
fn alternates(repository: &Path, all: impl Iterator<Item = PathBuf>) -> Result<(), ReleaseError> {
    let info = repository.join("objects/info");
    let mut text = Vec::new();
    for path in all {
        text.extend(path.as_os_str().as_encoded_bytes());
        text.push(b'\n');
    }
    let written = std::fs::create_dir_all(&info).and_then(|()| std::fs::write(info.join("alternates"), text));
    written
        .map_err(|source| ReleaseError::Work { dir: shown(&info.display().to_string()).into_owned(), source })
}

/// Returns the commits that `git blame --porcelain` names, each once.
fn commits_in(blame: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut is_header = true;
    for line in blame.split('\n') {
        let id = line.split(' ').next().filter(|id| is_header && !id.is_empty());
        found.extend(id.filter(|id| !found.contains(id)));
        // After the text of a line comes the next one.
        is_header = line.starts_with('\t');
    }
    found
}

/// Returns whether a revision is the ID that git gives to a hook for no commit: zeros.
pub(super) fn is_nothing(revision: &str) -> bool {
    matches!(revision.len(), 40 | 64) && revision.bytes().all(|byte| byte == b'0')
}

/// Returns who approved commits with these trailers: no one if one of them names no one.
fn approvals_of(all: &[&str]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for trailers in all {
        let named = approvals_in(trailers);
        if named.is_empty() {
            return Vec::new();
        }
        let new: Vec<String> = named.into_iter().filter(|name| !found.contains(name)).collect();
        found.extend(new);
    }
    found.truncate(MOST_APPROVALS);
    found
}

/// Returns who approved a commit with these trailers. A name with bytes that are no text is left out.
fn approvals_in(trailers: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in trailers.lines() {
        let Some((key, value)) = line.split_once(": ") else { continue };
        let value = value.trim();
        let is_name = crate::model::check_line(value).is_ok() && !value.contains('\u{fffd}');
        let is_one = APPROVALS.contains(&&*key.to_ascii_lowercase()) && is_name;
        if is_one && found.len() < MOST_APPROVALS && !found.iter().any(|known| known == value) {
            found.push(value.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{approvals_in, approvals_of, commits_in};

    #[test]
    fn only_trailers_approve() {
        let all = "Reviewed-by: A <a@b>\nApproved-by: B\nreviewed-by: A <a@b>\nSigned-off-by: C\n";
        assert_eq!(approvals_in(all), ["A <a@b>", "B"]);
        for none in ["", "Approved-by: \u{1b}[2K\n", "Approved-by: Jos\u{fffd}\n", "Approved: A\n"] {
            assert!(approvals_in(none).is_empty(), "{none}");
        }
        assert_eq!(approvals_of(&[all, "Approved-by: D\nApproved-by: B\n"]), ["A <a@b>", "B", "D"]);
        assert!(approvals_of(&[all, ""]).is_empty(), "what no one approved is part of it");
    }

    #[test]
    fn each_commit_of_a_blame_is_named_once() {
        let blame = "aa 1 1 2\nauthor x\nsummary cc 1 1\n\tdd 1 1\naa 2 2\n\tx\nbb 1 3 1\nfilename f\n\t\n";
        assert_eq!(commits_in(blame), ["aa", "bb"]);
    }
}
