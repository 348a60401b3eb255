//! How long caches keep what is served: the rules of `export cache-rules` in the real servers that read them, and the
//! purge lists of events, which must cover whatever is kept for long.

use super::serving::contrib;
use super::web::{Running, at, encoded, nginx_in};
use crate::support::rig::Rig;
use mirrorkeep::layout::{Layout, Place};
use mirrorkeep::model::{RelPath, url_path};
use mirrorkeep::render::{CacheServer, cache_rules};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

const STREAM: &str = "master/centos";
const FIRST: &str = "20181205T060000Z";
const SECOND: &str = "20181206T060000Z";

const FOR_EVER: &str = "public, max-age=31536000, immutable";
const SHORT: &str = "public, max-age=60, stale-while-revalidate=60";
const MISSING: &str = "public, max-age=10";

/// Words of a layout, each of which a pattern or a configuration could take for something else.
const HOSTILE: [&str; 11] = [
    "plain",
    "it's \"quoted\"",
    "$HOME ${PATH} $1 ${a",
    "{brace}; return 200 {",
    "back\\slash\\n\\",
    "what?#not",
    "%41%2e%0d%0aSet-Cookie: x",
    "ä € 日\u{10348}",
    "<Location>&amp;",
    "^.*(re+gex)[a-z]|~",
    "a\"} else if (true) {\"",
];

/// Returns a layout with such words, and fields of many kinds.
fn hostile() -> Layout {
    let words = serde_json::to_string(&HOSTILE).unwrap();
    let text = format!(
        "layout: 1
name: hostile
title: Names of every kind
fields:
  word: {{ one_of: {words} }}
  any: {{ matches: '.+', except: ['not this', 'a+b'], examples: [x] }}
  letters: {{ matches: '[\\p{{Greek}}a-z$-]+(?:-[^a-z]|\\.[[:punct:]]{{1,2}})?', examples: [abc] }}
  stamp: {{ time: '%Y-%m-%d %H+%M' }}
streams:
  - {{ stream: 'w/{{word}}/{{any}}', build: '{{stamp}}' }}
  - {{ stream: 'l.x/({{letters}})/{{word}}', build: 'b {{stamp}}', path: 'l.x/({{letters}})/{{word}}/b {{stamp}}' }}
tree: ['**']
markers: {{ results: [{{ result: success, paths: ['out+/it works'] }}], hold: KEEP }}
"
    );
    Layout::load(&text, "layout.yaml").unwrap()
}

/// Builds of each layout.
fn layouts() -> Vec<(Layout, Vec<String>)> {
    let shipped = |name: &str, builds: &[&str]| {
        let layout = Layout::load(Layout::shipped(name).unwrap(), "layout.yaml").unwrap();
        (layout, builds.iter().map(|build| (*build).to_owned()).collect())
    };
    let mut odd: Vec<String> =
        HOSTILE.iter().map(|word| format!("w/{word}/{word}+/2018-12-05 06+00")).collect();
    odd.extend(HOSTILE.iter().map(|word| format!("l.x/(αbc-É)/{word}/b 2018-12-05 06+00")));
    let long = "420c638d6325d1ccf50eb5fe430c5d255dcbfb94_52cbbfe7";
    let all = vec![
        shipped(
            "generic",
            &[
                "main/20260601T020000Z",
                "main/debian/20260601T020000Z",
                "release/2.1/el9/x86_64/20260601T020000Z",
                "feature/a+b/20260601T020000Z",
            ],
        ),
        shipped(
            "starlingx",
            &[
                "master/centos/20181205T060000Z",
                "feature/kernel-6.6/debian/20181205T060000Z",
                "release/2018.10/centos/20181205T060000Z",
                "rc/10.0/debian/20181205T060000Z",
            ],
        ),
        shipped(
            "starlingx-debian",
            &[
                "master/centos/20181205T060000Z",
                "master/debian/bullseye/amd64/monolithic/20230504T060000Z",
                "release/12.0/debian/trixie/amd64/monolithic",
                "release/2.0.0/centos",
                "release/4.0.1/centos/flock",
                "milestone/2018.10/centos/2018.10.b3",
                "release/2018.10/centos/2018.10.5",
            ],
        ),
        shipped(
            "rdo-trunk",
            &[
                &format!("centos9-master/component/tripleo/42/0c/{long}"),
                &format!("centos7-newton/42/0c/{long}"),
                "centos9-master/current-tripleo/3c/75/3c757ade82e3016044d58a20e0d0dc0a",
            ],
        ),
        shipped("fedora-compose", &["Fedora-Rawhide-20260601.n.0", "Fedora-Cloud-40-20260601.12"]),
        shipped("openstack-tarballs", &["openstack/nova/29.0.0", "openstack/oslo.config/29.0.0.0rc1"]),
        (hostile(), odd),
    ];
    for (layout, builds) in &all {
        for build in builds {
            assert!(is_build(layout, build), "{build} is none of {}", layout.name());
        }
    }
    all
}

