// SPDX-License-Identifier: MIT OR Apache-2.0
//! Views of this machine, lived in: by root and in a user namespace.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use needs::{Scratch, isolated, needs};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change, unmount};
use skep_rootfs::{Changes, Mounts, Setting, Steps, View};

use crate::overlay::{DENIALS, without};
use crate::support::{again_in_namespaces, live, names, write_errno};

/// What is made in a view must never be seen on this machine.
const MADE: &str = "skep-made-in-a-view";

#[track_caller]
fn assert_nothing_was_made() {
    for dir in ["/", "/etc", "/usr", "/usr/bin", "/tmp", "/run", "/var/tmp"] {
        assert!(!fs::exists(Path::new(dir).join(MADE)).unwrap(), "{dir}");
    }
}

/// A directory that a view takes over, unlike /tmp, and mounts in it; gone when the test ends, however it does.
struct Place {
    dir: PathBuf,
    mounts: Vec<PathBuf>,
}

impl Place {
    fn new() -> Self {
        let dir = Path::new("/var/tmp").join(needs::token());
        fs::create_dir(&dir).unwrap();
        Self { dir, mounts: Vec::new() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for path in self.mounts.iter().rev() {
            unmount(path, UnmountFlags::DETACH).unwrap();
        }
        needs::remove_unless_mounted(&self.dir).unwrap();
    }
}

#[test]
fn root_changes_everything_and_nothing_of_it_is_on_the_machine() {
    needs!(root);
    isolated(|| {
        mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE).unwrap();
        let mut place = Place::new();
        let dir = place.dir.clone();
        let at = |path: &str| dir.join(path);
        for name in ["own/inner", "hidden/below", "locked"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        fs::write(at("file"), "of the root").unwrap();
        fs::write(at("other"), "bound").unwrap();
        let tmpfs = |path: &str| mount("tmpfs", at(path), "tmpfs", MountFlags::NOEXEC, None).unwrap();
        tmpfs("own");
        fs::create_dir(at("own/inner")).unwrap();
        fs::write(at("own/file"), "own").unwrap();
        tmpfs("own/inner");
        tmpfs("hidden/below");
        tmpfs("hidden");
        mount_bind(at("other"), at("file")).unwrap();
        place.mounts = ["own", "own/inner", "hidden/below", "hidden", "file"].map(at).to_vec();
        for denied in DENIALS {
            let view = View::of_this_machine(false, Changes::in_memory()).unwrap();
            let files = format!("{:?} is read-only: a file, which is mounted there", at("file"));
            assert!(view.notes.contains(&files), "{:?}", view.notes);
            let steps = Steps::new(Some(&view.root), &view.mounts.and(Mounts::standard()), Setting::default());
            let (etc, hosts) = (names("/etc"), fs::read("/etc/passwd").unwrap());
            without(denied, || {
                live(&steps, |view| {
                    assert_eq!(names("/etc"), etc);
                    for dir in ["/", "/etc", "/usr", "/usr/bin", "/tmp", "/run", "/var/tmp"] {
                        fs::write(Path::new(dir).join(MADE), "").unwrap();
                    }
                    assert_eq!((names("/tmp"), names("/run")), (vec![MADE.to_owned()], vec![MADE.to_owned()]));
                    assert_eq!(fs::metadata("/tmp").unwrap().permissions().mode() & 0o7777, 0o1777);
                    fs::write("/etc/passwd", "changed").unwrap();
                    fs::remove_file("/usr/bin/env").unwrap();
                    // A file system of its own, and one in it.
                    assert_eq!(fs::read_to_string(at("own/file")).unwrap(), "own");
                    fs::write(at("own/file"), "changed").unwrap();
                    fs::write(at("own/inner/made"), "").unwrap();
                    assert_eq!(view.at(at("own").to_str().unwrap()).attributes(), "rw,nodev,noexec", "{denied}");
                    // A file over a file.
                    assert_eq!(fs::read_to_string(at("file")).unwrap(), "bound");
                    assert_eq!(write_errno(at("file").to_str().unwrap()), Some(30));
                    // What is hidden stays so.
                    assert_eq!(names(at("hidden")), [""; 0]);
                    let mounts = view.mounts();
                    assert!(mounts.iter().all(|mount| mount.target != at("hidden/below").to_str().unwrap()));
                    // Nothing of the memory that all of it is in.
                    assert_eq!(mounts.iter().filter(|mount| mount.target == "/").count(), 1, "{denied}");
                    let bare = |mount: &&crate::support::MountLine| {
                        mount.kind == "tmpfs"
                            && !["/dev", "/run", "/tmp", "/proc", "/sys"]
                                .iter()
                                .any(|known| Path::new(&mount.target).starts_with(known))
                    };
                    let tmpfs = mounts.iter().filter(bare).filter(|mount| !mount.attributes().starts_with("ro"));
                    assert_eq!(tmpfs.collect::<Vec<_>>(), [] as [&crate::support::MountLine; 0], "{denied}");
                })
                .unwrap();
            });
            assert_nothing_was_made();
            assert_eq!(fs::read("/etc/passwd").unwrap(), hosts);
            assert!(fs::exists("/usr/bin/env").unwrap());
            assert_eq!(fs::read_to_string(at("own/file")).unwrap(), "own");
            assert_eq!(names(at("own/inner")), [""; 0]);
        }
    });
}

#[test]
fn a_view_that_is_kept_is_there_the_next_time() {
    needs!(root);
    isolated(|| {
        let dir = Scratch::new();
        let steps = || {
            let view = View::of_this_machine(false, Changes::Kept(dir.path().to_owned())).unwrap();
            Steps::new(Some(&view.root), &view.mounts, Setting::default())
        };
        live(&steps(), |_| fs::write(format!("/etc/{MADE}"), "first").unwrap()).unwrap();
        assert_eq!(fs::read_to_string(dir.join(format!("%2F/upper/etc/{MADE}"))).unwrap(), "first");
        let read = live(&steps(), |_| fs::read_to_string(format!("/etc/{MADE}")).unwrap());
        assert_eq!(read.unwrap(), "first");
        assert_nothing_was_made();
    });
}

#[test]
fn in_a_view_there_is_a_view_until_the_kernel_takes_no_more_overlays() {
    // The kernel is asked by these two how many it takes; without them it says so when the mounts are made.
    needs!(root, syscall("fsopen"), syscall("fsconfig"));
    isolated(|| {
        let enter = || {
            let view = View::of_this_machine(false, Changes::in_memory()).unwrap();
            let mounts = view.mounts.clone().and(Mounts::standard());
            let steps = Steps::new(Some(&view.root), &mounts, Setting::default());
            steps.enter_mounts().unwrap();
            view
        };
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                for _ in 0..2 {
                    let view = enter();
                    assert_eq!(view.root.directory(), Some(Path::new("/")));
                    fs::write(format!("/etc/{MADE}"), "").unwrap();
                }
                let view = enter();
                assert!(view.notes.iter().any(|note| note.ends_with("the kernel takes no third")), "{:?}", view.notes);
                assert_eq!(fs::read_to_string(format!("/etc/{MADE}")).unwrap(), "");
                assert_eq!(write_errno(&format!("/etc/{MADE}")), Some(30));
                fs::write(format!("/tmp/{MADE}"), "").unwrap();
            });
            thread.join().unwrap();
        });
        assert_nothing_was_made();
    });
}

