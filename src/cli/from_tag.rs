//! `publish --from-tag`: stream, name and labels of a build from the message of a tag.

use super::args::PublishArgs;
use super::context::Context;
use super::exit::{Outcome, Usage};
use super::{release, sign};
use crate::decide::release::{ReleaseType, ReleaseVersion};
use crate::mirror::Mirror;
use crate::model::{BuildId, Label, Stream};
use crate::ops::release::{ReadTag, ReleaseError, ShownTag, read_tag, without_followed};
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

/// How long each call of git may take.
const LIMIT: Duration = Duration::from_mins(10);

/// What was taken from a tag.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FromTag {
    /// The address of the repository.
    repository: String,
    /// The tag.
    tag: String,
    /// The commit.
    commit: String,
    /// Whether a trusted key signed the tag.
    verified: bool,
    /// The labels that the tag states, each as `key=value`, without those that are left out.
    labels: Vec<String>,
    /// The labels that are left out, since an alias of final releases would follow them to a pre-release.
    left_out: Vec<String>,
}

/// A tag that was read, with what the command line has for its build.
pub(super) struct Tagged {
    read: ReadTag,
    pub(super) stream: Stream,
    /// The name of the build.
    pub(super) build: String,
}

impl Tagged {
    /// Reads the tag that `--from-tag` names; nothing without the option.
    pub(super) fn read(setting: &Context, args: &PublishArgs) -> Outcome<Option<Self>> {
        let Some(text) = &args.from_tag else { return Ok(None) };
        let source = release::source("--from-tag: ", text)?;
        let keys = sign::keys(&args.keyring, &[])?;
        let read = read_tag(&source, &keys, LIMIT, &setting.stop)?;
        let told = args.stream.as_deref().map(|stream| stream.trim_end_matches('/').parse::<Stream>());
        let told = told.transpose().map_err(|error| Usage(error.to_string()))?;
        let unfit = |why: String, hint| ReleaseError::Unfit { tag: text.clone(), why, hint };
        if read.kind() == Some(ReleaseType::Eol) {
            let why = "it marks the end of life of a series, which has no build".to_owned();
            return Err(unfit(why, None).into());
        }
        let stream = match (&read, told) {
            (_, Some(stream)) => stream,
            (ReadTag::Bare { why, .. }, None) => {
                let why = format!("it does not state its stream: {why}");
                return Err(unfit(why, Some("`--stream STREAM` states it")).into());
            }
            (ReadTag::Stated(tag), None) => {
                if let Some(why) = of_other_repository(tag) {
                    return Err(unfit(why, Some("`--stream STREAM` accepts it")).into());
                }
                let missing = || {
                    let why = "its message has no line `meta:stream: STREAM`".to_owned();
                    unfit(why, Some("`--stream STREAM` states it"))
                };
                tag.stream.clone().ok_or_else(missing)?
            }
        };
        let of_tag = || match &read {
            ReadTag::Stated(tag) => {
                let named = tag.message.build().ok().flatten().filter(|id: &BuildId| id.stream == stream);
                named.map_or_else(|| tag.version.clone(), |id| id.name.to_string())
            }
            ReadTag::Bare { tag, .. } => tag.clone(),
        };
        let build = args.build.clone().unwrap_or_else(of_tag);
        Ok(Some(Self { read, stream, build }))
    }

    /// Adds the labels of the tag to those of the command line, which win. A pre-release gets none by which an alias of final
    /// releases would move to it.
    pub(super) fn labels(&self, mirror: &Mirror, id: &BuildId, given: &mut Vec<Label>) -> Outcome<FromTag> {
        let stated = match &self.read {
            ReadTag::Stated(tag) => tag.labels(),
            ReadTag::Bare { .. } => Vec::new(),
        };
        let stated: Vec<Label> =
            stated.into_iter().filter(|label| !given.iter().any(|own| own.key() == label.key())).collect();
        let all: Vec<Label> = given.iter().chain(&stated).cloned().collect();
        let (kept, left_out) = if self.read.kind() == Some(ReleaseType::Final) {
            (all, Vec::new())
        } else {
            without_followed(mirror, id, all)?
        };
        let (followed, left_out): (Vec<Label>, Vec<Label>) =
            left_out.into_iter().partition(|label| given.contains(label));
        if let Some(label) = followed.first() {
            return Err(Usage(format!(
                "--label {label}: an alias of final releases follows it, and would move to the pre-release `{id}`"
            ))
            .into());
        }
        let taken: Vec<String> =
            kept.iter().filter(|label| stated.contains(label)).map(ToString::to_string).collect();
        *given = kept;
        let (repository, tag, commit, verified) = self.read.about();
        Ok(FromTag {
            repository: repository.to_owned(),
            tag: tag.to_owned(),
            commit: commit.to_owned(),
            verified,
            labels: taken,
            left_out: left_out.iter().map(ToString::to_string).collect(),
        })
    }
}

impl FromTag {
    /// Returns a note about labels that are left out.
    pub(super) fn note(&self) -> Option<String> {
        let left_out = self.left_out.join(" ");
        (!left_out.is_empty()).then(|| {
            format!(
                "the pre-release does not get the label {left_out}, which aliases of final releases follow"
            )
        })
    }
}

impl ReadTag {
    /// Returns the type by the version; nothing if it has another form. No word of a message makes a final release of it.
    fn kind(&self) -> Option<ReleaseType> {
        let (version, word) = match self {
            Self::Stated(tag) => (&tag.version, Some(tag.kind.as_str())),
            Self::Bare { tag, .. } => (tag, None),
        };
        let of_version = version.parse::<ReleaseVersion>().ok().map(|version| version.kind());
        of_version.or_else(|| ReleaseType::read(word?).filter(|kind| *kind == ReleaseType::Eol))
    }
}

/// Returns why a tag is not one of the repository in which it was found.
fn of_other_repository(tag: &ShownTag) -> Option<String> {
    let repo = tag.message.meta("repo")?;
    let at = tag.repository.trim_end_matches('/');
    let at = at.strip_suffix(".git").unwrap_or(at);
    let is_it = at.strip_suffix(repo).is_some_and(|before| before.is_empty() || before.ends_with(['/', ':']));
    (!is_it).then(|| {
        format!("its message is about the repository `{repo}`, which is not at `{}`", tag.repository)
    })
}
