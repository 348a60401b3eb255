//! The credentials of `docker login` and `podman login`: files, and helper programs that the files name.
//!
//! Nothing is read before a registry requires it. No error and no `Debug` has the content of a file or the output of
//! a program. A missing file has no credentials; an unreadable one is an error, since it may have them.

use super::error::RegistryError;
use crate::exec::{self, Job};
use crate::model::registry::Host;
use crate::progress::CancelToken;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The maximum size of a file, in bytes.
const LARGEST: u64 = 1 << 20;

/// The time limit of a credential helper.
const LIMIT: Duration = Duration::from_secs(30);

/// The user name with which a helper returns a token for the token service.
const TOKEN_USER: &str = "<token>";

/// The key under which clients store the credentials of Docker Hub.
const HUB: (&str, &str) = ("docker.io", "https://index.docker.io/v1/");

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(pub(super) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// The credentials for a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Credential {
    /// A user and a password.
    Login(String, Secret),
    /// A token for the token service.
    Identity(Secret),
    /// A token for the registry itself.
    Token(Secret),
}

/// Where credentials are looked up.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The files, in order of precedence.
    files: Vec<PathBuf>,
    /// Why helpers failed, by program and registry: one that does not answer is asked once.
    failed: Arc<Mutex<HashMap<(String, String), String>>>,
}

/// The contents of such a file.
#[derive(Debug, Clone, Default)]
pub struct CredentialsFile(Content);

#[derive(Debug, Clone, Default, Deserialize)]
struct Content {
    auths: Option<BTreeMap<String, Option<Entry>>>,
    #[serde(rename = "credHelpers")]
    helpers: Option<BTreeMap<String, String>>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
}

#[derive(Clone, Deserialize)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// The answer of a credential helper.
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Username")]
    username: String,
    #[serde(rename = "Secret")]
    secret: String,
}

impl Credentials {
    /// Returns the files in which clients store credentials, by the environment.
    pub fn of_environment() -> Self {
        Self::by(|variable| std::env::var_os(variable))
    }

    fn by(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let dir = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let docker = dir("DOCKER_CONFIG").or_else(|| Some(dir("HOME")?.join(".docker")));
        let docker = docker.map(|docker| docker.join("config.json"));
        // As in podman: without the variable, the directory of the user below `/run/containers`.
        let run = dir("XDG_RUNTIME_DIR").map(|run| run.join("containers"));
        let user = rustix::process::getuid().as_raw().to_string();
        let podman = run.unwrap_or_else(|| Path::new("/run/containers").join(user)).join("auth.json");
        Self::in_files(docker.into_iter().chain([podman]))
    }

    /// Returns credentials that are looked up in these files, one after the other.
    pub fn in_files(files: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { files: files.into_iter().collect(), failed: Arc::default() }
    }

    /// Returns the credentials for a repository of a registry; nothing if there are none.
    pub(super) fn of(
        &self,
        host: &Host,
        repository: &str,
        stop: &CancelToken,
    ) -> Result<Option<Credential>, RegistryError> {
        for path in &self.files {
            let Some(file) = CredentialsFile::read(path)? else { continue };
            if let Some(helper) = file.helper(host.name())
                && let Some(found) = self.ask(helper, host.name(), stop)?
            {
                return Ok(Some(found));
            }
            let unusable = |why| RegistryError::Credentials { path: path.display().to_string(), why };
            if let Some(found) = file.entry(host.name(), repository).map_err(unusable)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Runs a credential helper unless it failed before; others wait meanwhile.
    fn ask(&self, name: &str, host: &str, stop: &CancelToken) -> Result<Option<Credential>, RegistryError> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (name.to_owned(), host.to_owned());
        if let Some(why) = failed.get(&key) {
            let (program, host, why) = (program(name), host.to_owned(), why.clone());
            return Err(RegistryError::Helper { program, host, why });
        }
        let asked = ask(name, host, stop);
        if let Err(RegistryError::Helper { why, .. }) = &asked {
            failed.insert(key, why.clone());
        }
        asked
    }
}

impl CredentialsFile {
    /// Reads the text of a file; the error states the position, and nothing of the content.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let wrong = |error: serde_json::Error| {
            format!("line {}, column {} is not what such a file has there", error.line(), error.column())
        };
        serde_json::from_slice(text).map(Self).map_err(wrong)
    }

    fn read(path: &Path) -> Result<Option<Self>, RegistryError> {
        let failed = |why: String| RegistryError::Credentials { path: path.display().to_string(), why };
        let mut text = Vec::new();
        match File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut text)) {
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(failed(error.to_string())),
        }
        if text.len() as u64 > LARGEST {
            return Err(failed(format!("it is larger than {LARGEST} bytes")));
        }
        if text.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        Self::parse(&text).map(Some).map_err(failed)
    }

    /// Returns the credential helper for a registry.
    fn helper(&self, host: &str) -> Option<&str> {
        let own = self.0.helpers.iter().flatten().find(|(key, _)| registry(key) == host);
        own.map(|(_, program)| &**program).or(self.0.store.as_deref()).filter(|program| !program.is_empty())
    }

    /// Returns the credentials in the file itself for a repository, those of the longest namespace first.
    fn entry(&self, host: &str, repository: &str) -> Result<Option<Credential>, String> {
        let mut at = format!("{host}/{repository}");
        loop {
            let entries = self.0.auths.iter().flatten().filter(|(key, _)| registry(key) == at);
            for (key, entry) in entries.filter_map(|(key, entry)| Some((key, entry.as_ref()?))) {
                let found = entry.credential();
                if let Some(found) =
                    found.map_err(|()| format!("`auth` of `{key}` is not base64 of `user:password`"))?
                {
                    return Ok(Some(found));
                }
            }
            match at.rsplit_once('/') {
                Some((above, _)) => at = above.to_owned(),
                None => return Ok(None),
            }
        }
    }

    /// Returns whether the file has credentials for a repository, or names a helper for them.
    pub fn knows(&self, host: &str, repository: &str) -> bool {
        self.helper(host).is_some() || self.entry(host, repository).is_ok_and(|entry| entry.is_some())
    }
}

