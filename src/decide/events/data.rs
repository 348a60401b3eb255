//! The data of each type of event, field by field.
//!
//! A field is never removed and never changes its meaning; later versions only add some. A value that a line of an
//! earlier version does not state is `null`, or an empty list.

use super::about::{About, build_at};
use super::purge::purge;
use crate::layout::Layout;
use crate::model::registry::Image;
use crate::model::{BuildId, Digest, Outcome, RelPath, Stamp, Stream};
use crate::record::{
    Archive, Details, Event, EventKind, Lapsed, Promotion, Released, Retirement, RunOutcome, RunReason,
};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The fields of every event.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Common {
    /// Its number in the journal.
    pub seq: u64,
    /// The user and host that did it.
    pub by: String,
    /// The addresses that caches must drop now, from the root of the mirror and percent-encoded; with `*` at the end, all
    /// addresses that begin so.
    pub purge: Vec<String>,
}

/// The fields of every event about a build.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct OfBuild {
    /// The ID of the build.
    pub build: String,
    /// Its stream.
    pub stream: Option<Stream>,
    /// Its path in the mirror.
    pub path: Option<RelPath>,
}

/// Defines the data of a type: the common fields, and its own.
macro_rules! data {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
        pub struct $name {
            /// The fields of every event.
            #[serde(flatten)]
            pub common: Common,
            $($(#[$field_doc])* pub $field: $kind,)*
        }
    )*};
}

