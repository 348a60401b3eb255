//! The laws of every parser: what must hold whatever the bytes.
//!
//! None panics. What is read is what it says: written back and read again it is the same, and where a format has one
//! spelling, it is written back as it was. No path that comes out of a text leaves the root. libFuzzer looks for
//! bytes that break a law (`make fuzz`); the ordinary tests hold each law to the kept bytes and to changes of them.

use mirrorkeep::census::Census;
use mirrorkeep::decide::branch::Counterparts;
use mirrorkeep::decide::changes::{Head, Item, Known, Part, SignedHead};
use mirrorkeep::decide::deliver::{Deliver, subscriber_name};
use mirrorkeep::decide::diff::{Package, PackageKind, PackagesDiff};
use mirrorkeep::decide::due::{ContextSource, GitSource, commit_in};
use mirrorkeep::decide::events::CloudEvent;
use mirrorkeep::decide::pipeline::{LintTerms, Pipeline, diff};
use mirrorkeep::decide::policy::{Policy, Span};
use mirrorkeep::decide::release::{
    Applied, Contents, REQUESTS, Request, SETTINGS, Settings, TagMessage, TagObject, judge,
};
use mirrorkeep::decide::targets::{Targets, Trace, rsync_address, target_name};
use mirrorkeep::decide::{PreviousRuns, lint, retain};
use mirrorkeep::layout::{Files, Layout, Place};
use mirrorkeep::mirror::{Chosen, Mirror, Resolved, Setup, links, resolve, survey};
use mirrorkeep::model::{
    BuildId, BuildName, Digest, Document, ImageRef, Label, Outcome, RelPath, Stamp, Stream,
};
use mirrorkeep::record::{BuildRecord, Context, Event, EventKind, ForeignList, ImageList, Manifest, Sums};
use mirrorkeep::recover::begin;
use mirrorkeep::registry::{
    Address, Challenge, CredentialsFile, Image, Manifest as ImageManifest, next_page,
};
use mirrorkeep::store::{Conditions, ObjectStore, Put};
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// A law with its name, which is also that of the directory of its bytes.
pub(crate) type Law = (&'static str, fn(&[u8]));

/// Every law.
pub(crate) const LAWS: [Law; 32] = [
    ("amqp", amqp),
    ("branch", branch),
    ("census", census),
    ("changes", changes),
    ("context", context),
    ("counterpart", counterpart),
    ("deliver", deliver),
    ("event", event),
    ("git", git),
    ("image", image),
    ("images", images),
    ("layout", layout),
    ("lists", lists),
    ("manifest", manifest),
    ("names", names),
    ("own", own),
    ("package", package),
    ("path", path),
    ("pipeline", pipeline),
    ("place", place),
    ("pointer", pointer),
    ("policy", policy),
    ("record", record),
    ("registry", registry),
    ("release", release),
    ("stamp", stamp),
    ("sums", sums),
    ("tag", tag),
    ("targets", targets),
    ("told", told),
    ("trace", trace),
    ("yaml", yaml),
];

/// Takes the text up to the first line end, and what follows.
fn halves(bytes: &[u8]) -> Option<(&str, &str)> {
    str::from_utf8(bytes).ok()?.split_once('\n')
}

/// Takes the bytes apart: a number that chooses, and the rest.
fn choice(bytes: &[u8]) -> Option<(usize, &[u8])> {
    bytes.split_first().map(|(first, rest)| (usize::from(*first), rest))
}

fn noon() -> Stamp {
    Stamp::from_unix(1_544_011_200).unwrap_or_default()
}

fn is_plain(path: &RelPath) {
    let climbs = |name: &str| matches!(name, "" | "." | "..") || name.contains('/');
    assert!(!path.names().any(climbs), "{path:?} climbs");
    assert!(!path.as_str().starts_with('/') && !path.as_str().chars().any(char::is_control), "{path:?}");
}

/// A branch or tag of a repository, and an answer of git after it.
fn git(bytes: &[u8]) {
    let Some((text, answer)) = halves(bytes) else { return };
    if let Ok(form) = text.parse::<ContextSource>() {
        assert_eq!(form.to_string().parse::<ContextSource>().as_ref(), Ok(&form));
    }
    let Ok(source) = text.parse::<GitSource>() else { return };
    assert_eq!(source.to_string().parse::<GitSource>().ok().as_ref(), Some(&source));
    // Nothing of it is an option, and no transport runs a command.
    assert!(!source.url.starts_with('-') && !source.reference.starts_with('-'), "{source:?}");
    assert!(source.url.contains("://") || !source.url.contains("::"), "{source:?}");
    let hosts = source.url.split(['/', '@', ':']);
    assert!(
        source.url.starts_with(['/', '.']) || hosts.take(3).all(|part| !part.starts_with('-')),
        "{source:?}"
    );
    let refs = source.refs();
    assert!(refs.iter().all(|name| !name.contains(['*', '?', '[', '\n', '\t'])), "{refs:?}");
    if let Some(commit) = commit_in(answer, &refs) {
        assert!(matches!(commit.len(), 40 | 64) && commit.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert!(refs.iter().any(|name| answer.contains(&format!("{commit}\t{name}"))), "{answer}");
    }
}

fn path(bytes: &[u8]) {
    let Some((text, link)) = halves(bytes) else { return };
    let Ok(path) = text.parse::<RelPath>() else { return };
    assert_eq!(path.as_str(), text);
    is_plain(&path);
    let again: Vec<&str> = path.names().collect();
    assert_eq!(again.join("/"), text);
    if let Some(target) = path.follow(link) {
        is_plain(&target);
        assert_eq!(path.follow(&path.link_to(&target)), Some(target));
    }
    if let Ok(child) = path.child(link) {
        is_plain(&child);
        assert_eq!(child.below(&path).unwrap_or_default().as_str(), link);
    }
}

/// What is read prints back as it was, but for spellings that `same` knows.
fn one_spelling<T: FromStr + Display + PartialEq + Debug>(text: &str, same: impl Fn(&str) -> String) {
    let Ok(value) = text.parse::<T>() else { return };
    let printed = value.to_string();
    assert_eq!(printed, same(text));
    assert!(printed.parse::<T>().is_ok_and(|again| again == value), "{printed:?}");
}

fn names(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let as_it_is = |text: &str| text.to_owned();
    one_spelling::<Stream>(text, as_it_is);
    one_spelling::<BuildName>(text, as_it_is);
    one_spelling::<BuildId>(text, |text| text.strip_suffix('/').unwrap_or(text).to_owned());
    one_spelling::<Label>(text, as_it_is);
    one_spelling::<Outcome>(text, as_it_is);
    let digest = |text: &str| text.strip_prefix("sha256:").unwrap_or(text).to_ascii_lowercase();
    one_spelling::<Digest>(text, digest);
    if let Ok(span) = text.parse::<Span>() {
        assert!(span.seconds() >= 0);
        assert!(span.after(noon(), chrono_zone()) >= noon());
        one_spelling::<Span>(text, |_| span.to_string());
    }
}

fn chrono_zone() -> chrono_tz::Tz {
    chrono_tz::Tz::America__Sao_Paulo
}

fn stamp(bytes: &[u8]) {
    let Some((format, text)) = halves(bytes) else { return };
    if let Ok(stamp) = text.parse::<Stamp>() {
        // Another zone than UTC is read where it is said, which is how others write times.
        let compact = !text.contains('-');
        assert!(!compact || stamp.to_string() == text, "{text:?} is {stamp:?}");
        assert_eq!(stamp.iso().parse::<Stamp>(), Ok(stamp));
        assert_eq!(stamp.to_string().parse::<Stamp>(), Ok(stamp));
        assert_eq!(Stamp::from_unix(stamp.unix()), Some(stamp));
    }
    if let Ok(stamp) = Stamp::read(text, format) {
        assert_eq!(stamp.spell(format), text);
    }
    if Stamp::can_read(format) {
        assert!(Stamp::read(&Stamp::default().spell(format), format).is_ok());
    }
}

/// What our own look at a file sees is what the reader of values sees: no key is lost on the way.
fn yaml(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(document) = Document::parse(text, "f.yaml") else { return };
    let keys = document.keys("");
    if let Ok(map) = document.read::<BTreeMap<String, Option<IgnoredAny>>>() {
        let read: Vec<&String> = map.keys().collect();
        let mut seen: Vec<&String> = keys.iter().collect();
        seen.sort();
        assert_eq!(read, seen);
    }
    if let Ok(list) = document.read::<Vec<IgnoredAny>>() {
        assert_eq!(document.items(""), Some(list.len()));
    }
    for key in keys {
        drop(document.read_at::<String>(&key));
        assert!(document.mark(&key).is_some_and(|mark| mark.line > 0 && mark.column > 0));
    }
}

/// Returns one of the shipped layouts.
fn shipped(number: usize) -> Option<&'static Layout> {
    static LAYOUTS: LazyLock<Vec<Layout>> = LazyLock::new(|| {
        let texts = Layout::shipped_names().filter_map(|name| Some((name, Layout::shipped(name)?)));
        texts.filter_map(|(name, text)| Layout::load(text, name).ok()).collect()
    });
    LAYOUTS.get(number % LAYOUTS.len())
}

fn layout(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(layout) = Layout::load(text, "f.yaml") else { return };
    assert_eq!(layout.text(), text);
    let paths =
        ["a", "a/b", "master/centos/20181205T060000Z", "a/b/c/20181205T060000Z/outputs/x", "r2018.10"];
    paths.into_iter().filter_map(|path| path.parse().ok()).for_each(|path| is_one_place(&layout, &path));
    drop(layout.branch("r/stx.10.0", &BTreeMap::new()));
    if let (Some(images), Ok(image)) = (layout.images(), "a/b:master-1.0".parse()) {
        drop(images.place(&image));
    }
}

/// A path that is a build's is the path of exactly that build, and a near path that is told is one that would do.
fn is_one_place(layout: &Layout, path: &RelPath) {
    match layout.place(path) {
        Place::Build { build } => {
            assert_eq!(layout.build_path(&build).ok().as_ref(), Some(path));
            drop(layout.created(&build));
            drop(layout.legacy(&build.stream));
        }
        Place::Stream { stream } => {
            assert_eq!(layout.stream_path(&stream).ok().as_ref(), Some(path));
            is_one_bundle(layout, &stream);
        }
        Place::Inside { build, rest, .. } => {
            let joined = layout.build_path(&build).map(|above| above.join(&rest));
            assert_eq!(joined.ok().as_ref(), Some(path));
        }
        _ => {}
    }
}

/// A bundle is no member of itself, its link is an alias, and a member's alias leads to the bundle of which it is one.
fn is_one_bundle(layout: &Layout, stream: &Stream) {
    if let Some(bundle) = layout.bundle(stream) {
        assert!(bundle.stream == *stream && bundle.member(stream).is_none());
        let link = layout.stream_path(stream).ok().and_then(|dir| dir.child(&bundle.link).ok());
        let kind = link.map(|link| layout.place(&link).kind());
        assert!(matches!(kind, Some("alias" | "declared")), "{stream}: {kind:?}");
    }
    for alias in ["current", "current-tripleo", "tested"] {
        let Some(bundle) = layout.bundle_of(stream, alias) else { continue };
        assert!(bundle.alias == alias && bundle.member(stream).is_some());
        assert!(layout.bundle(&bundle.stream).is_some_and(|again| again.alias == alias));
    }
}

fn place(bytes: &[u8]) {
    let Some((number, rest)) = choice(bytes) else { return };
    let path = str::from_utf8(rest).ok().and_then(|text| text.parse().ok());
    if let (Some(layout), Some(path)) = (shipped(number), path) {
        is_one_place(layout, &path);
    }
}

fn branch(bytes: &[u8]) {
    let Some((number, rest)) = choice(bytes) else { return };
    let (Some(layout), Some((branch, distro))) = (shipped(number), halves(rest)) else { return };
    let given = BTreeMap::from([("distro".to_owned(), distro.to_owned())]);
    if let Ok(found) = layout.branch(branch, &given)
        && let Ok(path) = layout.stream_path(&found.stream)
    {
        is_plain(&path);
    }
}

fn small_census() -> Census {
    const TEXT: &str = include_str!("../fixtures/census/two-weeks.json");
    serde_json::from_str(TEXT).unwrap_or_else(|_| Census::empty(noon()))
}

/// A pipeline keeps its text, and its examples and oddities can be tried whatever they say.
/// What is read of a broker is no more than came, and a piece of it is waited for.
fn amqp(bytes: &[u8]) {
    let mut rest = bytes;
    while let Ok(Some((_, length))) = mirrorkeep::send::amqp::frame(rest) {
        assert!(length > 7 && length <= rest.len());
        rest = rest.get(length..).unwrap_or_default();
    }
}

/// A targets.yaml is refused, or each target has a name and an address that rsync takes for no option and no other thing.
fn targets(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(address) = rsync_address(text) {
        assert!(!address.starts_with('-') && !address.ends_with('/') && address.contains(':'), "{address}");
        assert_eq!(rsync_address(&address).as_deref(), Ok(&*address));
    }
    let Ok(targets) = Targets::load(text, "f.yaml") else { return };
    assert_eq!(targets.text(), text);
    drop(mirrorkeep::decide::targets::lint(&targets, None));
    for (nth, one) in targets.to.iter().enumerate() {
        assert!(target_name(&one.name).is_ok() && target_name(&one.trace).is_ok());
        assert!(targets.to.iter().take(nth).all(|other| other.name != one.name));
    }
}

/// A head or part of a change list is written back as it was read, or as something that reads the same; a part never has two
/// items about one thing, none is outside the range of the part, and no path leads out of the mirror.
fn changes(bytes: &[u8]) {
    if let Ok(signed) = SignedHead::parse(bytes) {
        assert_eq!(SignedHead::parse(&signed.write()).as_ref(), Ok(&signed));
        if let Ok(head) = Head::parse(&signed.head) {
            assert_eq!(Head::parse(&head.text()).as_ref(), Ok(&head));
            assert_eq!(head.parts.last().map(|part| part.serial), Some(head.serial));
            assert!(head.since(head.serial).is_some_and(<[_]>::is_empty));
        }
    }
    let Ok(part) = Part::parse(bytes) else { return };
    assert_eq!(Part::parse(&part.write()).as_ref(), Ok(&part));
    let keys: BTreeSet<_> = part.items.iter().map(|change| change.item.key()).collect();
    assert_eq!(keys.len(), part.items.len());
    let mut known = Known::default();
    for change in &part.items {
        assert!(change.serial > part.after && change.serial <= part.serial);
        match &change.item {
            Item::Build(build) => {
                is_plain(&build.path);
                is_plain(&build.manifest_at(&RelPath::root()));
            }
            Item::Name(name) => {
                is_plain(&name.path);
                is_plain(&name.to);
            }
            Item::NameGone(path) => is_plain(path),
            Item::BuildGone { .. } => {}
        }
    }
    let (mut builds, mut names) = (0, 0);
    for change in &part.items {
        builds += u64::from(matches!(change.item, Item::Build(_)));
        names += u64::from(matches!(change.item, Item::Name(_)));
    }
    known.add(part);
    assert_eq!(known.counts(), (builds, names));
}

/// What is read of a trace is written back as something that reads the same, and no stream is behind the whole.
fn trace(bytes: &[u8]) {
    let Ok(trace) = Trace::parse(bytes) else { return };
    assert_eq!(Trace::parse(&trace.write()).as_ref(), Ok(&trace));
    assert!(trace.streams.values().all(|serial| *serial >= trace.serial));
}

fn deliver(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(deliver) = Deliver::load(text, "f.yaml") else { return };
    assert_eq!(deliver.text(), text);
    drop(mirrorkeep::decide::deliver::lint(&deliver));
    for (nth, one) in deliver.to.iter().enumerate() {
        // Its directory is of this name, and no other subscriber has it.
        assert!(subscriber_name(&one.name).is_ok() && !one.name.contains(['/', '.']));
        assert!(deliver.to.iter().take(nth).all(|other| other.name != one.name));
    }
}

fn pipeline(bytes: &[u8]) {
    static GENERIC: LazyLock<Option<Layout>> =
        LazyLock::new(|| Layout::load(Layout::shipped("generic")?, "generic").ok());
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(pipeline) = Pipeline::load(text, "f.yaml") else { return };
    assert_eq!(pipeline.text(), text);
    for test in &pipeline.tests {
        drop(pipeline.surprises(test));
    }
    let terms = LintTerms { layout: GENERIC.as_ref(), policy: None, streams: &BTreeMap::new(), builds: &[] };
    drop(mirrorkeep::decide::pipeline::lint(&pipeline, &terms));
    let same = diff(Some(&pipeline), &pipeline);
    assert!(same.stages.is_empty() && !same.reordered && same.gates.is_empty());
    for stage in &pipeline.stages {
        assert!(stage.gates.iter().all(|gate| pipeline.gate(gate).is_some()));
        assert!(stage.commands.iter().all(|one| !one.apply.is_empty() && !one.undo.is_empty()));
    }
}

/// NEW, OLD and a stream: no counterpart leaves the root, and what follows OLD follows NEW.
fn counterpart(bytes: &[u8]) {
    let Some((new, rest)) = halves(bytes) else { return };
    let Some((old, stream)) = rest.split_once('\n') else { return };
    let (Ok(found), Ok(stream)) = (Counterparts::read(new, old), stream.parse::<Stream>()) else { return };
    let Some(to) = found.of(&stream) else { return };
    is_plain(to.as_path());
    if !old.contains('*') {
        let (new, old) = (found.new_text(), found.old());
        assert_eq!(to.as_str().strip_prefix(new), stream.as_str().strip_prefix(old));
    }
    for pair in found.pairs([&stream]).into_iter().flatten() {
        assert!(pair.new == to && pair.old == stream && found.of(&to).is_none());
    }
}

/// Settings with which the requests of the fuzzer are judged.
const RELEASES: &str = "releases: 1\nremote: /git/{repo}\nseries: {\"2024.1\": {status: maintained}}\n";

/// A request, as the first of a repository and after itself; or the settings. A finding has a line of the file, and every name
/// that becomes part of an address stays what it is there.
fn release(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(settings) = Settings::load(text, SETTINGS) {
        assert!(!settings.remote("a/b").contains("::") && !settings.remote("a/b").starts_with('-'));
        for name in settings.names() {
            assert!(
                !name.contains('/') && settings.series(name).is_some_and(|one| !one.branch.starts_with('-'))
            );
        }
    }
    let file = format!("{REQUESTS}/2024.1/nova.yaml");
    let (request, _) = Request::load(text, &file);
    for entry in request.iter().flat_map(|request| &request.entries) {
        for project in &entry.projects {
            assert!(!project.repo.starts_with(['-', '/', '.']) && !project.repo.contains(".."));
            assert!(project.commit.bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
        if let Some(version) = &entry.version {
            assert!(!version.as_str().starts_with(['-', '.']) && !version.as_str().contains(['/', ' ', ':']));
            assert_eq!(version.as_str().parse().ok().as_ref(), Some(version));
        }
    }
    let settings = (SETTINGS.to_owned(), Contents::Text(RELEASES.to_owned()));
    let files = BTreeMap::from([settings, (file, Contents::Text(text.to_owned()))]);
    let lines = text.lines().count() + 1;
    let found = judge(&files, None, &Applied::new()).findings;
    assert!(found.iter().all(|finding| finding.line.is_none_or(|line| line <= lines)));
    // What is in the base was not changed, and is not judged again but for what is wrong with the files themselves.
    let after = judge(&files, Some(&files), &Applied::new());
    assert!(
        after
            .findings
            .iter()
            .all(|finding| finding.rule.as_str() != "only-appended" && found.contains(finding))
    );
}

/// The message of a tag, and a tag object.
fn tag(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(message) = TagMessage::parse(text) {
        assert_eq!(TagMessage::parse(&message.to_string()).as_ref(), Ok(&message));
        let plain = |c: char| !c.is_control();
        assert!(message.meta.iter().all(|(key, value)| key.chars().chain(value.chars()).all(plain)));
    }
    if let Ok(object) = TagObject::parse(text) {
        assert!(object.name.chars().chain(object.commit.chars()).all(|c| !c.is_control()));
        if let Some(signed) = object.signed {
            assert_eq!(format!("{}{}", signed.payload, signed.signature), text);
            assert!(signed.payload.ends_with(&object.message));
        }
    }
}

fn policy(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(policy) = Policy::load(text, "f.yaml") else { return };
    assert_eq!(policy.text(), text);
    drop(lint(&policy, None));
    judged(&small_census(), &policy);
}

/// Every build gets one verdict, and the plan is the same again.
fn judged(census: &Census, policy: &Policy) {
    let plan = retain(census, policy, census.at, &PreviousRuns::default());
    assert_eq!(plan.builds.len(), census.builds().count());
    assert_eq!(retain(census, policy, census.at, &PreviousRuns::default()).digest, plan.digest);
}

fn census(bytes: &[u8]) {
    let Ok(census) = serde_json::from_slice::<Census>(bytes) else { return };
    same_as_json(&census);
    if let Some(policy) = Policy::shipped("starlingx").and_then(|text| Policy::load(text, "starlingx").ok()) {
        judged(&census, &policy);
    }
}

fn same_as_json<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let text = serde_json::to_string(value).unwrap_or_default();
    assert!(serde_json::from_str::<T>(&text).is_ok_and(|again| again == *value), "{text}");
}

fn context(bytes: &[u8]) {
    if let Ok(context) = Context::parse(bytes) {
        assert_eq!(context.to_string().as_bytes(), bytes);
        let shell = ['$', '`', ';', '|', '<', '>', '*', '?', '\\', '"', '\'', '!', '#', ' '];
        let meant = |(dir, _): &(String, String)| !dir.contains(shell) && !dir.contains("..");
        assert!(context.checkouts().iter().all(meant), "{context}");
    }
}

fn sums(bytes: &[u8]) {
    if let Ok(sums) = Sums::parse(bytes) {
        sums.files().iter().for_each(|(path, _)| is_plain(path));
        let written = sums.to_string();
        assert_eq!(Sums::parse(written.as_bytes()).as_ref(), Ok(&sums), "{written:?}");
    }
}

fn package(bytes: &[u8]) {
    let Some((one, other)) = halves(bytes) else { return };
    for file in [one, other] {
        if let Some(package) = Package::of(file) {
            let parts = [package.name, package.arch, &*package.version];
            assert!(parts.iter().all(|part| !part.is_empty()), "{package:?}");
            let pieces = file.replace("%3a", ":");
            assert!(
                parts.iter().all(|part| file.contains(part) || pieces.contains(part)),
                "{package:?} is not in {file:?}"
            );
        }
    }
    for kind in [PackageKind::Rpm, PackageKind::Deb] {
        let order = kind.compare(one, other);
        assert_eq!(kind.compare(other, one), order.map(std::cmp::Ordering::reverse));
        assert!(kind.compare(one, one).is_none_or(std::cmp::Ordering::is_eq));
    }
    // A path is a name for one build, and none for the other.
    let manifest = |file: &str| {
        let line =
            format!("mirrorkeep-manifest 1\nf\t{}\t1\t444\t0\t0\t-\t-\t{file}\nend\t1\n", "0".repeat(64));
        Manifest::parse(line.as_bytes()).unwrap_or_default()
    };
    let (one, other) = (manifest(one), manifest(other));
    let (there, back) = (PackagesDiff::of(&one, &other), PackagesDiff::of(&other, &one));
    assert_eq!((there.same, there.changes.len()), (back.same, back.changes.len()));
}

fn lists(bytes: &[u8]) {
    let Some((number, rest)) = choice(bytes) else { return };
    let forms = [ForeignList::Stx, ForeignList::Coreutils];
    let Some(form) = forms.get(number % forms.len()) else { return };
    let files = form.read(rest).files;
    for file in &files {
        is_plain(&file.path);
    }
    assert!(files.is_sorted_by(|a, b| a.path < b.path));
}

fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::parse(bytes) {
        let written = manifest.write();
        assert_eq!(written.as_bytes(), bytes);
        assert!(manifest.changes(&manifest).is_empty());
        let _ = manifest.bytes();
    }
}

/// Returns the line with the checksum that it needs to be taken for whole.
fn summed(body: &[u8]) -> Option<String> {
    let body = str::from_utf8(body).ok()?;
    let sum: String = Digest::of(body.as_bytes()).to_string().chars().take(16).collect();
    Some(format!("{body},\"sum\":\"{sum}\"}}"))
}

fn event(bytes: &[u8]) {
    static GENERIC: LazyLock<Option<Layout>> =
        LazyLock::new(|| Layout::load(Layout::shipped("generic")?, "generic").ok());
    for line in [str::from_utf8(bytes).ok().map(str::to_owned), summed(bytes)].into_iter().flatten() {
        if let Ok(event) = Event::parse(line.as_bytes()) {
            let written = event.write();
            assert_eq!(written.matches('\n').count(), 1);
            assert_eq!(event.sum().len(), 16);
            if let Some(cloud) = GENERIC.as_ref().and_then(|layout| CloudEvent::of(&event, "x", layout)) {
                // One printable line that other programs can read.
                let sent = cloud.line();
                assert!(!sent.chars().any(char::is_control), "{sent}");
                assert!(serde_json::from_str::<serde_json::Value>(&sent).is_ok_and(|sent| sent.is_object()));
            }
            assert_eq!(Event::parse(written.trim_end_matches('\n').as_bytes()), Ok(event));
        }
    }
}

/// A reference has every part when it is printed, and is the same when it is read again.
fn image(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(image) = text.parse::<ImageRef>() else { return };
    let printed = image.to_string();
    assert!(printed.parse::<ImageRef>().is_ok_and(|again| again == image), "{printed:?}");
    assert!(printed.starts_with(&format!("{}/", image.registry)) && printed.is_ascii(), "{printed:?}");
    assert!(image.tag.is_some() || image.digest.is_some(), "{printed:?}");
    assert!(!image.name().is_empty() && image.without_registry().starts_with(&image.repository));
}

/// A list has as many references as it says, and what is told of one is text of it.
fn images(bytes: &[u8]) {
    let Some((number, rest)) = choice(bytes) else { return };
    let (Some(images), Ok(list)) = (shipped(number).and_then(Layout::images), ImageList::parse(rest)) else {
        return;
    };
    assert!(list.lines.len() <= 10_000);
    for line in &list.lines {
        assert!(!line.text.contains('\n') && !line.text.is_empty());
        let Ok(image) = &line.image else { continue };
        let text = image.without_registry();
        match images.place(image) {
            Ok(placed) => assert!(placed.fields.values().all(|value| text.contains(value)), "{placed:?}"),
            Err(misfit) => assert!(text.contains(&misfit.found), "{misfit:?}"),
        }
    }
}

fn record(bytes: &[u8]) {
    let Ok(raw) = serde_json::from_slice::<BuildRecord>(bytes) else { return };
    let Ok(record) = BuildRecord::parse(bytes, &raw.id) else { return };
    let written = record.write();
    assert!(BuildRecord::parse(written.as_bytes(), &raw.id).is_ok_and(|again| again == record), "{written}");
}

/// Whatever a registry or a file with credentials says, it is read or refused, and an address is read again as the same.
fn registry(bytes: &[u8]) {
    let Some((number, rest)) = choice(bytes) else { return };
    if let Ok(text) = str::from_utf8(rest) {
        same_when_printed::<Address>(text);
        same_when_printed::<Image>(text);
        if let Some(Challenge::Bearer { realm, .. }) = Challenge::read(text.lines()) {
            assert!(!realm.is_empty());
        }
        if let Some(next) = next_page(text) {
            assert!(text.contains(&next) && !next.contains('>'), "{next:?}");
        }
    }
    if let Ok(file) = CredentialsFile::parse(rest) {
        assert!(!format!("{file:?}").contains("SECRET"));
        file.knows("registry.example.org", "starlingx/stx-nova");
    }
    let types = [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ];
    let Some(media_type) = types.get(number % types.len()) else { return };
    let manifest = ImageManifest::new(media_type, rest.to_vec());
    if let Ok(parts) = manifest.parts() {
        assert!(parts.manifests.is_empty() || number % 2 == 0, "{parts:?}");
        assert!(parts.foreign == 0 || number % 2 == 1, "{parts:?}");
    }
}

fn same_when_printed<T: FromStr + Display + PartialEq>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let printed = value.to_string();
        assert!(printed.parse::<T>().is_ok_and(|again| again == value), "{printed:?}");
    }
}

