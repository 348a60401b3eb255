//! The help of the whole program: verbs in groups, and the right verb for a word of another tool.

use super::args::Cli;
use clap::{Command, CommandFactory};

/// The groups of verbs, in the order of the help.
const GROUPS: [(&str, &[&str]); 5] = [
    (
        "Publish",
        &[
            "publish", "release", "due", "branch", "copy", "pull", "adopt", "label", "alias", "deliver",
            "sync",
        ],
    ),
    (
        "Look",
        &[
            "status",
            "freshness",
            "site",
            "metrics",
            "list",
            "show",
            "diff",
            "images",
            "log",
            "events",
            "resolve",
            "plan",
            "explain",
            "check",
            "verify",
            "census",
        ],
    ),
    (
        "Promote",
        &[
            "promote", "demote", "bundle", "stages", "history", "vote", "gate", "waive", "unwaive", "reject",
            "unreject",
        ],
    ),
    ("Keep and remove", &["prune", "hold", "unhold", "withdraw", "retire", "restore", "trash", "sweep"]),
    ("Set up", &["init", "layout", "policy", "pipeline", "export", "recover", "completions", "man", "help"]),
];

/// Words to look for.
pub(super) type Words = &'static [&'static str];

/// Words that people know from other tools, and what does that here.
pub(super) const ELSEWHERE: [(Words, &str); 44] = [
    (&["ls", "ll", "dir", "build", "builds", "snapshots"], "`mirrorkeep list` lists the builds"),
    (
        &["rm", "delete", "del", "remove", "forget", "unpublish", "retract", "yank", "revoke"],
        "`mirrorkeep withdraw ID --why TEXT` takes one build out, `mirrorkeep prune` all that the policy no longer keeps, and `mirrorkeep alias remove ALIAS` an alias",
    ),
    (
        &["gc", "clean", "cleanup", "expire", "purge"],
        "`mirrorkeep prune` deletes what the policy no longer keeps, and `mirrorkeep sweep` empties the trash",
    ),
    (&["journal", "audit"], "`mirrorkeep log` shows what happened"),
    (
        &["info", "stat", "stats", "df", "du", "size"],
        "`mirrorkeep status` shows the state of the mirror, and `mirrorkeep show ID` a build",
    ),
    (
        &["rollback", "revert", "rollout"],
        "`mirrorkeep demote STAGE --stream STREAM --why TEXT` moves a stage back, and `mirrorkeep alias set ALIAS ID --allow-backwards` another alias",
    ),
    (&["undo", "undelete", "untrash"], "`mirrorkeep restore ID` restores a build from the trash"),
    (&["tag", "mark", "annotate"], "`mirrorkeep label ID KEY=VALUE` labels a build"),
    (&["holds"], "`mirrorkeep hold list` lists the holds"),
    (&["pins"], "`mirrorkeep hold list` lists the holds, and `mirrorkeep images pins` the pins of images"),
    (&["pin", "lock", "protect", "keep"], "`mirrorkeep hold ID --why TEXT` protects a build from pruning"),
    (
        &["latest", "link", "ln"],
        "`mirrorkeep resolve ALIAS` prints what an alias resolves to, and `mirrorkeep alias set ALIAS ID` sets one",
    ),
    (
        &["fsck", "doctor", "lint"],
        "`mirrorkeep check` checks the structure, `mirrorkeep verify --all` the contents",
    ),
    (
        &["repair", "fix", "unlock"],
        "`mirrorkeep recover` finishes what was interrupted, and `mirrorkeep check --fix` fixes what can be fixed safely",
    ),
    (
        &["config", "settings"],
        "`mirrorkeep layout show`, `mirrorkeep policy show` and `mirrorkeep pipeline show` show what is in force",
    ),
    (&["simulate", "forecast"], "`mirrorkeep policy simulate --for 30d` runs the policy forward"),
    (
        &["import", "push", "upload", "add", "put"],
        "`mirrorkeep publish DIR --stream STREAM` publishes a build, and `mirrorkeep adopt` takes over what is there",
    ),
    (
        &["set-alias", "setalias", "set", "point"],
        "`mirrorkeep alias set ALIAS ID` sets an alias, and `mirrorkeep label ID KEY=VALUE` a label",
    ),
    (&["tags", "names", "aliases"], "`mirrorkeep alias list` lists the aliases"),
    (
        &["health", "healthcheck", "ping", "monitor"],
        "`mirrorkeep status --check` ends with code 5 if something needs attention",
    ),
    (
        &["serve", "server", "http", "web", "start"],
        "any web server serves the mirror: docs/serving.md has the configuration, and `mirrorkeep export redirects --help` writes redirects",
    ),
    (
        &["cdn", "cache", "cloudfront", "fastly", "invalidate"],
        "`mirrorkeep export cache-rules --for nginx` writes how long caches keep what is served, and each of `mirrorkeep events` has the addresses to purge",
    ),
    (
        &["cp", "rsync", "clone", "mirror", "replicate", "mirrors", "targets"],
        "`mirrorkeep copy FROM TO` copies builds from one mirror to another, `mirrorkeep sync` brings copies that are plain files up to date, and `mirrorkeep pull URL DIR` keeps a copy of a mirror that is read over HTTP",
    ),
    (
        &["search", "find", "grep", "query"],
        "`mirrorkeep list 'release/*' --label KEY=VALUE` lists the builds that match",
    ),
    (
        &["move", "mv", "rename"],
        "a build keeps its path; `mirrorkeep alias set ALIAS ID` sets an alias, and `mirrorkeep copy FROM TO` copies builds to another mirror",
    ),
    (
        &["fetch", "download", "wget"],
        "`mirrorkeep pull URL DIR` keeps a copy of a mirror that is read over HTTP",
    ),
    (
        &["get", "describe", "inspect", "cat"],
        "`mirrorkeep list` lists the builds, and `mirrorkeep show ID` shows one and where its files are",
    ),
    (
        &["compare", "changes", "changelog"],
        "`mirrorkeep diff ID ID` shows what differs between two builds, and `mirrorkeep export changes` writes the change list for mirrors of the mirror",
    ),
    (
        &["prometheus", "openmetrics", "exporter", "monitoring"],
        "`mirrorkeep metrics` prints metrics for Prometheus",
    ),
    (
        &["index", "feed", "rss", "atom", "html", "pages", "dashboard", "report"],
        "`mirrorkeep site` writes files to look at the mirror",
    ),
    (&["version"], "`mirrorkeep --version` prints the version"),
    (
        &["url", "href", "address"],
        "`mirrorkeep show ID` prints the address of a build, where `site.url` or `readers.url` is set",
    ),
    (&["why", "reason"], "`mirrorkeep explain ID` shows why a build is kept or deleted"),
    (&["unpin"], "`mirrorkeep unhold ID` removes the holds from a build"),
    (
        &["approve", "pass", "sign-off"],
        "`mirrorkeep vote ID JOB success` records that a job passed on a build",
    ),
    (
        &["schedule", "cron", "trigger"],
        "`mirrorkeep due STREAM --every 24h --run CMD` starts a build that is due",
    ),
    (
        &["apply", "use", "install"],
        "`mirrorkeep policy set FILE` puts a policy in force, `mirrorkeep pipeline set FILE` a pipeline, and `mirrorkeep release apply` carries out releases",
    ),
    (&["empty-trash", "empty"], "`mirrorkeep sweep` empties the trash"),
    (
        &["auth", "login", "credentials"],
        "credentials come from the environment, such as AWS_ACCESS_KEY_ID: docs/object-store.md",
    ),
    (
        &["mount", "browse", "open"],
        "the files of a mirror are plain files below its directory; docs/serving.md serves them",
    ),
    (
        &["run", "runs", "job", "jobs"],
        "`mirrorkeep due STREAM --every 24h --run CMD` starts a build that is due, `mirrorkeep gate ID NAME` a gate, and `mirrorkeep log` shows what ran",
    ),
    (&["backup", "dump"], "`mirrorkeep copy FROM TO` copies builds from one mirror to another"),
    (
        &["stream", "streams", "branches"],
        "`mirrorkeep status` shows every stream, and `mirrorkeep list STREAM` its builds",
    ),
    (
        &["notify", "webhook", "webhooks", "hook", "hooks", "subscribe", "watch"],
        "`mirrorkeep deliver` delivers events as deliver.yaml says, and `mirrorkeep events --follow` prints them",
    ),
];

