//! The configurations of `contrib/`, in the real servers that read them: types, cache times, listings, and what is hidden.

use super::web::{Running, at, encoded, nginx_in};
use crate::support::rig::{Rig, tree};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output};

const STREAM: &str = "master/centos";
const FIRST: &str = "20181205T060000Z";
const SECOND: &str = "20181206T060000Z";
const THIRD: &str = "20181207T060000Z";

/// As a bucket serves what never changes, and what may.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const FOR_A_MINUTE: &str = "public, max-age=60";

const TEXT: &str = "text/plain; charset=utf-8";

/// Files of a build with the types that the object store gives them.
const TYPES: [(&str, &str); 27] = [
    ("success", TEXT),
    ("logs/NOTES", TEXT),
    ("logs/build.log", TEXT),
    ("logs/packages.lst", TEXT),
    ("logs/CONTEXT.sh", TEXT),
    ("logs/README.md", TEXT),
    ("std/a.repo", TEXT),
    ("std/a.sources", TEXT),
    ("std/a.rpm", "application/x-rpm"),
    ("std/stx-1.0-2.el7.sh.x86_64.rpm", "application/x-rpm"),
    ("std/a_1.0_amd64.deb", "application/vnd.debian.binary-package"),
    ("iso/bootimage.iso", "application/octet-stream"),
    ("iso/disk.qcow2", "application/octet-stream"),
    ("iso/disk.tar.xz", "application/x-xz"),
    ("std/repodata/primary.xml.gz", "application/gzip"),
    ("std/repodata/repomd.xml", "application/xml"),
    ("logs/build.log.gz", "application/gzip"),
    ("logs/build.log.zst", "application/zstd"),
    ("logs/all.tgz", "application/gzip"),
    ("logs/all.tar.bz2", "application/x-bzip2"),
    ("std/a.whl", "application/zip"),
    ("logs/report.html", "text/html; charset=utf-8"),
    ("logs/report.css", "text/css; charset=utf-8"),
    ("logs/report.js", "text/javascript; charset=utf-8"),
    ("logs/report.json", "application/json"),
    ("logs/report.svg", "image/svg+xml"),
    ("std/InRelease.asc", "application/pgp-signature"),
];

/// Names that a URL has to quote.
const QUOTED: [&str; 5] =
    ["std/with space.rpm", "std/50%41.rpm", "std/a#b.rpm", "std/what?x=1.rpm", "std/ä 日.rpm"];

const LONG: &str = "stx-a-package-with-quite-a-long-name-20181205.1234567-89.el7.tis.x86_64 &ä.rpm";