data! {
    /// The mirror as a whole.
    MirrorData {}

    /// A build became visible.
    BuildPublished {
        /// The build.
        #[serde(flatten)]
        of: OfBuild,
        /// Its result.
        result: Option<Outcome>,
        /// When it was made.
        created: Option<Stamp>,
        /// The number of its files.
        files: Option<u64>,
        /// Their size in bytes.
        bytes: Option<u64>,
    }

    /// A publish found that nothing had changed since the newest success, and published nothing.
    BuildConfirmed {
        /// The build.
        #[serde(flatten)]
        of: OfBuild,
        /// When that was found.
        confirmed_at: Option<Stamp>,
        /// The digest of the inputs that were compared.
        inputs: Option<Digest>,
    }

    /// A build of another tool was adopted, or its record was made again.
    BuildAdopted {
        /// The build.
        #[serde(flatten)]
        of: OfBuild,
        /// Its result.
        result: Option<Outcome>,
        /// When it was made.
        created: Option<Stamp>,
        /// The number of its files.
        files: Option<u64>,
        /// Their size in bytes.
        bytes: Option<u64>,
    }

    /// Labels of a build were set, or removed.
    BuildLabelled {
        /// The build.
        #[serde(flatten)]
        of: OfBuild,
        /// The new value of each label that changed; `null` for one that was removed.
        labels: BTreeMap<String, Option<String>>,
    }

    /// A build was protected from pruning, or holds on it were removed.
    BuildHeld {
        /// The build.
        #[serde(flatten)]
        of: OfBuild,
        /// All its holds afterwards.
        holds: Vec<HoldData>,
    }

    /// A build was moved to the trash.
    BuildPruned {
        /// The build.
        #[serde(flatten)]
        of: OfBuild,
        /// The last instant at which it can be restored.
        until: Option<Stamp>,
        /// The digest of the plan that deletes it; `null` if a person withdrew it.
        plan: Option<Digest>,
        /// Why a person withdrew it.
        why: Option<String>,
        /// The rules of the policy that no longer kept it; none where a person withdrew it.
        rules: Vec<Lapsed>,
        /// The archive that has it; `null` if it was not archived.
        archive: Option<Archive>,
        /// Why its stream is retired, if that removed it.
        retired: Option<String>,
    }

    /// Parts of a build were removed.
    BuildTrimmed {
        /// The build.
        #[serde(flatten)]
        of: OfBuild,
        /// The names of the parts.
        parts: Vec<String>,
        /// The number of files that stay.
        files: Option<u64>,
        /// Their size in bytes.
        bytes: Option<u64>,
        /// The last instant at which they can be restored.
        until: Option<Stamp>,
    }

    /// A build was deleted from the trash.
    BuildSwept {
        /// The build.
        #[serde(flatten)]
        of: OfBuild,
        /// Why a person deleted it by `withdraw --purge`.
        why: Option<String>,
    }

    /// A build was restored from the trash, or was found to be missing.
    BuildPlain {
        /// The build.
        #[serde(flatten)]
        of: OfBuild,
    }

    /// An alias points to another target.
    AliasMoved {
        /// The path of the alias.
        alias: String,
        /// The stream of the alias.
        stream: Option<Stream>,
        /// Its previous target; `null` if it did not exist.
        from: Option<RelPath>,
        /// Its new target.
        to: Option<RelPath>,
        /// The build at that target.
        build: Option<BuildId>,
        /// Whether another program moved it, and mirrorkeep noticed.
        by_hand: bool,
        /// Why a person accepted that.
        why: Option<String>,
    }

    /// An alias was removed.
    AliasRemoved {
        /// The path of the alias.
        alias: String,
        /// The stream of the alias.
        stream: Option<Stream>,
        /// Its previous target.
        from: Option<RelPath>,
        /// Whether another program removed it, and mirrorkeep noticed.
        by_hand: bool,
        /// Why a person accepted that.
        why: Option<String>,
    }

    /// The copy below an alias of an object store has another current generation.
    AliasGeneration {
        /// The path of the alias.
        alias: String,
        /// The stream of the alias.
        stream: Option<Stream>,
        /// The name of the previous generation.
        from: Option<String>,
        /// The name of the new generation; `null` if there is none.
        generation: Option<String>,
    }

    /// A stage moved to a build, or back to an earlier one.
    StageMoved {
        /// The path of the alias of the stage.
        alias: String,
        /// The move.
        #[serde(flatten)]
        moved: StageMove,
        /// The votes of required jobs on the build.
        votes: BTreeMap<String, String>,
        /// The jobs whose vote was waived.
        waived: Vec<String>,
        /// What the build lacked, if a person promoted it all the same.
        lacked: Vec<String>,
        /// The reason of the person.
        why: Option<String>,
        /// The digest of the pipeline.
        pipeline: Option<Digest>,
        /// For a bundle, the moves of its members, which come before its own.
        members: Vec<StageMove>,
    }

    /// The vote of a job was waived for a stage, or waivers were removed.
    StageWaiver {
        /// The stage.
        stage: Option<String>,
        /// The job.
        job: Option<String>,
        /// The only build, if it is for one.
        build: Option<BuildId>,
        /// Until when it is waived.
        until: Option<Stamp>,
        /// The reason.
        why: Option<String>,
    }

    /// Another layout, policy or pipeline was put in force.
    MirrorConfigured {
        /// `layout`, `policy` or `pipeline`.
        setting: String,
        /// The one before, by its name in `mirror.yaml`; `null` if there was none.
        before: Option<String>,
        /// The new one, by its name in `mirror.yaml`.
        after: Option<String>,
        /// The digest of its text; `null` for one that ships with mirrorkeep.
        digest: Option<String>,
    }

    /// Images were pinned, or their pins removed.
    ImagesPinned {
        /// The name of the file of pins.
        name: String,
        /// The images; empty if the pins were removed.
        pins: Vec<String>,
    }

    /// Images of deleted builds were deleted from a registry.
    ImagesUntagged {
        /// The repository.
        repository: String,
        /// The tags that were deleted, by the digest of their image.
        digests: BTreeMap<String, Vec<String>>,
    }

    /// A build was requested by hand, or requests were removed.
    RunRequested {
        /// The stream.
        stream: Option<Stream>,
        /// The reason.
        why: Option<String>,
    }

    /// A build was started.
    RunStarted {
        /// The stream.
        stream: Option<Stream>,
        /// The reason.
        reasons: Vec<RunReason>,
        /// The numbers of the requests that it answers if it succeeds or publishes.
        requests: Vec<u64>,
    }

    /// A run of a build ended.
    RunEnded {
        /// The stream.
        stream: Option<Stream>,
        /// The number of the event of its start.
        run: Option<u64>,
        /// How it ended.
        outcome: Option<RunOutcome>,
        /// The exit code of its command; `null` if it ended otherwise.
        code: Option<i32>,
    }

    /// A release was tagged and named.
    ReleaseApplied {
        /// The stream of its build.
        stream: Option<Stream>,
        /// The release; `null` if the journal states none.
        release: Option<Released>,
    }

    /// A stream begins after the pattern of another one.
    StreamBranched {
        /// The new stream.
        stream: Option<Stream>,
        /// The old stream.
        like: Option<Stream>,
        /// The build of the old stream with which it begins; `null` if it begins empty.
        seed: Option<BuildId>,
        /// The inherited build in the new stream; `null` if it begins empty.
        build: Option<BuildId>,
        /// The path of that build.
        path: Option<RelPath>,
        /// The day in the release calendar, if one was given.
        date: Option<String>,
    }

    /// The retirement of a stream began, was announced or completed.
    StreamRetirement {
        /// The stream.
        stream: Option<Stream>,
        /// The reason.
        why: Option<String>,
        /// When it began.
        since: Option<Stamp>,
        /// When the removal begins; `null` before the announcement.
        removal_at: Option<Stamp>,
        /// Since when the addresses of its builds are redirected.
        redirect_since: Option<Stamp>,
        /// The public address of the root of the archive; `null` if there is none.
        url: Option<String>,
        /// Whether the builds are copied to an archive.
        archived: bool,
        /// The names whose builds stay.
        keep: Vec<String>,
    }

    /// The retirement of a stream was ended.
    StreamUnretired {
        /// The stream.
        stream: Option<Stream>,
        /// The reason.
        why: Option<String>,
    }

    /// Events of the journal are lost, and a person accepted that.
    JournalRecovered {
        /// The lost events, each range by its first and last number.
        missing: Vec<(u64, u64)>,
    }
}

