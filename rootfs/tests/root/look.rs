// SPDX-License-Identifier: MIT OR Apache-2.0
//! Problems that are seen before anything is mounted.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use needs::{Scratch, isolated, needs};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use skep_rootfs::{Bind, Dev, Devpts, ErrorKind, Mounts, Mqueue, Proc, Root, Sysfs, Tmpfs};

/// A directory with a root in it: some directories, and a file.
fn scratch() -> (Scratch, Root) {
    let dir = Scratch::new();
    for name in ["proc", "sys", "dev", "run", "etc", "data/inner"] {
        fs::create_dir_all(dir.join("root").join(name)).unwrap();
    }
    fs::write(dir.join("root/etc/hosts"), "").unwrap();
    let root = Root::open(dir.join("root")).unwrap();
    (dir, root)
}

/// Every path below a directory, with what it is.
fn all_below(dir: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        all.push(format!("{:?} {:?}", entry.path(), entry.file_type().unwrap()));
        if entry.file_type().unwrap().is_dir() {
            all.extend(all_below(&entry.path()));
        }
    }
    all.sort();
    all
}

#[test]
fn the_standard_mounts_are_without_problems_in_a_root_with_and_without_directories() {
    let (dir, root) = scratch();
    assert_eq!(root.problems_of(&Mounts::standard()), [""; 0]);
    fs::create_dir(dir.join("empty")).unwrap();
    let empty = Root::open(dir.join("empty")).unwrap();
    empty.check(&Mounts::standard()).unwrap();
    assert_eq!(all_below(&dir.join("empty")), [""; 0]);
}

#[test]
fn every_problem_is_seen_at_once_and_nothing_is_changed() {
    let (dir, root) = scratch();
    let file = dir.join("file");
    fs::write(&file, "").unwrap();
    symlink("nowhere", dir.join("to-nowhere")).unwrap();
    symlink("nowhere", dir.join("root/to-nowhere")).unwrap();
    symlink("ring", dir.join("root/ring")).unwrap();
    symlink("../..", dir.join("root/to-top")).unwrap();
    let mounts = Mounts::new()
        .add(Bind::new("/no/such", "/run"))
        .add(Bind::new(dir.join("to-nowhere"), "/data"))
        .add(Bind::new(file.join("x"), "/etc"))
        .add(Bind::new("/no/such", "/absent").optional())
        .add(Bind::new(&file, "/dev/"))
        .add(Bind::new(dir.path(), "/proc/meminfo"))
        .add(Tmpfs::new("/absent"))
        .add(Tmpfs::new("/deep/er/absent"))
        .add(Tmpfs::new("/to-nowhere/x").create_target())
        .add(Bind::new(&file, "/to-nowhere").create_target())
        .add(Tmpfs::new("/ring"))
        .add(Tmpfs::new("/to-top"));
    let before = all_below(dir.path());
    let d = dir.path().display();
    assert_eq!(
        root.problems_of(&mounts),
        [
            "mounts[0].source \"/no/such\" does not exist".to_owned(),
            format!("mounts[1].source \"{d}/to-nowhere\" is a link that leads nowhere"),
            format!("mounts[2].source \"{d}/file/x\" leads through something that is no directory"),
            format!("mounts[4].target \"/dev/\" is a directory, and its source \"{d}/file\" is none"),
            "mounts[5].target \"/proc/meminfo\" does not exist in the root, and is not to be made: create_target()"
                .to_owned(),
            "mounts[6].target \"/absent\" does not exist in the root, and is not to be made: create_target()".to_owned(),
            "mounts[7].target \"/deep/er/absent\" does not exist in the root, nor does \"/deep\", and is not to be made: \
             create_target()"
                .to_owned(),
            "mounts[8].target \"/to-nowhere/x\" cannot be made: \"/to-nowhere\" is a link that leads nowhere".to_owned(),
            "mounts[9].target \"/to-nowhere\" cannot be made: \"/to-nowhere\" is a link that leads nowhere".to_owned(),
            "mounts[10].target \"/ring\" leads through too many links, or by one to a place of the kernel's own".to_owned(),
            "mounts[11].target \"/to-top\" leads to the root itself".to_owned(),
        ]
    );
    assert_eq!(all_below(dir.path()), before);
    let mounts = mounts.add(Tmpfs::new("relative"));
    let error = root.check(&mounts).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot mount in \"{d}/root\""));
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(error.problems(), [mounts.problems(), root.problems_of(&mounts)].concat());
    assert!(error.problems().contains(&"mounts[12].target \"relative\" is not absolute".to_owned()));
}

#[test]
fn a_file_is_no_place_for_a_file_system() {
    let (_dir, root) = scratch();
    for (mounts, kind) in [
        (Mounts::new().add(Tmpfs::new("/etc/hosts").create_target()), "tmpfs"),
        (Mounts::new().add(Sysfs::new("/etc/hosts")), "sysfs"),
        (Mounts::new().add(Proc::new("/etc/hosts")), "proc"),
        (Mounts::new().add(Devpts::new("/etc/hosts")), "devpts"),
        (Mounts::new().add(Mqueue::new("/etc/hosts")), "mqueue"),
        (Mounts::new().add(Dev::new("/etc/hosts")), "minimal /dev"),
    ] {
        let said = format!("mounts[0].target \"/etc/hosts\" is no directory: a {kind} needs one");
        assert_eq!(root.problems_of(&mounts), [said]);
    }
    let below = Mounts::new().add(Tmpfs::new("/etc/hosts/x").create_target());
    let said = "mounts[0].target \"/etc/hosts/x\" leads through \"/etc/hosts\", which is no directory";
    assert_eq!(root.problems_of(&below), [said]);
    let over = Mounts::new().add(Bind::new("/", "/etc/hosts"));
    assert_eq!(
        root.problems_of(&over),
        ["mounts[0].target \"/etc/hosts\" is no directory, and its source \"/\" is one"]
    );
}

