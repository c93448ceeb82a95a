// SPDX-License-Identifier: MIT OR Apache-2.0
//! Views of machines that were looked at elsewhere: recorded texts, nothing of this one.

use super::*;
use crate::mounts::{Attributes, Bind, Overlay, Symlink};
use crate::steps::{Base, Setting};

/// A development machine with the cgroups of version 1 and 2: mounts upon mounts in what is replaced, one in /mnt.
const HYBRID: &str = "\
22 27 0:21 / /proc rw,relatime - proc proc rw
23 27 0:22 / /sys rw,relatime - sysfs sysfs rw
24 27 0:6 / /dev rw,relatime - devtmpfs devtmpfs rw,size=12334460k,nr_inodes=3083615,mode=755
25 24 0:23 / /dev/shm rw,relatime - tmpfs tmpfs rw,size=24684084k
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
28 27 0:25 / /mnt/tools/v1 ro,nosuid,nodev,relatime - tmpfs none ro,size=4k,mode=755
30 25 0:27 / /dev/shm rw,relatime - tmpfs tmpfs rw,size=24684084k
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

/// Debian, with what systemd mounts, a /home of its own, an EFI partition, a network directory behind an automounter, and a
/// name with a blank.
const DEBIAN: &str = "\
22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw,errors=remount-ro
23 22 0:21 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
24 22 0:22 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
25 22 0:5 / /dev rw,nosuid,relatime shared:2 - devtmpfs udev rw,size=1000k,mode=755
27 22 0:24 / /run rw,nosuid,nodev,noexec,relatime shared:5 - tmpfs tmpfs rw,size=1000k,mode=755
28 24 0:28 / /proc/sys/fs/binfmt_misc rw,relatime shared:13 - autofs systemd-1 rw,fd=29,direct
40 22 8:1 / /boot/efi rw,relatime shared:30 - vfat /dev/sda1 rw,fmask=0077,errors=remount-ro
41 22 8:3 / /home rw,nosuid,nodev,relatime shared:31 - ext4 /dev/sda3 rw
42 22 0:40 / /net rw,relatime shared:33 - autofs /etc/auto.net rw,fd=6,indirect
43 42 0:41 / /net/nas/music rw,relatime shared:34 - nfs4 nas:/music rw,vers=4.2
44 27 0:42 / /run/user/1000 rw,nosuid,nodev,relatime shared:35 - tmpfs tmpfs rw,size=100k,uid=1000
45 41 8:5 / /home/me/My\\040Disk rw,noexec shared:36 - xfs /dev/sdb1 rw
46 22 0:43 / /srv/share rw,nosuid shared:37 - fuse.sshfs me@host:/ rw,user_id=0
47 22 7:1 / /snap/core/1 ro,nodev,relatime shared:38 - squashfs /dev/loop1 ro
";

/// In a Docker container: "/" is an overlay, and files are mounted over files.
const DOCKER: &str = "\
500 400 0:55 / / rw,relatime master:200 - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/A,upperdir=/u,workdir=/w
501 500 0:58 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
502 500 0:59 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755
505 500 0:60 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro
510 500 8:2 /var/lib/docker/containers/c/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/sda2 rw
511 500 8:2 /var/lib/docker/containers/c/hosts /etc/hosts rw,relatime - ext4 /dev/sda2 rw
512 500 8:2 /srv/data /data rw,relatime - ext4 /dev/sda2 rw
";

/// Subvolumes of btrfs, and a mount that a later one above it hides.
const BTRFS: &str = "\
30 1 0:30 /@ / rw,relatime - btrfs /dev/nvme0n1p2 rw,subvol=/@
31 30 0:30 /@home /home rw,relatime - btrfs /dev/nvme0n1p2 rw,subvol=/@home
32 30 0:30 /@old /mnt/old rw,relatime - btrfs /dev/nvme0n1p2 rw,subvol=/@old
33 30 0:50 / /mnt rw,relatime - tmpfs tmpfs rw
34 30 0:30 /@log /var/log rw,noexec - btrfs /dev/nvme0n1p2 rw,subvol=/@log
35 34 0:51 / /var/log rw - tmpfs tmpfs rw
36 30 0:52 / /opt/a\\012b rw - ext4 /dev/sdc rw
";

