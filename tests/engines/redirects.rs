//! Redirects, by the real servers that read them: names with everything in them that a path may hold.

use super::web::{Running, at, encoded, nginx_in};
use crate::support::rig::Rig;
use mirrorkeep::model::RelPath;
use mirrorkeep::render::{Away, Gone, Redirect, RedirectError, Server, away, gone, redirects};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// Names that quoting gets wrong where it can be got wrong.
const HOSTILE: [&str; 10] = [
    "latest_build",
    "it's \"quoted\"",
    "$HOME ${PATH} $1 ${a",
    "{brace}; return 200 {",
    "back\\slash\\n\\",
    "what?#not",
    "%41%2e%0d%0aSet-Cookie: x",
    "ä € 日\u{2028}",
    "<Location>&amp;",
    "^.*(re+gex)[a-z]|~",
];

/// Returns where an answer sends its reader: the path and query of a 302 that may be kept for a minute.
#[track_caller]
fn redirected(server: &Running, path: &str) -> String {
    let (head, _) = server.get(path);
    assert!(head.contains(" 302 "), "{path}: {head}");
    assert!(head.to_lowercase().contains("cache-control: public, max-age=60"), "{path}: {head}");
    assert!(!head.to_lowercase().contains("\nset-cookie"), "{path}: {head}");
    let to = head.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap();
    let to = to.strip_prefix("http://").map_or(to, |to| &to[to.find('/').unwrap()..]);
    to.to_owned()
}

fn nginx(root: &Path, rules: &str) -> Running {
    Running::start("nginx", |dir, port| {
        fs::write(dir.join("aliases.conf"), rules).unwrap();
        let root = root.display();
        nginx_in(
            dir,
            "master_process off;",
            &format!("server {{ listen 127.0.0.1:{port}; root {root}; include aliases.conf; }}"),
        )
    })
}

