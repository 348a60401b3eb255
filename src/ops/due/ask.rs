//! Answering every question.

use super::report::{ChangedFile, DueRequest};
use super::{DueError, git};
use crate::census::BuildCensus;
use crate::decide::due::{
    Answer, ContextSource, GitSource, Runs, TELLING, checkout_of, compared, every, requested,
};
use crate::mirror::{Mirror, StateError, builds_of, chain};
use crate::model::{BuildId, Digest, RelPath, Stamp, Stream};
use crate::progress::Interrupted;
use crate::record::{Context, Manifest, Question};
use crate::session::Session;
use crate::source::{Watched, hash};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

/// The number of repositories that are queried at once.
const AT_ONCE: usize = 16;

/// More bytes than a CONTEXT ever has.
const CONTEXT_LIMIT: u64 = 16 << 20;

/// The facts about a stream before any query.
pub(super) struct Known<'m> {
    mirror: &'m Mirror,
    pub(super) runs: Runs,
    /// When its builds were made.
    made: Vec<Stamp>,
    newest: Option<BuildId>,
}

/// What was found: the commit or digest of each repository and file that was checked.
pub(super) type Seen = BTreeMap<String, String>;

impl<'m> Known<'m> {
    pub(super) fn read(mirror: &'m Mirror, stream: &Stream) -> Result<Self, DueError> {
        let runs = Runs::of(&mirror.history(&TELLING)?, stream);
        let builds = builds_of(mirror, stream, None)?;
        let judged = builds.iter().filter(|build| build.problem.is_none());
        let made = judged.filter_map(|build| build.created).collect();
        let id = |build: &BuildCensus| BuildId::new(stream.clone(), build.build.clone());
        Ok(Self { mirror, runs, made, newest: builds.last().map(id) })
    }

    /// Returns the CONTEXT of the newest build; nothing if it has no valid one, and why if it cannot be read.
    fn context(&self) -> Result<Option<Context>, String> {
        let at = &self.mirror.layout().markers().context;
        let (Some(id), Some(at)) = (&self.newest, at) else { return Ok(None) };
        let Ok(path) = self.mirror.layout().build_path(id) else { return Ok(None) };
        match self.mirror.store().read(&path.join(at), CONTEXT_LIMIT) {
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(chain(&error)),
            Ok(bytes) => Ok(Context::parse(&bytes).ok()),
        }
    }

    /// Returns the manifest of the newest build; nothing if it has no usable one, and why if it cannot be read.
    fn manifest(&self) -> Result<Option<Manifest>, String> {
        match self.newest.as_ref().map_or(Ok(None), |id| self.mirror.manifest(id)) {
            Err(StateError::Manifest(..)) => Ok(None),
            manifest => manifest.map_err(|error| chain(&error)),
        }
    }
}

/// What was found out.
pub(super) struct Asked {
    /// The answer to every question.
    pub(super) answers: Vec<Answer>,
    /// The branches and tags that were asked.
    git: Vec<GitSource>,
}

/// Asks every question.
pub(super) fn all(session: &Session<'_>, request: &DueRequest, known: &Known<'_>) -> Result<Asked, DueError> {
    let mut git = Vec::new();
    let mut answers = requested(&known.runs);
    if let Some(span) = request.every {
        let starts = known.runs.starts.iter().chain(&known.made).copied();
        answers.push(every(span, starts, session.now()));
    }
    if !request.git.is_empty() || request.context.is_some() {
        let (sources, moved) = moved(session, request, known)?;
        answers.extend(moved);
        git = sources;
    }
    if !request.changed.is_empty() {
        let manifest = known.manifest();
        for file in &request.changed {
            session.check_cancelled()?;
            answers.push(changed(session, known, file, &manifest)?);
        }
    }
    Ok(Asked { answers, git })
}

