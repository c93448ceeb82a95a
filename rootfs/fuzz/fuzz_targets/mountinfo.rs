// SPDX-License-Identifier: MIT OR Apache-2.0
//! Texts of mountinfo: none panics, what is read is read whole, and the tree of it ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skep_rootfs::{MountInfo, MountTree};

fuzz_target!(|text: &[u8]| {
    let lines = || text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let Some(mounts) = MountInfo::parse_all(text) else {
        assert!(lines().any(|line| MountInfo::parse(line).is_none()));
        return;
    };
    assert_eq!(mounts.len(), lines().count());
    for (mount, line) in mounts.iter().zip(lines()) {
        assert_eq!(MountInfo::parse(line).as_ref(), Some(mount));
        // An escape is never shorter than what it stands for.
        assert!(mount.target.as_os_str().len() <= line.len());
    }
    let tree = MountTree::new(&mounts);
    for mount in &mounts {
        let _at = tree.at(&mount.target);
        assert!(tree.children(mount).all(|child| child.parent == mount.id));
        assert!(tree.below(&mount.target).all(|below| below.target != mount.target));
    }
});
