//! Readers that go on while the name moves under them: nginx and Apache with the rules, and real apt and dnf.

mod bucket;

use super::serving::{apache_with, contrib};
use super::web::{Running, at, nginx_in};
use crate::support::rig::Rig;
use crate::support::servers::Engine;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const STREAM: &str = "master/centos";
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const FOR_A_MINUTE: &str = "public, max-age=60";

/// How many sessions of a client a test has at least, and how many moves of the name.
const SESSIONS: usize = 10;
const MOVES: usize = 5;

/// How long a name stays at a build: more than nginx has processes with the old rules and with the new, which is 100 ms on an
/// idle machine.
const STAYS: Duration = Duration::from_secs(1);

/// Keeps a build for a minute after the name left it, and only then.
const POLICY: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 1m, floor: 1}
brakes: {policy_change: apply}
families: [{name: all, match: \"**\", keep: [{last: 1}]}]
";

/// Returns the name of a build, a second after the one before.
fn build(number: usize) -> String {
    format!("20181205T06{:02}{:02}Z", number / 60, number % 60)
}

/// A mirror behind a web server, whose rules follow the names.
struct Site {
    rig: Rig,
    server: Running,
    next: AtomicUsize,
    /// Where the mirror is, if it is in a bucket.
    bucket: Option<Engine>,
}

impl Site {
    /// Returns a mirror without a build, and nginx with the rules of its settings, reloaded when they change.
    fn new() -> Self {
        let rig = Rig::new();
        fs::remove_dir_all(rig.work("outputs")).unwrap();
        rig.write("success", "").write("NOTES", "the same").write("iso/boot.iso", "image");
        let policy = rig.work("../policy.yaml");
        fs::write(&policy, POLICY).unwrap();
        rig.ok(&["init", "--layout", "generic", "--policy", policy.to_str().unwrap()]);
        for dir in [rig.mirror("..").as_path(), &rig.mirror("")] {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let (out, settings) = (rig.work("../readers.inc"), rig.mirror(".mirrorkeep/mirror.yaml"));
        let server = Running::start("nginx", |dir, port| {
            let root = rig.mirror("").display().to_string();
            fs::write(&out, "").unwrap();
            let ours = [
                ("listen 80;", format!("listen 127.0.0.1:{port};")),
                ("/srv/mirror", root.trim_end_matches('/').to_owned()),
                ("# include /var/lib/mirrorkeep/nginx-readers.inc;", format!("include {};", out.display())),
            ];
            fs::write(dir.join("mirror.conf"), contrib("nginx.conf", &ours)).unwrap();
            let args = nginx_in(dir, "user root;", "include /etc/nginx/mime.types; include mirror.conf;");
            let program = at("nginx").display().to_string();
            let reload: Vec<String> =
                [&[program][..], &args, &["-s".to_owned(), "reload".to_owned()]].concat();
            let text = fs::read_to_string(&settings).unwrap();
            let (out, reload) = (out.display(), serde_json::to_string(&reload).unwrap());
            let readers = format!(
                "readers:\n  url: http://127.0.0.1:{port}\n  newest: 60\n  for: nginx\n  out: {out}\n  reload: {reload}\n"
            );
            fs::write(&settings, format!("{text}{readers}")).unwrap();
            args
        });
        Self { rig, server, next: AtomicUsize::new(0), bucket: None }
    }

    /// Publishes the next build, with files by which it is told, and returns its name.
    fn publish(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = build(number);
        for one in ["only", "iso"] {
            fs::remove_dir_all(self.rig.work(one)).ok();
        }
        self.rig.write(&format!("only/{name}"), &name).write("iso/boot.iso", &name);
        self.rig.write(&format!("only/{name}.rpm"), &name);
        self.publish_as_it_is(&name);
        name
    }

    fn publish_as_it_is(&self, name: &str) {
        let work = self.rig.work("");
        self.keep(&["publish", work.to_str().unwrap(), "--stream", STREAM, "--build", name]);
    }

    /// Runs a command on the mirror, which must succeed, and returns its answer.
    #[track_caller]
    fn keep(&self, args: &[&str]) -> String {
        let Some(engine) = &self.bucket else { return self.rig.ok(args) };
        let output = engine.command(bucket::NAME).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port())
    }

    /// Returns the status of the answer for a path below the name, its head and its body.
    fn below(&self, path: &str) -> (String, String, String) {
        below(&self.server, path)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // The server's own processes end with it only when it is asked.
        let pid = format!("{}", self.server.id());
        Command::new("kill").args(["-TERM", &pid]).status().ok();
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn below(server: &Running, path: &str) -> (String, String, String) {
    let (head, body) = server.get(&format!("/{STREAM}/latest_build/{path}"));
    let status = head.split(' ').nth(1).unwrap().to_owned();
    (status, head.to_lowercase(), String::from_utf8_lossy(&body).into_owned())
}

/// Checks what a reader of a name gets who began with `first`, after the name moved on to `last`.
#[track_caller]
fn goes_on(server: &Running, first: &str, last: &str) {
    let get = |path: &str| below(server, path);
    for build in [first, last] {
        for ending in ["", ".rpm"] {
            let (status, head, body) = get(&format!("only/{build}{ending}"));
            assert_eq!((&*status, &*body), ("200", build), "{head}");
            assert!(head.contains(&format!("cache-control: {FOR_A_MINUTE}")), "{head}");
            assert_eq!(head.matches("cache-control").count(), 1, "{head}");
            let kind = if ending.is_empty() { "text/plain" } else { "application/x-rpm" };
            assert!(head.contains(&format!("content-type: {kind}")), "{head}");
        }
    }
    assert_eq!(get("iso/boot.iso").2, last, "the newest has it");
    assert_eq!(get("NOTES").2, "the same");
    let (status, head, _) = get("iso");
    assert_eq!(status, "301", "{head}");
    assert!(head.contains("/latest_build/iso/"), "{head}");
    let (status, head, body) = get("only/");
    assert_eq!(status, "200", "{head}");
    assert!(body.contains(last) && !body.contains(first), "{body}");
    for path in
        ["only/nothing", "nothing.rpm", ".mirrorkeep/mirror.yaml", "..%2f..%2f..%2f.mirrorkeep/mirror.yaml"]
    {
        assert_eq!(get(path).0, "404", "{path}");
    }
    let (head, _) = server.get(&format!("/{STREAM}/{last}/only/{last}.rpm"));
    assert!(head.contains(FOR_EVER), "the dated address: {head}");
}

#[test]
fn a_reader_behind_nginx_comes_to_the_end_although_the_name_moved_twice() {
    let site = Site::new();
    let first = site.publish();
    assert_eq!(site.below("iso/boot.iso").2, first);
    site.publish();
    let last = site.publish();
    // The old processes of the server answer what came before the reload.
    std::thread::sleep(Duration::from_millis(300));
    goes_on(&site.server, &first, &last);
    // Once the policy lets it go, it is gone in every way.
    site.rig.ok(&["withdraw", &format!("{STREAM}/{first}"), "--why", "a test"]);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(site.below(&format!("only/{first}")).0, "404");
    assert_eq!(site.below(&format!("only/{last}")).0, "200");
    let (_, list) = site.server.get(&format!("/readers/{STREAM}/latest_build/mirrorlist"));
    let list = String::from_utf8(list).unwrap();
    assert!(list.contains(&last) && !list.contains(&first), "{list}");
}

#[test]
fn a_reader_behind_apache_comes_to_the_end_although_the_name_moved_twice() {
    let site = Site::new();
    let (first, _, last) = (site.publish(), site.publish(), site.publish());
    let rules = site.rig.ok(&["export", "readers", "--for", "apache"]);
    goes_on(&apache_with(&site.rig, &rules), &first, &last);
}

/// Names that quoting gets wrong where it can be got wrong, and that a path may have.
const HOSTILE: [&str; 10] = [
    "with.dot",
    "it's \"quoted\"",
    "$HOME ${PATH} $1 ${a",
    "{brace}; return 200 {",
    "back\\slash\\n\\",
    "what?#not",
    "%41%2e%0d%0a",
    "ä € 日",
    "<Location>&amp;",
    "^.*(re+gex)[a-z]|~",
];

#[test]
fn names_of_every_kind_are_matched_as_they_are() {
    let site = Site::new();
    let (first, last) = (site.publish(), site.publish());
    // A stream could have that name.
    let settings = site.rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}aliases: [{{name: with.dot, by_hand: true}}]\n")).unwrap();
    for name in HOSTILE {
        let alias = format!("{STREAM}/{name}");
        for build in [&first, &last] {
            site.rig.ok(&["alias", "set", &alias, &format!("{STREAM}/{build}"), "--allow-backwards"]);
        }
    }
    let rules = site.rig.ok(&["export", "readers", "--for", "apache"]);
    let apache = apache_with(&site.rig, &rules);
    std::thread::sleep(Duration::from_millis(300));
    for server in [&site.server, &apache] {
        for name in HOSTILE {
            let path = super::web::encoded(&format!("/{STREAM}/{name}/only/{first}"));
            let (head, body) = server.get(&path);
            assert!(head.contains(" 200 ") && body == first.as_bytes(), "{name}: {head}");
            let path = super::web::encoded(&format!("/{STREAM}/{name}x/only/{first}"));
            assert!(server.get(&path).0.contains(" 404 "), "{name}");
        }
    }
    for server in [&site.server, &apache] {
        let path = format!("/{STREAM}/withxdot/only/{first}");
        assert!(server.get(&path).0.contains(" 404 "));
    }
    let public = super::web::encoded(&format!("/readers/{STREAM}/{}.json", HOSTILE[0]));
    assert!(site.server.get(&public).0.contains(" 200 "));
}

/// A client of packages with a root of its own.
trait Client {
    /// Forgets all lists and packages.
    fn forget(&self);
    /// Reads the lists.
    fn update(&self) -> Output;
    /// Downloads two packages by the lists that it has.
    fn install(&self) -> Output;
}

pub(super) fn fine(output: &Output) -> Result<(), String> {
    let said = [&output.stdout[..], &output.stderr].concat();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&said).into_owned()) }
}

