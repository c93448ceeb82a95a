// SPDX-License-Identifier: MIT OR Apache-2.0
//! What must hold of every text that is read, whoever wrote it: nothing panics, nothing is lost, every tree ends.
//!
//! Neither built for users nor part of the interface: the targets in `fuzz/` call it with texts of their making, the tests
//! with those that are kept in `fuzz/seeds/`.

use crate::mounts::{Idmap, Mounts};
use crate::table::{MountInfo, MountTree};

/// A table of mounts: what is read is read whole, and the tree of it ends.
pub fn mountinfo(text: &[u8]) {
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
}

/// Lines of mounts, and the words in them: what is read and can be said is read from that as the same again.
pub fn fstab(text: &[u8]) {
    match Mounts::from_fstab(text) {
        Ok(mounts) => {
            let _problems = mounts.problems();
            if let Ok(said) = mounts.to_fstab() {
                assert_eq!(Mounts::from_fstab(&said).ok(), Some(mounts), "{:?}", String::from_utf8_lossy(&said));
            }
        }
        Err(error) => assert!(!error.problems().is_empty(), "{error}"),
    }
    if let Ok(map) = String::from_utf8_lossy(text).parse::<Idmap>() {
        assert_eq!(map.to_string().parse(), Ok(map));
    }
}

#[cfg(test)]
mod tests {
    use needs::seeds;

    use super::*;

    #[test]
    fn what_was_kept_of_fuzzing_is_read_well() {
        seeds!("mountinfo").iter().for_each(|seed| mountinfo(seed));
        seeds!("fstab").iter().for_each(|seed| fstab(seed));
    }
}
