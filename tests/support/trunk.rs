//! A mirror of RDO's trunk as its build service fills it, in a directory or in a bucket, with a pipeline.

use crate::support::shapes::{assert_error_shape, assert_shape};
use mirrorkeep::model::Digest;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// The worker of the development branch.
pub(crate) const WORKER: &str = "centos9-master";

/// The votes that `pipelines/rdo-trunk.yaml` requires for `current-tripleo`.
pub(crate) const JOBS: [&str; 3] = [CONTAINERS, SCENARIO_1, SCENARIO_2];
pub(crate) const CONTAINERS: &str = "periodic-tripleo-ci-build-containers";
pub(crate) const SCENARIO_1: &str = "periodic-tripleo-ci-standalone-scenario001";
pub(crate) const SCENARIO_2: &str = "periodic-tripleo-ci-standalone-scenario002";
pub(crate) const SCENARIO_2_AGAIN: &str = "periodic-tripleo-ci-standalone-scenario002-rerun";

/// Starts the binary on the mirror.
type Start = Box<dyn Fn() -> Command>;

/// The mirror, and a workspace from which builds are published.
pub(crate) struct Trunk<'a> {
    start: Box<dyn Fn() -> Command + 'a>,
    dir: tempfile::TempDir,
}

impl Trunk<'static> {
    /// Makes the mirror in a directory, with the shipped pipeline.
    #[track_caller]
    pub(crate) fn new() -> Self {
        Self::with("rdo-trunk")
    }

    /// Makes the mirror in a directory, with a shipped pipeline or the text of one.
    #[track_caller]
    pub(crate) fn with(pipeline: &str) -> Self {
        // On a disk without syncs, a sync takes no time.
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let mirror = dir.path().join("mirror");
        let start: Start = Box::new(move || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorkeep"));
            command.env("MIRRORKEEP_MIRROR", &mirror);
            command
        });
        Self { start, dir }.made(pipeline)
    }
}

impl<'a> Trunk<'a> {
    /// Makes the mirror where these commands work, with the shipped pipeline.
    #[track_caller]
    pub(crate) fn at(start: impl Fn() -> Command + 'a) -> Self {
        Self { start: Box::new(start), dir: tempfile::tempdir().unwrap() }.made("rdo-trunk")
    }

    #[track_caller]
    fn made(self, pipeline: &str) -> Self {
        let pipeline = self.pipeline_file(pipeline);
        self.ok(&["init", "--layout", "rdo-trunk", "--pipeline", &pipeline]);
        self
    }

    /// Returns the name of a shipped pipeline, or the file with the text of one.
    pub(crate) fn pipeline_file(&self, pipeline: &str) -> String {
        if !pipeline.contains('\n') {
            return pipeline.to_owned();
        }
        let path = self.dir.path().join("pipeline.yaml");
        fs::write(&path, pipeline).unwrap();
        path.display().to_string()
    }

    /// Returns a path of the mirror in a directory.
    pub(crate) fn mirror(&self, below: &str) -> PathBuf {
        self.dir.path().join("mirror").join(below)
    }

    /// Returns where an alias of a component is.
    pub(crate) fn link(&self, component: &str, alias: &str) -> PathBuf {
        self.mirror(&format!("{}/{alias}", stream(component)))
    }

    /// Returns the binary on the mirror, not yet started.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = (self.start)();
        command.env("MIRRORKEEP_ACTOR", "release-engineer").args(args);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs the binary, which must end with that exit code; returns its answer and messages.
    #[track_caller]
    pub(crate) fn ends(&self, code: i32, args: &[&str]) -> String {
        let output = self.run(args);
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        text
    }

