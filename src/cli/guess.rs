//! What to type instead of arguments that cannot be used: verbs and options of other tools, and verbs that are
//! missing.

use super::guesses::{BELOW, LACKING, OPTIONS, VALUES, WHOLE_PLAN, WHOLE_STREAM, fits};
use super::guide::ELSEWHERE;
use crate::model::shell_word;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// What was typed in place of a verb, or after one.
pub(super) enum Advice {
    /// There is no such verb.
    Verb {
        /// What was typed.
        name: String,
        /// What does that here.
        hint: String,
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
    let (verb, command, word) = verb(command, typed);
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.split(['=', ' ']).next().unwrap_or(text)),
        _ => None,
    };
    // A word of another tool behind a verb, also where a build or a name is expected there.
    let word = match error.kind() {
        ErrorKind::InvalidSubcommand => text(ContextKind::InvalidSubcommand),
        ErrorKind::UnknownArgument => text(ContextKind::InvalidArg).filter(|word| !word.starts_with('-')),
        ErrorKind::ArgumentConflict | ErrorKind::MissingRequiredArgument => word,
        _ => None,
    };
    if let Some((word, hint)) = word.and_then(|word| Some((word, below(&verb, word)?))) {
        let name = format!("{verb} {word}");
        let is_verb = command.has_subcommands();
        return Some(if is_verb { Advice::Verb { name, hint } } else { Advice::Arguments(hint) });
    }
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = text(ContextKind::InvalidSubcommand)?;
            let (_, hint) = ELSEWHERE.iter().find(|(words, _)| verb.is_empty() && words.contains(&word))?;
            Some(Advice::Verb { name: word.to_owned(), hint: (*hint).to_owned() })
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
        ErrorKind::ArgumentConflict if verb == "promote" => {
            let given = error.to_string();
            let both = ["--build", "--stream"].iter().all(|option| given.contains(option));
            both.then(|| {
                Advice::Arguments("the ID of a build has its stream: leave out `--stream`".to_owned())
            })
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

/// Returns what a word behind a verb is here.
fn below(verb: &str, word: &str) -> Option<String> {
    let (.., hint) = BELOW.iter().find(|(above, words, _)| *above == verb && fits(words, word))?;
    Some(hint.replace("{}", &shell_word(word.as_ref())))
}

/// Returns the same for arguments that could be read, and with which the verb failed.
pub(super) fn below_typed(command: &Command, typed: &[OsString]) -> Option<String> {
    let (verb, _, word) = verb(command, typed);
    below(&verb, word?)
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

/// Makes the usage in an error that of the whole verb, and not one of arguments that have nothing to do with what was typed.
pub(super) fn with_usage(error: &mut clap::Error, mut command: Command, typed: &[OsString]) {
    if !matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::ArgumentConflict) {
        return;
    }
    command.build();
    let usage = verb(&command, typed).1.clone().render_usage();
    error.insert(ContextKind::Usage, ContextValue::StyledStr(usage));
}

/// Returns the verbs that were typed, as far as they exist, the command of the last one, and the word behind it.
fn verb<'a, 't>(command: &'a Command, typed: &'t [OsString]) -> (String, &'a Command, Option<&'t str>) {
    let (mut verbs, mut current, mut behind) = (Vec::new(), command, None);
    let mut words = typed.iter().skip(1).filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        if word.starts_with('-') {
            if !word.contains('=') && (takes_value(command, word) || takes_value(current, word)) {
                words.next();
            }
            continue;
        }
        let Some(next) = current.find_subcommand(OsStr::new(word)) else {
            behind = Some(word);
            break;
        };
        verbs.push(next.get_name());
        current = next;
    }
    (verbs.join(" "), current, behind)
}

/// Returns whether an option of a command has a value.
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
            let (_, command, _) = verb(&command, &words);
            let none = options.iter().all(|option| !has_option(command, option.trim_start_matches('-')));
            assert!(none, "{at} has one of {options:?}");
        }
    }
}
