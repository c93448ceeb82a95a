// SPDX-License-Identifier: MIT OR Apache-2.0
//! Conversions: the numbers of version 1. That of shares is in `value/curve.rs`.

use crate::text::number;
use crate::value::{Bytes, Max, Weight};

/// The blkio weight, from 10 to 1000, of one from 1 to 10000: in a straight line, as the OCI runtimes do it.
pub(crate) fn blkio_weight_of(weight: Weight) -> u64 {
    let above = u64::from(weight.as_u32().clamp(1, 10_000)) - 1;
    10 + (above * 990).div_ceil(9999)
}

/// The weight of a blkio weight.
pub(crate) fn weight_of_blkio(weight: u64) -> Weight {
    let weight = 1 + (weight.clamp(10, 1000) - 10) * 9999 / 990;
    Weight::new(u32::try_from(weight).unwrap_or(10_000))
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

/// The limit that a memory file holds.
pub(crate) fn limit_in(text: &str) -> Option<Max<Bytes>> {
    number(text).map(amount_of)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn weights_of_devices_have_their_bounds_in_common() {
        for (blkio, weight) in [(10, 1), (100, 910), (500, 4950), (1000, 10_000)] {
            assert_eq!(weight_of_blkio(blkio), Weight::new(weight));
            assert_eq!(blkio_weight_of(Weight::new(weight)), blkio);
        }
        assert_eq!([0, 9, 1001, u64::MAX].map(|weight| weight_of_blkio(weight).as_u32()), [1, 1, 10_000, 10_000]);
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
        fn a_blkio_weight_survives_the_way_to_a_weight_and_back(weight in 10_u64..=1000) {
            prop_assert_eq!(blkio_weight_of(weight_of_blkio(weight)), weight);
        }

        #[test]
        fn more_weight_is_never_less_blkio_weight(weight in 1_u32..10_000) {
            let [this, next] = [weight, weight + 1].map(|weight| blkio_weight_of(Weight::new(weight)));
            prop_assert!((10..=1000).contains(&this) && this <= next && next <= this + 1);
        }
    }
}
