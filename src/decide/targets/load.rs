//! From the YAML of a targets.yaml to its meaning, every problem reported at once with its place.

use super::TargetsFileError;
use super::address::mirror_address;
use super::rate::Rate;
use super::schema::{TargetFile, TargetsFile};
use super::target::{Target, Targets, Way, target_name};
use crate::decide::pipeline::TimeLimit;
use crate::decide::policy::unknown::{self, Pieces};
use crate::decide::policy::{Span, pattern};
use crate::model::{Document, OneOrMany, Problem, by_place, unprintable};
use serde_json::Value;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;
use url::Url;

/// The most targets.
const MOST: usize = 256;

/// How many targets are brought up to date at once where the file does not say, and at most.
const AT_ONCE: (usize, usize) = (4, 64);

/// How long a target may be behind where the file does not say.
const ALARM: Span = Span::days(1);

/// For how long nothing may arrive where the file does not say.
const STALL: Duration = Duration::from_mins(5);

impl Targets {
    /// Reads a targets.yaml; `file` is its name in messages.
    pub fn load(text: &str, file: &str) -> Result<Self, TargetsFileError> {
        static SCHEMA: LazyLock<Value> = LazyLock::new(Targets::schema);
        let document = Document::parse(text, file).map_err(TargetsFileError)?;
        let (raw, problems) = unknown::read(&document, &SCHEMA, pieces).map_err(TargetsFileError)?;
        let mut loading = Loading { document: &document, problems };
        let targets = loading.targets(&raw, text);
        if loading.problems.is_empty() {
            Ok(targets)
        } else {
            Err(TargetsFileError(by_place(loading.problems)))
        }
    }

    /// Returns the JSON schema of a targets.yaml, by which editors complete and check it.
    pub fn schema() -> Value {
        schemars::schema_for!(TargetsFile).to_value()
    }
}

/// Returns every problem that reading the targets one by one finds, beside the unknown keys.
fn pieces(document: &Document, first: Vec<Problem>, unknown: Vec<Problem>) -> Vec<Problem> {
    let mut pieces = Pieces::beside(document, unknown);
    pieces.take_any::<usize>("at_once");
    for index in 0..document.items("to").unwrap_or(0) {
        let at = format!("to[{index}]");
        let key = |key: &str| format!("{at}.{key}");
        // Key by key: an unknown key of a target would hide the others.
        let found = [
            pieces.take_any::<String>(&key("name")),
            pieces.take_any::<String>(&key("directory")),
            pieces.take_any::<String>(&key("rsync")),
            pieces.take_any::<String>(&key("mirror")),
            pieces.take_any::<String>(&key("http")),
            pieces.take_any::<String>(&key("password_file")),
            pieces.take_any::<String>(&key("trace")),
            pieces.take_any::<bool>(&key("pages")),
            pieces.take_any::<bool>(&key("required")),
            pieces.take_any::<OneOrMany>(&key("streams")),
            pieces.take_any::<Rate>(&key("bandwidth")),
            pieces.take_any::<TimeLimit>(&key("stall")),
            pieces.take_any::<Span>(&key("alarm")),
        ];
        if !found.contains(&true) {
            pieces.take::<TargetFile>(&at);
        }
    }
    pieces.end(first)
}

/// A file while it is read.
struct Loading<'a> {
    document: &'a Document,
    problems: Vec<Problem>,
}

