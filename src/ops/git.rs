//! Running the git of this machine, each call with a time limit and without a shell.
//!
//! git does not prompt: neither for a password nor for the key of a host. It reads no repository of this machine
//! except the named one, runs no hook, fetches no object that is missing there, and follows no transport that runs a command,
//! even if its configuration names one. Of the variables that change what git does, it gets only those that are listed here.

use crate::exec::{self, End, ExecError, Job};
use crate::mirror::chain;
use crate::model::shown;
use crate::progress::{CancelToken, Interrupted};
use std::time::Duration;

/// The beginning of the names of variables that change what git does.
const OF_GIT: &str = "GIT_";

/// The variables of that name that git gets: where its programs are, who makes a tag and when, the user's files of configuration,
/// and how a repository is reached. A name that ends with `_` stands for all that begin so.
const PASSED: [&str; 12] = [
    "GIT_EXEC_PATH",
    "GIT_AUTHOR_",
    "GIT_COMMITTER_",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_SSL_",
    "GIT_PROXY_SSL_",
    "GIT_HTTP_",
];

/// Of these, the ones that git gets if it reads no configuration.
const PASSED_APART: [&str; 1] = ["GIT_EXEC_PATH"];

/// Where the objects of the repository are whose hook runs mirrorkeep; they are those of no other repository.
const OF_HOOK: [&str; 3] =
    ["GIT_QUARANTINE_PATH", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"];

/// Settings by which git reads no configuration but that of the repository.
const APART: [(&str, &str); 3] =
    [("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_ATTR_NOSYSTEM", "1")];

/// Settings that keep git from prompting, from transports that run commands, and from showing one object for another; and the
/// form of the repositories that it makes.
const ENVIRONMENT: [(&str, &str); 11] = [
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ASKPASS", "/bin/false"),
    ("SSH_ASKPASS", "/bin/false"),
    ("SSH_ASKPASS_REQUIRE", "force"),
    ("GIT_ALLOW_PROTOCOL", "https:http:ssh:git:file"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_DEFAULT_HASH", "sha1"),
    ("GIT_DEFAULT_REF_FORMAT", "files"),
    ("LC_ALL", "C"),
];

/// How many seconds after its limit git ends if mirrorkeep was killed.
const SPARE: u64 = 5;

/// The exit code of `timeout` if there is no such command.
const MISSING: i32 = 127;

/// git, with a time limit for each call.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    limit: Duration,
    stop: CancelToken,
    reads: Reads,
}

/// What git reads beside the repository that is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reads {
    /// The configuration of the user.
    Configuration,
    /// That, and where the hook that runs mirrorkeep has its objects.
    Hook,
    /// Nothing.
    Nothing,
}

/// The answer of git: its output, or its exit code with why it failed.
pub(crate) type Answer = Result<String, Refusal>;

/// Why git did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Its exit code, if it ended by itself.
    pub(crate) code: Option<i32>,
    /// Why, as a sentence.
    pub(crate) why: String,
}

impl Git {
    /// Returns git with this time limit for each call.
    pub(crate) fn new(limit: Duration, stop: &CancelToken) -> Self {
        Self { limit, stop: stop.clone(), reads: Reads::Configuration }
    }

    /// Returns git that reads the repository whose hook may run mirrorkeep.
    pub(crate) fn of_hook(&self) -> Self {
        Self { reads: Reads::Hook, ..self.clone() }
    }

    /// Returns git that reads neither configuration nor attributes but those of the repository.
    pub(crate) fn apart(&self) -> Self {
        Self { reads: Reads::Nothing, ..self.clone() }
    }

    /// Returns whether git gets that variable from the environment of mirrorkeep.
    fn passes(&self, name: &str) -> bool {
        let passed: &[&str] = if self.reads == Reads::Nothing { &PASSED_APART } else { &PASSED };
        let is_one = |known: &&str| *known == name || known.ends_with('_') && name.starts_with(*known);
        passed.iter().any(is_one) || self.reads == Reads::Hook && OF_HOOK.contains(&name)
    }

