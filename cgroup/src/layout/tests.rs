// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of the layout: texts of real machines, read as they are.

use proptest::prelude::*;

use super::text::{hierarchies, mounts};
use super::{Access, Hierarchy, Layout, LayoutKind};
use crate::controller::Controller;
use crate::path::GroupPath;

fn layout(mountinfo: &str, cgroup: &str) -> Layout {
    Layout { hierarchies: hierarchies(&mounts(mountinfo.as_bytes()), cgroup.as_bytes()), ..Layout::default() }
}

/// "v1 cpu,cpuacct /sys/fs/cgroup/cpu,cpuacct /user.slice", a line for each.
fn said(layout: &Layout) -> Vec<String> {
    let line = |found: &Hierarchy| {
        let own = found.own_group().map_or("out of view".into(), |own| own.display().to_string());
        format!("{} {} {} {own}", found.version(), found.title(), found.mount_point().display())
    };
    layout.hierarchies().iter().map(line).collect()
}

/// Debian 12, a login session.
const DEBIAN_12: (&str, &str) = (
    "22 27 0:20 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
27 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,discard,errors=remount-ro
28 22 0:6 / /sys/kernel/security rw,nosuid,nodev,noexec,relatime shared:8 - securityfs securityfs rw
31 22 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
32 22 0:27 / /sys/fs/pstore rw,nosuid,nodev,noexec,relatime shared:10 - pstore pstore rw
",
    "0::/user.slice/user-1000.slice/session-3.scope\n",
);

#[test]
fn debian_12_has_the_one_hierarchy() {
    let layout = layout(DEBIAN_12.0, DEBIAN_12.1);
    assert_eq!(layout.kind(), LayoutKind::V2);
    // Which controllers it offers is asked of the machine.
    assert_eq!(said(&layout), ["v2 no controllers /sys/fs/cgroup /user.slice/user-1000.slice/session-3.scope"]);
    assert_eq!(layout.tracking(), layout.v2());
}

/// A machine with controllers of version 1 and version 2 beside them; memory has us in a group, the others do not.
const HYBRID: (&str, &str) = (
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct
34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
36 31 0:33 / /sys/fs/cgroup/devices rw,relatime - cgroup cgroup rw,devices
37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
38 31 0:35 / /sys/fs/cgroup/blkio rw,relatime - cgroup cgroup rw,blkio
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
",
    "9:name=systemd:/
8:pids:/
7:blkio:/
6:freezer:/
5:devices:/
4:memory:/process_api/46fc94d06c5c9e2c6ad7de0e7d6c9ac2
3:cpuset:/
2:cpuacct:/
1:cpu:/
0::/
",
);

#[test]
fn a_hybrid_machine_has_us_in_different_groups() {
    let layout = layout(HYBRID.0, HYBRID.1);
    assert_eq!(layout.kind(), LayoutKind::Hybrid);
    assert_eq!(
        said(&layout),
        [
            "v2 no controllers /sys/fs/cgroup/unified /",
            "v1 cpu /sys/fs/cgroup/cpu /",
            "v1 cpuacct /sys/fs/cgroup/cpuacct /",
            "v1 cpuset /sys/fs/cgroup/cpuset /",
            "v1 memory /sys/fs/cgroup/memory /process_api/46fc94d06c5c9e2c6ad7de0e7d6c9ac2",
            "v1 devices /sys/fs/cgroup/devices /",
            "v1 freezer /sys/fs/cgroup/freezer /",
            "v1 io /sys/fs/cgroup/blkio /",
            "v1 pids /sys/fs/cgroup/pids /",
            "v1 name=systemd /sys/fs/cgroup/systemd /",
        ]
    );
    let place = |controller| {
        let path = GroupPath::new("create", "web/1".as_ref()).unwrap();
        layout.of(controller).unwrap().place(&path).unwrap().as_path().to_owned()
    };
    assert_eq!(place(Controller::Memory).to_str(), Some("process_api/46fc94d06c5c9e2c6ad7de0e7d6c9ac2/web/1"));
    assert_eq!(place(Controller::Cpu).to_str(), Some("web/1"));
}

