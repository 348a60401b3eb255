//! `images`: the lists of a build with every reference, what a reference says, and what `check` reports of lists.

use crate::support::rig::{Rig, lay, tree};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

const NAME: &str = "20200811T002300Z";
const ID: &str = "master/centos/20200811T002300Z";
const LIST: &str = "outputs/docker-images/images-centos-stable-versioned.lst";
const NOVA: &str = "docker.io/starlingx/stx-nova-client:master-centos-stable-20200811T002300Z.0";
const PROXY: &str = "docker.io/starlingx/stx-keystone-api-proxy:master-centos-stable-20200811T002300Z.1";
const OLD: &str = "docker.io/starlingx/stx-nova:master-centos-stable-20200810T002300Z.0";
const ODD: &str = "docker.io/starlingx/stx-nova:master-centos-stabel-20200811T002300Z.0";

/// Returns a mirror with a build that has that list.
fn listing(text: &str) -> Rig {
    let rig = Rig::new();
    rig.ok(&["init", "--layout", "starlingx-debian"]);
    rig.write(LIST, text).write("outputs/docker-images/images-centos-stable-latest.lst", "moves:latest\n");
    rig.write("outputs/CONTEXT.sh", &format!("(cd ./a && git checkout -f {})\n", "1".repeat(40)));
    rig.publish(NAME, &[]);
    rig
}