fn is_build(layout: &Layout, path: &str) -> bool {
    path.parse().is_ok_and(|path| matches!(layout.place(&path), Place::Build { .. }))
}

/// Returns paths that are builds, and paths that almost are.
fn near(builds: &[String]) -> BTreeSet<String> {
    let mut words: BTreeSet<&str> = builds.iter().flat_map(|build| build.split('/')).collect();
    words.extend([
        "latest_build",
        "latest_green_build",
        "current",
        "component",
        "deps",
        "not this",
        "a+b",
        "a+bc",
    ]);
    words.extend([
        "x",
        "X",
        "1",
        "ä",
        "a b",
        "r2018.10",
        "20181205T060000",
        "20181205T060000Zx",
        "b3",
        "stable",
    ]);
    let mut all = BTreeSet::new();
    for build in builds {
        let names: Vec<&str> = build.split('/').collect();
        for nth in 0..names.len() {
            for word in &words {
                let (mut other, mut longer) = (names.clone(), names.clone());
                other[nth] = word;
                longer.insert(nth, word);
                all.extend([other, longer].map(|names| names.join("/")));
            }
            let mut shorter = names.clone();
            shorter.remove(nth);
            all.insert(shorter.join("/"));
            let changed = |new: String| {
                let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
                names[nth] = new;
                names.join("/")
            };
            for (at, c) in names[nth].char_indices() {
                let (before, after) = (&names[nth][..at], &names[nth][at + c.len_utf8()..]);
                all.extend(["", "A", "0", "é", "+"].map(|new| changed(format!("{before}{new}{after}"))));
            }
        }
    }
    all.retain(|path| path.parse::<RelPath>().is_ok_and(|path| !path.is_root()));
    all
}

fn rules(server: CacheServer, layout: &Layout, under: &str) -> String {
    let rules = cache_rules(server, layout, &[], &under.parse().unwrap_or_default()).unwrap();
    assert_eq!(rules.left_out, [], "{}", layout.name());
    assert!(rules.text.is_ascii(), "{}", layout.name());
    rules.text
}

