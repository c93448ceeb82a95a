// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of text: lines and words both ways.

use proptest::prelude::*;

use super::*;
use crate::mounts::{Attributes, Bind, Dev, Devpts, Disk, FileSystem, Idmap, Propagation, Tmpfs};

fn one(line: &str) -> Mount {
    Mounts::from_fstab(line).unwrap().mounts.remove(0)
}

#[test]
fn lines_are_the_mounts_that_they_say() {
    let top = |bind: Bind| bind.attributes_on_top_only();
    for (line, mount) in [
        ("/a b none bind", top(Bind::new("/a", "/b").without_submounts()).into()),
        (
            "/a /b none rbind,ro,rnosuid,rslave,create=file,optional",
            top(Bind::new("/a", "/b").read_only().attributes_below(Attributes::NOSUID))
                .propagation(Propagation::RSlave)
                .create_target()
                .optional()
                .into(),
        ),
        (
            "/a\\040x /b none bind,relative,ridmap=b:0:1000:10 0 0",
            Mount::Bind(
                top(Bind::new("/a x", "/b").without_submounts()).from_inside().idmap(Idmap::new().both(0, 1000, 10)),
            ),
        ),
        (
            "tmpfs /run tmpfs size=64m,mode=755,nodev,noexec,dev",
            Tmpfs::new("/run").size(64 << 20).mode(0o755).attributes(Attributes::NOEXEC).into(),
        ),
        (
            "tmpfs /run tmpfs size=50%,private",
            FileSystem::new("tmpfs", "tmpfs", "/run").options("size=50%").propagation(Propagation::Private).into(),
        ),
        (
            "share0 /s 9p trans=virtio,version=9p2000.L,noatime,strictatime,x-systemd.automount",
            FileSystem::new("9p", "share0", "/s")
                .options("trans=virtio,version=9p2000.L")
                .attributes(Attributes::STRICTATIME)
                .into(),
        ),
        (
            "/a.img /mnt ext4 loop,offset=512,ro,data=ordered",
            Disk::new("/a.img", "ext4", "/mnt")
                .part(512, None)
                .options("data=ordered")
                .attributes(Attributes::READ_ONLY)
                .into(),
        ),
        (
            "devpts dev/pts devpts newinstance,gid=5,mode=0620,ptmxmode=0666,nosuid,noexec",
            Devpts::new("/dev/pts").into(),
        ),
    ] {
        assert_eq!(one(line), mount, "{line}");
    }
}

#[test]
fn every_problem_of_a_text_is_told_by_its_line() {
    let text = "# all of it\n\nproc /proc\n/a /b none ro\n/a /b none bind,size=1,loop\ntmpfs /c tmpfs rro,relative\n\
                UUID=1 /d ext4 noauto\n/a /e none bind,idmap=x:1:2:3 0 x\n/a /e none bind,idmap=b:1:2\na b c d 0 0 0\n";
    let error = Mounts::from_fstab(text).unwrap_err();
    assert_eq!(
        error.problems(),
        [
            "line 3 has 2 fields: source, target, kind, options",
            "line 4: \"none\" is no file system",
            "line 5: \"size=1\" is nothing that a bind can have",
            "line 5: what is bound needs no loop device",
            "line 6: attributes of all that comes along: for binds alone, bind or rbind",
            "line 6: \"relative\": for binds alone, bind or rbind",
            "line 7: \"noauto\" is for who calls mount(8)",
            "line 7: \"UUID=1\" is looked up by mount(8): a path is needed",
            "line 8: \"x\" is no number",
            "line 9: \"idmap=b:1:2\": \"b:1:2\" is no range: u:STORED:SEEN:COUNT, g:… or b:… for both",
            "line 10 has 7 fields: source, target, kind, options",
        ]
    );
    let error = Mounts::new().add(Dev::new("/dev")).to_fstab().unwrap_err();
    assert_eq!(error.problems(), ["mounts[0] at \"/dev\" can be said by no line"]);
}

#[test]
fn ten_thousand_lines_are_read_at_once() {
    let text: String = (0..10_000).map(|at| format!("/s/{at} /t/{at} none bind,ro\n")).collect();
    assert_eq!(Mounts::from_fstab(text).unwrap().problems(), [""; 0]);
}

