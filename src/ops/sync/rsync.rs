//! The program `rsync`, as `sync` uses it: files by name, no shell, a limit on waiting and on what it may say.
//!
//! The other side may be anyone. Of what comes back only this is used: whether the program succeeded, paths that differ, and
//! the bytes of a trace in a directory of its own.

use super::SyncError;
use super::there::There;
use crate::decide::targets::{TRACE_DIR, TRACE_LIMIT, Target, Way};
use crate::exec::MINISIGN_PASSWORD;
use crate::exec::{End, ExecError, Job, ask_apart};
use crate::model::{RelPath, shown};
use crate::progress::CancelToken;
use crate::store::Guard;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

/// The oldest version: it replaces links by rename, and deletes files by name.
const OLDEST: (u32, u32, u32) = (3, 1, 0);

/// For how long one transfer may run.
const LONGEST: Duration = Duration::from_hours(24 * 7);

/// How long `rsync --version` may take.
const SHORT: Duration = Duration::from_secs(30);

/// How much of what it says about a failure is kept, in characters.
const SAID: usize = 400;

/// Exit codes of `rsync` after which some files may be there and others not.
const PARTIAL: [i32; 2] = [23, 24];

/// The program, and one target.
pub(super) struct Rsync<'a> {
    target: &'a Target,
    /// The target as an argument, with a slash at its end.
    to: String,
    lock: Guard,
    stop: &'a CancelToken,
}

/// How a run ended that was not refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ran {
    /// The lines that it wrote.
    pub(super) lines: Vec<String>,
    /// How many bytes of lines before these were left out.
    pub(super) cut: bool,
    /// Why some files may not have been sent.
    pub(super) partial: Option<String>,
}

/// What one run sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sends {
    /// Files of builds, with their hard links.
    Files,
    /// The same, of which the bytes are compared.
    FilesByBytes,
    /// Small files that are replaced, at the end of the run.
    Pages,
}

/// Fails where there is no `rsync` that can be used.
pub(super) fn look(stop: &CancelToken) -> Result<(), SyncError> {
    let words = ["rsync", "--version"].map(str::to_owned);
    let job =
        Job { words: &words, env: &[], without: &[MINISIGN_PASSWORD], input: b"", limit: SHORT, lock: None };
    let ran = match ask_apart(&job, stop) {
        Err(ExecError::NoProgram { .. }) => return Err(SyncError::NoRsync),
        ran => ran?,
    };
    match version(&ran.output) {
        Some(found) if found >= OLDEST => Ok(()),
        Some((a, b, c)) => Err(SyncError::OldRsync(format!("{a}.{b}.{c}"))),
        None => Err(SyncError::OldRsync(said(&ran.output, &ran.errors))),
    }
}

/// Reads `rsync  version 3.2.7  protocol version 31`, also `v3.2.7` and `3.2.7pre1`.
fn version(text: &str) -> Option<(u32, u32, u32)> {
    let rest = text.lines().next()?.strip_prefix("rsync")?.trim_start().strip_prefix("version ")?;
    let word = rest.split_whitespace().next()?.trim_start_matches('v');
    let mut parts = word.split('.').map(|part| {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part.get(..digits).and_then(|digits| digits.parse::<u32>().ok())
    });
    Some((parts.next()??, parts.next()??, parts.next().flatten().unwrap_or(0)))
}

/// Which paths a run sends or compares.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    /// The paths.
    pub(super) paths: Vec<RelPath>,
    /// Whether of directories among them everything is meant that is in them.
    pub(super) whole: bool,
    /// What is left out there, at these paths.
    pub(super) without: Vec<RelPath>,
    /// What is left out there, by these names.
    pub(super) without_named: Vec<String>,
}

impl From<Vec<RelPath>> for Chosen {
    fn from(paths: Vec<RelPath>) -> Self {
        Self { paths, ..Self::default() }
    }
}

