// SPDX-License-Identifier: MIT OR Apache-2.0
//! The running kernel's version, where a file does not tell what it has.

/// Whether this is a kernel before Linux 5.11, whose memory controller did not count with the groups below by itself, and
/// whose programs of devices were charged to `RLIMIT_MEMLOCK`.
pub(crate) fn is_before_5_11() -> bool {
    is_older(&rustix::system::uname().release().to_string_lossy())
}

fn is_older(release: &str) -> bool {
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    (numbers.next(), numbers.next()) < (Some(5), Some(11))
}

#[test]
fn releases_are_compared_by_their_first_two_numbers() {
    for old in ["5.10.0-35-amd64", "5.10", "4.19.325", "5.4.0-rc1"] {
        assert!(is_older(old), "{old}");
    }
    for new in ["5.11.0", "5.11-rc1", "6.1.0-37-amd64", "6.18.4-of-mine", "10.0"] {
        assert!(!is_older(new), "{new}");
    }
}
