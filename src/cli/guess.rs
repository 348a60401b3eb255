//! What to type instead of arguments that cannot be used: verbs and options of other tools, and verbs that are
//! missing.

use super::guide::{ELSEWHERE, Words};
use crate::model::shell_word;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Words that are typed behind a verb with verbs of its own, and what does that here.
const BELOW: [(&str, &[&str], &str); 15] = [
    (
        "alias",
        &["add", "new", "create", "make", "move", "mv", "point", "ln", "link", "update"],
        "`mirrorkeep alias set ALIAS ID` sets an alias",
    ),
    ("alias", &["rm", "delete", "del", "unset", "drop"], "`mirrorkeep alias remove ALIAS` removes an alias"),
    ("alias", &["ls", "all"], "`mirrorkeep alias list` lists the aliases"),
    ("alias", &["show", "get", "resolve"], "`mirrorkeep resolve ALIAS` prints what an alias resolves to"),
    ("alias", &["history", "log"], "`mirrorkeep history ALIAS` shows every move of an alias"),
    ("trash", &["ls", "show", "status"], "`mirrorkeep trash list` lists what is in the trash"),
    (
        "trash",
        &["empty", "clear", "clean", "purge", "sweep", "delete"],
        "`mirrorkeep sweep` empties the trash",
    ),
    ("trash", &["restore", "undelete"], "`mirrorkeep restore ID` restores a build from the trash"),
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
    (
        "layout",
        &["test", "try"],
        "`mirrorkeep layout place PATH --layout FILE` shows what a path is in a layout",
    ),
];

/// What `--stream` and the options of a branch are.
const WHOLE_STREAM: &str = "`--stream main/debian` names the whole stream; with `--git-branch BRANCH` instead, and `--distro` and \
     `--field` for what a branch does not say, the layout finds it";

/// The answer to a stream behind `plan`.
const WHOLE_PLAN: &str = "a plan is of the whole mirror; `mirrorkeep plan --expiring` shows what expires, and `mirrorkeep explain ID` all reasons for a build";

/// Options of other tools, by the verb behind which they are typed (`*` for each), and what does that here.
const OPTIONS: [(&str, &[&str], &str); 28] = [
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
        "`mirrorkeep list --sort created --limit 1` lists the newest build, and `mirrorkeep resolve ALIAS` prints what an alias resolves to",
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
    ("publish", &["-s", "--target", "--dest", "--to"], "`--stream STREAM` names the stream"),
    (
        "publish",
        &["-n", "--name", "--id", "--version"],
        "`--build NAME` names the build [default: the time now]",
    ),
    (
        "publish",
        &["--platform", "--arch", "--os", "--target-os"],
        "the layout says which fields a stream has: `--distro NAME` and `--field KEY=VALUE` give them with `--git-branch`, and `--stream STREAM` names \
         the whole stream",
    ),
    (
        "publish",
        &["--stamp", "--date", "--time", "--timestamp"],
        "`--build NAME` names the build [default: the time now]",
    ),
    ("withdraw", &["--reason", "-m", "--message", "--because"], "`--why TEXT` gives the reason"),
    ("hold", &["--reason", "-m", "--message", "--because"], "`--why TEXT` gives the reason"),
    ("demote", &["--reason", "-m", "--message", "--because"], "`--why TEXT` gives the reason"),
    ("reject", &["--reason", "-m", "--message", "--because"], "`--why TEXT` gives the reason"),
    (
        "prune",
        &["--stream", "--only", "-s"],
        "a prune is of the whole mirror; `mirrorkeep plan --expiring` shows what expires",
    ),
    ("plan", &["--stream", "--only", "-s"], WHOLE_PLAN),
    ("log", &["--who", "--user", "--author"], "`--by NAME` shows the events of a person"),
    (
        "status",
        &["--watch", "-w"],
        "`watch mirrorkeep status` shows it again and again, and `mirrorkeep status --check` ends with 5 when something needs attention",
    ),
    ("publish", &["--tag", "--tags", "-t"], "`--label KEY=VALUE` labels the build"),
    ("publish", &["--failed", "--fail", "--status"], "`--result fail` records that the build failed"),
    ("publish", &["-r", "-R", "--recursive"], "`mirrorkeep publish DIR` publishes everything below DIR"),
    (
        "publish",
        &["-f", "--force", "--overwrite"],
        "a published build is never replaced; `mirrorkeep withdraw ID --why TEXT` takes one out of the mirror",
    ),
    ("list", &["-n", "--count", "--head"], "`--limit 5` lists the first five builds"),
    ("list", &["-r", "--reverse"], "`--sort created` lists the newest builds first"),
    ("log", &["-n", "--count", "--head"], "`--limit 5` shows the newest five events"),
    ("log", &["-f", "--follow"], "`mirrorkeep events --follow` prints events as they come"),
    ("publish", &["-b", "--branch"], "`--git-branch BRANCH` names the branch"),
    ("verify", &["--full", "--everything"], "`mirrorkeep verify --all` verifies every build"),
    ("*", &["--format", "--output", "-o"], "`--json` prints the answer as JSON"),
];