/// A hold on a build.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct HoldData {
    /// Who set it.
    pub who: String,
    /// The reason.
    pub why: String,
    /// The last instant at which it counts; `null` until it is removed.
    pub until: Option<Stamp>,
}

/// The move of one stage in one stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct StageMove {
    /// The name of the stage.
    pub stage: Option<String>,
    /// The stream.
    pub stream: Option<Stream>,
    /// The build that has it now; `null` if none has.
    pub build: Option<BuildId>,
    /// The build that had it before.
    pub before: Option<BuildId>,
    /// Every alias that moved, that of the stage last.
    pub moves: Vec<AliasMove>,
    /// Every tag of a container image that moved.
    pub tags: Vec<TagMove>,
}

/// The move of one alias.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct AliasMove {
    /// The path of the alias.
    pub alias: RelPath,
    /// Its previous target; `null` if it did not exist.
    pub from: Option<RelPath>,
    /// Its new target; `null` if it was removed.
    pub to: Option<RelPath>,
}

/// The move of one tag.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TagMove {
    /// The image with its tag.
    pub image: Image,
    /// The previous digest of the tag; `null` if it did not exist.
    pub from: Option<Digest>,
    /// The new digest of the tag.
    pub to: Option<Digest>,
}

/// The data of an event.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "each is the type of its name")]
pub enum EventData {
    Mirror(MirrorData),
    Configured(MirrorConfigured),
    Published(BuildPublished),
    Confirmed(BuildConfirmed),
    Adopted(BuildAdopted),
    Labelled(BuildLabelled),
    Held(BuildHeld),
    Pruned(BuildPruned),
    Trimmed(BuildTrimmed),
    Swept(BuildSwept),
    Plain(BuildPlain),
    Moved(AliasMoved),
    Removed(AliasRemoved),
    Generation(AliasGeneration),
    Stage(Box<StageMoved>),
    Waiver(StageWaiver),
    Pinned(ImagesPinned),
    Untagged(ImagesUntagged),
    Requested(RunRequested),
    Started(RunStarted),
    Ended(RunEnded),
    Released(Box<ReleaseApplied>),
    Branched(StreamBranched),
    Retirement(Box<StreamRetirement>),
    Unretired(StreamUnretired),
    Recovered(JournalRecovered),
}