fn seen(text: &str, top: &[&str]) -> Seen {
    let entry = |entry: &&str| match entry.split_once(" -> ") {
        Some((name, to)) => TopEntry { name: name.into(), kind: TopKind::Link(to.into()) },
        None => match entry.split_at(entry.len() - 1) {
            (name, "/") => TopEntry { name: name.into(), kind: TopKind::Directory { open: true } },
            (name, "!") => TopEntry { name: name.into(), kind: TopKind::Directory { open: false } },
            (name, "|") => TopEntry { name: name.into(), kind: TopKind::Other },
            _ => TopEntry { name: (*entry).into(), kind: TopKind::File },
        },
    };
    let mounts = MountInfo::parse_all(text.as_bytes()).unwrap();
    let files = ["/etc/resolv.conf", "/etc/hosts"].map(PathBuf::from).into();
    Seen { mounts, top: top.iter().map(entry).collect(), files, no_overlays: false }
}

fn view(seen: &Seen, user_namespace: bool, changes: &Changes) -> View {
    let view = View::of(seen, user_namespace, changes);
    // Whatever the machine is, it can be made.
    let all = view.mounts.clone().and(Mounts::standard());
    assert_eq!(all.problems(), [""; 0]);
    assert_eq!(view.root.problems(), [""; 0]);
    let setting = Setting { user_namespace, ..Setting::default() };
    assert_eq!(setting.problems(Some(&view.root), &all), [""; 0]);
    view
}

/// A view in a few words a mount.
fn said_of(view: &View) -> Vec<String> {
    let mount = |mount: &Mount| {
        let target = mount.target().display();
        match mount {
            Mount::Overlay(Overlay { lowers, attributes, or_read_only_bind, .. }) => {
                assert_eq!(lowers, &[mount.target()]);
                format!("{target}: overlay{} {attributes}", if *or_read_only_bind { " or bind" } else { "" })
            }
            Mount::Bind(Bind { source, attributes, recursive, .. }) => {
                assert_eq!(source, mount.target());
                format!("{target}: bind{} {attributes}", if *recursive { " with all" } else { "" })
            }
            Mount::Tmpfs(Tmpfs { mode, attributes, .. }) => {
                format!("{target}: tmpfs {:04o} {attributes}", mode.unwrap_or_default())
            }
            Mount::Symlink(Symlink { to, .. }) => format!("{target}: link to {}", to.display()),
            _ => panic!("{mount:?}"),
        }
    };
    view.mounts.mounts.iter().map(mount).collect()
}

const NEW: [&str; 2] = ["/run: tmpfs 0755 nosuid,nodev", "/tmp: tmpfs 1777 nosuid,nodev"];

#[test]
fn root_gets_an_overlay_over_every_file_system_where_it_is() {
    let found = view(&seen(HYBRID, &[]), false, &Changes::in_memory());
    assert_eq!(found.root, RootSpec::new("/").copy_on_write().nodev());
    assert_eq!(said_of(&found), ["/mnt/tools/v1: bind ro,nosuid,nodev", NEW[0], NEW[1]]);
    assert_eq!(found.notes, [""; 0]);

    let found = view(&seen(DEBIAN, &[]), false, &Changes::in_memory());
    assert_eq!(
        said_of(&found),
        [
            "/boot/efi: bind ro,nodev",
            "/home: overlay nosuid,nodev",
            "/home/me/My Disk: overlay nodev,noexec",
            "/net/nas/music: overlay nodev",
            "/snap/core/1: bind ro,nodev",
            "/srv/share: overlay or bind nosuid,nodev",
            NEW[0],
            NEW[1],
        ]
    );
    assert_eq!(
        found.notes,
        [
            "\"/boot/efi\" is read-only: such a file system cannot lie under an overlay",
            "\"/srv/share\" is read-only if the kernel refuses an overlay there",
            "\"/net\" is left out: no files, but something of the machine",
        ]
    );
}

