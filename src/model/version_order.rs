//! The order of `sort -V`: digits count as numbers.
//!
//! The rules are those of the GNU coreutils manual, "Version sort ordering": runs of digits compare as numbers,
//! letters before other characters, `~` before everything, and a file's suffix (`.txt`) only breaks ties.

use std::cmp::Ordering;

/// Compares two names as `sort -V` does.
pub fn version_order(a: &str, b: &str) -> Ordering {
    let hidden = |text: &str| match text {
        "" => 0,
        "." => 1,
        ".." => 2,
        text if text.starts_with('.') => 3,
        _ => 4,
    };
    hidden(a)
        .cmp(&hidden(b))
        .then_with(|| by_runs(without_suffix(a), without_suffix(b)))
        .then_with(|| by_runs(a.as_bytes(), b.as_bytes()))
        .then_with(|| a.cmp(b))
}

/// Cuts what looks like one or more file suffixes, each a dot, a letter or `~`, then letters, digits or `~`.
fn without_suffix(text: &str) -> &[u8] {
    let bytes = text.as_bytes();
    let mut end = bytes.len();
    let mut at = end;
    while at > 0 {
        at -= 1;
        match bytes.get(at) {
            Some(b'.') => match bytes.get(at + 1) {
                Some(first) if at + 1 < end && (first.is_ascii_alphabetic() || *first == b'~') => end = at,
                _ => break,
            },
            Some(c) if c.is_ascii_alphanumeric() || *c == b'~' => {}
            _ => break,
        }
    }
    bytes.get(..end).unwrap_or_default()
}

/// Returns the weight of a character that is not a digit; the end of a text weighs less than any character except
/// `~`.
fn weight(c: Option<&u8>) -> i32 {
    match c {
        None => -1,
        Some(c) if c.is_ascii_digit() => 0,
        Some(c) if c.is_ascii_alphabetic() => i32::from(*c),
        Some(b'~') => -2,
        Some(c) => i32::from(*c) + 256,
    }
}

/// Compares runs of characters and runs of digits alternately; a missing number is zero.
pub fn by_runs(mut a: &[u8], mut b: &[u8]) -> Ordering {
    let is_digit = |c: Option<&u8>| c.is_some_and(u8::is_ascii_digit);
    while !a.is_empty() || !b.is_empty() {
        while (!a.is_empty() && !is_digit(a.first())) || (!b.is_empty() && !is_digit(b.first())) {
            let order = weight(a.first()).cmp(&weight(b.first()));
            if order.is_ne() {
                return order;
            }
            a = a.get(1..).unwrap_or_default();
            b = b.get(1..).unwrap_or_default();
        }
        let (number_a, number_b) = (digits(&mut a), digits(&mut b));
        let order = number_a.len().cmp(&number_b.len()).then_with(|| number_a.cmp(number_b));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// Removes the digits at the start and returns them without leading zeros.
fn digits<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let zeros = text.iter().take_while(|c| **c == b'0').count();
    let rest = text.get(zeros..).unwrap_or_default();
    let length = rest.iter().take_while(|c| c.is_ascii_digit()).count();
    let (number, rest) = rest.split_at(length);
    *text = rest;
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_the_order_of_sort_v() {
        // As printed by `LC_ALL=C sort -V` of coreutils 9.1.
        let sorted = [
            "./cgcs-root",
            "./cgcs-root/stx/1.9",
            "./cgcs-root/stx/1.10",
            "./cgcs-root/stx/config~rc1",
            "./cgcs-root/stx/config",
            "./cgcs-root/stx/config.d",
            "./cgcs-root/stx/config-files",
            "./cgcs-root/stx/git2",
            "./cgcs-root/stx/git2.tar",
            "./cgcs-root/stx/git10",
            "./.repo/manifests",
        ];
        let mut shuffled = sorted;
        shuffled.reverse();
        shuffled.sort_by(|a, b| version_order(a, b));
        assert_eq!(shuffled, sorted);
    }

    #[test]
    fn every_rule_of_the_manual_orders_its_pair() {
        // Each as printed by `LC_ALL=C sort -V` of coreutils 9.1.
        for (before, after) in [
            ("", "."),
            (".", ".."),
            ("..", ".a"),
            (".z", "a"),
            // Hidden names come first, though a dot weighs more than a letter.
            (".1", "a"),
            (".a", ".b"),
            ("a", "a1"),
            ("a1", "aa"),
            ("a1", "a1b"),
            ("a1~", "a1"),
            ("aZ", "aa"),
            ("az", "a-"),
            ("a2", "a10"),
            ("a09", "a10"),
            ("a1.txt", "a2"),
            ("a.b1", "a.b2"),
            ("a.9", "a.10"),
            ("a1.txt", "a1b.txt"),
            ("a-1.tar", "a-1.tar.gz"),
            ("a.b", "a."),
            ("a.~1", "a.~2"),
        ] {
            assert_eq!(version_order(before, after), Ordering::Less, "`{before}` before `{after}`");
            assert_eq!(version_order(after, before), Ordering::Greater, "`{after}` after `{before}`");
        }
        assert_eq!(version_order("a01", "a01"), Ordering::Equal);
    }
}
