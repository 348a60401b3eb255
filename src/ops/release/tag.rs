//! Reading a tag: what its message states, and whether a trusted key signed that.

use super::ReleaseError;
use super::remote::Work;
use crate::decide::due::GitSource;
use crate::decide::release::{MessageError, ReleaseVersion, TagMessage, TagObject};
use crate::model::{Label, Scheme, Stream};
use crate::ops::git::{Git, is_cut};
use crate::progress::CancelToken;
use crate::sign::Keys;
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

/// What to do about a tag without a message that can be used.
const BARE: &str =
    "`release apply` makes tags with a message; `publish --stream STREAM --build NAME` needs no tag";

/// A tag, as far as its object states something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ShownTag {
    /// The address of the repository.
    pub repository: String,
    /// The name of the tag.
    pub tag: String,
    /// The commit.
    pub commit: String,
    /// Who made it and when, as git writes it.
    pub tagger: Option<String>,
    /// The name of what is released.
    pub name: String,
    /// The version.
    pub version: String,
    /// The type, such as `final`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether a final release follows it; `null` if the version has another form.
    pub pre_release: Option<bool>,
    /// The series.
    pub series: Option<String>,
    /// The stream into which a build is published.
    pub stream: Option<Stream>,
    /// The ID of the build that became the release.
    pub build: Option<String>,
    /// The labels of the build, each as `key=value`.
    pub labels: Vec<String>,
    /// All keys and values of the `meta:` lines.
    pub meta: Vec<(String, String)>,
    /// Whether the object has a signature.
    pub signed: bool,
    /// Whether the signature was verified with trusted keys.
    pub verified: bool,
    /// The message as it was read.
    #[serde(skip)]
    pub message: TagMessage,
}

impl ShownTag {
    /// Returns the labels of a build.
    pub fn labels(&self) -> Vec<Label> {
        self.message.labels().unwrap_or_default()
    }
}

/// A tag that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadTag {
    /// Its message states what was released.
    Stated(Box<ShownTag>),
    /// It has no message, or one that states nothing for programs.
    Bare {
        /// The address of the repository.
        repository: String,
        /// The name of the tag.
        tag: String,
        /// The commit.
        commit: String,
        /// Whether its signature was verified with trusted keys.
        verified: bool,
        /// Why it states nothing.
        why: String,
    },
}

impl ReadTag {
    /// Returns the repository, the tag, the commit, and whether a trusted key signed the tag.
    pub fn about(&self) -> (&str, &str, &str, bool) {
        match self {
            Self::Stated(tag) => (&tag.repository, &tag.tag, &tag.commit, tag.verified),
            Self::Bare { repository, tag, commit, verified, .. } => (repository, tag, commit, *verified),
        }
    }
}

/// Reads a tag whose message states what was released, and verifies its signature if there are keys.
pub fn show_tag(
    source: &GitSource,
    keys: &Keys,
    limit: Duration,
    stop: &CancelToken,
) -> Result<ShownTag, ReleaseError> {
    match read_tag(source, keys, limit, stop)? {
        ReadTag::Stated(tag) => Ok(*tag),
        ReadTag::Bare { repository, tag, why, .. } => {
            Err(ReleaseError::Unfit { tag: format!("{repository}@{tag}"), why, hint: Some(BARE) })
        }
    }
}

/// Reads a tag of a repository, and verifies its signature if there are keys.
pub fn read_tag(
    source: &GitSource,
    keys: &Keys,
    limit: Duration,
    stop: &CancelToken,
) -> Result<ReadTag, ReleaseError> {
    let at = format!("{}@{}", source.url, source.reference);
    let name = source.reference.strip_prefix("refs/tags/").unwrap_or(&source.reference);
    let failed = |why: String| ReleaseError::Tag { tag: at.clone(), why };
    let git = Git::new(limit, stop);
    let work = Work::new(None, limit, stop)?;
    let remote = work.remote(&git, &source.url)?.map_err(failed)?;
    let Some((commit, _)) = remote.tag(name)?.map_err(failed)? else {
        return Err(failed("the repository has no such tag".to_owned()));
    };
    match remote.tag_object(name)?.map_err(failed)? {
        Some(object) => read(source, name, &object, keys),
        None if keys.wanted().next().is_some() => Err(ReleaseError::Unfit {
            tag: at.clone(),
            why: "it is not annotated, so no key signed it".to_owned(),
            hint: None,
        }),
        None => {
            let (repository, tag) = (source.url.clone(), name.to_owned());
            let why = "it is not annotated, so it has no message".to_owned();
            Ok(ReadTag::Bare { repository, tag, commit, verified: false, why })
        }
    }
}

