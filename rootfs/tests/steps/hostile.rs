// SPDX-License-Identifier: MIT OR Apache-2.0
//! Roots that somebody else has made: links in every place, and names that change while they are used.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use needs::{isolated, isolated_for, needs};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::mount::{MountFlags, mount};
use skep_rootfs::{Bind, Dev, Mounts, Proc, Root, Sysfs, Tmpfs};

use crate::support::{Tree, landed_in};

/// proc-not-proc, dev-symlink: CVE-2019-19921, CVE-2023-27561, CVE-2025-54867, CVE-2026-41579.
#[test]
fn a_root_whose_proc_sys_or_dev_is_a_link_is_refused() {
    needs!(root);
    isolated(|| {
        let to_there = ["../canary", "/canary", "run", "../../../../../../../../tmp"];
        for to in to_there {
            for (name, mounts) in [
                ("proc", Mounts::new().add(Proc::new("/proc").create_target())),
                ("sys", Mounts::new().add(Sysfs::new("/sys").create_target())),
                ("dev", Mounts::new().add(Dev::new("/dev").create_target())),
                ("dev", Mounts::new().add(Tmpfs::new("/dev/shm").create_target())),
                ("proc", Mounts::new().mask(["/proc/kcore"])),
                ("sys", Mounts::new().read_only(["/sys/firmware"])),
            ] {
                let tree = Tree::new();
                tree.link(name, to);
                if to == "../canary" {
                    let landed = landed_in(&tree.beside("canary"), || naive_tmpfs(&tree.join(name)).unwrap());
                    assert_eq!(landed.len(), 1, "who believes {name} is led out");
                }
                let error = tree.live(&mounts, |_| ()).unwrap_err();
                assert_eq!(error.errno(), Some(40), "{name} -> {to}: {error:?}");
                assert_eq!(
                    error.hint(),
                    Some("nothing is mounted or made through links below /proc, /sys and /dev of a root")
                );
                tree.assert_canary_is_untouched();
            }
        }
    });
}

/// Mounts by a path, believed as it is.
fn naive_tmpfs(path: &Path) -> rustix::io::Result<()> {
    mount("tmpfs", path, "tmpfs", MountFlags::empty(), None)
}

/// Binds by paths, believed as they are.
fn naive_bind(source: &Path, target: &Path) -> rustix::io::Result<()> {
    mount(source, target, "", MountFlags::BIND, None)
}

/// What is mounted by a link of the tree's over what programs believe: the end of CVE-2019-16884 and 2025-52881.
#[test]
fn nothing_is_mounted_over_proc_sys_and_dev_by_a_link() {
    needs!(root);
    isolated(|| {
        for to in ["/proc", "/proc/sys", "/proc/self/attr", "/sys/fs", "/dev", "/dev/pts", "../../proc", "run/../proc"]
        {
            let tree = Tree::new();
            tree.link("data", to);
            fs::create_dir(tree.beside("volume")).unwrap();
            let bind = Bind::new(tree.beside("volume"), "/data");
            let mounts = Mounts::standard().add(bind.clone());
            let error = tree.live(&mounts, |_| ()).unwrap_err();
            assert_eq!(error.errno(), Some(40), "{to}: {error:?}");
            assert_eq!(error.hint(), Some(NOT_FOLLOWED), "{to}");
            let problems = Root::open(tree.join("")).unwrap().problems_of(&mounts);
            let said = problems.iter().any(|problem| problem.contains("leads by a link to "));
            assert!(said, "{to}: {problems:?}");
            // A link to what the root has itself does no harm.
            let tree = Tree::new();
            tree.link("run/link", "/data");
            let mounts = Mounts::standard().add(Bind::new("/", "/run/link"));
            tree.live(&mounts, |_| assert!(fs::exists("/data/proc").unwrap())).unwrap();
        }
    });
}

const NOT_FOLLOWED: &str =
    "what is refused is a link itself, too many links, or one that leads into /proc, /sys or /dev of a root";

#[test]
fn a_root_whose_proc_is_a_file_is_refused() {
    needs!(root);
    isolated(|| {
        let tree = Tree::new();
        fs::remove_dir(tree.join("proc")).unwrap();
        fs::write(tree.join("proc"), "").unwrap();
        let error = tree.live(&Mounts::new().add(Proc::new("/proc").create_target()), |_| ()).unwrap_err();
        assert_eq!((error.errno(), error.hint()), (Some(20), Some("it must be a directory")));
    });
}

/// mount-symlink: CVE-2017-1002101, CVE-2018-15664.
#[test]
fn a_target_that_is_a_link_stays_in_the_root() {
    needs!(root);
    isolated(links_stay_in_the_root);
}

/// The same by the walk, which a filter that refuses openat2 leaves.
#[test]
fn a_target_that_is_a_link_stays_in_the_root_without_openat2() {
    needs!(root);
    isolated(|| {
        needs::deny(&"openat2".parse().unwrap()).unwrap();
        links_stay_in_the_root();
    });
}

fn links_stay_in_the_root() {
    // Where the link is, where it leads, and where that is inside the root.
    for (to, inside) in [
        ("/canary", "/canary"),
        ("../../../../canary", "/canary"),
        ("/proc/../canary", "/canary"),
        ("../data/.././canary/", "/canary"),
    ] {
        let tree = Tree::new();
        fs::create_dir(tree.join("canary")).unwrap();
        fs::remove_dir(tree.join("run")).unwrap();
        symlink(to, tree.join("run")).unwrap();
        tree.live(&Mounts::new().add(Tmpfs::new("/run")), |view| {
            assert_eq!(view.at(inside).kind, "tmpfs", "{to}");
        })
        .unwrap();
        tree.assert_canary_is_untouched();
    }
}