    /// Runs the binary, which must succeed, and returns its answer.
    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the binary, which must fail with that exit code, message and hint, which may be empty.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, said: &str, args: &[&str]) -> Vec<String> {
        let output = self.run(&[&["--json"], args].concat());
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        let error: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_error_shape(text.as_bytes());
        assert!(error["error"].as_str().unwrap().contains(said), "{text}");
        let hint = error["hint"].as_str().unwrap_or_default();
        hint.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    /// Runs a command of a hint with its words in capitals replaced, which must end with that exit code.
    #[track_caller]
    pub(crate) fn pasted(&self, code: i32, hint: &str, words: &[(&str, &str)]) -> String {
        let line = hint.strip_prefix("mirrorkeep ").unwrap_or_else(|| panic!("no command: {hint}"));
        let word = |text: &str| {
            let given = words.iter().find(|(word, _)| *word == text);
            given.map_or(text, |(_, given)| given).to_owned()
        };
        let args: Vec<String> = line.split(' ').map(word).collect();
        self.ends(code, &args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Returns the JSON answer of a command that must end with that exit code.
    #[track_caller]
    pub(crate) fn json_ends(&self, code: i32, args: &[&str]) -> Value {
        let output = self.run(&[&["--json"], args].concat());
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        let answer = serde_json::from_slice(&output.stdout).unwrap();
        assert_shape(args, &answer);
        answer
    }

    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        self.json_ends(0, args)
    }

    /// Publishes the build of a component of that day as a consistent success.
    #[track_caller]
    pub(crate) fn publish(&self, component: &str, day: u8) -> String {
        self.publish_as(component, day, ("SUCCESS", "package"), &["--label", "consistent=yes"])
    }

    /// Publishes the build of a component of that day, with the status that the build service gave it and a package.
    #[track_caller]
    pub(crate) fn publish_as(
        &self,
        component: &str,
        day: u8,
        (status, package): (&str, &str),
        more: &[&str],
    ) -> String {
        let work = self.dir.path().join("work");
        drop(fs::remove_dir_all(&work));
        fs::create_dir_all(work.join("repodata")).unwrap();
        let build = build(component, day);
        let created = 1_780_207_200 + u64::from(day) * 86_400;
        let files = [
            (format!("openstack-{component}-{day}.0.noarch.rpm"), format!("{package} of {build}")),
            ("repodata/repomd.xml".to_owned(), format!("<repomd>{build}</repomd>")),
            (
                "delorean.repo".to_owned(),
                format!("[delorean-component-{component}]\nbaseurl=http://x/{build}\n"),
            ),
            ("versions.csv".to_owned(), format!("Project,Source Sha\n{component},{}\n", &build[..40])),
            (
                "commit.yaml".to_owned(),
                format!("commits:\n- {{component: {component}, dt_build: '{created}', status: {status}}}\n"),
            ),
        ];
        for (name, text) in files {
            fs::write(work.join(name), text).unwrap();
        }
        let (work, stream) = (work.display().to_string(), stream(component));
        let args = ["publish", &work, "--stream", &stream, "--build", &build];
        self.ok(&[&args[..], more].concat());
        id(component, day)
    }

    /// Votes on a build.
    #[track_caller]
    pub(crate) fn vote(&self, id: &str, job: &str, result: &str) -> Value {
        self.json(&["vote", id, job, result])
    }

    /// Votes success on a build for every job of `current-tripleo`.
    #[track_caller]
    pub(crate) fn pass(&self, id: &str) {
        for job in JOBS {
            self.vote(id, job, "success");
        }
    }

    /// Returns the build to which an alias of a component points; nothing if there is none.
    #[track_caller]
    pub(crate) fn has(&self, component: &str, alias: &str) -> Option<String> {
        let resolved = self.run(&["--json", "resolve", &format!("{}/{alias}", stream(component))]);
        if !resolved.status.success() {
            return None;
        }
        let answer: Value = serde_json::from_slice(&resolved.stdout).unwrap();
        Some(answer["build"].as_str().unwrap().to_owned())
    }

    /// Returns the targets of the aliases of all components.
    #[track_caller]
    pub(crate) fn names(&self) -> Names {
        let list = self.json(&["alias", "list"])["list"].clone();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let pairs = list.as_array().unwrap().iter();
        Names(pairs.filter_map(|one| Some((text(&one["path"])?, text(&one["target"])?))).collect())
    }
}

/// Targets of aliases, by path.
pub(crate) struct Names(BTreeMap<String, String>);

impl Names {
    /// Returns the day of the build to which an alias of a component points; nothing if there is none.
    #[track_caller]
    pub(crate) fn day(&self, component: &str, alias: &str) -> Option<u8> {
        let at = self.0.get(&format!("{}/{alias}", stream(component)))?;
        let day = (1..10).find(|day| at.ends_with(&build(component, *day)));
        assert!(day.is_some(), "{at} is the build of no day");
        day
    }
}

/// Returns the stream of a component.
pub(crate) fn stream(component: &str) -> String {
    format!("{WORKER}/component/{component}")
}

/// Returns the name of a component's build of a day: the hash of a commit, and the start of that of its packaging.
pub(crate) fn build(component: &str, day: u8) -> String {
    let digest = Digest::of(format!("{component} {day}").as_bytes()).to_string();
    format!("{}_{}", &digest[..40], &digest[40..48])
}

/// Returns the ID of a component's build of a day.
pub(crate) fn id(component: &str, day: u8) -> String {
    format!("{}/{}", stream(component), build(component, day))
}

/// Returns the entry of a stage in a stream of the answer of `promote` or `stages`.
#[track_caller]
pub(crate) fn entry<'v>(list: &'v Value, stage: &str, stream: &str) -> &'v Value {
    let of = |one: &&Value| one["stage"] == stage && one["stream"] == stream;
    list.as_array().unwrap().iter().find(of).unwrap_or_else(|| panic!("no {stage} in {stream}: {list}"))
}
