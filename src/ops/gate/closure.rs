//! Whether all requirements of a build's packages are met: the answer of `dnf repoclosure`.
//!
//! dnf gets a root, a cache and a log directory of its own and no repository of this machine, so that the answer
//! depends on the build and the repositories that the pipeline names, and nothing on the machine changes.

use super::error::GateError;
use super::verdict::Verdict;
use crate::commit::commands::WITHOUT;
use crate::decide::pipeline::Closure;
use crate::exec::{self, End, ExecError, Job};
use crate::mirror::{Mirror, ReadersConfig, StateError, chain};
use crate::model::RelPath;
use crate::record::BuildRecord;
use crate::session::Session;
use crate::store::Kind;
use std::path::Path;
use std::time::Duration;

/// What dnf prints when nothing provides some requirements, and not when it could not check.
const UNRESOLVED: &str = "Repoclosure ended with unresolved dependencies";

/// What dnf prints without that plugin.
const NO_PLUGIN: &str = "No such command: repoclosure";

/// The platform of modules if the gate names none; dnf needs one.
const PLATFORM: &str = "platform:none";

/// Checks the repositories of a build.
pub(super) fn check(
    session: &Session<'_>,
    closure: &Closure,
    limit: Duration,
    record: &BuildRecord,
) -> Result<(Verdict, String), GateError> {
    let unknown = |why: String| Ok((Verdict::Unknown(why), String::new()));
    let repos = match repositories(session.mirror(), closure, record) {
        Ok(repos) => repos,
        Err(why) => return unknown(why),
    };
    match has_package(session.mirror(), closure, record) {
        Ok(true) => {}
        // dnf reports no problem if there are no packages.
        Ok(false) => return Ok((Verdict::Failure, "no repository of the build has a package\n".to_owned())),
        Err(error) => return unknown(chain(&error)),
    }
    let own = match room() {
        Ok(own) => own,
        Err(error) => return unknown(format!("cannot make a temporary directory: {error}")),
    };
    let words = words(closure, &repos, own.path());
    let env = [("LC_ALL", "C".to_owned()), ("HOME", own.path().display().to_string())];
    let job = Job { words: &words, env: &env, without: &WITHOUT, input: b"", limit, lock: None };
    let ran = match exec::run(&job, session.stop()) {
        Err(ExecError::NoProgram { .. }) => {
            return unknown(
                "there is no `dnf`; `apt-get install dnf dnf-plugins-core` installs it".to_owned(),
            );
        }
        Err(error) => return unknown(chain(&error)),
        Ok(ran) => ran,
    };
    let log = ran.output.replace(&own.path().display().to_string(), "…");
    let verdict = match ran.end {
        End::Code(0) => Verdict::Success,
        End::Code(1) if log.contains(UNRESOLVED) => Verdict::Failure,
        End::Code(_) if log.contains(NO_PLUGIN) => Verdict::Unknown(
            "dnf has no `repoclosure`; `apt-get install dnf-plugins-core` installs it".to_owned(),
        ),
        End::Stopped => return Err(crate::progress::Interrupted.into()),
        end => Verdict::Unknown(match log.lines().rfind(|line| !line.trim().is_empty()) {
            Some(last) => format!("dnf could not look: {end}: {last}"),
            None => format!("dnf could not look: {end}"),
        }),
    };
    Ok((verdict, log))
}

/// Returns a directory for the files of dnf.
fn room() -> std::io::Result<tempfile::TempDir> {
    let own = tempfile::tempdir()?;
    for name in ["root", "cache", "log", "repos"] {
        std::fs::create_dir(own.path().join(name))?;
    }
    std::fs::write(own.path().join("dnf.conf"), "[main]\n")?;
    Ok(own)
}

/// Returns whether any repository of a build has a package.
fn has_package(mirror: &Mirror, closure: &Closure, record: &BuildRecord) -> Result<bool, StateError> {
    let root = mirror.layout().build_path(&record.id).unwrap_or_default();
    let walked = mirror.apart().walk(&record.id, &root)?;
    let mut files = walked.entries().filter(|(_, _, entry)| entry.kind == Kind::File);
    let below = |dir: &RelPath| closure.repos.iter().any(|repo| dir.is_within(repo));
    Ok(files.any(|(dir, name, _)| name.ends_with(".rpm") && below(dir)))
}

/// Returns the names and addresses of the repositories of a build.
fn repositories(
    mirror: &Mirror,
    closure: &Closure,
    record: &BuildRecord,
) -> Result<Vec<(String, String)>, String> {
    let root = mirror.layout().build_path(&record.id).map_err(|error| error.to_string())?;
    let address = mirror.config().readers.as_ref().and_then(ReadersConfig::address);
    let mut repos = Vec::new();
    for (number, below) in closure.repos.iter().enumerate() {
        let at = root.join(below);
        let metadata = at.child("repodata").and_then(|at| at.child("repomd.xml")).unwrap_or_default();
        match mirror.look(&metadata) {
            Ok(Some(_)) => {}
            Ok(None) => {
                return Err(format!("`{at}` is not an RPM repository: it has no `repodata/repomd.xml`"));
            }
            Err(error) => return Err(chain(&error)),
        }
        let url = match (mirror.directory(), address) {
            (Some(dir), _) => url::Url::from_file_path(dir.join(at.as_str())).ok().map(String::from),
            (None, Some(address)) => url::Url::parse(&format!("{address}/{at}")).ok().map(String::from),
            (None, None) => {
                return Err(
                    "dnf reads a bucket by its public address, and `readers.url` in mirror.yaml is not set"
                        .to_owned(),
                );
            }
        };
        // dnf expands variables in an address.
        let url = url.ok_or_else(|| format!("`{at}` has no URL"))?.replace('$', "%24");
        repos.push((format!("build-{}", number + 1), url));
    }
    Ok(repos)
}

fn words(closure: &Closure, repos: &[(String, String)], own: &Path) -> Vec<String> {
    let below = |name: &str| own.join(name).display().to_string();
    let mut words = vec![
        "dnf".to_owned(),
        "--quiet".to_owned(),
        format!("--config={}", below("dnf.conf")),
        format!("--installroot={}", below("root")),
        "--releasever=1".to_owned(),
    ];
    for (key, value) in [
        ("reposdir", below("repos")),
        ("cachedir", below("cache")),
        ("logdir", below("log")),
        ("module_platform_id", closure.platform.clone().unwrap_or_else(|| PLATFORM.to_owned())),
    ] {
        words.push(format!("--setopt={key}={value}"));
    }
    let with = closure.with.iter().map(|(name, url)| (name.clone(), url.clone()));
    for (name, url) in repos.iter().cloned().chain(with) {
        // A comma ends the address.
        words.push(format!("--repofrompath={name},{}", url.replace(',', "%2C")));
        words.push(format!("--repo={name}"));
    }
    words.push("repoclosure".to_owned());
    words.extend(closure.arch.iter().map(|arch| format!("--arch={arch}")));
    if closure.newest {
        words.push("--newest".to_owned());
    }
    // Further repositories provide packages, and are not checked themselves.
    words.extend(repos.iter().map(|(name, _)| format!("--check={name}")));
    words
}
