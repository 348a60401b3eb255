//! The pages of a site: whole, linked, and no text of others becomes markup.

use crate::support::rig::{Rig, lay};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const Z: &str = "20181203T060000Z";
const A: &str = "20181204T060000Z";
const B: &str = "20181205T060000Z";

/// A text that would end an element, an attribute, a script and a style.
const MARKUP: &str = "</td></script></style>\"'><img src=x onerror=alert(1)>&amp;";

/// Returns an empty mirror with a site whose title is markup, and any streams.
pub(crate) fn titled() -> Rig {
    let rig = Rig::new();
    rig.init_with_any_stream();
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    let site = "site: {title: 'A <b> & \"c\"', url: 'https://mirror.example.org', commit_url: 'https://git.example.org/{repo}/commit/{commit}'}";
    fs::write(settings, format!("{text}{site}\n")).unwrap();
    rig
}

/// Returns a mirror whose names, labels, reasons and commits say such things.
fn scene() -> Rig {
    let rig = titled();
    rig.write("repo/repodata/repomd.xml", "<repomd/>").write("repo/bash-4.4-1.x86_64.rpm", "bash");
    rig.write("odd & <file>'\".txt", "odd");
    let work = rig.work("").to_str().unwrap().to_owned();
    let context = rig.work("../CONTEXT");
    let publish = |stream: &str, build: &str, digit: char| {
        fs::write(
            &context,
            format!("(cd ./stx/config && git checkout -f {})\n", digit.to_string().repeat(40)),
        )
        .unwrap();
        let context = context.to_str().unwrap();
        rig.ok(&["publish", &work, "--stream", stream, "--build", build, "--context", context]);
    };
    publish("main/debian", Z, '0');
    rig.ok(&["withdraw", &format!("main/debian/{Z}"), "--why", MARKUP]);
    for stream in ["main/debian", &format!("main/a{}", MARKUP.replace('/', "|"))] {
        publish(stream, A, '1');
        rig.write("repo/bash-4.4-2.x86_64.rpm", "bash, fixed");
        publish(stream, B, '2');
        fs::remove_file(rig.work("repo/bash-4.4-2.x86_64.rpm")).unwrap();
    }
    let id = format!("main/debian/{B}");
    rig.ok(&["label", &id, &format!("note={MARKUP}")]);
    rig.ok(&["hold", &id, "--why", MARKUP]);
    rig.ok(&["pipeline", "set", "generic"]);
    rig.ok(&["vote", &id, "smoke", "success", "--url", "https://ci.example.org/1?a=1&b=2"]);
    rig.ok(&["site"]);
    rig
}

/// Returns every page below a directory.
pub(crate) fn pages(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|ending| ending == "html") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Returns the values of an attribute.
fn values<'t>(text: &'t str, attribute: &str) -> Vec<&'t str> {
    let start = format!(" {attribute}=\"");
    text.split(&*start).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

/// Returns a part of an address as the name of a file.
fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned()
}

#[test]
fn every_link_leads_to_something_and_every_element_is_closed() {
    let rig = scene();
    let all = pages(&rig.mirror("status"));
    // Front, stages, gone builds; for each stream its page, its stages and two builds, and for one its gone build and their list.
    assert_eq!(all.len(), 13, "{all:?}");
    let mut linked = BTreeSet::new();
    for page in &all {
        let text = fs::read_to_string(page).unwrap();
        for href in values(&text, "href").into_iter().chain(values(&text, "src")) {
            if href.starts_with("https://") || href.starts_with('#') {
                continue;
            }
            let at = match href.strip_prefix('/') {
                Some(below) => rig.mirror(&decoded(below)),
                None => page.parent().unwrap().join(decoded(href)),
            };
            assert!(at.exists(), "{}: `{href}` leads nowhere", page.display());
            linked.insert(at.canonicalize().unwrap());
        }
        let mut open: Vec<&str> = Vec::new();
        for tag in text.split('<').skip(1) {
            let name = tag.split(|c: char| !c.is_ascii_alphanumeric() && c != '/').next().unwrap();
            match name.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name), "{}: {tag}", page.display()),
                None if ["", "meta", "link", "rect", "line", "polyline", "polygon"].contains(&name)
                    && !tag.contains("rx=\"2\"")
                    && !tag.contains("rx=\"1\"") => {}
                None if name.is_empty() => {}
                None => open.push(name),
            }
        }
        assert_eq!(open, [""; 0], "{}", page.display());
        let ids = values(&text, "id");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{}: {ids:?}", page.display());
    }
    let lacking: Vec<&PathBuf> =
        all.iter().filter(|page| !linked.contains(&page.canonicalize().unwrap())).collect();
    assert!(lacking.is_empty(), "no page leads to {lacking:?}");
}

