//! The page of a build.

use super::place::{files_page, page as page_of};
use super::view::{
    Fact, Happened, Link, Page, Prose, Value, Vote, class, kept, known_time, labels, text, time, votes, web,
};
use crate::decide::diff::{Change, CommitChange, FileChange, PackageChange, VersionChange};
use crate::decide::readers::{Kind, repositories};
use crate::decide::{Fate, Reason};
use crate::model::{Digest, RelPath, SUMS_NAME, Stamp, shell_word, url_name, url_path};
use crate::ops::diff::BuildsDiff;
use crate::ops::site::{BuildFacts, Details, Shown, SiteFacts};
use crate::ops::status::CheckedBuild;
use crate::record::{Context, FileEntry, Manifest};
use crate::render::paint::{bytes, count};
use askama::Template;
use serde::Serialize;

/// How many files a page lists, how many further pages of files there are, and how many commits and changes of one kind are
/// listed.
const FILES: usize = 1000;
const PAGES: u64 = 99;
const CHANGES: usize = 200;

#[derive(Template)]
#[template(path = "build.html")]
struct BuildPage {
    page: Page,
    heading: String,
    result: String,
    class: &'static str,
    /// What the last check found: how much, and what.
    errors: String,
    checked: Prose,
    facts: Vec<Fact>,
    dir: String,
    path: String,
    names: Vec<Link>,
    commands: Vec<Command>,
    kept: String,
    reasons: Vec<Prose>,
    changes: Option<Changes>,
    votes: Vec<Vote>,
    labels: Vec<String>,
    commits: Vec<Commit>,
    more_commits: String,
    events: Vec<Happened>,
    files: Vec<File>,
    others: Vec<Link>,
    more_files: String,
    sums: String,
}

#[derive(Template)]
#[template(path = "files.html")]
struct FilesPage {
    page: Page,
    heading: String,
    build_href: String,
    files: Vec<File>,
    others: Vec<Link>,
}

struct Command {
    what: &'static str,
    text: String,
}

struct Changes {
    before: String,
    href: String,
    bytes: String,
    tables: Vec<Table>,
}

struct Table {
    name: &'static str,
    what: &'static str,
    counts: String,
    rows: Vec<ChangeRow>,
    more: String,
}

struct ChangeRow {
    change: &'static str,
    name: String,
    before: String,
    before_href: String,
    after: String,
    after_href: String,
}

struct Commit {
    dir: String,
    id: String,
    href: String,
}

struct File {
    path: String,
    href: String,
    size: String,
    bytes: u64,
    digest: String,
}

/// What keeps a build, and until when.
type Kept<'a> = Vec<(&'a str, Option<&'a str>, Option<Stamp>)>;

/// Returns a digest of all from which the page of a build is made but its details.
pub(super) fn input(facts: &SiteFacts, shown: Shown<'_>, more: usize, form: &str) -> Digest {
    #[derive(Serialize)]
    struct Input<'a> {
        form: &'a str,
        more: usize,
        site: (&'a str, &'a RelPath, &'a Option<String>, &'a Option<String>),
        path: &'a RelPath,
        census: &'a crate::census::BuildCensus,
        names: &'a [RelPath],
        checked: &'a Option<CheckedBuild>,
        kept: Option<(String, Kept<'a>)>,
        events: Vec<u64>,
        before: Option<(String, Option<Digest>)>,
    }
    let Shown { build, before } = shown;
    let input = Input {
        form,
        more,
        site: (&facts.title, &facts.path, &facts.address, &facts.commit_url),
        path: &build.path,
        census: &build.census,
        names: &build.names,
        checked: &build.checked,
        kept: build.verdict.as_ref().map(|verdict| {
            let reasons =
                verdict.reasons.iter().map(|one| (&*one.rule, told(one, verdict.fate), one.until)).collect();
            (kept(verdict), reasons)
        }),
        events: build.events.iter().map(|event| event.seq).collect(),
        before: before.map(|before| (before.id.to_string(), before.census.sums)),
    };
    // Plain data.
    Digest::of(&serde_json::to_vec(&input).unwrap_or_default())
}

/// Returns the paths of the further pages of a build with many files.
pub(super) fn more(build: &BuildFacts) -> Vec<RelPath> {
    let pages = build.census.files.unwrap_or_default().div_ceil(FILES as u64);
    (2..=pages.min(PAGES + 1)).filter_map(|nth| files_page(&build.id, nth)).collect()
}

