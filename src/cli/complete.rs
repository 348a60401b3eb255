//! Completion at TAB: the shell calls the program with `COMPLETE` set, and gets the words that can come next.
//!
//! Streams, builds, names, holds and the trash are those of the mirror that the command line or the environment
//! names. Nothing is changed, no lock is taken, and only words are printed: there are none if the mirror cannot be
//! read or, such as a bucket, does not answer within [`PATIENCE`].

use super::answer::Version;
use super::context::who;
use super::mirror_url::MirrorUrl;
use super::{guide, say};
use crate::commit::pipeline_of;
use crate::decide::pipeline::Pipeline;
use crate::decide::policy::Policy;
use crate::layout::Layout;
use crate::mirror::Mirror;
use crate::model::{BuildId, unprintable};
use crate::store::Kind;
use clap::{Arg, Command};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter};
use clap_complete::env::{CompleteEnv, Shells};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

/// How long to wait for the mirror; a person waits at the keyboard.
const PATIENCE: Duration = Duration::from_millis(800);

/// The variable with which a shell asks for words.
const VARIABLE: &str = "COMPLETE";

/// What an argument can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    /// A build, or a name that resolves to one.
    Builds,
    /// A stream.
    Streams,
    /// A stream, a build or a name.
    Paths,
    /// A name.
    Names,
    /// A build that is held.
    Held,
    /// A build in the trash.
    Trashed,
    /// A shipped layout, or a file.
    Layouts,
    /// A shipped policy, or a file.
    Policies,
    /// A stage of the pipeline.
    Stages,
    /// A shipped pipeline, or a file.
    Pipelines,
    /// A subscriber of deliver.yaml.
    Subscribers,
    /// A target of targets.yaml.
    Targets,
}

