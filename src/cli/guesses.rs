//! What people type who know other tools, and what does that here: words behind a verb, options, values, and what a verb lacks.

use super::guide::Words;
use crate::model::BuildId;
use std::path::Path;

/// Words that are typed behind a verb, and what does that here; `{}` in it stands for what was typed. Beside words there are shapes:
/// `N%`, `ID` (of a build), `DIR` and `*` (whatever was typed).
pub(super) const BELOW: [(&str, &[&str], &str); 34] = [
    (
        "alias",
        &["add", "new", "create", "make", "move", "mv", "point", "ln", "link", "update"],
        "`mirrorkeep alias set ALIAS ID` sets an alias",
    ),
    ("alias", &["rm", "delete", "del", "unset", "drop"], "`mirrorkeep alias remove ALIAS` removes an alias"),
    ("alias", &["ls", "all"], "`mirrorkeep alias list` lists the aliases"),
    ("alias", &["show", "get", "resolve"], "`mirrorkeep resolve ALIAS` prints what an alias resolves to"),
    ("alias", &["history", "log"], "`mirrorkeep history ALIAS` shows every move of an alias"),
    ("trash", &["ls", "show", "status"], "`mirrorkeep trash list` lists what is in the trash"),
    (
        "trash",
        &["empty", "clear", "clean", "purge", "sweep", "delete"],
        "`mirrorkeep sweep` empties the trash",
    ),
    ("trash", &["restore", "undelete"], "`mirrorkeep restore ID` restores a build from the trash"),
    (
        "policy",
        &["apply", "use", "install", "edit", "add", "load"],
        "`mirrorkeep policy set FILE` puts a policy in force",
    ),
    ("policy", &["check", "validate"], "`mirrorkeep policy lint FILE` checks a policy"),
    (
        "policy",
        &["run", "forecast", "plan"],
        "`mirrorkeep policy simulate --for 30d` runs the policy forward",
    ),
    (
        "pipeline",
        &["apply", "use", "install", "edit", "add", "load"],
        "`mirrorkeep pipeline set FILE` puts a pipeline in force",
    ),
    ("pipeline", &["check", "validate"], "`mirrorkeep pipeline lint FILE` checks a pipeline"),
    (
        "layout",
        &["check", "validate", "lint"],
        "`mirrorkeep layout show --layout FILE` checks a layout and shows its paths",
    ),
    (
        "layout",
        &["test", "try"],
        "`mirrorkeep layout place PATH --layout FILE` shows what a path is in a layout",
    ),
    (
        "trash",
        &["rm", "remove", "drop"],
        "`mirrorkeep sweep` deletes what is in the trash; one build is never deleted from it alone",
    ),
    (
        "hold",
        &["remove", "rm", "delete", "del", "release", "drop", "unset", "off"],
        "`mirrorkeep unhold ID` removes the holds from a build",
    ),
    (
        "hold",
        &["add", "new", "set", "create", "on"],
        "`mirrorkeep hold ID --why TEXT` protects a build from pruning",
    ),
    ("hold", &["ls", "show", "all", "status"], "`mirrorkeep hold list` lists the holds"),
    (
        "deliver",
        &["retry", "resume", "resend", "again"],
        "`mirrorkeep deliver unpark NAME` delivers parked events again, and `mirrorkeep deliver replay NAME --since SEQ` every event from a number on",
    ),
    (
        "deliver",
        &["skip", "drop", "ignore"],
        "`mirrorkeep deliver park NAME` parks the event that is not accepted, so that the next ones are delivered",
    ),
    (
        "deliver",
        &["list", "ls", "show", "subscribers"],
        "`mirrorkeep deliver status` shows how far each subscriber is",
    ),
    ("deliver", &["start", "run", "watch"], "`mirrorkeep deliver --follow` delivers events as they come"),
    (
        "sync",
        &["list", "ls", "status", "show", "targets"],
        "`mirrorkeep freshness` shows how far each target is, and `mirrorkeep sync lint` checks targets.yaml",
    ),
    (
        "release",
        &["list", "ls", "status", "view", "show"],
        "`mirrorkeep events --type release.applied` prints the releases that were applied, and `mirrorkeep release check` what is to be applied",
    ),
    (
        "release",
        &["create", "new", "make", "tag", "publish"],
        "a release is an entry in a file of the request repository, which `mirrorkeep release apply` carries out: docs/releases.md",
    ),
    (
        "pipeline",
        &["run", "start", "trigger"],
        "`mirrorkeep gate ID --all-missing` runs the gates of a build, and `mirrorkeep promote` moves the stages on",
    ),
    ("man", &["DIR"], "`mirrorkeep man --out {}` writes a page for each verb into that directory"),
    (
        "man",
        &["*"],
        "`mirrorkeep help {}` shows the help of a verb, and `mirrorkeep man --out DIR` writes a page for each",
    ),
    (
        "layout show",
        &["*"],
        "`mirrorkeep layout show --layout {}` shows a layout that is not that of the mirror",
    ),
    (
        "status",
        &["*"],
        "`mirrorkeep status` is of the whole mirror; `mirrorkeep list {}` lists the builds of a stream",
    ),
    (
        "prune",
        &["*"],
        "a prune is of the whole mirror; `mirrorkeep withdraw ID --why TEXT` takes one build out, and `mirrorkeep plan --expiring` shows what expires",
    ),
    ("promote", &["ID"], "`mirrorkeep promote STAGE --build {}` promotes this build"),
    ("verify", &["N%"], "`mirrorkeep verify --sample {}` verifies a share of the mirror"),
];