struct Apt(tempfile::TempDir);

impl Apt {
    fn new(sources: &str) -> Self {
        let apt = Self(tempfile::tempdir().unwrap());
        let dir = apt.0.path();
        for below in ["etc/sources.list.d", "etc/preferences.d", "etc/trusted.gpg.d", "etc/apt.conf.d"] {
            fs::create_dir_all(dir.join(below)).unwrap();
        }
        fs::write(dir.join("etc/sources.list.d/mirror.sources"), sources).unwrap();
        fs::write(dir.join("status"), "").unwrap();
        let (shown, mut config) = (dir.display(), String::new());
        for (key, value) in [
            ("Dir", "/"),
            ("Dir::State", "/state"),
            ("Dir::State::status", "/status"),
            ("Dir::Cache", "/cache"),
            ("Dir::Etc", "/etc"),
            ("Dir::Log", "/log"),
        ] {
            config.push_str(&format!("{key} \"{shown}{value}\";\n"));
        }
        config.push_str("Dir::Bin::methods \"/usr/lib/apt/methods\";\nAPT::Architecture \"amd64\";\nAPT::Architectures { \"amd64\"; };\n");
        config.push_str("APT::Sandbox::User \"root\";\nAcquire::Retries \"0\";\nAcquire::Languages \"none\";\nAcquire::http::Proxy \"DIRECT\";\n");
        fs::write(dir.join("apt.conf"), config).unwrap();
        apt.forget();
        apt
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new("apt-get");
        command.env("APT_CONFIG", self.0.path().join("apt.conf")).env("LC_ALL", "C").args(args);
        command.output().unwrap()
    }
}

