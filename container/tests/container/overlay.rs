// SPDX-License-Identifier: MIT OR Apache-2.0
//! Roots whose changes go elsewhere, and roots in memory.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use needs::{isolated, needs};
use skep::Container;
use skep::rootfs::{Bind, Changes, Mounts, RootSpec, Symlink, View};

use crate::common::text_of;
use crate::tree::Tree;

#[test]
fn what_a_program_changes_in_a_copy_on_write_root_is_gone_with_it() {
    needs!(userns, program("busybox"), kernel(5, 11));
    isolated(|| {
        let tree = Tree::new();
        fs::write(tree.root().join("etc/name"), "old").unwrap();
        let before = tree.listing();
        let script =
            "echo new > /etc/name; touch /x; rm -r /tmp; cat /etc/name; ls /; grep -c ' / / ' /proc/self/mountinfo";
        let said = text_of(tree.shell(script).copy_on_write());
        assert_eq!(said, "new\nbin\ndev\netc\nproc\nsys\nx\n1\n");
        assert_eq!(tree.listing(), before);
        assert_eq!(fs::read_to_string(tree.root().join("etc/name")).unwrap(), "old");
    });
}

#[test]
fn changes_that_are_kept_are_there_for_the_next_container() {
    needs!(userns, program("busybox"), kernel(5, 11));
    isolated(|| {
        let tree = Tree::new();
        let before = tree.listing();
        let root = RootSpec::new(tree.root()).changes(Changes::Kept(tree.states())).nosuid();
        assert_eq!(text_of(tree.shell("echo x > /etc/made; rmdir /tmp").root_spec(root.clone())), "");
        assert_eq!(text_of(tree.shell("cat /etc/made; ls /").root_spec(root)), "x\nbin\ndev\netc\nproc\nsys\n");
        assert_eq!(tree.listing(), before);
        assert_eq!(fs::read_to_string(tree.states().join("upper/etc/made")).unwrap(), "x\n");
        // The kernel leaves a directory in it that nobody may look into.
        fs::set_permissions(tree.states().join("work/work"), fs::Permissions::from_mode(0o700)).unwrap();
    });
}

#[test]
fn a_root_in_memory_has_what_is_bound_into_it() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let tree = Tree::new();
        let bin = Bind::new(tree.root().join("bin"), "/usr/bin").read_only();
        let mounts = Mounts::standard().add(bin).add(Symlink::new("/bin", "usr/bin"));
        let builder =
            tree.shell("ls /; touch /x && echo yes; readlink /bin").root_spec(RootSpec::tmpfs()).mounts(mounts);
        assert_eq!(text_of(builder), "bin\ndev\nproc\nsys\nusr\nyes\nusr/bin\n");
    });
}

#[test]
fn what_this_machine_lacks_for_changes_is_told_beforehand() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let tree = Tree::new();
        let problems = |changes| {
            let root = RootSpec::new(tree.root()).changes(changes);
            tree.shell(":").root_spec(root).plan().unwrap_err().problems().to_vec()
        };
        let file = tree.root().join("bin/busybox");
        assert_eq!(problems(Changes::Kept(file.clone())), [format!("root.changes.kept {file:?} is no directory")]);
        let deep = tree.states().join("a");
        let told = problems(Changes::Kept(deep.clone()));
        assert_eq!(told, [format!("root.changes.kept {deep:?} does not exist, nor does {:?}", tree.states())]);
        let missing = Mounts::new().add(Bind::new("/no/such", "/x"));
        let builder = tree.shell(":").root_spec(RootSpec::tmpfs()).mounts(missing);
        assert_eq!(builder.plan().unwrap_err().problems(), ["mounts[0].source \"/no/such\" does not exist"]);
    });
}

#[test]
fn a_container_lives_in_a_view_of_this_machine() {
    needs!(userns, kernel(5, 11));
    isolated(|| {
        let view = View::of_this_machine(!crate::common::is_root(), Changes::in_memory()).unwrap();
        let notes = view.notes.clone();
        let script =
            "echo x > /etc/skep-made-in-a-view; cat /etc/skep-made-in-a-view; cat /etc/passwd; ls -A /tmp /run";
        let builder = Container::anonymous()
            .namespaces(crate::common::namespaces())
            .root_spec(view.root)
            .mounts(view.mounts.and(Mounts::standard()))
            .env("PATH", "/usr/bin:/bin")
            .command("sh", ["-c", script]);
        let passwd = fs::read_to_string("/etc/passwd").unwrap();
        assert_eq!(text_of(builder), format!("x\n{passwd}/run:\n\n/tmp:\n"), "{notes:?}");
        assert!(!fs::exists("/etc/skep-made-in-a-view").unwrap());
    });
}
