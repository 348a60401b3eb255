//! Threads that mostly wait for a store: more of them than there are processors.

use super::{Store, StoreError};
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Returns so many threads for what asks a store; a caller that works with one gets one, so that everything comes in one order.
pub fn io_pool(store: &dyn Store, at_once: usize) -> Result<ThreadPool, StoreError> {
    let threads = if rayon::current_num_threads() == 1 { 1 } else { at_once };
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|error| {
        StoreError::new("start the threads for", store.shown(), std::io::Error::other(error))
    })
}
