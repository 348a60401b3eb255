//! Querying repositories for their branches and tags, many at once, each with a time limit.
//!
//! git does not prompt: neither for a password nor for the key of a host. It reads no repository of this machine
//! except the named one, and follows no transport that runs a command, even if its configuration names one.

use crate::decide::due::{GitSource, commit_in};
use crate::exec::{self, End, ExecError, Job};
use crate::mirror::chain;
use crate::model::shown;
use crate::progress::{CancelToken, Interrupted};
use crate::source::GIT_ENVIRONMENT;
use std::time::Duration;

/// Further variables that are removed from git's environment.
const WITHOUT: [&str; 4] = [exec::MINISIGN_PASSWORD, "GIT_TRACE", "GIT_EXTERNAL_DIFF", "GIT_PROXY_COMMAND"];

/// Settings that keep git from prompting and from transports that run commands.
const ENVIRONMENT: [(&str, &str); 7] = [
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ASKPASS", "/bin/false"),
    ("SSH_ASKPASS", "/bin/false"),
    ("SSH_ASKPASS_REQUIRE", "force"),
    ("GIT_ALLOW_PROTOCOL", "https:http:ssh:git:file"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("LC_ALL", "C"),
];

/// How many seconds after its limit git ends if mirrorkeep was killed.
const SPARE: u64 = 5;

/// The exit code of `timeout` if there is no such command.
const MISSING: i32 = 127;

/// Returns the present commit of a branch or tag, or why it is not known.
pub(super) fn commit(
    source: &GitSource,
    limit: Duration,
    stop: &CancelToken,
) -> Result<Result<String, String>, Interrupted> {
    let refs = source.refs();
    // Who is killed ends nothing: without `timeout`, git would ask for as long as no one answers.
    let most = limit.as_secs().saturating_add(SPARE).to_string();
    let mut words = ["timeout", &most, "git", "-C", "/", "ls-remote", "--"].map(str::to_owned).to_vec();
    words.push(address(&source.url));
    words.extend(refs.iter().cloned());
    let env = ENVIRONMENT.map(|(key, value)| (key, value.to_owned()));
    let without = [&WITHOUT[..], &GIT_ENVIRONMENT[..]].concat();
    let job = Job { words: &words, env: &env, without: &without, input: b"", limit, lock: None };
    let mut ran = exec::ask_apart(&job, stop);
    if matches!(ran, Err(ExecError::NoProgram { .. })) {
        let words = words.get(2..).unwrap_or_default();
        ran = exec::ask_apart(&Job { words, lock: None, ..job }, stop);
    }
    let ran = match ran {
        Ok(ran) => ran,
        Err(error) => return Ok(Err(chain(&error))),
    };
    Ok(match ran.end {
        End::Stopped => return Err(Interrupted),
        End::Code(0) => match commit_in(&ran.output, &refs) {
            Some(commit) => Ok(commit.to_owned()),
            // The end is kept, and the beginning is dropped.
            None if ran.output.starts_with('[') => Err("the answer of the repository is too long".to_owned()),
            None => Err(format!("the repository has no branch or tag `{}`", source.reference)),
        },
        End::Code(MISSING) => Err("cannot start `git`: there is no such program".to_owned()),
        End::TimeLimit(limit) => Err(format!("the repository did not answer within {} s", limit.as_secs())),
        end => Err(match last_line(&ran.errors) {
            Some(said) => format!("git said: {said}"),
            None => format!("git found out nothing: {end}"),
        }),
    })
}

/// Returns an address that git can resolve from any directory.
fn address(url: &str) -> String {
    let is_path = url.starts_with("./") || url.starts_with("../");
    let absolute = is_path.then(|| std::path::absolute(url).ok()).flatten();
    absolute.map_or_else(|| url.to_owned(), |path| path.display().to_string())
}

/// Returns the first line of git's error message, after the line before it, in which ssh gives the reason.
fn last_line(errors: &str) -> Option<String> {
    let lines: Vec<&str> = errors.lines().filter(|line| !line.trim().is_empty()).collect();
    let fatal = lines.iter().position(|line| line.starts_with("fatal: ") || line.starts_with("error: "));
    let at = fatal.or_else(|| lines.len().checked_sub(1))?;
    let reason = at.checked_sub(1).and_then(|before| lines.get(before)).filter(|_| fatal.is_some());
    let short = |line: &&str| line.chars().take(300).collect::<String>();
    let said: Vec<String> = reason.into_iter().chain(lines.get(at)).map(short).collect();
    Some(shown(&said.join("; ")).into_owned())
}