#[test]
fn files_that_are_mounted_over_files_are_read_only_for_root() {
    let found = view(&seen(DOCKER, &[]), false, &Changes::in_memory());
    assert_eq!(
        said_of(&found),
        ["/data: overlay nodev", "/etc/hosts: bind ro,nodev", "/etc/resolv.conf: bind ro,nodev", NEW[0], NEW[1]]
    );
    assert_eq!(found.notes, ["\"/etc/hosts\", \"/etc/resolv.conf\" are read-only: a file, which is mounted there"]);
}

#[test]
fn what_is_hidden_is_not_taken_over_and_the_topmost_is() {
    let found = view(&seen(BTRFS, &[]), false, &Changes::in_memory());
    assert_eq!(
        said_of(&found),
        ["/home: overlay nodev", "/mnt: overlay nodev", "/var/log: overlay nodev", NEW[0], NEW[1]]
    );
    assert_eq!(found.notes, ["\"/opt/a\\nb\" is left out: its name is more than there is room for"]);
}

#[test]
fn a_user_gets_the_top_level_one_by_one() {
    let top = [
        "bin -> usr/bin",
        "boot/",
        "dev/",
        "etc/",
        "home/",
        "lost+found!",
        "net/",
        "proc/",
        "root!",
        "run/",
        "snap/",
        "srv/",
        "swapfile",
        "sys/",
        "tmp/",
        "usr/",
        "var/",
        "pipe|",
    ];
    let found = view(&seen(DEBIAN, &top), true, &Changes::in_memory());
    assert_eq!(found.root, RootSpec::tmpfs().nosuid().nodev());
    assert_eq!(
        said_of(&found),
        [
            "/bin: link to usr/bin",
            "/boot: bind with all ro,nosuid,nodev",
            "/etc: overlay nosuid,nodev",
            "/home: bind with all ro,nosuid,nodev",
            "/lost+found: tmpfs 0000 ro,nosuid,nodev,noexec",
            "/net: bind with all ro,nosuid,nodev",
            "/root: tmpfs 0000 ro,nosuid,nodev,noexec",
            "/snap: bind with all ro,nosuid,nodev",
            "/srv: bind with all ro,nosuid,nodev",
            "/swapfile: bind with all ro,nosuid,nodev",
            "/usr: overlay nosuid,nodev",
            "/var: overlay nosuid,nodev",
            NEW[0],
            NEW[1],
        ]
    );
    assert_eq!(found.notes.len(), 8);
    let why = "is mounted below it, and in a user namespace no overlay can lie over that";
    assert_eq!(found.notes[0], format!("\"/boot\" is read-only: \"/boot/efi\" {why}"));
    assert_eq!(found.notes[1], format!("\"/home\" is read-only: \"/home/me/My Disk\" {why}"));
    assert_eq!(found.notes[5], "\"/lost+found\", \"/root\" are empty: this account may not look inside");
    assert_eq!(found.notes[6], "\"/pipe\" is left out: neither file, link nor directory");
    assert!(found.notes[7].starts_with("files of users that the user namespace does not map"));
}

#[test]
fn what_is_hidden_below_a_directory_of_a_user_does_not_count() {
    let found = view(&seen(BTRFS, &["home/", "mnt/", "opt/", "var/"]), true, &Changes::in_memory());
    assert_eq!(
        said_of(&found)[..4],
        [
            "/home: overlay nosuid,nodev",
            "/mnt: overlay nosuid,nodev",
            "/opt: bind with all ro,nosuid,nodev",
            "/var: bind with all ro,nosuid,nodev",
        ]
    );
}

#[test]
fn where_the_top_is_an_overlay_a_user_s_may_be_bound() {
    let found = view(&seen(DOCKER, &["data/", "etc/", "usr/"]), true, &Changes::in_memory());
    assert_eq!(
        said_of(&found)[..3],
        ["/data: overlay nosuid,nodev", "/etc: bind with all ro,nosuid,nodev", "/usr: overlay or bind nosuid,nodev"]
    );
    assert_eq!(found.notes[1], "\"/usr\" is read-only if the kernel refuses an overlay there");
}