impl Chosen {
    /// Returns the options of a run.
    fn options(&self) -> Vec<String> {
        if !self.whole {
            return Vec::new();
        }
        let paths = self.without.iter().map(|path| format!("--filter=- /{}", escaped(path.as_str())));
        let names = self.without_named.iter().map(|name| format!("--filter=- {}", escaped(name)));
        std::iter::once("-r".to_owned()).chain(paths).chain(names).collect()
    }
}

impl<'a> Rsync<'a> {
    /// Returns the program for a target; its lock stays held as long as a run lives.
    pub(super) fn new(target: &'a Target, lock: Guard, stop: &'a CancelToken) -> Option<Self> {
        let to = match &target.way {
            Way::Directory(dir) => format!("{}/", dir.to_str()?),
            Way::Rsync(address) => format!("{address}/"),
            Way::Mirror(_) | Way::Http(_) => return None,
        };
        Some(Self { target, to, lock, stop })
    }

    /// Sends these paths below a directory.
    pub(super) fn send(&self, from: &Path, chosen: &Chosen, how: Sends) -> Result<Ran, SyncError> {
        let flags: &[&str] = match how {
            Sends::Files => &["-lptH"],
            Sends::FilesByBytes => &["-lptHc"],
            Sends::Pages => &["-lpt", "--delay-updates"],
        };
        // What goes meanwhile is noticed when the target is compared.
        self.run_with(from, &[flags, &["--ignore-missing-args"]].concat(), chosen)
    }

    /// Returns which of these paths differ from what the target has: by kind, size and time, or by bytes.
    pub(super) fn differing(&self, from: &Path, chosen: &Chosen, bytes: bool) -> Result<Ran, SyncError> {
        let how = if bytes { "-ltOJc" } else { "-ltOJ" };
        let args = [how, "--dry-run", "--ignore-missing-args", "--out-format=%i %n"];
        let mut ran = self.run_with(from, &args, chosen)?;
        // Directories on the way differ by their times alone.
        ran.lines.retain(|line| !line.starts_with(".d") && !line.starts_with("cd"));
        ran.lines = ran.lines.iter().map(|line| named(line)).collect();
        Ok(ran)
    }

    /// Deletes these files and links.
    pub(super) fn delete(&self, paths: &[RelPath]) -> Result<(), SyncError> {
        // Each is an argument that is missing in directories that are there.
        let from = tempfile::tempdir().map_err(SyncError::Temporary)?;
        let dirs: BTreeSet<RelPath> = paths.iter().filter_map(RelPath::parent).collect();
        for dir in dirs {
            fs::create_dir_all(from.path().join(dir.as_str())).map_err(SyncError::Temporary)?;
        }
        self.run(from.path(), &["-l", "--delete-missing-args"], &listed(paths))?.whole()
    }

    /// Sends these links, each with its text.
    pub(super) fn send_links(&self, links: &[(RelPath, String)]) -> Result<(), SyncError> {
        // Not those of the mirror, which may move to a build that is not there yet.
        let from = tempfile::tempdir().map_err(SyncError::Temporary)?;
        for (path, text) in links {
            let at = from.path().join(path.as_str());
            if let Some(dir) = at.parent() {
                fs::create_dir_all(dir).map_err(SyncError::Temporary)?;
            }
            std::os::unix::fs::symlink(text, at).map_err(SyncError::Temporary)?;
        }
        let paths: Vec<RelPath> = links.iter().map(|(path, _)| path.clone()).collect();
        let ran = self.run(from.path(), &["-l", "--out-format=%i %n"], &listed(&paths))?;
        // What is deleted next relies on them: they are asked for unless each was told to be set.
        let told = ran.lines.iter().filter(|line| line.starts_with("cL")).map(|line| named(line));
        let told: BTreeSet<String> = told.collect();
        ran.whole()?;
        if paths.iter().all(|path| told.contains(path.as_str())) {
            return Ok(());
        }
        match self.differing(from.path(), &paths.into(), false)?.lines.first() {
            None => Ok(()),
            Some(path) => Err(SyncError::Target(format!("the alias `{}` was not set there", shown(path)))),
        }
    }