#[test]
fn links_below_proc_sys_and_dev_are_problems_and_others_are_followed() {
    let (dir, root) = scratch();
    for name in ["proc", "sys"] {
        fs::remove_dir(dir.join("root").join(name)).unwrap();
        symlink("../run", dir.join("root").join(name)).unwrap();
    }
    symlink("/data", dir.join("root/dev/shm")).unwrap();
    symlink("../../../../data", dir.join("root/var")).unwrap();
    let mounts = Mounts::new()
        .add(Proc::new("/proc").create_target())
        .add(Tmpfs::new("/dev/shm"))
        .add(Tmpfs::new("/var/inner"))
        .read_only(["/sys/firmware", "/var/absent", "/etc/hosts/x"])
        .mask(["/proc/kcore", "/sys", "/absent"]);
    let why = "nothing is mounted or made through links below /proc, /sys and /dev of a root";
    // Where the list mounts a proc itself, what is below it is another matter.
    assert_eq!(
        root.problems_of(&mounts),
        [
            format!("mounts[0].target \"/proc\" leads through the link \"/proc\": {why}"),
            format!("mounts[1].target \"/dev/shm\" leads through the link \"/dev/shm\": {why}"),
            format!("read_only[0] \"/sys/firmware\" leads through the link \"/sys\": {why}"),
            format!("masked[1] \"/sys\" leads through the link \"/sys\": {why}"),
        ]
    );
}

#[test]
fn what_an_earlier_mount_decides_is_no_problem() {
    let (dir, root) = scratch();
    symlink("run/lock", dir.join("root/lock")).unwrap();
    symlink("made", dir.join("root/to-made")).unwrap();
    symlink("data", dir.join("root/to-data")).unwrap();
    let mounts = Mounts::new()
        .add(Tmpfs::new("/run"))
        // In the tmpfs: by its path, by a link, by another.
        .add(Tmpfs::new("/run/user"))
        .add(Tmpfs::new("/lock"))
        .add(Dev::new("/dev"))
        .add(Devpts::new("/dev/pts"))
        .add(Tmpfs::new("/made/by/this").create_target())
        .add(Tmpfs::new("/to-made/x"))
        .add(Tmpfs::new("/made/by/this/too"))
        .add(Tmpfs::new("/to-data"))
        .add(Tmpfs::new("/data/absent"))
        // A source in what will be mounted over.
        .add(Bind::new(dir.join("root/run/x"), "/etc"));
    assert_eq!(root.problems_of(&mounts), [""; 0]);
    // An absent source that is optional lies over nothing.
    let none = Mounts::new().add(Bind::new("/no/such", "/data").optional()).add(Tmpfs::new("/data/absent"));
    assert_eq!(root.problems_of(&none).len(), 1);
}

#[test]
fn what_this_account_may_not_look_at_is_no_problem() {
    needs!(user);
    let (dir, root) = scratch();
    let set = |name: &str, mode| fs::set_permissions(dir.join(name), fs::Permissions::from_mode(mode)).unwrap();
    for name in ["root/closed", "closed"] {
        fs::create_dir_all(dir.join(name).join("inner")).unwrap();
        set(name, 0o000);
    }
    let mounts = Mounts::new()
        .add(Tmpfs::new("/closed/inner"))
        .add(Tmpfs::new("/closed/absent").create_target())
        .add(Bind::new(dir.join("closed/inner"), "/run"));
    let problems = root.problems_of(&mounts);
    set("root/closed", 0o755);
    set("closed", 0o755);
    assert_eq!(problems, [""; 0]);
}

#[test]
fn nothing_can_be_made_on_a_read_only_file_system() {
    needs!(root);
    isolated(|| {
        let (dir, root) = scratch();
        let inner = dir.join("root/data/inner");
        mount("tmpfs", &inner, "tmpfs", MountFlags::RDONLY, None::<&std::ffi::CStr>).unwrap();
        let mounts = Mounts::new().add(Tmpfs::new("/data/inner/a/b").create_target());
        let said = "mounts[0].target \"/data/inner/a/b\" cannot be made: \"/data/inner\" is on a read-only file system";
        assert_eq!(root.problems_of(&mounts), [said]);
        // Where the root is to lie under an overlay it is made there.
        assert_eq!(root.changes_go_elsewhere().problems_of(&mounts), [""; 0]);
        unmount(&inner, UnmountFlags::empty()).unwrap();
    });
}

#[test]
fn a_root_is_a_directory_and_no_link() {
    let (dir, root) = scratch();
    assert_eq!(root.path(), dir.join("root"));
    symlink("root", dir.join("link")).unwrap();
    for name in ["link", "root/etc/hosts"] {
        let error = Root::open(dir.join(name)).unwrap_err();
        assert_eq!((error.errno(), error.hint()), (Some(20), Some("a root must be a directory, and no link to one")));
    }
    assert_eq!(Root::open(dir.join("absent")).unwrap_err().kind(), ErrorKind::NotFound);
}
