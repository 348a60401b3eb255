//! Querying repositories for their branches and tags, many at once, each with a time limit.

use crate::decide::due::{GitSource, commit_in};
use crate::ops::git::{Git, address, is_cut};
use crate::progress::{CancelToken, Interrupted};
use std::time::Duration;

/// Returns the present commit of a branch or tag, or why it is not known.
pub(super) fn commit(
    source: &GitSource,
    limit: Duration,
    stop: &CancelToken,
) -> Result<Result<String, String>, Interrupted> {
    let (refs, url) = (source.refs(), address(&source.url));
    let mut args = vec!["-C", "/", "ls-remote", "--", &url];
    args.extend(refs.iter().map(String::as_str));
    Ok(match Git::new(limit, stop).run(&args, b"")? {
        Ok(answer) => match commit_in(&answer, &refs) {
            Some(commit) => Ok(commit.to_owned()),
            // The end is kept, and the beginning is dropped.
            None if is_cut(&answer) => Err("the answer of the repository is too long".to_owned()),
            None => Err(format!("the repository has no branch or tag `{}`", source.reference)),
        },
        Err(refused) => Err(refused.why),
    })
}
