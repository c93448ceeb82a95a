// SPDX-License-Identifier: MIT OR Apache-2.0
//! Huge pages.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "HugeTLB".

use super::fields::limits_of;
use crate::value::{Bytes, GIB, KIB, MIB, Max};

/// How much memory in huge pages of one size a group may have; what is unset is left alone. The kernel rounds down to
/// whole pages.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct HugetlbLimits {
    /// The most that is in use; beyond it a page is not to be had, and who touches it gets SIGBUS.
    #[doc(alias = "hugetlb.max")]
    #[doc(alias = "hugetlb.limit_in_bytes")]
    pub max: Option<Max<Bytes>>,
    /// The most that is reserved, at mmap(2), which fails beyond it.
    #[doc(alias = "hugetlb.rsvd.max")]
    #[doc(alias = "hugetlb.rsvd.limit_in_bytes")]
    pub reserved: Option<Max<Bytes>>,
}

limits_of!(HugetlbLimits { reserved: HugetlbReserved as Amount, max: HugetlbMax as Amount });

/// A size of pages as the files' names have it: "2MB".
pub(crate) fn page_size(bytes: Bytes) -> String {
    let unit = [(GIB, "GB"), (MIB, "MB")].into_iter().find(|(unit, _)| bytes >= *unit).unwrap_or((KIB, "KB"));
    format!("{}{}", bytes.as_u64() / unit.0.as_u64(), unit.1)
}

impl HugetlbLimits {
    pub(super) fn settings(&self, size: Bytes, to: &mut Vec<super::Setting>) {
        self.own_settings(Some(&page_size(size)), to);
    }

    pub(super) fn unset(&mut self, key: super::Key) {
        self.unset_own(key);
    }

    pub(super) fn problems(size: Bytes, problems: &mut Vec<String>) {
        if !size.as_u64().is_power_of_two() || size <= 4 * KIB {
            problems.push(format!("hugetlb.{} is no size of huge pages: write 2MB or 1GB", size.human()));
        }
    }
}