impl Loading<'_> {
    fn problem(&mut self, path: &str, message: impl Into<String>) {
        self.problems.push(self.document.problem(path, message));
    }

    fn targets(&mut self, raw: &TargetsFile, text: &str) -> Targets {
        if raw.targets != 1 {
            self.problem("targets", format!("version {} is not known; 1 is accepted", raw.targets));
        }
        let at_once = raw.at_once.unwrap_or(AT_ONCE.0);
        if !(1..=AT_ONCE.1).contains(&at_once) {
            self.problem("at_once", format!("{at_once} is not accepted; 1 to {} are", AT_ONCE.1));
        }
        if raw.to.len() > MOST {
            self.problem("to", format!("{} targets; at most {MOST} are accepted", raw.to.len()));
        }
        let (mut names, mut places) = (HashSet::new(), HashSet::new());
        let mut to = Vec::new();
        for (index, one) in raw.to.iter().enumerate() {
            let at = format!("to[{index}]");
            if let Err(why) = target_name(&one.name) {
                self.problem(&format!("{at}.name"), why);
            } else if !names.insert(&one.name) {
                self.problem(&format!("{at}.name"), format!("a second target `{}`", one.name));
            }
            let Some(target) = self.target(&at, one) else { continue };
            let shown = target.way.shown();
            if !matches!(target.way, Way::Http(_)) && !places.insert(shown.clone()) {
                let why = format!("`{shown}` is the place of another target, too");
                self.problem(&format!("{at}.{}", target.way.key()), why);
            }
            to.push(target);
        }
        Targets { text: text.into(), at_once, to }
    }

    fn target(&mut self, at: &str, raw: &TargetFile) -> Option<Target> {
        let mut streams = Vec::new();
        for text in raw.streams.iter().flat_map(OneOrMany::as_slice) {
            let (pattern, wrong) = pattern(text);
            for why in wrong {
                self.problem(&format!("{at}.streams"), why);
            }
            streams.push(pattern);
        }
        if let Some(Err(why)) = raw.trace.as_deref().map(target_name) {
            self.problem(&format!("{at}.trace"), why.replace("a name of a target", "a name of a trace"));
        }
        let way = self.way(at, raw);
        let password_file = raw.password_file.as_deref().and_then(|file| {
            let why = match &raw.rsync {
                Some(address) if !address.starts_with("rsync://") => {
                    "only for an rsync daemon (`rsync://…`); ssh has keys of its own".to_owned()
                }
                None => "only for an rsync daemon (`rsync://…`)".to_owned(),
                Some(_) => return self.absolute(&format!("{at}.password_file"), file),
            };
            self.problem(&format!("{at}.password_file"), why);
            None
        });
        let way = way?;
        let sends = matches!(way, Way::Directory(_) | Way::Rsync(_));
        for (key, given) in [
            ("bandwidth", raw.bandwidth.is_some()),
            ("stall", raw.stall.is_some()),
            ("pages", raw.pages.is_some()),
        ] {
            if given && !sends {
                let why = format!("only for `directory` and `rsync`, not for `{}`", way.key());
                self.problem(&format!("{at}.{key}"), why);
            }
        }
        Some(Target {
            name: raw.name.clone(),
            pages: raw.pages.unwrap_or(streams.is_empty()),
            way,
            streams,
            bandwidth: raw.bandwidth,
            stall: raw.stall.map_or(STALL, |stall| stall.0),
            password_file,
            trace: raw.trace.clone().unwrap_or_else(|| raw.name.clone()),
            required: raw.required,
            alarm: raw.alarm.unwrap_or(ALARM),
        })
    }

    fn way(&mut self, at: &str, raw: &TargetFile) -> Option<Way> {
        let given = [&raw.directory, &raw.rsync, &raw.mirror, &raw.http];
        if given.iter().filter(|one| one.is_some()).count() != 1 {
            self.problem(at, "exactly one of `directory`, `rsync`, `mirror` and `http` is accepted");
            return None;
        }
        if let Some(dir) = &raw.directory {
            return self.absolute(&format!("{at}.directory"), dir).map(Way::Directory);
        }
        if let Some(address) = &raw.rsync {
            return self.taken(&format!("{at}.rsync"), rsync_address(address)).map(Way::Rsync);
        }
        if let Some(address) = &raw.mirror {
            return self.taken(&format!("{at}.mirror"), mirror_address(address)).map(Way::Mirror);
        }
        let url = raw.http.as_deref().map(http_address)?;
        self.taken(&format!("{at}.http"), url).map(Way::Http)
    }

    fn taken<T>(&mut self, at: &str, read: Result<T, String>) -> Option<T> {
        read.map_err(|why| self.problem(at, why)).ok()
    }

    fn absolute(&mut self, at: &str, text: &str) -> Option<PathBuf> {
        let path = PathBuf::from(text);
        let plain = path.is_absolute()
            && path.components().all(|part| !matches!(part, std::path::Component::ParentDir))
            && unprintable(text).is_none();
        if !plain || text.trim_end_matches('/').is_empty() {
            let why = format!(
                "`{}` is not an absolute path below `/`, such as `/mnt/spare/mirror`",
                text.escape_debug()
            );
            self.problem(at, why);
            return None;
        }
        Some(PathBuf::from(text.trim_end_matches('/')))
    }
}