    /// Deletes these directories and those above them where they are empty, but for those that are there in `from`.
    pub(super) fn delete_dirs(&self, from: &Path, dirs: &BTreeSet<RelPath>) -> Result<Ran, SyncError> {
        let above: BTreeSet<RelPath> =
            dirs.iter().flat_map(RelPath::ancestors).filter(|dir| !dir.is_root()).collect();
        let rules: BTreeSet<&RelPath> = dirs.iter().chain(&above).collect();
        let text = ended(rules.into_iter().map(|dir| format!("/{}/", escaped(dir.as_str()))));
        self.filtered(from, &["-r", "--delete", "--include-from=-", "--exclude=*"], &text)
    }

    /// Returns what is in these directories of the target and not in those of `from`, whatever is below it.
    pub(super) fn strange(&self, from: &Path, dirs: &BTreeSet<RelPath>) -> Result<Ran, SyncError> {
        let above: BTreeSet<RelPath> = dirs
            .iter()
            .flat_map(|dir| dir.ancestors().chain([dir.clone()]))
            .filter(|dir| !dir.is_root())
            .collect();
        let above = above.iter().map(|dir| format!("/{}/", escaped(dir.as_str())));
        let text = ended(above.chain(dirs.iter().map(|dir| format!("/{}/*", literal(dir.as_str())))));
        let args = ["-rlO", "--dry-run", "--delete", "--out-format=%i %n", "--include-from=-", "--exclude=*"];
        self.deletable(from, &args, &text)
    }

    /// Returns what a run with these rules would delete.
    fn deletable(&self, from: &Path, args: &[&str], rules: &[u8]) -> Result<Ran, SyncError> {
        let mut ran = self.filtered(from, args, rules)?;
        let strange = |line: &String| {
            let full =
                line.strip_prefix("cannot delete non-empty directory: ").map(|path| format!("- {path}"));
            full.or_else(|| line.starts_with("*deleting").then(|| line.clone())).map(|line| named(&line))
        };
        ran.lines = ran.lines.iter().filter_map(strange).collect();
        ran.lines.sort();
        ran.lines.dedup();
        Ok(ran)
    }

    /// Returns everything that is in these directories of builds of the target and not in those of `from`.
    pub(super) fn foreign(&self, from: &Path, builds: &BTreeSet<RelPath>) -> Result<Ran, SyncError> {
        let args = ["-rlO", "--dry-run", "--delete", "--out-format=%i %n", "--include-from=-", "--exclude=*"];
        self.deletable(from, &args, &within(builds))
    }

    /// Returns what is in these directories of the target, of many files only the links and directories, and which of `tops` are
    /// there.
    pub(super) fn listing(&self, dirs: &[RelPath], tops: &[RelPath]) -> Result<There, SyncError> {
        if let Some(there) = self.listed(dirs, tops, None)? {
            return Ok(there);
        }
        // Only files of at most a byte are listed with the links then, and none of what is asked for one by one.
        if let Some(mut there) = self.listed(dirs, &[], Some("--max-size=1"))?
            && let Some(found) =
                if tops.is_empty() { Some(There::default()) } else { self.listed(&[], tops, None)? }
        {
            there.add(found);
            return Ok(There { lacks_files: true, ..there });
        }
        Err(SyncError::Target("its directories of builds have more entries than can be read".to_owned()))
    }

