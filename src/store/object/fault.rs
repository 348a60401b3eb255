//! Errors of an object store as mirrorkeep's own: the kind, and for what a user can correct, the reason and the
//! variable.

use crate::store::{StoreError, StoreErrorKind};
use object_store::Error;
use std::error::Error as _;

/// Why no request was sent, or why no server can be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub(super) struct Unasked {
    pub(super) kind: StoreErrorKind,
    pub(super) why: String,
    /// The hint.
    pub(super) hint: String,
}

/// The answers of servers to a wrong setting: their codes, or the client's message; their meaning, and the hint.
const REFUSALS: [(&[&str], &str, &str); 11] = [
    (
        &["InvalidAccessKeyId"],
        "the server does not know the access key",
        "set AWS_ACCESS_KEY_ID to a key of this server; for another server than AWS, AWS_ENDPOINT_URL names it",
    ),
    (
        &["SignatureDoesNotMatch"],
        "the server refuses the signature of the request: the secret key does not belong to the access key",
        "check AWS_SECRET_ACCESS_KEY, and AWS_REGION if the server has one (Google: the service account)",
    ),
    (
        &["NoSuchBucket", "ContainerNotFound"],
        "the server has no such bucket",
        "check the bucket in --mirror; for another server than AWS, AWS_ENDPOINT_URL names it",
    ),
    (
        &["AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException"],
        "the bucket is in another region",
        "set AWS_REGION to the region of the bucket",
    ),
    (
        &["ExpiredToken", "InvalidToken"],
        "the session token is not valid, or not any more",
        "set AWS_SESSION_TOKEN and the keys that belong to it again",
    ),
    (
        &["RequestTimeTooSkewed"],
        "the clock of this machine differs too much from that of the server",
        "set the clock of this machine",
    ),
    (
        &["AuthenticationFailed", "AuthorizationFailure", "InvalidAuthenticationInfo"],
        "the server refuses the key of the storage account",
        "check AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
    ),
    (
        &["AccessDenied", "AuthorizationPermissionMismatch"],
        "the key has no right to do this",
        "give the key of AWS_ACCESS_KEY_ID the right to list, read, write and delete in the bucket (docs/object-store.md)",
    ),
    (&["Missing AccessKeyId"], "a secret key is set, and no access key", "set AWS_ACCESS_KEY_ID, too"),
    (
        &["Missing SecretAccessKey"],
        "an access key is set, and no secret key",
        "set AWS_SECRET_ACCESS_KEY, too",
    ),
    (
        &["/latest/api/token", "/latest/meta-data/"],
        "there are no credentials, neither in the environment nor from the services of a cloud machine",
        NO_CREDENTIALS,
    ),
];

/// The hint if there are no credentials.
pub(super) const NO_CREDENTIALS: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (Google: GOOGLE_SERVICE_ACCOUNT; Azure: \
     AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY); AWS_SKIP_SIGNATURE=true reads without a key";

/// Returns a function that converts an error of the object store.
pub(super) fn failed(doing: &'static str, at: impl ToString) -> impl Fn(Error) -> StoreError {
    move |error| told(doing, &at.to_string(), error)
}

/// Converts an error of the object store; for a wrong setting, one sentence with a hint.
pub(super) fn told(doing: &'static str, at: &str, error: Error) -> StoreError {
    match explained(&error) {
        Some((kind, why, hint)) => StoreError::because(kind, doing, at, &why).hinting(&hint),
        None => StoreError::of_kind(kind_of(&error), doing, at, error),
    }
}

/// Returns whether an error means that an object is missing, in a bucket that exists.
pub(super) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::NotFound { .. }) && explained(error).is_none()
}