/// Returns the page of a build, and its further pages.
pub(super) fn build(facts: &SiteFacts, shown: Shown<'_>, details: &Details, more: &[RelPath]) -> Vec<String> {
    let first = first(facts, shown, details, more);
    let files = details.manifest.as_ref().map(|manifest| manifest.files.as_slice()).unwrap_or_default();
    let other = |(nth, path): (usize, &RelPath)| {
        let id = &shown.build.id;
        let name = format!("{}, files, page {nth}", id.name);
        let page = Page::of(facts, path, Some(&id.stream), Some(&name));
        let files = files.iter().skip((nth - 1) * FILES).take(FILES);
        let made = FilesPage {
            heading: text(&name),
            build_href: page.to_build(id),
            files: files.map(|file| File::of(&page, shown.build, file)).collect(),
            others: others(facts, shown.build, &page, more, nth),
            page,
        };
        // Nothing fails in memory.
        made.render().unwrap_or_default()
    };
    std::iter::once(first).chain((2..).zip(more).map(other)).collect()
}

/// Returns links to the pages of files of a build but the one at `here`, which has none; nothing where there is one alone.
fn others(facts: &SiteFacts, build: &BuildFacts, page: &Page, more: &[RelPath], here: usize) -> Vec<Link> {
    let paths = page_of(&build.id).into_iter().chain(more.iter().cloned());
    let link = |(nth, path): (usize, RelPath)| Link {
        text: nth.to_string(),
        href: if nth == here { String::new() } else { page.to(&facts.path.join(&path)) },
    };
    let links: Vec<Link> = (1..).zip(paths).map(link).collect();
    if more.is_empty() { Vec::new() } else { links }
}

impl File {
    fn of(page: &Page, build: &BuildFacts, file: &FileEntry) -> Self {
        Self {
            path: text(file.path.as_str()),
            href: page.to(&build.path.join(&file.path)),
            size: bytes(file.size),
            bytes: file.size,
            digest: file.digest.to_string(),
        }
    }
}

fn first(facts: &SiteFacts, shown: Shown<'_>, details: &Details, further: &[RelPath]) -> String {
    let Shown { build, before } = shown;
    let (id, census) = (&build.id, &build.census);
    let at = page_of(id).unwrap_or_default();
    let page = Page::of(facts, &at, Some(&id.stream), Some(id.name.as_str()));
    let commit_link = |dir: &str, commit: &str| commit_link(facts, dir, commit);
    let all: &[(String, String)] = details.context.as_ref().map(Context::checkouts).unwrap_or_default();
    let commits = all.iter().take(CHANGES).map(|(dir, commit)| {
        let dir = dir.strip_prefix("./").unwrap_or(dir);
        Commit { dir: text(dir), id: text(commit), href: commit_link(dir, commit) }
    });
    let manifest = details.manifest.as_ref();
    let files = manifest.map(|manifest| manifest.files.as_slice()).unwrap_or_default();
    let reason = |reason: &Reason, fate: Fate| {
        let until = reason.until.map(|until| format!(", until {}", time(until))).unwrap_or_default();
        let what = told(reason, fate).map(|detail| format!(": {detail}")).unwrap_or_default();
        Prose::new(text(&format!("{}{what}{until}", reason.rule)))
    };
    let verdict = build.verdict.as_ref();
    let named = |name: &RelPath| Link { text: text(name.as_str()), href: page.to_dir(name) };
    let diff = details.diff.as_ref().zip(before);
    let made = BuildPage {
        heading: text(id.name.as_str()),
        result: census.result.to_string(),
        class: class(census.result),
        errors: build.checked.as_ref().map(|found| count(found.errors, "error")).unwrap_or_default(),
        checked: Prose::new(build.checked.as_ref().zip(facts.status.check.as_ref()).map_or_else(
            String::new,
            |(found, check)| {
                let codes = found.codes.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ");
                let (at, errors) = (time(check.at), count(found.errors, "error"));
                text(&format!("The check of {at} found {errors} in this build ({codes}): it may not be what was published."))
            },
        )),
        facts: known(build),
        dir: page.to_dir(&build.path),
        path: text(
            &facts
                .address
                .as_ref()
                .map_or_else(|| format!("{}/", build.path), |url| format!("{url}{}/", url_path(&build.path))),
        ),
        names: build.names.iter().map(named).collect(),
        commands: manifest.map(|manifest| commands(facts, build, manifest)).unwrap_or_default(),
        kept: match verdict.map(|verdict| (verdict, verdict.fate)) {
            None => "Not known: the mirror has no usable policy.".to_owned(),
            Some((verdict, Fate::Keep)) if verdict.reasons.len() > 1 => {
                "It is kept as long as one of these reasons applies:".to_owned()
            }
            Some((_, Fate::Keep)) => "It is kept for this reason:".to_owned(),
            Some((verdict, Fate::Expire)) if verdict.archive.is_some() => {
                "No rule keeps it: the next prune moves it to an archive.".to_owned()
            }
            Some((_, Fate::Expire)) => "No rule keeps it: the next prune moves it to the trash.".to_owned(),
            Some((_, Fate::Withheld)) => "No rule keeps it, and the next prune withholds it:".to_owned(),
            Some((_, Fate::Blocked)) => "It is blocked: the policy cannot be applied to it, so prune keeps it.".to_owned(),
        },
        reasons: verdict
            .iter()
            .flat_map(|verdict| verdict.reasons.iter().map(|one| reason(one, verdict.fate)))
            .collect(),
        changes: diff.map(|(diff, before)| changes(diff, before, &page, &commit_link)),
        votes: votes(census),
        labels: labels(census),
        commits: commits.collect(),
        more_commits: not_listed(all.len(), CHANGES),
        events: build.events.iter().map(Happened::of).collect(),
        files: files.iter().take(FILES).map(|file| File::of(&page, build, file)).collect(),
        others: others(facts, build, &page, further, 1),
        more_files: not_listed(files.len(), FILES * (further.len() + 1)),
        sums: census
            .sums
            .map(|_| page.to(&build.path.child(SUMS_NAME).unwrap_or_default()))
            .unwrap_or_default(),
        page,
    };
    // Nothing fails in memory.
    made.render().unwrap_or_default()
}