#[test]
fn no_text_of_others_becomes_markup() {
    let rig = scene();
    for page in pages(&rig.mirror("status")) {
        let text = fs::read_to_string(&page).unwrap();
        assert!(!text.contains("<img") && !text.contains("alert(1)>"), "{}", page.display());
        assert_eq!(text.matches("<script").count(), 1, "{}", page.display());
        assert!(!text.contains("<style") && values(&text, "style").is_empty(), "{}", page.display());
        assert!(
            text.contains("content=\"default-src 'none'; style-src 'self'; script-src 'self';"),
            "{}",
            page.display()
        );
    }
    let build = fs::read_to_string(rig.mirror(&format!("status/main/debian/{B}.html"))).unwrap();
    let escaped = "&#60;/td&#62;&#60;/script&#62;";
    assert!(build.matches(escaped).count() >= 3, "label, hold and history: {build}");
    assert!(build.contains("href=\"https://ci.example.org/1?a=1&#38;b=2\""), "{build}");
}

#[test]
fn the_page_of_a_build_says_what_changed_and_how_to_get_it() {
    let rig = scene();
    let build = fs::read_to_string(rig.mirror(&format!("status/main/debian/{B}.html"))).unwrap();
    for told in [
        "Packages: 1 added, 1 the same",
        "<th scope=\"row\">bash.x86_64</th>",
        "Commits: 1 changed, 0 the same",
        &format!("href=\"https://git.example.org/config/commit/{}\"", "2".repeat(40)),
        "dnf --repofrompath=build,https://mirror.example.org/main/debian/20181205T060000Z/repo/ --repo=build list --available",
        "wget -q -r -np -nH -R &#39;index.html*&#39; https://mirror.example.org/main/debian/20181205T060000Z/",
        "sha256sum -c",
        "main/debian/latest_build",
        "published main/debian/20181205T060000Z",
    ] {
        assert!(build.contains(told), "{told:?} is not in\n{build}");
    }
    let first = fs::read_to_string(rig.mirror(&format!("status/main/debian/{A}.html"))).unwrap();
    assert!(!first.contains("What changed since"), "{first}");
    // A label changes its page and that of the stream, and no other build's.
    rig.ok(&["label", &format!("main/debian/{A}"), "x=y"]);
    let written = rig.json(&["site"])["report"]["written"].clone();
    let pages: Vec<&str> = written
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|path| path.as_str())
        .filter(|path| path.ends_with(".html"))
        .collect();
    assert_eq!(pages, [&*format!("status/main/debian/{A}.html"), "status/main/debian/index.html"]);
}

#[test]
fn the_page_of_a_build_that_is_gone_says_why_and_what_is_near() {
    let rig = scene();
    let at = rig.mirror(&format!("status/main/debian/{Z}.html"));
    let gone = fs::read_to_string(&at).unwrap();
    for told in [
        "<span class=\"result fail\">gone</span>",
        "This build was withdrawn:",
        "&#60;/td&#62;&#60;/script&#62;",
        &format!("<a href=\"/status/main/debian/{A}.html\">{A} (success, created 2018-12-04 06:00)</a>"),
        "<dt>Can be restored</dt><dd>until ",
        "<link rel=\"stylesheet\" href=\"/status/style.css\">",
        "withdrew main/debian/20181203T060000Z",
    ] {
        assert!(gone.contains(told), "{told:?} is not in\n{gone}");
    }
    assert!(!gone.contains("mirrorkeep restore"), "what was withdrawn is not to come back: {gone}");
    let list = fs::read_to_string(rig.mirror("status/main/debian/gone.html")).unwrap();
    assert!(list.contains(&format!("<a href=\"{Z}.html\">{Z}</a>")), "{list}");
    let front = fs::read_to_string(rig.mirror("status/index.html")).unwrap();
    assert!(front.contains("<a href=\"gone.html\">Builds that are gone</a>: 1"), "{front}");
    // What comes back has the page of a build again, and no list leads elsewhere.
    rig.ok(&["restore", &format!("main/debian/{Z}")]);
    rig.ok(&["site"]);
    let back = fs::read_to_string(&at).unwrap();
    assert!(back.contains("restored from the trash") && !back.contains("What to use instead"), "{back}");
    assert!(!rig.mirror("status/gone.html").exists() && !rig.mirror("status/main/debian/gone.html").exists());
    // The last build of a stream: its page leads to what is there.
    for build in [Z, A, B] {
        let id = format!("main/debian/{build}");
        rig.ok(&["unhold", &id]);
        rig.ok(&["withdraw", &id, "--why", "the stream ends"]);
    }
    rig.ok(&["site"]);
    let last = fs::read_to_string(rig.mirror(&format!("status/main/debian/{B}.html"))).unwrap();
    assert!(last.contains("Its stream has no builds any more; other streams:"), "{last}");
}