/// Returns the meaning of an error that a user can correct: its kind, the reason and the hint.
fn explained(error: &Error) -> Option<(StoreErrorKind, String, String)> {
    let mut next = error.source();
    let mut text = String::new();
    while let Some(cause) = next {
        if let Some(Unasked { kind, why, hint }) = cause.downcast_ref() {
            return Some((*kind, why.clone(), hint.clone()));
        }
        text.push_str(&cause.to_string());
        text.push('\n');
        next = cause.source();
    }
    let kind = kind_of(error);
    let is_told = |code: &&str| {
        // Most answers name none of them.
        text.contains(code) && (code.contains(['/', ' ']) || text.contains(&format!("<Code>{code}</Code>")))
    };
    let known = REFUSALS.iter().find(|(codes, ..)| codes.iter().any(is_told));
    match known {
        Some((_, why, hint)) => {
            let kind = if kind == StoreErrorKind::NotFound { StoreErrorKind::Io } else { kind };
            Some((kind, (*why).to_owned(), (*hint).to_owned()))
        }
        // The answer to a HEAD request has no body with details.
        None if kind == StoreErrorKind::Denied => Some((
            kind,
            "the server refuses the request (403)".to_owned(),
            "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the rights of the key (docs/object-store.md)"
                .to_owned(),
        )),
        None => None,
    }
}

/// Returns the kind of an object store's error; `Io` if it has no kind of its own.
pub(super) fn kind_of(error: &Error) -> StoreErrorKind {
    match error {
        Error::NotFound { .. } => StoreErrorKind::NotFound,
        Error::AlreadyExists { .. } => StoreErrorKind::AlreadyExists,
        // What was read has changed since: another process was faster.
        Error::Precondition { .. } | Error::NotModified { .. } => StoreErrorKind::Busy,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => StoreErrorKind::Denied,
        Error::NotSupported { .. } | Error::NotImplemented { .. } => StoreErrorKind::Unsupported,
        _ => StoreErrorKind::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(error: Error, kind: StoreErrorKind, why: &str, hint: &str) {
        use crate::model::Classify;
        let error = told("read", "a/b", error);
        assert_eq!(error.kind(), kind);
        assert!(error.source().unwrap().to_string().contains(why), "{error:?}");
        assert!(error.class().hint.unwrap_or_default().contains(hint), "{error:?}");
    }

    fn answer(code: &str) -> Box<dyn std::error::Error + Send + Sync> {
        format!("Server returned non-2xx status code: 4xx: <Error><Code>{code}</Code><Message>no</Message></Error>").into()
    }

    #[test]
    fn what_a_user_can_set_right_is_told_with_the_variable() {
        let path = || "x".to_owned();
        let denied = |code: &str| Error::PermissionDenied { path: path(), source: answer(code) };
        case(denied("InvalidAccessKeyId"), StoreErrorKind::Denied, "access key", "AWS_ACCESS_KEY_ID");
        case(denied("SignatureDoesNotMatch"), StoreErrorKind::Denied, "secret key", "AWS_SECRET_ACCESS_KEY");
        case(denied("AccessDenied"), StoreErrorKind::Denied, "no right", "AWS_ACCESS_KEY_ID");
        case(denied("AuthenticationFailed"), StoreErrorKind::Denied, "account", "AZURE_STORAGE_ACCOUNT_KEY");
        case(denied("SomethingElse"), StoreErrorKind::Denied, "403", "AWS_SECRET_ACCESS_KEY");
        let missing = Error::NotFound { path: path(), source: answer("NoSuchBucket") };
        assert!(!is_missing(&missing));
        case(missing, StoreErrorKind::Io, "no such bucket", "AWS_ENDPOINT_URL");
        let missing = Error::NotFound { path: path(), source: answer("NoSuchKey") };
        assert!(is_missing(&missing));
        case(missing, StoreErrorKind::NotFound, "NoSuchKey", "");
        let (kind, why) = (StoreErrorKind::Io, "no one is there".to_owned());
        let unasked = Unasked { kind, why, hint: "AWS_ENDPOINT_URL".to_owned() };
        let unasked =
            object_store::client::HttpError::new(object_store::client::HttpErrorKind::Unknown, unasked);
        let unasked = Error::Generic { store: "S3", source: Box::new(unasked) };
        case(unasked, StoreErrorKind::Io, "no one is there", "AWS_ENDPOINT_URL");
    }
}