    /// Runs git with these arguments on an input.
    pub(crate) fn run(&self, args: &[&str], input: &[u8]) -> Result<Answer, Interrupted> {
        // Who is killed ends nothing: without `timeout`, git would ask for as long as no one answers.
        let most = self.limit.as_secs().saturating_add(SPARE).to_string();
        let mut words = ["timeout", &most, "git"].map(str::to_owned).to_vec();
        words.extend(args.iter().map(|arg| (*arg).to_owned()));
        let apart = APART.iter().filter(|_| self.reads == Reads::Nothing);
        let env = ENVIRONMENT.iter().chain(apart).map(|(key, value)| (*key, (*value).to_owned()));
        let env: Vec<(&str, String)> = env.collect();
        let known = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        let removed = |name: &String| {
            let is_set = env.iter().any(|(key, _)| key == name);
            name.starts_with(OF_GIT) && !is_set && !self.passes(name)
        };
        let removed: Vec<String> = known.filter(removed).collect();
        let removed = removed.iter().map(String::as_str);
        let without: Vec<&str> = removed.chain([exec::MINISIGN_PASSWORD]).collect();
        let job = Job { words: &words, env: &env, without: &without, input, limit: self.limit, lock: None };
        let mut ran = exec::ask_apart(&job, &self.stop);
        if matches!(ran, Err(ExecError::NoProgram { .. })) {
            let words = words.get(2..).unwrap_or_default();
            ran = exec::ask_apart(&Job { words, lock: None, ..job }, &self.stop);
        }
        let refused = |code: Option<i32>, why: String| Ok(Err(Refusal { code, why }));
        let ran = match ran {
            Ok(ran) => ran,
            Err(error) => return refused(None, chain(&error)),
        };
        match ran.end {
            End::Stopped => Err(Interrupted),
            End::Code(0) => Ok(Ok(ran.output)),
            End::Code(MISSING) => refused(None, "cannot start `git`: there is no such program".to_owned()),
            End::TimeLimit(limit) => {
                refused(None, format!("the repository did not answer within {} s", limit.as_secs()))
            }
            end => {
                let code = if let End::Code(code) = end { Some(code) } else { None };
                refused(
                    code,
                    match reason(&ran.errors) {
                        Some(said) => format!("git said: {said}"),
                        None => format!("git found out nothing: {end}"),
                    },
                )
            }
        }
    }
}

/// Returns whether the beginning of an answer was too long to be kept.
pub(crate) fn is_cut(answer: &str) -> bool {
    answer.starts_with('[')
}

/// Returns an address that git can resolve from any directory.
pub(crate) fn address(url: &str) -> String {
    let is_path = url.starts_with("./") || url.starts_with("../");
    let absolute = is_path.then(|| std::path::absolute(url).ok()).flatten();
    absolute.map_or_else(|| url.to_owned(), |path| path.display().to_string())
}

/// The most lines of a message that are kept: those of the remote, and the others.
const LINES: (usize, usize) = (5, 6);

/// The most characters of a line that are kept.
const LINE: usize = 300;

/// The beginnings of lines that say what failed, or why.
const REASONS: [&str; 8] = [
    "fatal: ",
    "error: ",
    "! [",
    "gpg: ",
    "gpgsm: ",
    "ssh: ",
    "Committer identity unknown",
    "git config --global --add safe.directory ",
];