fn apache(root: &Path, rules: &str) -> Running {
    Running::start("apache2", |dir, port| {
        fs::write(dir.join("aliases.conf"), rules).unwrap();
        let modules: String = ["mpm_event", "authz_core", "alias", "headers"]
            .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
            .concat();
        let (root, here) = (root.display(), dir.display());
        let text = format!(
            "ServerRoot {here}\nPidFile {here}/pid\nServerName mirror\nListen 127.0.0.1:{port}\nErrorLog /dev/stderr\n\
             {modules}User daemon\nGroup daemon\nDocumentRoot {root}\n<Directory />\nRequire all granted\nOptions None\n</Directory>\nInclude aliases.conf\n"
        );
        fs::write(dir.join("apache.conf"), text).unwrap();
        vec!["-X".to_owned(), "-f".to_owned(), dir.join("apache.conf").display().to_string()]
    })
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut left = text.as_bytes();
    while let [first, rest @ ..] = left {
        if *first == b'%' {
            bytes.push(u8::from_str_radix(str::from_utf8(&rest[..2]).unwrap(), 16).unwrap());
            left = &rest[2..];
        } else {
            bytes.push(*first);
            left = rest;
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// Returns names of every kind, each of which leads to a build of a name of the next kind.
fn hostile() -> Vec<Redirect> {
    let path = |name: &str| -> RelPath { format!("m/{name}").parse().unwrap() };
    let next = HOSTILE.iter().cycle().skip(1);
    HOSTILE
        .iter()
        .zip(next)
        .map(|(from, to)| Redirect { from: path(from), to: path(&format!("to {to}")) })
        .collect()
}

/// Asks a server for what lies below every name, in the ways in which people ask.
fn asked(server: &Running, under: &str) {
    for Redirect { from, to } in hostile() {
        let (from, to) = (format!("{under}/{}", from.as_str()), format!("{under}/{}", to.as_str()));
        for below in ["a.rpm", "dir/x y+z.rpm", "dir/%0d%0aSet-Cookie: x", "50% ?#&=ä.iso", ""] {
            let sent = redirected(server, &format!("{}/{}", encoded(&from), encoded(below)));
            assert_eq!(decoded(&sent), format!("{to}/{below}"), "{sent}");
            assert!(sent.bytes().all(|byte| byte.is_ascii_graphic()), "{sent}");
        }
        let sent = redirected(server, &format!("{}/a.rpm?arch=x86_64&b=%20", encoded(&from)));
        assert!(sent.ends_with("/a.rpm?arch=x86_64&b=%20"), "{sent}");
        let sent = redirected(server, &encoded(&from));
        assert_eq!(decoded(&sent).trim_end_matches('/'), to);
        let (head, _) = server.get(&format!("{}x/a.rpm", encoded(&from)));
        assert!(head.contains(" 404 "), "{from}: {head}");
    }
}

#[test]
fn nginx_sends_whatever_lies_below_a_name_to_its_build() {
    let root = tempfile::tempdir().unwrap();
    for under in ["", "pub/the \"mirror\" $1"] {
        let rules = redirects(Server::Nginx, &hostile(), &under.parse().unwrap_or_default()).unwrap();
        asked(
            &nginx(root.path(), &rules),
            &if under.is_empty() { String::new() } else { format!("/{under}") },
        );
    }
}

#[test]
fn apache_sends_whatever_lies_below_a_name_to_its_build() {
    let root = tempfile::tempdir().unwrap();
    let rules = redirects(Server::Apache, &hostile(), &RelPath::root()).unwrap();
    asked(&apache(root.path(), &rules), "");
}

/// Asks a server for what was below every path that is at another server now.
fn asked_elsewhere(server: &Running, for_good: bool) {
    let status = if for_good { " 301 " } else { " 302 " };
    for name in HOSTILE {
        let at = encoded(&format!("/m/{name}"));
        for below in ["a.rpm", "dir/x y+z.rpm", "dir/%0d%0aSet-Cookie: x", ""] {
            let (head, _) = server.get(&format!("{at}/{}", encoded(below)));
            assert!(head.contains(status) && !head.to_lowercase().contains("\nset-cookie"), "{at}: {head}");
            let to = head.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap();
            let path = to.strip_prefix("https://archive.example.org/old%20one/m").unwrap();
            assert_eq!(decoded(path), format!("/{name}/{below}"), "{to}");
        }
        let (head, _) = server.get(&format!("{at}x/a.rpm"));
        assert!(head.contains(" 404 "), "{at}: {head}");
    }
}

fn elsewhere(for_good: bool) -> Vec<Away> {
    let one = |name: &&str| {
        let from: RelPath = format!("m/{name}").parse().unwrap();
        let to = format!("https://archive.example.org/old%20one{}", mirrorkeep::model::url_path(&from));
        Away { from, to, for_good }
    };
    HOSTILE.iter().map(one).collect()
}

#[test]
fn nginx_sends_what_moved_to_another_server() {
    for for_good in [false, true] {
        let root = tempfile::tempdir().unwrap();
        let rules = away(Server::Nginx, &elsewhere(for_good), &RelPath::root()).unwrap();
        asked_elsewhere(&nginx(root.path(), &rules), for_good);
    }
}

#[test]
fn apache_sends_what_moved_to_another_server() {
    for for_good in [false, true] {
        let root = tempfile::tempdir().unwrap();
        let rules = away(Server::Apache, &elsewhere(for_good), &RelPath::root()).unwrap();
        asked_elsewhere(&apache(root.path(), &rules), for_good);
    }
}

/// Returns builds with names of every kind, each with a page that says its number, which are written.
fn hostile_gone(root: &Path, under: &str) -> Vec<Gone> {
    let one = |(number, name): (usize, &&str)| {
        let page: RelPath = format!("pages/{number} {name}.html").parse().unwrap();
        let file = root.join(under).join(page.as_str());
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, format!("page {number}")).unwrap();
        Gone { at: format!("m/{name}").parse().unwrap(), page }
    };
    HOSTILE.iter().enumerate().map(one).collect()
}

/// Asks a server for what lay below every build that is gone; `without` tells whether it has no page for one.
fn asked_for_gone(server: &Running, builds: &[Gone], under: &str, without: impl Fn(&Gone) -> bool) {
    for (number, gone) in builds.iter().enumerate() {
        let at = encoded(&format!("{under}/{}", gone.at.as_str()));
        for below in ["", "/", "/a.rpm", "/dir/x%20y.rpm?arch=x86_64", "/%0d%0aSet-Cookie:x"] {
            let (head, body) = server.get(&format!("{at}{below}"));
            assert!(head.contains(" 410 "), "{at}{below}: {head}");
            assert!(!head.to_lowercase().contains("\nset-cookie"), "{at}{below}: {head}");
            let text = String::from_utf8_lossy(&body);
            assert_eq!(text == format!("page {number}"), !without(gone), "{at}{below}: {text}");
        }
        for other in [format!("{at}x/a.rpm"), format!("{at}x")] {
            let (head, _) = server.get(&other);
            assert!(head.contains(" 404 "), "{other}: {head}");
        }
    }
}

#[test]
fn nginx_answers_with_the_page_of_a_build_that_is_gone() {
    for under in ["", "pub/the \"mirror\" 1"] {
        let root = tempfile::tempdir().unwrap();
        let builds = hostile_gone(root.path(), under);
        let rules = gone(Server::Nginx, &builds, &under.parse().unwrap_or_default()).unwrap();
        let under = if under.is_empty() { String::new() } else { format!("/{under}") };
        // Nothing quotes these there.
        let without = |gone: &Gone| gone.page.as_str().contains(['$', '?']);
        asked_for_gone(&nginx(root.path(), &rules), &builds, &under, without);
    }
}

#[test]
fn apache_answers_with_the_page_of_a_build_that_is_gone() {
    let root = tempfile::tempdir().unwrap();
    let builds = hostile_gone(root.path(), "");
    let rules = gone(Server::Apache, &builds, &RelPath::root()).unwrap();
    let server = apache(root.path(), &rules);
    asked_for_gone(&server, &builds, "", |_| false);
    let (head, _) = server.get("/m/latest_build/x");
    assert!(head.to_lowercase().contains("cache-control: public, max-age=60"), "{head}");
}

#[test]
fn a_build_that_was_withdrawn_is_gone_and_one_that_came_back_is_not() {
    let rig = Rig::new();
    let builds = ["20181204T060000Z", "20181205T060000Z", "20181206T060000Z"];
    for build in builds {
        rig.publish(build, &[]);
    }
    let args = ["export", "redirects", "--for", "nginx", "--gone"];
    rig.fails(2, "add `site: {auto: true, url: https://…}`", &args);
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}site: {{auto: true}}\n")).unwrap();
    rig.fails(2, "add `url: https://…` to `site`", &args);
    fs::write(&settings, format!("{text}site: {{auto: true, url: 'https://mirror.example.org'}}\n")).unwrap();
    for build in &builds[..2] {
        rig.ok(&["withdraw", &format!("master/centos/{build}"), "--why", "a test"]);
    }
    rig.ok(&["restore", &format!("master/centos/{}", builds[1])]);
    let told = rig.json(&args);
    assert_eq!(
        told["gone"],
        serde_json::json!([{
            "path": "master/centos/20181204T060000Z",
            "page": "status/master/centos/20181204T060000Z.html"
        }])
    );
    for (server, start) in [("nginx", nginx as fn(&Path, &str) -> Running), ("apache", apache)] {
        let rules = rig.ok(&["export", "redirects", "--for", server, "--gone"]);
        let server = start(&rig.mirror(""), &rules);
        let (head, body) = server.get("/master/centos/20181204T060000Z/outputs/iso/bootimage.iso");
        let body = String::from_utf8(body).unwrap();
        assert!(head.contains(" 410 ") && body.contains("This build was withdrawn:"), "{head}\n{body}");
        assert!(body.contains("href=\"/status/style.css\""), "{body}");
        assert!(server.get("/status/style.css").0.contains(" 200 "));
        let (head, _) = server.get("/status/master/centos/20181204T060000Z.html");
        assert!(head.contains(" 200 "), "{head}");
        let (head, _) = server.get("/master/centos/20181205T060000Z/outputs/iso/bootimage.iso");
        assert!(head.contains(" 200 "), "{head}");
    }
    rig.fails(2, "this service cannot answer 410", &["export", "redirects", "--for", "cloudfront", "--gone"]);
    // A page that is not there is not shown.
    fs::remove_file(rig.mirror("status/master/centos/20181204T060000Z.html")).unwrap();
    assert_eq!(rig.json(&args)["gone"], serde_json::json!([]));
}

/// Has a function of CloudFront answer, by an engine that knows the plainest JavaScript only.
#[track_caller]
fn viewed(function: &str, uri: &str, query: &str) -> serde_json::Value {
    let dir = tempfile::tempdir().unwrap();
    let request = serde_json::json!({"method": "GET", "uri": uri, "headers": {}, "querystring": {}});
    let script = format!(
        "{function}\nvar request = {request}; request.querystring = {query};\nprint(JSON.stringify(handler({{request: request}})));\n"
    );
    let file = dir.path().join("function.js");
    fs::write(&file, script).unwrap();
    let output = Command::new(at("duk")).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn cloudfront_sends_whatever_lies_below_a_name_to_its_build() {
    let function = redirects(Server::Cloudfront, &hostile(), &RelPath::root()).unwrap();
    assert!(function.is_ascii());
    for Redirect { from, to } in hostile() {
        let name = encoded(&format!("/{}", from.as_str()));
        let answer = viewed(&function, &format!("{name}/x%20y/%0d%0a"), "{}");
        assert_eq!(answer["statusCode"], 302, "{answer}");
        let sent = answer["headers"]["location"]["value"].as_str().unwrap();
        assert_eq!(sent, format!("{}/x%20y/%0d%0a", encoded(&format!("/{}", to.as_str()))));
        assert_eq!(answer["headers"]["cache-control"]["value"], "public, max-age=60");
    }
    let query = "{a: {value: '1', multiValue: [{value: '1'}, {value: '%20'}]}, flag: {value: ''}}";
    let answer = viewed(&function, "/m/%6Catest_build/f", query);
    assert_eq!(answer["headers"]["location"]["value"], "/m/to%20it%27s%20%22quoted%22/f?a=1&a=%20&flag");
    for other in
        ["/m/latest_buildx/f", "/m%2Flatest_build/f", "/", "/m", "/m/__proto__/x", "/%zz/latest_build"]
    {
        assert_eq!(viewed(&function, other, "{}")["uri"], other);
    }
}

#[test]
fn the_rules_of_a_website_are_as_its_api_takes_them() {
    let names = [
        Redirect { from: "m/latest".parse().unwrap(), to: "m/2".parse().unwrap() },
        Redirect { from: "m/<a>&b".parse().unwrap(), to: "m/1".parse().unwrap() },
    ];
    let under = "prefix".parse().unwrap();
    let website: serde_json::Value =
        serde_json::from_str(&redirects(Server::S3Website, &names, &under).unwrap()).unwrap();
    let rule = &website["RoutingRules"][1];
    assert_eq!(rule["Condition"]["KeyPrefixEquals"], "prefix/m/latest/");
    assert_eq!(rule["Redirect"]["ReplaceKeyPrefixWith"], "prefix/m/2/");
    assert_eq!(rule["Redirect"]["HttpRedirectCode"], "302");
    let xml = redirects(Server::S3WebsiteXml, &names, &under).unwrap();
    assert!(xml.contains("<KeyPrefixEquals>prefix/m/&lt;a&gt;&amp;b/</KeyPrefixEquals>"), "{xml}");
    let many: Vec<Redirect> = (0..51)
        .map(|n| Redirect { from: format!("m/{n}").parse().unwrap(), to: "m/x".parse().unwrap() })
        .collect();
    for server in [Server::S3Website, Server::S3WebsiteXml] {
        assert_eq!(redirects(server, &many, &under), Err(RedirectError::TooMany(51)));
        assert!(redirects(server, &many[..50], &under).is_ok());
    }
    let long = RelPath::root();
    let many: Vec<Redirect> = (0..400)
        .map(|n| Redirect { from: format!("m/{n:0>30}").parse().unwrap(), to: "m/x".parse().unwrap() })
        .collect();
    assert!(matches!(redirects(Server::Cloudfront, &many, &long), Err(RedirectError::TooLong(_))));
}

#[test]
fn what_was_written_follows_the_names_and_is_the_same_for_the_same() {
    let rig = Rig::new();
    rig.publish("20181205T060000Z", &[]);
    rig.publish("20181206T060000Z", &[]);
    symlink("20181205T060000Z", rig.mirror("master/centos/b \"old\" $build")).unwrap();
    symlink("nowhere", rig.mirror("master/centos/dangling")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("aliases.conf");
    let out = out.to_str().unwrap();
    let args = ["export", "redirects", "--for", "nginx", "--out", out];
    let told = rig.json(&args);
    assert_eq!((told["changed"].as_bool(), told["names"].as_array().unwrap().len()), (Some(true), 2));
    assert_eq!(rig.json(&args)["changed"], false);
    let text = fs::read_to_string(out).unwrap();
    assert_eq!(rig.ok(&["export", "redirects", "--for", "nginx"]), text);
    // The server reads the mirror by the rules alone: links are not followed.
    let server = nginx(&rig.mirror(""), &text);
    for (name, build) in [("latest_build", "20181206T060000Z"), ("b \"old\" $build", "20181205T060000Z")] {
        let sent =
            redirected(&server, &format!("/master/centos/{}/outputs/iso/bootimage.iso", encoded(name)));
        assert_eq!(sent, format!("/master/centos/{build}/outputs/iso/bootimage.iso"));
        assert_eq!(server.get(&sent).1, b"image");
    }
    rig.publish("20181207T060000Z", &[]);
    assert_eq!(rig.json(&args)["changed"], true);
    let one =
        rig.ok(&["export", "redirects", "--for", "apache", "master/centos/latest_build", "--under", "pub"]);
    assert!(one.contains(
        "Redirect 302 \"/pub/master/centos/latest_build\" \"/pub/master/centos/20181207T060000Z\""
    ));
    assert!(!one.contains("old"), "{one}");
    rig.fails(
        2,
        "there is no alias `master/centos/x`",
        &["export", "redirects", "--for", "nginx", "master/centos/x"],
    );
    rig.fails(1, "cannot write", &["export", "redirects", "--for", "nginx", "--out", "/nowhere/at/all"]);
}
