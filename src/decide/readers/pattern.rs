//! Common parts of the rules of both servers.

/// How long an answer may be cached: the alias can move at any time.
pub(super) const CACHE: &str = "public, max-age=60";

/// Returns a text as a part of a regular expression that matches exactly this text.
pub(super) fn literal(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        match c {
            // Servers look for these in their configuration before they parse a pattern.
            ' ' | '"' | '\'' => pattern.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if c.is_ascii() && !c.is_ascii_alphanumeric() && !"/_-".contains(c) => {
                pattern.extend(['\\', c]);
            }
            c => pattern.push(c),
        }
    }
    pattern
}
