//! Listing the multipart uploads of an S3 server, whoever began them.
//!
//! The crate `object_store` does not offer that request (`ListMultipartUploads`), but it signs it. A server that does
//! not know it, or refuses it, lists none.

use object_store::client::{HttpClient, HttpError, HttpRequest, HttpRequestBody};
use object_store::path::Path;
use object_store::signer::{Method, SignedUrlOptions, Signer};
use object_store::{Error, MultipartId};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// How often the request is sent before it fails; the pause in between doubles.
const TRIES: u32 = 6;

/// The pause before the second attempt.
const PAUSE: Duration = Duration::from_millis(200);

/// How long a signed request is valid.
const SIGNED_FOR: Duration = Duration::from_mins(15);

/// Lists the uploads below a prefix.
#[derive(Debug)]
pub(super) struct UploadLister {
    s3: Arc<dyn Signer>,
    http: HttpClient,
    prefix: Path,
    pause: Duration,
}

/// An upload as the server lists it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PendingUpload {
    /// The key below the prefix.
    pub(super) key: String,
    pub(super) id: MultipartId,
    /// When it was begun, in seconds since 1970.
    pub(super) begun: i64,
}

/// A page of the answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    next_key_marker: String,
    #[serde(default)]
    next_upload_id_marker: String,
    #[serde(default)]
    upload: Vec<Upload>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Upload {
    key: String,
    #[serde(rename = "UploadId")]
    id: MultipartId,
    initiated: String,
}

impl UploadLister {
    pub(super) fn new(s3: Arc<dyn Signer>, http: HttpClient, prefix: Path) -> Self {
        Self { s3, http, prefix, pause: PAUSE }
    }

    /// Returns the unfinished uploads; none if the server does not list them.
    pub(super) async fn list(&self) -> object_store::Result<Vec<PendingUpload>> {
        let prefix = if self.prefix.is_root() { String::new() } else { format!("{}/", self.prefix) };
        let (mut told, mut after) = (Vec::new(), None);
        while let Some(answer) = self.ask(&prefix, after).await? {
            let page: Page = quick_xml::de::from_reader(&*answer).map_err(failed)?;
            told.extend(page.upload.into_iter().filter_map(|upload| upload.below(&prefix)));
            if !page.is_truncated || page.next_key_marker.is_empty() {
                break;
            }
            after = Some((page.next_key_marker, page.next_upload_id_marker));
        }
        Ok(told)
    }

    /// Requests one page, again after a server error; nothing if the server does not list uploads.
    async fn ask(
        &self,
        prefix: &str,
        after: Option<(String, String)>,
    ) -> object_store::Result<Option<Vec<u8>>> {
        let mut query = vec![("uploads", String::new()), ("prefix", prefix.to_owned())];
        if let Some((key, id)) = after {
            query.extend([("key-marker", key), ("upload-id-marker", id)]);
        }
        let options = SignedUrlOptions::new().with_query(query);
        let url = self.s3.signed_url_opts(Method::GET, &Path::ROOT, SIGNED_FOR, &options).await?;
        let mut tries = 0;
        loop {
            let mut request = HttpRequest::new(HttpRequestBody::empty());
            *request.uri_mut() = url.as_str().parse().map_err(failed)?;
            let why = match self.once(request).await {
                Ok((200, answer)) => return Ok(Some(answer)),
                Ok((status @ (408 | 429), _)) => format!("the server answered {status}").into(),
                // It does not know the request, or refuses it.
                Ok((400..=499 | 501, _)) => return Ok(None),
                Ok((status, _)) => format!("the server answered {status}").into(),
                Err(error) => error.into(),
            };
            tries += 1;
            if tries == TRIES {
                return Err(Error::Generic { store: "S3", source: why });
            }
            tokio::time::sleep(self.pause * 2_u32.pow(tries)).await;
        }
    }

    async fn once(&self, request: HttpRequest) -> Result<(u16, Vec<u8>), HttpError> {
        let (head, body) = self.http.execute(request).await?.into_parts();
        Ok((head.status.as_u16(), body.bytes().await?.into()))
    }
}