#[test]
fn the_pages_of_stages_show_what_each_waits_for_and_how_it_moved() {
    let rig = scene();
    let (old, new) = (format!("main/debian/{A}"), format!("main/debian/{B}"));
    for build in [&old, &new] {
        rig.ok(&["vote", build, "smoke", "success"]);
    }
    rig.ok(&["promote", "testing", "--build", &old, "--why", "a test"]);
    rig.ok(&["promote", "stable", "--build", &old, "--why", "a <b>start</b>"]);
    rig.ok(&["promote", "testing", "--build", &new, "--why", "a test"]);
    rig.ok(&["waive", "stable", "smoke", "--build", &new, "--why", "it is <i>slow</i>"]);
    rig.ok(&["site"]);
    let page = fs::read_to_string(rig.mirror("status/main/debian/stages.html")).unwrap();
    for told in [
        &*format!("<dd><a href=\"{A}.html\">{A}</a> <small>since "),
        "ready to move",
        &format!("<tr><th scope=\"row\"><a href=\"{B}.html\">{B}</a></th><td>nothing</td>"),
        &format!("promoted to <a href=\"{A}.html\">{A}</a>"),
        "a &#60;b&#62;start&#60;/b&#62;",
        "it is &#60;i&#62;slow&#60;/i&#62;",
        "<dd>1 day <meter min=\"0\" max=\"14\" high=\"7\" optimum=\"0\" value=\"1\"",
        "alarm after 7 days",
        "votes: smoke success",
    ] {
        assert!(page.contains(told), "{told:?} is not in\n{page}");
    }
    assert!(
        !page.contains(&std::env::var("USER").unwrap_or_else(|_| "root".to_owned())),
        "no person is named"
    );
    let all = fs::read_to_string(rig.mirror("status/stages.html")).unwrap();
    assert!(all.contains("<a href=\"main/debian/stages.html\">stable</a>"), "{all}");
    let front = fs::read_to_string(rig.mirror("status/index.html")).unwrap();
    assert!(front.contains("<a href=\"stages.html\">"), "{front}");
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    let without: Vec<&str> = text.lines().filter(|line| !line.starts_with("pipeline:")).collect();
    fs::write(settings, without.join("\n") + "\n").unwrap();
    rig.ok(&["site"]);
    assert!(!rig.mirror("status/stages.html").exists());
    assert!(!rig.mirror("status/main/debian/stages.html").exists());
}