    /// Returns the same by a run with an option; nothing where there is more than is read.
    fn listed(
        &self,
        dirs: &[RelPath],
        tops: &[RelPath],
        most: Option<&str>,
    ) -> Result<Option<There>, SyncError> {
        let empty = tempfile::tempdir().map_err(SyncError::Temporary)?;
        let list = dirs.iter().map(|dir| format!("./{dir}/"));
        let list = ended(list.chain(tops.iter().map(|path| format!("./{path}"))));
        let tops: BTreeSet<&RelPath> = tops.iter().collect();
        let mut args = vec!["-l", "--dry-run", "--ignore-missing-args", "--out-format=%i %n//%L"];
        args.extend(most.into_iter().chain(["--files-from=-", "--from0"]));
        let mut words = self.words(&args);
        words.extend([self.to.clone(), format!("{}/", empty.path().display())]);
        let ran = self.judged(&words, &list)?;
        if let Some(why) = ran.partial {
            return Err(SyncError::Target(why));
        }
        if ran.cut {
            return Ok(None);
        }
        let mut there = There::default();
        for line in &ran.lines {
            let Some((what, rest)) = line.split_once(' ') else { continue };
            let Some((path, text)) = rest.split_once("//") else { continue };
            let path = unescaped(path);
            let Ok(path) = path.parse::<RelPath>() else {
                there.odd.insert(path);
                continue;
            };
            if tops.contains(&path) {
                there.tops.insert(path);
                continue;
            }
            match what.as_bytes().get(1) {
                Some(b'L') => {
                    let text = text.strip_prefix(" -> ").unwrap_or(text);
                    there.links.insert(path, unescaped(text));
                }
                Some(b'd') => drop(there.dirs.insert(path)),
                _ => drop(there.files.insert(path)),
            }
        }
        Ok(Some(there))
    }

    /// Returns the bytes of the trace of a target; nothing where it has none.
    pub(super) fn trace(&self) -> Result<Option<Vec<u8>>, SyncError> {
        let dir = tempfile::tempdir().map_err(SyncError::Temporary)?;
        let file = format!("{TRACE_DIR}/{}", self.target.trace);
        let rules = ["/project/".to_owned(), format!("/{TRACE_DIR}/"), format!("/{file}")];
        let text = ended(rules.into_iter());
        let limit = format!("--max-size={TRACE_LIMIT}");
        let mut words = self.words(&["-r", &limit, "--from0", "--include-from=-", "--exclude=*"]);
        words.extend([self.to.clone(), format!("{}/", dir.path().display())]);
        let ran = self.judged(&words, &text)?;
        if let Some(why) = ran.partial {
            return Err(SyncError::Target(why));
        }
        read_trace(&dir.path().join(file))
    }

    /// Writes the trace of the target.
    pub(super) fn keep_trace(&self, bytes: &[u8]) -> Result<(), SyncError> {
        let dir = tempfile::tempdir().map_err(SyncError::Temporary)?;
        let file = format!("{TRACE_DIR}/{}", self.target.trace);
        let at = dir.path().join(&file);
        fs::create_dir_all(dir.path().join(TRACE_DIR)).map_err(SyncError::Temporary)?;
        fs::write(&at, bytes).map_err(SyncError::Temporary)?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        fs::set_permissions(&at, mode).map_err(SyncError::Temporary)?;
        // By bytes: a trace of the same size and second is another one.
        let ran = self.run(dir.path(), &["-pI"], &listed(&[file.parse().unwrap_or_default()]))?;
        ran.whole()
    }

    /// Runs with what is chosen.
    fn run_with(&self, from: &Path, args: &[&str], chosen: &Chosen) -> Result<Ran, SyncError> {
        let options = chosen.options();
        let args: Vec<&str> = args.iter().copied().chain(options.iter().map(String::as_str)).collect();
        self.run(from, &args, &listed(&chosen.paths))
    }

    /// Runs with paths on the standard input.
    fn run(&self, from: &Path, args: &[&str], list: &[u8]) -> Result<Ran, SyncError> {
        let args = [args, &["--files-from=-", "--from0"]].concat();
        let words = self.between(from, &args);
        self.judged(&words, list)
    }

    /// Runs with rules on the standard input.
    fn filtered(&self, from: &Path, args: &[&str], rules: &[u8]) -> Result<Ran, SyncError> {
        // The order counts: rules are read as they come.
        let words = self.between(from, &[&["--from0"], args].concat());
        self.judged(&words, rules)
    }

