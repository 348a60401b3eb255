//! Files that a user names on the command line, read as a whole.

use super::exit::{Outcome, Usage};
use crate::mirror::SETTINGS_LIMIT;
use std::path::Path;

/// Fails for a file that may never end, such as a named pipe that no process writes to.
///
/// The pipes that a shell names by `<(…)` are accepted.
pub(super) fn ends(what: &str, file: &Path) -> Outcome {
    let shown = file.display();
    let failed = |error: std::io::Error| Usage(format!("cannot read the {what} `{shown}`: {error}"));
    let piped = ["/dev/fd", "/dev/stdin", "/proc/self/fd"].iter().any(|place| file.starts_with(place));
    if !piped && !std::fs::metadata(file).map_err(failed)?.is_file() {
        return Err(Usage(format!("cannot read the {what} `{shown}`: it is not a regular file")).into());
    }
    Ok(())
}

/// Returns the bytes of a file that ends.
pub(super) fn bytes(what: &str, file: &Path) -> Outcome<Vec<u8>> {
    ends(what, file)?;
    let failed = |error| Usage(format!("cannot read the {what} `{}`: {error}", file.display()));
    Ok(std::fs::read(file).map_err(failed)?)
}

/// Returns the text of a file in UTF-8.
pub(super) fn text(what: &str, file: &Path) -> Outcome<String> {
    let wrong = |_| Usage(format!("cannot read the {what} `{}`: it is not UTF-8", file.display()));
    Ok(String::from_utf8(bytes(what, file)?).map_err(wrong)?)
}

/// Returns the text of a layout or policy; fails for one that no mirror could read again.
pub(super) fn setting(what: &str, file: &Path) -> Outcome<String> {
    let text = text(what, file)?;
    let bytes = text.len() as u64;
    if bytes > SETTINGS_LIMIT {
        let shown = file.display();
        return Err(Usage(format!(
            "the {what} `{shown}` has {bytes} bytes; at most {SETTINGS_LIMIT} are accepted"
        ))
        .into());
    }
    Ok(text)
}
