// SPDX-License-Identifier: MIT OR Apache-2.0
//! Version 2's rule of no internal processes: what the kernel does, and what is said before it does.

use std::fs;
use std::path::Path;

use needs::{Need, isolated, needs, token};
use skep_cgroup::{Cgroup, Controller, ErrorKind, Layout, Reason, Version};

use crate::support::{Swept, directory, end, name, only, read, said, sleeper};

/// A controller that version 2 has here, and which does not know threads; that there is none is noted.
fn ordinary() -> Option<Controller> {
    let layout = Layout::detect().unwrap();
    let v2 = layout.v2().map_or(&[][..], |v2| v2.controllers());
    let found = [Controller::Memory, Controller::Io, Controller::Hugetlb].into_iter().find(|found| v2.contains(found));
    let unmet = found.is_none().then(|| "cgroup v2 has none of memory, io and hugetlb".to_owned());
    if Need::new("a cgroup v2 controller of whole processes", unmet).skip() { None } else { found }
}

#[test]
fn a_group_with_processes_gives_no_controllers_and_we_say_so_first() {
    needs!(root);
    let Some(controller) = ordinary() else { return };
    isolated(|| {
        only(Version::V2);
        let layout = Layout::detect().unwrap();
        // Above has the controller to give, and a process.
        let above = Swept(Cgroup::create_with(&layout, name("inner"), [controller]).unwrap());
        let at = directory(&above, None);
        let child = sleeper();
        above.add(child.id()).unwrap();
        // The kernel's own answer.
        let refused = fs::write(at.join("cgroup.subtree_control"), format!("+{controller}")).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EBUSY));
        // Ours, and nothing is left of the group.
        let below = format!("{}/below", name("inner"));
        let error = Cgroup::create_with(&layout, &below, [controller]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState);
        said::check("controllers below a group with processes", &error, &[(at.to_str().unwrap(), "GROUP")]);
        assert!(!at.join("below").exists());
        // Without controllers it can be made: to keep track of processes, and to kill them.
        let group = Cgroup::create_in(&layout, &below).unwrap();
        group.add(child.id()).unwrap();
        // And now above has no process of its own.
        let again = Cgroup::create_with(&layout, format!("{}/again", name("inner")), [controller]).unwrap();
        assert!(read(at.join("cgroup.subtree_control")).contains(&controller.to_string()));
        // From now on nobody can join it: the other side of the rule.
        let error = above.add(child.id()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        let pid = format!("process {} to", child.id());
        said::check(
            "a process for a group that gives controllers",
            &error,
            &[(at.to_str().unwrap(), "GROUP"), (&pid, "process PID to")],
        );
        again.remove().unwrap();
        end(child);
    });
}

/// The trap that we keep out of: the kernel does give controllers that know threads below a group with processes.
#[test]
fn below_a_group_with_processes_pids_makes_groups_that_no_process_can_join() {
    needs!(root, cgroup2("pids"));
    isolated(|| {
        let layout = Layout::detect().unwrap();
        let above = Swept(Cgroup::create_with(&layout, name("trap"), [Controller::Pids]).unwrap());
        let at = directory(&above, None);
        let child = sleeper();
        above.add(child.id()).unwrap();
        let below = Cgroup::create_in(&layout, format!("{}/below", name("trap"))).unwrap();
        assert_eq!(below.apply(&skep_cgroup::Limits::new().pids_max(5)).unwrap_err().kind(), ErrorKind::WrongState);
        assert_eq!(read(at.join("cgroup.subtree_control")), "");
        fs::write(at.join("cgroup.subtree_control"), "+pids").unwrap();
        assert_eq!(read(at.join("below/cgroup.type")), "domain invalid");
        let error = below.add(child.id()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState);
        let pid = format!("process {} to", child.id());
        said::check(
            "a process for a group of threads",
            &error,
            &[(at.to_str().unwrap(), "GROUP"), (&pid, "process PID to")],
        );
        end(child);
    });
}

/// Puts this process into a group of version 2 while `body` runs.
fn from_within(group: &Cgroup, body: impl FnOnce()) {
    let own = directory(group, None);
    let pid = std::process::id().to_string();
    fs::write(own.join("cgroup.procs"), &pid).unwrap();
    body();
    let root = Layout::detect().unwrap().v2().unwrap().mount_point().to_owned();
    fs::write(root.join("cgroup.procs"), &pid).unwrap();
}

#[test]
fn a_relative_path_begins_at_our_own_group_and_takes_no_limits_there() {
    needs!(root);
    let Some(controller) = ordinary() else { return };
    isolated(|| {
        only(Version::V2);
        let layout = Layout::detect().unwrap();
        let home = Swept(Cgroup::create_with(&layout, name("home"), [controller]).unwrap());
        let at = directory(&home, None);
        from_within(&home, || {
            let layout = Layout::detect().unwrap();
            assert_eq!(layout.v2().unwrap().own_group(), Some(Path::new(&name("home"))));
            let relative = format!("{}-relative", token());
            let group = Cgroup::create_in(&layout, &relative).unwrap();
            assert_eq!(group.directories().collect::<Vec<_>>(), [at.join(&relative)]);
            assert_eq!(group.directories().collect::<Vec<_>>(), layout.directories(&relative, []));
            group.remove().unwrap();
            let error = Cgroup::create_with(&layout, &relative, [controller]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WrongState);
            assert!(error.hint().is_some_and(|hint| hint.contains("absolute path")), "{}", said::all(&error));
            // And it is said beforehand.
            if controller == Controller::Memory {
                let limits = skep_cgroup::Limits::new().memory_max(64 * skep_cgroup::MIB);
                let lacks = layout.assess(&relative, &limits).unwrap();
                assert_eq!(lacks[0].reason(), Reason::HasProcesses);
                assert!(limits.without(&lacks).is_empty());
            }
        });
    });
}