#[test]
fn a_user_has_the_files_of_this_machine_and_changes_what_is_theirs() {
    needs!(userns, program("unshare"), kernel(5, 11));
    if again_in_namespaces(&["--pid", "--fork", "--net", "--ipc"]) {
        let setting =
            Setting { user_namespace: true, own_net: true, own_pid: true, own_ipc: true, ..Setting::default() };
        let of_the_machine = names("/");
        for denied in DENIALS {
            let view = View::of_this_machine(true, Changes::in_memory()).unwrap();
            let steps = Steps::new(Some(&view.root), &view.mounts.and(Mounts::standard()), setting);
            let (etc, hosts) = (names("/etc"), fs::read("/etc/passwd").unwrap());
            without(denied, || {
                live(&steps, |view| {
                    assert_eq!(names("/etc"), etc);
                    assert_eq!(fs::read("/etc/passwd").unwrap(), hosts);
                    for dir in ["/", "/etc", "/usr", "/tmp", "/run"] {
                        fs::write(Path::new(dir).join(MADE), "").unwrap();
                    }
                    assert_eq!((names("/tmp"), names("/run")), (vec![MADE.to_owned()], vec![MADE.to_owned()]));
                    // Every name of the top, but pipes and the like.
                    let here = names("/");
                    let kind = |name: &&String| {
                        let kind = fs::symlink_metadata(Path::new("/").join(name)).unwrap().file_type();
                        kind.is_dir() || kind.is_file() || kind.is_symlink()
                    };
                    assert!(here.iter().filter(|name| *name != MADE).all(|name| of_the_machine.contains(name)));
                    assert!(here.iter().all(|name| kind(&name)));
                    // A program of this machine runs.
                    assert!(std::process::Command::new("/bin/sh").args(["-c", ":"]).status().unwrap().success());
                    let mounts = view.mounts();
                    assert_eq!(mounts.iter().filter(|mount| mount.target == "/").count(), 1, "{denied}");
                    for mount in mounts.iter().filter(|mount| !mount.target.starts_with("/dev/")) {
                        assert!(mount.attributes().contains("nosuid"), "{denied}: {mount:?}");
                    }
                })
                .unwrap();
            });
            assert_nothing_was_made();
        }
        println!("second life lived");
    }
}
