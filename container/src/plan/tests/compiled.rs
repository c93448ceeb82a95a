// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plans of whole descriptions, compared with the files in `tests/plans`. `UPDATE=1` writes them anew.

use skep_caps_sec::{Cap, CapSet, Loading, Policy, Resource, Rlimit, Rule, Verdict};
use skep_cgroup::{Limits, MIB, Quota};
use skep_ns::net::{Address, Cidr, Link, MacAddress, Route};
use skep_ns::{ClockOffset, IdMap, IdRange, NamespaceKind::*, Namespaces, SysctlKey, TimeOffsets};
use skep_rootfs::{Bind, Changes, Devpts, Disk, Idmap, Mounts, Overlay, Proc, RootSpec};

use crate::builder::Builder;
use crate::error::ErrorKind;
use crate::handle::Container;
use crate::host::{Cgroups, Host, Who, planned_networks};
use crate::plan::Stage;
use crate::plan::step::{Flat, Step};
use crate::spec::{Hook, Moment, Network, Stream};
use crate::state::Removal;
use crate::wire::{AT_CLONE, AT_ENTER, AT_ENTER_LATE, AT_EXEC};

#[track_caller]
fn compare(name: &str, expected: &str, builder: &Builder) {
    compare_text(name, expected, &builder.plan_for(&Host::default()).unwrap().explain());
}

