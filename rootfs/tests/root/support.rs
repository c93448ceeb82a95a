// SPDX-License-Identifier: MIT OR Apache-2.0
//! What these tests share.

use needs::isolated;
use skep_rootfs::Error;

/// Runs it as it is, and where openat2 is refused: a filter is a thread's.
pub(crate) fn both_ways(body: impl Fn() + Sync) {
    isolated(|| {
        body();
        std::thread::scope(|scope| {
            let denied = scope.spawn(|| {
                needs::deny(&"openat2".parse().unwrap()).unwrap();
                body();
            });
            denied.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        });
    });
}

/// The error number of a refusal.
pub(crate) fn errno<T>(result: Result<T, Error>) -> Option<i32> {
    result.err().and_then(|error| error.errno())
}
