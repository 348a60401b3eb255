//! Random choices that are the same for the same seed.

use std::time::Duration;

/// Choices, drawn from a seed, which is not 0 (xorshift).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// Returns a number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.index(from.len()))
    }

    /// Returns an index into something of that length; 0 if it is empty.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        let end = u64::try_from(length.max(1)).unwrap();
        usize::try_from(self.below(end)).unwrap()
    }

    /// Waits for at most that many milliseconds.
    pub(crate) fn rest(&mut self, most: u64) {
        std::thread::sleep(Duration::from_millis(self.below(most)));
    }
}