/// Returns the findings about images, `code path found`.
fn findings(rig: &Rig) -> Vec<String> {
    let answer: Value = serde_json::from_slice(&rig.run(&["--json", "check"]).stdout).unwrap();
    let text = |found: &Value, key: &str| found[key].as_str().unwrap().to_owned();
    let found = answer["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|found| text(found, "code").starts_with("image"));
    found
        .map(|found| {
            let path = text(found, "path");
            assert_eq!(path, format!("{ID}/{LIST}"));
            format!("{}: {}; expected {}", text(found, "code"), text(found, "found"), text(found, "expected"))
        })
        .collect()
}

#[test]
fn a_list_is_printed_with_the_fields_of_each_reference() {
    let rig = listing(&format!("# stable\n{NOVA}\n\n{PROXY}\n"));
    let before = tree(&rig.mirror(""));
    let text = rig.ok(&["images", "list", ID]);
    assert_eq!(
        text,
        format!(
            "{LIST}: 2 images\n  {NOVA}  distro=centos image=stx-nova-client images=stable org=starlingx stamp={NAME} update=0\n  {PROXY}  distro=centos image=stx-keystone-api-proxy images=stable org=starlingx stamp={NAME} update=1\n"
        )
    );
    assert_eq!(rig.ok(&["images", "list", "master/centos/latest_build"]), text);
    let answer = rig.json(&["images", "list", ID]);
    let list = &answer["lists"][0];
    assert_eq!((&answer["id"], &answer["problems"]), (&json!(ID), &json!(0)));
    assert_eq!(
        (&list["path"], &list["fields"]),
        (&json!(LIST), &json!({"distro": "centos", "images": "stable"}))
    );
    let image = &list["images"][1];
    assert_eq!(
        (&image["line"], &image["reference"], &image["problem"]),
        (&json!(4), &json!(PROXY), &Value::Null)
    );
    assert_eq!(
        (&image["template"], &image["fields"]["stamp"]),
        (&json!("{org}/{image}:master-{distro}[-{codename}-{arch}]-{images}-{stamp}.{update}"), &json!(NAME))
    );
    rig.ok(&["images", "place", NOVA]);
    assert_eq!(tree(&rig.mirror("")), before, "they change nothing");
    assert_eq!(findings(&rig), [""; 0]);
}

#[test]
fn references_of_another_build_and_of_another_form_are_reported() {
    let rig = listing(&format!("{NOVA}\n{OLD}\n{ODD}\nnot a reference\n{OLD}\n{OLD}\n"));
    let text = rig.ends(5, &["images", "list", ID]);
    for line in [
        "line 2: `stamp` is `20200810T002300Z`; `20200811T002300Z` in the path of the build",
        "line 3: `images` is `stabel`; expected `stable`, `dev`",
        "line 4: `not a reference` is not a reference of an image: ",
        "6 images in 1 list, 5 problems",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let answer = rig.json_ends(5, &["images", "list", ID]);
    let problem = |line: usize| answer["lists"][0]["images"][line - 1]["problem"].clone();
    let part = |line: usize| ["kind", "field", "found", "expected"].map(|key| problem(line)[key].clone());
    assert_eq!(part(2), ["other-build", "stamp", "20200810T002300Z", NAME].map(Value::from));
    assert_eq!(part(3), ["misfit", "images", "stabel", "`stable`, `dev`"].map(Value::from));
    assert_eq!(problem(4)["kind"], "not-reference");
    assert_eq!(
        findings(&rig),
        [
            "image-unfit: line 3: `images` is `stabel`; and 1 more; expected `images` is `stable`, `dev`"
                .to_owned(),
            format!(
                "image-other-build: line 2: `stamp` is `20200810T002300Z`; and 2 more; expected `stamp` is `{NAME}`, as in the path of the build"
            ),
        ]
    );
    let shown = rig.ends(5, &["check"]);
    assert!(shown.contains(&format!("`mirrorkeep images list {ID}` prints each")), "{shown}");
}

/// Puts something else in the place of the list.
fn replaced(rig: &Rig, by: impl Fn(&Path)) {
    let at = rig.mirror(&format!("{ID}/{LIST}"));
    if at.is_dir() {
        fs::remove_dir(&at).unwrap();
    } else {
        fs::remove_file(&at).unwrap();
    }
    by(&at);
}

#[test]
fn a_list_that_is_none_is_an_error_and_holds_up_nothing() {
    type Putting = Box<dyn Fn(&Path)>;
    let rig = listing(&format!("{NOVA}\n"));
    let bytes = |bytes: Vec<u8>| move |at: &Path| fs::write(at, &bytes).unwrap();
    let cases: Vec<(&str, Putting)> = vec![
        ("line 1 has 1048576 bytes; at most 1024 are accepted", Box::new(bytes(vec![b'a'; 1 << 20]))),
        ("it has more than 4194304 bytes", Box::new(bytes(vec![b'\n'; (4 << 20) + 1]))),
        ("it has more than 10000 references", Box::new(bytes(b"a:1\n".repeat(10_001)))),
        ("line 2 is not UTF-8", Box::new(bytes(b"a:1\nb\xff:1\n".to_vec()))),
        ("it is a symlink", Box::new(|at| symlink("/dev/zero", at).unwrap())),
        (
            "it is a device, FIFO or socket",
            Box::new(|at| {
                assert!(Command::new("mkfifo").arg(at).status().unwrap().success());
            }),
        ),
        ("it is a directory", Box::new(|at| fs::create_dir(at).unwrap())),
    ];
    for (why, by) in cases {
        replaced(&rig, by);
        assert!(
            rig.ends(5, &["images", "list", ID]).contains(&format!("{LIST}: cannot be read: {why}")),
            "{why}"
        );
        let answer = rig.json_ends(5, &["images", "list", ID]);
        assert_eq!((&answer["lists"][0]["problem"], &answer["problems"]), (&json!(why), &json!(1)));
        let expected = format!("images-form: {why}; expected a text file with one reference a line");
        assert_eq!(findings(&rig), [expected]);
        let place = rig.json(&["images", "place", NOVA]);
        assert_eq!(
            (&place["builds"][0]["lists"], &place["builds"][0]["unread"]),
            (&json!([]), &json!([LIST]))
        );
    }
}

#[test]
fn lines_that_are_no_references_are_shown_as_one_line_each() {
    let rig = listing(&format!("{NOVA}\r\nq.io/a:\u{1b}[2K\nq.io/a\0b:1\n"));
    let text = rig.ends(5, &["images", "list", ID]);
    assert!(!text.contains(['\r', '\u{1b}', '\0']), "{text:?}");
    for shown in ["Z.0\\r` is not a tag", "q.io/a:\\u{1b}[2K", "q.io/a\\u{0}b:1"] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert_eq!(findings(&rig).len(), 1);
    let shown = rig.ends(5, &["check"]);
    assert!(!shown.contains(['\r', '\u{1b}', '\0']), "{shown:?}");
}

#[test]
fn a_reference_says_its_fields_and_its_build() {
    let rig = listing(&format!("{NOVA}\n"));
    // Another line of builds with the same time, which other tools laid down.
    lay(&rig, &format!("master/centos/flock/{NAME}"), &[("outputs/Success", "Build was successful\n")]);
    let text = rig.ok(&["images", "place", NOVA]);
    assert_eq!(
        text,
        format!(
            "{NOVA}: fits `{{org}}/{{image}}:master-{{distro}}[-{{codename}}-{{arch}}]-{{images}}-{{stamp}}.{{update}}`\ndistro  centos\nimage   stx-nova-client\nimages  stable\norg     starlingx\nstamp   {NAME}\nupdate  0\nbuild   {ID} (in {LIST})\nbuild   master/centos/flock/{NAME} (in none of its lists)\n"
        )
    );
    let answer = rig.json(&["images", "place", &NOVA.replace("docker.io", "localhost:5000")]);
    assert_eq!(answer["builds"][0], json!({"id": ID, "lists": [LIST], "unread": []}));
    assert_eq!((&answer["placed"]["fields"]["update"], &answer["misfit"]), (&json!("0"), &Value::Null));
    let updated = rig.json(&["images", "place", &NOVA.replace("Z.0", "Z.1")]);
    assert_eq!(updated["builds"][0], json!({"id": ID, "lists": [], "unread": []}));
    let none = rig.ends(0, &["images", "place", OLD]);
    assert!(none.contains("its fields tie it to no build of the mirror"), "{none}");
    // What does not fit has an answer, too, and another exit code.
    let text = rig.ends(1, &["images", "place", ODD]);
    assert!(
        text.contains(
            "does not fit the layout `starlingx-debian`: `images` is `stabel`; expected `stable`, `dev`"
        ),
        "{text}"
    );
    let answer = rig.json_ends(1, &["images", "place", ODD]);
    assert_eq!((&answer["placed"], &answer["misfit"]["field"]), (&Value::Null, &json!("images")));
    rig.fails(2, "`a:b:c` is not a reference of an image", &["images", "place", "a:b:c"]);
}

#[test]
fn a_build_without_lists_and_a_layout_without_images_have_none() {
    let rig = listing("");
    lay(&rig, "master/debian/20200811T002300Z", &[("outputs/Success", "Build was successful\n")]);
    assert_eq!(rig.ok(&["images", "list", "master/debian/20200811T002300Z"]), "");
    rig.fails(
        1,
        "there is no build `master/centos/20200812T002300Z`",
        &["images", "list", "master/centos/20200812T002300Z"],
    );
    let generic = Rig::new();
    generic.ok(&["init", "--layout", "generic"]);
    generic.fails(2, "the layout `generic` has no `images`", &["images", "place", NOVA]);
    generic.fails(
        2,
        "the layout `generic` has no `images`",
        &["images", "list", "main/debian/20200811T002300Z"],
    );
}

const PINS: &str = "images:
- name: docker.io/starlingx/stx-nova-client
  src_build_tag: master-centos-stable-20200811T002300Z.0
  src_ref: https://opendev.org/starlingx/openstack-armada-app
  tag: stx.4.0-v0.11.0
- {name: docker.io/starlingx/stx-aodh, src_build_tag: master-centos-stabel-20191203T153530Z.0}
- {name: docker.io/starlingx/stx-heat, src_build_tag: master-centos-stable-20191203T153530Z.0}
";

/// Returns a mirror that keeps one build of three, and a file of pins that has an image of the oldest.
fn pinning() -> (Rig, String) {
    let rig = listing(NOVA);
    let file = rig.work("..").join("pins.yaml").display().to_string();
    fs::write(&file, PINS).unwrap();
    let policy = "version: 1
brakes: {policy_change: apply}
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1, trash: 7d}
families:
  - {name: all, match: '**', keep: [{last: 1}]}
";
    fs::write(rig.work("..").join("policy.yaml"), policy).unwrap();
    rig.ok(&["policy", "set", rig.work("..").join("policy.yaml").to_str().unwrap()]);
    rig.builds(["20200812T002300Z", "20200813T002300Z"]);
    (rig, file)
}

#[test]
fn a_pinned_image_protects_its_build_until_the_pin_goes() {
    let (rig, file) = pinning();
    let expires = |rig: &Rig| rig.json(&["explain", ID])["build"]["verdict"] == "expire";
    assert!(expires(&rig));
    let before = tree(&rig.mirror(""));
    // An image of an unknown form is reported; the others count.
    let dry = rig.json_ends(5, &["images", "pins", &file, "--dry-run"])["pins"][0].clone();
    assert_eq!(tree(&rig.mirror("")), before);
    let report = rig.json_ends(5, &["images", "pins", &file])["pins"][0].clone();
    assert_eq!(report, dry);
    assert_eq!(
        (&report["builds"], &report["images"], &report["changed"]),
        (&json!([ID]), &json!(3), &json!(true))
    );
    assert_eq!(
        report["elsewhere"],
        json!(["docker.io/starlingx/stx-heat:master-centos-stable-20191203T153530Z.0"])
    );
    assert!(report["misfits"][0].as_str().unwrap().contains("`images` is `stabel`"), "{report}");
    assert!(
        rig.ok(&["explain", ID]).contains(&format!("pin  pins.yaml: {NOVA}")),
        "{}",
        rig.ok(&["explain", ID])
    );
    let listed = rig.json(&["list"])["builds"].clone();
    let row = listed.as_array().unwrap().iter().find(|row| row["id"] == ID).unwrap().clone();
    assert_eq!(row["verdict"], "keep", "{row}");
    rig.run(&["prune"]);
    assert!(rig.mirror(ID).exists());
    let held = rig.ends(3, &["withdraw", ID, "--why", "old"]);
    assert!(held.contains(&format!("pin: pins.yaml: {NOVA}")), "{held}");
    assert_eq!(rig.json_ends(5, &["images", "pins", &file])["pins"][0]["changed"], false);
    assert_eq!(rig.ok(&["images", "pins"]), "pins.yaml  3 images, 1 build protected\n");
    let log = rig.ok(&["log"]);
    assert!(log.contains("set the image pins pins.yaml: 3 images"), "{log}");
    // What is pinned no more is told before it goes.
    fs::write(
        &file,
        "- {name: docker.io/starlingx/stx-heat, src_build_tag: master-centos-stable-20191203T153530Z.0}\n",
    )
    .unwrap();
    assert_eq!(rig.json(&["images", "pins", &file, "--dry-run"])["pins"][0]["released"], json!([ID]));
    rig.ok(&["images", "pins", "--remove", "pins.yaml"]);
    assert!(expires(&rig));
    let said = rig.ends(2, &["images", "pins", "--remove", "pins.yaml"]);
    assert!(said.contains("there are no image pins `pins.yaml`; none are in force"), "{said}");
}

#[test]
fn a_pinned_build_in_the_trash_comes_back_before_it_is_swept() {
    let (rig, file) = pinning();
    rig.ok(&["prune"]);
    assert!(!rig.mirror(ID).exists());
    let told = rig.ends(5, &["images", "pins", &file]);
    assert!(told.contains(&format!("in the trash  {ID}; `mirrorkeep restore {ID}` restores it")), "{told}");
    let other = "master/centos/20200812T002300Z";
    let dry = rig.json(&["sweep", "--dry-run"]);
    assert_eq!(
        (&dry["report"]["restored"], &dry["report"]["swept"]),
        (&json!([ID]), &json!([other])),
        "{dry}"
    );
    rig.ok(&["sweep"]);
    assert!(rig.mirror(ID).exists());
}

#[test]
fn a_file_of_pins_that_cannot_be_read_leaves_those_in_force() {
    let (rig, file) = pinning();
    rig.ends(5, &["images", "pins", &file]);
    for (text, said) in [
        ("images: []\n", "no list of images"),
        (
            "- {name: docker.io/starlingx/stx-heat}\n",
            "pins.yaml:1:3: [0].src_build_tag: this entry is missing",
        ),
        ("- {name: 'docker.io/starlingx/stx-heat', src_build_tag: 'a b'}\n", "`a b` is not a tag"),
        ("a: [", "pins.yaml:"),
    ] {
        fs::write(&file, text).unwrap();
        let output = rig.ends(2, &["images", "pins", &file]);
        assert!(output.contains(said), "{said}: {output}");
        assert_eq!(rig.json(&["images", "pins"])["pins"][0]["images"], 3);
    }
    rig.ends(2, &["images", "pins", "/nowhere/pins.yaml"]);
    rig.ends(2, &["images", "pins", &file, "--name", "a/b"]);
}