/// Which argument of which verb is what.
const ARGUMENTS: &[(&[&str], &str, Words)] = &[
    (&["publish"], "stream", Words::Streams),
    (&["copy"], "what", Words::Paths),
    (&["branch"], "new", Words::Streams),
    (&["branch"], "like", Words::Streams),
    (&["branch"], "seed", Words::Builds),
    (&["branch"], "without_stage", Words::Stages),
    (&["adopt"], "what", Words::Paths),
    (&["log"], "about", Words::Paths),
    (&["events"], "stream", Words::Streams),
    (&["due"], "stream", Words::Streams),
    (&["deliver"], "names", Words::Subscribers),
    (&["deliver", "status"], "names", Words::Subscribers),
    (&["deliver", "replay"], "name", Words::Subscribers),
    (&["deliver", "park"], "name", Words::Subscribers),
    (&["deliver", "unpark"], "name", Words::Subscribers),
    (&["sync"], "names", Words::Targets),
    (&["freshness"], "names", Words::Targets),
    (&["list"], "only", Words::Streams),
    (&["list"], "stream", Words::Streams),
    (&["trash", "list"], "only", Words::Streams),
    (&["trash", "list"], "stream", Words::Streams),
    (&["hold", "list"], "only", Words::Streams),
    (&["hold", "list"], "stream", Words::Streams),
    (&["show"], "id", Words::Builds),
    (&["diff"], "before", Words::Builds),
    (&["diff"], "after", Words::Builds),
    (&["images", "list"], "id", Words::Builds),
    (&["explain"], "id", Words::Builds),
    (&["label"], "id", Words::Builds),
    (&["hold"], "id", Words::Builds),
    (&["withdraw"], "id", Words::Builds),
    (&["verify"], "ids", Words::Paths),
    (&["promote"], "stage", Words::Stages),
    (&["promote"], "stream", Words::Streams),
    (&["promote"], "build", Words::Builds),
    (&["demote"], "stage", Words::Stages),
    (&["demote"], "stream", Words::Streams),
    (&["demote"], "to", Words::Builds),
    (&["bundle"], "stream", Words::Streams),
    (&["stages"], "stage", Words::Stages),
    (&["stages"], "stream", Words::Streams),
    (&["vote"], "id", Words::Builds),
    (&["gate"], "id", Words::Builds),
    (&["waive"], "stage", Words::Stages),
    (&["waive"], "build", Words::Builds),
    (&["unwaive"], "stage", Words::Stages),
    (&["unwaive"], "build", Words::Builds),
    (&["reject"], "id", Words::Builds),
    (&["reject"], "stage", Words::Stages),
    (&["unreject"], "id", Words::Builds),
    (&["unreject"], "stage", Words::Stages),
    (&["history"], "alias", Words::Names),
    (&["unhold"], "id", Words::Held),
    (&["restore"], "id", Words::Trashed),
    (&["check"], "path", Words::Paths),
    (&["resolve"], "alias", Words::Names),
    (&["alias", "set"], "alias", Words::Names),
    (&["alias", "set"], "target", Words::Builds),
    (&["alias", "remove"], "alias", Words::Names),
    (&["alias", "materialize"], "alias", Words::Names),
    (&["alias", "dematerialize"], "alias", Words::Names),
    (&["export", "redirects"], "aliases", Words::Names),
    (&["layout", "path"], "id", Words::Builds),
    (&["layout", "path"], "stream", Words::Streams),
    (&["layout", "path"], "layout", Words::Layouts),
    (&["layout", "place"], "path", Words::Paths),
    (&["layout", "place"], "layout", Words::Layouts),
    (&["layout", "show"], "layout", Words::Layouts),
    (&["layout", "set"], "layout", Words::Layouts),
    (&["init"], "layout", Words::Layouts),
    (&["init"], "policy", Words::Policies),
    (&["plan"], "policy", Words::Policies),
    (&["explain"], "policy", Words::Policies),
    (&["policy", "show"], "policy", Words::Policies),
    (&["policy", "lint"], "policy", Words::Policies),
    (&["policy", "test"], "policy", Words::Policies),
    (&["policy", "simulate"], "policy", Words::Policies),
    (&["policy", "set"], "policy", Words::Policies),
    (&["policy", "diff"], "old", Words::Policies),
    (&["policy", "diff"], "new", Words::Policies),
    (&["init"], "pipeline", Words::Pipelines),
    (&["pipeline", "show"], "pipeline", Words::Pipelines),
    (&["pipeline", "lint"], "pipeline", Words::Pipelines),
    (&["pipeline", "lint"], "layout", Words::Layouts),
    (&["pipeline", "lint"], "policy", Words::Policies),
    (&["pipeline", "test"], "pipeline", Words::Pipelines),
    (&["pipeline", "set"], "pipeline", Words::Pipelines),
];

/// Answers a shell that asks for words; otherwise does nothing.
pub(super) fn answer() -> Option<ExitCode> {
    let asked = std::env::var_os(VARIABLE).is_some_and(|shell| !shell.is_empty() && shell != "0");
    if !asked {
        return None;
    }
    let at_tab = std::env::args_os().any(|word| word == "--");
    let dir = std::env::current_dir().ok();
    let env = CompleteEnv::with_factory(command).var(VARIABLE).completer("mirrorkeep");
    match env.try_complete(std::env::args_os(), dir.as_deref()) {
        Ok(_) => Some(ExitCode::SUCCESS),
        // A line that is being typed is not the place for a message.
        Err(_) if at_tab => Some(ExitCode::FAILURE),
        Err(error) => {
            say::failure(&error, Some("`mirrorkeep completions --help` lists the shells"));
            Some(ExitCode::from(2))
        }
    }
}

/// The answer of `completions`.
#[derive(Serialize, JsonSchema)]
pub(super) struct CompletionsAnswer {
    pub(super) completions: Version,
    /// The name of the shell.
    pub(super) shell: String,
    /// What the shell reads.
    pub(super) text: String,
}

