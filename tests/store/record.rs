//! What is written beside a build, byte by byte as `docs/format.md` states it, and what is refused instead of guessed.

use mirrorkeep::model::{Digest, RelPath};
use mirrorkeep::record::{
    Change, Context, Event, EventKind, FileEntry, ForeignList, ForeignRead, Hold, LinkEntry, Manifest,
    ManifestLine, Phase, Seen, Sums, manifest_lines, sum_lines, sums_without, version_order,
};

/// The SHA-256 of nothing.
const NONE: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const SHA: &str = "22a60625f169202a68b524ac0126afb1d10921cd";

fn path(text: &str) -> RelPath {
    text.parse().unwrap()
}

fn file(at: &str, size: u64) -> FileEntry {
    let digest = Digest::of(b"");
    FileEntry { path: path(at), size, digest, mode: 0o444, mtime: 0, inode: 0, seen: None }
}

fn link(at: &str, text: &str) -> LinkEntry {
    LinkEntry { path: path(at), text: text.to_owned() }
}

/// The manifest whose bytes stand in [`written`], in another order.
fn manifest() -> Manifest {
    let whole = FileEntry {
        mode: 0o555,
        mtime: -1,
        inode: 9,
        seen: Some(Seen { mtime: 1_543_989_600_000_000_000, inode: 8 }),
        ..file("a b/x", 5)
    };
    Manifest {
        files: vec![file("b", 7), whole],
        links: vec![link("z", "b"), link("l", "a b")],
        dirs: vec![path("f"), path("e")],
    }
}

fn written() -> String {
    format!(
        "mirrorkeep-manifest 1\n\
         f\t{NONE}\t5\t555\t-1\t9\t1543989600000000000\t8\ta b/x\n\
         f\t{NONE}\t7\t444\t0\t0\t-\t-\tb\n\
         l\ta b\tl\nl\tb\tz\n\
         d\te\nd\tf\n\
         end\t6\n"
    )
}

#[test]
fn a_manifest_has_the_bytes_that_the_format_states() {
    let mut manifest = manifest();
    manifest.sort();
    assert_eq!(manifest.write(), written());
    assert_eq!(manifest.lines().collect::<String>(), written());
    assert_eq!(Manifest::parse(written().as_bytes()).unwrap(), manifest);
    assert_eq!(manifest.bytes(), 12);
    let paths: Vec<&str> = manifest.paths().map(RelPath::as_str).collect();
    assert_eq!(paths, ["a b/x", "b", "l", "z"]);
    let lines: Vec<String> =
        manifest_lines(written().as_bytes()).map(|line| line.unwrap().path().to_owned()).collect();
    assert_eq!(lines, ["a b/x", "b", "l", "z", "e", "f"]);
    for (entry, line) in manifest.files.iter().zip(written().lines().skip(1)) {
        assert_eq!(entry.line(), line);
        assert_eq!(FileEntry::parse(line).as_ref(), Some(entry));
    }
}