/// Keeps the newest build alone, however young the others are.
const POLICY: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1}
families: [{name: all, match: \"**\", keep: [{last: 1}]}]
";

/// Returns a mirror with one build, in which everyone may read what the server's configuration alone must hide.
fn mirrored() -> Rig {
    let rig = Rig::new();
    for name in TYPES.iter().map(|(name, _)| name).chain(&QUOTED) {
        rig.write(name, name);
    }
    rig.write(&format!("std/{LONG}"), "long");
    let policy = tempfile::NamedTempFile::new().unwrap();
    fs::write(&policy, POLICY).unwrap();
    rig.ok(&["init", "--layout", "generic", "--policy", policy.path().to_str().unwrap()]);
    rig.publish(FIRST, &[]);
    for dir in [rig.mirror("..").as_path(), &rig.mirror(".mirrorkeep")] {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
    }
    rig
}

/// Returns a file of `contrib/` with other texts in some places, each of which it must have.
pub(super) fn contrib(name: &str, with: &[(&str, String)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib").join(name);
    with.iter().fold(fs::read_to_string(path).unwrap(), |text, (from, to)| {
        assert!(text.contains(from), "{name} has no `{from}`");
        text.replace(from, to)
    })
}

/// Starts nginx with these rules for aliases.
pub(super) fn nginx(rig: &Rig, rules: &str) -> Running {
    let root = rig.mirror("").display().to_string();
    Running::start("nginx", |dir, port| {
        let ours = [
            ("listen 80;", format!("listen 127.0.0.1:{port}; include aliases.conf;")),
            ("/srv/mirror", root.clone()),
        ];
        fs::write(dir.join("mirror.conf"), contrib("nginx.conf", &ours)).unwrap();
        fs::write(dir.join("aliases.conf"), rules).unwrap();
        // As Debian has it, the common types are there and unknown ones are binary.
        nginx_in(dir, "master_process off;", "gzip on; include /etc/nginx/mime.types; include mirror.conf;")
    })
}

fn apache(rig: &Rig) -> Running {
    apache_with(rig, "")
}

/// Starts Apache with these rules for readers.
pub(super) fn apache_with(rig: &Rig, rules: &str) -> Running {
    let root = rig.mirror("").display().to_string();
    Running::start("apache2", |dir, port| {
        let ours = [
            ("*:80", format!("127.0.0.1:{port}")),
            ("/srv/mirror", root.clone()),
            ("# Include /var/lib/mirrorkeep/apache-readers.conf", "Include readers.conf".to_owned()),
        ];
        fs::write(dir.join("readers.conf"), rules).unwrap();
        fs::write(dir.join("mirror.conf"), contrib("apache.conf", &ours)).unwrap();
        let modules: String =
            ["mpm_event", "authz_core", "alias", "autoindex", "dir", "headers", "mime", "rewrite"]
                .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
                .concat();
        let here = dir.display();
        // As Debian has it, `.gz` is an encoding, too.
        let text = format!(
            "ServerRoot {here}\nPidFile {here}/pid\nServerName mirror\nListen 127.0.0.1:{port}\nErrorLog /dev/stderr\n\
             {modules}User daemon\nGroup daemon\nTypesConfig /dev/null\nAddEncoding x-gzip .gz .tgz\nAddType application/x-gzip .gz .tgz\n\
             <Directory />\nRequire all denied\nOptions None\n</Directory>\nInclude mirror.conf\n"
        );
        fs::write(dir.join("apache.conf"), text).unwrap();
        vec!["-X".to_owned(), "-f".to_owned(), dir.join("apache.conf").display().to_string()]
    })
}

/// Returns a field of the head of an answer.
fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Asks for a path and returns the head and body of the answer, which must have that status and cache time.
#[track_caller]
fn answered(server: &Running, path: &str, more: &str, status: &str, kept: Option<&str>) -> (String, Vec<u8>) {
    let (head, body) = server.ask(path, more);
    assert!(head.lines().next().unwrap().contains(&format!(" {status} ")), "{path}: {head}");
    assert_eq!(field(&head, "cache-control"), kept, "{path}: {head}");
    (head, body)
}

fn types_and_cache_times(server: &Running) {
    for name in [FIRST, "latest_build"] {
        let kept = if name == FIRST { FOR_EVER } else { FOR_A_MINUTE };
        for (file, kind) in TYPES {
            let path = format!("/{STREAM}/{name}/{file}");
            let (head, body) = answered(server, &path, "Accept-Encoding: gzip\r\n", "200", Some(kept));
            assert_eq!(field(&head, "content-type"), Some(kind), "{path}: {head}");
            let packed = file.ends_with(".html") && field(&head, "content-encoding") == Some("gzip");
            assert!(packed || body == file.as_bytes(), "{path}: {head}");
            assert!(packed || field(&head, "content-encoding").is_none(), "{path}: {head}");
            assert_eq!(field(&head, "content-language"), None, "{path}: {head}");
        }
        let (head, _) =
            answered(server, &format!("/{STREAM}/{name}/SHA256SUMS"), "", "200", Some(FOR_A_MINUTE));
        assert_eq!(field(&head, "content-type"), Some(TEXT));
        answered(server, &format!("/{STREAM}/{name}/std/"), "", "200", Some(FOR_A_MINUTE));
        answered(server, &format!("/{STREAM}/{name}/nothing.rpm"), "", "404", None);
        let (head, _) = server.get(&format!("/{STREAM}/{name}/std"));
        assert!(head.contains(" 301 ") && !head.contains("immutable"), "{head}");
    }
    for file in QUOTED.iter().copied().chain([format!("std/{LONG}").as_str()]) {
        let path = encoded(&format!("/{STREAM}/{FIRST}/{file}"));
        let (head, body) = answered(server, &path, "", "200", Some(FOR_EVER));
        assert_eq!(field(&head, "content-type"), Some("application/x-rpm"), "{path}: {head}");
        assert!(body == file.as_bytes() || body == b"long", "{path}");
    }
}

fn ranges(server: &Running) {
    for (name, kept) in [(FIRST, FOR_EVER), ("latest_build", FOR_A_MINUTE)] {
        let path = format!("/{STREAM}/{name}/iso/bootimage.iso");
        for (range, bytes, part) in
            [("2-4", "o/b", "2-4/17"), ("-4", ".iso", "13-16/17"), ("13-", ".iso", "13-16/17")]
        {
            let (head, body) =
                answered(server, &path, &format!("Range: bytes={range}\r\n"), "206", Some(kept));
            assert_eq!(body, bytes.as_bytes(), "{head}");
            assert_eq!(field(&head, "content-range"), Some(&*format!("bytes {part}")));
        }
        let (head, _) = server.ask(&path, "Range: bytes=17-\r\n");
        assert!(head.contains(" 416 "), "{head}");
    }
}

fn own_area_is_hidden(server: &Running) {
    for path in [
        "/.mirrorkeep",
        "/.mirrorkeep/",
        "/.mirrorkeep/mirror.yaml",
        "/.mirrorkeep/mirror.yaml?x=1",
        "//.mirrorkeep/mirror.yaml",
        "/.mirrorkeep//mirror.yaml",
        "/./.mirrorkeep/./mirror.yaml",
        "/%2emirrorkeep/mirror.yaml",
        "/%2Emirrorkee%70/mirror.yaml",
        "/.mirrorkeep%2fmirror.yaml",
        "/%2f.mirrorkeep/mirror.yaml",
        "/master/../.mirrorkeep/mirror.yaml",
        "/master/%2e%2e/.mirrorkeep/mirror.yaml",
        "/master/centos/latest_build/../../../.mirrorkeep/mirror.yaml",
        "/.mirrorkeep/journal/",
        "/.MirrorKeep/mirror.yaml",
        "/%252emirrorkeep/mirror.yaml",
    ] {
        let (head, body) = answered(server, path, "", "404", None);
        assert!(!String::from_utf8_lossy(&body).contains("layout:"), "{path}: {head}");
    }
    let (_, listing) = server.get("/");
    let listing = String::from_utf8(listing).unwrap();
    assert!(listing.contains("master/") && !listing.contains("mirrorkeep"), "{listing}");
}

/// Publishes a second build between two requests for the same path.
fn the_name_moves(server: &Running, rig: &Rig) {
    let path = format!("/{STREAM}/latest_build/iso/bootimage.iso");
    let (head, _) = answered(server, &path, "", "200", Some(FOR_A_MINUTE));
    let same = format!("If-None-Match: {}\r\n", field(&head, "etag").unwrap());
    answered(server, &path, &same, "304", Some(FOR_A_MINUTE));
    let dated = format!("/{STREAM}/{FIRST}/iso/bootimage.iso");
    answered(server, &dated, &same, "304", Some(FOR_EVER));
    rig.write("iso/bootimage.iso", "the next image");
    rig.publish(SECOND, &[]);
    assert_eq!(answered(server, &path, &same, "200", Some(FOR_A_MINUTE)).1, b"the next image");
    assert_eq!(answered(server, &dated, "", "200", Some(FOR_EVER)).1, b"iso/bootimage.iso");
    let (_, sums) =
        answered(server, &format!("/{STREAM}/latest_build/SHA256SUMS"), "", "200", Some(FOR_A_MINUTE));
    assert_eq!(sums, fs::read(rig.mirror(&format!("{STREAM}/{SECOND}/SHA256SUMS"))).unwrap());
}

/// Runs the script of a listing of nginx, by an engine without a browser, on the links that the listing has.
#[track_caller]
fn shown(listing: &str) -> Vec<String> {
    let script = listing.split("<script>").nth(1).unwrap().split("</script>").next().unwrap();
    let links = listing.split("<a href=\"").skip(1).map(|link| {
        let (href, rest) = link.split_once("\">").unwrap();
        serde_json::json!({"href": href, "textContent": rest.split("</a>").next().unwrap().replace("&gt;", ">")})
    });
    let links: Vec<_> = links.collect();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("listing.js");
    let text = format!(
        "var links = {};\nlinks.forEach(function (a) {{ a.getAttribute = function (name) {{ return a[name]; }}; }});\n\
         var document = {{ querySelectorAll: function () {{ return links; }} }};\n{script}\n\
         links.forEach(function (a) {{ print(a.textContent); }});\n",
        serde_json::Value::from(links)
    );
    fs::write(&file, text).unwrap();
    let output = Command::new(at("duk")).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn nginx_serves_a_mirror_as_the_bucket_does() {
    let rig = mirrored();
    let server = nginx(&rig, "");
    types_and_cache_times(&server);
    ranges(&server);
    own_area_is_hidden(&server);
    let path = format!("/{STREAM}/{FIRST}/std");
    let (head, _) = server.get(&path);
    assert_eq!(field(&head, "location"), Some(&*format!("{path}/")), "a proxy may end TLS");
    let (head, listing) = server.get(&format!("{path}/"));
    assert_eq!(field(&head, "content-type"), Some("text/html; charset=utf-8"));
    let names = shown(&String::from_utf8(listing).unwrap());
    for name in [LONG, "a.rpm", "ä 日.rpm"] {
        assert!(names.iter().any(|shown| shown == name), "{names:?}");
    }
    the_name_moves(&server, &rig);
}

#[test]
fn one_request_with_the_rules_for_aliases_resolves_a_name() {
    let rig = mirrored();
    let server = nginx(&rig, &rig.ok(&["export", "redirects", "--for", "nginx"]));
    for path in ["latest_build", "latest_build/"] {
        let (head, _) = answered(&server, &format!("/{STREAM}/{path}"), "", "302", Some(FOR_A_MINUTE));
        assert_eq!(field(&head, "location"), Some(&*format!("/{STREAM}/{FIRST}/")));
    }
    let (head, _) =
        answered(&server, &format!("/{STREAM}/latest_build/success"), "", "302", Some(FOR_A_MINUTE));
    let dated = field(&head, "location").unwrap();
    let (head, _) = answered(&server, dated, "", "200", Some(FOR_EVER));
    assert_eq!(field(&head, "content-type"), Some(TEXT));
}

#[test]
fn apache_serves_a_mirror_as_the_bucket_does() {
    let rig = mirrored();
    let server = apache(&rig);
    types_and_cache_times(&server);
    ranges(&server);
    own_area_is_hidden(&server);
    let (head, listing) = server.get(&format!("/{STREAM}/{FIRST}/std/"));
    assert_eq!(field(&head, "content-type"), Some("text/html;charset=UTF-8"));
    let listing = String::from_utf8(listing).unwrap();
    assert!(listing.contains(&LONG.replace('&', "&amp;")), "{listing}");
    the_name_moves(&server, &rig);
}

fn rsyncd(rig: &Rig) -> Running {
    let root = rig.mirror("").display().to_string();
    Running::start("rsync", |dir, port| {
        let config = dir.join("rsyncd.conf");
        fs::write(&config, contrib("rsyncd.conf", &[("/srv/mirror", root.clone())])).unwrap();
        let (config, log) = (config.display(), dir.join("log").display().to_string());
        let options = ["--daemon", "--no-detach", "--address=127.0.0.1"].map(str::to_owned);
        let more = [format!("--port={port}"), format!("--config={config}"), format!("--log-file={log}")];
        [&options[..], &more].concat()
    })
}

/// Runs rsync from a path of the server to a directory.
fn rsync(server: &Running, options: &[&str], from: &str, to: &Path) -> Output {
    let from = format!("rsync://127.0.0.1:{}/mirror/{from}", server.port());
    Command::new(at("rsync")).args(options).arg(from).arg(to).output().unwrap()
}

/// Runs rsync on the whole mirror, which must succeed, and returns what it printed.
#[track_caller]
fn synced(server: &Running, options: &[&str], to: &Path) -> String {
    let output = rsync(server, options, "", to);
    assert!(output.status.success(), "{options:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Compares a copy with the public part of the mirror.
#[track_caller]
fn same(rig: &Rig, copy: &Path) {
    let own = |line: &String| line.starts_with(".mirrorkeep ") || line.starts_with(".mirrorkeep/");
    let (all, copied) = (tree(&rig.mirror("")), tree(copy));
    assert!(all.iter().any(own) && !copied.iter().any(|line| line.contains("mirrorkeep")));
    assert_eq!(all.into_iter().filter(|line| !own(line)).collect::<Vec<_>>(), copied);
}

#[test]
fn rsync_copies_a_mirror_with_its_links_and_deletes_what_prune_deleted() {
    let rig = mirrored();
    rig.write("iso/bootimage.iso", "the second image").publish(SECOND, &[]);
    let server = rsyncd(&rig);
    let place = tempfile::tempdir().unwrap();
    let (copy, stream) = (place.path(), place.path().join(STREAM));
    let latest = || fs::read_link(stream.join("latest_build")).unwrap();
    let inode = |build: &str, file: &str| fs::metadata(stream.join(build).join(file)).unwrap().ino();
    synced(&server, &["-aH", "--delete"], copy);
    same(&rig, copy);
    assert_eq!(latest(), Path::new(SECOND));
    let listed = rsync(&server, &["--list-only", "-l"], &format!("{STREAM}/latest_build"), copy);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains(&format!("latest_build -> {SECOND}")), "{listed}");
    assert_eq!(inode(FIRST, "std/a.rpm"), inode(SECOND, "std/a.rpm"));
    assert_ne!(inode(FIRST, "iso/bootimage.iso"), inode(SECOND, "iso/bootimage.iso"));
    assert_eq!(synced(&server, &["-aHi", "--delete"], copy), "", "nothing changed");

    // A prune between two syncs; the trash that it fills is sent to no one.
    rig.write("iso/bootimage.iso", "the third image").publish(THIRD, &[]);
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [THIRD]);
    assert!(rig.mirror(".mirrorkeep/trash").read_dir().unwrap().next().is_some());
    // Files first, then names and deletions: a reader of the copy never meets a name without its build.
    synced(&server, &["-aH", "--no-links"], copy);
    assert_eq!(latest(), Path::new(SECOND));
    assert!([FIRST, SECOND, THIRD].iter().all(|build| stream.join(build).join("std/a.rpm").exists()));
    synced(&server, &["-aH", "--delete-after"], copy);
    same(&rig, copy);
    assert_eq!(latest(), Path::new(THIRD));
    assert_eq!(synced(&server, &["-aHi", "--delete"], copy), "", "nothing changed");
}

#[test]
fn rsync_neither_shows_nor_takes_anything_else() {
    let rig = mirrored();
    let server = rsyncd(&rig);
    let place = tempfile::tempdir().unwrap();
    let listing = synced(&server, &["--list-only"], place.path());
    assert!(listing.contains("master") && !listing.contains("mirrorkeep"), "{listing}");
    for path in [
        ".mirrorkeep",
        ".mirrorkeep/",
        ".mirrorkeep/mirror.yaml",
        "./.mirrorkeep/mirror.yaml",
        "master/../.mirrorkeep/mirror.yaml",
    ] {
        let output = rsync(&server, &["-a"], path, place.path());
        assert!(!output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(tree(place.path()), Vec::<String>::new(), "{path}");
    }
    let before = tree(&rig.mirror(""));
    let to = format!("rsync://127.0.0.1:{}/mirror/", server.port());
    let output = Command::new(at("rsync"))
        .arg("-a")
        .args([rig.work("success").to_str().unwrap(), &to])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("read only"), "{output:?}");
    assert_eq!(tree(&rig.mirror("")), before);
}

/// Publishes an image with these bytes and the time that a reproducible build gives all its files.
fn clamped(rig: &Rig, build: &str, bytes: &str, more: &[&str]) {
    rig.write("iso/bootimage.iso", bytes);
    let file = fs::File::open(rig.work("iso/bootimage.iso")).unwrap();
    file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_540_000_000)).unwrap();
    rig.publish(build, more);
}

/// Runs a client, which must succeed.
#[track_caller]
fn client(program: &str, dir: &Path, args: &[&str]) {
    let output = Command::new(at(program)).current_dir(dir).args(args).output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Reads the image through the alias with each client that compares times or tags, which has read it before.
fn with_clients(rig: &Rig, servers: &[(&str, &Running)], place: &Path) -> Vec<(String, String)> {
    let mut read = Vec::new();
    let dir = |name: &str| {
        let dir = place.join(name);
        fs::create_dir_all(&dir).unwrap();
        dir
    };
    let copy = dir("rsync");
    let from = format!("{}/", rig.mirror(&format!("{STREAM}/latest_build")).display());
    client("rsync", &copy, &["-a", &from, "."]);
    read.push(("rsync".to_owned(), copy.join("iso/bootimage.iso")));
    for (server, running) in servers {
        let url = format!("http://127.0.0.1:{}/{STREAM}/latest_build/iso/bootimage.iso", running.port());
        let wget = dir(&format!("wget-{server}"));
        client("wget", &wget, &["-q", "-N", &url]);
        read.push((format!("wget -N {server}"), wget.join("bootimage.iso")));
        let curl = dir(&format!("curl-{server}"));
        let tag = ["--etag-compare", "tag", "--etag-save", "tag"];
        client("curl", &curl, &[&["-sSf", "-o", "image", &url], &tag[..]].concat());
        read.push((format!("curl --etag-compare {server}"), curl.join("image")));
        let since = dir(&format!("since-{server}"));
        client("curl", &since, &["-sSfR", "-o", "image", "-z", "image", &url]);
        read.push((format!("curl -z {server}"), since.join("image")));
    }
    read.into_iter().map(|(client, file)| (client, fs::read_to_string(file).unwrap())).collect()
}

/// Two builds of one second, and back to the first: what real clients have of an image that is as large in both.
#[test]
fn clients_that_compare_size_and_time_get_the_bytes_of_the_new_build() {
    for keep in [true, false] {
        let rig = mirrored();
        let (nginx, apache) = (nginx(&rig, ""), apache(&rig));
        let servers = [("nginx", &nginx), ("apache", &apache)];
        let place = tempfile::tempdir().unwrap();
        let more: &[&str] = if keep { &["--keep-times"] } else { &[] };
        let builds = [
            (SECOND, "bytes of one build"),
            (THIRD, "bytes of the other"),
            ("20181208T060000Z", "bytes of one build"),
        ];
        for (number, (build, bytes)) in builds.into_iter().enumerate() {
            clamped(&rig, build, bytes, more);
            let reads = with_clients(&rig, &servers, place.path());
            // The lists of two builds have one size, too, and may be of one second.
            let list = fs::read_to_string(place.path().join("rsync/SHA256SUMS")).unwrap();
            let latest = fs::read_to_string(rig.mirror(&format!("{STREAM}/{build}/SHA256SUMS"))).unwrap();
            assert!(keep || list == latest, "rsync has another SHA256SUMS than {build}");
            for (client, read) in reads {
                let stale = keep && number == 1;
                assert_eq!(read == bytes, !stale, "{client} has `{read}` of {build}");
            }
        }
    }
}