/// Subcommands that a verb does not have, by verb.
const LACKING: [(&str, &str); 29] = [
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
    ("history", "`mirrorkeep alias list` lists the aliases"),
    ("resolve", "`mirrorkeep alias list` lists the aliases"),
    ("alias set", "`mirrorkeep alias list` lists the aliases, and `mirrorkeep list` the builds"),
    ("alias remove", "`mirrorkeep alias list` lists the aliases"),
    ("show", "`mirrorkeep list` lists the builds"),
    ("diff", "`mirrorkeep diff ID ID` compares two builds, and `mirrorkeep list` lists the builds"),
    ("explain", "`mirrorkeep list` lists the builds, and `mirrorkeep plan` the verdict on each"),
    ("label", "`mirrorkeep label ID KEY=VALUE` labels a build, and `mirrorkeep list` lists the builds"),
    (
        "withdraw",
        "`mirrorkeep withdraw ID --why TEXT` takes a build out, and `mirrorkeep list` lists the builds",
    ),
    (
        "vote",
        "`mirrorkeep vote ID JOB success` records that a job passed on a build; `mirrorkeep pipeline show` names the jobs, and `mirrorkeep list` the builds",
    ),
    (
        "gate",
        "`mirrorkeep gate ID --all-missing` runs the gates that have not voted on a build; `mirrorkeep pipeline show` names the gates",
    ),
    (
        "waive",
        "`mirrorkeep waive STAGE JOB --until 3d --why TEXT` promotes without the vote of a job; `mirrorkeep stages` shows the stages and what each lacks",
    ),
    ("unwaive", "`mirrorkeep stages` shows the waivers"),
    (
        "reject",
        "`mirrorkeep reject ID --why TEXT` keeps a build from every stage; `mirrorkeep stages` shows the candidates",
    ),
    ("unreject", "`mirrorkeep stages` shows the rejected builds"),
    (
        "demote",
        "`mirrorkeep demote STAGE --stream STREAM --why TEXT` moves a stage back; `mirrorkeep stages` shows the stages and their streams",
    ),
    ("bundle", "`mirrorkeep layout show` shows the bundles, and `mirrorkeep bundle STREAM` makes one"),
    ("images pins", "`mirrorkeep images pins FILE` reads the images that must be kept"),
    (
        "images list",
        "`mirrorkeep images list ID` lists the images of a build, and `mirrorkeep list` the builds",
    ),
    ("images place", "`mirrorkeep images place REF` shows which build an image belongs to"),
    ("copy", "`mirrorkeep copy FROM TO` copies builds from one mirror to another"),
    ("pull", "`mirrorkeep pull URL DIR` keeps a copy of a mirror that is read over HTTP"),
    ("policy set", "`mirrorkeep policy list` lists the shipped policies"),
    ("pipeline set", "`mirrorkeep pipeline list` lists the shipped pipelines"),
];

/// Values of other tools, and the closest ones here.
const VALUES: [(&str, &[&str], &str); 1] = [(
    "--result",
    &["unstable", "warning", "warnings", "failure", "failed", "passed", "ok", "aborted"],
    "a build that readers should use is a `success`, any other a `fail`; `--label quality=unstable` can say more",
)];

/// What was typed in place of a verb, or after one.
pub(super) enum Advice {
    /// There is no such verb.
    Verb {
        /// What was typed.
        name: String,
        /// What does that here.
        hint: &'static str,
    },
    /// The arguments of a verb cannot be used.
    Arguments(String),
}

/// Returns the mirror that was typed; arguments that cannot be used are not parsed as a whole.
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