#[test]
fn a_build_with_many_files_lists_them_on_pages() {
    let rig = Rig::new();
    rig.init_with_any_stream();
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}site: {{}}\n")).unwrap();
    for nth in 0..2100 {
        rig.write(&format!("many/file-{nth:04}"), "x");
    }
    let work = rig.work("").to_str().unwrap().to_owned();
    rig.ok(&["publish", &work, "--stream", "main/debian", "--build", A]);
    rig.ok(&["site"]);
    let read = |below: &str| fs::read_to_string(rig.mirror(&format!("status/main/debian/{below}"))).unwrap();
    let first = read(&format!("{A}.html"));
    assert!(!first.contains("are not listed"), "every file has its page");
    assert!(first.contains(&format!("<a href=\"{A}.files/3.html\">3</a>")), "{first}");
    let listed = [first, read(&format!("{A}.files/2.html")), read(&format!("{A}.files/3.html"))];
    for nth in [0, 950, 1050, 2099] {
        let href = format!("{A}/many/file-{nth:04}\"");
        assert_eq!(listed.iter().filter(|page| page.contains(&href)).count(), 1, "{nth}");
    }
    assert!(listed[1].contains("<span aria-current=\"page\">2</span>"), "{}", listed[1]);
    for page in pages(&rig.mirror("status")) {
        let text = fs::read_to_string(&page).unwrap();
        for href in values(&text, "href").into_iter().filter(|href| !href.starts_with('#')) {
            let at = page.parent().unwrap().join(decoded(href));
            assert!(at.exists(), "{}: `{href}` leads nowhere", page.display());
        }
    }
    // A label changes the first page alone.
    rig.ok(&["label", &format!("main/debian/{A}"), "x=y"]);
    let written = rig.json(&["site"])["report"]["written"].to_string();
    assert!(written.contains(&format!("{A}.html")) && !written.contains(".files"), "{written}");
    rig.ok(&["withdraw", &format!("main/debian/{A}"), "--why", "a test"]);
    rig.ok(&["site"]);
    assert!(!rig.mirror(&format!("status/main/debian/{A}.files")).exists());
}

#[test]
fn the_front_page_says_when_the_disk_is_full() {
    let rig = Rig::new();
    rig.policy("keep: [{forever: true}]");
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}site: {{}}\n")).unwrap();
    rig.publish(A, &[]);
    rig.ok(&["site"]);
    let front = fs::read_to_string(rig.mirror("status/index.html")).unwrap();
    assert!(!front.contains("<svg class=\"plot\""), "on its first day nothing is known: {front}");
    // As if it had been published the day before.
    let record = rig.mirror(&format!(".mirrorkeep/builds/master/centos/{A}.json"));
    let text_of_record = fs::read_to_string(&record).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&text_of_record).unwrap();
    assert!(value["published"].is_string(), "{value}");
    value["published"] = "2018-12-04T07:00:00Z".into();
    fs::remove_file(&record).unwrap();
    fs::write(&record, value.to_string()).unwrap();
    rig.ok(&["site"]);
    let front = fs::read_to_string(rig.mirror("status/index.html")).unwrap();
    for told in
        ["<svg class=\"plot\"", "The disk is not full by ", "There is room for ", "count for each of them"]
    {
        assert!(front.contains(told), "{told:?} is not in\n{front}");
    }
    fs::remove_file(rig.mirror(".mirrorkeep/policy.yaml")).unwrap();
    let without: Vec<&str> = text.lines().filter(|line| !line.starts_with("policy:")).collect();
    fs::write(&settings, without.join("\n") + "\nsite: {}\n").unwrap();
    rig.ok(&["site"]);
    let front = fs::read_to_string(rig.mirror("status/index.html")).unwrap();
    assert!(front.contains("Disk used") && !front.contains("<svg class=\"plot\""), "{front}");
}

/// Parses pages as the standard of HTML says, and fails at the first thing that is not valid, or that a screen reader misses:
/// a page without a language, a title, or one first heading; a level of headings that is left out; a table without heads; a
/// link, button or drawing without a text; a label for nothing.
const VALID: &str = r"
import html5lib, sys
NS = '{http://www.w3.org/1999/xhtml}'
SVG = '{http://www.w3.org/2000/svg}'
for path in sys.argv[1:]:
    def need(holds, why):
        assert holds, f'{path}: {why}'
    parser = html5lib.HTMLParser(strict=True)
    with open(path, 'rb') as file:
        try:
            root = parser.parse(file, transport_encoding='utf-8')
        except html5lib.html5parser.ParseError as error:
            raise SystemExit(f'{path}: {error} at {parser.tokenizer.stream.position()}: {parser.errors}')
    all_of = lambda *names: [one for one in root.iter() if one.tag in [NS + name for name in names]]
    text = lambda one: ''.join(one.itertext()).strip()
    need(root.get('lang') == 'en', 'no language')
    need([text(one) for one in all_of('title')][0], 'no title')
    need(len(all_of('main')) == 1, 'not one main part')
    levels = [int(one.tag[-1]) for one in all_of('h1', 'h2', 'h3', 'h4')]
    need(levels.count(1) == 1 and levels[0] == 1, f'headings {levels}')
    need(all(after - before <= 1 for before, after in zip(levels, levels[1:])), f'headings {levels}')
    need(all(text(one) for one in all_of('h1', 'h2', 'h3', 'a', 'th')), 'a heading or link without a text')
    need(all(one.get('scope') for one in all_of('th')), 'a head of a table without a scope')
    ids = [one.get('id') for one in root.iter() if one.get('id')]
    need(len(ids) == len(set(ids)), f'ids {ids}')
    refers = [one.get(name) for one in root.iter() for name in ('aria-labelledby', 'for') if one.get(name)]
    need(set(refers) <= set(ids), f'{set(refers) - set(ids)} is named and not there')
    drawings = list(root.iter(SVG + 'svg'))
    need(all(one.get('role') == 'img' and one.get('aria-label') for one in drawings), 'a drawing without a text')
    need(all(one.get('aria-label') or one.get('id') for one in all_of('meter')), 'a meter without a text')