    fn between(&self, from: &Path, args: &[&str]) -> Vec<String> {
        let mut words = self.words(args);
        words.extend([format!("{}/", from.display()), self.to.clone()]);
        words
    }

    /// Returns the program with what every run has.
    fn words(&self, args: &[&str]) -> Vec<String> {
        let stall = format!("--timeout={}", self.target.stall.as_secs().max(1));
        let mut words: Vec<String> =
            ["rsync", "-8", "--protect-args", "--no-motd", &stall].map(str::to_owned).into();
        if let Some(rate) = self.target.bandwidth {
            words.push(format!("--bwlimit={}", rate.kib()));
        }
        if let Some(file) = &self.target.password_file {
            words.push(format!("--password-file={}", file.display()));
        }
        if let Way::Rsync(address) = &self.target.way
            && address.starts_with("rsync://")
        {
            words.push(format!("--contimeout={}", self.target.stall.as_secs().clamp(1, 60)));
        }
        words.extend(args.iter().map(|arg| (*arg).to_owned()));
        words.push("--".to_owned());
        words
    }

    fn judged(&self, words: &[String], input: &[u8]) -> Result<Ran, SyncError> {
        self.stop.check()?;
        let mut env = vec![("LC_ALL", "C".to_owned()), ("TZ", "UTC".to_owned())];
        // A question about a key or password has no one who answers it.
        if std::env::var_os("RSYNC_RSH").is_none() {
            env.push(("RSYNC_RSH", "ssh -oBatchMode=yes -oConnectTimeout=30".to_owned()));
        }
        let lock = self.lock.file();
        let without = [
            MINISIGN_PASSWORD,
            "RSYNC_PARTIAL_DIR",
            "RSYNC_CHECKSUM_LIST",
            "RSYNC_OLD_ARGS",
            "RSYNC_PROTECT_ARGS",
        ];
        let job = Job { words, env: &env, without: &without, input, limit: LONGEST, lock };
        let ran = ask_apart(&job, self.stop)?;
        let why = || {
            let end = ran.end.to_string();
            let (end, said) = (end.strip_prefix("it ").unwrap_or(&end), said("", &ran.errors));
            if said.is_empty() { format!("rsync {end}") } else { format!("rsync {end}: {said}") }
        };
        let partial = match ran.end {
            End::Code(0) => None,
            End::Code(code) if PARTIAL.contains(&code) => Some(why()),
            End::Stopped => return Err(crate::progress::Interrupted.into()),
            End::Code(_) | End::Signal(_) | End::TimeLimit(_) => return Err(SyncError::Target(why())),
        };
        let cut = ran.output.starts_with('[') && ran.output.contains(" bytes before this are left out]");
        let lines = ran.output.lines().filter(|line| !line.is_empty());
        Ok(Ran { lines: lines.map(str::to_owned).collect(), cut, partial })
    }
}

impl Ran {
    /// Fails where some files may not have been sent.
    pub(super) fn whole(self) -> Result<(), SyncError> {
        self.partial.map_or(Ok(()), |why| Err(SyncError::Target(why)))
    }
}

/// Reads a trace that came into a directory of ours: a regular file, of a size that one can have.
pub(super) fn read_trace(at: &Path) -> Result<Option<Vec<u8>>, SyncError> {
    match fs::symlink_metadata(at) {
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(SyncError::Temporary(error)),
        Ok(found) if !found.is_file() => {
            return Err(SyncError::Target("its trace is not a regular file".to_owned()));
        }
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(at).map_err(SyncError::Temporary)?;
    file.take(TRACE_LIMIT + 1).read_to_end(&mut bytes).map_err(SyncError::Temporary)?;
    if bytes.len() as u64 > TRACE_LIMIT {
        return Err(SyncError::Target(format!("its trace has more than {TRACE_LIMIT} bytes")));
    }
    Ok(Some(bytes))
}

/// Returns paths as `--files-from` reads them with `--from0`.
fn listed(paths: &[RelPath]) -> Vec<u8> {
    ended(paths.iter().map(RelPath::as_str))
}

/// Returns the rules for everything in these directories.
fn within<'d>(dirs: impl IntoIterator<Item = &'d RelPath> + Clone) -> Vec<u8> {
    let above: BTreeSet<RelPath> = dirs.clone().into_iter().flat_map(RelPath::ancestors).collect();
    let above = above.iter().map(|dir| format!("/{}/", escaped(dir.as_str())));
    ended(above.chain(dirs.into_iter().map(|dir| format!("/{}/***", literal(dir.as_str())))))
}

