//! What is around requests: the environment and the configuration of git, trailers of commits, and what remotes and gpg say.

use super::attacked::{NOVA, Scene, entry};
use crate::cli::sign::keys::Gpg;
use crate::support::requests::git;
use crate::support::served::Served;
use std::fs;

#[test]
fn no_variable_of_git_decides_who_approved_or_what_is_read() {
    let scene = Scene::new();
    let [first, second, _] = &scene.commits;
    scene.asks("nova", &[entry("1.0.0", first, "")], "Release\n\nApproved-by: Boss");
    let other = scene.asks("nova", &[entry("1.0.0", second, "")], "No one approved this");
    let ignored = scene.rig.work("../ignored");
    fs::write(&ignored, format!("{other}\n")).unwrap();
    let setting = format!("'blame.ignoreRevsFile'='{}'", ignored.display());
    let mut apply = scene.requests.command(&scene.rig, &["release", "apply"]);
    apply
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "blame.ignoreRevsFile")
        .env("GIT_CONFIG_VALUE_0", &ignored)
        .env("GIT_CONFIG_PARAMETERS", &setting);
    let output = apply.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(scene.stated("1.0.0", "approved-by").is_empty());
    for (name, value) in [
        ("GIT_DEFAULT_HASH", "sha256"),
        ("GIT_LITERAL_PATHSPECS", "nonsense"),
        ("GIT_ICASE_PATHSPECS", "nonsense"),
        ("GIT_DEFAULT_REF_FORMAT", "nonsense"),
        ("GIT_ATTR_SOURCE", "nonsense"),
        ("GIT_SHALLOW_FILE", "/nowhere"),
    ] {
        let mut check = scene.requests.command(&scene.rig, &["release", "check"]);
        let output = check.env(name, value).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_configuration_for_new_repositories_changes_no_answer() {
    let scene = Scene::new();
    scene.asks("nova", &[entry("1.0.0", &scene.commits[0], "")], "Release");
    let global = scene.rig.work("../gitconfig");
    let text = "[init]\n\tdefaultObjectFormat = sha256\n\tdefaultRefFormat = reftable\n";
    fs::write(&global, text).unwrap();
    let at = format!("{}@1.0.0", scene.requests.remote(NOVA).display());
    for args in [&["release", "check"][..], &["release", "apply"], &["release", "show-tag", &at]] {
        let mut command = match args[1] {
            "show-tag" => scene.rig.command(args),
            _ => scene.requests.command(&scene.rig, args),
        };
        let output = command.env("GIT_CONFIG_GLOBAL", &global).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(scene.events(), 1);
}

#[test]
fn a_trailer_is_what_git_takes_for_one() {
    let scene = Scene::new();
    for (number, (message, approved)) in [
        ("Release\n\nI asked, and this is not yet\nApproved-by: the boss\nnor is this", &[][..]),
        ("Approved-by: The subject", &[]),
        ("Release\n\nApproved-by:A\nReviewed-by : B", &["A", "B"]),
        ("Release\n\nApproved-by: C\n\nSigned-off-by: D", &[]),
        ("Release\r\n\r\nwords\r\n\r\nApproved-by: E\r\n", &["E"]),
    ]
    .into_iter()
    .enumerate()
    {
        let (name, version) = (format!("n{number}"), format!("{number}.0.0"));
        let text = entry(&version, &scene.commits[0], "");
        scene.asks(&name, &[text], message);
        scene.apply(0, &[]);
        assert_eq!(scene.stated(&version, "approved-by"), approved, "{message}");
    }
    scene.asks("last", &[entry("9.0.0", &scene.commits[0], "")], "Release\n\nApproved-by: R. Eviewer");
    let twice = ["--approved-by", "B", "--approved-by", " B ", "--approved-by", " R. Eviewer"];
    scene.apply(0, &twice);
    assert_eq!(scene.stated("9.0.0", "approved-by"), ["R. Eviewer", "B"]);
}

#[test]
fn the_reason_of_a_refusal_is_told() {
    let scene = Scene::new();
    scene.asks("nova", &[entry("1.0.0", &scene.commits[0], "")], "Release");
    let why = "GitLab: You are not allowed to create this tag as it is protected.";
    scene.hook("pre-receive", &format!("echo '{why}' >&2; exit 1"));
    let text = scene.apply(1, &[]);
    let said = format!("git said: remote: {why}; ! [remote rejected] ");
    assert!(text.contains(&said), "{text}");
    fs::remove_file(scene.requests.remote(NOVA).join("hooks/pre-receive")).unwrap();
    // A key that gpg does not have.
    let gpg = Gpg::new();
    let mut apply = scene.requests.command(&scene.rig, &["release", "apply", "--sign", "nobody@example.org"]);
    let output = apply.env("GNUPGHOME", gpg.home()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("gpg: skipped \"nobody@example.org\": No secret key"), "{text}");
    assert!(!text.contains("[GNUPG:]"), "{text}");
    // No name for the tagger.
    let mut apply = scene.requests.command(&scene.rig, &["release", "apply"]);
    for who in ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"] {
        apply.env_remove(who);
    }
    let config = scene.rig.work("../gitconfig");
    fs::write(&config, "[user]\n\tuseConfigOnly = true\n").unwrap();
    let output = apply.env("GIT_CONFIG_GLOBAL", &config).env_remove("EMAIL").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.contains("git said: Committer identity unknown; fatal: ") && !text.contains("Omit"),
        "{text}"
    );
    assert!(scene.tags().is_empty());
}