/// Runs a script after a function of CloudFront, by an engine that knows the plainest JavaScript only, and by another one.
fn run(function: &str, script: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("function.js");
    fs::write(&file, format!("{function}\n{script}\n")).unwrap();
    let output = Command::new(at("duk")).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Returns what a function of CloudFront states for these addresses.
fn stated(function: &str, addresses: &[String]) -> Vec<String> {
    let list = serde_json::to_string(addresses).unwrap();
    let script = format!(
        "var list = {list};
list.forEach(function (uri) {{
    var event = {{ context: {{ eventType: 'viewer-response' }}, request: {{ uri: uri, headers: {{}} }},
                  response: {{ statusCode: 200, headers: {{ 'cache-control': {{ value: 'x' }} }} }} }};
    print(handler(event).headers['cache-control'].value);
}});"
    );
    run(function, &script)
}

#[test]
fn in_every_layout_the_files_of_builds_are_kept_and_nothing_else() {
    for (layout, builds) in layouts() {
        let depths: BTreeSet<usize> = layout.build_addresses().iter().map(|one| one.depth).collect();
        let function = rules(CacheServer::Cloudfront, &layout, "");
        assert!(function.len() <= 10_240, "{}: {} bytes", layout.name(), function.len());
        // An even sample: each path without a place costs a search for the nearest one.
        let near = near(&builds);
        let every = near.len().div_ceil(400);
        let paths: Vec<String> = near.into_iter().step_by(every).chain(builds.iter().cloned()).collect();
        let addresses: Vec<String> =
            paths.iter().map(|path| format!("{}/x", url_path(&path.parse().unwrap()))).collect();
        let told = stated(&function, &addresses);
        assert_eq!(told.len(), paths.len());
        let mut kept = 0;
        for (path, told) in paths.iter().zip(told) {
            let path: RelPath = path.parse().unwrap();
            // What is below a build is a file of it, whether the layout has a place for it or not.
            let dirs = [path.clone()].into_iter().chain(path.ancestors());
            let is_file =
                dirs.filter(|dir| depths.contains(&dir.depth())).any(|dir| is_build(&layout, dir.as_str()));
            let marked =
                layout.changing().any(|at| path.join(&"x".parse().unwrap()).as_str().ends_with(at.as_str()));
            assert_eq!(told == FOR_EVER, is_file && !marked, "{}: {path}", layout.name());
            kept += usize::from(is_file);
        }
        assert!(kept >= builds.len(), "{}: {kept}", layout.name());
    }
}

#[test]
fn a_function_of_cloudfront_goes_by_status_and_hides_the_own_area() {
    let layout = Layout::load(Layout::shipped("starlingx").unwrap(), "layout.yaml").unwrap();
    let function = rules(CacheServer::Cloudfront, &layout, "pub/the \"mirror\" $1");
    let uri = format!("/pub/the%20%22mirror%22%20%241/{STREAM}/{FIRST}/outputs/iso/a.iso");
    let ask = |status: u16, uri: &str| {
        let script = format!(
            "print(JSON.stringify(handler({{request: {{uri: {uri}}}, response: {{statusCode: {status}, headers: {{}}}}}})));",
            uri = serde_json::to_string(uri).unwrap()
        );
        let answer: serde_json::Value = serde_json::from_str(&run(&function, &script)[0]).unwrap();
        answer["headers"]["cache-control"]["value"].as_str().unwrap().to_owned()
    };
    for (status, kept) in [
        (200, FOR_EVER),
        (206, FOR_EVER),
        (304, FOR_EVER),
        (301, SHORT),
        (302, SHORT),
        (404, MISSING),
        (410, MISSING),
        (500, "no-store"),
        (503, "no-store"),
    ] {
        assert_eq!(ask(status, &uri), kept, "{status}");
    }
    assert_eq!(ask(200, &uri["/pub".len()..]), SHORT);
    let request = |uri: &str| {
        let script = format!("print(JSON.stringify(handler({{request: {{uri: '{uri}'}}}})));");
        serde_json::from_str::<serde_json::Value>(&run(&function, &script)[0]).unwrap()
    };
    for own in
        ["/.mirrorkeep/mirror.yaml", "/pub/%2emirrorkeep", "/pub%2f.mirrorkee%70/x", "//.mirrorkeep%2fx"]
    {
        assert_eq!(request(own)["statusCode"], 404, "{own}");
    }
    for other in ["/", "/.mirrorkeeper/x", "/x.mirrorkeep/y", "/%zz/%C3/x", "//a/../b%2Fc"] {
        assert_eq!(request(other)["uri"], other);
    }
    // The origin, and the cache, know one spelling.
    let odd = "/%6Daster/a+b (1)!*~/%c3%a9%2a%2b@";
    assert_eq!(request(odd)["uri"], "/master/a%2Bb%20%281%29%21%2A~/%C3%A9%2A%2B%40");
    assert_eq!(request(odd)["uri"], url_path(&"master/a+b (1)!*~/é*+@".parse().unwrap()));
    assert_eq!(ask(200, &uri.replace("/master/", "/%6daster/")), FOR_EVER);
}

/// Returns a mirror that a server can read.
fn mirrored() -> Rig {
    let rig = Rig::new();
    rig.write("outputs/success", "")
        .write("outputs/iso/a.iso", "first")
        .write("outputs/logs/a b+ä.log", "log");
    rig.ok(&["init", "--layout", "starlingx"]);
    rig.publish(FIRST, &[]);
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}site: {{auto: true, url: 'https://mirror.example.org'}}\n")).unwrap();
    rig.ok(&["site"]);
    for dir in [rig.mirror("..").as_path(), &rig.mirror(".mirrorkeep")] {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
    }
    rig
}