/// Reads an address of rsync; what rsync would take for an option or for a path of this machine is refused.
pub fn rsync_address(text: &str) -> Result<String, String> {
    let accepted = "`rsync://mirror.example.org/module/path` or, for ssh, `user@host.example.org:/srv/mirror` is accepted";
    if text.contains(' ') {
        return Err(format!(
            "`{}` has a blank, which no address of rsync may have; {accepted}",
            text.escape_debug()
        ));
    }
    let odd = |c: char| c.is_whitespace() || c.is_control();
    if text.is_empty() || text.starts_with('-') || text.chars().any(odd) || unprintable(text).is_some() {
        return Err(format!("`{}` is not an address of rsync; {accepted}", text.escape_debug()));
    }
    let text = text.trim_end_matches('/');
    if let Some(rest) = text.strip_prefix("rsync://") {
        let (host, module) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, host) = host.rsplit_once('@').map_or((None, host), |(user, host)| (Some(user), host));
        if user.is_some_and(|user| user.contains(':')) {
            return Err(
                "a password is not accepted in an address; `password_file` names the file that has it"
                    .to_owned(),
            );
        }
        if host.is_empty() || host.starts_with('-') || module.is_empty() {
            return Err(format!("`{text}` has no host or no module; {accepted}"));
        }
        return Ok(text.to_owned());
    }
    match text.split_once(':') {
        Some((host, path))
            if !host.is_empty()
                && !host.contains('/')
                && !host.rsplit('@').any(|part| part.is_empty() || part.starts_with('-'))
                && !path.is_empty()
                && !path.starts_with([':', '-']) =>
        {
            Ok(text.to_owned())
        }
        _ => Err(format!("`{text}` is not an address of rsync; {accepted}")),
    }
}

