// SPDX-License-Identifier: MIT OR Apache-2.0
//! What memory is used for: `memory.stat`, whole.
//!
//! Version 1 has other words for some of it, and says it twice: of the group by itself, and under "total_…" with the groups
//! below. The second is what version 2 says.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "memory.stat"; cgroup-v1/memory.rst, "stat file"; mm/memcontrol.c,
//! `memory_stats`.

use super::refill::{count, keyed};
use crate::text::{flat, number};
use crate::value::Bytes;

keyed! {
    /// What the memory of a group is used for, and what was done for its sake. Fields have the kernel's names.
    ///
    /// Amounts are of now, counts since the group was made; groups below are included. Of version 1 what version 2 has no
    /// word for is in `other`, and so is what it says of the group by itself.
    #[doc(alias = "memory.stat")]
    pub struct MemoryUse {
        /// Memory of processes: heaps and stacks.
        anon: Bytes = Bytes::new["anon"];
        /// Cached contents of files, tmpfs and shared memory included.
        file: Bytes = Bytes::new["file"];
        /// All that the kernel has for the group, the six below it among that; Linux 5.18.
        kernel: Bytes = Bytes::new["kernel"];
        /// Kernel stacks.
        kernel_stack: Bytes = Bytes::new["kernel_stack"];
        /// Page tables.
        pagetables: Bytes = Bytes::new["pagetables"];
        /// Page tables of virtual machines and devices; Linux 6.1.
        sec_pagetables: Bytes = Bytes::new["sec_pagetables"];
        /// What the kernel has once for each processor.
        percpu: Bytes = Bytes::new["percpu"];
        /// Buffers of network connections.
        sock: Bytes = Bytes::new["sock"];
        /// What the kernel has mapped page by page; Linux 5.18.
        vmalloc: Bytes = Bytes::new["vmalloc"];
        /// Memory behind a file of tmpfs, shared memory, or shared anonymous mappings.
        shmem: Bytes = Bytes::new["shmem"];
        /// What compressed swap takes; Linux 5.19.
        zswap: Bytes = Bytes::new["zswap"];
        /// What was swapped out into compressed swap; Linux 5.19.
        zswapped: Bytes = Bytes::new["zswapped"];
        /// Cached contents of files that are mapped.
        file_mapped: Bytes = Bytes::new["file_mapped"];
        /// Cached contents of files that are not written yet.
        file_dirty: Bytes = Bytes::new["file_dirty"];
        /// Cached contents of files that are being written.
        file_writeback: Bytes = Bytes::new["file_writeback"];
        /// Swapped out, and in memory too; Linux 5.11.
        swapcached: Bytes = Bytes::new["swapcached"];
        /// Memory of processes in transparent huge pages.
        anon_thp: Bytes = Bytes::new["anon_thp"];
        /// Cached contents of files in transparent huge pages; Linux 5.11.
        file_thp: Bytes = Bytes::new["file_thp"];
        /// Shared memory in transparent huge pages; Linux 5.11.
        shmem_thp: Bytes = Bytes::new["shmem_thp"];
        /// Of processes, not used of late.
        inactive_anon: Bytes = Bytes::new["inactive_anon"];
        /// Of processes, used of late.
        active_anon: Bytes = Bytes::new["active_anon"];
        /// Of files, not used of late.
        inactive_file: Bytes = Bytes::new["inactive_file"];
        /// Of files, used of late.
        active_file: Bytes = Bytes::new["active_file"];
        /// What cannot be taken away, such as locked memory.
        unevictable: Bytes = Bytes::new["unevictable"];
        /// Objects of the kernel that can be taken away, such as names in directories.
        slab_reclaimable: Bytes = Bytes::new["slab_reclaimable"];
        /// Objects of the kernel that cannot.
        slab_unreclaimable: Bytes = Bytes::new["slab_unreclaimable"];
        /// Objects of the kernel.
        slab: Bytes = Bytes::new["slab"];
        /// Huge pages, where they are counted as memory; Linux 6.13.
        hugetlb: Bytes = Bytes::new["hugetlb"];
        /// Pages of processes that were taken away and needed again; Linux 5.9.
        workingset_refault_anon: u64 = count["workingset_refault_anon"];
        /// Pages of files that were taken away and needed again; Linux 5.9.
        workingset_refault_file: u64 = count["workingset_refault_file"];
        /// Those of processes among them that were in use at once; Linux 5.9.
        workingset_activate_anon: u64 = count["workingset_activate_anon"];
        /// Those of files among them that were in use at once; Linux 5.9.
        workingset_activate_file: u64 = count["workingset_activate_file"];
        /// Those of processes among them that had been in use before; Linux 5.9.
        workingset_restore_anon: u64 = count["workingset_restore_anon"];
        /// Those of files among them that had been in use before; Linux 5.9.
        workingset_restore_file: u64 = count["workingset_restore_file"];
        /// How often a record of what was taken away was itself taken away.
        workingset_nodereclaim: u64 = count["workingset_nodereclaim"];
        /// Pages that were swapped in; Linux 6.13.
        pswpin: u64 = count["pswpin"];
        /// Pages that were swapped out; Linux 6.13.
        pswpout: u64 = count["pswpout"];
        /// Pages that were looked at in order to take some away.
        pgscan: u64 = count["pgscan"];
        /// Pages that were taken away.
        pgsteal: u64 = count["pgsteal"];
        /// Pages that kswapd looked at; Linux 5.19.
        pgscan_kswapd: u64 = count["pgscan_kswapd"];
        /// Pages that processes in need looked at; Linux 5.19.
        pgscan_direct: u64 = count["pgscan_direct"];
        /// Pages that khugepaged looked at; Linux 6.2.
        pgscan_khugepaged: u64 = count["pgscan_khugepaged"];
        /// Pages that were looked at for `memory.reclaim`; Linux 6.15.
        pgscan_proactive: u64 = count["pgscan_proactive"];
        /// Pages that kswapd took away; Linux 5.19.
        pgsteal_kswapd: u64 = count["pgsteal_kswapd"];
        /// Pages that processes in need took away; Linux 5.19.
        pgsteal_direct: u64 = count["pgsteal_direct"];
        /// Pages that khugepaged took away; Linux 6.2.
        pgsteal_khugepaged: u64 = count["pgsteal_khugepaged"];
        /// Pages that were taken away for `memory.reclaim`; Linux 6.15.
        pgsteal_proactive: u64 = count["pgsteal_proactive"];
        /// Page faults.
        pgfault: u64 = count["pgfault"];
        /// Page faults that had to wait for a device.
        pgmajfault: u64 = count["pgmajfault"];
        /// Pages in use that were looked at in order to find some that are not.
        pgrefill: u64 = count["pgrefill"];
        /// Pages that came into use.
        pgactivate: u64 = count["pgactivate"];
        /// Pages that went out of use.
        pgdeactivate: u64 = count["pgdeactivate"];
        /// Pages that were given up until there is need.
        pglazyfree: u64 = count["pglazyfree"];
        /// Given up pages that were taken.
        pglazyfreed: u64 = count["pglazyfreed"];
        /// Pages of zeros that came back without a device; Linux 6.13.
        swpin_zero: u64 = count["swpin_zero"];
        /// Pages of zeros that went without a device; Linux 6.13.
        swpout_zero: u64 = count["swpout_zero"];
        /// Pages that came out of compressed swap; Linux 5.19.
        zswpin: u64 = count["zswpin"];
        /// Pages that went into compressed swap; Linux 5.19.
        zswpout: u64 = count["zswpout"];
        /// Pages of compressed swap that went to the device; Linux 6.8.
        zswpwb: u64 = count["zswpwb"];
        /// Huge pages that were had at a page fault.
        thp_fault_alloc: u64 = count["thp_fault_alloc"];
        /// Huge pages that were had to put small ones together.
        thp_collapse_alloc: u64 = count["thp_collapse_alloc"];
        /// Huge pages that were swapped out whole; Linux 6.6.
        thp_swpout: u64 = count["thp_swpout"];
        /// Huge pages that were split for that; Linux 6.6.
        thp_swpout_fallback: u64 = count["thp_swpout_fallback"];
        /// Pages that kswapd moved to slower memory; Linux 6.12.
        pgdemote_kswapd: u64 = count["pgdemote_kswapd"];
        /// Pages that processes in need moved to slower memory; Linux 6.12.
        pgdemote_direct: u64 = count["pgdemote_direct"];
        /// Pages that khugepaged moved to slower memory; Linux 6.12.
        pgdemote_khugepaged: u64 = count["pgdemote_khugepaged"];
        /// Pages that were moved to slower memory for `memory.reclaim`; Linux 6.15.
        pgdemote_proactive: u64 = count["pgdemote_proactive"];
        /// Pages that were moved to faster memory; Linux 6.12.
        pgpromote_success: u64 = count["pgpromote_success"];
        /// Pages that were moved to the node of their user; Linux 6.12.
        numa_pages_migrated: u64 = count["numa_pages_migrated"];
        /// Pages whose use was watched for that; Linux 6.12.
        numa_pte_updates: u64 = count["numa_pte_updates"];
        /// Faults by which it was seen; Linux 6.12.
        numa_hint_faults: u64 = count["numa_hint_faults"];
    }
}

