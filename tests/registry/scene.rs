//! Images of a few bytes, put into registries without the client, and what is in a registry in the end.

use crate::support::http::{Message, Side};
use mirrorkeep::model::{Digest, Patience};
use mirrorkeep::progress::CancelToken;
use mirrorkeep::registry::{Address, Credentials, Image, Manifest, Registries, Repository};
use std::any::Any;
use std::io::BufReader;
use std::net::TcpStream;
use std::path::Path;

pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// The architectures of the index.
pub(super) const ARCHITECTURES: [&str; 3] = ["amd64", "arm64", "s390x"];

/// A registry on loopback.
pub(super) struct Server {
    pub(super) port: u16,
    /// The header of its user, if it wants one.
    pub(super) key: Option<String>,
    /// What ends with it.
    pub(super) _running: Box<dyn Any + Send + Sync>,
}

impl Server {
    pub(super) fn repository(&self, name: &str) -> Repository {
        repository(self.port, name)
    }

    pub(super) fn image(&self, name: &str, tag: &str) -> Image {
        self.repository(name).tagged(tag).unwrap()
    }

    /// Sends a request without the client.
    pub(super) fn ask(&self, request: Message) -> Message {
        let mut request = request.with("Host", format!("127.0.0.1:{}", self.port));
        if let Some(key) = &self.key {
            request = request.with("Authorization", key);
        }
        let side = if request.method() == "HEAD" { Side::HeadAnswer } else { Side::Answer };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        request.write(&mut stream).unwrap();
        Message::read(&mut BufReader::new(stream), side).unwrap().unwrap()
    }

    /// Puts a blob, and returns its descriptor as JSON.
    pub(super) fn put_blob(&self, repository: &str, media_type: &str, bytes: &[u8]) -> String {
        let begun = self.ask(Message::request("POST", &format!("/v2/{repository}/blobs/uploads/")).body(""));
        let location = begun.header("location").unwrap_or_else(|| panic!("{begun:?}"));
        let target =
            location.split_once("://").map_or(location, |(_, rest)| &rest[rest.find('/').unwrap()..]);
        let sign = if target.contains('?') { '&' } else { '?' };
        let digest = Digest::of(bytes);
        let put =
            self.ask(Message::request("PUT", &format!("{target}{sign}digest=sha256:{digest}")).body(bytes));
        assert!(put.first.contains(" 201 "), "{put:?}");
        descriptor(media_type, bytes)
    }

    pub(super) fn put_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        text: &str,
    ) -> Digest {
        let request = Message::request("PUT", &format!("/v2/{repository}/manifests/{reference}"));
        let put = self.ask(request.with("Content-Type", media_type).body(text));
        assert!(put.first.contains(" 201 "), "{put:?}: {}", String::from_utf8_lossy(&put.body));
        Digest::of(text.as_bytes())
    }

    /// Puts an image with one layer of its own and one that all images share.
    pub(super) fn put_image(&self, repository: &str, reference: Option<&str>, name: &str) -> String {
        let config = self.put_blob(repository, CONFIG, format!("{{\"architecture\":\"{name}\"}}").as_bytes());
        let own = self.put_blob(repository, LAYER, layer(name).as_bytes());
        let shared = self.put_blob(repository, LAYER, layer("shared").as_bytes());
        let text = format!(
            "{{\n   \"schemaVersion\": 2, \"mediaType\": \"{IMAGE}\",\n \"config\": {config},\t\"layers\": [{shared}, {own}] }}\n\n"
        );
        let digest = format!("sha256:{}", Digest::of(text.as_bytes()));
        self.put_manifest(repository, reference.unwrap_or(&digest), IMAGE, &text);
        descriptor(IMAGE, text.as_bytes())
    }

    /// Puts an index of three architectures, written as no program writes it.
    pub(super) fn put_index(&self, repository: &str, tag: &str) -> Digest {
        let children = ARCHITECTURES.map(|architecture| {
            let child = self.put_image(repository, None, architecture);
            let platform =
                format!(",  \"platform\":{{\"os\":\"linux\",\"architecture\":\"{architecture}\"}}}}");
            child.trim_end_matches('}').to_owned() + &platform
        });
        let text = format!(
            "{{ \"schemaVersion\" :2,\r\n\t\"mediaType\":\"{INDEX}\" ,\"manifests\":[\n{}\n]   }}\n \n",
            children.join("\n,  ")
        );
        self.put_manifest(repository, tag, INDEX, &text)
    }
}

pub(super) fn repository(port: u16, name: &str) -> Repository {
    let address: Address = format!("127.0.0.1:{port}").parse().unwrap();
    address.repository(name).unwrap()
}

/// Returns the bytes of a layer: enough for several pieces of a stream.
pub(super) fn layer(name: &str) -> String {
    format!("the bytes of {name}\n").repeat(20_000)
}

pub(super) fn descriptor(media_type: &str, bytes: &[u8]) -> String {
    let (digest, size) = (Digest::of(bytes), bytes.len());
    format!("{{\"mediaType\":\"{media_type}\", \"digest\":\"sha256:{digest}\", \"size\":{size}}}")
}

/// Returns a client without credentials, and with so many seconds of patience.
pub(super) fn client(patience: u16) -> Registries {
    client_of(patience, None)
}

/// Returns a client with the credentials of a file.
pub(super) fn client_of(patience: u16, file: Option<&Path>) -> Registries {
    let patience: Patience = patience.to_string().parse().unwrap();
    Registries::with(patience, Credentials::in_files(file.map(Path::to_owned)), CancelToken::new()).unwrap()
}

/// Fails unless an index is there with everything that it names, byte for byte.
#[track_caller]
pub(super) fn is_whole(server: &Server, repository: &str, tag: &str, digest: Digest) {
    let get = |target: &str, media_type: &str| {
        let target = format!("/v2/{repository}/{target}");
        let answer = server.ask(Message::request("GET", &target).with("Accept", media_type));
        assert!(answer.first.contains(" 200 "), "{target}: {answer:?}");
        answer.body
    };
    let index = get(&format!("manifests/{tag}"), INDEX);
    assert_eq!(Digest::of(&index), digest);
    let index = Manifest::new(INDEX, index).parts().unwrap();
    assert_eq!(index.manifests.len(), 3);
    for child in index.manifests {
        let image = get(&format!("manifests/sha256:{}", child.digest), IMAGE);
        assert_eq!(Digest::of(&image), child.digest);
        for blob in Manifest::new(IMAGE, image).parts().unwrap().blobs {
            let bytes = get(&format!("blobs/sha256:{}", blob.digest), "*/*");
            assert_eq!((Digest::of(&bytes), bytes.len() as u64), (blob.digest, blob.size));
        }
    }
}
