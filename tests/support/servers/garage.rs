//! Garage on three nodes: every object is stored three times, and conditional writes are accepted and ignored.
//!
//! It is built from its crate, which takes some ten minutes, by `make garage`; only `make torture` needs it.

use super::process::{Process, data, free_ports, program};
use super::{Engine, ask, s3};
use crate::support::http::Message;
use object_store::aws::{AwsAuthorizer, AwsCredential};
use object_store::client::HttpRequest;
use std::fs;
use std::process::Command;
use std::sync::Arc;

/// The key with all permissions on the bucket.
const KEY: &str = "GK0123456789abcdef01234567";

/// The name of the region.
const REGION: &str = "garage";

/// A cluster of three nodes.
pub(crate) struct Garage {
    pub(crate) engine: Arc<Engine>,
    /// The address of the bucket as a website.
    web: u16,
    secret: String,
    nodes: Vec<Process>,
    dir: tempfile::TempDir,
}

impl Garage {
    pub(crate) fn start() -> Self {
        let dir = data();
        let [secret, rpc] = [(); 2].map(|()| {
            let half = || uuid::Uuid::new_v4().simple().to_string();
            half() + &half()
        });
        let ports: Vec<[u16; 3]> = free_ports(9).chunks(3).map(|three| three.try_into().unwrap()).collect();
        for (number, [rpc_port, api, web]) in ports.iter().enumerate() {
            fs::create_dir_all(dir.path().join(format!("node{number}"))).unwrap();
            let at = dir.path().join(format!("node{number}"));
            let text = format!(
                "metadata_dir = \"{at}/meta\"\ndata_dir = \"{at}/data\"\ndb_engine = \"lmdb\"\nreplication_factor = 3\n\
                 rpc_bind_addr = \"127.0.0.1:{rpc_port}\"\nrpc_public_addr = \"127.0.0.1:{rpc_port}\"\nrpc_secret = \"{rpc}\"\n\
                 BOOTSTRAP\n[s3_api]\ns3_region = \"{REGION}\"\napi_bind_addr = \"127.0.0.1:{api}\"\n\
                 [s3_web]\nbind_addr = \"127.0.0.1:{web}\"\nroot_domain = \".web.localhost\"\n",
                at = at.display()
            );
            fs::write(dir.path().join(format!("node{number}.toml")), text).unwrap();
        }
        let run = |number: usize, args: &[&str]| {
            let config = dir.path().join(format!("node{number}.toml"));
            let output = garage().arg("-c").arg(config).args(args).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "garage {args:?}: {said}");
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        // A node has an identity once it has run, and a restarted node finds the others by theirs.
        let mut ids = Vec::new();
        for (number, [_, api, _]) in ports.iter().enumerate() {
            let config = dir.path().join(format!("node{number}.toml"));
            let plain = fs::read_to_string(&config).unwrap();
            fs::write(&config, plain.replace("BOOTSTRAP\n", "")).unwrap();
            node(number, dir.path()).until_listening(*api);
            ids.push(run(number, &["node", "id", "-q"]));
            fs::write(&config, plain).unwrap();
        }
        for number in 0..3 {
            let config = dir.path().join(format!("node{number}.toml"));
            let text = fs::read_to_string(&config).unwrap();
            fs::write(&config, text.replace("BOOTSTRAP", &format!("bootstrap_peers = {ids:?}"))).unwrap();
        }
        let mut nodes: Vec<Process> = (0..3).map(|number| node(number, dir.path())).collect();
        for (node, [_, api, _]) in nodes.iter_mut().zip(&ports) {
            node.until_listening(*api);
        }
        let healthy = || run(0, &["status"]).lines().filter(|line| line.contains("127.0.0.1:")).count() == 3;
        nodes[0].until(healthy);
        for (number, id) in ids.iter().enumerate() {
            let node = id.split('@').next().unwrap();
            run(0, &["layout", "assign", "-z", &format!("dc{number}"), "-c", "1G", node]);
        }
        run(0, &["layout", "apply", "--version", "1"]);
        run(0, &["key", "import", "--yes", KEY, &secret]);
        run(0, &["bucket", "create", "test"]);
        run(0, &["bucket", "allow", "--read", "--write", "--owner", "test", "--key", KEY]);
        run(0, &["bucket", "website", "--allow", "test"]);
        let [_, api, web] = ports[0];
        let engine = Engine::new("Garage", "s3://test", api, s3(KEY, &secret, REGION), ());
        Self { engine: Arc::new(engine), web, secret, nodes, dir }
    }

    /// Sets the website configuration of the bucket, which must be accepted.
    #[track_caller]
    pub(crate) fn put_website(&self, xml: &str) {
        let target = "/test?website=";
        let port = self.engine.port;
        let mut signed = HttpRequest::new(xml.to_owned().into());
        *signed.method_mut() = "PUT".parse().unwrap();
        *signed.uri_mut() = format!("http://127.0.0.1:{port}{target}").parse().unwrap();
        let credential =
            AwsCredential { key_id: KEY.to_owned(), secret_key: self.secret.clone(), token: None };
        AwsAuthorizer::new(&credential, "s3", REGION).try_authorize(&mut signed, None).unwrap();
        let request = Message::request("PUT", target).with("Host", format!("127.0.0.1:{port}")).body(xml);
        let request = signed
            .headers()
            .iter()
            .fold(request, |request, (name, value)| request.with(name.as_str(), value.to_str().unwrap()));
        let answer = ask(port, &request).unwrap();
        assert!(answer.first.contains(" 200 "), "{answer:?}: {}", String::from_utf8_lossy(&answer.body));
    }

    /// Returns the answer to a reader of the website.
    pub(crate) fn visit(&self, path: &str) -> Message {
        ask(self.web, &Message::request("GET", path).with("Host", "test.web.localhost")).unwrap()
    }

    /// Kills a node.
    pub(crate) fn kill(&mut self, number: usize) {
        self.nodes[number].kill();
    }

    /// Starts it again with its data.
    pub(crate) fn revive(&mut self, number: usize) {
        self.nodes[number] = node(number, self.dir.path());
    }
}

fn node(number: usize, dir: &std::path::Path) -> Process {
    let mut command = garage();
    command.arg("-c").arg(dir.join(format!("node{number}.toml"))).arg("server");
    Process::start(&format!("node{number}"), dir, &mut command)
}

fn garage() -> Command {
    let mut command = Command::new(program("garage/bin/garage"));
    command.env("RUST_LOG", "garage=warn");
    command
}