impl MemoryUse {
    /// `memory.stat` of version 2.
    pub(super) fn read(&mut self, text: &str) {
        flat(text, |key, value| self.put(key, value));
    }

    /// `memory.stat` of version 1; the answer is the swap that is used.
    pub(super) fn read_v1(&mut self, text: &str) -> Option<Bytes> {
        let mut swap = None;
        flat(text, |key, value| match key.strip_prefix("total_") {
            Some("swap") => swap = number(value).map(Bytes::new),
            Some(total) if is_shared(total) => self.put(total, value),
            Some(total) => match v2_word(total) {
                Some(word) => self.put(word, value),
                None => self.other.put(key, value),
            },
            None => self.other.put(key, value),
        });
        swap
    }
}

/// The word of version 2 for one of version 1.
fn v2_word(word: &str) -> Option<&'static str> {
    Some(match word {
        "cache" => "file",
        "rss" => "anon",
        "rss_huge" => "anon_thp",
        "mapped_file" => "file_mapped",
        "dirty" => "file_dirty",
        "writeback" => "file_writeback",
        _ => return None,
    })
}

/// Whether a word of version 1 means the same in version 2.
fn is_shared(word: &str) -> bool {
    matches!(
        word,
        "shmem"
            | "swapcached"
            | "workingset_refault_anon"
            | "workingset_refault_file"
            | "pgfault"
            | "pgmajfault"
            | "inactive_anon"
            | "active_anon"
            | "inactive_file"
            | "active_file"
            | "unevictable"
    )
}