/// Debian 10 with systemd's legacy hierarchies.
const LEGACY: (&str, &str) = (
    "25 18 0:22 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:9 - tmpfs tmpfs ro,mode=755
27 25 0:24 / /sys/fs/cgroup/systemd rw,nosuid,nodev,noexec,relatime shared:11 - cgroup cgroup rw,xattr,release_agent=/lib/systemd/systemd-cgroups-agent,name=systemd
30 25 0:27 / /sys/fs/cgroup/net_cls,net_prio rw,nosuid,nodev,noexec,relatime shared:15 - cgroup cgroup rw,net_cls,net_prio
31 25 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid,nodev,noexec,relatime shared:16 - cgroup cgroup rw,cpu,cpuacct
32 25 0:29 / /sys/fs/cgroup/memory rw,nosuid,nodev,noexec,relatime shared:17 - cgroup cgroup rw,memory
33 25 0:30 / /sys/fs/cgroup/freezer rw,nosuid,nodev,noexec,relatime shared:18 - cgroup cgroup rw,freezer
34 25 0:31 / /sys/fs/cgroup/pids rw,nosuid,nodev,noexec,relatime shared:19 - cgroup cgroup rw,pids
35 25 0:32 / /sys/fs/cgroup/cpuset rw,nosuid,nodev,noexec,relatime shared:20 - cgroup cgroup rw,cpuset,clone_children
",
    "7:cpuset:/
6:pids:/user.slice/user-0.slice/session-1.scope
5:freezer:/
4:memory:/user.slice/user-0.slice/session-1.scope
3:cpu,cpuacct:/user.slice
2:net_cls,net_prio:/
1:name=systemd:/user.slice/user-0.slice/session-1.scope
",
);

#[test]
fn controllers_that_are_mounted_together_are_one_hierarchy() {
    let layout = layout(LEGACY.0, LEGACY.1);
    assert_eq!(layout.kind(), LayoutKind::V1);
    assert_eq!(
        said(&layout),
        [
            "v1 name=systemd /sys/fs/cgroup/systemd /user.slice/user-0.slice/session-1.scope",
            "v1 net_cls,net_prio /sys/fs/cgroup/net_cls,net_prio /",
            "v1 cpu,cpuacct /sys/fs/cgroup/cpu,cpuacct /user.slice",
            "v1 memory /sys/fs/cgroup/memory /user.slice/user-0.slice/session-1.scope",
            "v1 freezer /sys/fs/cgroup/freezer /",
            "v1 pids /sys/fs/cgroup/pids /user.slice/user-0.slice/session-1.scope",
            "v1 cpuset /sys/fs/cgroup/cpuset /",
        ]
    );
    assert_eq!(layout.of(Controller::Cpu), layout.of(Controller::Cpuacct));
    assert_eq!(layout.tracking(), layout.of(Controller::Freezer));
    assert_eq!(layout.of(Controller::Io), None);
}

#[test]
fn a_hierarchy_of_systemds_alone_beside_version_2_makes_no_hybrid() {
    let more = "40 22 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n";
    let layout = layout(&format!("{}{more}", DEBIAN_12.0), &format!("1:name=systemd:/\n{}", DEBIAN_12.1));
    assert_eq!((layout.kind(), layout.hierarchies().len()), (LayoutKind::V2, 2));
}

#[test]
fn directories_are_the_tracking_one_then_each_that_a_controller_takes() {
    use Controller::{Cpu, Cpuacct, Hugetlb, Io, Memory, Pids};
    let said = |layout: &Layout, path: &str, controllers: &[Controller]| -> Vec<String> {
        let found = layout.directories(path, controllers.iter().copied());
        found.iter().map(|path| path.display().to_string()).collect()
    };
    let legacy = layout(LEGACY.0, LEGACY.1);
    assert_eq!(said(&legacy, "/web/1", &[]), ["/sys/fs/cgroup/freezer/web/1"]);
    assert_eq!(
        // cpu and cpuacct share one; there is no io, and making the group would fail.
        said(&legacy, "web", &[Cpu, Memory, Cpuacct, Io]),
        [
            "/sys/fs/cgroup/freezer/web",
            "/sys/fs/cgroup/cpu,cpuacct/user.slice/web",
            "/sys/fs/cgroup/memory/user.slice/user-0.slice/session-1.scope/web",
        ]
    );
    let hybrid = layout(HYBRID.0, HYBRID.1);
    assert_eq!(said(&hybrid, "/web", &[Pids, Hugetlb]), ["/sys/fs/cgroup/unified/web", "/sys/fs/cgroup/pids/web"]);
    let one = layout(DEBIAN_12.0, DEBIAN_12.1);
    assert_eq!(
        said(&one, "web", &[Cpu, Cpuacct, Memory]),
        ["/sys/fs/cgroup/user.slice/user-1000.slice/session-3.scope/web"]
    );
    for path in ["", "/", "..", "a/../b"] {
        assert!(said(&hybrid, path, &[Pids]).is_empty());
    }
}

