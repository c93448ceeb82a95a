// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plans of whole descriptions, compared with the files in `tests/plans`. `UPDATE=1` writes them anew.

use skep_ns::{IdMap, IdRange, NamespaceKind::*, Namespaces};

use crate::builder::Builder;
use crate::error::ErrorKind;
use crate::handle::Container;
use crate::host::Host;
use crate::plan::Stage;
use crate::plan::step::Step;

#[track_caller]
fn compare(name: &str, expected: &str, builder: &Builder) {
    let explained = builder.plan_for(&Host::default()).unwrap().explain();
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
fn every_wish_becomes_a_step() {
    let map = IdMap::whole(100_000, 65_536).deny_setgroups();
    let builder = Container::anonymous()
        .namespaces(Namespaces::all().user(map))
        .hostname("web \"1\"")
        .bind("/srv/a b", "/mnt")
        .proc("/proc")
        .command("sh", ["-c", ":"])
        .env("PATH", "/usr/bin::/bin")
        .user(33, 34)
        .current_dir("/tmp")
        .umask(0o27)
        .new_session()
        .die_with_caller();
    plan_is!("everything", builder);
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
        let (number, words) = place.strip_prefix("step ").unwrap().split_once(" of 8, in the ").unwrap();
        assert!(lines.contains(&format!("{number:>3}. {words}")), "{place}\n{lines}");
    }
    assert_eq!(
        plan.place(Stage::Clone),
        "step 2 of 8, in the launcher: clone a sibling in new namespaces: mount, uts, ipc, pid, net"
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