/// Returns what the newest build states of what was asked, by what the answers are about; what cannot be found out is left out.
pub(super) fn built(
    known: &Known<'_>,
    asked: &Asked,
    changed: &[ChangedFile],
) -> BTreeMap<String, Option<String>> {
    let mut built = BTreeMap::new();
    if let Ok(context) = known.context() {
        for source in &asked.git {
            if let Ok(commit) = stated(context.as_ref(), source) {
                let key = key(Question::Git, &source.to_string());
                built.insert(key, commit.map(str::to_owned));
            }
        }
    }
    if !changed.is_empty()
        && let Ok(manifest) = known.manifest()
    {
        for file in changed {
            if let Ok(digest) = in_build(manifest.as_ref(), file) {
                let key = key(Question::Changed, &about(file));
                built.insert(key, digest.map(|digest| digest.to_string()));
            }
        }
    }
    built
}

/// Returns the commit that the newest build states for a source.
fn stated<'c>(context: Option<&'c Context>, source: &GitSource) -> Result<Option<&'c str>, Vec<String>> {
    context.map_or(Ok(None), |context| checkout_of(context, source))
}

/// Returns what was found, by the subjects of the answers.
pub(super) fn seen(answers: &[Answer]) -> Seen {
    let compared =
        answers.iter().filter(|answer| matches!(answer.question, Question::Git | Question::Changed));
    compared
        .filter_map(|answer| Some((key(answer.question, answer.about.as_deref()?), answer.to.clone()?)))
        .collect()
}

fn key(question: Question, about: &str) -> String {
    let word = if question == Question::Git { "git" } else { "file" };
    format!("{word} {about}")
}

/// Returns the branches and tags, querying all repositories at once, and whether they moved.
fn moved(
    session: &Session<'_>,
    request: &DueRequest,
    known: &Known<'_>,
) -> Result<(Vec<GitSource>, Vec<Answer>), DueError> {
    let context = known.context();
    let (mut sources, mut unasked) = (request.git.clone(), Vec::new());
    if let Some(form) = &request.context {
        match checkouts(form, &context, request, known) {
            Ok(all) => {
                for one in all {
                    match one {
                        Ok(source) => sources.push(source),
                        Err((about, why)) => unasked.push(Answer::unknown(Question::Git, about, why)),
                    }
                }
            }
            Err(answer) => unasked.push(answer),
        }
    }
    let mut found = Vec::new();
    for some in sources.chunks(AT_ONCE) {
        found.extend(together(some, |source| git::commit(source, request.git_limit, session.stop()))?);
    }
    let answers = sources.iter().zip(found).map(|(source, found)| {
        let about = source.to_string();
        let now = match found {
            Ok(now) => now,
            Err(why) => return Answer::unknown(Question::Git, about, why),
        };
        let context = match &context {
            Ok(context) => context.as_ref(),
            Err(why) => return Answer::unknown(Question::Git, about, why.clone()),
        };
        match stated(context, source) {
            Ok(built) => {
                let tried = known.runs.seen.get(&key(Question::Git, &about));
                compared(Question::Git, &about, (built, &now), tried)
            }
            Err(dirs) => {
                let named = dirs.into_iter().map(|dir| GitSource { dir: Some(dir), ..source.clone() });
                let named = named.map(|one| format!("`{one}`")).collect::<Vec<_>>().join(" or ");
                let why = format!("the newest build has several checkouts of that name; expected {named}");
                Answer::unknown(Question::Git, about, why)
            }
        }
    });
    let answers = answers.chain(unasked).collect();
    Ok((sources, answers))
}

/// The repository of a checkout, or the subject and why it has no repository.
type Checkout = Result<GitSource, (String, String)>;