print(len(sys.argv) - 1)
";

/// Checks pages by a parser of the standard.
#[track_caller]
pub(crate) fn valid(pages: &[PathBuf]) {
    let output = Command::new("/usr/bin/python3").args(["-c", VALID]).args(pages).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), pages.len().to_string());
}

#[test]
fn every_page_is_valid_and_can_be_read_by_a_screen_reader() {
    let rig = scene();
    let policy = "version: 1\ndefaults: {min_age: 0h, superseded_grace: 0h, floor: 1}\nfamilies: [{name: '<all>', match: '**', keep: [{last: 1}]}]\n";
    fs::write(rig.work("../policy.yaml"), policy).unwrap();
    let policy = rig.work("../policy.yaml").to_str().unwrap().to_owned();
    rig.ok(&["policy", "set", &policy]);
    rig.ok(&["site"]);
    let mut all = pages(&rig.mirror("status"));
    for (verb, args) in [("simulate", vec![]), ("diff", vec!["generic", &policy])] {
        let page = rig.work(&format!("../{verb}.html"));
        rig.ok(&[&["policy", verb][..], &args, &["--html", page.to_str().unwrap()]].concat());
        all.push(page);
    }
    valid(&all);
}

/// Adds a site to the settings of a mirror.
fn with_site(rig: &Rig) {
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}site: {{url: 'https://mirror.example.org'}}\n")).unwrap();
}

#[test]
fn a_build_of_the_future_is_blocked_on_its_page_and_not_the_last_one() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 2}]");
    with_site(&rig);
    rig.publish(A, &[]);
    rig.publish(B, &["--result", "fail"]);
    let ahead = "29990101T000000Z";
    let path = format!("master/centos/{ahead}");
    lay(&rig, &path, &[("outputs/success", ""), ("outputs/iso/a.iso", "x")]);
    rig.ok(&["site"]);
    let page = |below: &str| fs::read_to_string(rig.mirror(&format!("status/{below}"))).unwrap();
    let build = page(&format!("{path}.html"));
    for told in [
        "It is blocked: the policy cannot be applied to it, so prune keeps it.",
        "blocked: future: it is dated 2999-01-01T00:00:00Z, more than 1h ahead of the clock of this machine",
    ] {
        assert!(build.contains(told), "{told:?} is not in\n{build}");
    }
    assert!(!build.contains("sha256sum -c SHA256SUMS"), "it has none: {build}");
    let stream = page("master/centos/index.html");
    assert!(stream.contains(&format!("<dt>Last build</dt><dd>fail <small>{B}</small></dd>")), "{stream}");
    assert!(!stream.contains("2999-01-01: "), "the calendar ends with the last build: {stream}");
    let front = page("index.html");
    let told = format!("1 build is blocked, so that prune keeps it: <a href=\"{path}.html\">{path}</a>");
    assert!(front.contains(&told), "{front}");
    // The same mirror has the same bytes.
    assert!(rig.ok(&["site", "--full"]).starts_with("every file of the site is up to date"));
}

