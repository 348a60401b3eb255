//! The inputs of a build: which of its files they are, and whether they equal those of another build.
//!
//! Files are compared by path, digest, and whether they are executable; links by their text, and by the files of the
//! build to which they resolve, which are inputs, too. Times, owners and empty directories are not inputs.

use super::policy::fits;
use crate::model::{Digest, RelPath, is_sums};
use crate::record::{FileEntry, LinkEntry, Manifest};
use std::collections::{BTreeMap, BTreeSet};

/// The default directory of a build's inputs.
const USUAL: &str = "inputs";

/// Which paths in a build are its inputs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InputPatterns {
    /// Whether the directory `inputs` and CONTEXT are among them.
    usual: bool,
    named: Vec<glob::Pattern>,
}

/// Why a text is not a pattern of inputs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a pattern of paths in the build, such as 'inputs/**': {why}", .text.escape_debug())]
pub struct InputPatternError {
    text: String,
    why: String,
}

/// The inputs of one build, by path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs(BTreeMap<RelPath, Input>);

/// Which paths of one build are inputs: those that patterns match, and what links among them resolve to.
#[derive(Debug)]
pub struct Reach<'p> {
    patterns: &'p InputPatterns,
    context: Option<&'p RelPath>,
    /// What links resolve to; a directory stands for all below it, and nothing for the whole build.
    targets: BTreeSet<String>,
    /// The links on the way.
    passed: BTreeSet<String>,
}

/// How many links are followed from one; no one follows more.
const HOPS: usize = 40;

/// One input.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Input {
    File { digest: Digest, executable: bool },
    Link(String),
}

impl InputPatterns {
    /// Parses patterns; none, or an empty one, means the directory `inputs` and CONTEXT.
    pub fn read(texts: &[String]) -> Result<Self, InputPatternError> {
        let read = |text: &String| {
            let wrong = |why: String| InputPatternError { text: text.clone(), why };
            let plain = text.trim_end_matches('/');
            if plain.is_empty() || plain.starts_with('/') || plain.split('/').any(|name| name == "..") {
                return Err(wrong("it can match nothing".to_owned()));
            }
            glob::Pattern::new(plain).map_err(|error| wrong(error.to_string()))
        };
        let usual = texts.iter().all(String::is_empty) || texts.iter().any(String::is_empty);
        let named = texts.iter().filter(|text| !text.is_empty()).map(read).collect::<Result<_, _>>()?;
        Ok(Self { usual, named })
    }

    /// Returns whether a path in a build is an input; `context` is the path of CONTEXT. A directory includes
    /// everything below it.
    pub fn has(&self, path: &RelPath, context: Option<&RelPath>) -> bool {
        let is_usual = || context == Some(path) || path.as_str().split('/').next() == Some(USUAL);
        self.usual && is_usual() || self.named.iter().any(|pattern| matches(pattern, path))
    }

    /// Returns which paths are inputs of a build with these links, each with its text.
    pub fn reach<'p>(
        &'p self,
        links: impl Iterator<Item = (&'p RelPath, &'p str)>,
        context: Option<&'p RelPath>,
    ) -> Reach<'p> {
        let mut reach = Reach { patterns: self, context, targets: BTreeSet::new(), passed: BTreeSet::new() };
        let links: Vec<(&RelPath, &str)> = links.collect();
        let texts: BTreeMap<&str, &str> = links.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let mut left: Vec<&RelPath> = links.iter().map(|(path, _)| *path).collect();
        loop {
            // A link to a directory may make others inputs.
            let (some, others): (Vec<_>, Vec<_>) = left.into_iter().partition(|path| reach.covers(path));
            if some.is_empty() {
                return reach;
            }
            for path in some {
                reach.follow(path, &texts);
            }
            left = others;
        }
    }

    /// Returns the first pattern that matches no path.
    pub fn unused<'a>(&self, paths: impl Iterator<Item = &'a RelPath> + Clone) -> Option<&str> {
        let is_unused = |pattern: &&glob::Pattern| !paths.clone().any(|path| matches(pattern, path));
        self.named.iter().find(is_unused).map(glob::Pattern::as_str)
    }
}

