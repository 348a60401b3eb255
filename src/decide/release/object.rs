//! A tag object as git keeps it: the commit, the name, the message, and the signature over all of them.

use crate::model::unprintable;

/// The beginnings of the lines after which git takes the rest for a signature.
const BEGINS: [&str; 4] = [
    "-----BEGIN PGP SIGNATURE-----",
    "-----BEGIN PGP MESSAGE-----",
    "-----BEGIN SSH SIGNATURE-----",
    "-----BEGIN SIGNED MESSAGE-----",
];

/// A tag object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagObject {
    /// The commit.
    pub commit: String,
    /// The name in the object, which a ref of another name may point to.
    pub name: String,
    /// Who made it and when, as git writes it.
    pub tagger: Option<String>,
    /// Its message without the signature.
    pub message: String,
    /// What is signed, and the signature.
    pub signed: Option<Signed>,
}

/// A signature with what it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Everything before the signature.
    pub payload: String,
    /// The signature in its armour.
    pub signature: String,
}

/// Why a tag object cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// It has bytes that are not UTF-8.
    #[error("it contains bytes that are not UTF-8")]
    NotText,
    /// A header is missing or has another form.
    #[error("its header `{0}` is missing, or not one that git writes")]
    Header(&'static str),
    /// It does not point to a commit.
    #[error("it points to a {0}; a tag of a commit is accepted")]
    NotACommit(String),
    /// Something follows its signature.
    #[error("something follows its signature, which does not cover that")]
    After,
}

impl TagObject {
    /// Reads a tag object, as `git cat-file tag` prints it.
    pub fn parse(text: &str) -> Result<Self, ObjectError> {
        if text.contains('\u{fffd}') || text.contains('\0') {
            return Err(ObjectError::NotText);
        }
        let (headers, body) = text.split_once("\n\n").unwrap_or((text.trim_end_matches('\n'), ""));
        let mut lines = headers.split('\n');
        let mut header = |key: &'static str| {
            let value = lines.next()?.strip_prefix(key)?.strip_prefix(' ')?;
            (!value.is_empty() && unprintable(value).is_none()).then(|| value.to_owned())
        };
        let commit = header("object").ok_or(ObjectError::Header("object"))?;
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if !matches!(commit.len(), 40 | 64) || !commit.bytes().all(hex) {
            return Err(ObjectError::Header("object"));
        }
        let kind = header("type").ok_or(ObjectError::Header("type"))?;
        if kind != "commit" {
            return Err(ObjectError::NotACommit(kind));
        }
        let name = header("tag").ok_or(ObjectError::Header("tag"))?;
        let tagger = header("tagger");
        let starts = |line: &str| BEGINS.iter().any(|begin| line.starts_with(begin));
        let mut at = 0;
        let mut begins = Vec::new();
        for line in body.split_inclusive('\n') {
            if starts(line) {
                begins.push(at);
            }
            at += line.len();
        }
        let (message, signed) = match begins.as_slice() {
            [] => (body.to_owned(), None),
            [one] => {
                let (message, signature) = body.split_at(*one);
                if !ends_with_it(signature) {
                    return Err(ObjectError::After);
                }
                let payload = text.get(..text.len() - signature.len()).unwrap_or_default();
                let signed = Signed { payload: payload.to_owned(), signature: signature.to_owned() };
                (message.to_owned(), Some(signed))
            }
            _ => return Err(ObjectError::After),
        };
        Ok(Self { commit, name, tagger, message, signed })
    }
}

/// Returns whether a text from the beginning of a signature ends with its last line.
fn ends_with_it(signature: &str) -> bool {
    let ends: Vec<usize> = signature
        .lines()
        .enumerate()
        .filter(|(_, line)| line.starts_with("-----END "))
        .map(|(at, _)| at)
        .collect();
    let last = signature.trim_end().lines().count();
    ends.len() == 1 && ends.first().is_some_and(|at| at + 1 == last)
}

impl Signed {
    /// Returns whether the signature is one of OpenPGP.
    pub fn is_openpgp(&self) -> bool {
        self.signature.starts_with("-----BEGIN PGP SIGNATURE-----")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "object 1111111111111111111111111111111111111111\ntype commit\ntag 29.0.0\ntagger A <a@b> 1 +0000\n";
    const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n";

    #[test]
    fn a_signature_covers_everything_before_it() {
        let text = format!("{HEAD}\nnova 29.0.0 final\n{SIGNATURE}");
        let object = TagObject::parse(&text).unwrap();
        assert_eq!((&*object.name, &*object.message), ("29.0.0", "nova 29.0.0 final\n"));
        let signed = object.signed.unwrap();
        assert_eq!(signed.payload + &signed.signature, text);
        assert!(TagObject::parse(&format!("{HEAD}\nx\n")).unwrap().signed.is_none());
        assert!(TagObject::parse(HEAD).unwrap().message.is_empty());
    }

    #[test]
    fn what_git_and_mirrorkeep_could_read_in_two_ways_is_refused() {
        let refused = |text: &str, expected: &ObjectError| {
            assert_eq!(TagObject::parse(text).as_ref(), Err(expected), "{text}");
        };
        refused(&format!("{HEAD}\nx\n{SIGNATURE}meta:stream: evil\n"), &ObjectError::After);
        refused(&format!("{HEAD}\nx\n{SIGNATURE}{SIGNATURE}"), &ObjectError::After);
        refused(&format!("{HEAD}\nx\n-----BEGIN PGP SIGNATURE-----\nabc\n"), &ObjectError::After);
        refused(&HEAD.replace("commit", "tag"), &ObjectError::NotACommit("tag".to_owned()));
        refused(&HEAD.replace("tag 29", "tog 29"), &ObjectError::Header("tag"));
        refused(&HEAD.replace("tag 29", "tag \u{1b}29"), &ObjectError::Header("tag"));
        refused(&HEAD.replace("111", "11g"), &ObjectError::Header("object"));
        refused("", &ObjectError::Header("object"));
        refused(&format!("{HEAD}\n\u{fffd}"), &ObjectError::NotText);
    }
}