impl Client for Apt {
    fn forget(&self) {
        for below in ["state", "cache"] {
            fs::remove_dir_all(self.0.path().join(below)).ok();
        }
        for below in ["state/lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(self.0.path().join(below)).unwrap();
        }
    }

    fn update(&self) -> Output {
        self.run(&["update", "--error-on=any"])
    }

    fn install(&self) -> Output {
        fs::remove_dir_all(self.0.path().join("cache/archives")).ok();
        fs::create_dir_all(self.0.path().join("cache/archives/partial")).unwrap();
        self.run(&["install", "--download-only", "--yes", "alpha", "beta"])
    }
}

struct Dnf(tempfile::TempDir);

impl Dnf {
    fn new(repo: &str) -> Self {
        let dnf = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(dnf.0.path().join("repos")).unwrap();
        fs::create_dir(dnf.0.path().join("log")).unwrap();
        fs::write(dnf.0.path().join("dnf.conf"), "[main]\n").unwrap();
        fs::write(dnf.0.path().join("repos/mirror.repo"), repo).unwrap();
        dnf
    }

    fn run(&self, args: &[&str]) -> Output {
        let dir = self.0.path();
        let below = |name: &str| dir.join(name).display().to_string();
        let mut command = Command::new(at("dnf"));
        command.env("LC_ALL", "C").args(["-y", "--nogpgcheck", "--releasever=1", "--noplugins"]);
        command
            .arg(format!("--config={}", below("dnf.conf")))
            .arg(format!("--installroot={}", below("root")));
        for (key, value) in
            [("reposdir", below("repos")), ("cachedir", below("cache")), ("logdir", below("log"))]
        {
            command.arg(format!("--setopt={key}={value}"));
        }
        command.args(["--setopt=module_platform_id=platform:el8", "--setopt=retries=1"]).args(args);
        command.output().unwrap()
    }
}