/// Docker on a machine with version 1, which binds our own group of each hierarchy and makes no cgroup namespace.
#[test]
fn a_bound_subtree_has_our_own_group_as_its_root() {
    let mountinfo = "\
612 605 0:62 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw,mode=755
613 612 0:29 /docker/5b4c8d1f /sys/fs/cgroup/memory ro,nosuid,nodev,noexec,relatime master:17 - cgroup cgroup rw,memory
614 612 0:31 /docker/5b4c8d1f /sys/fs/cgroup/pids ro,nosuid,nodev,noexec,relatime master:19 - cgroup cgroup rw,pids
615 612 0:30 /docker/ffffffff /sys/fs/cgroup/freezer ro,nosuid,nodev,noexec,relatime master:18 - cgroup cgroup rw,freezer
";
    let cgroup = "6:pids:/docker/5b4c8d1f/inner\n5:freezer:/docker/5b4c8d1f\n4:memory:/docker/5b4c8d1f\n";
    assert_eq!(
        said(&layout(mountinfo, cgroup)),
        [
            "v1 memory /sys/fs/cgroup/memory /",
            "v1 pids /sys/fs/cgroup/pids /inner",
            "v1 freezer /sys/fs/cgroup/freezer out of view",
        ]
    );
}

#[test]
fn in_a_cgroup_namespace_what_is_above_begins_with_dots() {
    let v2 = |root: &str| format!("31 22 0:26 {root} /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
    let own = |root: &str, group: &str| {
        let layout = layout(&v2(root), &format!("0::{group}\n"));
        layout.hierarchies()[0].own_group().map(|own| own.to_str().unwrap().to_owned())
    };
    // Mounted in the namespace.
    assert_eq!(own("/", "/").as_deref(), Some("/"));
    assert_eq!(own("/", "/inner").as_deref(), Some("/inner"));
    // We have been moved out of its root.
    assert_eq!(own("/", "/../other"), None);
    assert_eq!(own("/", "/.."), None);
    // Mounted before the namespace was made: its names are hidden from us.
    assert_eq!(own("/../..", "/"), None);
    assert_eq!(own("/../..", "/../../x").as_deref(), Some("/x"));
    assert_eq!(own("/../other", "/../other/x").as_deref(), Some("/x"));
    assert_eq!(own("/web", "/web-1"), None);
}

#[test]
fn without_control_groups_there_are_none() {
    for cgroup in ["", "0::/\n"] {
        let layout = layout("27 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n", cgroup);
        assert_eq!((layout.kind(), layout.tracking()), (LayoutKind::None, None));
        assert_eq!(layout.to_string(), "cgroups: none");
    }
}

#[test]
fn of_several_mounts_the_one_with_our_group_counts_then_the_widest() {
    let mount = |id: u8, root: &str, point: &str| format!("{id} 1 0:29 {root} {point} rw - cgroup cgroup rw,memory\n");
    let point = |mounts: &[String], group: &str| {
        let layout = layout(&mounts.concat(), &format!("4:memory:{group}\n"));
        assert_eq!(layout.hierarchies().len(), 1);
        layout.hierarchies()[0].mount_point().to_str().unwrap().to_owned()
    };
    let all = [mount(1, "/a", "/mnt/a"), mount(2, "/", "/sys/fs/cgroup/memory"), mount(3, "/", "/mnt/again")];
    assert_eq!(point(&all, "/a/b"), "/sys/fs/cgroup/memory");
    assert_eq!(point(&[mount(1, "/a", "/mnt/a"), mount(2, "/b/c", "/mnt/c")], "/b/c"), "/mnt/c");
}

#[test]
fn escaped_names_and_odd_lines_are_read() {
    let mountinfo = "\
32 31 0:29 /a\\040b /mnt/with\\040space\\134and\\011tab rw shared:1 master:2 unbindable - cgroup cgroup rw,memory

nonsense
x 31 0:33 / /mnt/bad rw - cgroup cgroup rw,pids
34 31 0:30 / /mnt/none rw - cgroup
35 31 0:31 / /mnt/debug rw - cgroup cgroup rw,debug
";
    let found = layout(mountinfo, "12:memory:/a b/c:d\nnonsense\n7:pids\n");
    assert_eq!(said(&found), ["v1 memory /mnt/with space\\and\ttab /c:d"]);
}

#[test]
fn a_layout_is_said_in_lines() {
    let mut layout = layout(HYBRID.0, HYBRID.1);
    layout.hierarchies.truncate(2);
    layout.hierarchies[0].controllers = vec![Controller::Hugetlb];
    layout.hierarchies[0].available = vec![Controller::Hugetlb];
    layout.hierarchies[0].passed_on = vec![Controller::Hugetlb];
    layout.hierarchies[0].access = Access::Writable;
    layout.hierarchies[1].access = Access::Denied;
    assert_eq!(
        layout.to_string(),
        "cgroups: hybrid\n  \
         v2 hugetlb at \"/sys/fs/cgroup/unified\", our group \"/\", writable\n  \
         v1 cpu at \"/sys/fs/cgroup/cpu\", our group \"/\", not delegated to this user"
    );
}

#[test]
fn how_it_is_mounted_is_kept_in_the_kernels_words() {
    let one = layout(DEBIAN_12.0, DEBIAN_12.1);
    let v2 = one.v2().unwrap();
    assert_eq!(v2.options(), ["nsdelegate", "memory_recursiveprot"]);
    assert!(v2.has_option("nsdelegate") && !v2.has_option("memory_localevents") && !v2.has_option("rw"));
    let legacy = layout(LEGACY.0, LEGACY.1);
    let options = |controller| legacy.of(controller).unwrap().options();
    assert_eq!((options(Controller::Cpuset), options(Controller::Cpu)), (&["clone_children".to_owned()][..], &[][..]));
    let systemd = legacy.named("systemd").unwrap();
    assert_eq!(systemd.options(), ["xattr", "release_agent=/lib/systemd/systemd-cgroups-agent"]);
    assert_eq!(legacy.named("elogind"), None);
}

#[test]
fn a_mount_that_can_be_written_to_counts_before_a_wider_one_that_cannot() {
    let mountinfo = "\
32 31 0:29 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup2 rw
33 31 0:29 /a /mnt/a rw - cgroup2 cgroup2 ro
34 31 0:29 /a /mnt/writable rw - cgroup2 cgroup2 rw
35 31 0:29 /b /mnt/elsewhere rw - cgroup2 cgroup2 rw
";
    assert_eq!(said(&layout(mountinfo, "0::/a/b\n")), ["v2 no controllers /mnt/writable /b"]);
}

#[test]
fn a_named_hierarchy_is_taken_when_it_is_asked_for() {
    let place = |layout: &Layout| layout.directories("/web", [Controller::Pids]);
    let at = |paths: &[&str]| paths.iter().map(std::path::PathBuf::from).collect::<Vec<_>>();
    let legacy = layout(LEGACY.0, LEGACY.1);
    assert_eq!(place(&legacy), at(&["/sys/fs/cgroup/freezer/web", "/sys/fs/cgroup/pids/web"]));
    let error = legacy.clone().with_named("elogind\n").unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Unsupported);
    let why = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert_eq!(why, "no hierarchy here has the name \"elogind\\n\": there is systemd");
    let asked = legacy.with_named("systemd").unwrap().with_named("systemd").unwrap();
    assert_eq!(
        place(&asked),
        at(&["/sys/fs/cgroup/freezer/web", "/sys/fs/cgroup/pids/web", "/sys/fs/cgroup/systemd/web"])
    );
    // Where there is nothing else, it is also what processes are kept track of by.
    let alone = layout("40 22 0:37 / /mnt rw - cgroup cgroup rw,name=own\n", "1:name=own:/\n");
    assert_eq!(alone.tracking(), None);
    assert_eq!(place(&alone.with_named("own").unwrap()), at(&["/mnt/web"]));
}