/// What `--stream` and the options of a branch are.
pub(super) const WHOLE_STREAM: &str = "`--stream main/debian` names the whole stream; with `--git-branch BRANCH` instead, and `--distro` and \
     `--field` for what a branch does not say, the layout finds it";

/// The answer to a stream behind `plan`.
pub(super) const WHOLE_PLAN: &str = "a plan is of the whole mirror; `mirrorkeep plan --expiring` shows what expires, and `mirrorkeep explain ID` all reasons for a build";

/// Options of other tools, by the verb behind which they are typed (`*` for each), and what does that here.
pub(super) const OPTIONS: [(&str, &[&str], &str); 40] = [
    (
        "prune",
        &["-y", "--yes", "--force", "-f", "--assume-yes"],
        "`mirrorkeep prune` does not ask; `mirrorkeep prune --dry-run` only shows what would be deleted",
    ),
    (
        "prune",
        &[
            "--policy",
            "--keep",
            "--keep-last",
            "--keep-daily",
            "--keep-weekly",
            "--keep-monthly",
            "--keep-within",
            "--older-than",
            "--days",
        ],
        "the policy of the mirror defines what is kept: `mirrorkeep policy show` shows it, and `mirrorkeep policy set FILE` puts another in force",
    ),
    (
        "list",
        &["--latest", "--newest", "--last"],
        "`mirrorkeep list --sort created --limit 1` lists the newest build, and `mirrorkeep resolve ALIAS` prints what an alias resolves to",
    ),
    (
        "list",
        &["-l", "--long", "-a", "--all", "--full"],
        "`mirrorkeep list` has all columns, `mirrorkeep show ID` shows one build, and `mirrorkeep --json list` prints every field",
    ),
    (
        "policy simulate",
        &["--days", "--months", "--length", "--until"],
        "`--for 30d` sets the length of the simulation",
    ),
    ("publish", &["-s", "--target", "--dest", "--to"], "`--stream STREAM` names the stream"),
    (
        "publish",
        &["-n", "--name", "--id", "--version"],
        "`--build NAME` names the build [default: the time now]",
    ),
    (
        "publish",
        &["--platform", "--arch", "--os", "--target-os"],
        "the layout says which fields a stream has: `--distro NAME` and `--field KEY=VALUE` give them with `--git-branch`, and `--stream STREAM` names \
         the whole stream",
    ),
    (
        "publish",
        &["--stamp", "--date", "--time", "--timestamp"],
        "`--build NAME` names the build [default: the time now]",
    ),
    ("withdraw", &["--reason", "-m", "--message", "--because"], "`--why TEXT` gives the reason"),
    ("hold", &["--reason", "-m", "--message", "--because"], "`--why TEXT` gives the reason"),
    ("demote", &["--reason", "-m", "--message", "--because"], "`--why TEXT` gives the reason"),
    ("reject", &["--reason", "-m", "--message", "--because"], "`--why TEXT` gives the reason"),
    (
        "prune",
        &["--stream", "--only", "-s"],
        "a prune is of the whole mirror; `mirrorkeep plan --expiring` shows what expires",
    ),
    ("plan", &["--stream", "--only", "-s"], WHOLE_PLAN),
    ("log", &["--who", "--user", "--author"], "`--by NAME` shows the events of a person"),
    (
        "status",
        &["--watch", "-w"],
        "`watch mirrorkeep status` shows it again and again, and `mirrorkeep status --check` ends with 5 when something needs attention",
    ),
    ("publish", &["--tag", "--tags", "-t"], "`--label KEY=VALUE` labels the build"),
    ("publish", &["--failed", "--fail", "--status"], "`--result fail` records that the build failed"),
    ("publish", &["-r", "-R", "--recursive"], "`mirrorkeep publish DIR` publishes everything below DIR"),
    (
        "publish",
        &["-f", "--force", "--overwrite"],
        "a published build is never replaced; `mirrorkeep withdraw ID --why TEXT` takes one out of the mirror",
    ),
    ("list", &["-n", "--count", "--head"], "`--limit 5` lists the first five builds"),
    ("list", &["-r", "--reverse"], "`--sort created` lists the newest builds first"),
    ("log", &["-n", "--count", "--head"], "`--limit 5` shows the newest five events"),
    ("log", &["-f", "--follow"], "`mirrorkeep events --follow` prints events as they come"),
    ("publish", &["-b", "--branch"], "`--git-branch BRANCH` names the branch"),
    ("verify", &["--full", "--everything"], "`mirrorkeep verify --all` verifies every build"),
    (
        "prune",
        &["--at", "--when", "--date"],
        "`mirrorkeep plan --at 3d --expiring` shows what a prune would delete then",
    ),
    (
        "unhold",
        &["--all"],
        "`mirrorkeep unhold ID` removes all holds of a build; `mirrorkeep hold list` lists the builds",
    ),
    (
        "label",
        &["--add", "--set", "--label", "-l"],
        "`mirrorkeep label ID KEY=VALUE` labels a build, and `mirrorkeep label ID --remove KEY` removes a label",
    ),
    ("restore", &["--list", "--all"], "`mirrorkeep trash list` lists the builds that can be restored"),
    (
        "restore",
        &["--target", "--to"],
        "a build is restored to its own path; `mirrorkeep copy FROM TO ID` copies one to another mirror",
    ),
    (
        "show",
        &["--latest", "--newest"],
        "`mirrorkeep show STREAM/latest_build` shows what an alias resolves to",
    ),
    (
        "log",
        &["--oneline", "--short"],
        "`mirrorkeep log --limit 20` shows the newest 20 events, one to a line",
    ),
    ("list", &["--fields", "--columns"], "`mirrorkeep --json list` prints every field of each build"),
    ("events", &["-f", "--tail", "--watch"], "`--follow` prints events as they come"),
    (
        "sync",
        &["--to", "--target", "-t"],
        "`.mirrorkeep/targets.yaml` names the targets (docs/mirrors.md), and `mirrorkeep sync NAME` brings one up to date",
    ),
    (
        "layout path",
        &["--platform", "--arch", "--os"],
        "`--distro NAME` and `--field KEY=VALUE` give the fields that the layout has",
    ),
    (
        "*",
        &["-C", "-r", "-d", "--repo", "--repository", "--root", "--dir", "--directory"],
        "`--mirror DIR|URL` names the mirror",
    ),
    ("*", &["--format", "--output", "-o"], "`--json` prints the answer as JSON"),
];