impl EventData {
    /// Returns the data of an event.
    pub(super) fn of(event: &Event, stated: Details, about: &About, layout: &Layout) -> Self {
        let purge = purge(event, &stated, about, layout);
        let common = Common { seq: event.seq, by: event.person().to_owned(), purge };
        let of =
            || OfBuild { build: event.to.clone(), stream: about.stream.clone(), path: about.path.clone() };
        let (alias, stream) = (event.to.clone(), about.stream.clone());
        let Details { result, created, files, bytes, from, to, why, until, .. } = stated;
        let by_hand = stated.by_hand.unwrap_or_default();
        match event.what {
            EventKind::Initialised => Self::Mirror(MirrorData { common }),
            EventKind::Configured => Self::Configured(MirrorConfigured {
                common,
                setting: event.to.clone(),
                before: stated.before,
                after: stated.after,
                digest: stated.digest.map(|digest| digest.to_string()),
            }),
            EventKind::Published => {
                Self::Published(BuildPublished { common, of: of(), result, created, files, bytes })
            }
            EventKind::Confirmed => {
                let (confirmed_at, inputs) = (stated.confirmed_at, stated.inputs);
                Self::Confirmed(BuildConfirmed { common, of: of(), confirmed_at, inputs })
            }
            EventKind::Adopted => {
                Self::Adopted(BuildAdopted { common, of: of(), result, created, files, bytes })
            }
            EventKind::Labelled => {
                let labels = about.labels.clone().unwrap_or_default();
                Self::Labelled(BuildLabelled { common, of: of(), labels })
            }
            EventKind::Held | EventKind::Unheld => {
                let holds = stated.holds.unwrap_or_default().into_iter();
                let holds = holds.map(|hold| HoldData { who: hold.who, why: hold.why, until: hold.until });
                Self::Held(BuildHeld { common, of: of(), holds: holds.collect() })
            }
            EventKind::Pruned => {
                let (plan, rules, archive) = (stated.plan, stated.rules.unwrap_or_default(), stated.archive);
                Self::Pruned(BuildPruned {
                    common,
                    of: of(),
                    until,
                    plan,
                    why,
                    rules,
                    archive,
                    retired: stated.retired,
                })
            }
            EventKind::Trimmed => {
                let parts = stated.parts.unwrap_or_default();
                Self::Trimmed(BuildTrimmed { common, of: of(), parts, files, bytes, until })
            }
            EventKind::Swept => Self::Swept(BuildSwept { common, of: of(), why }),
            EventKind::Restored | EventKind::Lost => Self::Plain(BuildPlain { common, of: of() }),
            EventKind::Aliased => {
                let build = to.as_ref().and_then(|to| build_at(to, layout));
                Self::Moved(AliasMoved { common, alias, stream, from, to, build, by_hand, why })
            }
            EventKind::Unaliased => Self::Removed(AliasRemoved { common, alias, stream, from, by_hand, why }),
            EventKind::Materialized => {
                // Here they are names, not paths.
                let from = event.details.get("from").and_then(|from| from.as_str()).map(str::to_owned);
                let generation = stated.generation;
                Self::Generation(AliasGeneration { common, alias, stream, from, generation })
            }
            EventKind::Promoted | EventKind::Demoted => {
                Self::Stage(Box::new(stage_moved(common, alias, stated.promotion)))
            }
            EventKind::Waived | EventKind::Unwaived => {
                let waiver = stated.waiver.map(|one| (one.name, one.job, one.build, one.until, one.why));
                let (stage, job, build, until, why) = waiver
                    .map_or((None, None, None, None, None), |(stage, job, build, until, why)| {
                        (Some(stage), Some(job), build, until, why)
                    });
                Self::Waiver(StageWaiver { common, stage, job, build, until, why })
            }
            EventKind::Pinned => {
                let pins = stated.pins.unwrap_or_default().iter().map(ToString::to_string).collect();
                Self::Pinned(ImagesPinned { common, name: event.to.clone(), pins })
            }
            EventKind::Untagged => {
                let digests = stated.digests.unwrap_or_default().into_iter();
                let digests = digests.map(|(digest, tags)| (digest.to_string(), tags)).collect();
                Self::Untagged(ImagesUntagged { common, repository: event.to.clone(), digests })
            }
            EventKind::Requested | EventKind::Unrequested => {
                Self::Requested(RunRequested { common, stream, why })
            }
            EventKind::Started => {
                let reasons = stated.reasons.unwrap_or_default();
                let requests = stated.requests.unwrap_or_default();
                Self::Started(RunStarted { common, stream, reasons, requests })
            }
            EventKind::Ended => {
                let (run, outcome, code) = (stated.run, stated.outcome, stated.code);
                Self::Ended(RunEnded { common, stream, run, outcome, code })
            }
            EventKind::Released => {
                Self::Released(Box::new(ReleaseApplied { common, stream, release: stated.release }))
            }
            EventKind::Branched => {
                let (like, seed, build, date) = (stated.like, stated.seed, stated.build, stated.date);
                let path = about.path.clone();
                Self::Branched(StreamBranched { common, stream, like, seed, build, path, date })
            }
            EventKind::Retiring | EventKind::Retired => {
                Self::Retirement(Box::new(retirement(common, stream, stated.retirement)))
            }
            EventKind::Unretired => Self::Unretired(StreamUnretired { common, stream, why }),
            EventKind::Recovered => {
                Self::Recovered(JournalRecovered { common, missing: stated.missing.unwrap_or_default() })
            }
        }
    }
}