impl Upload {
    fn below(self, prefix: &str) -> Option<PendingUpload> {
        let key = self.key.strip_prefix(prefix)?.to_owned();
        let begun = chrono::DateTime::parse_from_rfc3339(&self.initiated).ok()?.timestamp();
        Some(PendingUpload { key, id: self.id, begun })
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Generic { store: "S3", source: error.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::client::{HttpResponse, HttpResponseBody, HttpService};
    use object_store::signer::Url;
    use std::sync::Mutex;

    #[derive(Debug)]
    struct Plain;

    #[async_trait::async_trait]
    impl Signer for Plain {
        async fn signed_url(&self, _: Method, _: &Path, _: Duration) -> object_store::Result<Url> {
            Ok(Url::parse("http://127.0.0.1:1/bucket/").unwrap())
        }

        async fn signed_url_opts(
            &self,
            method: Method,
            at: &Path,
            term: Duration,
            options: &SignedUrlOptions,
        ) -> object_store::Result<Url> {
            let mut url = self.signed_url(method, at, term).await?;
            url.query_pairs_mut().extend_pairs(&options.extra_query);
            Ok(url)
        }
    }

    /// Answers in their order, and the requests.
    #[derive(Debug)]
    struct Says(Mutex<Vec<(u16, String)>>, Arc<Mutex<Vec<String>>>);

    #[async_trait::async_trait]
    impl HttpService for Says {
        async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
            self.1.lock().unwrap().push(request.uri().query().unwrap().to_owned());
            let (status, text) = self.0.lock().unwrap().remove(0);
            let body: HttpResponseBody = bytes::Bytes::from(text).into();
            let mut answer = HttpResponse::new(body);
            *answer.status_mut() = status.try_into().unwrap();
            Ok(answer)
        }
    }

    fn page(next: &str, keys: &[&str]) -> String {
        let one = |key: &&str| {
            format!(
                "<Upload><Key>{key}</Key><UploadId>id of {key}</UploadId><Owner><ID>x</ID></Owner>\
                 <Initiated>2018-12-05T06:00:00.000Z</Initiated></Upload>"
            )
        };
        let keys: String = keys.iter().map(one).collect();
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListMultipartUploadsResult \
             xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Bucket>bucket</Bucket><KeyMarker></KeyMarker>{next}\
             <MaxUploads>1000</MaxUploads>{keys}</ListMultipartUploadsResult>"
        )
    }

    /// Sends requests to a server with these answers, and also returns the requests.
    fn asked(
        prefix: &str,
        answers: Vec<(u16, String)>,
    ) -> (object_store::Result<Vec<PendingUpload>>, Vec<String>) {
        let asked = Arc::default();
        let http = HttpClient::new(Says(Mutex::new(answers), Arc::clone(&asked)));
        let begun = UploadLister {
            pause: Duration::ZERO,
            ..UploadLister::new(Arc::new(Plain), http, Path::from(prefix))
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let told = runtime.block_on(begun.list());
        let asked = asked.lock().unwrap().clone();
        (told, asked)
    }

    #[test]
    fn every_page_is_asked_for_and_what_lies_elsewhere_is_left_out() {
        let next = "<IsTruncated>true</IsTruncated><NextKeyMarker>a/m/iso</NextKeyMarker>\
                    <NextUploadIdMarker>7</NextUploadIdMarker>";
        let pages = vec![(200, page(next, &["a/m/iso", "b/m/iso"])), (200, page("", &["a/m/&amp;"]))];
        let (told, asked) = asked("a", pages);
        let wanted = ["m/iso", "m/&"].map(|key| PendingUpload {
            key: key.to_owned(),
            id: format!("id of a/{key}"),
            begun: 1_543_989_600,
        });
        assert_eq!(told.unwrap(), wanted);
        assert_eq!(
            asked,
            ["uploads=&prefix=a%2F", "uploads=&prefix=a%2F&key-marker=a%2Fm%2Fiso&upload-id-marker=7"]
        );
    }

    #[test]
    fn a_bucket_without_uploads_or_without_a_prefix_is_told_as_it_is() {
        assert_eq!(asked("", vec![(200, page("", &[]))]).0.unwrap(), []);
        let (told, asked) = asked("", vec![(200, page("", &["m/iso"]))]);
        assert_eq!((told.unwrap()[0].key.as_str(), asked[0].as_str()), ("m/iso", "uploads=&prefix="));
    }

    #[test]
    fn a_server_that_does_not_tell_tells_of_none() {
        for status in [400, 403, 404, 405, 501] {
            assert_eq!(asked("", vec![(status, "no".to_owned())]).0.unwrap(), [], "{status}");
        }
    }

    #[test]
    fn a_server_that_is_not_well_is_asked_again_and_not_for_ever() {
        let mut answers: Vec<_> = [503, 500, 429, 408].map(|status| (status, "later".to_owned())).to_vec();
        answers.push((200, page("", &["m/iso"])));
        let (told, times) = asked("", answers);
        assert_eq!((told.unwrap().len(), times.len()), (1, 5));
        let (told, times) = asked("", vec![(500, String::new()); 9]);
        assert!(told.unwrap_err().to_string().contains("the server answered 500"));
        assert_eq!(times.len(), 6);
        assert!(asked("", vec![(200, "no XML".to_owned())]).0.is_err());
    }
}
