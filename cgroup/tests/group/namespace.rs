// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cgroup namespaces: what is above is out of view.

use std::fs;

use needs::{Scratch, isolated, needs, token};
use nix::sched::{CloneFlags, unshare};
use skep_cgroup::{Cgroup, ErrorKind, Layout, Version};

use crate::support::{LONG, Swept, create, directory, end, has_version, only, read, run, said, sleeper, text};

#[test]
fn in_a_cgroup_namespace_a_new_mount_begins_at_our_own_group() {
    needs!(root);
    if !has_version(Version::V2) {
        return;
    }
    isolated(|| {
        only(Version::V2);
        // Where version 2 is mounted with nsdelegate, it is not to be killed by its file from within.
        let home = create("namespace");
        // A thread's own namespace: the others see the mounts as before.
        std::thread::scope(|scope| scope.spawn(|| in_a_namespace(&home)).join().unwrap());
    });
}

#[allow(clippy::disallowed_methods, reason = "a thread of its own, which ends with it")]
fn in_a_namespace(home: &Cgroup) {
    let pid = std::process::id().to_string();
    let at = directory(home, None);
    let (inside, outside) = (sleeper(), sleeper());
    home.add(inside.id()).unwrap();
    let root = Layout::detect().unwrap().v2().unwrap().mount_point().to_owned();
    let back = fs::OpenOptions::new().write(true).open(root.join("cgroup.procs")).unwrap();
    fs::write(at.join("cgroup.procs"), &pid).unwrap();
    unshare(CloneFlags::CLONE_NEWCGROUP).unwrap();

    // The mount from before shows more than the names that we have.
    let layout = Layout::detect().unwrap();
    assert_eq!(layout.v2().unwrap().own_group(), None, "{layout}");
    let relative = format!("{}-relative", token());
    let error = Cgroup::create(&relative).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongState, "{}", said::all(&error));

    let scratch = Scratch::new();
    run("mount", &["-t", "cgroup2", "cgroup2", text(scratch.path())]);
    let layout = Layout::detect().unwrap();
    let v2 = layout.v2().unwrap();
    assert_eq!((v2.mount_point(), v2.own_group()), (scratch.path(), Some("/".as_ref())), "{layout}");
    // What is of the root group alone is not there, whatever the mount looks like.
    let error = layout.io_cost_qos().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", said::all(&error));
    assert!(said::all(&error).contains("the root of a cgroup namespace"), "{}", said::all(&error));
    let group = Swept(Cgroup::create_in(&layout, &relative).unwrap());
    assert_eq!(group.directories().collect::<Vec<_>>(), [scratch.join(&relative)]);
    assert!(at.join(&relative).is_dir());
    group.add(inside.id()).unwrap();
    assert_eq!(group.procs().unwrap(), [inside.id()]);
    // Whether others may be taken in is the mount's word.
    let delegates = read("/proc/self/mountinfo").contains("nsdelegate");
    let added = group.add(outside.id());
    assert_eq!(added.is_err(), delegates);
    if let Err(error) = added {
        assert_eq!(error.kind(), ErrorKind::Denied, "{}", said::all(&error));
        let (number, name) = (format!("process {} to", outside.id()), relative.as_str());
        said::check(
            "a process from out of the cgroup namespace",
            &error,
            &[(text(scratch.path()), "HIERARCHY"), (name, "NAME"), (&number, "process PID to")],
        );
    }
    group.kill().unwrap();
    group.wait_empty(LONG).unwrap();
    drop(group);
    run("umount", &[text(scratch.path())]);
    // Opened before: its right is that of the opener, in the namespace of then.
    std::io::Write::write_all(&mut &back, pid.as_bytes()).unwrap();
    drop(back);
    let mut inside = inside;
    inside.wait().unwrap();
    end_either_way(outside);
}

fn end_either_way(mut child: std::process::Child) {
    if child.try_wait().unwrap().is_none() {
        end(child);
    }
}
