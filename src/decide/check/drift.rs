//! Changes in a build since it was published or adopted, by names, sizes and times alone.
//!
//! Bytes that changed with the same size and time are not noticed here: `verify` reads them.

use crate::decide::check::lists::{LISTED, Named, Tally, names};
use crate::decide::check::{Code, Finding, SeenBuild, SeenKind};
use crate::layout::Layout;
use crate::model::{BuildId, RelPath, is_sums};
use crate::record::{ManifestError, ManifestLine, manifest_lines};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How many changed files with several names are compared with those of other builds, for each build.
const COMPARED: usize = 1000;

/// A file with several names, by device and inode.
type Inode = (u64, u64);

/// The changes in one build.
#[derive(Debug, Clone)]
pub struct Drift {
    id: BuildId,
    path: RelPath,
    changed: Paths,
    gone: Paths,
    new: Paths,
    /// Changed files that have another name, maybe in another build.
    linked: Vec<(Inode, String)>,
}

/// The first of many paths, and how many there are.
#[derive(Debug, Clone, Default)]
struct Paths {
    count: usize,
    first: Vec<String>,
}

impl Paths {
    fn of(paths: impl IntoIterator<Item = String>) -> Self {
        let mut all = Self::default();
        paths.into_iter().for_each(|path| all.add(path));
        all
    }

    fn add(&mut self, path: String) {
        self.count += 1;
        let at = self.first.partition_point(|before| *before < path);
        self.first.insert(at, path);
        self.first.truncate(LISTED);
    }

    /// Returns the number of paths and the first of them, with what they are; nothing if there are none.
    fn are(&self, what: &str) -> Option<String> {
        (self.count > 0).then(|| format!("{} {what}: {}", self.count, names(&self.first, self.count)))
    }
}

/// Returns what changed in a build, apart from what is in `told`; an unreadable manifest is a finding.
pub(super) fn judge(
    seen: &SeenBuild,
    layout: &Layout,
    told: &BTreeSet<String>,
    findings: &mut Vec<Finding>,
) -> Option<Drift> {
    drift(seen, layout, told).unwrap_or_else(|error| {
        let why = format!("its manifest: {error}");
        findings.push(Finding::new(Code::RecordDamaged, &seen.path, why, "what mirrorkeep wrote"));
        None
    })
}

/// Returns the findings of builds that changed: a changed file that several builds share is reported once, in the first.
pub fn comply_drift(mut drifts: Vec<Drift>) -> Vec<Finding> {
    drifts.sort_by(|a, b| a.path.cmp(&b.path));
    let mut sharing: HashMap<Inode, BTreeSet<usize>> = HashMap::new();
    for (nth, drift) in drifts.iter().enumerate() {
        for (inode, _) in &drift.linked {
            sharing.entry(*inode).or_default().insert(nth);
        }
    }
    let builds: Vec<String> = drifts.iter().map(|drift| drift.id.to_string()).collect();
    let streams: Vec<String> = drifts.iter().map(|drift| drift.id.stream.to_string()).collect();
    let finding = |(nth, mut drift): (usize, Drift)| {
        let mut shared: BTreeMap<&BTreeSet<usize>, Paths> = BTreeMap::new();
        for (inode, path) in std::mem::take(&mut drift.linked) {
            match sharing.get(&inode) {
                Some(all) if all.len() > 1 && all.first() == Some(&nth) => {
                    shared.entry(all).or_default().add(path);
                }
                Some(all) if all.len() > 1 => {}
                _ => drift.changed.add(path),
            }
        }
        let streams: BTreeSet<&str> = shared
            .keys()
            .flat_map(|all| all.iter())
            .filter_map(|nth| streams.get(*nth).map(String::as_str))
            .collect();
        let shared = shared.into_iter().filter_map(|(all, paths)| {
            let others: Vec<String> =
                all.iter().skip(1).filter_map(|nth| builds.get(*nth).cloned()).collect();
            let (count, listed) = (others.len(), names(&others, others.len()));
            let builds = if count == 1 { "build" } else { "builds" };
            Some(format!("{}; {count} other {builds} share the bytes: {listed}", paths.are("changed")?))
        });
        let found: Vec<String> = shared.chain(drift.differences()).collect();
        (!found.is_empty()).then(|| {
            let expected = "as published or adopted, by size and time";
            let finding =
                Finding::new(Code::BuildChanged, &drift.path, found.join("; "), expected).of(&drift.id);
            if streams.is_empty() {
                finding
            } else {
                Finding { hint: all_as_they_are(&streams).into(), ..finding }
            }
        })
    };
    drifts.into_iter().enumerate().filter_map(finding).collect()
}

