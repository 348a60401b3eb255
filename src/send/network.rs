//! Where requests run, without waiting at the end for what nothing can stop, such as a question to the system's resolver.

use std::io;
use tokio::runtime::{Builder, Runtime};

/// A runtime for requests.
#[derive(Debug)]
pub(super) struct Network(Option<Runtime>);

impl Network {
    /// Returns one on the thread that asks, without waking another.
    pub(super) fn here() -> io::Result<Self> {
        Builder::new_current_thread().enable_all().build().map(|runtime| Self(Some(runtime)))
    }

    /// Returns one with so many threads of its own, for several that ask.
    pub(super) fn shared(threads: usize) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(threads).enable_all().build();
        runtime.map(|runtime| Self(Some(runtime)))
    }

    /// Runs a request to its end; nothing once this was dropped.
    pub(super) fn run<F: Future>(&self, request: F) -> Option<F::Output> {
        Some(self.0.as_ref()?.block_on(request))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
