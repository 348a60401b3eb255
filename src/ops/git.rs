//! Running the git of this machine, each call with a time limit and without a shell.
//!
//! git does not prompt: neither for a password nor for the key of a host. It reads no repository of this machine
//! except the named one, runs no hook, fetches no object that is missing there, and follows no transport that runs a command,
//! even if its configuration names one.

use crate::exec::{self, End, ExecError, Job};
use crate::mirror::chain;
use crate::model::shown;
use crate::progress::{CancelToken, Interrupted};
use crate::source::GIT_ENVIRONMENT;
use std::time::Duration;

/// Further variables that are removed from git's environment.
const WITHOUT: [&str; 4] = [exec::MINISIGN_PASSWORD, "GIT_TRACE", "GIT_EXTERNAL_DIFF", "GIT_PROXY_COMMAND"];

/// Where the objects of the repository are whose hook runs mirrorkeep; they are those of no other repository.
const OF_HOOK: [&str; 3] =
    ["GIT_QUARANTINE_PATH", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"];

/// Settings by which git reads no configuration but that of the repository.
const APART: [(&str, &str); 3] =
    [("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_ATTR_NOSYSTEM", "1")];

/// Settings that keep git from prompting, from transports that run commands, and from showing one object for another.
const ENVIRONMENT: [(&str, &str); 9] = [
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ASKPASS", "/bin/false"),
    ("SSH_ASKPASS", "/bin/false"),
    ("SSH_ASKPASS_REQUIRE", "force"),
    ("GIT_ALLOW_PROTOCOL", "https:http:ssh:git:file"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_NO_LAZY_FETCH", "1"),
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

    /// Runs git with these arguments on an input.
    pub(crate) fn run(&self, args: &[&str], input: &[u8]) -> Result<Answer, Interrupted> {
        // Who is killed ends nothing: without `timeout`, git would ask for as long as no one answers.
        let most = self.limit.as_secs().saturating_add(SPARE).to_string();
        let mut words = ["timeout", &most, "git"].map(str::to_owned).to_vec();
        words.extend(args.iter().map(|arg| (*arg).to_owned()));
        let apart = APART.iter().filter(|_| self.reads == Reads::Nothing);
        let env = ENVIRONMENT.iter().chain(apart).map(|(key, value)| (*key, (*value).to_owned()));
        let env: Vec<(&str, String)> = env.collect();
        let of_hook = OF_HOOK.iter().filter(|_| self.reads != Reads::Hook);
        let without: Vec<&str> = WITHOUT.iter().chain(&GIT_ENVIRONMENT).chain(of_hook).copied().collect();
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
                    match last_line(&ran.errors) {
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

/// Returns the first line of git's error message, after the line before it, in which ssh gives the reason, or the error of the
/// remote; with the line after it, if that is announced.
fn last_line(errors: &str) -> Option<String> {
    let lines: Vec<&str> = errors.lines().filter(|line| !line.trim().is_empty()).collect();
    let fatal = lines.iter().position(|line| line.starts_with("fatal: ") || line.starts_with("error: "));
    let at = fatal.or_else(|| lines.len().checked_sub(1))?;
    let before = at.checked_sub(1).and_then(|before| lines.get(before)).filter(|_| fatal.is_some());
    let reason = lines.iter().find(|line| line.starts_with("remote: error: ")).or(before);
    let more = lines.get(at).filter(|line| line.trim_end().ends_with(':')).and_then(|_| lines.get(at + 1));
    let short = |line: &&str| line.chars().take(300).collect::<String>();
    let said: Vec<String> = reason.into_iter().chain(lines.get(at)).chain(more).map(short).collect();
    Some(shown(&said.join("; ")).into_owned())
}

#[cfg(test)]
mod tests {
    use super::last_line;

    #[test]
    fn the_reason_of_a_failure_is_said() {
        for (errors, said) in [
            (
                "error: gpg failed to sign the data:\ngpg: skipped: No secret key\n\nerror: unable to sign the tag\n",
                "No secret key",
            ),
            (
                "remote: error: cannot lock ref 'refs/tags/1'\nTo /x\n ! [remote rejected] 1 -> 1\nerror: failed to push\n",
                "cannot lock ref",
            ),
            (
                "ssh: no such host\nfatal: Could not read from remote repository.\n",
                "no such host; fatal: Could",
            ),
        ] {
            assert!(last_line(errors).is_some_and(|line| line.contains(said)), "{errors}");
        }
        assert_eq!(last_line("only this\n").as_deref(), Some("only this"));
    }
}