/// Returns the command line with its help in groups.
pub(super) fn command() -> Command {
    let command = Cli::command();
    let about = |verb: &str| {
        let found = command.get_subcommands().find(|command| command.get_name() == verb);
        let about = found.and_then(Command::get_about).map(ToString::to_string);
        about.unwrap_or_else(|| "Show the help of a command".to_owned())
    };
    let widest = GROUPS.iter().flat_map(|(_, verbs)| *verbs).map(|verb| verb.len()).max().unwrap_or_default();
    let mut groups = String::new();
    for (group, verbs) in GROUPS {
        groups += &format!("\n{group}:\n");
        for verb in verbs {
            groups += &format!("  {verb:<widest$}  {}\n", about(verb));
        }
    }
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{groups}\nGlobal options, for every command:\n{{options}}{{after-help}}"
    );
    // Without a verb, the help is the answer.
    command.help_template(template).arg_required_else_help(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_in_one_group_and_no_word_of_another_tool_is_a_verb() {
        let command = Cli::command();
        let mut verbs: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
        verbs.push("help");
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, verbs)| *verbs).copied().collect();
        for words in ELSEWHERE.iter().map(|(words, _)| *words) {
            assert!(words.iter().all(|word| !verbs.contains(word)), "{words:?}");
        }
        verbs.sort_unstable();
        grouped.sort_unstable();
        assert_eq!(grouped, verbs);
    }
}
