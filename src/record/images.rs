//! Lists of container images: a file of a build with one reference on each line.
//!
//! Empty lines and lines that begin with `#` are skipped. A line that is not a reference is reported and the rest is
//! parsed; a list that is too large, or not text, is not parsed at all.

use crate::model::{ImageRef, ImageRefError};

/// The maximum size of a list, in bytes.
pub const IMAGE_LIST_LIMIT: u64 = 4 << 20;

/// The maximum length of a line of a list, in bytes.
const LONGEST: usize = 1024;

/// The maximum number of references of a list.
const MOST: usize = 10_000;

/// The references of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageList {
    /// The lines with a reference, in their order.
    pub lines: Vec<ImageLine>,
}

/// A line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageLine {
    /// Its number, from 1.
    pub number: usize,
    /// Its text without the line end.
    pub text: String,
    /// The reference, or why it is not one.
    pub image: Result<ImageRef, ImageRefError>,
}

/// Why a list of images is not parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageListError {
    /// It has too many bytes.
    #[error("it has more than {IMAGE_LIST_LIMIT} bytes")]
    Large,
    /// A line is not text.
    #[error("line {0} is not UTF-8")]
    NotUtf8(usize),
    /// A line is too long.
    #[error("line {0} has {1} bytes; at most {LONGEST} are accepted")]
    LongLine(usize, usize),
    /// There are too many references.
    #[error("it has more than {MOST} references")]
    Many,
}

impl ImageList {
    /// Parses a list.
    pub fn parse(bytes: &[u8]) -> Result<Self, ImageListError> {
        if bytes.len() as u64 > IMAGE_LIST_LIMIT {
            return Err(ImageListError::Large);
        }
        let mut list = Self::default();
        for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            if line.len() > LONGEST {
                return Err(ImageListError::LongLine(number, line.len()));
            }
            let text = str::from_utf8(line).map_err(|_| ImageListError::NotUtf8(number))?;
            if text.trim().is_empty() || text.starts_with('#') {
                continue;
            }
            if list.lines.len() == MOST {
                return Err(ImageListError::Many);
            }
            list.lines.push(ImageLine { number, text: text.to_owned(), image: text.parse() });
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Vec<(usize, String)>, String> {
        let told = |line: ImageLine| match line.image {
            Ok(image) => (line.number, image.to_string()),
            Err(error) => (line.number, error.to_string()),
        };
        let list = ImageList::parse(text).map_err(|error| error.to_string())?;
        Ok(list.lines.into_iter().map(told).collect())
    }

    #[test]
    fn a_list_has_a_reference_a_line() {
        let found = read(b"# images\nq.io/a:1\n\n  \n\r\nq.io/b:2").unwrap();
        assert_eq!(found, [(2, "q.io/a:1".to_owned()), (6, "q.io/b:2".to_owned())]);
        assert_eq!(read(b""), Ok(Vec::new()));
    }

    #[test]
    fn a_line_that_is_not_a_reference_stops_nothing() {
        let found = read(b"q.io/a:1\r\nq.io/\0:1\n q.io/a:1\nq.io/b:2\n").unwrap();
        assert_eq!(found.len(), 4);
        assert!(found[0].1.contains("`1\\r` is not a tag"), "{found:?}");
        assert!(found[1].1.contains("`\\u{0}` is not a name"), "{found:?}");
        assert!(found[2].1.contains("` q.io` is not a registry"), "{found:?}");
        assert_eq!(found[3].1, "q.io/b:2");
    }

    #[test]
    fn what_is_no_list_is_not_read() {
        assert_eq!(read(b"q.io/a:1\n\xff\n"), Err("line 2 is not UTF-8".to_owned()));
        let long = format!("q.io/a:1\n#{}\n", "x".repeat(1024));
        assert_eq!(read(long.as_bytes()), Err("line 2 has 1025 bytes; at most 1024 are accepted".to_owned()));
        let many = "a:1\n".repeat(10_001);
        assert_eq!(read(many.as_bytes()), Err("it has more than 10000 references".to_owned()));
        assert!(read("a:1\n".repeat(10_000).as_bytes()).is_ok());
        assert_eq!(read(&vec![b'\n'; (4 << 20) + 1]), Err("it has more than 4194304 bytes".to_owned()));
    }
}