/// Starts nginx with these rules, as their first lines say.
fn nginx(root: &Path, rules: &str) -> Running {
    let server: String = rules
        .lines()
        .take_while(|line| line.starts_with('#'))
        .filter_map(|line| line.strip_prefix("#     "))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(server.lines().count(), 4, "{rules}");
    Running::start("nginx", |dir, port| {
        fs::write(dir.join("cache.conf"), rules).unwrap();
        let ours = [
            ("listen 80;", format!("listen 127.0.0.1:{port};")),
            ("/srv/mirror", root.display().to_string()),
            ("    add_header Cache-Control $mirror_cache;\n", server.clone()),
        ];
        fs::write(dir.join("mirror.conf"), contrib("nginx.conf", &ours)).unwrap();
        nginx_in(
            dir,
            "user root; master_process off;",
            "include /etc/nginx/mime.types; include cache.conf; include mirror.conf;",
        )
    })
}

/// Starts Apache with these rules, and others before them.
fn apache(root: &Path, rules: &str) -> Running {
    Running::start("apache2", |dir, port| {
        let ours = [
            ("*:80", format!("127.0.0.1:{port}")),
            ("/srv/mirror", root.display().to_string()),
            ("# Include /var/lib/mirrorkeep/apache-readers.conf", "Include cache.conf".to_owned()),
        ];
        fs::write(dir.join("cache.conf"), rules).unwrap();
        fs::write(dir.join("mirror.conf"), contrib("apache.conf", &ours)).unwrap();
        let modules: String = [
            "mpm_event",
            "authz_core",
            "alias",
            "autoindex",
            "dir",
            "headers",
            "mime",
            "rewrite",
            "setenvif",
        ]
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
        .concat();
        let here = dir.display();
        let text = format!(
            "ServerRoot {here}\nPidFile {here}/pid\nServerName mirror\nListen 127.0.0.1:{port}\nErrorLog /dev/stderr\n\
             {modules}User daemon\nGroup daemon\nTypesConfig /dev/null\n\
             <Directory />\nRequire all denied\nOptions None\n</Directory>\nInclude mirror.conf\n"
        );
        fs::write(dir.join("apache.conf"), text).unwrap();
        vec!["-X".to_owned(), "-f".to_owned(), dir.join("apache.conf").display().to_string()]
    })
}

/// Returns the values of a field of the head of an answer.
fn fields<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

/// Asks for a path; the answer must have that status, that cache time alone, and validators only where it never changes.
#[track_caller]
fn answered(server: &Running, path: &str, more: &str, status: &str, kept: &str) -> (String, Vec<u8>) {
    let (head, body) = server.ask(path, more);
    assert!(head.lines().next().unwrap().contains(&format!(" {status} ")), "{path}: {head}");
    assert_eq!(fields(&head, "cache-control"), [kept], "{path}: {head}");
    if kept == FOR_EVER {
        assert!(fields(&head, "etag").len() == 1, "{path}: {head}");
    } else {
        assert!(
            fields(&head, "etag").is_empty() && fields(&head, "last-modified").is_empty(),
            "{path}: {head}"
        );
    }
    (head, body)
}

