// SPDX-License-Identifier: MIT OR Apache-2.0
//! The curve between the shares of version 1 and the weights of version 2.
//!
//! The kernel itself counts 1024 shares as a weight of 100 and goes on in proportion, which leaves a third of either range
//! without a counterpart. The OCI runtimes went from a straight line, by which the default of 1024 became 39, to this
//! curve, by which defaults and bounds of both are each other's (opencontainers/cgroups pull request 20; crun.1, "CPU
//! controller").

const FEWEST: u64 = 2;
const MOST: u64 = 262_144;
const GREATEST: u32 = 10_000;

/// What floating point may be off by.
const NOTHING: f64 = 1e-6;

/// The weight that so many shares come to, rounded up.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "the range is that of the clamp, and both its bounds are exact"
)]
pub(super) fn weight_of(shares: u64) -> u32 {
    let x = (shares.clamp(FEWEST, MOST) as f64).log2();
    let weight = 10_f64.powf((x * x + 125.0 * x - 126.0) / 612.0);
    ((weight - NOTHING).ceil() as u32).clamp(1, GREATEST)
}

/// The most shares that come to this weight: x from x² + 125 x − (126 + 612 log₁₀ weight) = 0.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is that of the clamp, and both its bounds are exact"
)]
pub(super) fn shares_of(weight: u32) -> u64 {
    let log = f64::from(weight.clamp(1, GREATEST)).log10();
    let x = ((16_129.0 + 2448.0 * log).sqrt() - 125.0) / 2.0;
    ((x.exp2() + NOTHING).floor() as u64).clamp(FEWEST, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of the OCI runtimes' own tests and documents.
    #[test]
    fn bounds_and_defaults_are_each_others() {
        let table = [(2, 1), (10, 4), (100, 17), (512, 59), (1024, 100), (2048, 174), (4096, 303), (10_240, 639)];
        for (shares, weight) in table {
            assert_eq!(weight_of(shares), weight, "{shares}");
        }
        for (shares, weight) in [(2, 1), (1024, 100), (262_144, 10_000)] {
            assert_eq!((weight_of(shares), shares_of(weight)), (weight, shares));
        }
        assert_eq!([0, 1, 2, 262_145, u64::MAX].map(weight_of), [1, 1, 1, 10_000, 10_000]);
        assert_eq!([0, 1, 10_001, u32::MAX].map(shares_of), [2, 2, 262_144, 262_144]);
    }

    #[test]
    fn every_weight_survives_the_way_to_shares_and_back_in_order() {
        let mut last = 0;
        for weight in 1..=GREATEST {
            let shares = shares_of(weight);
            assert_eq!(weight_of(shares), weight, "{shares} shares");
            assert!(shares == MOST || weight_of(shares + 1) == weight + 1, "{shares} are not the most of {weight}");
            assert!(shares > last && (FEWEST..=MOST).contains(&shares));
            last = shares;
        }
    }

    #[test]
    fn more_shares_are_never_less_weight_nor_far_from_where_they_come_back() {
        let mut last = 1;
        for shares in FEWEST..=MOST {
            let weight = weight_of(shares);
            assert!((last..=last + 1).contains(&weight), "{shares} shares");
            assert!(shares_of(weight) >= shares && (weight == 1 || shares_of(weight - 1) < shares));
            last = weight;
        }
    }
}