#[test]
fn where_no_overlay_can_be_root_gets_what_can_be_read() {
    let seen = Seen { no_overlays: true, ..seen(DOCKER, &["bin -> usr/bin", "data/", "etc/", "usr/"]) };
    let found = view(&seen, false, &Changes::in_memory());
    assert_eq!(found.root, RootSpec::tmpfs().nodev());
    assert_eq!(
        said_of(&found),
        [
            "/bin: link to usr/bin",
            "/data: bind with all ro,nodev",
            "/etc: bind with all ro,nodev",
            "/usr: bind with all ro,nodev",
            NEW[0],
            NEW[1],
        ]
    );
    assert!(found.notes.len() == 1 && found.notes[0].ends_with("the kernel takes no third"), "{:?}", found.notes);
    assert!(matches!(found.root.base, Base::Tmpfs { size: None }));
}

#[test]
fn each_overlay_keeps_its_changes_in_a_directory_of_its_own() {
    let kept = Changes::Kept("/k".into());
    let share = |target: &str| kept.share(Path::new(target));
    let dir = |dir: &str| Some(Changes::Kept(dir.into()));
    assert_eq!(share("/"), dir("/k/%2F"));
    assert_eq!(share("/home"), dir("/k/home"));
    assert_eq!((share("/a/b"), share("/a%2Fb")), (dir("/k/a%2Fb"), dir("/k/a%252Fb")));
    assert_eq!(share(&format!("/{}", "a/".repeat(128))), None);
    let found = view(&seen(DEBIAN, &[]), false, &kept);
    assert_eq!(found.root.changes, Changes::Kept("/k/%2F".into()));
    let told = found.mounts.mounts.iter().filter_map(|mount| match mount {
        Mount::Overlay(overlay) => Some(&overlay.changes),
        _ => None,
    });
    let mut told: Vec<_> = told.collect();
    let all = told.len();
    told.dedup();
    assert_eq!((all, told.len()), (4, 4));
}

#[test]
fn a_directory_that_something_new_lies_over_can_be_shown_all_the_same() {
    let kept = Changes::Kept("/k".into());
    let found = view(&seen(DEBIAN, &[]), false, &kept);
    for path in ["/", "/home/me", "/tmp", "/run"] {
        assert!(found.shows(Path::new(path)), "{path}");
        assert_eq!(found.clone().showing(Path::new(path), &kept), found, "{path}");
    }
    let clone = Path::new("/tmp/clone");
    assert!(!found.shows(clone));
    let shown = found.clone().showing(clone, &kept);
    assert!(shown.shows(clone) && shown.shows(&clone.join("src")) && !shown.shows(Path::new("/tmp/other")));
    let Some(Mount::Overlay(overlay)) = shown.mounts.mounts.last() else { panic!("{shown:?}") };
    assert_eq!(overlay.changes, Changes::Kept("/k/tmp%2Fclone".into()));
    for path in ["/dev/shm/x", "/proc/self", "/sys/fs"] {
        let shown = found.clone().showing(Path::new(path), &kept);
        assert_eq!(shown.mounts, found.mounts);
        assert_eq!(shown.notes.last().unwrap(), &format!("{path:?} is not seen: there is another in its place"));
    }
}

#[test]
fn changes_in_place_are_no_copy() {
    let error = View::of_this_machine(true, Changes::InPlace).unwrap_err();
    assert_eq!(error.problems(), ["changes: in_place would be this machine's own files"]);
    let error = View::of_this_machine(true, Changes::Kept("/no/such".into())).unwrap_err();
    assert_eq!(error.problems(), ["changes: kept \"/no/such\" does not exist"]);
    assert_eq!(error.to_string(), "cannot make a view of this machine");
}

#[test]
fn attributes_that_held_hold_for_what_lies_over() {
    let mount = |options: &str| MountInfo::parse(format!("1 0 0:1 / /a {options} - ext4 a rw").as_bytes()).unwrap();
    assert_eq!(privileged::kept_attributes(Some(&mount("rw,noexec"))), Attributes::NODEV | Attributes::NOEXEC);
    assert_eq!(privileged::kept_attributes(Some(&mount("ro,nosuid"))), Attributes::NODEV | Attributes::NOSUID);
    assert_eq!(privileged::kept_attributes(None), Attributes::NODEV);
}