#[test]
fn what_the_kernel_has_and_nobody_mounted_is_told() {
    let cgroups = "#subsys_name\thierarchy\tnum_cgroups\tenabled
cpuset\t3\t1\t1
memory\t0\t33\t0
devices\t0\t1\t1
net_cls\t0\t1\t1
perf_event\t0\t1\t1
rdma\t0\t1\t1
debug\t0\t1\t1
nonsense
";
    let (present, disabled) = super::text::kernel(cgroups);
    assert_eq!(disabled, [Controller::Memory]);
    // Version 2 has devices and perf in every group; rdma it could have, and the mounted part of it does not.
    let one = layout(DEBIAN_12.0, DEBIAN_12.1);
    assert_eq!(one.without_hierarchy(present.clone()), [Controller::Cpuset, Controller::NetCls, Controller::Rdma]);
    let legacy = layout(LEGACY.0, LEGACY.1);
    assert_eq!(legacy.without_hierarchy(present), [Controller::Devices, Controller::PerfEvent, Controller::Rdma]);
}

/// A hierarchy of version 2 in which a user's own systemd has started us.
fn session() -> Layout {
    let mut layout = layout(
        "31 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n",
        "0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope\n",
    );
    let v2 = &mut layout.hierarchies[0];
    v2.controllers = vec![Controller::Cpu, Controller::Memory, Controller::Pids];
    v2.available = vec![Controller::Memory, Controller::Pids];
    v2.access = Access::Writable;
    v2.withheld = vec!["cgroup.threads".into()];
    v2.delegated = Some("/user.slice/user-1000.slice/user@1000.service".into());
    v2.marked = v2.delegated.clone();
    layout.unmounted = vec![Controller::NetCls, Controller::NetPrio];
    layout.disabled = vec![Controller::Io];
    layout
}