impl Reach<'_> {
    /// Returns whether a path in the build is an input.
    pub fn has(&self, path: &RelPath) -> bool {
        self.covers(path) || self.passed.contains(path.as_str())
    }

    /// Returns whether a path is an input by a pattern or as what a link resolves to.
    fn covers(&self, path: &RelPath) -> bool {
        self.patterns.has(path, self.context) || self.is_target(path)
    }

    fn is_target(&self, path: &RelPath) -> bool {
        let is = |at: &str| self.targets.contains(at);
        !self.targets.is_empty()
            && (is("") || is(path.as_str()) || path.ancestors().any(|above| is(above.as_str())))
    }

    /// Adds what a link resolves to, with the links on the way.
    fn follow(&mut self, link: &RelPath, texts: &BTreeMap<&str, &str>) {
        let mut ahead: Vec<&str> = link.as_str().rsplit('/').collect();
        let (mut here, mut hops): (Vec<&str>, usize) = (Vec::new(), 0);
        while let Some(name) = ahead.pop() {
            match name {
                ".." => {
                    // What is outside the build is refused by publish.
                    if here.pop().is_none() {
                        return;
                    }
                    continue;
                }
                "" | "." => continue,
                name => here.push(name),
            }
            let at = here.join("/");
            let Some(text) = texts.get(&*at) else { continue };
            hops += 1;
            self.passed.insert(at);
            if hops > HOPS || text.starts_with('/') {
                return;
            }
            here.pop();
            ahead.extend(text.rsplit('/'));
        }
        // The checksums of the build change with any of its files.
        let is_all = here.first().is_some_and(|name| is_sums(name));
        self.targets.insert(if is_all { String::new() } else { here.join("/") });
    }
}

/// Returns whether a pattern matches a path, or a directory in which it is.
fn matches(pattern: &glob::Pattern, path: &RelPath) -> bool {
    fits(pattern, path.as_str()) || path.ancestors().any(|above| fits(pattern, above.as_str()))
}

impl Inputs {
    /// Returns those of the files and links of a build that are inputs.
    pub fn of(manifest: &Manifest, patterns: &InputPatterns, context: Option<&RelPath>) -> Self {
        let file = |file: &FileEntry| {
            let executable = file.mode & 0o111 != 0;
            (file.path.clone(), Input::File { digest: file.digest, executable })
        };
        let link = |link: &LinkEntry| (link.path.clone(), Input::Link(link.text.clone()));
        let reach = patterns.reach(manifest.links.iter().map(|link| (&link.path, &*link.text)), context);
        let all = manifest.files.iter().map(file).chain(manifest.links.iter().map(link));
        Self(all.filter(|(path, _)| reach.has(path)).collect())
    }