/// Returns what the object of a tag states.
fn read(source: &GitSource, name: &str, object: &str, keys: &Keys) -> Result<ReadTag, ReleaseError> {
    let unfit = |why: String, hint| ReleaseError::Unfit { tag: format!("{}@{name}", source.url), why, hint };
    let object = parsed(object).map_err(|why| unfit(why, None))?;
    if object.name != name {
        // A signed object that is served under another name.
        let found = object.name.escape_debug().to_string();
        return Err(unfit(format!("it is the tag `{found}` under another name"), None));
    }
    let verified = proven(&object, keys).map_err(|why| unfit(why, None))?;
    let message = match TagMessage::parse(&object.message) {
        Ok(message) => message,
        Err(error @ MessageError::FirstLine) => {
            return Ok(ReadTag::Bare {
                repository: source.url.clone(),
                tag: name.to_owned(),
                commit: object.commit,
                verified,
                why: error.to_string(),
            });
        }
        Err(error) => return Err(unfit(error.to_string(), None)),
    };
    if message.version != name {
        return Err(unfit(format!("its message is about the version `{}`", message.version), None));
    }
    let wrong = |error: MessageError| unfit(error.to_string(), None);
    let version = message.version.parse::<ReleaseVersion>().ok();
    Ok(ReadTag::Stated(Box::new(ShownTag {
        repository: source.url.clone(),
        tag: name.to_owned(),
        commit: object.commit,
        tagger: object.tagger,
        name: message.name.clone(),
        version: message.version.clone(),
        kind: message.kind.clone(),
        pre_release: version.map(|version| version.kind().is_pre_release()),
        series: message.meta("series").map(str::to_owned),
        stream: message.stream().map_err(wrong)?,
        build: message.meta("build").map(str::to_owned),
        labels: message.labels().map_err(wrong)?.iter().map(ToString::to_string).collect(),
        meta: message.meta.clone(),
        signed: object.signed.is_some(),
        verified,
        message,
    })))
}

/// Returns the object of a tag; one whose beginning git did not show is too long.
pub(super) fn parsed(object: &str) -> Result<TagObject, String> {
    if is_cut(object) {
        return Err("its object has more than 1 MiB; a message of at most 64 KiB is accepted".to_owned());
    }
    TagObject::parse(object).map_err(|error| error.to_string())
}

/// Fails if the message of a tag would not be read as what it states.
pub(super) fn readable(message: &TagMessage, text: &str) -> Result<(), String> {
    let read = TagMessage::parse(text).map_err(|error| error.to_string())?;
    let stated = message.meta.iter().map(|(key, value)| (key.as_str(), value.trim()));
    let is_it = (&read.name, &read.version, &read.kind) == (&message.name, &message.version, &message.kind)
        && read.meta.iter().map(|(key, value)| (key.as_str(), value.as_str())).eq(stated);
    if is_it { Ok(()) } else { Err("its message is read as another one".to_owned()) }
}

/// Fails if the object of a tag that was made is not what `read` accepts; with keys, if none of them signed it.
pub(super) fn acceptable(
    object: &str,
    commit: &str,
    message: &TagMessage,
    keys: Option<&Keys>,
) -> Result<(), String> {
    let object = parsed(object)?;
    if object.name != message.version || object.commit != commit {
        return Err(format!("it is the tag `{}` of {}", object.name.escape_debug(), object.commit));
    }
    readable(message, &object.message)?;
    keys.map_or(Ok(()), |keys| proven(&object, keys).map(drop))
}

/// Returns whether a trusted key signed a tag; fails if there are keys, and none did.
pub(super) fn proven(object: &TagObject, keys: &Keys) -> Result<bool, String> {
    if keys.wanted().next().is_none() {
        return Ok(false);
    }
    let Some(signed) = &object.signed else { return Err("it has no signature".to_owned()) };
    if !signed.is_openpgp() {
        return Err("its signature is not one of OpenPGP, which alone can be verified".to_owned());
    }
    let checked = keys.verify(Scheme::OpenPgp, signed.signature.as_bytes(), signed.payload.as_bytes());
    checked.map(|()| true).map_err(|why| crate::mirror::chain(&why))
}
