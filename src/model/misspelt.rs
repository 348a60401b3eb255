//! Names that look like two spellings of one name.

/// Shorter names are not compared: `a1` and `a2` differ by one letter, too.
const COMPARED: usize = 5;

/// Returns whether two names differ by one letter, by case or by how words are joined; names are often numbered, so
/// digits are not compared.
pub fn is_misspelt(one: &str, other: &str) -> bool {
    let plain = |name: &str| -> String {
        let letters = name.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|c| c.to_ascii_lowercase()).collect()
    };
    let without_digits = |name: &str| -> String { name.chars().filter(|c| !c.is_ascii_digit()).collect() };
    let (one, other) = (plain(one), plain(other));
    one == other
        || one.len().min(other.len()) >= COMPARED
            && without_digits(&one) != without_digits(&other)
            && strsim::damerau_levenshtein(&one, &other) == 1
}

/// Returns the name that what was typed, and is none of them, is nearest to; nothing where none looks like it.
pub fn nearest<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = 1 + typed.len() / 8;
    let far = |name: &str| strsim::damerau_levenshtein(&typed.to_lowercase(), &name.to_lowercase());
    let near = names.filter(|name| typed.len() > 2 && name.len() > 2).map(|name| (far(name), name));
    near.filter(|(far, _)| *far <= most).min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::{is_misspelt, nearest};

    #[test]
    fn the_nearest_name_is_one_that_looks_like_what_was_typed() {
        let names = ["main", "main/debian", "release/2.1", "x"];
        let found = |typed| nearest(typed, names.into_iter());
        assert_eq!(found("mian"), Some("main"));
        assert_eq!(found("main/debain"), Some("main/debian"));
        assert_eq!(found("Main/debian"), Some("main/debian"));
        assert_eq!((found("y"), found("centos"), found("stable")), (None, None, None));
    }

    #[test]
    fn names_that_look_misspelt_are_found_and_numbered_ones_are_not() {
        #[track_caller]
        fn case(one: &str, other: &str, alike: bool) {
            assert_eq!(is_misspelt(one, other), alike, "{one} {other}");
        }
        case("scenario001", "scenario002", false);
        case("scenario001", "scenario0010", false);
        case("scenario001", "scenaro001", true);
        case("smoke-test", "smoke_test", true);
        case("Smoke", "smoke", true);
        case("tempest", "tempets", true);
        case("x86", "x87", false);
        case("unit", "until", false);
        case("build", "build-rerun", false);
        case("mian/debian", "main/debian", true);
        case("release/2.1", "release/2.2", false);
    }
}