/// Returns the hint if the builds of some streams share bytes that changed: a command for one build leaves the
/// others.
fn all_as_they_are(streams: &BTreeSet<&str>) -> String {
    let commands: Vec<String> = streams
        .iter()
        .map(|stream| format!("`mirrorkeep adopt --changed --rewrite-sums {stream}`"))
        .collect();
    format!(
        "put the files back from a copy, or take every changed build as it is with {}",
        commands.join(" and ")
    )
}

/// Returns what changed since the manifest was written, as text, apart from what is in `told`; nothing if nothing
/// did.
pub fn changes(
    seen: &SeenBuild,
    layout: &Layout,
    told: &BTreeSet<String>,
) -> Result<Option<String>, ManifestError> {
    let Some(mut drift) = drift(seen, layout, told)? else { return Ok(None) };
    for (_, path) in std::mem::take(&mut drift.linked) {
        drift.changed.add(path);
    }
    Ok(Some(drift.differences().collect::<Vec<_>>().join("; ")))
}

impl Drift {
    /// Returns the text of each kind of difference.
    fn differences(&self) -> impl Iterator<Item = String> {
        let all = [(&self.changed, "changed"), (&self.gone, "gone"), (&self.new, "new")];
        all.into_iter().filter_map(|(paths, what)| paths.are(what))
    }
}

fn drift(seen: &SeenBuild, layout: &Layout, told: &BTreeSet<String>) -> Result<Option<Drift>, ManifestError> {
    let Some(bytes) = &seen.manifest else { return Ok(None) };
    let mut tally = Tally::of(seen);
    let (mut changed, mut gone, mut linked) = (Paths::default(), Paths::default(), Vec::new());
    for line in manifest_lines(bytes) {
        let line = line?;
        let path = line.path();
        let is_told = || told.contains(path);
        match (tally.name(path), &line) {
            (Named::Nothing, ManifestLine::File(_) | ManifestLine::Link { .. }) if !is_told() => {
                gone.add(path.to_owned());
            }
            (Named::Item(item), ManifestLine::File(file)) => {
                let same_time = item.mtime.is_none_or(|mtime| mtime == file.mtime);
                let same = item.kind == SeenKind::File && item.size == file.size && same_time;
                match item.linked.filter(|_| linked.len() < COMPARED) {
                    _ if same || is_told() => {}
                    Some(inode) => linked.push((inode, path.to_owned())),
                    None => changed.add(path.to_owned()),
                }
            }
            (Named::Item(item), ManifestLine::Link { text, .. }) => {
                if !matches!(&item.kind, SeenKind::Link(found, _) if found == text) && !is_told() {
                    changed.add(path.to_owned());
                }
            }
            (_, ManifestLine::Dir(_)) | (Named::Twice | Named::Nothing, _) => {}
        }
    }
    let new = tally.rest().filter(|(_, item)| matches!(item.kind, SeenKind::File | SeenKind::Link(..)));
    let new = new.map(|(dir, item)| dir.at(item));
    let said =
        |path: &RelPath| layout.is_said(path) || is_sums(path.as_str()) || told.contains(path.as_str());
    let new = Paths::of(new.filter(|path| !said(path)).map(|path| path.as_str().to_owned()));
    if changed.count + gone.count + new.count + linked.len() == 0 {
        return Ok(None);
    }
    let (id, path) = (seen.id.clone(), seen.path.clone());
    Ok(Some(Drift { id, path, changed, gone, new, linked }))
}