/// Returns more about what protects or blocks a build, such as the alias. What a rule says more, such as a rank, changes with
/// every other build.
fn told(reason: &Reason, fate: Fate) -> Option<&str> {
    if fate == Fate::Blocked {
        return reason.detail.as_deref();
    }
    // Persons are not named.
    let names_no_one = reason.protects && !matches!(&*reason.rule, "hold" | "lease");
    reason.detail.as_deref().filter(|_| names_no_one)
}

fn known(build: &BuildFacts) -> Vec<Fact> {
    let census = &build.census;
    let mut known = vec![
        Fact::new("Created", known_time(census.created)),
        Fact::new("Published", known_time(census.published)),
    ];
    known.extend(census.bytes.map(|size| {
        Fact::noted("Size", bytes(size), census.files.map(|files| count(files, "file")).unwrap_or_default())
    }));
    known.extend(census.sums.map(|sums| Fact::new("SHA-256 of SHA256SUMS", sums.to_string())));
    let hold = |hold: &crate::record::Hold| {
        let until = hold
            .until
            .map_or_else(|| "until it is removed".to_owned(), |until| format!("until {}", time(until)));
        Value::new(text(&hold.why), until)
    };
    let holds: Vec<Value> = census.holds.iter().map(hold).collect();
    if !holds.is_empty() {
        known.push(Fact { name: "Held", values: holds });
    }
    if !census.requires.is_empty() {
        let requires: Vec<String> = census.requires.iter().map(ToString::to_string).collect();
        known.push(Fact::new("Requires", text(&requires.join(", "))));
    }
    if !census.trimmed.is_empty() {
        known.push(Fact::new("Removed parts", text(&census.trimmed.join(", "))));
    }
    known.extend(census.problem.as_deref().map(|problem| Fact::new("Problem", text(problem))));
    known
}

/// Returns commands that fetch the build; none without the public address of the mirror.
fn commands(facts: &SiteFacts, build: &BuildFacts, manifest: &Manifest) -> Vec<Command> {
    let Some(address) = &facts.address else { return Vec::new() };
    let url = format!("{address}{}", url_path(&build.path));
    let word = |text: &str| shell_word(text.as_ref());
    let mut commands = vec![Command {
        what: "Download and check a file:",
        text: manifest
            .files
            .iter()
            .max_by_key(|file| file.size)
            .map(|file| {
                let (at, name) = (url_path(&file.path), file.path.name());
                format!(
                    "curl -fsSO {}\necho '{}  '{} | sha256sum -c",
                    word(&format!("{url}{at}")),
                    file.digest,
                    word(name)
                )
            })
            .unwrap_or_default(),
    }];
    commands.retain(|command| !command.text.is_empty());
    // The directories of the address come first in what is downloaded, since `-nH` leaves out the host alone.
    let above =
        url::Url::parse(address).map(|url| url.path().trim_matches('/').to_owned()).unwrap_or_default();
    let dir = if above.is_empty() { build.path.to_string() } else { format!("{above}/{}", build.path) };
    let fetch = format!("wget -q -r -np -nH -R 'index.html*' {}", word(&format!("{url}/")));
    commands.push(match build.census.sums {
        Some(_) => Command {
            what: "Download and check everything:",
            text: format!("{fetch}\n(cd {} && sha256sum -c SHA256SUMS)", word(&dir)),
        },
        None => Command { what: "Download everything (the build has no SHA256SUMS):", text: fetch },
    });
    for repository in repositories(manifest.files.iter().map(|file| &file.path)) {
        let below = if repository.path.is_root() { String::new() } else { url_path(&repository.path) };
        match repository.kind {
            Kind::Rpm => commands.push(Command {
                what: "See the packages of this build with dnf:",
                text: format!(
                    "dnf --repofrompath=build,{} --repo=build list --available",
                    word(&format!("{url}{below}/"))
                ),
            }),
            Kind::Deb(suites) => {
                let line = |(suite, components): (&String, &std::collections::BTreeSet<String>)| {
                    let components: Vec<&str> = components.iter().map(String::as_str).collect();
                    format!("deb {url}{below}/ {suite} {}", components.join(" ")).trim_end().to_owned()
                };
                commands.push(Command {
                    what: "Use the packages of this build with apt (/etc/apt/sources.list.d):",
                    text: suites.iter().map(line).collect::<Vec<_>>().join("\n"),
                });
            }
        }
    }
    commands
}