/// What a server answers in all of a build's life.
fn a_life(rig: &Rig, server: &Running) {
    let build = format!("/{STREAM}/{FIRST}");
    let name = format!("/{STREAM}/latest_build");
    let (head, _) = answered(server, &format!("{build}/outputs/iso/a.iso"), "", "200", FOR_EVER);
    let etag = fields(&head, "etag")[0].to_owned();
    answered(
        server,
        &format!("{build}/outputs/iso/a.iso"),
        &format!("If-None-Match: {etag}\r\n"),
        "304",
        FOR_EVER,
    );
    answered(server, &format!("{build}/outputs/iso/a.iso?x=/y"), "", "200", FOR_EVER);
    answered(server, &encoded(&format!("{build}/outputs/logs/a b+ä.log")), "", "200", FOR_EVER);
    answered(server, &format!("{build}/outputs/iso/a.iso"), "Range: bytes=1-2\r\n", "206", FOR_EVER);
    // What may change in a build, however it is spelt.
    for file in ["SHA256SUMS", "outputs/success", "SHA256SUM%53", "outputs//succ%65ss", "outputs/success?x"] {
        answered(server, &format!("{build}/{file}"), "", "200", SHORT);
    }
    for dir in ["", "/outputs/iso"] {
        answered(server, &format!("{build}{dir}/"), "", "200", SHORT);
        let (head, _) = server.get(&format!("{build}{dir}"));
        assert!(head.contains(" 301 ") && fields(&head, "cache-control") == [SHORT], "{head}");
    }
    // Other spellings of its address are kept for a short time.
    for odd in [
        format!("//{STREAM}/{FIRST}/outputs/iso/a.iso"),
        format!("/master/%63entos/{FIRST}/outputs/iso/a.iso"),
        format!("/{STREAM}/20181204T060000Z/../{FIRST}/outputs/iso/a.iso"),
        format!("{build}/outputs/./iso/a.iso"),
        format!("{build}/outputs/x/%2e%2E/iso/a.iso"),
        format!("{name}/outputs/iso/a.iso"),
    ] {
        answered(server, &odd, "", "200", SHORT);
    }
    for page in ["/status/", "/status/index.html", &format!("/status/{STREAM}/index.json"), "/"] {
        answered(server, page, "", "200", SHORT);
    }
    for missing in [&format!("/{STREAM}/{SECOND}/outputs/iso/a.iso"), &format!("{build}/nothing"), "/nothing"]
    {
        answered(server, missing, "", "404", MISSING);
    }
    for own in ["/.mirrorkeep/mirror.yaml", "/.mirrorkeep", "/%2emirrorkeep/mirror.yaml"] {
        answered(server, own, "", "404", MISSING);
    }
    // The name moves to a file of the same size and second: a client that asks with what it has gets the new bytes.
    let old =
        fs::metadata(rig.mirror(&format!("{STREAM}/{FIRST}/outputs/iso/a.iso"))).unwrap().modified().unwrap();
    rig.write("outputs/iso/a.iso", "other");
    rig.publish(SECOND, &["--keep-times"]);
    let new = fs::File::options()
        .write(true)
        .open(rig.mirror(&format!("{STREAM}/{SECOND}/outputs/iso/a.iso")))
        .unwrap();
    new.set_modified(old).unwrap();
    let (head, body) = answered(server, &format!("{name}/outputs/iso/a.iso"), "", "200", SHORT);
    assert_eq!(body, b"other", "{head}");
    answered(server, &format!("/{STREAM}/{SECOND}/outputs/iso/a.iso"), "", "200", FOR_EVER);
    // A withdrawn build is gone, and its event has every address that is kept for long.
    rig.ok(&["withdraw", &format!("{STREAM}/{FIRST}"), "--why", "a test"]);
    answered(server, &format!("{build}/outputs/iso/a.iso"), "", "404", MISSING);
    let purged = purged(rig, "build.pruned");
    assert_eq!(purged, [format!("{build}/*"), format!("/{STREAM}/"), "/status/*".to_owned()]);
}

/// Returns the purge list of the last event of a type.
fn purged(rig: &Rig, kind: &str) -> Vec<String> {
    let events = rig.ok(&["events", "--type", kind]);
    let event: serde_json::Value = serde_json::from_str(events.lines().last().unwrap()).unwrap();
    serde_json::from_value(event["data"]["purge"].clone()).unwrap()
}

fn export(rig: &Rig, server: &str) -> String {
    rig.ok(&["export", "cache-rules", "--for", server])
}

#[test]
fn nginx_keeps_files_of_builds_alone_for_long() {
    let rig = mirrored();
    let server = nginx(&rig.mirror(""), &export(&rig, "nginx"));
    a_life(&rig, &server);
    assert_eq!(purged(&rig, "alias.moved")[0], format!("/{STREAM}/latest_build*"));
}

#[test]
fn apache_keeps_files_of_builds_alone_for_long() {
    let rig = mirrored();
    let server = apache(&rig.mirror(""), &export(&rig, "apache"));
    let path = format!("/{STREAM}/latest_build/outputs/iso/a.iso");
    // Apache takes a time that is not earlier for the same.
    let now = "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\nIf-None-Match: *\r\n";
    answered(&server, &path, now, "200", SHORT);
    a_life(&rig, &server);
}

