//! The repositories that are released: their tags, whether a branch has a commit, and pushing a tag.
//!
//! Each has a bare clone in a directory of its own, with only the refs that were asked for. Nothing there is needed by a later
//! run: a clone that is lost is fetched again.

use super::ReleaseError;
use crate::model::Digest;
use crate::ops::git::{Answer, Git, Refusal, address, is_cut};
use crate::progress::Interrupted;
use std::path::{Path, PathBuf};

/// Arguments of every call in a clone: no hooks of templates or of the user, and nothing in the background.
const QUIETLY: [&str; 6] =
    ["-c", "core.hooksPath=/dev/null", "-c", "maintenance.auto=false", "-c", "gc.auto=0"];

/// Where the clones are.
#[derive(Debug)]
pub(super) struct Work {
    dir: PathBuf,
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
    /// Returns a directory for clones: that one, or a temporary one.
    pub(super) fn new(kept: Option<&Path>) -> Result<Self, ReleaseError> {
        if let Some(dir) = kept {
            std::fs::create_dir_all(dir).map_err(ReleaseError::Work)?;
            let dir = std::fs::canonicalize(dir).map_err(ReleaseError::Work)?;
            return Ok(Self { dir, _temporary: None });
        }
        let dir = tempfile::tempdir().map_err(ReleaseError::Work)?;
        Ok(Self { dir: dir.path().to_owned(), _temporary: Some(dir) })
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

/// Fails if the beginning of the object of a tag was not kept.
fn whole(object: String) -> Result<String, String> {
    if is_cut(&object) {
        return Err("its object has more than 1 MiB; a message of at most 64 KiB is accepted".to_owned());
    }
    Ok(object)
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
    Ok(made.map_err(|refused| locked(refused, clone)))
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
        let fetch = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--depth=1"];
        // Only the objects of the tag and its commit are needed; a server that cannot leave out others sends them.
        answered!(ask(&[&fetch[..], &["--filter=tree:0", "--", &self.url, &refs]].concat())?);
        let kind = answered!(ask(&["cat-file", "-t", "refs/mirrorkeep/asked"])?);
        if kind.trim() != "tag" {
            return Ok(Ok(None));
        }
        Ok(ask(&["cat-file", "tag", "refs/mirrorkeep/asked"])?.and_then(whole).map(Some))
    }

    /// Returns whether a branch has a commit, which is then in the clone.
    pub(super) fn on_branch(&self, branch: &str, commit: &str) -> Asked<OnBranch> {
        let full = format!("refs/heads/{branch}");
        let answer = answered!(self.ask(&["ls-remote", "--", &self.url, &full])?);
        if crate::decide::due::commit_in(&answer, std::slice::from_ref(&full)).is_none() {
            return Ok(Ok(OnBranch::NoBranch));
        }
        let refs = format!("+{full}:refs/mirrorkeep/branch");
        answered!(self.fetch(&[&refs])?);
        if answered!(self.has(commit)?) {
            match self.run(&["merge-base", "--is-ancestor", commit, "refs/mirrorkeep/branch"], b"")? {
                Ok(_) => return Ok(Ok(OnBranch::Yes)),
                Err(refused) if refused.code == Some(1) => {}
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

    /// Returns the object of a tag that was made.
    pub(super) fn made_tag(&self, name: &str) -> Asked<String> {
        Ok(self.ask(&["cat-file", "tag", &format!("refs/tags/{name}")])?.and_then(whole))
    }

    /// Pushes a tag that was made, which is refused where there is one of that name.
    pub(super) fn push_tag(&self, name: &str) -> Asked<()> {
        let refs = format!("refs/tags/{name}:refs/tags/{name}");
        let push =
            ["push", "--quiet", "--no-verify", "--no-follow-tags", "--no-recurse-submodules", "--no-signed"];
        Ok(self.ask(&[&push[..], &["--", &self.url, &refs]].concat())?.map(drop))
    }
}