impl Entry {
    fn credential(&self) -> Result<Option<Credential>, ()> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = given(&self.registrytoken) {
            return Ok(Some(Credential::Token(Secret(token))));
        }
        if let Some(token) = given(&self.identitytoken) {
            return Ok(Some(Credential::Identity(Secret(token))));
        }
        if let Some(auth) = given(&self.auth) {
            let text = STANDARD.decode(auth.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let (user, password) = text.as_deref().and_then(|text| text.split_once(':')).ok_or(())?;
            let password = password.trim_end_matches('\0').to_owned();
            return Ok(Some(Credential::Login(user.to_owned(), Secret(password))));
        }
        let user = given(&self.username);
        Ok(user.map(|user| Credential::Login(user, Secret(self.password.clone().unwrap_or_default()))))
    }
}

/// Returns the registry, or the namespace in one, for a key of such a file.
fn registry(key: &str) -> &str {
    let bare = key.split_once("://").map_or(key, |(_, rest)| rest).trim_end_matches('/');
    let bare = bare.strip_suffix("/v1").or_else(|| bare.strip_suffix("/v2")).unwrap_or(bare);
    if matches!(bare, "index.docker.io" | "registry-1.docker.io") { HUB.0 } else { bare }
}

fn program(helper: &str) -> String {
    format!("docker-credential-{helper}")
}

