//! What an object store answered, in our words.

use crate::store::{StoreError, StoreErrorKind};
use object_store::Error;

/// Returns what makes an error of ours of one that the object store gave.
pub(super) fn failed(doing: &'static str, at: impl ToString) -> impl Fn(Error) -> StoreError {
    move |error| StoreError::of_kind(kind_of(&error), doing, at.to_string(), error)
}

/// Returns the kind of an object store's error; what has no kind of its own is `Io`.
pub(super) fn kind_of(error: &Error) -> StoreErrorKind {
    match error {
        Error::NotFound { .. } => StoreErrorKind::NotFound,
        Error::AlreadyExists { .. } => StoreErrorKind::AlreadyExists,
        // What was read has changed since: somebody else was faster.
        Error::Precondition { .. } | Error::NotModified { .. } => StoreErrorKind::Busy,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => StoreErrorKind::Denied,
        Error::NotSupported { .. } | Error::NotImplemented { .. } => StoreErrorKind::Unsupported,
        _ => StoreErrorKind::Io,
    }
}