#[test]
fn the_front_page_says_what_to_do_and_leads_there() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 2}]");
    with_site(&rig);
    rig.publish(A, &[]);
    rig.publish(B, &[]);
    rig.ok(&["prune"]);
    rig.ok(&["site"]);
    let page = |below: &str| fs::read_to_string(rig.mirror(&format!("status/{below}"))).unwrap();
    let front = page("index.html");
    assert!(front.contains("Nothing needs attention."), "{front}");
    assert!(
        front.contains("<dt>Last check</dt><dd>never <small>of the whole mirror</small></dd>"),
        "{front}"
    );
    // A file was added to a build, and somebody else's words are code.
    lay(&rig, &format!("master/centos/{A}"), &[("outputs/more.log", "")]);
    rig.ok(&["hold", &format!("master/centos/{B}"), "--why", "see `it`"]);
    rig.ok(&["hold", &format!("master/centos/{B}"), "--why", "and this"]);
    rig.run(&["check"]);
    rig.ok(&["site"]);
    let front = page("index.html");
    let told =
        format!("the last check found 2 errors: <a href=\"master/centos/{A}.html\">master/centos/{A}</a>");
    assert!(front.contains(&told) && !front.contains("last-check.json"), "{front}");
    assert!(
        front.contains(&format!("<a href=\"master/centos/{B}.html\">master/centos/{B}</a></th><td>")),
        "{front}"
    );
    let build = page(&format!("master/centos/{A}.html"));
    assert!(build.contains("<span class=\"result fail\">2 errors</span>"), "{build}");
    assert!(build.contains("(<code>sums-differ</code>, <code>unknown-artifact</code>)"), "{build}");
    let held = page(&format!("master/centos/{B}.html"));
    assert_eq!(held.matches("<dt>Held</dt>").count(), 1, "{held}");
    assert!(held.contains("see <code>it</code>") && held.contains("and this"), "{held}");
    let stream = page("master/centos/index.html");
    assert!(stream.contains("<span class=\"result fail\">2 errors</span>"), "{stream}");
}

#[test]
fn a_prune_of_many_builds_is_one_line_of_what_happened_last() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]");
    with_site(&rig);
    for day in 1..=6 {
        rig.publish(&format!("2018120{day}T060000Z"), &[]);
    }
    rig.ok(&["prune"]);
    rig.ok(&["site"]);
    let front = fs::read_to_string(rig.mirror("status/index.html")).unwrap();
    assert!(front.contains("<a href=\"gone.html\">moved 5 builds to the trash</a>"), "{front}");
    assert!(front.contains("published master/centos/20181201T060000Z"), "{front}");
    let gone = fs::read_to_string(rig.mirror("status/master/centos/20181201T060000Z.html")).unwrap();
    assert!(gone.contains("prune moved it to the trash."), "{gone}");
}

#[test]
fn no_two_landmarks_have_one_name_and_every_address_is_one() {
    let rig = scene();
    let id = format!("main/debian/{A}");
    rig.ok(&["vote", &id, "odd", "success", "--url", "https://ci.example.org/<x>|y?a=\"2\""]);
    rig.ok(&["site"]);
    for page in pages(&rig.mirror("status")) {
        let text = fs::read_to_string(&page).unwrap();
        assert!(!text.contains("role=\"region\""), "a table is no landmark: {}", page.display());
        assert!(text.contains("icon.svg\">"), "browsers ask for /favicon.ico: {}", page.display());
        assert!(!text.contains('`') || text.contains("&#60;"), "a backtick is code: {}", page.display());
    }
    let build = fs::read_to_string(rig.mirror(&format!("status/{id}.html"))).unwrap();
    assert!(build.contains("href=\"https://ci.example.org/%3Cx%3E%7Cy?a=%222%22\""), "{build}");
}

#[test]
fn a_build_that_was_pruned_can_be_restored_while_it_is_in_the_trash() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]");
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}site: {{auto: true}}\n")).unwrap();
    for build in [A, B] {
        rig.publish(build, &[]);
    }
    let at = rig.mirror(&format!("status/master/centos/{A}.html"));
    rig.ok(&["prune"]);
    let gone = fs::read_to_string(&at).unwrap();
    assert!(gone.contains("No rule of the policy kept this build any more"), "{gone}");
    assert!(gone.contains(&format!("mirrorkeep restore master/centos/{A}")), "{gone}");
    assert!(gone.contains("href=\"../../style.css\""), "without an address links are relative: {gone}");
    rig.ok(&["withdraw", &format!("master/centos/{A}"), "--purge", "--why", "a test", "--yes"]);
    let swept = fs::read_to_string(&at).unwrap();
    assert!(swept.contains("deleted for good") && !swept.contains("mirrorkeep restore"), "{swept}");
}