/// Returns what a shell reads so that it asks for words.
pub(super) fn registration(shell: clap_complete::Shell) -> String {
    let mut text = Vec::new();
    let name = shell.to_string();
    if let Some(shell) = Shells::builtins().completer(&name) {
        // Nothing fails in memory.
        shell.write_registration(VARIABLE, "mirrorkeep", "mirrorkeep", "mirrorkeep", &mut text).ok();
    }
    let mut text = String::from_utf8_lossy(&text).trim_start().to_owned();
    if shell == clap_complete::Shell::Zsh {
        // As a file in `fpath`, it is read at the first TAB, which it must answer, too.
        text +=
            "if [ \"$funcstack[1]\" = _mirrorkeep ]; then _clap_dynamic_completer_mirrorkeep \"$@\"; fi\n";
    }
    text
}

/// Returns the command line with completions for its arguments.
fn command() -> Command {
    ARGUMENTS.iter().fold(guide::command(), |command, (verbs, argument, words)| {
        // In place, since the order of arguments must stay that of the command line.
        let completed = |arg: Arg| {
            if arg.get_id() == argument { arg.add(ArgValueCompleter::new(*words)) } else { arg }
        };
        within(command, verbs, &|verb| verb.mut_args(completed))
    })
}

/// Changes a verb below a command.
fn within(command: Command, verbs: &[&'static str], change: &dyn Fn(Command) -> Command) -> Command {
    match verbs {
        [] => change(command),
        [verb, below @ ..] => command.mut_subcommand(verb, |verb| within(verb, below, change)),
    }
}

impl ValueCompleter for Words {
    fn complete(&self, current: &OsStr) -> Vec<CompletionCandidate> {
        let Some(typed) = current.to_str() else { return Vec::new() };
        let shipped: Vec<&str> = match self {
            Self::Layouts => Layout::shipped_names().collect(),
            Self::Policies => Policy::shipped_names().collect(),
            Self::Pipelines => Pipeline::shipped_names().collect(),
            _ => return steps(typed, &self.of_mirror()).into_iter().map(CompletionCandidate::new).collect(),
        };
        let fitting =
            shipped.into_iter().filter(|name| name.starts_with(typed)).map(CompletionCandidate::new);
        fitting.chain(PathCompleter::file().complete(current)).collect()
    }
}

impl Words {
    /// Returns the words of the mirror; none if it does not answer in time.
    fn of_mirror(self) -> BTreeSet<String> {
        let (send, receive) = mpsc::channel();
        // The thread ends with the program.
        std::thread::spawn(move || send.send(self.read().unwrap_or_default()).ok());
        let mut words = receive.recv_timeout(PATIENCE).unwrap_or_default();
        words.retain(|word| unprintable(word).is_none());
        words
    }

    fn read(self) -> Option<BTreeSet<String>> {
        let store = MirrorUrl::read(mirror()).ok()?.open().ok()?;
        let mirror = Mirror::open(store, &who(None), Duration::ZERO).ok()?;
        let recorded = || mirror.recorded().unwrap_or_default();
        let ids = |ids: Vec<BuildId>| ids.into_iter().map(|id| id.to_string());
        let streams = |ids: &[BuildId]| ids.iter().map(|id| id.stream.to_string()).collect::<BTreeSet<_>>();
        Some(match self {
            Self::Streams => streams(&recorded()),
            Self::Names => names(&mirror, &recorded()).collect(),
            Self::Builds => {
                let recorded = recorded();
                names(&mirror, &recorded).chain(ids(recorded.clone())).collect()
            }
            Self::Paths => {
                let recorded = recorded();
                streams(&recorded)
                    .into_iter()
                    .chain(names(&mirror, &recorded))
                    .chain(ids(recorded.clone()))
                    .collect()
            }
            Self::Held => ids(mirror.holds().ok()?.into_keys().collect()).collect(),
            Self::Trashed => {
                mirror.trash().ok()?.waiting.into_iter().map(|one| one.ticket.id.to_string()).collect()
            }
            Self::Stages => {
                let pipeline = pipeline_of(&mirror).ok()??;
                pipeline.stages.into_iter().map(|stage| stage.name).collect()
            }
            Self::Subscribers => {
                let deliver = crate::ops::deliver::deliver_file(&mirror).ok()??;
                deliver.to.into_iter().map(|one| one.name).collect()
            }
            Self::Targets => {
                let targets = crate::ops::targets::targets_file(&mirror).ok()??;
                targets.to.into_iter().map(|one| one.name).collect()
            }
            Self::Layouts | Self::Policies | Self::Pipelines => BTreeSet::new(),
        })
    }
}

/// Returns the aliases in the directory of each stream; in a bucket this would take a request for each stream.
fn names(mirror: &Mirror, recorded: &[BuildId]) -> impl Iterator<Item = String> {
    let streams: BTreeSet<_> = recorded.iter().map(|id| &id.stream).collect();
    let streams = streams.into_iter().filter(|_| mirror.store().abilities().symlinks);
    let mut names = Vec::new();
    for dir in streams.filter_map(|stream| mirror.layout().stream_path(stream).ok()) {
        let listed = mirror.store().list(&dir).map(|listing| listing.entries).unwrap_or_default();
        let links = listed.into_iter().filter(|entry| entry.kind == Kind::Link);
        names.extend(links.filter_map(|link| Some(dir.child(&link.name).ok()?.to_string())));
    }
    names.into_iter()
}

/// Returns the mirror that the line names so far, else that of the environment, or the default.
fn mirror() -> OsString {
    let mut words = std::env::args_os().skip_while(|word| word != "--").skip(1);
    let mut named = None;
    while let Some(word) = words.next() {
        match word.to_str() {
            Some("--mirror") => named = words.next().filter(|next| next != "=").or_else(|| words.next()),
            Some(word) => named = word.strip_prefix("--mirror=").map(OsString::from).or(named),
            None => {}
        }
    }
    named.or_else(|| std::env::var_os("MIRRORKEEP_MIRROR")).unwrap_or_else(|| "./mirror".into())
}

/// Returns the completions of the typed text: a word in full if it is the only one in its directory, else the
/// directory with a slash, so that a mirror with a thousand builds is shown step by step.
fn steps(typed: &str, words: &BTreeSet<String>) -> BTreeSet<String> {
    let mut typed = typed.to_owned();
    loop {
        let fitting = words.iter().filter(|word| word.starts_with(&typed));
        let next: BTreeSet<String> = fitting
            .map(|word| match word.get(typed.len()..).and_then(|rest| rest.find('/')) {
                Some(at) => word.get(..=typed.len() + at).unwrap_or(word).to_owned(),
                None => word.clone(),
            })
            .collect();
        match (next.len(), next.first()) {
            (1, Some(only)) if only.ends_with('/') => typed.clone_from(only),
            _ => return next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_argument_of_the_table_is_there() {
        for (verbs, argument, _) in ARGUMENTS {
            let command = guide::command();
            let verb = verbs.iter().fold(&command, |command, verb| command.find_subcommand(verb).unwrap());
            assert!(verb.get_arguments().any(|arg| arg.get_id() == argument), "{verbs:?} {argument}");
        }
        command().debug_assert();
    }

    #[test]
    fn a_word_is_completed_up_to_where_others_differ() {
        #[track_caller]
        fn case(typed: &str, words: &[&str], expected: &[&str]) {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(steps(typed, &words).into_iter().collect::<Vec<_>>(), expected, "{typed}");
        }
        let words = ["main/debian/1", "main/debian/2", "main/el9/1", "release/2/debian/1"];
        case("", &words, &["main/", "release/"]);
        case("m", &words, &["main/debian/", "main/el9/"]);
        case("main/d", &words, &["main/debian/1", "main/debian/2"]);
        case("r", &words, &["release/2/debian/1"]);
        case("x", &words, &[]);
        case("m", &["main/debian", "main/debian/1"], &["main/debian", "main/debian/"]);
        case("", &["ä/ö/1"], &["ä/ö/1"]);
    }
}
