//! What to type instead of arguments that cannot be used: verbs and options of other tools, and what a verb lacks.

use super::guide::{ELSEWHERE, Words};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};
use std::ffi::{OsStr, OsString};

/// Words that are typed behind a verb with verbs of its own, and what does that here.
const BELOW: [(&str, &[&str], &str); 14] = [
    (
        "alias",
        &["add", "new", "create", "make", "move", "mv", "point", "ln", "link", "update"],
        "`mirrorkeep alias set NAME ID` sets a name",
    ),
    ("alias", &["rm", "delete", "del", "unset", "drop"], "`mirrorkeep alias remove NAME` removes a name"),
    ("alias", &["ls", "all"], "`mirrorkeep alias list` lists the names"),
    ("alias", &["show", "get", "resolve"], "`mirrorkeep resolve NAME` prints what a name resolves to"),
    ("alias", &["history", "log"], "`mirrorkeep history NAME` shows every move of a name"),
    ("trash", &["ls", "show", "status"], "`mirrorkeep trash list` lists what is in the trash"),
    (
        "trash",
        &["empty", "clear", "clean", "purge", "sweep", "delete"],
        "`mirrorkeep sweep` empties the trash",
    ),
    ("trash", &["restore", "undelete"], "`mirrorkeep restore ID` brings a build back from the trash"),
    (
        "policy",
        &["apply", "use", "install", "edit", "add", "load"],
        "`mirrorkeep policy set FILE` puts a policy in force",
    ),
    ("policy", &["check", "validate"], "`mirrorkeep policy lint FILE` checks a policy"),
    (
        "policy",
        &["run", "forecast", "plan"],
        "`mirrorkeep policy simulate --for 30d` runs the policy forward",
    ),
    (
        "pipeline",
        &["apply", "use", "install", "edit", "add", "load"],
        "`mirrorkeep pipeline set FILE` puts a pipeline in force",
    ),
    ("pipeline", &["check", "validate"], "`mirrorkeep pipeline lint FILE` checks a pipeline"),
    (
        "layout",
        &["check", "validate", "lint"],
        "`mirrorkeep layout show --layout FILE` checks a layout and shows its paths",
    ),
];

/// Options of other tools, by the verb behind which they are typed (`*` for each), and what does that here.
const OPTIONS: [(&str, &[&str], &str); 9] = [
    (
        "prune",
        &["-y", "--yes", "--force", "-f", "--assume-yes"],
        "`mirrorkeep prune` does not ask; `mirrorkeep prune --dry-run` only shows what would be deleted",
    ),
    (
        "prune",
        &[
            "--policy",
            "--keep",
            "--keep-last",
            "--keep-daily",
            "--keep-weekly",
            "--keep-monthly",
            "--keep-within",
            "--older-than",
            "--days",
        ],
        "the policy of the mirror defines what is kept: `mirrorkeep policy show` shows it, and `mirrorkeep policy set FILE` puts another in force",
    ),
    (
        "list",
        &["--latest", "--newest", "--last"],
        "`mirrorkeep list --sort created --limit 1` lists the newest build, and `mirrorkeep resolve NAME` prints what a name resolves to",
    ),
    (
        "list",
        &["-l", "--long", "-a", "--all", "--full"],
        "`mirrorkeep list` has all columns, `mirrorkeep show ID` shows one build, and `mirrorkeep --json list` prints every field",
    ),
    (
        "policy simulate",
        &["--days", "--months", "--length", "--until"],
        "`--for 30d` sets the length of the simulation",
    ),
    ("publish", &["-s"], "`--stream STREAM` names the stream"),
    ("publish", &["-b", "--branch"], "`--git-branch BRANCH` names the branch"),
    ("verify", &["--full", "--everything"], "`mirrorkeep verify --all` verifies every build"),
    ("*", &["--format", "--output", "-o"], "`--json` prints the answer as JSON"),
];

/// What a verb lacks, by verb.
const LACKING: [(&str, &str); 15] = [
    (
        "verify",
        "`mirrorkeep verify --all` verifies every build, `mirrorkeep verify --sample 5%` a share of the mirror, and `mirrorkeep verify ID` one build",
    ),
    (
        "publish",
        "`mirrorkeep publish DIR --stream STREAM` names the stream; with `--git-branch BRANCH` instead, the layout finds it",
    ),
    (
        "hold",
        "`mirrorkeep hold ID --why TEXT` protects a build from pruning, and `mirrorkeep hold list` lists the holds",
    ),
    ("unhold", "`mirrorkeep hold list` lists the builds that are held"),
    ("restore", "`mirrorkeep trash list` lists the builds that can be restored"),
    ("history", "`mirrorkeep alias list` lists the names"),
    ("resolve", "`mirrorkeep alias list` lists the names"),
    ("alias set", "`mirrorkeep alias list` lists the names, and `mirrorkeep list` the builds"),
    ("alias remove", "`mirrorkeep alias list` lists the names"),
    ("show", "`mirrorkeep list` lists the builds"),
    ("explain", "`mirrorkeep list` lists the builds, and `mirrorkeep plan` the verdict on each"),
    ("label", "`mirrorkeep label ID KEY=VALUE` labels a build, and `mirrorkeep list` lists the builds"),
    (
        "withdraw",
        "`mirrorkeep withdraw ID --why TEXT` takes a build out, and `mirrorkeep list` lists the builds",
    ),
    ("policy set", "`mirrorkeep policy list` lists the shipped policies"),
    ("pipeline set", "`mirrorkeep pipeline list` lists the shipped pipelines"),
];

