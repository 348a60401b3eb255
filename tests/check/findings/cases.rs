//! For each code what shows it, and a near miss.

use super::sight::{NEWEST, Sight, Spoil, path};
use mirrorkeep::decide::check::{Code, IgnoreText, Leads, SeenKind};
use mirrorkeep::model::Outcome;

type Change = fn(&mut Sight);

const DIR: SeenKind = SeenKind::Dir;
const FILE: SeenKind = SeenKind::File;

fn ignore<T>(_: &mut T) {}

fn to(text: &str, leads: Leads) -> SeenKind {
    SeenKind::Link(text.to_owned(), leads)
}

pub(super) const CASES: &[(Code, Change, Change)] = &[
    (Code::UnknownClass, |s| ignore(s.outside("masters", DIR)), |s| ignore(s.outside("release", DIR))),
    (
        Code::UnknownDistro,
        |s| ignore(s.outside("master/suse", DIR)),
        |s| ignore(s.outside("master/debian", DIR)),
    ),
    (
        Code::UnknownPhase,
        |s| s.newest().put("outputs/RPMS/fast", DIR),
        |s| s.newest().put("outputs/RPMS/rt", DIR),
    ),
    (Code::UnknownArtifact, |s| s.newest().list("outputs/isos/a"), |s| s.newest().list("outputs/wheels/a")),
    (
        Code::UnknownName,
        |s| ignore(s.outside("feature/.hidden", DIR)),
        |s| ignore(s.outside("feature/plain", DIR)),
    ),
    (
        Code::Misfiled,
        |s| {
            s.on(
                "rdo-trunk",
                &format!("centos9-master/component/tripleo/42/0d/420c{}_52cbbfe7", "0".repeat(36)),
            );
        },
        |s| {
            s.on(
                "rdo-trunk",
                &format!("centos9-master/component/tripleo/42/0c/420c{}_52cbbfe7", "0".repeat(36)),
            );
        },
    ),
    (
        Code::RawBranch,
        |s| s.on("starlingx-debian", "f/antelope"),
        |s| s.on("starlingx-debian", "feature/antelope"),
    ),
    (
        Code::RawBranch,
        |s| {
            s.on("starlingx-debian", "f");
            s.seen.outside.last_mut().unwrap().holds = vec!["antelope".to_owned()];
        },
        |s| s.on("starlingx-debian", "f"),
    ),
    (
        Code::WrongDepth,
        |s| s.outside("master/centos/flock", DIR).holds = vec!["20260601T060000Z".to_owned()],
        |s| s.outside("master/centos/flock", DIR).holds = vec!["flock".to_owned()],
    ),
    (
        Code::WrongDepth,
        |s| ignore(s.outside("master/centos/outputs", DIR)),
        |s| ignore(s.outside("master/centos/20260601", DIR)),
    ),
    (
        Code::UnknownBeside,
        |s| ignore(s.outside("master/centos/README", FILE)),
        |s| ignore(s.outside("master/centos/README", DIR)),
    ),
    (
        Code::BuildName,
        |s| ignore(s.outside("master/centos/20181110", DIR)),
        |s| ignore(s.outside("master/centos/20181110T060000", DIR)),
    ),
    (
        Code::StampNotUtc,
        |s| ignore(s.outside("master/centos/20181110T060000+0100", DIR)),
        |s| ignore(s.outside("master/centos/20181110", DIR)),
    ),
    (
        Code::StampImpossible,
        |s| ignore(s.add("master/centos/20260230T060000Z")),
        |s| ignore(s.add("master/centos/20240229T060000Z")),
    ),
    (
        Code::StampFuture,
        |s| ignore(s.add("master/centos/20260604T060000Z")),
        |s| ignore(s.add("master/centos/20260603T123000Z")),
    ),
    (
        Code::StampDuplicate,
        |s| {
            s.add("master/centos/20260529T060000Z");
            s.seen.census.streams[0].builds.last_mut().unwrap().created = "20260601T060000Z".parse().ok();
        },
        |s| ignore(s.add("master/debian/20260601T060000Z")),
    ),
    (
        Code::WrongKind,
        |s| ignore(s.outside("master/debian", FILE)),
        |s| ignore(s.outside("master/debian", DIR)),
    ),
    (
        Code::ContextMissing,
        |s| {
            s.newest().take("outputs/CONTEXT");
            s.newest().context = None;
        },
        |s| {
            s.newest().take("outputs/CONTEXT");
            s.newest().context = None;
            s.census().result = Outcome::Fail;
        },
    ),
    (
        Code::ContextForm,
        |s| s.newest().context.get_or_insert_default().extend(b"rm -rf ~\n"),
        |s| {
            s.newest()
                .context
                .get_or_insert_default()
                .extend(format!("(cd ./b && git checkout -f {})\n", "2".repeat(40)).bytes());
        },
    ),
    (
        Code::MarkerMissing,
        |s| s.newest().take("outputs/success"),
        |s| {
            s.newest().take("outputs/success");
            s.census().result = Outcome::Partial;
        },
    ),
    (
        Code::MarkerKind,
        |s| {
            s.newest().take("outputs/success");
            s.newest().put("outputs/success", DIR);
            s.census().problem = Some("`outputs/success` is a directory".to_owned());
        },
        |s| s.newest().put("outputs/logs/success", DIR),
    ),
    (
        Code::MarkerKind,
        |s| {
            s.newest().take("outputs/CONTEXT");
            s.newest().context = None;
            s.newest().put("outputs/CONTEXT", to("logs/c.txt", Leads::To(path("master/centos/x"))));
        },
        |s| s.newest().put("outputs/logs/CONTEXT", to("c.txt", Leads::To(path(NEWEST)))),
    ),
    (Code::MarkerDouble, |s| s.newest().list("outputs/fail"), |s| s.newest().list("outputs/logs/fail")),
    (
        Code::MarkerDiffers,
        |s| s.census().result = Outcome::Fail,
        |s| {
            s.census().result = Outcome::Fail;
            s.newest().take("outputs/success");
            s.newest().put("outputs/fail", FILE);
        },
    ),
    (
        Code::MarkerSpelling,
        |s| s.newest().put("outputs/Success", FILE),
        |s| s.newest().put("outputs/logs/Success", FILE),
    ),
    (
        Code::MarkerSpelling,
        |s| s.newest().put("outputs/CONTEXT.sh", FILE),
        |s| s.newest().put("outputs/CONTEXTS", FILE),
    ),
    (Code::InProgress, |s| unfinished(s, "20260603T110000Z"), |s| unfinished(s, "20260602T110000Z")),
    (Code::HalfPublished, |s| unfinished(s, "20260602T110000Z"), |s| unfinished(s, "20260603T110000Z")),
    (
        Code::HalfDeleted,
        |s| {
            s.seen.tops.get_mut(&NEWEST.parse().unwrap()).unwrap().remove("inputs");
        },
        |s| {
            s.seen.tops.get_mut(&NEWEST.parse().unwrap()).unwrap().remove("inputs");
            s.census().trimmed.push("bulky".to_owned());
        },
    ),
    (
        Code::HalfDeleted,
        |s| {
            s.seen.tops.get_mut(&NEWEST.parse().unwrap()).unwrap().remove("inputs");
        },
        |s| {
            s.seen.tops.get_mut(&NEWEST.parse().unwrap()).unwrap().remove("inputs");
            s.seen.whole.insert(NEWEST.parse().unwrap());
        },
    ),
    (Code::HalfDeleted, |s| s.newest().take("outputs/iso"), |s| s.newest().list("outputs/iso/b.iso")),
    (
        Code::NoArtifact,
        |s| {
            s.newest().take("outputs/iso");
            s.newest().take("inputs");
            s.newest().put("outputs/logs/build.log", FILE);
        },
        |s| s.newest().take("inputs"),
    ),
    (
        Code::LinkIntoBuild,
        |s| s.newest().put("20260604T060000Z", to("20260604T060000Z", Leads::Round)),
        |s| {
            s.newest().put(
                "outputs/iso/b.iso",
                to("a.iso", Leads::To(path("master/centos/20260603T060000Z/outputs/iso/a.iso"))),
            );
        },
    ),
    (
        Code::LinkIntoBuild,
        |s| {
            s.newest().put(
                "outputs/iso/old",
                to("../../../20260601T060000Z", Leads::To(path("master/centos/20260601T060000Z"))),
            );
        },
        |s| {
            s.newest().put(
                "outputs/iso/old",
                to(
                    "../../../20260601T060000Z/outputs",
                    Leads::To(path("master/centos/20260601T060000Z/outputs")),
                ),
            );
        },
    ),
    (
        Code::LinkDangling,
        |s| {
            s.newest().put(
                "outputs/iso/b.iso",
                to("c.iso", Leads::Nowhere(path("master/centos/20260603T060000Z/outputs/iso/c.iso"))),
            );
        },
        |s| {
            s.newest().put(
                "outputs/iso/b.iso",
                to("a.iso", Leads::To(path("master/centos/20260603T060000Z/outputs/iso/a.iso"))),
            );
        },
    ),
    (
        Code::LinkLeaves,
        |s| s.newest().put("outputs/iso/b.iso", to("/etc/passwd", Leads::Out)),
        |s| {
            s.newest().put(
                "outputs/iso/b.iso",
                to("../iso/a.iso", Leads::To(path("master/centos/20260603T060000Z/outputs/iso/a.iso"))),
            );
        },
    ),
    (Code::AliasMissing, |s| s.seen.aliases[0].link = None, |s| s.seen.aliases.clear()),
    (
        Code::AliasDangling,
        |s| s.latest("20260501T060000Z", Leads::Nowhere(path("master/centos/20260501T060000Z"))),
        |s| s.latest("20260602T060000Z", Leads::To(path("master/centos/20260602T060000Z"))),
    ),
    (
        Code::AliasDepth,
        |s| s.latest("flock/20260603T060000Z", Leads::Nowhere(path("master/centos/flock/20260603T060000Z"))),
        |s| s.latest("20260501T060000Z", Leads::Nowhere(path("master/centos/20260501T060000Z"))),
    ),
    (
        Code::AliasAbsolute,
        |s| s.latest("/srv/mirror/master/centos/20260603T060000Z", Leads::Absolute(path(NEWEST))),
        |s| s.latest("../centos/20260603T060000Z", Leads::To(path(NEWEST))),
    ),
    (
        Code::AliasLooping,
        |s| s.latest("latest_build", Leads::Round),
        |s| s.latest("x", Leads::Nowhere(path("master/centos/x"))),
    ),
    (Code::AliasLeaves, |s| s.latest("/tmp", Leads::Out), |s| s.latest("latest_build", Leads::Round)),
    (
        Code::AliasUnfit,
        |s| {
            s.census().result = Outcome::Fail;
            s.newest().take("outputs/success");
            s.newest().put("outputs/fail", FILE);
        },
        |s| s.latest("20260602T060000Z", Leads::To(path("master/centos/20260602T060000Z"))),
    ),
    (
        Code::AliasOlder,
        |s| s.latest("20260602T060000Z", Leads::To(path("master/centos/20260602T060000Z"))),
        |s| {
            s.latest("20260602T060000Z", Leads::To(path("master/centos/20260602T060000Z")));
            s.census().result = Outcome::Fail;
        },
    ),
    (
        Code::AliasMoved,
        |s| s.seen.aliases[0].told = Some(Some(path("master/centos/20260602T060000Z"))),
        |s| s.seen.aliases[0].told = None,
    ),
    (
        Code::AliasMoved,
        |s| {
            s.link("master/centos/mine", NEWEST).told = Some(Some(path(NEWEST)));
            s.seen.aliases.last_mut().unwrap().link = None;
        },
        |s| s.seen.aliases[0].link = None,
    ),
    (Code::AliasMoved, |s| s.link("master/centos/mine", "x").told = Some(None), |s| s.seen.aliases.clear()),
    (
        Code::AliasNotLink,
        |s| ignore(s.outside("master/centos/latest_build", DIR)),
        |s| ignore(s.outside("master/debian", DIR)),
    ),
    (
        Code::AliasUnknown,
        |s| ignore(s.link("master/centos/mine", NEWEST)),
        |s| s.link("master/centos/mine", NEWEST).declared = true,
    ),
    (
        Code::NotServed,
        |s| s.newest().mode("outputs/iso/a.iso", 0o440),
        |s| s.newest().mode("outputs/iso/a.iso", 0o644),
    ),
    (Code::NotServed, |s| s.newest().mode("outputs/iso", 0o754), |s| s.newest().mode("outputs/iso", 0o555)),
    (
        Code::SetId,
        |s| s.newest().mode("outputs/iso/a.iso", 0o4555),
        |s| s.newest().mode("outputs/iso", 0o2755),
    ),
    (
        Code::WorldWritable,
        |s| s.newest().mode("outputs/iso/a.iso", 0o666),
        |s| s.newest().mode("outputs/iso/a.iso", 0o664),
    ),
    (
        Code::SpecialFile,
        |s| s.newest().put("outputs/logs/pipe", SeenKind::Other),
        |s| s.newest().put("outputs/logs/pipe", FILE),
    ),
    (
        Code::OddName,
        |s| s.newest().dirs[0].odd.push("a\\nb".to_owned()),
        |s| s.newest().list("outputs/logs/naïve"),
    ),
    (
        Code::OddName,
        |s| s.seen.odd.push((path(""), "\\xff".to_owned())),
        |s| ignore(s.outside("release", DIR)),
    ),
    (
        Code::CaseCollision,
        |s| s.newest().list("outputs/iso/A.iso"),
        |s| s.newest().list("outputs/logs/A.iso"),
    ),
    (
        Code::LongName,
        |s| s.newest().list(&format!("outputs/iso/{}", "x".repeat(248))),
        |s| s.newest().list(&format!("outputs/iso/{}", "x".repeat(247))),
    ),
    (
        Code::SumsMissing,
        |s| {
            s.newest().sums = None;
            s.newest().manifest = None;
        },
        |s| s.newest().sums = None,
    ),
    (Code::SumsForm, |s| s.newest().sums = Some(b"what".to_vec()), |s| s.newest().list("outputs/iso/b")),
    (Code::SumsDiffer, |s| s.newest().put("outputs/iso/b", FILE), |s| s.newest().list("outputs/iso/b")),
    (
        Code::BuildChanged,
        |s| s.newest().change("outputs/iso/a.iso", |item| item.size = 6),
        |s| s.newest().change("outputs/iso/a.iso", |item| item.mode = 0o644),
    ),
    (
        Code::BuildChanged,
        |s| s.newest().change("outputs/iso/a.iso", |item| item.mtime = Some(1)),
        |s| s.newest().change("outputs/iso/a.iso", |item| item.mtime = None),
    ),
    (
        Code::BuildChanged,
        |s| {
            s.newest().sums = None;
            s.newest().put("outputs/iso/b.iso", FILE);
        },
        |s| s.newest().put("outputs/iso/b.iso", FILE),
    ),
    (
        Code::RecordWithoutTree,
        |s| s.seen.records.push("master/centos/20260101T000000Z".parse().unwrap()),
        |s| drop(s.seen.records.pop()),
    ),
    (
        Code::RecordWithoutTree,
        |s| s.seen.known.push("master/centos/20260101T000000Z".parse().unwrap()),
        |s| drop(s.seen.known.pop()),
    ),
    (
        Code::RequiresGone,
        |s| s.census().requires.push("master/centos/20260101T000000Z".parse().unwrap()),
        |s| s.census().requires.push("master/centos/20260601T060000Z".parse().unwrap()),
    ),
    (Code::RecordMissing, |s| drop(s.seen.records.pop()), |s| both(s)),
    (
        Code::RecordDamaged,
        |s| s.seen.damaged.push((NEWEST.parse().unwrap(), "no JSON".to_owned())),
        |s| both(s),
    ),
    (Code::NotAdopted, |s| both(s), |s| drop(s.seen.records.pop())),
    (
        Code::StreamUncovered,
        |s| s.policy.families.clear(),
        |s| s.policy.families.truncate(s.policy.families.len()),
    ),
    (Code::StreamStalled, |s| s.stalled = Some(3600), |s| s.stalled = Some(7 * 3600)),
    (
        Code::Unsealed,
        |s| s.seen.unsealed.push((path("master/centos/20181209T060000Z"), "files of others".to_owned())),
        |s| ignore(s.outside("release", DIR)),
    ),
    (
        Code::UploadUnfinished,
        |s| s.seen.uploads.push(path("master/centos/20181209T060000Z/outputs/iso/bootimage.iso")),
        |s| ignore(s.outside("release", DIR)),
    ),
    (
        Code::StageWaiting,
        |s| s.seen.stages.push((path(".mirrorkeep/stage/x-1"), 86_399, 7)),
        |s| s.seen.stages.push((path(".mirrorkeep/stage/x-1"), 86_400, 7)),
    ),
    (
        Code::StageStale,
        |s| s.seen.stages.push((path(".mirrorkeep/stage/x-1"), 86_400, 7)),
        |s| s.seen.stages.push((path(".mirrorkeep/stage/x-1"), 86_399, 7)),
    ),
    (
        Code::StageUnknown,
        |s| s.seen.unknown_stages.push((path(".mirrorkeep/stage/x"), 7)),
        |s| s.seen.stages.push((path(".mirrorkeep/stage/x-1"), 86_400, 7)),
    ),
    (
        Code::TrashUnknown,
        |s| s.seen.unknown_trash.push((path(".mirrorkeep/trash/x"), "its name is not a number".to_owned())),
        |s| ignore(s.outside("release", DIR)),
    ),
    (
        Code::LockDamaged,
        |s| s.seen.locks.push((path(".mirrorkeep/lock"), "Is a directory".to_owned())),
        |s| ignore(s.outside("release", DIR)),
    ),
    (
        Code::ReadersStale,
        |s| s.seen.readers = Some((path("readers"), "`readers/m.json` is missing".to_owned())),
        |s| ignore(s.outside("release", DIR)),
    ),
    (Code::TmpStale, |s| s.seen.stale.push(path(".mirrorkeep/tmp/1")), |s| ignore(s.outside("release", DIR))),
    (
        Code::JournalLost,
        |s| s.seen.lost.push((path(".mirrorkeep/trash/000000000017"), "it belongs to event 17".to_owned())),
        |s| ignore(s.outside("release", DIR)),
    ),
    (
        Code::HoldsLost,
        |s| {
            s.seen.unheld.push((
                path(".mirrorkeep/holds/master/centos/20181205T060000Z.json"),
                "lost".to_owned(),
                "master/centos/20181205T060000Z".parse().unwrap(),
            ));
        },
        |s| ignore(s.outside("release", DIR)),
    ),
    (Code::ImagesForm, |s| s.images(Err("it is a symlink")), |s| s.images(Ok("# none\n\n"))),
    (
        Code::ImageUnfit,
        |s| s.images(Ok("starlingx/stx-nova:master-centos-stable-latest\n")),
        |s| s.images(Ok("starlingx/stx-nova:master-centos-stable-20260603T060000Z.0\n")),
    ),
    (Code::ImageUnfit, |s| s.images(Ok("stx nova\n")), |s| s.images(Err("it is a symlink"))),
    (
        Code::ImageOtherBuild,
        |s| s.images(Ok("starlingx/stx-nova:master-debian-stable-20260603T060000Z.0\n")),
        |s| s.images(Ok("starlingx/stx-vault:master-distroless-stable-20260603T060000Z.0\n")),
    ),
    (Code::IgnoreExpired, |s| until(s, "2026-06-02"), |s| until(s, "2026-06-03")),
    (
        Code::CannotRead,
        |s| s.seen.unread.push((path("release"), "denied".to_owned())),
        |s| ignore(s.outside("release", DIR)),
    ),
];

/// Lets the mirror ignore something to the end of a day.
fn until(sight: &mut Sight, day: &str) {
    let (code, why) = ("context-missing", "they are old");
    sight.rules.ignore(IgnoreText { code, path: None, why, until: Some(day) }).unwrap();
}

fn unfinished(sight: &mut Sight, touched: &str) {
    sight.census().result = Outcome::Partial;
    sight.census().last_activity = touched.parse().ok();
    sight.newest().take("outputs/success");
}

/// Lets the newest build be one of which neither a record nor the journal knows.
fn both(sight: &mut Sight) {
    sight.seen.records.pop();
    sight.seen.known.pop();
}