/// Of one manifest there is one text: what another program could write for the same is damage.
#[test]
fn a_manifest_that_is_not_as_it_is_written_is_refused_with_its_line() {
    #[track_caller]
    fn case(old: &str, new: &str, expected: &str) {
        let text = written().replacen(old, new, 1);
        assert_ne!(text, written());
        let error = Manifest::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    case("manifest 1", "manifest 2", "its first line");
    case("\t5\t", "\t05\t", "line 2 is damaged");
    case("\t5\t", "\t+5\t", "line 2 is damaged");
    case("\t5\t", "\t-5\t", "line 2 is damaged");
    case("\t5\t", "\t18446744073709551616\t", "line 2 is damaged");
    case("\t555\t", "\t0555\t", "line 2 is damaged");
    case("\t555\t", "\t855\t", "line 2 is damaged");
    case("\t-1\t", "\t-0\t", "line 2 is damaged");
    case("\t-1\t", "\t--1\t", "line 2 is damaged");
    case("\t8\ta b/x", "\t-\ta b/x", "line 2 is damaged");
    case("\t8\ta b/x", "\t8\t../x", "line 2 is damaged");
    case("\t8\ta b/x", "\t8", "line 2 is damaged");
    case("f\te3b0", "f\tE3B0", "line 2 is damaged");
    case("f\te3b0", "f\tsha256:e3b0", "line 2 is damaged");
    case("\t-\t-\tb\n", "\t-\t-\t/b\n", "line 3 is damaged");
    case("l\ta b\tl\n", "l\ta b\n", "line 4 is damaged");
    case("l\ta b\tl\n", "l\ta b\t/l\n", "line 4 is damaged");
    case("l\ta b\tl\n", "d\ta b\n", "line 5 is damaged");
    case("d\te\n", "d\t/e\n", "line 6 is damaged");
    case("d\te\n", "p\te\n", "line 6 is damaged");
    case("d\tf\n", &format!("f\t{NONE}\t7\t444\t0\t0\t-\t-\tf\n"), "line 7 is damaged");
    case("d\tf\n", "", "incomplete");
    case("end\t6", "end\t06", "incomplete");
    case("end\t6\n", "end\t6", "incomplete");
    case("end\t6\n", "end\t6\nd\tg\n", "incomplete");
    case("end\t6\n", "", "incomplete");
}

/// A damaged manifest ends with its error: whoever reads line by line must not go on behind it.
#[test]
fn nothing_is_read_behind_the_damaged_line_of_a_manifest() {
    let damaged = written().replace("l\ta b\tl", "x");
    let read: Vec<_> = manifest_lines(damaged.as_bytes()).collect();
    assert_eq!(read.iter().filter(|line| line.is_ok()).count(), 2);
    assert!(read.len() == 3 && read[2].is_err());
    assert_eq!(manifest_lines(b"mirrorkeep-manifest 1\nend\t0\n").count(), 0);
    let dirs = b"mirrorkeep-manifest 1\nd\te\nend\t1\n";
    let read: Vec<ManifestLine<'_>> = manifest_lines(dirs).map(Result::unwrap).collect();
    assert_eq!(read, [ManifestLine::Dir("e")]);
}

#[test]
fn what_is_taken_out_of_a_manifest_and_what_stays_is_all_of_it() {
    let (stays, goes) = manifest().split(|path| ["b", "l", "e"].contains(&path.as_str()));
    assert_eq!(
        goes,
        Manifest { files: vec![file("b", 7)], links: vec![link("l", "a b")], dirs: vec![path("e")] }
    );
    assert_eq!((stays.files.len(), stays.links, stays.dirs), (1, vec![link("z", "b")], vec![path("f")]));
    assert_eq!(stays.files[0].path, path("a b/x"));
}

/// Times and inodes are of the copy; bytes, mode, kind and the text of a link are of the build.
#[test]
fn a_change_is_told_by_what_belongs_to_the_build() {
    let old = manifest();
    let mut same = manifest();
    for file in &mut same.files {
        (file.mtime, file.inode, file.seen) = (77, 78, None);
    }
    assert_eq!(old.changes(&same), []);
    let mut new = manifest();
    new.files[0].digest = Digest::of(b"other");
    new.files[1].mode = 0o444;
    new.links[0].text = "elsewhere".to_owned();
    new.links[1] = link("new", "a b");
    new.dirs = vec![path("l"), path("e")];
    let expected = [
        Change::Added(path("new")),
        Change::Missing(path("f")),
        Change::Changed(path("a b/x")),
        Change::Changed(path("b")),
        Change::Changed(path("l")),
        Change::Changed(path("z")),
    ];
    assert_eq!(old.changes(&new), expected);
}

/// The escapes are those of coreutils: a line with `\` in front has its name escaped.
#[test]
fn sums_have_the_bytes_of_coreutils() {
    let sums = Sums::of(["b", "a/c", "a\\n"].map(|name| (path(name), Digest::of(b""))));
    let text = format!("{NONE}  a/c\n\\{NONE}  a\\\\n\n{NONE}  b\n");
    assert_eq!(sums.to_string(), text);
    assert_eq!(Sums::parse(text.as_bytes()).unwrap(), sums);
    let binary = Sums::parse(format!("{NONE} *a  b\n").as_bytes()).unwrap();
    assert_eq!(binary.files(), [(path("a  b"), Digest::of(b""))]);
    let names: Vec<&str> = sums.files().iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(names, ["a/c", "a\\n", "b"]);
    for (line, expected) in [
        (format!("\\{NONE}  a\\x\n"), "unfinished escape"),
        (format!("\\{NONE}  a\\\n"), "unfinished escape"),
        (format!("\\{NONE}  a\\rb\n"), "control"),
        (format!("{NONE}\n"), "no two columns"),
    ] {
        let error = Sums::parse(line.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{line:?}: {error}");
    }
}

#[test]
fn a_list_without_what_went_has_its_other_lines_as_they_were() {
    let list = format!("{NONE} *./a\nnot a line\n\n\\{NONE}  b\\\\c\n{NONE}  d");
    let without = |gone: &[&str]| {
        let kept = sums_without(list.as_bytes(), |path| gone.contains(&path.as_str()));
        String::from_utf8(kept).unwrap()
    };
    assert_eq!(without(&[]), list);
    assert_eq!(without(&["a", "d"]), format!("not a line\n\n\\{NONE}  b\\\\c\n"));
    assert_eq!(without(&["b\\c"]), format!("{NONE} *./a\nnot a line\n\n{NONE}  d"));
}

#[test]
fn a_line_of_sums_that_is_no_text_is_told_by_its_number() {
    let bytes = [format!("{NONE}  a\n\n").as_bytes(), b"\xff\n", format!("{NONE}  b\n").as_bytes()].concat();
    let lines: Vec<Result<String, String>> = sum_lines(&bytes)
        .map(|line| line.map(|(path, _)| path.into_owned()).map_err(|error| error.to_string()))
        .collect();
    assert_eq!(lines.len(), 3);
    assert_eq!((lines[0].as_deref(), lines[2].as_deref()), (Ok("a"), Ok("b")));
    assert!(lines[1].as_ref().is_err_and(|why| why.contains("line 3: it is not UTF-8")), "{lines:?}");
}

#[test]
fn a_context_has_one_line_a_checkout_in_version_order() {
    let dirs = ["git10", "git2", "cgcs-root/stx/a"];
    let context = Context::of(dirs.map(|dir| (dir.to_owned(), SHA.to_owned()))).unwrap();
    let line = |dir: &str| format!("(cd ./{dir} && git checkout -f {SHA})\n");
    let text: String = ["cgcs-root/stx/a", "git2", "git10"].map(line).concat();
    assert_eq!(context.to_string(), text);
    let checkouts: Vec<(&str, &str)> =
        context.checkouts().iter().map(|(dir, commit)| (&**dir, &**commit)).collect();
    assert_eq!(checkouts, [("./cgcs-root/stx/a", SHA), ("./git2", SHA), ("./git10", SHA)]);
}

#[test]
fn a_commit_has_all_its_digits() {
    for (count, is_commit) in [(39, false), (40, true), (41, false), (63, false), (64, true), (65, false)] {
        let text = format!("(cd ./a && git checkout -f {})\n", "a".repeat(count));
        assert_eq!(Context::parse(text.as_bytes()).is_ok(), is_commit, "{count}");
    }
}

#[test]
fn a_line_of_the_journal_has_the_bytes_that_the_format_states() {
    let event = Event {
        event: 1,
        seq: 7,
        at: "20181205T060000Z".parse().unwrap(),
        phase: Phase::Undone,
        what: EventKind::Pruned,
        to: "master/centos/20181205T060000Z".to_owned(),
        by: "ci@builder:7".to_owned(),
        settles: Some(6),
        details: [("trash".to_owned(), "6".into())].into_iter().collect(),
    };
    let body = "{\"event\":1,\"seq\":7,\"at\":\"2018-12-05T06:00:00Z\",\"phase\":\"undone\",\"what\":\"pruned\",\
        \"to\":\"master/centos/20181205T060000Z\",\"by\":\"ci@builder:7\",\"settles\":6,\"details\":{\"trash\":\"6\"}";
    let sum: String = Digest::of(body.as_bytes()).to_string().chars().take(16).collect();
    assert_eq!(event.write(), format!("{body},\"sum\":\"{sum}\"}}\n"));
    // Another version is told as that, and not as damage.
    let later = Event { event: 2, ..event }.write();
    let error = Event::parse(later.trim_end().as_bytes()).unwrap_err().to_string();
    assert!(error.contains("version 2"), "{error}");
}

#[test]
fn the_name_of_a_list_tells_its_form() {
    use ForeignList::{Coreutils, Stx};
    for (name, form) in [
        ("StxChecksums", Some(Stx)),
        ("stxchecksums", None),
        ("a.iso.sha256", Some(Coreutils)),
        ("a.iso.SHA256", Some(Coreutils)),
        ("a.sha256sum", Some(Coreutils)),
        ("a.sha256sums", Some(Coreutils)),
        ("SHA256SUMS", Some(Coreutils)),
        ("sha256sum.txt", Some(Coreutils)),
        ("SHA256SUM.TXT", Some(Coreutils)),
        ("CHECKSUM", Some(Coreutils)),
        ("Fedora-Server-40-x86_64-CHECKSUM", Some(Coreutils)),
        ("CHECKSUM.asc", None),
        ("a.sha512", None),
        ("sha256", Some(Coreutils)),
        ("DIGESTS", Some(Coreutils)),
        ("", None),
    ] {
        assert_eq!(ForeignList::of(name), form, "{name}");
    }
}

#[test]
fn a_list_of_others_names_the_line_that_cannot_be_read() {
    #[track_caller]
    fn case(form: ForeignList, text: &str, expected: &str) {
        let error = form.read(text.as_bytes()).wrong.unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
    case(ForeignList::Stx, &format!("{NONE} a 3 1 1 1 /a\n{NONE} b\n"), "line 2");
    case(ForeignList::Stx, &format!("{NONE} a three 1 1 1 /a\n"), "line 1");
    case(ForeignList::Coreutils, &format!("{NONE}  a\n\nxyz  b\n"), "line 3");
    case(ForeignList::Coreutils, &format!("# x\nSHA256 (a) {NONE}\n"), "line 2");
    case(ForeignList::Coreutils, &format!("SHA256 (/a) = {NONE}\n"), "line 1");
    let others = format!("MD5 (a) = 12\nSHA512 (a) = {NONE}\n");
    assert_eq!(ForeignList::Coreutils.read(others.as_bytes()), ForeignRead::default());
}

#[test]
fn a_hold_stands_up_to_its_last_instant() {
    let hold = |until: Option<&str>| Hold {
        who: "release team".to_owned(),
        why: "wait for the respin".to_owned(),
        until: until.map(|until| until.parse().unwrap()),
        since: None,
    };
    let now = "20181205T060000Z".parse().unwrap();
    for (until, stands) in [
        (None, true),
        (Some("20181205T055959Z"), false),
        (Some("20181205T060000Z"), true),
        (Some("20181205T060001Z"), true),
    ] {
        assert_eq!(hold(until).is_active(now), stands, "{until:?}");
    }
}

/// A suffix is a dot, then a letter or `~`, then letters, digits and `~`; it only breaks ties.
#[test]
fn a_suffix_counts_after_all_before_it() {
    // Each as printed by `LC_ALL=C sort -V` of coreutils 9.1.
    for (before, after) in [
        ("a1-", "a1.2"),
        ("a1.t", "a1-"),
        ("a1.t~", "a1-"),
        ("a1.~t", "a1-"),
        ("a1-", "a1.t-u"),
        ("x-", "x.a-b.t"),
        ("x.t", "x1.t"),
    ] {
        assert!(version_order(before, after).is_lt(), "`{before}` before `{after}`");
        assert!(version_order(after, before).is_gt(), "`{after}` after `{before}`");
    }
}

/// Every form of a list, and whether `sha256sum -c` of coreutils 9.1 accepts it.
fn forms() -> Vec<(String, bool)> {
    let abc = Digest::of(b"abc");
    let upper = abc.to_string().to_uppercase();
    let md5 = "900150983cd24fb0d6963f7d28e17f72";
    let signed = |line: &str| {
        format!(
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{line}\n-----BEGIN PGP SIGNATURE-----\n\niQEz\n=abcd\n-----END PGP SIGNATURE-----\n"
        )
    };
    let line = format!("{abc}  dir/f");
    vec![
        (format!("{line}\n"), true),
        (line.clone(), true),
        (format!("\n\n{line}\n\n"), true),
        (format!("# made by hand\n{line}\n"), true),
        (format!("{abc} dir/f\n"), true),
        (format!("{abc} *dir/f\n"), true),
        (format!("{abc}\tdir/f\n"), true),
        (format!("  {line}\n"), true),
        (format!("{upper}  dir/f\n"), true),
        (format!("{line}\n{line}\n"), true),
        (format!("{abc}  ./dir/f\n"), true),
        (format!("{abc}  dir//f\n"), true),
        (format!("{abc}  ./dir/./f\n"), true),
        (format!("SHA256 (dir/f) = {abc}\n"), true),
        (format!("SHA256(dir/f)= {abc}\n"), true),
        (format!("SHA256 (./dir//f) = {abc}\n"), true),
        (format!("MD5 (dir/f) = {md5}\nSHA256 (dir/f) = {abc}\n"), true),
        (format!("{md5}  dir/f\n{line}\n"), true),
        (format!("# SHA512 HASH\n# SHA256 HASH\n{line}\n"), true),
        (format!("# dir/f: 3 bytes\nSHA256 (dir/f) = {abc}\n"), true),
        (signed(&line), true),
        (signed(&format!("SHA256 (dir/f) = {abc}")), true),
        // Coreutils before 9.2 takes the carriage return for a part of the name.
        (format!("{line}\r\n"), false),
    ]
}

#[test]
fn every_form_that_sha256sum_accepts_is_read() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("dir")).unwrap();
    std::fs::write(dir.path().join("dir/f"), "abc").unwrap();
    for (text, accepted) in forms() {
        let list = ForeignList::of("SHA256SUMS").unwrap().read(text.as_bytes());
        assert_eq!((&list.wrong, &list.disagreed), (&None, &Vec::new()), "{text}");
        let found: Vec<_> =
            list.files.iter().map(|file| (file.path.as_str(), file.digest, file.size)).collect();
        assert_eq!(found, [("dir/f", Digest::of(b"abc"), None)], "{text}");
        if accepted {
            std::fs::write(dir.path().join("list"), &text).unwrap();
            let mut check = std::process::Command::new("sha256sum");
            let output = check.args(["-c", "list"]).current_dir(dir.path()).output().unwrap();
            assert!(output.status.success(), "{text}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}
