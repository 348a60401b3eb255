//! The end of a command's output, read while it is written.

use std::collections::VecDeque;
use std::io::{self, PipeReader, Read};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::spawn;
use std::time::Duration;

/// The end of an output that may still go on.
pub(super) struct Tail {
    kept: Arc<Mutex<Kept>>,
    /// Is closed when the output ends.
    reading: Receiver<()>,
}

struct Kept {
    bytes: VecDeque<u8>,
    /// The maximum number of bytes that are kept.
    most: usize,
    /// How many bytes came before those.
    omitted: u64,
}

impl Tail {
    /// Reads an output to its end, on a thread of its own.
    pub(super) fn read(from: PipeReader, most: usize) -> Self {
        let kept = Arc::new(Mutex::new(Kept { bytes: VecDeque::new(), most, omitted: 0 }));
        let taken = Arc::clone(&kept);
        let (open, reading) = channel();
        spawn(move || {
            read_all(from, |bytes| taken.lock().unwrap_or_else(PoisonError::into_inner).take(bytes));
            drop(open);
        });
        Self { kept, reading }
    }

    /// Returns the end of the output once it ended; if that takes longer than `wait`, the present end.
    pub(super) fn after(self, wait: Duration) -> String {
        self.reading.recv_timeout(wait).ok();
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).text()
    }
}

impl Kept {
    fn take(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        let over = self.bytes.len().saturating_sub(self.most);
        self.bytes.drain(..over);
        self.omitted += over as u64;
    }

    /// Returns the text, from the first whole line if its beginning is left out.
    fn text(&self) -> String {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        if self.omitted == 0 {
            return String::from_utf8_lossy(&bytes).into_owned();
        }
        let line = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let whole = bytes.get(line..).filter(|rest| !rest.is_empty()).unwrap_or(&bytes);
        let omitted = self.omitted + (bytes.len() - whole.len()) as u64;
        format!("[{omitted} bytes before this are left out]\n{}", String::from_utf8_lossy(whole))
    }
}

/// Reads the output of a command to its end.
fn read_all(mut from: impl Read, mut take: impl FnMut(&[u8])) {
    let mut buffer = [0; 8 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => take(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
