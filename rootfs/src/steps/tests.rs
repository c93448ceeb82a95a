// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of steps as values: their order, their words, their flat form; nothing here asks the kernel.

use std::error::Error as _;
use std::ffi::CString;

use proptest::prelude::*;

use super::*;
use crate::floor::mount::{HOW, REC};
use crate::floor::{self, BindFlags, Layers, New, Part};
use crate::mounts::{Attributes, Bind, Changes, Dev, HidePid, Overlay, Proc, Symlink, Tmpfs};

const PRIVILEGED: Setting = Setting {
    user_namespace: false,
    own_net: true,
    own_pid: true,
    own_ipc: true,
    own_cgroup: true,
    groups_mapped: false,
    owner: None,
};
const USER: Setting = Setting { user_namespace: true, ..PRIVILEGED };
const USER_ALONE: Setting = Setting {
    user_namespace: true,
    own_net: false,
    own_pid: false,
    own_ipc: false,
    own_cgroup: false,
    groups_mapped: true,
    owner: None,
};

fn words(root: Option<&RootSpec>, mounts: &Mounts, setting: Setting) -> Vec<String> {
    Steps::new(root, mounts, setting).iter().map(|step| step.to_string()).collect()
}

#[test]
fn the_standard_mounts_in_words() {
    let said = words(Some(&RootSpec::new("/srv/web").read_only()), &Mounts::standard(), PRIVILEGED);
    assert_eq!(
        said[..9],
        [
            "cut the way of mounts to the outside",
            "make sure that nothing is mounted above the root or on it",
            "take \"/srv/web\" as the root",
            "mount proc on \"/proc\" (nosuid, nodev, noexec)",
            "make a minimal \"/dev\" (size 64 MiB, mode 0755, nosuid, devices)",
            "mount devpts on \"/dev/pts\" (ptmx 0666, mode 0620, group 5, nosuid, noexec)",
            "mount tmpfs on \"/dev/shm\" (size 64 MiB, mode 1777, nosuid, nodev, noexec)",
            "mount mqueue on \"/dev/mqueue\" (nosuid, nodev, noexec)",
            "mount sysfs on \"/sys\" (read-only, nosuid, nodev, noexec)",
        ]
    );
    assert_eq!(said[9], "make \"/proc/bus\" read-only");
    assert_eq!(said[14], "mask \"/proc/acpi\"");
    assert_eq!(said[26..], ["make the root read-only", "move into the root, and leave nothing of the old one"]);
}

#[test]
fn in_a_user_namespace_devices_are_bound_and_an_unmapped_group_is_left_out() {
    let said = words(None, &Mounts::standard(), USER);
    assert_eq!(said[1], "mount proc on \"/proc\" (nosuid, nodev, noexec)");
    assert_eq!(said[2], "make a minimal \"/dev\" (size 64 MiB, mode 0755, nosuid, this machine's devices)");
    assert_eq!(said[3], "mount devpts on \"/dev/pts\" (ptmx 0666, mode 0620, nosuid, noexec)");
}

#[test]
fn what_a_user_namespace_may_not_mount_is_bound_and_said() {
    let said = words(None, &Mounts::standard(), USER_ALONE);
    let instead = "in place of a new one, which this user namespace may not have";
    assert_eq!(said[1], format!("bind \"/proc\" to \"/proc\" ({instead}, nosuid, nodev, noexec)"));
    assert_eq!(
        said[5],
        format!("bind \"/dev/mqueue\" to \"/dev/mqueue\" ({instead}, if it is there, nosuid, nodev, noexec)")
    );
    assert_eq!(said[6], format!("bind \"/sys\" to \"/sys\" ({instead}, read-only, nosuid, nodev, noexec)"));
    assert!(said[3].contains("group 5"));
}

#[test]
fn options_are_said_as_a_person_would() {
    let mounts = Mounts::new()
        .add(Proc::new("/proc").hide(HidePid::Untraceable).processes_only())
        .add(Tmpfs::new("/a").size(1000).inodes(7).attributes(Attributes::empty()))
        .add(Tmpfs::new("/b").size(3 << 30).attributes(Attributes::empty()))
        .add(Tmpfs::new("/c").attributes(Attributes::empty()))
        .add(Bind::new("/d", "/e").read_only().attributes_on_top_only())
        .add(Bind::new("/d \"\n", "/f").without_submounts().optional().noexec());
    assert_eq!(
        words(None, &mounts, PRIVILEGED)[1..],
        [
            "mount proc on \"/proc\" (processes that may not be traced hidden, processes alone, nosuid, nodev, noexec)",
            "mount tmpfs on \"/a\" (size 1000 bytes, 7 inodes)",
            "mount tmpfs on \"/b\" (size 3 GiB)",
            "mount tmpfs on \"/c\"",
            "bind \"/d\" to \"/e\" (read-only, what is mounted below it is as it was)",
            "bind \"/d \\\"\\n\" to \"/f\" (without what is mounted below it, if it is there, noexec)",
        ]
    );
}