/// A build all of whose files hold the same.
struct AllSame<'a>(&'a str);

impl Files for AllSame<'_> {
    type Error = Infallible;

    fn has(&self, at: &RelPath) -> Result<bool, Infallible> {
        Ok(self.0.len() % 3 != at.as_str().len() % 3)
    }

    fn text(&self, at: &RelPath) -> Result<Option<String>, Infallible> {
        Ok(self.has(at)?.then(|| self.0.to_owned()))
    }
}

fn told(bytes: &[u8]) {
    let Some((number, rest)) = choice(bytes) else { return };
    let (Some(layout), Ok(text)) = (shipped(number), str::from_utf8(rest)) else { return };
    let files = AllSame(text);
    let Ok(told) = layout.result_of(&files);
    assert!(told.problem.is_none() || told.outcome == Outcome::Unknown, "{told:?}");
    let Ok(time) = layout.told_time(&files);
    if let Some(Ok(time)) = time {
        assert_eq!(Stamp::from_unix(time.unix()), Some(time));
    }
    let Ok(labels) = layout.told_labels(&files);
    assert!(labels.iter().all(|(key, value)| Label::new(key, value).is_ok()));
}

const BUILD: &str = "master/centos/20181205T060000Z";

/// Returns a bucket with a mirror of one build, and the mirror.
fn bucket() -> Option<(Arc<InMemory>, Mirror)> {
    let client = Arc::new(InMemory::new());
    let store =
        Arc::new(ObjectStore::new(Arc::<InMemory>::clone(&client), "memory:", Conditions::Honoured).ok()?);
    let setup = Setup {
        layout: Chosen::Shipped("starlingx".to_owned()),
        policy: None,
        pipeline: None,
        id: "id".to_owned(),
    };
    let mirror = Mirror::init(store, &setup, "fuzz", Duration::ZERO).ok()?;
    let file: RelPath = format!("{BUILD}/outputs/logs/log").parse().ok()?;
    mirror.store().put(&file, b"kept", Put::Create).ok()?;
    Some((client, mirror))
}

