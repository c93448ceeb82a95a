// SPDX-License-Identifier: MIT OR Apache-2.0
//! Limits of this process: its resource limits, and whom the kernel kills first when memory runs out.
//!
//! Man: prlimit(2), proc_pid_oom_score_adj(5).

use super::procfs;
use super::step::Failure;
use super::sys::{self, Errno, Limits};

pub use super::procfs::{FOREIGN, OPENING, WRITING};

/// Sets a resource limit; `u64::MAX` is none.
///
/// # Errors
/// `EPERM` for a hard limit above the present one without `CAP_SYS_RESOURCE` in the first user namespace, and for more
/// descriptors than `fs.nr_open`; `EINVAL` for a soft limit above the hard one, and an unknown resource.
pub fn rlimit(resource: u32, soft: u64, hard: u64) -> Result<(), Failure> {
    sys::prlimit(0, resource, Some(&Limits { soft, hard })).map(drop).map_err(Failure::whole)
}

/// Sets how much more, or less, likely the kernel is to kill this process when memory runs out.
///
/// # Errors
/// `ENOENT` without a /proc, `EXDEV` where that is not the kernel's; `EACCES` for less than before without `CAP_SYS_RESOURCE`; `EINVAL` beyond 1000.
pub fn oom_score_adj(value: i32) -> Result<(), Failure> {
    let mut digits = [0; MOST_DIGITS];
    let text = decimal(value, &mut digits).ok_or(Failure { errno: Errno::INVAL, part: WRITING })?;
    procfs::write(c"self/oom_score_adj", text)
}

/// "-2147483648"
const MOST_DIGITS: usize = 11;

/// A number as text, without formatting. It always fits.
fn decimal(value: i32, digits: &mut [u8; MOST_DIGITS]) -> Option<&[u8]> {
    let mut at = MOST_DIGITS;
    let mut rest = value.unsigned_abs();
    loop {
        at = at.checked_sub(1)?;
        *digits.get_mut(at)? = b'0'.wrapping_add(u8::try_from(rest % 10).ok()?);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        at = at.checked_sub(1)?;
        *digits.get_mut(at)? = b'-';
    }
    digits.get(at..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_as_formatting_would() {
        for value in [0, 7, 10, -1, 1000, -1000, i32::MAX, i32::MIN] {
            assert_eq!(decimal(value, &mut [0; MOST_DIGITS]).unwrap(), value.to_string().as_bytes());
        }
    }
}