#[test]
fn nothing_is_made_through_a_link_that_leads_nowhere_or_out() {
    needs!(root);
    isolated(|| {
        // In the root they lead nowhere; on this machine the first two lead to what is there.
        for to in ["../canary", "CANARY", "../canary/new", "/canary/new", "new"] {
            let tree = Tree::new();
            let outside = tree.beside("canary");
            symlink(if to == "CANARY" { &outside } else { Path::new(to) }, tree.join("etc")).unwrap();
            fs::write(tree.beside("hosts"), "").unwrap();
            for target in ["/etc", "/etc/deep/hosts"] {
                let bind = Bind::new(tree.beside("hosts"), target).create_target();
                assert!(tree.live(&Mounts::new().add(bind), |_| ()).is_err(), "{to}");
                let tmpfs = Tmpfs::new(target).create_target();
                assert!(tree.live(&Mounts::new().add(tmpfs), |_| ()).is_err(), "{to}");
            }
            tree.assert_canary_is_untouched();
            assert!(!tree.join("new").exists());
        }
    });
}

/// mask-devnull: CVE-2025-31133. The root's own null may be anything.
#[test]
fn a_mask_is_not_made_of_the_root_s_own_null() {
    needs!(root);
    isolated(|| {
        let tree = Tree::new();
        symlink("../../canary/file", tree.join("dev/null")).unwrap();
        fs::write(tree.join("key"), "secret").unwrap();
        landed_in(&tree.join("key"), || {
            naive_bind(&tree.join("dev/null"), &tree.join("key")).unwrap();
            let seen = fs::read_to_string(tree.join("key")).unwrap();
            assert_eq!(seen, "untouched", "who masks by the root's own null shows, and has written, what it leads to");
        });
        tree.live(&Mounts::new().mask(["/key"]), |view| {
            assert_eq!(fs::read("/key").unwrap(), b"");
            assert!(fs::write("/key", "gone").is_ok());
            assert_eq!(view.at("/key").root, "/null");
        })
        .unwrap();
        tree.assert_canary_is_untouched();
        assert_eq!(fs::read_to_string(tree.join("key")).unwrap(), "secret");
    });
}

#[test]
fn links_in_a_ring_end_in_an_error() {
    needs!(root);
    isolated(|| {
        let tree = Tree::new();
        symlink("b", tree.join("a")).unwrap();
        symlink("../a", tree.join("b")).unwrap();
        let error = tree.live(&Mounts::new().add(Tmpfs::new("/a")), |_| ()).unwrap_err();
        assert_eq!(error.errno(), Some(40));
    });
}

/// Exchanges two names of a root for as long as it lives.
fn with_exchanges(tree: &Tree, one: &str, other: &str, body: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                renameat_with(CWD, tree.join(one), CWD, tree.join(other), RenameFlags::EXCHANGE).unwrap();
            }
        });
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
        stop.store(true, Ordering::Relaxed);
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

/// Until one who believes paths was led out, which shows that a round can be lost; none of them is a wait.
fn is_led_out(tree: &Tree, work: impl Fn() + Sync) -> bool {
    (0..10_000).any(|_| !landed_in(&tree.beside("canary"), &work).is_empty())
}

/// mount-race: CVE-2021-30465, CVE-2024-45310.
#[test]
fn a_target_that_is_exchanged_for_a_link_meanwhile_never_leads_out() {
    needs!(root);
    isolated_for(std::time::Duration::from_secs(300), || {
        let tree = Tree::new();
        symlink("../canary", tree.join("link")).unwrap();
        fs::write(tree.beside("hosts"), "").unwrap();
        let mounts = Mounts::new()
            .add(Tmpfs::new("/data/deep/made").create_target())
            .add(Bind::new(tree.beside("hosts"), "/data/hosts").create_target())
            .add(Tmpfs::new("/data"));
        with_exchanges(&tree, "data", "link", || {
            raced(&tree, &mounts);
            assert!(is_led_out(&tree, || _ = naive_tmpfs(&tree.join("data"))), "nothing was raced");
        });
    });
}

/// console-symlink: CVE-2025-52565. What a terminal is bound to is exchanged for a link.
#[test]
fn a_console_that_is_exchanged_for_a_link_meanwhile_never_leads_out() {
    needs!(root);
    isolated_for(std::time::Duration::from_secs(300), || {
        let tree = Tree::new();
        fs::write(tree.join("dev/console"), "").unwrap();
        symlink("../../canary/file", tree.join("dev/link")).unwrap();
        fs::write(tree.beside("terminal"), "").unwrap();
        let bind = Bind::new(tree.beside("terminal"), "/dev/console");
        with_exchanges(&tree, "dev/console", "dev/link", || {
            raced(&tree, &Mounts::new().add(bind));
            let naive = || _ = naive_bind(&tree.beside("terminal"), &tree.join("dev/console"));
            assert!(is_led_out(&tree, naive), "nothing was raced");
        });
    });
}

/// Mounts, while names are exchanged, until it was both done and refused; and then as often as the run asks for.
fn raced(tree: &Tree, mounts: &Mounts) {
    let (mut done, mut refused) = (0, 0);
    for round in 0..4000 {
        if round >= needs::rounds(400) && done > 0 && refused > 0 {
            break;
        }
        // What had landed outside would be gone with the old root.
        match tree.live(mounts, |view| view.mounts().len()) {
            Ok(count) => {
                done += 1;
                assert_eq!(count, 1 + mounts.mounts.len(), "all of them are in the root");
            }
            Err(_) => refused += 1,
        }
        tree.assert_canary_is_untouched();
    }
    assert!(done > 0 && refused > 0, "{done} done, {refused} refused");
}
