//! Bare git repositories that are released, and a git repository of requests, beside the mirror of a rig.

use crate::support::rig::Rig;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The branch of the series 2024.1.
pub(crate) const BRANCH: &str = "stable/2024.1";

/// Repositories beside a mirror.
pub(crate) struct Requests {
    dir: PathBuf,
}

impl Requests {
    /// Makes a repository of requests for series that are open or closed.
    pub(crate) fn beside(rig: &Rig) -> Self {
        let requests = Self { dir: rig.work("../releases") };
        fs::create_dir_all(requests.dir.join("git")).unwrap();
        git(&requests.dir, &["init", "-q", "-b", "main", "requests"]);
        requests.settings("tested: {status: maintained, stage: tested}");
        requests
    }

    /// Writes and commits settings with these series more.
    pub(crate) fn settings(&self, more: &str) {
        let text = format!(
            "releases: 1\nremote: '{}/{{repo}}.git'\nstream: '{{repo}}'\nseries:\n  2024.1: {{status: maintained}}\n  \
             2023.1: {{status: end-of-life}}\n  2025.1: {{status: future}}\n  {more}\n",
            self.dir.join("git").display()
        );
        self.write("releases.yaml", &text);
        self.commit("Settings");
    }

    /// Makes a repository of requests with one request, whose build is that one.
    pub(crate) fn with_one(rig: &Rig, build: &str) -> Self {
        let requests = Self::beside(rig);
        let commit = requests.grow("tool", BRANCH);
        let text = format!(
            "team: tools\nrelease-model: independent\nreleases:\n  - version: 1.0.0\n    build: {build}\n    announcement: It is there.\n    \
             projects: [{{repo: tool, hash: {commit}}}]\n"
        );
        requests.write("requests/2024.1/tool.yaml", &text);
        requests.commit("Release\n\nApproved-by: A");
        requests
    }

    /// Returns the directory of the requests.
    pub(crate) fn at(&self) -> PathBuf {
        self.dir.join("requests")
    }

    /// Returns the bare repository of that name.
    pub(crate) fn remote(&self, repo: &str) -> PathBuf {
        self.dir.join(format!("git/{repo}.git"))
    }

    /// Adds a commit to a branch of a repository, which is made if it is not there, and returns its ID.
    pub(crate) fn grow(&self, repo: &str, branch: &str) -> String {
        let (bare, source) = (self.remote(repo), self.dir.join("source").join(repo));
        if !bare.exists() {
            fs::create_dir_all(&source).unwrap();
            git(&self.dir, &["init", "-q", "--bare", bare.to_str().unwrap()]);
            git(&source, &["init", "-q", "-b", branch, "."]);
        }
        let has = git_may(&source, &["rev-parse", "-q", "--verify", branch]).status.success();
        if has {
            git(&source, &["checkout", "-q", branch]);
        } else {
            git(&source, &["checkout", "-q", "--orphan", branch]);
        }
        git(&source, &["commit", "-q", "--allow-empty", "-m", &format!("a change of {repo} on {branch}")]);
        git(&source, &["push", "-q", bare.to_str().unwrap(), branch]);
        git(&source, &["rev-parse", "HEAD"])
    }

    /// Writes a file of the requests.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.at().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Commits everything in the repository of requests, and returns the commit.
    pub(crate) fn commit(&self, message: &str) -> String {
        git(&self.at(), &["add", "-A"]);
        git(&self.at(), &["commit", "-q", "--allow-empty", "-m", message]);
        git(&self.at(), &["rev-parse", "HEAD"])
    }

    /// Returns the binary with arguments, `--requests`, and a person who makes tags.
    pub(crate) fn command(&self, rig: &Rig, args: &[&str]) -> Command {
        let at = self.at();
        let mut command = rig.command(&[args, &["--requests", at.to_str().unwrap()]].concat());
        as_someone(&mut command);
        command
    }

    /// Runs the binary, which must end with that code, and returns both outputs.
    #[track_caller]
    pub(crate) fn ends(&self, rig: &Rig, code: i32, args: &[&str]) -> String {
        let output = self.command(rig, args).output().unwrap();
        let both = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(both).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        text
    }

    /// Returns the tags of a repository with their commits.
    pub(crate) fn tags(&self, repo: &str) -> Vec<(String, String)> {
        let form =
            "--format=%(refname:lstrip=2) %(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)";
        let all = git(&self.remote(repo), &["for-each-ref", form, "refs/tags"]);
        let pair = |line: &str| line.split_once(' ').map(|(tag, commit)| (tag.to_owned(), commit.to_owned()));
        all.lines().filter_map(pair).collect()
    }
}

/// Lets git of a command make commits and tags, whatever the settings of this machine are.
pub(crate) fn as_someone(command: &mut Command) {
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "A").env(format!("GIT_{who}_EMAIL"), "a@example.org");
    }
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
}

fn git_may(dir: &Path, args: &[&str]) -> Output {
    let mut git = Command::new("git");
    as_someone(&mut git);
    git.current_dir(dir).args(args).output().unwrap()
}

/// Runs git in a directory, which must succeed, and returns its answer.
#[track_caller]
pub(crate) fn git(dir: &Path, args: &[&str]) -> String {
    let output = git_may(dir, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