#[test]
fn what_is_special_about_our_place_is_said_below_it() {
    assert_eq!(
        session().to_string(),
        "cgroups: v2\n  \
         v2 cpu,memory,pids at \"/sys/fs/cgroup\" (nsdelegate), \
         our group \"/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope\", writable but for cgroup.threads\n    \
         our group has memory, pids\n    \
         it passes on nothing\n    \
         ours from \"/user.slice/user-1000.slice/user@1000.service\" down\n    \
         left to others by systemd from \"/user.slice/user-1000.slice/user@1000.service\" down\n  \
         in no hierarchy here: net_cls, net_prio\n  \
         turned off at boot: io"
    );
    let mut free = session();
    free.hierarchies[0].may_pass_on = vec![Controller::Memory, Controller::Pids];
    free.hierarchies[0].passed_on = vec![Controller::Pids];
    assert!(free.to_string().contains("it passes on pids, and may pass on memory, pids"));
    assert_eq!(free.delegated_group().unwrap().file_name().unwrap(), "user@1000.service");
}

/// Others store and parse it: a key that is renamed is somebody's broken program.
#[cfg(feature = "serde")]
#[test]
fn the_keys_in_json_stay_as_they_are() {
    let json = serde_json::to_value(session()).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "hierarchies": [{
                "version": "v2",
                "name": null,
                "controllers": ["cpu", "memory", "pids"],
                "mount_point": "/sys/fs/cgroup",
                "mount_root": "/",
                "own": "/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope",
                "access": "writable",
                "options": ["nsdelegate"],
                "available": ["memory", "pids"],
                "passed_on": [],
                "may_pass_on": [],
                "withheld": ["cgroup.threads"],
                "delegated": "/user.slice/user-1000.slice/user@1000.service",
                "marked": "/user.slice/user-1000.slice/user@1000.service",
            }],
            "named": [],
            "unmounted": ["net_cls", "net_prio"],
            "disabled": ["io"],
        })
    );
    assert_eq!(serde_json::from_value::<Layout>(json).unwrap(), session());
    // As it was written before there was more to tell.
    let old = r#"{"hierarchies":[{"version":"v1","name":"systemd","controllers":[],"mount_point":"/m","mount_root":"/","own":null,"access":"denied"}]}"#;
    assert_eq!(serde_json::from_str::<Layout>(old).unwrap().named("systemd").unwrap().access(), Access::Denied);
}

#[cfg(feature = "serde")]
#[test]
fn serde_keeps_a_layout() {
    let layout = layout(LEGACY.0, LEGACY.1);
    let json = serde_json::to_value(&layout).unwrap();
    assert_eq!(json["hierarchies"][2]["controllers"], serde_json::json!(["cpu", "cpuacct"]));
    assert_eq!(serde_json::from_value::<Layout>(json).unwrap(), layout);
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(mountinfo in any::<Vec<u8>>(), cgroup in any::<Vec<u8>>()) {
        let _read = hierarchies(&mounts(&mountinfo), &cgroup);
    }

    #[test]
    fn a_text_that_lies_leads_nowhere_but_below_the_mount_point(
        root in "(/[a.]{0,3}){0,3}", own in "(/[a.]{0,3}){0,3}", path in "/?([ab.]{0,3}/?){0,3}",
    ) {
        let layout = layout(
            &format!("31 22 0:26 {root} /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
            &format!("0::{own}\n"),
        );
        for directory in layout.directories(&path, []) {
            prop_assert!(directory.starts_with("/sys/fs/cgroup") && directory.as_os_str() != "/sys/fs/cgroup");
            prop_assert!(directory.components().all(|part| part != std::path::Component::ParentDir));
        }
    }

    #[test]
    fn no_mixed_up_text_makes_the_reader_panic(
        words in proptest::collection::vec("(0:29|/|/\\.\\.|-|cgroup2?|rw,memory|\\\\0|\\\\999|[0-9]| |\n|:)", 0..60),
    ) {
        let text = words.join(" ");
        let _read = hierarchies(&mounts(text.as_bytes()), words.concat().as_bytes());
    }
}
