//! The repositories that are released: their tags, whether a branch has a commit, and pushing a tag.
//!
//! Each has a bare clone in a directory of its own, with only the refs that were asked for. Nothing there is needed by a later
//! run: a clone that is lost is fetched again.

use super::ReleaseError;
use crate::model::Digest;
use crate::ops::git::{Answer, Git, Refusal, address};
use crate::progress::{CancelToken, Interrupted};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Arguments of every call in a clone: no hooks of templates or of the user, and nothing in the background.
const QUIETLY: [&str; 6] =
    ["-c", "core.hooksPath=/dev/null", "-c", "maintenance.auto=false", "-c", "gc.auto=0"];

/// How often to look whether another command still has the directory.
const PAUSE: Duration = Duration::from_millis(100);

/// The words of git for a server of plain files, which has the whole history of a ref or nothing.
const PLAIN_FILES: &str = "dumb http transport does not support";

/// The branch that was asked for, in a clone.
const BRANCH: &str = "refs/mirrorkeep/branch";

/// Where the clones are; a directory that is kept is that of one command at a time, since a clone has one place for what is
/// asked for.
#[derive(Debug)]
pub(super) struct Work {
    dir: PathBuf,
    /// Locked as long as the value lives.
    _lock: Option<File>,
    /// Removed with it.
    _temporary: Option<tempfile::TempDir>,
}

/// A repository that is released, at one address.
#[derive(Debug)]
pub(super) struct Remote<'a> {
    git: &'a Git,
    url: String,
    clone: String,
}

/// Whether a branch has a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OnBranch {
    /// It does.
    Yes,
    /// Other branches have it.
    Elsewhere(Vec<String>),
    /// No branch has it.
    Nowhere,
    /// There is no such branch.
    NoBranch,
}

/// The answer to a question that a repository may not answer.
pub(super) type Asked<T> = Result<Result<T, String>, Interrupted>;

/// Continues with an answer, or returns that there is none.
macro_rules! answered {
    ($asked:expr) => {
        match $asked {
            Ok(answer) => answer,
            Err(why) => return Ok(Err(why)),
        }
    };
}

impl Work {
    /// Returns a directory for clones: that one, once no other command has it, or a temporary one.
    pub(super) fn new(
        kept: Option<&Path>,
        limit: Duration,
        stop: &CancelToken,
    ) -> Result<Self, ReleaseError> {
        let Some(dir) = kept else {
            let dir = temporary()?;
            return Ok(Self { dir: dir.path().to_owned(), _lock: None, _temporary: Some(dir) });
        };
        let shown = crate::model::shown(&dir.display().to_string()).into_owned();
        let failed = |source| ReleaseError::Work { dir: shown.clone(), source };
        std::fs::create_dir_all(dir).map_err(failed)?;
        let dir = std::fs::canonicalize(dir).map_err(failed)?;
        let (lock, began) = (File::open(&dir).map_err(failed)?, Instant::now());
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Self { dir, _lock: Some(lock), _temporary: None }),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
                Err(TryLockError::WouldBlock) if began.elapsed() >= limit => {
                    return Err(ReleaseError::WorkBusy(shown));
                }
                Err(TryLockError::WouldBlock) => {
                    stop.check()?;
                    sleep(PAUSE);
                }
            }
        }
    }

    /// Returns the repository at an address that was checked; its clone is made if it is not there.
    pub(super) fn remote<'a>(&self, git: &'a Git, url: &str) -> Asked<Remote<'a>> {
        let clone = self.dir.join(Digest::of(url.as_bytes()).to_string().replace(':', "-"));
        let Some(clone) = clone.to_str().map(str::to_owned) else {
            return Ok(Err("the directory for clones has a name that is not UTF-8".to_owned()));
        };
        let remote = Remote { git, url: address(url), clone };
        let made = make(git, &remote.clone)?;
        Ok(made.map(|_| remote).map_err(|refused| refused.why))
    }
}

/// Returns a temporary directory.
pub(super) fn temporary() -> Result<tempfile::TempDir, ReleaseError> {
    let failed = |source| {
        let dir = std::env::temp_dir().display().to_string();
        ReleaseError::Work { dir: crate::model::shown(&dir).into_owned(), source }
    };
    tempfile::tempdir().map_err(failed)
}

