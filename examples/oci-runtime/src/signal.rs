// SPDX-License-Identifier: MIT OR Apache-2.0
//! Signals as they are written: `9`, `KILL`, `SIGKILL`, `RTMIN+3`.

use nix::sys::signal::Signal;

/// The first and last that programs may use as they like, as the C library counts: the kernel's first two are its own.
const RTMIN: i32 = 34;
const RTMAX: i32 = 64;

/// The number of a signal.
///
/// # Errors
/// A sentence.
pub(crate) fn number(text: &str) -> Result<i32, String> {
    let is_signal = |number: &i32| (1..=RTMAX).contains(number);
    if let Ok(number) = text.parse::<i32>() {
        return Some(number).filter(is_signal).ok_or_else(|| format!("{text:?} is no signal: they are 1 to {RTMAX}"));
    }
    let upper = text.to_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let real_time = |start: &str, from: i32| name.strip_prefix(start).and_then(|rest| offset(rest)?.checked_add(from));
    let known = format!("SIG{name}").parse::<Signal>().ok().map(|signal| signal as i32);
    let found = known.or_else(|| real_time("RTMIN", RTMIN)).or_else(|| real_time("RTMAX", RTMAX));
    let found = found.filter(is_signal).filter(|number| known.is_some() || *number >= RTMIN);
    found.ok_or_else(|| format!("{text:?} is no signal: KILL, SIGKILL and 9 are one"))
}

/// Nothing, `+3` or `-1`.
fn offset(text: &str) -> Option<i32> {
    match text.chars().next() {
        None => Some(0),
        Some('+' | '-') => text.parse().ok(),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_has_a_number_and_names() {
        for (text, expected) in [
            ("9", 9),
            ("KILL", 9),
            ("SIGKILL", 9),
            ("sigterm", 15),
            ("RTMIN", 34),
            ("SIGRTMIN+3", 37),
            ("RTMAX-1", 63),
            ("64", 64),
        ] {
            assert_eq!(number(text), Ok(expected), "{text}");
        }
        for bad in ["", "0", "65", "-1", "SIG", "SIGSIGKILL", "FROB", "RTMIN3", "RTMIN+31", "RTMIN-1", "RTMAX+1", "9 "]
        {
            assert!(number(bad).unwrap_err().contains("is no signal"), "{bad}");
        }
    }
}
