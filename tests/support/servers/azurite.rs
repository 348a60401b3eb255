//! Azurite, a stand-in for Azure's blobs.

use super::Engine;
use super::process::{Process, data, free_ports, program};
use std::process::Command;

/// The account that every such stand-in has, written in its documentation.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

pub(crate) fn start() -> Engine {
    let dir = data();
    let port = free_ports(1)[0];
    let mut command = Command::new(program("azurite/node"));
    command
        .arg(program("azurite/node_modules/azurite/dist/src/blob/main.js"))
        .args(["--blobHost", "127.0.0.1", "--silent", "--skipApiVersionCheck", "--disableTelemetry"])
        .args(["--blobPort", &port.to_string(), "--location"])
        .arg(dir.path());
    let mut process = Process::start("azurite", dir.path(), &mut command);
    process.until(|| super::answers(port));
    let mut made = Command::new("python3");
    made.arg("-c").arg(CONTAINER).args([&port.to_string(), ACCOUNT, KEY]);
    assert!(made.status().unwrap().success(), "the container could not be made");
    let reach = |port| {
        vec![
            ("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT.to_owned()),
            ("AZURE_STORAGE_ACCOUNT_KEY", KEY.to_owned()),
            ("AZURE_STORAGE_ENDPOINT", format!("http://127.0.0.1:{port}/{ACCOUNT}")),
            ("AZURE_ALLOW_HTTP", "true".to_owned()),
        ]
    };
    Engine::new("Azurite", "az://test", port, reach, (process, dir))
}

/// Makes a container, which clients of object stores do not do.
const CONTAINER: &str = r#"
import base64, email.utils, hashlib, hmac, sys, urllib.request
port, account, key = sys.argv[1:]
headers = {"x-ms-date": email.utils.formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
shown = "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()))
text = "PUT" + "\n" * 12 + shown + f"/{account}/{account}/test\nrestype:container"
sign = base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()).decode()
headers |= {"Authorization": f"SharedKey {account}:{sign}", "Content-Length": "0"}
url = f"http://127.0.0.1:{port}/{account}/test?restype=container"
urllib.request.urlopen(urllib.request.Request(url, method="PUT", headers=headers), timeout=20)
"#;