impl Client for Dnf {
    fn forget(&self) {
        fs::remove_dir_all(self.0.path().join("cache")).ok();
    }

    fn update(&self) -> Output {
        self.run(&["makecache"])
    }

    fn install(&self) -> Output {
        self.run(&["install", "--downloadonly", "alpha", "beta"])
    }
}

/// Puts two Debian packages in an apt repository of their own for this build, as they were for none before.
fn apt_repository(rig: &Rig, name: &str) {
    let root = rig.work("apt");
    fs::remove_dir_all(&root).ok();
    let binary = root.join("dists/stable/main/binary-amd64");
    fs::create_dir_all(&binary).unwrap();
    fs::create_dir_all(root.join("pool")).unwrap();
    let mut packages = String::new();
    for package in ["alpha", "beta"] {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir(tree.path().join("DEBIAN")).unwrap();
        fs::set_permissions(tree.path().join("DEBIAN"), fs::Permissions::from_mode(0o755)).unwrap();
        let control = format!(
            "Package: {package}\nVersion: {name}\nArchitecture: all\nMaintainer: a test\nDescription: a test\n"
        );
        fs::write(tree.path().join("DEBIAN/control"), &control).unwrap();
        let file = format!("pool/{package}_{name}_all.deb");
        let built =
            Command::new("dpkg-deb").args(["-Znone", "-b"]).args([tree.path(), &root.join(&file)]).output();
        fine(&built.unwrap()).unwrap();
        let bytes = fs::read(root.join(&file)).unwrap();
        let digest = mirrorkeep::model::Digest::of(&bytes);
        packages.push_str(&format!("{control}Filename: {file}\nSize: {}\nSHA256: {digest}\n\n", bytes.len()));
    }
    let digest = mirrorkeep::model::Digest::of(packages.as_bytes());
    fs::write(binary.join("Packages"), &packages).unwrap();
    fs::create_dir_all(binary.join("by-hash/SHA256")).unwrap();
    fs::write(binary.join(format!("by-hash/SHA256/{digest}")), &packages).unwrap();
    let release = format!(
        "Suite: stable\nCodename: stable\nAcquire-By-Hash: yes\nArchitectures: amd64\nComponents: main\nDate: {}\nSHA256:\n {digest} {} main/binary-amd64/Packages\n",
        // Builds follow each other by a second, and so do their dates.
        format_args!("Wed, 05 Dec 2018 06:{}:{} UTC", &name[11..13], &name[13..15]),
        packages.len()
    );
    fs::write(root.join("dists/stable/Release"), release).unwrap();
}

/// Builds two RPM packages, once for all repositories.
fn rpms(dir: &Path) -> Vec<PathBuf> {
    for package in ["alpha", "beta"] {
        let spec = format!(
            "Name: {package}\nVersion: 1\nRelease: 1\nSummary: a test\nLicense: none\nBuildArch: noarch\n%description\na test\n%files\n"
        );
        let file = dir.join(format!("{package}.spec"));
        fs::write(&file, spec).unwrap();
        let top = format!("_topdir {}", dir.display());
        let built = Command::new(at("rpmbuild")).args(["-bb", "--define", &top]).arg(&file).output().unwrap();
        fine(&built).unwrap();
    }
    let found = fs::read_dir(dir.join("RPMS/noarch")).unwrap();
    found.map(|entry| entry.unwrap().path()).collect()
}