/// Returns lines, each ended by a NUL as `--from0` expects it.
fn ended(lines: impl Iterator<Item = impl AsRef<str>>) -> Vec<u8> {
    let mut text = Vec::new();
    for line in lines {
        text.extend_from_slice(line.as_ref().as_bytes());
        text.push(0);
    }
    text
}

/// Returns a path as a rule matches it: only where there is a wildcard a backslash escapes.
fn escaped(path: &str) -> String {
    if path.contains(['*', '?', '[']) { literal(path) } else { path.to_owned() }
}

/// Returns a path as it is matched in a rule that has wildcards.
fn literal(path: &str) -> String {
    let mut text = String::new();
    for c in path.chars() {
        if matches!(c, '*' | '?' | '[' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// Returns the path of a line such as `<f+++++++++ a/b`, where `\#012` stands for a byte.
fn named(line: &str) -> String {
    unescaped(line.split_once(' ').map_or(line, |(_, path)| path.trim_start()))
        .trim_end_matches('/')
        .to_owned()
}

/// Returns a name as it is, of which rsync wrote a byte as `\#012`.
fn unescaped(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = rest.strip_prefix(b"\\#").and_then(|code| code.get(..3));
        let byte = code.and_then(|code| u8::from_str_radix(str::from_utf8(code).ok()?, 8).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                rest = rest.get(5..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns the first lines of what was said about a failure, printable.
fn said(output: &str, errors: &str) -> String {
    let mut text = String::new();
    let lines = errors.lines().chain(output.lines()).map(str::trim).filter(|line| !line.is_empty());
    for line in lines.take(3) {
        let separator = if text.is_empty() { "" } else { "; " };
        write!(text, "{separator}{line}").ok();
    }
    shown(&text.chars().take(SAID).collect::<String>()).chars().take(SAID).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_however_it_is_written() {
        assert_eq!(version("rsync  version 3.2.7  protocol version 31\n"), Some((3, 2, 7)));
        assert_eq!(version("rsync  version v3.1.3-dev"), Some((3, 1, 3)));
        assert_eq!(version("rsync  version 3.4.0pre1  protocol version 32"), Some((3, 4, 0)));
        assert_eq!(version("openrsync: protocol version 29, rsync version 2.6.9 compatible"), None);
        assert_eq!(version(""), None);
    }

    #[test]
    fn a_path_is_what_it_was() {
        assert_eq!(named("<f+++++++++ a/b c"), "a/b c");
        assert_eq!(named("*deleting   a/b/"), "a/b");
        assert_eq!(named("<f.st...... a\\#134#b\\#12"), "a\\#b\\#12");
        assert_eq!(named("<f+++++++++ ä/\\#303\\#244"), "ä/ä");
    }

    #[test]
    fn a_rule_matches_what_a_name_is() {
        assert_eq!(escaped("a\\b"), "a\\b");
        assert_eq!(escaped("a\\[b]*"), "a\\\\\\[b]\\*");
    }

    #[test]
    fn what_is_said_is_short_and_printable() {
        assert_eq!(said("", "rsync: no\u{1b}[2K\n\nrsync error: x\n"), "rsync: no\\u{1b}[2K; rsync error: x");
        assert!(said("", &"\u{7}".repeat(1 << 16)).chars().count() <= SAID);
    }
}