/// Reads the public address of a mirror, with a slash at its end, so that names are added to it.
fn http_address(text: &str) -> Result<Url, String> {
    let accepted = "an address such as `https://mirror.example.org/pub/` is accepted";
    let mut url =
        Url::parse(text).map_err(|error| format!("this is not an address ({error}); {accepted}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(format!("only `http` and `https` are accepted; {accepted}"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("a user or password is not accepted in an address; {accepted}"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("a query and a fragment are not accepted; {accepted}"));
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let error = Targets::load(text, "t.yaml").unwrap_err();
        error.0.iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect()
    }

    #[track_caller]
    fn names_all(text: &str, wanted: &[&str]) {
        let found = problems(text);
        for wanted in wanted {
            assert!(found.iter().any(|line| line.contains(wanted)), "{wanted}\n{}", found.join("\n"));
        }
        assert_eq!(found.len(), wanted.len(), "{}", found.join("\n"));
    }

    #[test]
    fn every_problem_is_named_at_once() {
        names_all(
            "targets: 2
at_once: 0
to:
  - {name: A, directory: rel}
  - {name: a, rsync: 'host/module', streams: /x}
  - {name: a, rsync: 'rsync://u:p@host/m'}
  - {name: b, rsync: 'rsync://host/m', directory: /x}
  - {name: c, mirror: 's3://key:secret@bucket/x', bandwidth: 1MiB/s}
  - {name: d, http: 'ftp://host/', password_file: /x}
  - {name: e, directory: /mnt/e}
  - {name: f, directory: /mnt/e/, trace: A/B}
  - {name: lint, http: 'https://host/x', pages: true}
  - {name: g, rsync: '-e:x', password_file: rel}
  - {name: h}
",
            &[
                "targets: version 2",
                "at_once: 0 is not accepted",
                "to[0].name: `A` is not a name",
                "to[0].directory: `rel` is not an absolute path",
                "to[1].streams: `/x` can match nothing",
                "to[1].rsync: `host/module` is not an address",
                "to[2].name: a second target `a`",
                "to[2].rsync: a password is not accepted",
                "to[3]: exactly one of",
                "to[4].mirror: a user, a key",
                "to[5].http: only `http`",
                "to[5].password_file: only for an rsync daemon",
                "to[7].directory: `/mnt/e` is the place of another",
                "to[7].trace: `A/B` is not a name of a trace",
                "to[8].name: `lint` is a word",
                "to[8].pages: only for `directory` and `rsync`",
                "to[9].rsync: `-e:x` is not an address",
                "to[9].password_file: only for an rsync daemon",
                "to[10]: exactly one of",
            ],
        );
    }

    #[test]
    fn an_unknown_key_hides_no_other_problem() {
        names_all(
            "targets: 1\nat_onc: 1\nto:\n  - {name: a, bandwith: x, directory: rel}\n  - {name: b, bandwidth: 50MB/s, stall: soon, directory: [x]}\n",
            &[
                "at_onc: unknown key `at_onc` (`at_once`?)",
                "to[0].bandwith: unknown key `bandwith` (`bandwidth`?)",
                "to[1].bandwidth: `50MB/s` is not a rate",
                "to[1].stall:",
                "to[1].directory:",
            ],
        );
    }

    #[test]
    fn a_file_means_what_it_says() {
        let text = "targets: 1
to:
  - { name: tier1-a, rsync: \"rsync://mirror.example.org/upload/\", streams: [\"release/**\"], bandwidth: 50MiB/s, required: true }
  - { name: spare, directory: /mnt/spare/mirror }
  - { name: far, rsync: \"push@far.example.org:/srv/pub/\", alarm: 3h }
  - { name: uni, http: \"https://mirror.example.edu/pub\", trace: tier1-a }
";
        let targets = Targets::load(text, "t.yaml").unwrap();
        let [tier1, spare, far, uni] = &targets.to[..] else { panic!() };
        assert_eq!((targets.at_once, targets.text()), (4, text));
        assert_eq!(tier1.way, Way::Rsync("rsync://mirror.example.org/upload".to_owned()));
        assert!(tier1.required && !tier1.pages && tier1.bandwidth.map(Rate::kib) == Some(51_200));
        assert!(tier1.gets(&"release/2018.10/centos".parse().unwrap()));
        assert!(!tier1.gets(&"master/centos".parse().unwrap()));
        assert!(spare.pages && spare.gets(&"master/centos".parse().unwrap()));
        assert_eq!((far.way.key(), far.alarm, far.stall), ("rsync", Span::hours(3), STALL));
        assert_eq!(
            (uni.way.shown().as_str(), uni.trace.as_str()),
            ("https://mirror.example.edu/pub/", "tier1-a")
        );
        assert_ne!(tier1.address(), far.address());
    }

    #[test]
    fn a_blank_in_an_address_is_named() {
        names_all(
            "targets: 1\nto: [{name: a, rsync: 'u@host:/srv/my mirror'}]\n",
            &["to[0].rsync: `u@host:/srv/my mirror` has a blank"],
        );
    }

    #[test]
    fn what_rsync_would_take_for_something_else_is_refused() {
        for wrong in [
            "",
            "-avz",
            "/srv/x",
            "./a:b",
            "host",
            "host:",
            "-host:/x",
            "a@-host:/x",
            "host::module",
            ":/x",
            "@host:/x",
            "rsync://",
            "rsync://host",
            "rsync://host/",
            "rsync:///m",
            "rsync://u:p@h/m",
            "rsync://-h/m",
            "h:/a b",
            "h:/a\n",
        ] {
            assert!(rsync_address(wrong).is_err(), "{wrong}");
        }
        for right in
            ["rsync://host/m", "rsync://u@host:873/m/x", "host:/srv", "u@host:srv/x", "rsync://[::1]/m"]
        {
            assert_eq!(rsync_address(right).as_deref(), Ok(right));
        }
    }
}
