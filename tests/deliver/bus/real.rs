//! `RabbitMQ`, and a program that reads it with fedora-messaging.

use crate::deliver::scene::{Scene, in_order, without_repeats};
use crate::support::servers::process::{Process, data, free_ports, program};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// What reads the bus: one line of JSON for each message, in a file.
const READER: &str = "
import json, sys
from fedora_messaging import api
out = open(sys.argv[1], 'a')
def read(message):
    line = {'topic': message.topic, 'id': message.id, 'severity': message.severity, 'body': message.body,
            'class': type(message).__name__, 'headers': {k: str(v) for k, v in message._headers.items()}}
    out.write(json.dumps(line) + '\\n')
    out.flush()
api.consume(read)
";

/// A broker on loopback whose data outlive it.
struct Rabbit {
    dir: tempfile::TempDir,
    port: u16,
    dist: u16,
    epmd_port: u16,
    _epmd: Process,
    running: Option<Process>,
}

impl Rabbit {
    fn start() -> Self {
        let dir = data();
        let ports = free_ports(3);
        let [port, dist, epmd_port] = ports[..] else { panic!() };
        let mut epmd = Command::new("epmd");
        epmd.args(["-port", &epmd_port.to_string(), "-address", "127.0.0.1"]);
        let epmd = Process::start("epmd", dir.path(), &mut epmd);
        let mut rabbit = Self { dir, port, dist, epmd_port, _epmd: epmd, running: None };
        rabbit.again();
        rabbit
    }

    /// Starts the broker, and waits until it can be used.
    fn again(&mut self) {
        let at = |name: &str| self.dir.path().join(name);
        let config =
            format!("listeners.tcp.1 = 127.0.0.1:{}\nlog.console = true\nlog.file = false\n", self.port);
        fs::write(at("mq.conf"), config).unwrap();
        let mut command = Command::new("/usr/lib/rabbitmq/bin/rabbitmq-server");
        command
            // In the place of the script that starts it, so that its number is ours.
            .env("RUNNING_UNDER_SYSTEMD", "true")
            .env("HOME", self.dir.path())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", self.epmd_port.to_string())
            .env("RABBITMQ_CONFIG_FILE", at("mq.conf"))
            .env("RABBITMQ_MNESIA_BASE", at("data"))
            .env("RABBITMQ_LOG_BASE", at("logs"))
            .env("RABBITMQ_NODENAME", "mk@localhost")
            .env("RABBITMQ_DIST_PORT", self.dist.to_string())
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}")
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", at("plugins"))
            .env("RABBITMQ_PID_FILE", at("pid"));
        let mut process = Process::start("rabbit", self.dir.path(), &mut command);
        process.until_listening(self.port);
        self.running = Some(process);
    }

    /// Kills the broker without a word.
    fn kill(&mut self) {
        self.running = None;
    }

    fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2F", self.port)
    }

    /// Starts a program that reads everything below `org.example` into a file.
    fn reader(&self, out: &Path) -> Process {
        let config = format!(
            "amqp_url = \"{}\"\npassive_declares = false\ntopic_prefix = \"\"\n\
             [queues.all]\ndurable = true\nauto_delete = false\nexclusive = false\narguments = {{}}\n\
             [[bindings]]\nqueue = \"all\"\nexchange = \"amq.topic\"\nrouting_keys = [\"org.example.#\"]\n",
            self.url()
        );
        let (config_file, script) = (self.dir.path().join("reader.toml"), self.dir.path().join("reader.py"));
        fs::write(&config_file, config).unwrap();
        fs::write(&script, READER).unwrap();
        let mut command = Command::new(program("fedora-messaging/bin/python"));
        command.arg(script).arg(out).env("FEDORA_MESSAGING_CONF", config_file);
        Process::start("reader", self.dir.path(), &mut command)
    }
}

impl Drop for Rabbit {
    fn drop(&mut self) {
        self.kill();
    }
}

fn read(out: &Path) -> Vec<Value> {
    let text = fs::read_to_string(out).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn numbers(out: &Path) -> Vec<u64> {
    read(out).iter().map(|message| message["body"]["data"]["seq"].as_u64().unwrap()).collect()
}

/// Waits until the reader has the event with that number.
#[track_caller]
fn wait_for(out: &Path, number: u64) {
    let began = Instant::now();
    while !numbers(out).contains(&number) {
        assert!(began.elapsed() < Duration::from_mins(2), "only {:?} came", numbers(out));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn every_event_reaches_a_reader_of_fedora_messaging_also_when_the_broker_is_killed() {
    let mut rabbit = Rabbit::start();
    let scene = Scene::new(
        "  - {name: bus, since: 1, amqp: {url_env: HOOK_SECRET, topic_prefix: org.example.mirror}}\n",
    );
    let url = rabbit.url();
    let once = |code: i32| {
        let output = scene.rig.command(&["deliver"]).env("HOOK_SECRET", &url).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{text}");
        text
    };
    // A confirm does not mean that anyone gets it.
    let text = once(1);
    assert!(
        text.contains("no queue is bound for `org.example.mirror.build.published.v1`: NO_ROUTE (312)")
            || text.contains("no queue is bound for `org.example.mirror.alias.moved.v1`: NO_ROUTE (312)"),
        "{text}"
    );
    let out = rabbit.dir.path().join("read");
    let mut reader = rabbit.reader(&out);
    let began = Instant::now();
    while scene.status("bus")["behind"] != 0 {
        scene.rig.command(&["deliver"]).env("HOOK_SECRET", &url).output().unwrap();
        assert!(began.elapsed() < Duration::from_mins(1), "{:#}", scene.status("bus"));
    }
    let all = scene.numbers();
    wait_for(&out, *all.last().unwrap());
    assert_eq!(numbers(&out), all);
    let messages = read(&out);
    let printed = scene.rig.ok(&["events"]);
    for (message, line) in messages.iter().zip(printed.lines()) {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(message["body"], event);
        assert_eq!((&message["class"], &message["severity"]), (&"Message".into(), &20.into()));
        assert_eq!(
            message["topic"],
            format!("org.example.{}", event["type"].as_str().unwrap().replacen("mirrorkeep", "mirror", 1))
        );
        assert_eq!(message["headers"]["mirrorkeep_id"], event["id"]);
    }
    let ids: std::collections::BTreeSet<&str> =
        messages.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), messages.len());
    // The broker is killed while events happen and are delivered.
    let running = scene.follow_with(&[("HOOK_SECRET", &url)]);
    for round in 0..3 {
        scene.labels(3);
        std::thread::sleep(Duration::from_millis(100 * round));
        rabbit.kill();
        reader.kill();
        scene.labels(2);
        rabbit.again();
        reader = rabbit.reader(&out);
        wait_for(&out, *scene.numbers().last().unwrap());
    }
    assert_eq!(running.stop(), Some(0));
    let came = numbers(&out);
    in_order(&came);
    assert_eq!(without_repeats(&came).0, scene.numbers());
}