/// Returns what git's error message says, and what the remote, ssh or gpg does, on one line; without its advice, and without the
/// status lines of gpg.
fn reason(errors: &str) -> Option<String> {
    let is_noise = |line: &&str| line.starts_with("[GNUPG:]") || line.starts_with("hint: ");
    let lines: Vec<&str> = errors.lines().map(str::trim).filter(|line| !is_noise(line)).collect();
    let is_error = |line: &str| line.starts_with("fatal: ") || line.starts_with("error: ");
    let first = lines.iter().position(|line| is_error(line));
    let (mut said, mut other): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    for (index, line) in lines.iter().copied().enumerate() {
        // ssh gives its reason right before the error; what has an empty line after it is advice.
        let is_before = first.is_some_and(|first| index + 1 == first) && !line.is_empty();
        if let Some(rest) = line.strip_prefix("remote:") {
            if rest.contains(char::is_alphanumeric) && said.len() < LINES.0 {
                said.push(line);
            }
        } else if REASONS.iter().any(|start| line.starts_with(start)) || is_before {
            other.push(line);
        }
    }
    // It names the remote, and says nothing more where the ref has a line of its own.
    if said.len() + other.len() > 1 {
        other.retain(|line| !line.starts_with("error: failed to push some refs"));
    }
    let last = lines.iter().rfind(|line| !line.is_empty()).copied();
    if said.is_empty() && other.is_empty() {
        said.extend(last);
    }
    let short = |line: &str| line.chars().take(LINE).collect::<String>();
    let kept: Vec<String> = said.into_iter().chain(other.into_iter().take(LINES.1)).map(short).collect();
    (!kept.is_empty()).then(|| shown(&kept.join("; ")).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{Git, LINE, reason};
    use crate::progress::CancelToken;
    use std::time::Duration;

    #[test]
    fn the_reason_of_a_failure_is_said() {
        for (errors, said) in [
            (
                "error: gpg failed to sign the data:\n[GNUPG:] KEY_CONSIDERED 27FD 2\ngpg: signing failed: Inappropriate ioctl for device\n\
                 [GNUPG:] FAILURE sign 83918950\n\nerror: unable to sign the tag\n",
                "error: gpg failed to sign the data:; gpg: signing failed: Inappropriate ioctl for device; error: unable to sign the tag",
            ),
            (
                "remote: error: cannot lock ref 'refs/tags/1'\nTo /x\n ! [remote rejected] 1 -> 1\nerror: failed to push some refs to '/x'\n",
                "remote: error: cannot lock ref 'refs/tags/1'; ! [remote rejected] 1 -> 1",
            ),
            (
                "remote: \nremote: =====\nremote: GitLab: You are not allowed to create this tag.\nTo /x\n ! [remote rejected] 1 -> 1\n",
                "remote: GitLab: You are not allowed to create this tag.; ! [remote rejected] 1 -> 1",
            ),
            (
                "Warning: Permanently added\nssh: no such host\nfatal: Could not read from remote repository.\n\nPlease make sure\n",
                "ssh: no such host; fatal: Could not read from remote repository.",
            ),
            (
                "git@h: Permission denied (publickey).\nfatal: Could not read\n",
                "git@h: Permission denied (publickey).; fatal: Could not read",
            ),
            (
                "Committer identity unknown\n\n*** Please tell me who you are.\n\nOmit --global to set the identity only in this repository.\n\n\
                 fatal: unable to auto-detect email address\n",
                "Committer identity unknown; fatal: unable to auto-detect email address",
            ),
            (
                "fatal: detected dubious ownership in repository at '/x'\nTo add an exception for this directory, call:\n\n\t\
                 git config --global --add safe.directory /x\n",
                "fatal: detected dubious ownership in repository at '/x'; git config --global --add safe.directory /x",
            ),
            ("only this\n\n", "only this"),
        ] {
            assert_eq!(reason(errors).as_deref(), Some(said));
        }
        assert_eq!(reason("\n"), None);
        let long = format!("remote: {}\n", "x".repeat(5000)).repeat(100);
        assert!(reason(&long).is_some_and(|said| said.len() < 6 * LINE));
    }

    #[test]
    fn only_listed_variables_reach_git() {
        let git = Git::new(Duration::from_secs(1), &CancelToken::new());
        for (name, everywhere, apart) in [
            ("GIT_COMMITTER_NAME", true, false),
            ("GIT_CONFIG_GLOBAL", true, false),
            ("GIT_SSL_CAINFO", true, false),
            ("GIT_EXEC_PATH", true, true),
            ("GIT_CONFIG_COUNT", false, false),
            ("GIT_CONFIG_KEY_0", false, false),
            ("GIT_CONFIG_PARAMETERS", false, false),
            ("GIT_SSHX", false, false),
            ("GIT_DIR", false, false),
            ("GIT_GRAFT_FILE", false, false),
            ("GIT_OBJECT_DIRECTORY", false, false),
        ] {
            assert_eq!((git.passes(name), git.apart().passes(name)), (everywhere, apart), "{name}");
        }
        assert!(git.of_hook().passes("GIT_OBJECT_DIRECTORY") && !git.of_hook().passes("GIT_DIR"));
    }
}