    /// Returns the number of files and links.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns their paths, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &RelPath> + Clone {
        self.0.keys()
    }

    /// Returns a digest of all of it.
    pub fn digest(&self) -> Digest {
        let lines = self.0.iter().map(|(path, input)| match input {
            Input::File { digest, executable } => format!("{digest} {} {path}\n", u8::from(*executable)),
            Input::Link(text) => format!("{} {path}\n", Digest::of(text.as_bytes())),
        });
        Digest::of(lines.collect::<String>().as_bytes())
    }

    /// Returns the paths at which the inputs of the two builds differ, sorted.
    pub fn changes(&self, other: &Self) -> Vec<RelPath> {
        let differs = |path: &&RelPath| self.0.get(path) != other.0.get(path);
        let mut changed: Vec<RelPath> = self.paths().chain(other.paths()).filter(differs).cloned().collect();
        changed.sort();
        changed.dedup();
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(path: &str) -> RelPath {
        path.parse().unwrap()
    }

    fn patterns(texts: &[&str]) -> InputPatterns {
        InputPatterns::read(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[track_caller]
    fn case(texts: &[&str], path: &str, expected: bool) {
        assert_eq!(
            patterns(texts).has(&at(path), Some(&at("outputs/CONTEXT"))),
            expected,
            "{texts:?} {path}"
        );
    }

    #[test]
    fn inputs_are_what_the_patterns_match_or_is_below_it() {
        case(&[], "inputs/a/b", true);
        case(&[], "outputs/CONTEXT", true);
        case(&[], "outputs/inputs/a", false);
        case(&[], "inputs2/a", false);
        case(&["inputs"], "inputs/a/b", true);
        case(&["inputs/"], "inputs/a/b", true);
        case(&["inputs/**"], "inputs/a/b", true);
        case(&["inputs/*.rpm"], "inputs/a.rpm", true);
        case(&["inputs/*.rpm"], "inputs/a/b.rpm", false);
        case(&["inputs/*"], "inputs/a/b.rpm", true);
        case(&["", "outputs/iso"], "inputs/a", true);
        case(&["", "outputs/iso"], "outputs/iso/a", true);
        case(&["x", "outputs/*.list"], "outputs/CONTEXT", false);
        let paths = [at("inputs/a"), at("b")];
        assert_eq!(patterns(&["b", "inptus/**"]).unused(paths.iter()), Some("inptus/**"));
        assert_eq!(patterns(&["b", "inputs"]).unused(paths.iter()), None);
        for text in ["/", "/etc/*", "a/../b", "[", "a/**b"] {
            let error = InputPatterns::read(&[text.to_owned()]).unwrap_err().to_string();
            assert!(error.contains("is not a pattern of paths in the build"), "{error}");
        }
    }

    /// Returns which of these files are inputs of a build with these links.
    fn reached(links: &[(&str, &str)], files: &[&str]) -> Vec<String> {
        let links: Vec<(RelPath, &str)> = links.iter().map(|(path, text)| (at(path), *text)).collect();
        let usual = patterns(&[]);
        let reach = usual.reach(links.iter().map(|(path, text)| (path, *text)), None);
        files.iter().filter(|file| reach.has(&at(file))).map(|file| (*file).to_owned()).collect()
    }

    #[test]
    fn what_links_among_the_inputs_resolve_to_is_an_input() {
        let files = ["inputs/a", "s/m", "s/n", "t/m", "u/x/y"];
        assert_eq!(reached(&[("inputs/l", "../s/m")], &files), ["inputs/a", "s/m"]);
        assert_eq!(reached(&[("inputs", "s")], &files[1..]), ["s/m", "s/n"]);
        assert_eq!(reached(&[("inputs/l", "../s")], &files), ["inputs/a", "s/m", "s/n"]);
        // Through other links, which count as well.
        let through = [("inputs/l", "../d/m"), ("d", "e"), ("e", "t"), ("f", "s")];
        assert_eq!(reached(&through, &["d", "e", "f", "t", "t/m", "s/m"]), ["d", "e", "t/m"]);
        assert_eq!(reached(&[("inputs/l", "../u"), ("u/z", "../s/n")], &files), ["inputs/a", "s/n", "u/x/y"]);
        // To the whole build, to its checksums, in a circle, to nowhere, out of it.
        assert_eq!(reached(&[("inputs/l", "..")], &files), files);
        assert_eq!(reached(&[("inputs/l", "../SHA256SUMS")], &files), files);
        for text in ["l", "../inputs/l", "../no", "../../s/m", "/s/m", ""] {
            assert_eq!(reached(&[("inputs/l", text)], &files), ["inputs/a"], "{text}");
        }
        // A link that is no input.
        assert_eq!(reached(&[("l", "s/m")], &files), ["inputs/a"]);
    }

    /// Up to three files and links at four paths.
    fn builds() -> impl Strategy<Value = Manifest> {
        prop::collection::btree_map("inputs/[ab]|[ab]", (0u8..3, any::<bool>(), any::<bool>()), 0..4)
            .prop_map(|files| {
                let mut manifest = Manifest { files: Vec::new(), links: Vec::new(), dirs: Vec::new() };
                for (path, (bytes, executable, link)) in files {
                    let (path, digest) = (at(&path), Digest::of(&[bytes]));
                    if link {
                        manifest.links.push(LinkEntry { path, text: bytes.to_string() });
                    } else {
                        let mode = if executable { 0o555 } else { 0o444 };
                        let (mtime, inode) = (i128::from(bytes), u64::from(bytes));
                        manifest.files.push(FileEntry {
                            path,
                            size: 1,
                            digest,
                            mode,
                            mtime,
                            inode,
                            seen: None,
                        });
                    }
                }
                manifest.sort();
                manifest
            })
    }

    proptest! {
        #[test]
        fn inputs_are_equal_exactly_if_nothing_differs_and_the_digests_are_equal(one in builds(), other in builds(), named in any::<bool>()) {
            let patterns = if named { patterns(&["[ab]"]) } else { patterns(&[]) };
            let [one, other] = [one, other].map(|build| Inputs::of(&build, &patterns, None));
            let changes = one.changes(&other);
            prop_assert_eq!(changes.is_empty(), one == other);
            prop_assert_eq!(one.digest() == other.digest(), one == other);
            prop_assert_eq!(&changes, &other.changes(&one));
            prop_assert!(changes.iter().all(|path| patterns.has(path, None)));
        }

        #[test]
        fn what_is_no_input_changes_nothing(mut build in builds(), more in "[c-z]{1,3}") {
            let patterns = patterns(&[]);
            let before = Inputs::of(&build, &patterns, None);
            let (path, digest) = (at(&format!("outputs/{more}")), Digest::of(b"x"));
            build.files.push(FileEntry { path, size: 1, digest, mode: 0o444, mtime: 0, inode: 0, seen: None });
            for file in &mut build.files {
                file.mtime += 1;
            }
            prop_assert_eq!(Inputs::of(&build, &patterns, None), before);
        }
    }
}