/// Values of other tools, and what is close to them here.
const VALUES: [(&str, &[&str], &str); 1] = [(
    "--result",
    &["unstable", "warning", "warnings", "failure", "failed", "passed", "ok", "aborted"],
    "a build that readers should use is a `success`, any other a `fail`; `--label quality=unstable` can say more",
)];

/// What was typed instead of a verb, or behind one.
pub(super) enum Advice {
    /// There is no such verb.
    Verb(&'static str),
    /// The arguments of a verb cannot be used.
    Arguments(String),
}

/// Returns the mirror that was typed; arguments that cannot be used are not read as a whole.
pub(super) fn mirror(typed: &[OsString]) -> Option<OsString> {
    let mut words = typed.iter().take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        if word == "--mirror" {
            return words.next().cloned();
        }
        if let Some(value) = word.to_str().and_then(|word| word.strip_prefix("--mirror=")) {
            return Some(value.into());
        }
    }
    None
}

/// Returns what to type instead, if that is known.
pub(super) fn advice(error: &clap::Error, command: &Command, typed: &[OsString]) -> Option<Advice> {
    let (verb, command) = verb(command, typed);
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.split(['=', ' ']).next().unwrap_or(text)),
        _ => None,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = text(ContextKind::InvalidSubcommand)?;
            let has = |words: Words| words.contains(&word);
            let below = BELOW.iter().find(|(above, words, _)| *above == verb && has(words));
            let other = ELSEWHERE.iter().find(|(words, _)| verb.is_empty() && has(words));
            below.map(|(.., hint)| *hint).or(other.map(|(_, hint)| *hint)).map(Advice::Verb)
        }
        ErrorKind::UnknownArgument => {
            let option = text(ContextKind::InvalidArg)?;
            if option == "-n" && has_option(command, "dry-run") {
                return Some(Advice::Arguments("`--dry-run` shows what would be done".to_owned()));
            }
            let fits = |at: &str| at == verb || at == "*";
            let found = OPTIONS.iter().find(|(at, options, _)| fits(at) && options.contains(&option));
            found.map(|(.., hint)| Advice::Arguments((*hint).to_owned()))
        }
        ErrorKind::MissingRequiredArgument => {
            let found = LACKING.iter().find(|(at, _)| *at == verb);
            found.map(|(_, hint)| Advice::Arguments((*hint).to_owned()))
        }
        ErrorKind::InvalidValue => {
            let (option, value) = (text(ContextKind::InvalidArg)?, text(ContextKind::InvalidValue)?);
            let found = VALUES.iter().find(|(of, values, _)| *of == option && values.contains(&value));
            found.map(|(.., hint)| Advice::Arguments((*hint).to_owned()))
        }
        ErrorKind::MissingSubcommand if verb == "trash" => {
            Some(Advice::Arguments("`mirrorkeep trash list` lists what is in the trash".to_owned()))
        }
        _ => None,
    }
}

/// Takes tips out of an error that help no one: how an unknown option would be a value, and any where there is advice.
pub(super) fn without_noise(error: &mut clap::Error, advised: bool) {
    if advised {
        for kind in [ContextKind::SuggestedArg, ContextKind::SuggestedValue, ContextKind::Suggested] {
            error.remove(kind);
        }
    } else if let Some(ContextValue::StyledStrs(tips)) = error.remove(ContextKind::Suggested) {
        let tips: Vec<_> =
            tips.into_iter().filter(|tip| !tip.to_string().contains("as a value, use")).collect();
        if !tips.is_empty() {
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
        }
    }
}

/// Returns the verbs that were typed, as far as they exist, and the command of the last.
fn verb<'a>(command: &'a Command, typed: &[OsString]) -> (String, &'a Command) {
    let (mut verbs, mut current) = (Vec::new(), command);
    let mut words = typed.iter().skip(1).filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        if word.starts_with('-') {
            if !word.contains('=') && takes_value(command, word) {
                words.next();
            }
            continue;
        }
        let Some(next) = current.find_subcommand(OsStr::new(word)) else { break };
        verbs.push(next.get_name());
        current = next;
    }
    (verbs.join(" "), current)
}

/// Returns whether an option of every verb has a value.
fn takes_value(command: &Command, word: &str) -> bool {
    let is_it = |arg: &&Arg| {
        arg.get_long().is_some_and(|long| word.strip_prefix("--") == Some(long))
            || arg.get_short().is_some_and(|short| word.strip_prefix('-') == Some(short.to_string().as_str()))
    };
    command.get_arguments().find(is_it).is_some_and(|arg| arg.get_action().takes_values())
}

fn has_option(command: &Command, long: &str) -> bool {
    command.get_arguments().any(|arg| arg.get_long() == Some(long))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::guide;

    #[test]
    fn the_tables_speak_of_verbs_and_options_that_exist() {
        let command = guide::command();
        let found = |at: &str| {
            let words: Vec<OsString> =
                ["mirrorkeep"].into_iter().chain(at.split(' ')).map(Into::into).collect();
            verb(&command, &words).0 == at
        };
        for at in LACKING.iter().map(|(at, _)| at).chain(BELOW.iter().map(|(at, ..)| at)) {
            assert!(found(at), "{at}");
        }
        for (at, options, _) in OPTIONS.iter().filter(|(at, ..)| *at != "*") {
            assert!(found(at), "{at}");
            let words: Vec<OsString> =
                ["mirrorkeep"].into_iter().chain(at.split(' ')).map(Into::into).collect();
            let (_, command) = verb(&command, &words);
            let none = options.iter().all(|option| !has_option(command, option.trim_start_matches('-')));
            assert!(none, "{at} has one of {options:?}");
        }
    }
}