#[test]
fn a_server_of_plain_files_and_a_shallow_repository_are_answered() {
    let scene = Scene::new();
    scene.asks("nova", &[entry("1.0.0", &scene.commits[2], "")], "Release");
    let bare = scene.requests.remote(NOVA);
    let shallow = scene.rig.work("../shallow/openstack/nova.git");
    let from = format!("file://{}", bare.display());
    let branch = crate::support::requests::BRANCH;
    git(
        &scene.requests.at(),
        &["clone", "-q", "--bare", "--depth=1", "-b", branch, &from, shallow.to_str().unwrap()],
    );
    scene.apply(0, &[]);
    git(&bare, &["update-server-info"]);
    let served = Served::start(bare.parent().unwrap());
    let at = format!("{}/nova.git@1.0.0", served.url());
    let output =
        scene.rig.command(&["release", "show-tag", &at]).env("no_proxy", "127.0.0.1").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("nova 1.0.0 final, not signed\n"));
    let settings = format!(
        "releases: 1\nremote: '{}/{{repo}}.git'\nseries: {{\"2024.1\": {{status: maintained}}}}\n",
        scene.rig.work("../shallow").display()
    );
    scene.requests.write("releases.yaml", &settings);
    scene.asks(
        "nova",
        &[entry("1.0.0", &scene.commits[2], ""), entry("1.0.1", &scene.commits[2], "")],
        "Release",
    );
    let text = scene.check(1, &[]);
    assert!(text.contains("as from a repository that is shallow itself"), "{text}");
    assert!(text.contains("hint: put right what it says, and run it again"), "{text}");
}

#[test]
fn what_no_address_can_be_is_said_in_the_words_of_the_file() {
    let scene = Scene::new();
    for (remote, said) in [
        ("~/x/{repo}", "settings: `~/x/{repo}` is not the address of a repository: expected an address"),
        (
            "https://me:hunter2@h/{repo}",
            "settings: `https://…@h/{repo}` is not the address of a repository: it contains a user",
        ),
    ] {
        scene.requests.write("releases.yaml", &format!("releases: 1\nremote: '{remote}'\nseries: {{}}\n"));
        scene.asks("nova", &[entry("1.0.0", &scene.commits[0], "")], "Release");
        let text = scene.check(5, &[]);
        assert!(text.contains(said) && !text.contains("a/b@HEAD") && !text.contains("hunter2"), "{text}");
    }
    scene.requests.write("releases.yaml", "releases: 1\nremote: '/g/{repo}'\nseries: {}\n");
    scene.requests.commit("No series");
    assert!(scene.check(5, &[]).contains("releases.yaml has no series `2024.1`; it has none\n"));
}
