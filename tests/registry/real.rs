//! Debian's `docker-registry`, with and without users.

use super::contract::{LAWS, Pair};
use super::scene::{Server, client, client_of};
use crate::support::servers::process::{Process, data, free_ports};
use mirrorkeep::model::{Classify, ErrorKind};
use mirrorkeep::progress::NoProgress;
use mirrorkeep::registry::RegistryError;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

const USER: &str = "publisher";
const PASSWORD: &str = "a password: of two words";

/// Who may use a registry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Users {
    All,
    One,
}

/// Whether a registry deletes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deletes {
    Yes,
    No,
}

/// Starts a registry that everyone may use.
pub(super) fn open() -> Server {
    start(Users::All, Deletes::Yes)
}

/// Starts a registry that deletes nothing.
pub(super) fn keeping() -> Server {
    start(Users::All, Deletes::No)
}

fn start(users: Users, deletes: Deletes) -> Server {
    let dir = data();
    let port = free_ports(1)[0];
    let mut config = format!(
        "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}/images\n  delete:\n    enabled: {}\nhttp:\n  addr: 127.0.0.1:{port}\n",
        dir.path().display(),
        deletes == Deletes::Yes
    );
    if users == Users::One {
        let file = dir.path().join("users");
        let made =
            Command::new("htpasswd").args(["-Bbc"]).arg(&file).args([USER, PASSWORD]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        config += &format!("auth:\n  htpasswd:\n    realm: tests\n    path: {}\n", file.display());
    }
    fs::write(dir.path().join("config.yml"), config).unwrap();
    let mut command = Command::new("docker-registry");
    let mut process = Process::start("registry", dir.path(), command.args(["serve", "config.yml"]));
    process.until_listening(port);
    let key = (users == Users::One).then(|| format!("Basic {}", base64(&format!("{USER}:{PASSWORD}"))));
    Server { port, key, _running: Box::new((process, dir)) }
}

/// Returns a file with credentials for registries.
fn file(servers: &[&Server], password: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let auths = servers.iter().map(|server| {
        let auth = base64(&format!("{USER}:{password}"));
        (format!("127.0.0.1:{}", server.port), serde_json::json!({ "auth": auth }))
    });
    let auths: serde_json::Map<_, _> = auths.collect();
    let path = dir.path().join("config.json");
    fs::write(&path, serde_json::json!({ "auths": auths }).to_string()).unwrap();
    (dir, path)
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn the_contract_holds_without_users() {
    let [one, two] = [(); 2].map(|()| start(Users::All, Deletes::Yes));
    let pair = Pair { one, two, client: client(20) };
    for (_, law) in LAWS {
        law(&pair);
    }
}

#[test]
fn the_contract_holds_with_users() {
    let [one, two] = [(); 2].map(|()| start(Users::One, Deletes::Yes));
    let (_dir, path) = file(&[&one, &two], PASSWORD);
    let pair = Pair { client: client_of(20, Some(&path)), one, two };
    for (_, law) in LAWS {
        law(&pair);
    }
}

#[test]
fn a_registry_with_users_denies_others_with_a_command_that_helps() {
    let server = start(Users::One, Deletes::Yes);
    server.put_image("a/b", Some("v1"), "x");
    let (_dir, path) = file(&[&server], "SECRET");
    for client in [client(20), client_of(20, Some(&path))] {
        let errors = [
            client.look(&server.image("a/b", "v1")).unwrap_err(),
            client.ping(server.repository("a/b").host()).unwrap_err(),
            client.tags(&server.repository("a/b")).unwrap_err(),
            client.copy(&server.image("a/b", "v1"), &server.image("a/c", "v1"), &NoProgress).unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, RegistryError::Denied { .. }), "{error:?}");
            let (text, class) = (format!("{error} {error:?}"), error.class());
            assert!(text.contains("401 Unauthorized") && !text.contains("SECRET"), "{text}");
            assert_eq!(class.kind, ErrorKind::Denied);
            assert!(class.hint.unwrap().contains(&format!("docker login 127.0.0.1:{}", server.port)));
        }
    }
}

#[test]
fn a_registry_that_does_not_delete_says_so() {
    let (server, client) = (start(Users::All, Deletes::No), client(20));
    server.put_image("a/b", Some("v1"), "x");
    let digest = client.manifest(&server.image("a/b", "v1")).unwrap().digest;
    let error = client.delete(&server.repository("a/b"), digest).unwrap_err();
    assert!(matches!(error, RegistryError::NoDelete { .. }), "{error:?}");
    assert!(error.class().hint.unwrap().contains("storage.delete.enabled"), "{error}");
}
