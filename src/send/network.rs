//! Where requests run, without waiting at the end for what nothing can stop, such as a question to the system's resolver.

use crate::progress::CancelToken;
use futures_util::future::{Either, select};
use std::io;
use std::pin::pin;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::time::error::Elapsed;
use tokio::time::{sleep, timeout};

/// How often cancellation is checked.
const TICK: Duration = Duration::from_millis(50);

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

    /// Runs a request within a limit of time; nothing once this was dropped, or if it is cancelled before.
    pub(super) fn within<F: Future>(
        &self,
        limit: Duration,
        stop: &CancelToken,
        request: F,
    ) -> Option<Result<F::Output, Elapsed>> {
        let stopped = async {
            while stop.check().is_ok() {
                sleep(TICK).await;
            }
        };
        let done = self.run(async {
            match select(pin!(timeout(limit, request)), pin!(stopped)).await {
                Either::Left((done, _)) => Some(done),
                Either::Right(_) => None,
            }
        });
        done.flatten()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