/// Returns why git did nothing in a clone, with what to do if it is a lock that a killed git left.
fn locked(refused: Refusal, clone: &str) -> Refusal {
    let is_lock = ["could not lock config file", "cannot lock ref", ".lock': File exists"];
    if !is_lock.iter().any(|said| refused.why.contains(said)) || refused.why.contains("remote: ") {
        return refused;
    }
    let why = format!("{}; if no other command uses it, remove `{clone}` and run it again", refused.why);
    Refusal { why, ..refused }
}

/// Makes a bare clone; making it again repairs one that was cut off.
fn make(git: &Git, clone: &str) -> Result<Answer, Interrupted> {
    let made = git.run(&["-C", "/", "init", "--quiet", "--bare", "--template=", clone], b"")?;
    let failed = |refused: Refusal| {
        let refused = locked(refused, clone);
        Refusal { why: format!("no clone of it can be made in `{clone}`: {}", refused.why), ..refused }
    };
    Ok(made.map_err(failed))
}

impl Remote<'_> {
    fn run(&self, args: &[&str], input: &[u8]) -> Result<Answer, Interrupted> {
        self.run_in(&self.clone, args, input)
    }

    fn run_in(&self, clone: &str, args: &[&str], input: &[u8]) -> Result<Answer, Interrupted> {
        let dir = format!("--git-dir={clone}");
        let ran = self.git.run(&[&[dir.as_str()], &QUIETLY[..], args].concat(), input)?;
        Ok(ran.map_err(|refused| locked(refused, clone)))
    }

    fn ask(&self, args: &[&str]) -> Asked<String> {
        Ok(self.run(args, b"")?.map_err(|refused| refused.why))
    }

    /// Returns the commit of a tag, and whether it is annotated; nothing if there is no such tag.
    pub(super) fn tag(&self, name: &str) -> Asked<Option<(String, bool)>> {
        let full = format!("refs/tags/{name}");
        let refs = [format!("{full}^{{}}"), full];
        let answer = answered!(self.ask(&["ls-remote", "--", &self.url, &refs[0], &refs[1]])?);
        let peeled = crate::decide::due::commit_in(&answer, &refs[..1]);
        let found = peeled.map(|commit| (commit.to_owned(), true));
        let plain =
            || crate::decide::due::commit_in(&answer, &refs[1..]).map(|commit| (commit.to_owned(), false));
        Ok(Ok(found.or_else(plain)))
    }

    /// Fetches a tag, and returns its object as git prints it; nothing if it is not annotated.
    pub(super) fn tag_object(&self, name: &str) -> Asked<Option<String>> {
        // In a clone of its own: without its history a commit would be on no branch.
        let clone = format!("{}.tags", self.clone);
        if let Err(refused) = make(self.git, &clone)? {
            return Ok(Err(refused.why));
        }
        let ask = |args: &[&str]| -> Asked<String> {
            Ok(self.run_in(&clone, args, b"")?.map_err(|refused| refused.why))
        };
        let refs = format!("+refs/tags/{name}:refs/mirrorkeep/asked");
        let fetch = |more: &[&str]| {
            let fetch = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"];
            ask(&[&fetch[..], more, &["--", &self.url, &refs]].concat())
        };
        // Only the objects of the tag and its commit are needed; a server that cannot leave out others sends them.
        match fetch(&["--depth=1", "--filter=tree:0"])? {
            Err(why) if why.contains(PLAIN_FILES) => drop(answered!(fetch(&[])?)),
            fetched => drop(answered!(fetched)),
        }
        let kind = answered!(ask(&["cat-file", "-t", "refs/mirrorkeep/asked"])?);
        if kind.trim() != "tag" {
            return Ok(Ok(None));
        }
        Ok(ask(&["cat-file", "tag", "refs/mirrorkeep/asked"])?.map(Some))
    }

    /// Returns whether a branch has a commit, which is then in the clone.
    pub(super) fn on_branch(&self, branch: &str, commit: &str) -> Asked<OnBranch> {
        let full = format!("refs/heads/{branch}");
        let answer = answered!(self.ask(&["ls-remote", "--", &self.url, &full])?);
        if crate::decide::due::commit_in(&answer, std::slice::from_ref(&full)).is_none() {
            return Ok(Ok(OnBranch::NoBranch));
        }
        let refs = format!("+{full}:{BRANCH}");
        answered!(self.fetch(&[&refs])?);
        if answered!(self.has(commit)?) {
            match self.run(&["merge-base", "--is-ancestor", commit, BRANCH], b"")? {
                Ok(_) => return Ok(Ok(OnBranch::Yes)),
                Err(refused) if refused.code == Some(1) => {}
                // git leaves out a ref without its whole history, and says nothing.
                Err(refused) if refused.why.contains(&format!("Not a valid object name {BRANCH}")) => {
                    let why = format!(
                        "its branch `{branch}` cannot be fetched, as from a repository that is shallow itself"
                    );
                    return Ok(Err(why));
                }
                Err(refused) => return Ok(Err(refused.why)),
            }
        }
        answered!(self.fetch(&["--prune", "+refs/heads/*:refs/mirrorkeep/heads/*"])?);
        if !answered!(self.has(commit)?) {
            return Ok(Ok(OnBranch::Nowhere));
        }
        let form = "--format=%(refname:lstrip=3)";
        let contains = ["for-each-ref", "--count=3", form, "--contains", commit, "refs/mirrorkeep/heads"];
        let branches = answered!(self.ask(&contains)?);
        let branches: Vec<String> = branches.lines().map(str::to_owned).collect();
        Ok(Ok(if branches.is_empty() { OnBranch::Nowhere } else { OnBranch::Elsewhere(branches) }))
    }

    fn fetch(&self, more: &[&str]) -> Asked<String> {
        let fetch = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"];
        let (options, refs): (Vec<&str>, Vec<&str>) = more.iter().partition(|word| word.starts_with("--"));
        self.ask(&[&fetch[..], &options, &["--", &self.url], &refs].concat())
    }

    fn has(&self, commit: &str) -> Asked<bool> {
        // A tag of the commit is not the commit, whatever an earlier run left in the clone.
        match self.run(&["cat-file", "-t", commit], b"")? {
            Ok(kind) => Ok(Ok(kind.trim() == "commit")),
            Err(refused) if refused.code.is_some() => Ok(Ok(false)),
            Err(refused) => Ok(Err(refused.why)),
        }
    }

    /// Makes an annotated tag in the clone, in the place of one that was made and not pushed.
    pub(super) fn make_tag(&self, name: &str, commit: &str, message: &str, key: Option<&str>) -> Asked<()> {
        let with = key.map(|key| format!("--local-user={key}"));
        let sign = with.as_deref().unwrap_or("--no-sign");
        let args =
            ["tag", "--annotate", "--force", "--cleanup=verbatim", sign, "--file=-", "--", name, commit];
        Ok(self.run(&args, message.as_bytes())?.map(drop).map_err(|refused| refused.why))
    }

    /// Returns the ID of a tag that was made, and its object.
    pub(super) fn made_tag(&self, name: &str) -> Asked<(String, String)> {
        let asked = format!("refs/tags/{name}\n");
        let answer = self.run(&["cat-file", "--batch"], asked.as_bytes())?.map_err(|refused| refused.why);
        let answer = answered!(answer);
        // ID TYPE SIZE, then the object and a line feed.
        let read = answer.split_once('\n').and_then(|(about, object)| {
            let (id, _) = about.split_once(" tag ")?;
            Some((id.to_owned(), object.strip_suffix('\n')?.to_owned()))
        });
        Ok(read.ok_or_else(|| "git does not show the tag that was made".to_owned()))
    }

    /// Pushes the object of a tag that was made, which is refused where there is another of that name.
    pub(super) fn push_tag(&self, name: &str, id: &str) -> Asked<()> {
        let refs = format!("{id}:refs/tags/{name}");
        let push =
            ["push", "--quiet", "--no-verify", "--no-follow-tags", "--no-recurse-submodules", "--no-signed"];
        Ok(self.ask(&[&push[..], &["--", &self.url, &refs]].concat())?.map(drop))
    }
}