#[test]
fn overlays_are_said_with_where_their_changes_go() {
    let overlay = |target: &str| Overlay::new(target).lower("/a:b").lower("/c\\d");
    let mounts = Mounts::new()
        .add(overlay("/x"))
        .add(overlay("/y").changes(Changes::InMemory { size: Some(1 << 20) }).nodev().or_read_only_bind())
        .add(Overlay::new("/z").lower("/e").changes(Changes::Kept("/k".into())))
        .add(Overlay::new("/one").lower("/e"))
        .add(Dev::new("/dev").read_only())
        .add(Symlink::new("/bin", "usr/bin"))
        .directories(["/srv/work"]);
    assert_eq!(
        words(Some(&RootSpec::new("/").changes(Changes::InMemory { size: Some(7) }).nodev()), &mounts, PRIVILEGED),
        [
            "cut the way of mounts to the outside",
            "make sure that nothing is mounted above the root or on it",
            "set memory aside for what is changed (size 1 MiB, mode 0700)",
            "take an overlay over \"/\" as the root (changes in memory, nodev)",
            "mount an overlay over \"/a:b\", \"/c\\\\d\" on \"/x\" (nothing can be changed)",
            "mount an overlay over \"/a:b\", \"/c\\\\d\" on \"/y\" (changes in memory, nodev, or a read-only bind where \
             the kernel refuses that)",
            "mount an overlay over \"/e\" on \"/z\" (changes in \"/k\")",
            "bind \"/e\" to \"/one\" (read-only)",
            "make a minimal \"/dev\" (size 64 KiB, mode 0755, nosuid, devices)",
            "make the link \"/bin\" to \"usr/bin\"",
            "make the directory \"/srv/work\" if it is absent",
            "make \"/dev\" read-only, without what is mounted below it",
            "move into the root, and leave nothing of the old one",
        ]
    );
    let mounts = Mounts::new().add(overlay("/x").changes(Changes::in_memory()));
    let said = words(Some(&RootSpec::new("/").changes(Changes::InMemory { size: Some(7) })), &mounts, PRIVILEGED);
    assert_eq!(said[2], "set memory aside for what is changed (mode 0700)");
    let said = words(None, &mounts, PRIVILEGED);
    assert_eq!(said[3], "let nothing but overlays see that memory");
    let said = words(Some(&RootSpec::tmpfs().nosuid().read_only()), &Mounts::new(), PRIVILEGED);
    assert_eq!(said[2..4], ["take an empty tmpfs as the root (mode 0755, nosuid)", "make the root read-only"]);
}

#[test]
fn in_a_root_that_begins_empty_every_target_is_made() {
    let made = |root: &RootSpec| {
        let steps = Steps::new(Some(root), &Mounts::new().add(Tmpfs::new("/run")), PRIVILEGED);
        steps.iter().any(|step| matches!(step, Step::Mount { make: true, .. }))
    };
    assert!(made(&RootSpec::tmpfs()) && !made(&RootSpec::new("/srv")));
}

#[test]
fn a_stop_is_told_with_its_half_and_a_hint() {
    let mounts = Mounts::new().add(Tmpfs::new("/run")).add(Bind::new("/a", "/b"));
    let steps = Steps::new(Some(&RootSpec::new("/srv")), &mounts, PRIVILEGED);
    let error = |step, part: Part, errno| steps.error(Stop { step, part: part as u16, errno });
    let told = error(3, Part::Target, 2);
    assert_eq!(told.to_string(), "cannot mount tmpfs on \"/run\" (nosuid, nodev)");
    assert_eq!(told.source().unwrap().to_string(), "its target \"/run\": No such file or directory (ENOENT)");
    assert_eq!(told.hint(), Some("make it, or ask for it to be made: create_target()"));
    let told = error(4, Part::Source, 2);
    assert_eq!(told.source().unwrap().to_string(), "its source \"/a\": No such file or directory (ENOENT)");
    assert_eq!(told.hint(), Some("if it need not be there: optional()"));
    let told = error(0, Part::Whole, 1);
    assert_eq!(told.source().unwrap().to_string(), "Operation not permitted (EPERM)");
    assert_eq!((told.kind(), told.hint()), (crate::ErrorKind::Denied, None));
    let told = error(1, Part::Top, 18);
    assert_eq!(told.source().unwrap().to_string(), "the top of the mount namespace: Cross-device link (EXDEV)");
    assert!(told.hint().unwrap().ends_with("run it outside of the chroot"));
    assert_eq!(error(99, Part::Whole, 1).to_string(), "cannot perform a step that is not in the list");
}