#[test]
fn the_file_of_a_build_at_the_address_of_a_name_is_that_of_a_name() {
    let rig = mirrored();
    rig.write("outputs/iso/only.iso", "only");
    rig.publish(SECOND, &[]);
    rig.publish("20181207T060000Z", &[]);
    fs::remove_file(rig.mirror(&format!("{STREAM}/20181207T060000Z/outputs/iso/only.iso"))).unwrap();
    let readers = rig.ok(&["export", "readers", "--for", "apache"]);
    let cache = export(&rig, "apache");
    for rules in [format!("{cache}\n{readers}"), format!("{readers}\n{cache}")] {
        let server = apache(&rig.mirror(""), &rules);
        let (head, body) = server.get(&format!("/{STREAM}/latest_build/outputs/iso/only.iso"));
        assert_eq!((body.as_slice(), head.contains("immutable")), (&b"only"[..], false), "{head}");
        assert!(fields(&head, "etag").is_empty(), "{head}");
    }
}

#[test]
fn links_to_directories_are_no_streams_of_their_own() {
    let rig = Rig::new();
    rig.write("success", "").write("a", "a");
    rig.ok(&["init", "--layout", "generic"]);
    rig.publish(FIRST, &[]);
    // The grammar would have a stream there.
    symlink("centos", rig.mirror("master/debian")).unwrap();
    symlink("master", rig.mirror("a b")).unwrap();
    for (name, root) in [("nginx", nginx as fn(&Path, &str) -> Running), ("apache", apache)] {
        let server = root(&rig.mirror(""), &export(&rig, name));
        answered(&server, &format!("/{STREAM}/{FIRST}/a"), "", "200", FOR_EVER);
        answered(&server, &format!("/master/debian/{FIRST}/a"), "", "200", SHORT);
        answered(&server, &format!("/a%20b/centos/{FIRST}/a"), "", "200", SHORT);
    }
}

#[test]
fn names_of_every_kind_are_matched_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for under in ["", "the \"mirror\" $1 #"] {
        let root = dir.path().join(under);
        let builds = layouts().pop().unwrap().1;
        for build in &builds {
            let dir = root.join(build);
            fs::create_dir_all(dir.join("out+")).unwrap();
            fs::create_dir_all(root.join(format!("{build}x"))).unwrap();
            for file in ["a.rpm", "KEEP", "out+/it works", "../../../a.rpm"] {
                fs::write(dir.join(file), "").unwrap();
            }
            fs::write(root.join(format!("{build}x/a.rpm")), "").unwrap();
        }
        let above = if under.is_empty() { String::new() } else { encoded(&format!("/{under}")) };
        for (server, start) in
            [(CacheServer::Nginx, nginx as fn(&Path, &str) -> Running), (CacheServer::Apache, apache)]
        {
            let server = start(dir.path(), &rules(server, &hostile(), under));
            for build in &builds {
                let path = format!("{above}{}", encoded(&format!("/{build}")));
                answered(&server, &format!("{path}/a.rpm"), "", "200", FOR_EVER);
                answered(&server, &format!("{path}/out%2B/it%20works"), "", "200", SHORT);
                answered(&server, &format!("{path}/out+/it%20work%73"), "", "200", SHORT);
                answered(&server, &format!("{path}/KEEP"), "", "200", SHORT);
                answered(&server, &format!("{path}x/a.rpm"), "", "200", SHORT);
                answered(&server, &format!("{path}/%0d%0aSet-Cookie:x"), "", "404", MISSING);
            }
        }
    }
}