fn retirement(common: Common, stream: Option<Stream>, stated: Option<Retirement>) -> StreamRetirement {
    let Some(stated) = stated else {
        return StreamRetirement {
            common,
            stream,
            why: None,
            since: None,
            removal_at: None,
            redirect_since: None,
            url: None,
            archived: false,
            keep: Vec::new(),
        };
    };
    StreamRetirement {
        common,
        stream,
        why: Some(stated.why),
        since: Some(stated.since),
        removal_at: stated.removal_at,
        redirect_since: stated.redirect_since,
        url: stated.url,
        archived: stated.archive.is_some(),
        keep: stated.keep,
    }
}

fn stage_moved(common: Common, alias: String, promotion: Option<Promotion>) -> StageMoved {
    let Some(promotion) = promotion else {
        return StageMoved {
            common,
            alias,
            moved: StageMove::default(),
            votes: BTreeMap::new(),
            waived: Vec::new(),
            lacked: Vec::new(),
            why: None,
            pipeline: None,
            members: Vec::new(),
        };
    };
    StageMoved {
        common,
        alias,
        moved: moved(&promotion),
        members: promotion.members.iter().map(moved).collect(),
        votes: promotion.votes,
        waived: promotion.waived,
        lacked: promotion.lacked,
        why: promotion.why,
        pipeline: Some(promotion.pipeline),
    }
}

/// Returns the move of a stage without what receivers cannot use, such as carried commands.
fn moved(promotion: &Promotion) -> StageMove {
    let moves = promotion.moves.iter().map(|one| AliasMove {
        alias: one.alias.clone(),
        from: one.from.clone(),
        to: one.to.clone(),
    });
    let tags = promotion.tags.iter().filter(|one| one.is_move());
    let tags = tags.map(|one| TagMove { image: one.image.clone(), from: one.from, to: one.to });
    StageMove {
        stage: Some(promotion.name.clone()),
        stream: Some(promotion.stream.clone()),
        build: promotion.build.clone(),
        before: promotion.before.clone(),
        moves: moves.collect(),
        tags: tags.collect(),
    }
}