#[test]
fn every_step_takes_a_right_and_every_entry_of_dev_has_a_name() {
    let steps = Steps::new(Some(&RootSpec::new("/srv").read_only()), &Mounts::standard(), PRIVILEGED);
    assert!(steps.iter().all(|step| step.right().is_some_and(|right| right.starts_with("CAP_SYS_ADMIN"))));
    let dev = steps.iter().find(|step| matches!(step, Step::Dev { .. })).unwrap();
    assert_eq!(dev.right(), Some("CAP_SYS_ADMIN, CAP_MKNOD"));
    assert_eq!(dev.part(Part::Entry as u16).as_deref(), Some("its entry \"null\""));
    assert_eq!(dev.part(Part::Entry as u16 + 13).as_deref(), Some("its entry \"mqueue\""));
    assert_eq!(dev.part(Part::Entry as u16 + 14), None);
}

fn a_text() -> impl Strategy<Value = CString> {
    proptest::collection::vec(1_u8.., 0..20).prop_map(|bytes| CString::new(bytes).unwrap())
}

/// A step of each variant with these operands.
fn steps_of<'a>(how: usize, texts: &'a [CString; 3], attributes: u32, bits: [bool; 5]) -> [Step<'a>; 21] {
    let [one, two, three]: [&CStr; 3] = [&texts[0], &texts[1], &texts[2]];
    let [recursive, deep, optional, make, instead] = bits;
    let how = HOW[how] | if deep { REC } else { 0 };
    let changes = match (recursive, optional) {
        (true, _) => floor::Changes::None,
        (_, true) => floor::Changes::InMemory,
        _ => floor::Changes::Kept(three),
    };
    let layers = Layers { lowers: two, changes, user: instead, options: one };
    [
        Step::ReceiveOnly,
        Step::Root { path: one, attributes },
        Step::Mount { new: New { kind: one, source: two, options: three }, target: two, attributes, make, optional },
        Step::Attach { tree: if make { -2 } else { 7 }, what: three, target: one, make },
        Step::Propagate { target: two, how },
        Step::Bind {
            source: one,
            target: two,
            attributes: attributes | 0x80 << 16,
            below: attributes & 0xf,
            flags: BindFlags { recursive, inside: deep, optional, make, instead },
        },
        Step::Dev { target: one, options: three, attributes, make, bind: deep },
        Step::Mask { target: two },
        Step::ReadOnly { target: three, alone: make },
        Step::ReadOnlyRoot,
        Step::Pivot,
        Step::ChrootAlone,
        Step::RootTmpfs { options: one, attributes },
        Step::RootOverlay { path: one, layers, attributes },
        Step::Overlay { target: one, layers, attributes, make, or_bind: deep },
        Step::Symlink { to: one, target: two },
        Step::Directory { target: one },
        Step::Memory { options: three },
        Step::LetGo,
        Step::Top,
        Step::Owner { uid: 1000, gid: u32::MAX },
    ]
}

proptest! {
    #[test]
    fn a_step_comes_back_from_its_words(
        how in 0..4_usize,
        texts in [a_text(), a_text(), a_text()],
        attributes in 0..0x200_u32,
        bits in any::<[bool; 5]>(),
    ) {
        let all = steps_of(how, &texts, attributes, bits);
        let mut steps = Steps::default();
        all.iter().for_each(|step| steps.push(*step));
        prop_assert_eq!(steps.iter().collect::<Vec<_>>(), all);
    }

    #[test]
    fn hostile_words_are_a_step_or_none(
        words in proptest::array::uniform7(prop_oneof![0..20_u32, any::<u32>()]),
        texts in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let steps = Steps { words: vec![words], texts, ..Steps::default() };
        if let Some(step) = steps.iter().next() {
            // What is taken for a step is one: it has words, and comes back.
            prop_assert!(!step.to_string().is_empty());
            let mut again = Steps::default();
            again.push(step);
            prop_assert_eq!(again.iter().next(), Some(step));
        }
    }
}
