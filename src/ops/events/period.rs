//! How often the end of a journal is looked at.

use crate::mirror::Mirror;
use crate::progress::CancelToken;
use std::time::{Duration, Instant};

/// How often the end of the journal is looked at, in a directory and in a bucket, where each look is a request.
const PERIODS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// How long to sleep before checking for cancellation.
pub(crate) const TICK: Duration = Duration::from_millis(50);

/// Returns how often the end of the journal of a mirror is looked at.
pub(crate) fn period(mirror: &Mirror) -> Duration {
    if mirror.store().abilities().slow_calls { PERIODS.1 } else { PERIODS.0 }
}

/// Sleeps for this time, or until the command is cancelled.
pub(crate) fn rest(time: Duration, stop: &CancelToken) {
    let began = Instant::now();
    while stop.check().is_ok() {
        let left = time.saturating_sub(began.elapsed());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(TICK));
    }
}
