// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whose is what is made in a user namespace that does not map who makes it.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};

use needs::{isolated, needs};
use skep::ns::{IdMap, IdRange};
use skep::rootfs::{Mounts, RootSpec, Symlink, Tmpfs};

use crate::common::{namespaces, text_of};
use crate::tree::Tree;

/// Beyond what this machine gives to anybody.
const BLOCK: u32 = 300_000;

/// Whose the things are, and that they can be used.
const LOOK: &str =
    "stat -c %u:%g /dev /dev/shm /dev/fd /dev/pts/ptmx; echo x > /dev/null; touch /dev/shm/x && echo used";

#[test]
fn what_is_made_where_root_is_somebody_else_outside_is_root_s() {
    needs!(root, userns, program("busybox"));
    isolated(|| {
        let map = IdMap::whole(BLOCK, 65_536);
        let said = text_of(Tree::new().shell(LOOK).namespaces(namespaces().user(map)));
        assert_eq!(said, "0:0\n0:0\n0:0\n0:0\nused\n");
    });
}

#[test]
fn what_is_made_where_there_is_no_root_is_the_user_s() {
    needs!(root, userns, program("busybox"));
    isolated(|| {
        let map = IdMap::new().both(IdRange::new(1000, BLOCK, 10));
        let said = text_of(Tree::new().shell(LOOK).namespaces(namespaces().user(map)).user(1003, 1004));
        assert_eq!(said, "1003:1004\n1003:1004\n1003:1004\n1003:1004\nused\n");
    });
}

#[test]
fn what_is_made_for_a_user_who_keeps_their_id_is_root_s() {
    needs!(user, subids, userns, program("busybox"));
    isolated(|| {
        let me = nix::unistd::geteuid();
        let name = nix::unistd::User::from_uid(me).unwrap().unwrap().name;
        let whole = IdMap::from_subid(&name).unwrap();
        let (uid, gid) = (whole.outside_uid(1).unwrap(), whole.outside_gid(1).unwrap());
        let map = IdMap::new()
            .uid(IdRange::new(0, uid, 1))
            .gid(IdRange::new(0, gid, 1))
            .uid(IdRange::new(1000, me.as_raw(), 1))
            .gid(IdRange::new(1000, nix::unistd::getegid().as_raw(), 1));
        let tree = Tree::new();
        let builder = tree.shell(LOOK).namespaces(namespaces().user(map));
        assert_eq!(text_of(builder.user(0, 0)), "0:0\n0:0\n0:0\n0:0\nused\n");
    });
}

#[test]
fn a_root_that_is_kept_in_memory_is_the_owner_s_too() {
    needs!(root, userns, program("busybox"), kernel(5, 11));
    isolated(|| {
        let tree = Tree::new();
        let map = IdMap::new().both(IdRange::new(1000, BLOCK, 10));
        let script = "touch /tmp/x && stat -c %u:%g /tmp/x";
        // The directory is the owner's outside, as a tree for such a namespace is.
        chown(tree.root().join("tmp"), Some(BLOCK), Some(BLOCK)).unwrap();
        let on_write = tree.shell(script).copy_on_write().namespaces(namespaces().user(map.clone())).user(1000, 1000);
        assert_eq!(text_of(on_write), "1000:1000\n");
        assert!(!tree.root().join("tmp/x").exists());
        let mounts = Mounts::standard()
            .add(skep::rootfs::Bind::new(tree.root().join("bin"), "/usr/bin").read_only())
            .add(Symlink::new("/bin", "usr/bin"));
        let memory = tree.shell("stat -c %u:%g / /usr /bin; touch /x && echo used").root_spec(RootSpec::tmpfs());
        let memory = memory.mounts(mounts).namespaces(namespaces().user(map)).user(1000, 1000);
        assert_eq!(text_of(memory), "1000:1000\n1000:1000\n1000:1000\nused\n");
    });
}

#[test]
fn what_is_made_in_a_tree_is_the_owner_s_where_they_may_and_else_the_maker_s() {
    needs!(root, userns, program("busybox"));
    isolated(|| {
        let tree = Tree::new();
        fs::create_dir(tree.root().join("theirs")).unwrap();
        chown(tree.root().join("theirs"), Some(BLOCK), Some(BLOCK)).unwrap();
        let mounts = Mounts::standard()
            .add(Tmpfs::new("/theirs/made").create_target())
            .add(Tmpfs::new("/ours").create_target())
            .add(Symlink::new("/theirs/link", "made"));
        let shell = tree.shell("stat -c %u:%g /theirs/made /ours /theirs/link").mounts(mounts);
        let said = text_of(shell.namespaces(namespaces().user(IdMap::whole(BLOCK, 65_536))));
        assert_eq!(said, "0:0\n0:0\n0:0\n");
        let owner = |path: &str| fs::symlink_metadata(tree.root().join(path)).unwrap().uid();
        assert_eq!(["theirs/made", "theirs/link", "ours"].map(owner), [BLOCK, BLOCK, 0]);
    });
}