/// Returns what to type instead, if known.
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
            let hint = below.map(|(.., hint)| *hint).or(other.map(|(_, hint)| *hint))?;
            Some(Advice::Verb { name: format!("{verb} {word}").trim_start().to_owned(), hint })
        }
        ErrorKind::UnknownArgument => {
            let option = text(ContextKind::InvalidArg)?;
            if option == "-n" && has_option(command, "dry-run") {
                return Some(Advice::Arguments("`--dry-run` shows what would be done".to_owned()));
            }
            if verb == "publish" && option.contains('/') && !option.starts_with('-') {
                let stream = shell_word(option.as_ref());
                return Some(Advice::Arguments(format!("`--stream {stream}` names the stream")));
            }
            if verb == "plan" && !option.starts_with('-') {
                return Some(Advice::Arguments(WHOLE_PLAN.to_owned()));
            }
            // The place of the mirror, as most tools take it.
            let is_place = verb == "init" || option.contains("://") || Path::new(option).is_dir();
            if is_place && !option.starts_with('-') && command.get_positionals().next().is_none() {
                let place = shell_word(option.as_ref());
                return Some(Advice::Arguments(format!(
                    "`mirrorkeep --mirror {place} {verb}` names the mirror"
                )));
            }
            let fits = |at: &str| at == verb || at == "*";
            let found = OPTIONS.iter().find(|(at, options, _)| fits(at) && options.contains(&option));
            found.map(|(.., hint)| Advice::Arguments((*hint).to_owned()))
        }
        ErrorKind::ArgumentConflict if matches!(verb.as_str(), "publish" | "layout path") => {
            let given = error.to_string();
            let names = ["--git-branch", "--distro", "--field"].iter().any(|option| given.contains(option));
            (given.contains("--stream") && names).then(|| Advice::Arguments(WHOLE_STREAM.to_owned()))
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

/// Returns whether a name that clap suggests looks like what was typed.
fn is_near(typed: &str, suggested: &str) -> bool {
    let [typed, suggested] = [typed, suggested].map(|name| name.trim_start_matches('-'));
    let most = typed.len().min(suggested.len()) / 3;
    let begins = typed.len() > 2 && (suggested.starts_with(typed) || typed.starts_with(suggested));
    begins || strsim::damerau_levenshtein(typed, suggested) <= most.max(1)
}

/// Takes the names out of an error that look like nothing that was typed.
fn without_strangers(error: &mut clap::Error, of: ContextKind, suggested: ContextKind) {
    let Some(ContextValue::String(typed)) = error.get(of).cloned() else { return };
    let typed = typed.split(['=', ' ']).next().unwrap_or_default();
    match error.remove(suggested) {
        Some(ContextValue::String(name)) if is_near(typed, &name) => {
            error.insert(suggested, ContextValue::String(name));
        }
        Some(ContextValue::Strings(names)) => {
            let names: Vec<String> = names.into_iter().filter(|name| is_near(typed, name)).collect();
            if !names.is_empty() {
                error.insert(suggested, ContextValue::Strings(names));
            }
        }
        _ => {}
    }
}

/// Returns the arguments with the options of every verb before the verb, where they are between it and a verb of its own:
/// an argument of a verb such as `hold` ends the search for verbs.
pub(super) fn globals_first(typed: Vec<OsString>, command: &Command) -> Vec<OsString> {
    let is_global = |word: &str| {
        let name = word.split('=').next().unwrap_or(word);
        option(command, name).is_some_and(clap::Arg::is_global_set)
    };
    let text = |at: usize| typed.get(at).and_then(|word| word.to_str());
    // The words from `at` on that are options of every verb.
    let globals = |mut at: usize| {
        while let Some(word) = text(at).filter(|word| is_global(word)) {
            at += if !word.contains('=') && takes_value(command, word) { 2 } else { 1 };
        }
        at
    };
    let verb = globals(1);
    let Some(own) = text(verb).and_then(|word| command.find_subcommand(OsStr::new(word))) else {
        return typed;
    };
    let below = globals(verb + 1);
    let has = text(below).is_some_and(|word| own.find_subcommand(OsStr::new(word)).is_some());
    if below == verb + 1 || !has || !own.is_args_conflicts_with_subcommands_set() {
        return typed;
    }
    let mut words = typed;
    let globals: Vec<OsString> = words.drain(verb + 1..below).collect();
    words.splice(verb..verb, globals);
    words
}

/// Takes tips out of an error that help no one: how an unknown option would be a value, names that look like nothing that was
/// typed, and any where there is advice.
pub(super) fn without_noise(error: &mut clap::Error, advised: bool) {
    if advised {
        for kind in [ContextKind::SuggestedArg, ContextKind::SuggestedValue, ContextKind::Suggested] {
            error.remove(kind);
        }
    } else {
        without_strangers(error, ContextKind::InvalidArg, ContextKind::SuggestedArg);
        without_strangers(error, ContextKind::InvalidSubcommand, ContextKind::SuggestedSubcommand);
    }
    if advised {
        return;
    }
    if let Some(ContextValue::StyledStrs(tips)) = error.remove(ContextKind::Suggested) {
        let tips: Vec<_> =
            tips.into_iter().filter(|tip| !tip.to_string().contains("as a value, use")).collect();
        if !tips.is_empty() {
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
        }
    }
}

/// Returns the verbs that were typed, as far as they exist, and the command of the last one.
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
    option(command, word).is_some_and(|arg| arg.get_action().takes_values())
}

/// Returns an option of a command by its name with dashes.
fn option<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    let is_it = |arg: &&Arg| {
        arg.get_long().is_some_and(|long| word.strip_prefix("--") == Some(long))
            || arg.get_short().is_some_and(|short| word.strip_prefix('-') == Some(short.to_string().as_str()))
    };
    command.get_arguments().find(is_it)
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
