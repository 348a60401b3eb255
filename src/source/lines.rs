//! Reading lines that are made on the fly, so that a long text is never in memory as a whole.

use crate::record::{Manifest, sum_line};
use std::io::{self, Read};

/// The number of bytes that are made at once.
const PIECE: usize = 64 * 1024;

/// A text that is made line by line.
#[derive(Debug)]
pub struct Lines<I> {
    left: I,
    made: Vec<u8>,
    read: usize,
}

impl<I: Iterator<Item = String>> Lines<I> {
    /// Returns the text of these lines, which include their ends.
    pub fn of(lines: I) -> Self {
        Self { left: lines, made: Vec::new(), read: 0 }
    }
}

impl Lines<()> {
    /// Returns the text of the SHA256SUMS for a manifest's files.
    pub(crate) fn sums(manifest: &Manifest) -> Lines<impl Iterator<Item = String>> {
        Lines::of(manifest.files.iter().map(|file| format!("{}\n", sum_line(&file.path, file.digest))))
    }
}

impl<I: Iterator<Item = String>> Read for Lines<I> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.made.len() {
            self.made.clear();
            self.read = 0;
            while self.made.len() < PIECE
                && let Some(line) = self.left.next()
            {
                self.made.extend_from_slice(line.as_bytes());
            }
        }
        let mut ready = self.made.get(self.read..).unwrap_or_default();
        let read = ready.read(buffer)?;
        self.read += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_that_of_the_lines_however_little_is_read_at_once() {
        let lines = || (0..20_000).map(|n| format!("line {n}\n"));
        let whole: String = lines().collect();
        for size in [1, 7, PIECE, 3 * PIECE] {
            let mut text = Vec::new();
            let mut reader = Lines::of(lines());
            let mut buffer = vec![0; size];
            loop {
                match reader.read(&mut buffer).unwrap() {
                    0 => break,
                    read => text.extend_from_slice(&buffer[..read]),
                }
            }
            assert!(text == whole.as_bytes(), "read in pieces of {size}");
        }
    }
}
