//! What the rules of both servers have in common.

/// How long an answer may be kept: the name can move at any time.
pub(super) const CACHE: &str = "public, max-age=60";

/// Returns a text as a part of a regular expression that matches just this text.
pub(super) fn literal(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        if c.is_ascii() && !c.is_ascii_alphanumeric() && !"/_-".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}
