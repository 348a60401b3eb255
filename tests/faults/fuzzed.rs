//! Every law of `fuzz/laws.rs` against the bytes that are kept in `fuzz/corpus/`, and against seeded changes of them.
//!
//! libFuzzer finds new bytes (`make fuzz`), and those that broke a law stay in the corpus. Here all of them are tried
//! again in every run, and neighbours of them as well; what fails says the bytes.

use crate::support::dice::Dice;
use std::path::Path;
use std::{fs, panic};

#[path = "../../fuzz/laws.rs"]
mod laws;

/// How many changes of each kept file are tried.
const CHANGES: usize = 8;

/// Returns bytes that lie near `bytes`: some cut out, doubled, changed, or taken from `other`.
fn changed(bytes: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    const TELLING: &[u8] = b"\0\n\t\r /.:-'\"{}[]&*%\\#~=+09\x7f\x80\xff";
    let mut bytes = bytes.to_vec();
    for _ in 0..=dice.index(3) {
        let at = dice.index(bytes.len() + 1);
        let end = (at + dice.index(9)).min(bytes.len());
        let piece = match dice.index(5) {
            0 => Vec::new(),
            1 => vec![TELLING[dice.index(TELLING.len())]],
            2 => bytes[at..end].repeat(2),
            3 => vec![dice.below(256).to_le_bytes()[0]],
            _ => {
                let from = dice.index(other.len() + 1);
                other[from..(from + dice.index(20)).min(other.len())].to_vec()
            }
        };
        bytes.splice(at..end, piece);
    }
    bytes
}

/// Returns the kept bytes of a law, each with its file's name, sorted.
fn kept(law: &str) -> Vec<(String, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(law);
    let files = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let read = |path: std::path::PathBuf| (path.display().to_string(), fs::read(&path).unwrap());
    let mut files: Vec<_> = files.map(|file| read(file.unwrap().path())).collect();
    files.sort();
    files
}

#[test]
fn no_bytes_break_a_law_of_a_parser() {
    let mut broken = Vec::new();
    let mut tried = 0;
    for (name, law) in laws::LAWS {
        let files = kept(name);
        assert!(files.len() >= 3, "{name} has no corpus");
        let mut dice = Dice(1);
        for (file, bytes) in &files {
            let mut inputs = vec![bytes.clone()];
            for _ in 0..CHANGES {
                let other = &files[dice.index(files.len())].1;
                inputs.push(changed(bytes, other, &mut dice));
            }
            for input in inputs {
                tried += 1;
                if panic::catch_unwind(|| law(&input)).is_err() {
                    broken.push(format!("{name}, from {file}: {}", input.escape_ascii()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{} of {tried}:\n{}", broken.len(), broken.join("\n"));
}