/// Whatever stands in a file of the own area, nothing outside of it is touched, and a damaged file is told.
fn own(bytes: &[u8]) {
    let places = [
        format!("builds/{BUILD}.json"),
        format!("manifests/{BUILD}.files"),
        format!("holds/{BUILD}.json"),
        "journal/000000000001.jsonl".to_owned(),
        "trash/1/ticket.json".to_owned(),
        "stage/1/seal.json".to_owned(),
        "stage/1/upload.json".to_owned(),
        "mirror.yaml".to_owned(),
        format!("logs/{BUILD}.json"),
    ];
    let Some((number, rest)) = choice(bytes) else { return };
    let (Some(place), Some((_, mirror))) = (places.get(number % places.len()), bucket()) else { return };
    let journal = place.starts_with("journal").then(|| summed(rest)).flatten().map(|line| line + "\n");
    let content = journal.as_deref().map_or(rest, str::as_bytes);
    let store = mirror.store();
    if store.put(&RelPath::state(place), content, Put::Replace).is_err() {
        return;
    }
    drop(Mirror::abilities(store));
    drop(survey(&mirror, noon()));
    drop(mirror.holds());
    drop(mirror.trash());
    drop(mirror.history(&[EventKind::Published]));
    if let Ok(id) = BUILD.parse() {
        if let Ok(Some(record)) = mirror.record(&id) {
            drop(mirror.logs(&record));
        }
        drop(mirror.manifest(&id));
    }
    drop(begin(&mirror, &noon));
    let kept = format!("{BUILD}/outputs/logs/log").parse().map(|at| store.read(&at, 9));
    assert!(kept.is_ok_and(|kept| kept.is_ok_and(|kept| kept == b"kept")));
}

/// Whatever keys and pointers others put into a bucket, no path that is found in it leaves the mirror.
fn pointer(bytes: &[u8]) {
    let (Some((key, text)), Some((client, mirror))) = (halves(bytes), bucket()) else { return };
    let Ok(key) = Path::parse(key) else { return };
    let wait = tokio::runtime::Builder::new_current_thread().build();
    let Ok(wait) = wait else { return };
    if wait.block_on(client.put(&key, text.to_owned().into())).is_err() {
        return;
    }
    let store = mirror.store();
    if let Ok(below) = store.below(&RelPath::root()) {
        for found in &below {
            is_plain(&found.path);
        }
    }
    let path = key.as_ref().strip_suffix(".mirrorkeep-link").unwrap_or(key.as_ref()).parse();
    if let Ok(path) = path {
        drop(store.look(&path));
        if let Ok(Resolved::To(to) | Resolved::Dangles(to)) = resolve(store, &path) {
            is_plain(&to);
        }
    }
    drop(links(&mirror));
    drop(survey(&mirror, noon()));
}