/// Runs a credential helper; nothing if it has no credentials.
fn ask(name: &str, host: &str, stop: &CancelToken) -> Result<Option<Credential>, RegistryError> {
    let program = program(name);
    let failed = |why: String| RegistryError::Helper { program: program.clone(), host: host.to_owned(), why };
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
        return Err(failed("is not the name of a program".to_owned()));
    }
    let server = if host == HUB.0 { HUB.1 } else { host };
    let words = [program.clone(), "get".to_owned()];
    let job =
        Job { words: &words, env: &[], without: &[], input: server.as_bytes(), limit: LIMIT, lock: None };
    let ran =
        exec::ask(&job, stop).map_err(|source| RegistryError::NoHelper { host: host.to_owned(), source })?;
    stop.check()?;
    if ran.output.contains("credentials not found") {
        return Ok(None);
    }
    if !ran.end.is_success() {
        return Err(failed(format!("fails: {}", ran.end)));
    }
    let answer: Answer = serde_json::from_str(&ran.output)
        .map_err(|_| failed("answers something else than credentials".to_owned()))?;
    let secret = Secret(answer.secret);
    Ok(Some(match answer.username {
        user if user == TOKEN_USER => Credential::Identity(secret),
        user => Credential::Login(user, secret),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> CredentialsFile {
        CredentialsFile::parse(text.as_bytes()).unwrap()
    }

    fn login(user: &str, password: &str) -> Credential {
        Credential::Login(user.to_owned(), Secret(password.to_owned()))
    }

    #[test]
    fn the_longest_namespace_counts_in_every_spelling_of_a_key() {
        let found = file(
            r#"{"auths": {"https://q.io/v2/": {"auth": "dTpwOnE="}, "q.io/a": {"username": "v", "password": "w"}, "r.io": {},
                "https://index.docker.io/v1/": {"identitytoken": "t"}, "n.io": null}, "other": 1}"#,
        );
        assert_eq!(found.entry("q.io", "b/c").unwrap(), Some(login("u", "p:q")));
        assert_eq!(found.entry("q.io", "a/c").unwrap(), Some(login("v", "w")));
        assert_eq!(found.entry("q.io", "ab").unwrap(), Some(login("u", "p:q")));
        assert_eq!(
            found.entry("docker.io", "a").unwrap(),
            Some(Credential::Identity(Secret("t".to_owned())))
        );
        for host in ["r.io", "n.io", "q.io:5000", "q"] {
            assert_eq!(found.entry(host, "a").unwrap(), None, "{host}");
        }
    }

    #[test]
    fn the_files_of_the_environment_are_looked_at_in_their_order() {
        let case = |variables: &[(&str, &str)], files: &[&str]| {
            let value = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(*value))
            };
            let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
            assert_eq!(Credentials::by(value).files, files);
        };
        let run = ("XDG_RUNTIME_DIR", "/run/user/1");
        case(&[("HOME", "/h"), run], &["/h/.docker/config.json", "/run/user/1/containers/auth.json"]);
        let own = format!("/run/containers/{}/auth.json", rustix::process::getuid().as_raw());
        case(&[("HOME", "/h"), ("DOCKER_CONFIG", "/d")], &["/d/config.json", &own]);
        case(&[("HOME", "/h"), ("DOCKER_CONFIG", "")], &["/h/.docker/config.json", &own]);
        case(&[], &[&own]);
    }

    #[test]
    fn a_file_that_is_not_there_has_no_credentials_and_one_that_cannot_be_read_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let (second, host) =
            (dir.path().join("second"), "q.io/a".parse::<crate::registry::Address>().unwrap());
        std::fs::write(&second, r#"{"auths": {"q.io": {"username": "v", "password": "w"}}}"#).unwrap();
        let of = |first: &Path| {
            let credentials = Credentials::in_files([first.to_owned(), second.clone()]);
            credentials.of(host.host(), "a", &CancelToken::new())
        };
        assert_eq!(of(Path::new("/no/such/file")).unwrap(), Some(login("v", "w")));
        for text in ["{", "[]", &"x".repeat(2 << 20)] {
            let first = dir.path().join("first");
            std::fs::write(&first, text).unwrap();
            let error = of(&first).unwrap_err().to_string();
            assert!(error.contains(first.to_str().unwrap()) && error.len() < 300, "{error}");
        }
        assert!(of(dir.path()).is_err());
    }

    #[test]
    fn a_program_of_its_own_counts_more_than_the_one_for_all() {
        let found = file(r#"{"credHelpers": {"q.io": "own", "r.io": ""}, "credsStore": "all"}"#);
        assert_eq!(
            [found.helper("q.io"), found.helper("s.io"), found.helper("r.io")],
            [Some("own"), Some("all"), None]
        );
        assert_eq!(file(r#"{"credsStore": ""}"#).helper("q.io"), None);
    }

    #[test]
    fn no_error_and_no_debug_shows_a_secret() {
        let found = file(r#"{"auths": {"q.io": {"auth": "SECRET", "password": "SECRET"}}}"#);
        let error = found.entry("q.io", "a").unwrap_err();
        let wrong = CredentialsFile::parse(br#"{"auths": {"q.io": {"auth": ["SECRET"]}, "credsStore": 1}"#)
            .unwrap_err();
        let entry = login("u", "SECRET");
        for text in [format!("{found:?}"), error, wrong, format!("{entry:?}")] {
            assert!(!text.contains("SECRET"), "{text}");
        }
    }

    #[test]
    fn a_program_is_asked_by_its_name_alone() {
        for name in ["../x", "a b", "a;b", "a/b"] {
            let error = ask(name, "q.io", &CancelToken::new()).unwrap_err().to_string();
            assert!(error.contains("is not the name of a program"), "{error}");
        }
        let error = ask("of-no-one", "q.io", &CancelToken::new()).unwrap_err();
        assert!(matches!(error, RegistryError::NoHelper { .. }), "{error}");
    }
}