/// Returns the address of a commit; nothing where the settings have none.
fn commit_link(facts: &SiteFacts, dir: &str, commit: &str) -> String {
    let Some(url) = &facts.commit_url else { return String::new() };
    let repo = dir.rsplit('/').next().unwrap_or(dir);
    web(&url.replace("{repo}", &url_name(repo)).replace("{commit}", &url_name(commit))).unwrap_or_default()
}

fn changes(
    diff: &BuildsDiff,
    before: &BuildFacts,
    page: &Page,
    commit_link: &impl Fn(&str, &str) -> String,
) -> Changes {
    let mut tables = Vec::new();
    if let Some(commits) = &diff.commits {
        let counts = counts(
            &by_change(|change| commits.changes.iter().filter(|one| one.change == change).count() as u64),
            commits.same,
        );
        let row = |one: &CommitChange| {
            let link = |commit: &Option<String>| {
                commit.as_deref().map(|commit| commit_link(&one.dir, commit)).unwrap_or_default()
            };
            let short = |commit: &Option<String>| {
                commit.as_deref().map(|commit| text(commit.get(..12).unwrap_or(commit))).unwrap_or_default()
            };
            ChangeRow {
                change: one.change.word(),
                name: text(&one.dir),
                before: short(&one.before),
                before_href: link(&one.before),
                after: short(&one.after),
                after_href: link(&one.after),
            }
        };
        tables.push(table("Commits", "Directory", counts, &commits.changes, row));
    }
    let packages = &diff.packages;
    if packages.same > 0 || !packages.changes.is_empty() {
        let counts =
            counts(&VersionChange::ALL.map(|change| (change.word(), packages.count(change))), packages.same);
        let row = |one: &PackageChange| ChangeRow {
            change: one.change.word(),
            name: text(&format!("{}.{}", one.name, one.arch)),
            before: one.before.as_deref().map(text).unwrap_or_default(),
            before_href: String::new(),
            after: one.after.as_deref().map(text).unwrap_or_default(),
            after_href: String::new(),
        };
        tables.push(table("Packages", "Package", counts, &packages.changes, row));
    }
    let files = &diff.files;
    let counts = counts(&by_change(|change| files.count(change)), files.same);
    let row = |one: &FileChange| ChangeRow {
        change: one.change.word(),
        name: text(one.path.as_str()),
        before: one.before.map(bytes).unwrap_or_default(),
        before_href: String::new(),
        after: one.after.map(bytes).unwrap_or_default(),
        after_href: String::new(),
    };
    tables.push(table("Files", "File", counts, &files.changes, row));
    let size = diff.bytes;
    Changes {
        before: text(before.id.name.as_str()),
        href: page.to_build(&before.id),
        bytes: format!(
            "{} before, {} after; {} only before, {} only after.",
            bytes(size.before),
            bytes(size.after),
            bytes(size.gone),
            bytes(size.added)
        ),
        tables,
    }
}

fn by_change(count: impl Fn(Change) -> u64) -> [(&'static str, u64); 3] {
    [Change::Added, Change::Gone, Change::Changed].map(|change| (change.word(), count(change)))
}

fn counts(counts: &[(&str, u64)], same: u64) -> String {
    let some = counts.iter().filter(|(_, count)| *count > 0).map(|(word, count)| format!("{count} {word}"));
    some.chain([format!("{same} the same")]).collect::<Vec<_>>().join(", ")
}

fn table<T>(
    name: &'static str,
    what: &'static str,
    counts: String,
    all: &[T],
    row: impl Fn(&T) -> ChangeRow,
) -> Table {
    Table {
        name,
        what,
        counts,
        rows: all.iter().take(CHANGES).map(row).collect(),
        more: not_listed(all.len(), CHANGES),
    }
}

/// Returns how many are not listed.
fn not_listed(all: usize, listed: usize) -> String {
    match all.checked_sub(listed) {
        None | Some(0) => String::new(),
        Some(more) => format!("{} more are not listed.", indicatif::HumanCount(more as u64)),
    }
}
