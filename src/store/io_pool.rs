//! Threads that mostly wait for a store: more of them than there are processors.

use super::{Store, StoreError};
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Returns a pool with this many threads for requests to a store; a caller with one thread gets one, so that
/// everything comes in one order.
pub fn io_pool(store: &dyn Store, at_once: usize) -> Result<ThreadPool, StoreError> {
    let threads = if rayon::current_num_threads() == 1 { 1 } else { at_once };
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|error| {
        StoreError::new("start the threads for", store.shown(), std::io::Error::other(error))
    })
}

/// Does work that makes so many requests, on that many threads where the store answers slowly.
pub fn at_once<T: Send>(
    store: &dyn Store,
    (threads, requests): (usize, usize),
    work: impl FnOnce() -> T + Send,
) -> Result<T, StoreError> {
    if requests > 1 && store.abilities().slow_calls {
        Ok(io_pool(store, threads)?.install(work))
    } else {
        Ok(work())
    }
}
