//! The address of another mirror in a file.

use crate::model::unprintable;

/// Reads the address of another mirror, which is opened as `--mirror` is.
pub(in crate::decide) fn mirror_address(text: &str) -> Result<String, String> {
    let is_bucket = ["s3://", "gs://", "az://"].iter().any(|scheme| text.starts_with(scheme));
    let is_secret = text.contains('?') || text.split("://").nth(1).is_some_and(|rest| rest.contains('@'));
    if is_secret {
        return Err(
            "a user, a key and settings are not accepted in an address; they come from the environment"
                .to_owned(),
        );
    }
    if (is_bucket || text.starts_with('/')) && unprintable(text).is_none() {
        return Ok(text.to_owned());
    }
    Err(format!(
        "`{}` is not the address of a mirror; an absolute path or an address such as `s3://bucket/prefix` is accepted",
        text.escape_debug()
    ))
}