#[test]
fn what_no_rule_can_match_is_left_out_and_reported() {
    let rig = Rig::new();
    let file = rig.work("../layout.yaml");
    let text = Layout::shipped("generic").unwrap().replace(
        "  - { stream: \"{branch}[/{distro}]\", build: \"{stamp}\" }",
        "  - { stream: \"{bound}\", build: \"{stamp}\" }\n  - { stream: \"{branch}[/{distro}]\", build: \"{stamp}\" }",
    );
    let text =
        text.replace("\nfields:\n", "\nfields:\n  bound: { matches: '=\\b[a-z]+', examples: ['=x'] }\n");
    fs::write(&file, text).unwrap();
    rig.ok(&["init", "--layout", file.to_str().unwrap()]);
    let told = rig.json(&["export", "cache-rules", "--for", "nginx"]);
    assert_eq!(told["left_out"][0]["streams"], "{bound}");
    let said = rig
        .ends(0, &["export", "cache-rules", "--for", "nginx", "--out", rig.work("../out").to_str().unwrap()]);
    assert!(said.contains("files of builds of `{bound}` are kept for a minute only"), "{said}");
}

/// Returns the subroutines of Fastly as Varnish has them.
fn as_varnish(rules: &str, port: u16) -> String {
    let fetch = rules.split("sub mirrorkeep_fetch").nth(1).unwrap();
    let (recv, _) = rules.split_once("sub mirrorkeep_fetch").unwrap();
    let recv = recv.replace("error 404 \"Not Found\";", "return (synth(404));");
    let fetch =
        fetch.replace("req.url", "bereq.url").replace("beresp.stale_while_revalidate", "beresp.grace");
    format!(
        "vcl 4.1;\nbackend default {{ .host = \"127.0.0.1\"; .port = \"{port}\"; }}\n{recv}\nsub mirrorkeep_fetch{fetch}
sub vcl_recv {{ call mirrorkeep_recv; }}
sub vcl_backend_response {{ call mirrorkeep_fetch; }}\n"
    )
}

#[test]
fn vcl_is_valid_and_keeps_files_of_builds_alone_for_long() {
    for (layout, _) in layouts() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("rules.vcl");
        fs::write(&file, as_varnish(&rules(CacheServer::FastlyVcl, &layout, "a b"), 1)).unwrap();
        let output = Command::new(at("varnishd"))
            .arg("-C")
            .arg("-n")
            .arg(dir.path())
            .arg("-f")
            .arg(&file)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}: {}", layout.name(), String::from_utf8_lossy(&output.stderr));
    }
    let rig = mirrored();
    let origin = nginx(&rig.mirror(""), &export(&rig, "nginx"));
    let cache = Running::start("varnishd", |dir, port| {
        let file = dir.join("rules.vcl");
        fs::write(&file, as_varnish(&export(&rig, "fastly-vcl"), origin.port())).unwrap();
        let (work, file) = (dir.join("work").display().to_string(), file.display().to_string());
        let listen = format!("127.0.0.1:{port}");
        ["-F", "-n", &work, "-a", &listen, "-f", &file, "-s", "malloc,8m", "-j", "none"]
            .map(str::to_owned)
            .to_vec()
    });
    let ask = |path: &str, kept: &str, key: &str| {
        let (head, _) = cache.get(path);
        assert_eq!(fields(&head, "cache-control"), [kept], "{path}: {head}");
        assert_eq!(fields(&head, "surrogate-key"), [key], "{path}: {head}");
    };
    let build = format!("/{STREAM}/{FIRST}");
    ask(&format!("{build}/outputs/iso/a.iso"), FOR_EVER, &build);
    ask(&format!("{build}/outputs/iso/a.iso?x=y"), FOR_EVER, &build);
    for other in ["outputs/success", "SHA256SUMS", "outputs/../outputs/iso/a.iso", "outputs/iso/"] {
        ask(&format!("{build}/{other}"), SHORT, "mirrorkeep");
    }
    ask(&format!("/{STREAM}/latest_build/outputs/iso/a.iso"), SHORT, "mirrorkeep");
    ask(&format!("/{STREAM}/{SECOND}/outputs/iso/a.iso"), MISSING, "mirrorkeep");
    let (head, _) = cache.get("/.mirrorkeep/mirror.yaml");
    assert!(head.contains(" 404 "), "{head}");
    // What the cache has stays, until its key is purged.
    rig.ok(&["withdraw", &format!("{STREAM}/{FIRST}"), "--why", "a test", "--purge", "--yes"]);
    assert!(
        cache.get(&format!("{build}/outputs/iso/a.iso")).0.contains(" 200 "),
        "this is why there is a purge list"
    );
    assert_eq!(purged(&rig, "build.pruned")[0], format!("{build}/*"));
}