fn a_path() -> impl Strategy<Value = PathBuf> {
    proptest::collection::vec(1_u8.., 1..6)
        .prop_map(|bytes| PathBuf::from(OsString::from_vec([b"/", &*bytes].concat())))
}

fn attributes() -> impl Strategy<Value = Attributes> {
    (0..0x200_u32).prop_map(|bits| {
        let all = Attributes::from_bits_truncate(bits);
        let times = all.intersection(Attributes::TIMES).iter().next().unwrap_or_default();
        all.difference(Attributes::TIMES) | times
    })
}

fn data() -> impl Strategy<Value = String> {
    proptest::collection::vec("k[a-z]{0,3}=[ #\\\\a-z0-9\t]{0,4}", 0..3).prop_map(|words| words.join(","))
}

fn a_propagation() -> impl Strategy<Value = Option<Propagation>> {
    proptest::sample::select(vec![None, Some(Propagation::Shared), Some(Propagation::RUnbindable)])
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        paths in [a_path(), a_path()],
        sets in [attributes(), attributes(), attributes(), attributes()],
        bits in any::<[bool; 6]>(),
        options in data(),
        propagation in a_propagation(),
        map in proptest::option::of(prop_oneof![
            Just(Idmap::new().users(0, 1, 2).groups(3, 4, 5)),
            Just(Idmap::namespace("/proc/7/ns/user")),
            Just(Idmap::namespace("/a,b c\\040")),
        ]),
    ) {
        let [recursive, create, optional, inside, deep, on_loop] = bits;
        let [source, target] = paths;
        let [top, below, cleared, cleared_below] = sets;
        let mut bind = Bind::new(&source, &target).attributes_on_top_only().attributes(top).attributes_below(below);
        bind.cleared = cleared.difference(top | Attributes::TIMES);
        bind.cleared_below = cleared_below.difference(below | Attributes::TIMES);
        bind.recursive = recursive;
        (bind.create, bind.optional, bind.inside, bind.propagation) = (create, optional, inside, propagation);
        bind.idmap_deep = map.is_none() || deep;
        bind.idmap = map;
        let mut named = FileSystem::new("9p", &source, &target).options(&*options).attributes(top);
        (named.create, named.optional, named.propagation) = (create, optional, propagation);
        let mut disk = Disk::new(&source, "ext4", &target).options(options).attributes(below);
        (disk.create, disk.propagation) = (create, propagation);
        if on_loop {
            disk = disk.part(1024, 4096);
        }
        let mounts = Mounts::new().add(bind).add(named).add(disk).add(Tmpfs::new(&target).size(9).attributes(top));
        let text = mounts.to_fstab().unwrap();
        prop_assert_eq!(Mounts::from_fstab(&text).unwrap(), mounts, "{}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn any_text_is_mounts_or_problems(text in proptest::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(mounts) = Mounts::from_fstab(&text) {
            let again = mounts.to_fstab().unwrap();
            prop_assert_eq!(Mounts::from_fstab(again).unwrap(), mounts);
        }
    }

    #[test]
    fn any_words_are_a_mount_or_problems(words in proptest::collection::vec("(r|no)?(ro|rw|suid|dev|exec|atime|bind|slave|loop|create=dir|[a-z=,]{0,5})", 0..6)) {
        for kind in ["none", "tmpfs", "proc", "9p"] {
            let line = format!("/a /b {kind} {}", words.join(","));
            if let Ok(mounts) = Mounts::from_fstab(&line) {
                let again = Mounts::from_fstab(mounts.to_fstab().unwrap()).unwrap();
                prop_assert_eq!(again, mounts, "{}", line);
            }
        }
    }
}

#[test]
fn words_that_mount_8_would_act_on_are_not_passed_over() {
    let of = |word: &str| Mount::from_words("tmpfs", "tmpfs", "/data", [word]);
    let Ok(Mount::Tmpfs(tmpfs)) = of("X-mount.mkdir=0755") else { panic!() };
    assert!(tmpfs.create, "{tmpfs:?}");
    assert_eq!(of("x-systemd.automount").unwrap(), of("rw").unwrap());
    let error = of("X-mount.subdir=x").unwrap_err();
    assert_eq!(error.problems(), ["\"X-mount.subdir=x\" cannot be done"]);
}
