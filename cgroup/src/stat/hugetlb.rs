// SPDX-License-Identifier: MIT OR Apache-2.0
//! Huge pages.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "HugeTLB"; cgroup-v1/hugetlb.rst.

use super::Named;
use super::memory::amount;
use super::refill::stat;
use crate::text::number;
use crate::v1::convert::limit_in;
use crate::value::{Bytes, Max};

stat! {
    /// Huge pages of one size.
    pub struct HugetlbStat {
        /// What it has now.
        #[doc(alias = "hugetlb.<size>.current")]
        current: Option<Bytes>,
        /// The most it may have.
        #[doc(alias = "hugetlb.<size>.max")]
        max: Option<Max<Bytes>>,
        /// The most it ever had; version 1 alone.
        #[doc(alias = "hugetlb.<size>.max_usage_in_bytes")]
        peak: Option<Bytes>,
        /// How often it wanted more than it may have.
        #[doc(alias = "hugetlb.<size>.events")]
        #[doc(alias = "hugetlb.<size>.failcnt")]
        refused: Option<u64>,
        /// The same without groups below; version 2 alone.
        #[doc(alias = "hugetlb.<size>.events.local")]
        refused_local: Option<u64>,
        /// What it has reserved now; Linux 5.7.
        #[doc(alias = "hugetlb.<size>.rsvd.current")]
        reserved: Option<Bytes>,
        /// The most it may reserve; Linux 5.7.
        #[doc(alias = "hugetlb.<size>.rsvd.max")]
        reserved_max: Option<Max<Bytes>>,
        /// The most it ever had reserved; version 1 alone.
        #[doc(alias = "hugetlb.<size>.rsvd.max_usage_in_bytes")]
        reserved_peak: Option<Bytes>,
        /// How often it wanted to reserve more than it may; version 1 alone.
        #[doc(alias = "hugetlb.<size>.rsvd.failcnt")]
        reserved_refused: Option<u64>,
        /// What the kernel told and this crate has no name for, by the kernel's keys.
        other: Named<String>,
    }
}

/// What a file says of pages of one size.
pub(super) type Fill = fn(&mut HugetlbStat, &str);

/// The ends of the names of files, and what each says. Those of one version are not there in the other.
pub(super) const FILES: [(&str, Fill); 14] = [
    ("current", |stat, text| stat.current = amount(text)),
    ("max", |stat, text| stat.max = text.parse().ok()),
    ("events", |stat, text| stat.other.take_refused(text, &mut stat.refused)),
    ("events.local", |stat, text| stat.other.take_refused(text, &mut stat.refused_local)),
    ("rsvd.current", |stat, text| stat.reserved = amount(text)),
    ("rsvd.max", |stat, text| stat.reserved_max = text.parse().ok()),
    ("usage_in_bytes", |stat, text| stat.current = amount(text)),
    ("limit_in_bytes", |stat, text| stat.max = limit_in(text)),
    ("max_usage_in_bytes", |stat, text| stat.peak = amount(text)),
    ("failcnt", |stat, text| stat.refused = number(text)),
    ("rsvd.usage_in_bytes", |stat, text| stat.reserved = amount(text)),
    ("rsvd.limit_in_bytes", |stat, text| stat.reserved_max = limit_in(text)),
    ("rsvd.max_usage_in_bytes", |stat, text| stat.reserved_peak = amount(text)),
    ("rsvd.failcnt", |stat, text| stat.reserved_refused = number(text)),
];

/// The page size that a file of this name tells the amount of: "hugetlb.2MB.current".
pub(super) fn size_of(file: &str) -> Option<&str> {
    let rest = file.strip_prefix("hugetlb.")?;
    let size = rest.strip_suffix(".current").or_else(|| rest.strip_suffix(".usage_in_bytes"))?;
    (!size.contains('.')).then_some(size)
}
