// SPDX-License-Identifier: MIT OR Apache-2.0
//! Moments as text: RFC 3339, in UTC, as engines read them.

use std::time::{SystemTime, UNIX_EPOCH};

/// `2026-11-23T17:05:09.000000042Z`.
pub(crate) fn rfc3339(moment: SystemTime) -> String {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:09}Z", since.subsec_nanos())
}

/// The date of a day by its number since 1970-01-01. Years are taken to begin in March, so that the odd day is their last,
/// and eras to have 400 of them, which is when the calendar repeats.
fn date(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    // 1970-01-01 is so many days after 0000-03-01.
    let days = days.saturating_add(719_468);
    let (era, day) = (days / ERA, days % ERA);
    let year = (day - day / 1460 + day / 36_524 - day / (ERA - 1)) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let of_month = day - (153 * month + 2) / 5 + 1;
    let is_next = month >= 10;
    let month = if is_next { month - 9 } else { month + 3 };
    (era * 400 + year + u64::from(is_next), month, of_month)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_moment_is_told_as_the_calendar_has_it() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000000042Z"),
            (951_782_399, "2000-02-28T23:59:59.000000042Z"),
            (951_782_400, "2000-02-29T00:00:00.000000042Z"),
            (951_868_800, "2000-03-01T00:00:00.000000042Z"),
            (1_709_164_800, "2024-02-29T00:00:00.000000042Z"),
            (1_735_689_599, "2024-12-31T23:59:59.000000042Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000000042Z"),
        ] {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::new(seconds, 42)), text);
        }
    }
}