#[track_caller]
fn compare_text(name: &str, expected: &str, explained: &str) {
    if std::env::var_os("UPDATE").is_some() {
        let path = format!("{}/tests/plans/{name}.txt", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(path, explained).unwrap();
        return;
    }
    assert_eq!(explained, expected, "tests/plans/{name}.txt; UPDATE=1 writes it anew");
}

macro_rules! plan_is {
    ($name:literal, $builder:expr) => {
        compare($name, include_str!(concat!("../../../tests/plans/", $name, ".txt")), &$builder)
    };
}

fn five() -> Namespaces {
    Namespaces::new().make([Pid, Mount, Uts, Ipc, Net])
}

#[test]
fn a_program_alone_takes_three_steps() {
    plan_is!("bare", Container::anonymous().command("/bin/true", ["x"]));
}

#[test]
fn root_makes_five_namespaces() {
    plan_is!(
        "root",
        Container::anonymous().namespaces(five()).hostname("web").proc("/proc").command("/bin/sh", ["-c", ":"])
    );
}

#[test]
fn a_user_makes_a_user_namespace_too_and_becomes_its_root() {
    let map = IdMap::new().uid(IdRange::new(0, 1000, 1)).gid(IdRange::new(0, 1001, 1));
    plan_is!(
        "user",
        Container::anonymous()
            .namespaces(five().user(map))
            .hostname("web")
            .proc("/proc")
            .command("/bin/sh", ["-c", ":"])
    );
}

#[test]
fn changes_of_a_root_and_of_mounts_go_where_they_are_told_to() {
    let code = Overlay::new("/src").lower("/home/me/code").changes(Changes::Kept("/home/me/changes".into()));
    plan_is!(
        "overlay",
        Container::anonymous()
            .namespaces(five())
            .root("/srv/web")
            .copy_on_write()
            .mounts(Mounts::new().add(code.nosuid().create_target()))
            .command("/bin/sh", [""; 0])
    );
}

#[test]
fn in_a_user_namespace_this_machine_s_own_root_cannot_be_copied_on_write() {
    let builder = Container::anonymous()
        .namespaces(five().user(IdMap::whole(1000, 2)))
        .root_spec(RootSpec::new("/").copy_on_write())
        .command("/bin/true", [""; 0]);
    let error = builder.plan_for(&Host::default()).unwrap_err();
    assert!(error.problems().len() == 1 && error.problems()[0].starts_with("root.changes: in a user namespace \"/\""));
}

#[test]
fn networks_are_planned_with_every_name_and_number_settled() {
    let address = |text: &str| text.parse::<Cidr>().unwrap();
    let lan = Network::veth("br0").address(address("10.0.3.7/24")).address(address("fd00::7/64"));
    let lan = lan.gateway([10, 0, 3, 1]).route(Route::to(address("10.9.0.0/16")).gateway([10, 0, 3, 2]));
    let dmz = Network::veth("br1").name("dmz").host_name("dmz0").mac(MacAddress::new([2, 0, 0, 0, 0, 7])).mtu(1300);
    let map = IdMap::whole(100_000, 65_536);
    let builder = Container::anonymous()
        .namespaces(five().user(map))
        .network(lan)
        .network(dmz)
        .network(Network::veth("br2").automatic_address())
        .network(Network::veth("br0").automatic_address())
        .command("/bin/true", [""; 0]);
    let bridge = |name: &str, index| {
        let mut bridge = Link::default();
        (bridge.name, bridge.mtu, bridge.index) = (name.to_owned(), 1400, index);
        bridge
    };
    let own = |text: &str, index| {
        let mut own = Address::new(address(text));
        own.link = index;
        own
    };
    // Of version 6 there is no gateway yet, of version 4 there is.
    let links = [bridge("br0", 7), bridge("br2", 8)];
    let addresses = [own("fe80::8/64", 8), own("fd02::1/64", 8), own("fd00::1/64", 7), own("10.0.3.1/24", 7)];
    let mut token = 0;
    let networks = planned_networks(builder.spec(), &links, &addresses, || {
        token += 1;
        token
    });
    let host = Host { networks, ..Host::default() };
    let plan = builder.plan_for(&host).unwrap();
    compare_text("networks", include_str!("../../../tests/plans/networks.txt"), &plan.explain());
    let names = plan.removals().into_iter().map(|removal| match removal {
        Removal::Link { name, mac, .. } => format!("{name} {mac}"),
        Removal::Cgroup { .. } | Removal::Unit { .. } => String::new(),
    });
    let expected = [
        "skep-0100000000 fe:02:00:00:00:00",
        "dmz0 fe:04:00:00:00:00",
        "skep-0500000000 fe:06:00:00:00:00",
        "skep-0700000000 fe:08:00:00:00:00",
    ];
    assert_eq!(names.collect::<Vec<_>>(), expected);
}

#[test]
fn every_wish_becomes_a_step() {
    let map = IdMap::whole(100_000, 65_536).deny_setgroups();
    let builder = Container::anonymous()
        .namespaces(Namespaces::all().user(map))
        .hostname("web \"1\"")
        .domainname("hive \"2\"")
        .hook(Moment::Poststart, Hook::new("/bin/after"))
        .hook(Moment::CreateRuntime, Hook::new("/bin/plug"))
        .hook(Moment::CreateRuntime, Hook::new("/bin/plug \"2\""))
        .time_offsets(TimeOffsets::new().boottime(ClockOffset::new(-2, 500_000_000)))
        .mounts(Mounts::new().add(Bind::new("/srv/a b", "/mnt")).add(Proc::new("/proc")).add(Devpts::new("/dev/pts")))
        .terminal_on([Stream::Stderr])
        .sysctl(SysctlKey::SHMMAX, 65_536)
        .sysctl(SysctlKey::IP_FORWARD, 1)
        .command("sh", ["-c", ":"])
        .env("PATH", "/usr/bin::/bin")
        .user(33, 34)
        .current_dir("/tmp")
        .umask(0o27)
        .die_with_caller();
    plan_is!("everything", builder);
}

#[test]
fn who_was_looked_up_is_in_the_plan_as_numbers_and_told_as_names() {
    let who = Who {
        user: Some((33, 34)),
        groups: vec![34, 4],
        home: Some("/var/www".into()),
        found: vec!["user \"web\" is 33".into(), "HOME is \"/var/www\"".into()],
        left_out: vec!["further groups of \"web\"".into()],
    };
    let host = Host { who: Some(who), ..Host::default() };
    let builder = Container::anonymous().user_named("web").home_of_user().env("A", "b").command("/bin/true", ["x"]);
    let plan = builder.plan_for(&host).unwrap();
    compare_text("looked_up", include_str!("../../../tests/plans/looked_up.txt"), &plan.explain());
    assert!(plan.bytes().windows(14).any(|text| text == b"HOME=/var/www\0"));
    let settled = plan.settled(builder.spec().clone()).process;
    let said = Container::anonymous().user(33, 34).groups([34, 4]).env("A", "b").env("HOME", "/var/www");
    assert_eq!(settled, said.command("/bin/true", ["x"]).spec().process);
    // A name that nobody has looked up is nobody's.
    let error = builder.plan_for(&Host::default()).unwrap_err();
    assert_eq!(error.problems(), ["process.user: its names were not looked up"]);
    // What is said in numbers stays as it is said.
    let plan = Container::anonymous().user(33, 34).command("/bin/true", ["x"]).plan_for(&Host::default()).unwrap();
    let builder = Container::anonymous().user(33, 34);
    assert_eq!(plan.settled(builder.spec().clone()), *builder.spec());
}

/// A machine with a cgroup of version 2 and one of version 1 for processes, as it could be detected.
fn host() -> Host {
    let hierarchy = |version: &str, controllers: &str, mount: &str| {
        format!(
            r#"{{"version": "{version}", "name": null, "controllers": {controllers}, "mount_point": "{mount}",
                 "mount_root": "/", "own": "/", "access": "writable"}}"#
        )
    };
    let v2 = hierarchy("v2", r#"["memory", "cpu"]"#, "/sys/fs/cgroup/unified");
    let layout = format!(r#"{{"hierarchies": [{v2}, {}]}}"#, hierarchy("v1", r#"["pids"]"#, "/sys/fs/cgroup/pids"));
    let layout = serde_json::from_str(&layout).unwrap();
    Host {
        cgroups: Some(Cgroups { layout, path: "/skep-web".into(), lacks: Vec::new(), unit: None }),
        ..Host::default()
    }
}

#[test]
fn a_container_with_a_name_a_root_limits_and_few_rights_says_who_does_what() {
    let limits = Limits::new().memory_max(64 * MIB).pids_max(32).cpu(Quota::millicpus(500));
    let builder = Container::builder("web")
        .namespaces(five().user(IdMap::whole(100_000, 65_536)))
        .root("/srv/web")
        .read_only_root()
        .mounts(Mounts::standard().add(Bind::new("/var/log/web", "/logs").read_only().create_target()))
        .limits(limits)
        .capabilities(["chown", "net_bind_service"])
        .ambient_capabilities(["net_bind_service"])
        .rlimit(Rlimit::both(Resource::Core, 0))
        .no_new_privileges()
        .seccomp(Policy::standard(CapSet::from([Cap::CHOWN, Cap::NET_BIND_SERVICE])))
        .user(33, 33)
        .init()
        .terminal()
        .terminal_size(24, 80)
        .current_dir("/srv")
        .command("/bin/httpd", ["-f"]);
    let explained = builder.plan_for(&host()).unwrap().explain();
    compare_text("named", include_str!("../../../tests/plans/named.txt"), &explained);
}

#[test]
fn a_plan_says_where_it_can_be_made_to_fail() {
    let mut plan = Container::builder("web").command("/bin/true", [""; 0]).plan_for(&host()).unwrap();
    let stages = plan.stages();
    for (number, stage) in (1..).zip(&stages) {
        plan.fail_at(number, 7);
        let in_child = Flat::new(plan.bytes()).unwrap().header().fail;
        match stage {
            Stage::Parent(step) => assert_eq!((plan.failure_of(*step), in_child), (Some(7), None)),
            Stage::Enter => assert_eq!(in_child, Some((AT_ENTER, 7))),
            Stage::EnterLate => assert_eq!(in_child, Some((AT_ENTER_LATE, 7))),
            Stage::Clone => assert_eq!(in_child, Some((AT_CLONE, 7))),
            Stage::Child(at) => assert_eq!(in_child, Some((*at, 7))),
            Stage::Execute => assert_eq!(in_child, Some((AT_EXEC, 7))),
        }
    }
    plan.fail_at(stages.len() + 1, 7);
    assert_eq!(Flat::new(plan.bytes()).unwrap().header().fail, None);
}

#[test]
fn the_death_signal_is_asked_for_after_the_last_change_of_ids() {
    let plan = Container::anonymous()
        .command("/bin/true", [""; 0])
        .user(1, 1)
        .die_with_caller()
        .plan_for(&Host::default())
        .unwrap();
    let steps: Vec<_> = plan.steps().collect();
    let at = |wanted: fn(&Step<'_>) -> bool| steps.iter().position(wanted).unwrap();
    assert!(at(|step| matches!(step, Step::Become { .. })) < at(|step| matches!(step, Step::DieWithCaller { .. })));
}

#[test]
fn a_step_s_place_is_its_line_in_the_explanation() {
    let plan = Container::anonymous()
        .namespaces(five())
        .hostname("web")
        .proc("/proc")
        .command("/bin/sh", ["-c"])
        .plan_for(&Host::default())
        .unwrap();
    let lines = plan.explain();
    for at in 0..u16::try_from(plan.steps().count()).unwrap() {
        let place = plan.place(Stage::Child(at));
        let (number, words) = place.strip_prefix("step ").unwrap().split_once(" of 10, in the ").unwrap();
        assert!(lines.contains(&format!("{number:>3}. {words}")), "{place}\n{lines}");
    }
    assert_eq!(
        plan.place(Stage::Clone),
        "step 2 of 10, in the launcher: clone a sibling in new namespaces: mount, uts, ipc, pid, net"
    );
}

#[test]
fn more_steps_than_the_wire_can_name_are_refused() {
    let builder = Container::anonymous().namespaces(Namespaces::new().make([Mount])).command("/bin/true", [""; 0]);
    let builder = (0..65_532).fold(builder, |builder, number| builder.bind("/a", format!("/b{number}")));
    let error = builder.plan_for(&Host::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(crate::Report(&error).to_string().contains("larger than a plan can be"));
}

#[test]
fn a_policy_that_asks_has_its_listener_handed_over() {
    let asking = Rule::new(Verdict::Notify, ["mkdir", "execve"]);
    let builder = Container::anonymous()
        .namespaces(five())
        .no_new_privileges()
        .seccomp(Policy::allow_all().rule(asking))
        .seccomp_loading(Loading::new().log().wait_killable())
        .init()
        .command("/bin/sh", [""; 0]);
    plan_is!("supervised", builder);
}

#[test]
fn a_plan_with_mounts_that_the_parent_makes() {
    let bind = Bind::new("/srv/data", "/data").idmap(Idmap::new().both(0, 100_000, 10)).create_target();
    let mounts = Mounts::new().add(bind).add(Disk::new("/srv/tools", "squashfs", "/opt").read_only());
    let builder = Container::anonymous().namespaces(five()).mounts(mounts).command("/bin/true", [""; 0]);
    plan_is!("prepared", builder);
    // The numbers that the parent finds are those that the child attaches.
    let plan = builder.plan_for(&Host::default()).unwrap();
    let bytes = plan.bytes_with_trees([7, 9].into_iter());
    let flat = Flat::new(&bytes).unwrap();
    let trees = (0..).map_while(|at| flat.step(at)).filter_map(|step| match step {
        Step::Disk(crate::floors::rootfs::Step::Attach { tree, .. }) => Some(tree),
        _ => None,
    });
    assert_eq!(trees.collect::<Vec<_>>(), [7, 9]);
    assert_eq!(bytes.len(), plan.bytes().len());
}
