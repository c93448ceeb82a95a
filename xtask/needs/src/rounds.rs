// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rounds: how often a test repeats what must hold every time, and how long it may take where that is cut.

use std::time::Duration;

/// The variable that carries how many percent of its rounds a test is to do.
const VARIABLE: &str = "SKEP_ROUNDS";

/// How many of `whole` rounds a test is to do on this machine: all of them, or a part, but at least one.
///
/// For what a test repeats to be sure, as a thousand starts after which nothing has changed. An emulated machine does a
/// tenth (`cargo xtask test --rounds 10`): every test runs there too, and none is bound to the time that it takes.
#[must_use]
pub fn rounds(whole: u32) -> u32 {
    part(whole, percent())
}

/// A deadline for this machine: four times as long on one that is too slow for all rounds.
///
/// It only finds what hangs, and an emulated machine on a loaded host is slow without hanging.
pub(crate) fn patient(deadline: Duration) -> Duration {
    if percent().is_some_and(|percent| percent < 100) { deadline * 4 } else { deadline }
}

fn percent() -> Option<u32> {
    std::env::var(VARIABLE).ok()?.parse().ok()
}

fn part(whole: u32, percent: Option<u32>) -> u32 {
    let part = u64::from(whole) * u64::from(percent.unwrap_or(100).min(100)) / 100;
    u32::try_from(part).unwrap_or(whole).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_them_unless_told_otherwise_and_never_none_or_more() {
        assert_eq!(part(1000, None), 1000);
        assert_eq!(part(1000, Some(10)), 100);
        assert_eq!(part(5, Some(10)), 1);
        assert_eq!(part(u32::MAX, Some(900)), u32::MAX);
    }
}
