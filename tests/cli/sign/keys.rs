//! Keys that are thrown away with the test that made them.

use crate::support::rig::Rig;
use minisign::KeyPair;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A home of GnuPG, whose agent ends with it.
pub(crate) struct Gpg(tempfile::TempDir);

impl Gpg {
    /// Makes a home without keys; its path is short, since sockets lie in it.
    pub(crate) fn new() -> Self {
        let home = tempfile::Builder::new().prefix("g").tempdir_in("/tmp").unwrap();
        // Whoever would ask a person for a password fails at once.
        fs::write(home.path().join("gpg-agent.conf"), "pinentry-program /bin/false\n").unwrap();
        Self(home)
    }

    pub(crate) fn home(&self) -> &Path {
        self.0.path()
    }

    /// Runs gpg, which `make tools` installs and which must succeed, and returns what it answered.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Vec<u8> {
        let mut gpg = Command::new("gpg");
        gpg.env("GNUPGHOME", self.home()).arg("--batch").args(args);
        let output = gpg.output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Makes a key of the year 2020 that signs, and returns the file with its public part.
    pub(crate) fn key(&self, name: &str, password: &str) -> PathBuf {
        let how = ["--faked-system-time", "20200101T000000", "--pinentry-mode", "loopback"];
        let what = ["--passphrase", password, "--quick-gen-key", name, "ed25519", "sign", "never"];
        self.run(&[&how[..], &what].concat());
        let public = self.home().join(format!("{name}.pub"));
        fs::write(&public, self.run(&["--export", name])).unwrap();
        public
    }

    /// Ends the agent, and with it what it knows of passwords.
    pub(crate) fn forget(&self) {
        let mut end = Command::new("gpgconf");
        end.env("GNUPGHOME", self.home()).args(["--kill", "all"]).stdout(Stdio::null());
        end.status().ok();
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        self.forget();
    }
}

/// Makes a key of minisign without a password: the files with the secret and the public part.
pub(crate) fn minisign(dir: &Path, name: &str) -> (PathBuf, PathBuf) {
    kept(dir, name, &KeyPair::generate_unencrypted_keypair().unwrap())
}

/// Makes a key of minisign with a password.
pub(crate) fn minisign_with(dir: &Path, name: &str, password: &str) -> (PathBuf, PathBuf) {
    kept(dir, name, &KeyPair::generate_encrypted_keypair(Some(password.to_owned())).unwrap())
}

fn kept(dir: &Path, name: &str, pair: &KeyPair) -> (PathBuf, PathBuf) {
    let (secret, public) = (dir.join(format!("{name}.key")), dir.join(format!("{name}.pub")));
    fs::write(&secret, pair.sk.to_box(None).unwrap().into_string()).unwrap();
    fs::write(&public, pair.pk.to_box().unwrap().into_string()).unwrap();
    (secret, public)
}

/// Runs the binary with a home of GnuPG and, where there is one, the password of a minisign key.
pub(crate) fn run(rig: &Rig, gpg: Option<&Gpg>, password: Option<&str>, args: &[&str]) -> Output {
    let mut command = rig.command(args);
    command.env_remove("MIRRORKEEP_MINISIGN_PASSWORD").env_remove("GPG_TTY").stdin(Stdio::null());
    command.env("GNUPGHOME", gpg.map_or(Path::new("/nonexistent"), Gpg::home));
    if let Some(password) = password {
        command.env("MIRRORKEEP_MINISIGN_PASSWORD", password);
    }
    command.output().unwrap()
}