/// Subcommands that a verb does not have, by verb.
pub(super) const LACKING: [(&str, &str); 30] = [
    (
        "verify",
        "`mirrorkeep verify --all` verifies every build, `mirrorkeep verify --sample 5%` a share of the mirror, and `mirrorkeep verify ID` one build",
    ),
    (
        "publish",
        "`mirrorkeep publish DIR --stream STREAM` names the stream; with `--git-branch BRANCH` instead, the layout finds it",
    ),
    (
        "hold",
        "`mirrorkeep hold ID --why TEXT` protects a build from pruning, and `mirrorkeep hold list` lists the holds",
    ),
    ("unhold", "`mirrorkeep hold list` lists the builds that are held"),
    ("restore", "`mirrorkeep trash list` lists the builds that can be restored"),
    ("history", "`mirrorkeep alias list` lists the aliases"),
    ("resolve", "`mirrorkeep alias list` lists the aliases"),
    ("alias set", "`mirrorkeep alias list` lists the aliases, and `mirrorkeep list` the builds"),
    ("alias remove", "`mirrorkeep alias list` lists the aliases"),
    ("show", "`mirrorkeep list` lists the builds"),
    ("diff", "`mirrorkeep diff ID ID` compares two builds, and `mirrorkeep list` lists the builds"),
    ("explain", "`mirrorkeep list` lists the builds, and `mirrorkeep plan` the verdict on each"),
    ("label", "`mirrorkeep label ID KEY=VALUE` labels a build, and `mirrorkeep list` lists the builds"),
    (
        "withdraw",
        "`mirrorkeep withdraw ID --why TEXT` takes a build out, and `mirrorkeep list` lists the builds",
    ),
    (
        "vote",
        "`mirrorkeep vote ID JOB success` records that a job passed on a build; `mirrorkeep pipeline show` names the jobs, and `mirrorkeep list` the builds",
    ),
    (
        "gate",
        "`mirrorkeep gate ID --all-missing` runs the gates that have not voted on a build; `mirrorkeep pipeline show` names the gates",
    ),
    (
        "waive",
        "`mirrorkeep waive STAGE JOB --until 3d --why TEXT` promotes without the vote of a job; `mirrorkeep stages` shows the stages and what each lacks",
    ),
    ("unwaive", "`mirrorkeep stages` shows the waivers"),
    (
        "reject",
        "`mirrorkeep reject ID --why TEXT` keeps a build from every stage; `mirrorkeep stages` shows the candidates",
    ),
    ("unreject", "`mirrorkeep stages` shows the rejected builds"),
    (
        "demote",
        "`mirrorkeep demote STAGE --stream STREAM --why TEXT` moves a stage back; `mirrorkeep stages` shows the stages and their streams",
    ),
    ("bundle", "`mirrorkeep layout show` shows the bundles, and `mirrorkeep bundle STREAM` makes one"),
    ("images pins", "`mirrorkeep images pins FILE` reads the images that must be kept"),
    (
        "images list",
        "`mirrorkeep images list ID` lists the images of a build, and `mirrorkeep list` the builds",
    ),
    ("images place", "`mirrorkeep images place REF` shows which build an image belongs to"),
    ("copy", "`mirrorkeep copy FROM TO` copies builds from one mirror to another"),
    ("pull", "`mirrorkeep pull URL DIR` keeps a copy of a mirror that is read over HTTP"),
    (
        "policy set",
        "`mirrorkeep policy set FILE` puts a policy in force, and `mirrorkeep policy list` lists the shipped ones",
    ),
    (
        "pipeline set",
        "`mirrorkeep pipeline set FILE` puts a pipeline in force, and `mirrorkeep pipeline list` lists the shipped ones",
    ),
    (
        "export redirects",
        "`--for nginx`, `apache`, `s3-website`, `s3-website-xml` or `cloudfront` names the server",
    ),
];

/// Values of other tools, and the closest ones here.
pub(super) const VALUES: [(&str, &[&str], &str); 2] = [
    (
        "--result",
        &["unstable", "warning", "warnings", "failure", "failed", "passed", "ok", "aborted"],
        "a build that readers should use is a `success`, any other a `fail`; `--label quality=unstable` can say more",
    ),
    (
        "<RESULT>",
        &["pass", "passed", "ok", "good", "green", "yes", "fail", "failed", "bad", "red", "no"],
        "a job that passed is a `success`, any other a `failure`",
    ),
];

/// Returns whether a word that was typed is one of these, or has the shape of one.
pub(super) fn fits(words: Words, typed: &str) -> bool {
    words.iter().any(|word| match *word {
        "*" => true,
        "N%" => typed.strip_suffix('%').is_some_and(|share| share.parse::<f64>().is_ok()),
        "DIR" => {
            typed.contains('/') && (Path::new(typed).is_absolute() || typed.starts_with('.'))
                || Path::new(typed).is_dir()
        }
        "ID" => typed.parse::<BuildId>().is_ok(),
        word => word == typed,
    })
}