/// Returns the repositories of all checkouts of the newest build that no `--git` is about, or the answer if there are
/// none.
fn checkouts(
    form: &ContextSource,
    context: &Result<Option<Context>, String>,
    request: &DueRequest,
    known: &Known<'_>,
) -> Result<Vec<Checkout>, Answer> {
    let unknown = |why: String| Err(Answer::unknown(Question::Git, form.to_string(), why));
    match (context, &known.newest) {
        (Err(why), _) => unknown(why.clone()),
        (Ok(Some(context)), _) => Ok(form.sources(context, &request.git)),
        (Ok(None), Some(id)) => {
            unknown(format!("`{id}` has no CONTEXT that can be read; use --git URL@REF instead of --context"))
        }
        (Ok(None), None) => match known.runs.starts.iter().max() {
            None => Err(Answer {
                question: Question::Git,
                about: Some(form.to_string()),
                due: Some(true),
                from: None,
                to: None,
                why: "there is no build yet".to_owned(),
            }),
            Some(last) => unknown(format!(
                "the run that was started at {} left no build to compare with; `mirrorkeep due {} --request --why TEXT` requests another",
                last.iso(),
                request.stream
            )),
        },
    }
}

/// Runs all of these at once; each mostly waits.
fn together<T: Send>(
    sources: &[GitSource],
    ask: impl Fn(&GitSource) -> Result<Result<T, String>, Interrupted> + Sync,
) -> Result<Vec<Result<T, String>>, Interrupted> {
    std::thread::scope(|scope| {
        let asked: Vec<_> = sources.iter().map(|source| scope.spawn(|| ask(source))).collect();
        let lost = |_| Ok(Err("the question was lost".to_owned()));
        asked.into_iter().map(|one| one.join().unwrap_or_else(lost)).collect()
    })
}

/// Returns whether a file differs from that of the newest build.
fn changed(
    session: &Session<'_>,
    known: &Known<'_>,
    file: &ChangedFile,
    manifest: &Result<Option<Manifest>, String>,
) -> Result<Answer, DueError> {
    let (shown, about) = (file.file.display().to_string(), about(file));
    let now = match digest(session, &file.file) {
        Ok(digest) => digest.to_string(),
        Err(error) => {
            session.check_cancelled()?;
            return Ok(Answer::unknown(
                Question::Changed,
                about,
                format!("`{shown}` cannot be read: {error}"),
            ));
        }
    };
    let manifest = match manifest {
        Ok(manifest) => manifest.as_ref(),
        Err(why) => return Ok(Answer::unknown(Question::Changed, about, why.clone())),
    };
    let built = match in_build(manifest, file) {
        Ok(built) => built.map(|digest| digest.to_string()),
        Err(paths) => {
            let named = paths.iter().map(|path| format!("`{path}={shown}`")).collect::<Vec<_>>().join(" or ");
            let why = format!("the newest build has several files of that name; expected {named}");
            return Ok(Answer::unknown(Question::Changed, about, why));
        }
    };
    let tried = known.runs.seen.get(&key(Question::Changed, &about));
    Ok(compared(Question::Changed, &about, (built.as_deref(), &now), tried))
}

/// Returns a file with its path in the build as people type it.
fn about(file: &ChangedFile) -> String {
    let shown = file.file.display();
    file.path.as_ref().map_or_else(|| shown.to_string(), |path| format!("{path}={shown}"))
}

fn digest(session: &Session<'_>, file: &Path) -> std::io::Result<Digest> {
    // Reading a FIFO would block.
    if !std::fs::metadata(file)?.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    let mut open = File::open(file)?;
    hash(&mut Watched { from: &mut open, watch: session.progress(), stop: session.stop() })
}

/// Returns the digest of a file in a build; nothing if the build does not have it.
///
/// # Errors
///
/// Several files have its name; their paths are returned.
fn in_build(manifest: Option<&Manifest>, file: &ChangedFile) -> Result<Option<Digest>, Vec<RelPath>> {
    let Some(manifest) = manifest else { return Ok(None) };
    if let Some(path) = &file.path {
        return Ok(manifest.files.iter().find(|one| one.path == *path).map(|one| one.digest));
    }
    let name = file.file.file_name().and_then(|name| name.to_str());
    let named: Vec<_> = manifest.files.iter().filter(|one| Some(one.path.name()) == name).collect();
    match named.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one.digest)),
        several => Err(several.iter().take(5).map(|one| one.path.clone()).collect()),
    }
}
