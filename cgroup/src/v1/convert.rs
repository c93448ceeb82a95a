// SPDX-License-Identifier: MIT OR Apache-2.0
//! Conversions: the numbers of version 1.
//!
//! Kernel: kernel/sched/core.c, `cpu_weight_write_u64` and `cpu_weight_read_u64`, which keep a weight as shares by the
//! very same rule: a weight has the same effect in both versions.

use crate::value::{Bytes, Max, Weight};

/// The shares of a weight: 100 is 1024.
pub(crate) fn shares_of(weight: Weight) -> u64 {
    divide_closest(u64::from(weight.as_u32()) * 1024, 100).clamp(2, 262_144)
}

/// The weight that comes closest to these shares.
#[cfg(test)]
pub(crate) fn weight_of(shares: u64) -> Weight {
    let weight = divide_closest(shares.saturating_mul(100), 1024).clamp(1, 10_000);
    Weight::new(u32::try_from(weight).unwrap_or(10_000))
}

fn divide_closest(number: u64, by: u64) -> u64 {
    number.saturating_add(by / 2) / by
}

/// What a memory file takes: version 1 writes no limit as -1.
pub(crate) fn amount_text(max: Max<Bytes>) -> String {
    match max {
        Max::Limit(bytes) => bytes.to_string(),
        Max::Unlimited => "-1".to_owned(),
    }
}

/// What a memory file says: without a limit it is the largest number of pages that the kernel's counter holds, in bytes.
pub(crate) fn amount_of(bytes: u64) -> Max<Bytes> {
    // LONG_MAX rounded down to pages, of whatever size up to 64 KiB.
    const NEARLY_ALL: u64 = i64::MAX.cast_unsigned() - 0xffff;
    if bytes >= NEARLY_ALL { Max::Unlimited } else { Max::Limit(Bytes::new(bytes)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn weights_become_shares_as_the_kernel_has_them() {
        for (weight, shares) in [(1, 10), (10, 102), (100, 1024), (200, 2048), (1000, 10_240), (10_000, 102_400)] {
            assert_eq!(shares_of(Weight::new(weight)), shares);
            assert_eq!(weight_of(shares), Weight::new(weight));
        }
        assert_eq!((weight_of(2), weight_of(262_144)), (Weight::new(1), Weight::new(10_000)));
    }

    #[test]
    fn no_limit_is_minus_one_when_written_and_a_huge_number_when_read() {
        assert_eq!(amount_text(Max::Unlimited), "-1");
        assert_eq!(amount_text(Max::Limit(Bytes::new(4096))), "4096");
        assert_eq!(amount_of(9_223_372_036_854_771_712), Max::Unlimited);
        assert_eq!(amount_of(9_223_372_036_854_710_272), Max::Unlimited);
        assert_eq!(amount_of(4096), Max::Limit(Bytes::new(4096)));
    }

    proptest! {
        #[test]
        fn a_weight_survives_the_way_to_shares_and_back(weight in 1_u32..=10_000) {
            prop_assert_eq!(weight_of(shares_of(Weight::new(weight))), Weight::new(weight));
        }
    }
}
