//! A bucket behind TLS: the certificate is checked against the authorities of the system, or those of `SSL_CERT_FILE`.

use crate::support::rig::Rig;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// Serves one file of a bucket over TLS and prints its port.
const SERVER: &str = r#"
import http.server, ssl, sys
body = open(sys.argv[3], "rb").read()
class Bucket(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        found = self.path == "/bucket/a/.mirrorkeep/mirror.yaml"
        self.send_response(200 if found else 404)
        self.send_header("Last-Modified", "Wed, 05 Dec 2018 06:00:00 GMT")
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", str(len(body) if found else 0))
        self.end_headers()
        self.wfile.write(body if found else b"")
    def log_message(self, *args): pass
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(sys.argv[1], sys.argv[2])
class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *args): pass
server = Server(("127.0.0.1", 0), Bucket)
server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_address[1], flush=True)
server.serve_forever()
"#;

/// A server that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[track_caller]
fn openssl(dir: &Path, args: &str) {
    let output = Command::new("openssl").args(args.split(' ')).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{args}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Makes an authority, a certificate of it for 127.0.0.1, and another authority that signed nothing.
fn certificates(dir: &Path) {
    for name in ["ca", "other"] {
        let subject =
            format!("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -keyout {name}.key");
        openssl(dir, &format!("{subject} -out {name}.pem -addext keyUsage=critical,keyCertSign"));
    }
    fs::write(dir.join("leaf.cnf"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=critical,CA:false\n")
        .unwrap();
    openssl(dir, "req -newkey rsa:2048 -nodes -subj /CN=bucket -keyout leaf.key -out leaf.csr");
    openssl(
        dir,
        "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile leaf.cnf -out leaf.pem",
    );
}

#[test]
fn a_certificate_is_trusted_when_its_authority_is() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    certificates(dir.path());
    let mut command = Command::new("python3");
    command.args(["-c", SERVER]).args([
        at("leaf.pem"),
        at("leaf.key"),
        rig.mirror(".mirrorkeep/mirror.yaml"),
    ]);
    let mut server = Server(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut port = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let layout_by = |authorities: &str| -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorkeep"));
        command.args(["--mirror", "s3://bucket/a", "layout", "show"]).env("MIRRORKEEP_PATIENCE", "1");
        command.env("AWS_ENDPOINT_URL", format!("https://127.0.0.1:{}", port.trim()));
        command.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "secret").env("AWS_REGION", "r");
        command.env("SSL_CERT_FILE", at(authorities)).env_remove("SSL_CERT_DIR").output().unwrap()
    };
    let trusted = layout_by("ca.pem");
    let said = String::from_utf8_lossy(&trusted.stderr);
    assert!(trusted.status.success(), "{said}");
    assert_eq!(String::from_utf8(trusted.stdout).unwrap(), rig.ok(&["layout", "show"]));
    let untrusted = layout_by("other.pem");
    let said = String::from_utf8_lossy(&untrusted.stderr);
    assert_eq!(untrusted.status.code(), Some(1), "{said}");
    assert!(said.contains("certificate") && said.contains("UnknownIssuer"), "{said}");
}