/// Puts the packages in an RPM repository, at paths that no other build has.
fn rpm_repository(rig: &Rig, name: &str, packages: &[PathBuf]) {
    let root = rig.work("rpm");
    fs::remove_dir_all(&root).ok();
    fs::create_dir_all(root.join(name)).unwrap();
    for package in packages {
        fs::copy(package, root.join(name).join(package.file_name().unwrap())).unwrap();
    }
    fine(&Command::new(at("createrepo_c")).arg("-q").arg(&root).output().unwrap()).unwrap();
}

/// Lets a client begin and end sessions while the name moves and prunes run, and returns how many there were and what those
/// said that failed.
fn sessions(site: &Site, client: &dyn Client, lay: &(dyn Fn(&str) + Sync)) -> (usize, Vec<String>) {
    let (stop, moves) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (mut failed, mut tried) = (Vec::new(), 0);
    std::thread::scope(|scope| {
        let moving = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let name = build(site.next.fetch_add(1, Ordering::Relaxed));
                lay(&name);
                site.publish_as_it_is(&name);
                site.keep(&["prune", "--io-priority", "normal"]);
                moves.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(STAYS);
            }
        });
        while !moving.is_finished() && (tried < SESSIONS || moves.load(Ordering::Relaxed) < MOVES) {
            client.forget();
            failed.extend(fine(&client.update()).and_then(|()| fine(&client.install())).err());
            tried += 1;
        }
        stop.store(true, Ordering::Relaxed);
    });
    (tried, failed)
}

/// Has a client read the lists, moves the name, and lets it install by the lists that it has: the morning after.
#[track_caller]
fn the_morning_after(site: &Site, client: &dyn Client, lay: &dyn Fn(&str)) -> Result<(), String> {
    client.forget();
    fine(&client.update()).unwrap();
    let name = build(site.next.fetch_add(1, Ordering::Relaxed));
    lay(&name);
    site.publish_as_it_is(&name);
    fine(&client.install())
}

/// Tries a client by the public files and by the name, and by a server without rules, which must show that the test can fail.
fn tried(site: &Site, by_list: &dyn Client, by_name: &dyn Client, lay: &(dyn Fn(&str) + Sync)) {
    for client in [by_list, by_name] {
        the_morning_after(site, client, lay).unwrap();
        let (tried, failed) = sessions(site, client, lay);
        assert!(failed.is_empty(), "{} of {tried} failed:\n{}", failed.len(), failed.join("\n"));
        assert!(tried >= SESSIONS, "{tried}");
    }
    let settings = site.rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.split("readers:").next().unwrap()).unwrap();
    fs::write(site.rig.work("../readers.inc"), "").unwrap();
    Command::new("kill").args(["-HUP", &site.server.id().to_string()]).status().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert!(the_morning_after(site, by_name, lay).is_err(), "without rules it fails");
}

#[test]
fn apt_comes_to_the_end_of_every_session_while_the_name_moves() {
    let site = Site::new();
    let lay = |name: &str| apt_repository(&site.rig, name);
    let name = build(site.next.fetch_add(1, Ordering::Relaxed));
    lay(&name);
    site.publish_as_it_is(&name);
    let public = site.rig.mirror(&format!("readers/{STREAM}/latest_build.sources"));
    let sources = fs::read_to_string(public).unwrap();
    let by_list = Apt::new(&sources.replace("Components: main\n", "Components: main\nTrusted: yes\n"));
    let by_name = Apt::new(&format!(
        "Types: deb\nURIs: {}/{STREAM}/latest_build/apt\nSuites: stable\nComponents: main\nTrusted: yes\n",
        site.address()
    ));
    tried(&site, &by_list, &by_name, &lay);
}

#[test]
fn dnf_comes_to_the_end_of_every_session_while_the_name_moves() {
    let site = Site::new();
    let built = tempfile::tempdir().unwrap();
    let packages = rpms(built.path());
    let lay = |name: &str| rpm_repository(&site.rig, name, &packages);
    let name = build(site.next.fetch_add(1, Ordering::Relaxed));
    lay(&name);
    site.publish_as_it_is(&name);
    let public = site.rig.mirror(&format!("readers/{STREAM}/latest_build.repo"));
    let by_list = Dnf::new(&fs::read_to_string(public).unwrap());
    let by_name = Dnf::new(&format!(
        "[mirror]\nname=mirror\nbaseurl={}/{STREAM}/latest_build/rpm\nenabled=1\n",
        site.address()
    ));
    tried(&site, &by_list, &by_name, &lay);
}
