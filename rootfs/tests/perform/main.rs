// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps performed by the child of std's Command, and by the calling thread.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    unsafe_code,
    reason = "pre_exec is unsafe to call; the helpers of tests may be as blunt as tests"
)]

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};
use std::thread;

use needs::{CountingHeap, Scratch, heap_uses, isolated, needs};
use skep_rootfs::{
    Bind, Error, ErrorKind, Idmap, MountInfo, Mounts, NewNamespaces, Prepared, RootSpec, Setting, Steps, Tmpfs,
};

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

const ROOT: NewNamespaces = NewNamespaces::UserAndMounts { uid: 0, gid: 0 };

fn setting(user_namespace: bool) -> Setting {
    Setting { user_namespace, ..Setting::default() }
}

/// Runs a shell's words as the child of a Command that performs the steps.
fn run(prepared: &Prepared, words: &str) -> Result<Output, Error> {
    let there = prepared.clone();
    let mut command = Command::new("sh");
    command.args(["-c", words]);
    // SAFETY: apply() makes system calls and nothing else: it allocates nothing and takes no lock.
    unsafe { command.pre_exec(move || there.apply()) };
    command.output().map_err(|error| prepared.explain(error))
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_program_has_mounts_that_nobody_else_sees() {
    needs!(root);
    isolated(|| {
        let dir = Scratch::new();
        for name in ["source", "target"] {
            fs::create_dir(dir.join(name)).unwrap();
        }
        fs::write(dir.join("source/file"), "shared").unwrap();
        let mounts = Mounts::new().add(Bind::new(dir.join("source"), dir.join("target")).read_only());
        let before = MountInfo::of_this_thread().unwrap();
        let steps = Steps::new(None, &mounts, setting(false));
        let target = dir.join("target");
        let prepared = steps.prepare(NewNamespaces::Mounts).unwrap();
        for _ in 0..3 {
            assert_eq!(said(&run(&prepared, &format!("cat {}/file", target.display())).unwrap()), "shared");
        }
        assert_eq!(MountInfo::of_this_thread().unwrap(), before);
        // In a mount namespace that is there already.
        thread::scope(|scope| {
            scope.spawn(|| {
                own_mounts();
                let prepared = steps.prepare(NewNamespaces::None).unwrap();
                assert_eq!(said(&run(&prepared, "echo done").unwrap()), "done\n");
                assert_eq!(fs::read_to_string(target.join("file")).unwrap(), "shared");
            });
        });
    });
}

#[test]
fn what_must_be_made_before_is_made_by_who_prepares_for_one_child() {
    needs!(root, kernel(6, 3), syscall("open_tree"), syscall("move_mount"), syscall("mount_setattr"));
    isolated(|| {
        let dir = Scratch::new();
        for name in ["source", "target"] {
            fs::create_dir(dir.join(name)).unwrap();
        }
        thread::scope(|scope| {
            scope.spawn(|| {
                Steps::new(None, &Mounts::new().add(Tmpfs::new(dir.join("source"))), setting(false))
                    .enter_mounts()
                    .unwrap();
                fs::write(dir.join("source/file"), "").unwrap();
                let bind = Bind::new(dir.join("source"), dir.join("target")).idmap(Idmap::new().both(0, 7, 1));
                let steps = Steps::new(None, &Mounts::new().add(bind), setting(false));
                let open = said(&Command::new("sh").args(["-c", "ls /proc/self/fd | wc -l"]).output().unwrap());
                for new in [NewNamespaces::Mounts, NewNamespaces::UserAndMounts { uid: 3, gid: 3 }] {
                    let prepared = steps.prepare(new).unwrap();
                    let words = format!("stat -c %u {}/file; ls /proc/self/fd | wc -l", dir.join("target").display());
                    // In a user namespace that has no 7 it is nobody's. What was prepared is not passed on.
                    let owner = if new == NewNamespaces::Mounts { "7" } else { "65534" };
                    assert_eq!(said(&run(&prepared, &words).unwrap()), format!("{owner}\n{open}"));
                    let error = run(&prepared, &words).unwrap_err();
                    assert!(error.hint().unwrap().contains("one time"), "{error:?}");
                }
                assert!(MountInfo::of_this_thread().unwrap().iter().all(|mount| mount.target != dir.join("target")));
            });
        });
    });
}

#[allow(deprecated, reason = "of a thread that ends, and whose descriptors are not unshared")]
fn own_mounts() {
    rustix::thread::unshare(rustix::thread::UnshareFlags::NEWNS).unwrap();
}

#[test]
fn an_ordinary_account_is_root_of_namespaces_of_its_own() {
    needs!(userns);
    isolated(|| {
        let before = MountInfo::of_this_thread().unwrap();
        let mounts = Mounts::new().add(Tmpfs::new("/tmp"));
        let prepared = Steps::new(None, &mounts, setting(true)).prepare(ROOT).unwrap();
        let output = run(&prepared, "id -u; id -g; touch /tmp/x; ls /tmp; cat /proc/self/uid_map").unwrap();
        let user = rustix::process::geteuid().as_raw().to_string();
        let words: Vec<String> = said(&output).split_whitespace().map(str::to_owned).collect();
        assert_eq!(words, ["0", "0", "x", "0", &user, "1"]);
        let other = NewNamespaces::UserAndMounts { uid: 7, gid: 8 };
        let prepared = Steps::new(None, &mounts, setting(true)).prepare(other).unwrap();
        assert_eq!(said(&run(&prepared, "id -u; id -g").unwrap()), "7\n8\n");
        assert_eq!(MountInfo::of_this_thread().unwrap(), before);
    });
}

#[test]
fn a_start_that_fails_is_explained_by_its_step() {
    needs!(userns);
    isolated(|| {
        let mounts = Mounts::new().add(Bind::new("/etc", "/no/such/place"));
        let prepared = Steps::new(None, &mounts, setting(true)).prepare(ROOT).unwrap();
        let error = run(&prepared, "true").unwrap_err();
        assert!(error.to_string().contains("/no/such/place"), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        // What has nothing to do with the steps.
        let error = prepared.explain(io::Error::from_raw_os_error(7));
        assert_eq!((error.to_string().as_str(), error.errno()), ("cannot start the program", Some(7)));
        needs::deny(&"unshare=EPERM".parse().unwrap()).unwrap();
        let error = run(&prepared, "true").unwrap_err();
        assert_eq!((error.kind(), error.hint().is_some()), (ErrorKind::Denied, true), "{error:?}");
    });
}

#[test]
fn the_calling_thread_alone_is_moved() {
    needs!(root);
    isolated(|| {
        let dir = Scratch::new();
        for name in ["root/proc", "root/only here"] {
            fs::create_dir_all(dir.join(name)).unwrap();
        }
        thread::scope(|scope| {
            let steps = |path| Steps::new(Some(&RootSpec::new(dir.join(path))), &Mounts::new(), setting(false));
            let (good, bad) = (steps("root"), steps("absent"));
            scope.spawn(move || {
                good.enter_mounts().unwrap();
                assert!(fs::metadata("/only here").is_ok() && fs::metadata("/etc").is_err());
            });
            scope.spawn(move || {
                let error = bad.enter_mounts().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
            });
        });
        assert!(fs::metadata("/only here").is_err());
    });
}

#[test]
fn nothing_is_allocated_after_prepare() {
    needs!(root);
    isolated(|| {
        let dir = Scratch::new();
        for name in ["root/proc", "root/sys", "root/dev", "root/run", "root/etc"] {
            fs::create_dir_all(dir.join(name)).unwrap();
        }
        let mounts = Mounts::standard().add(Bind::new("/etc", "/etc").read_only()).mask(["/etc"]);
        let root = RootSpec::new(dir.join("root")).read_only();
        for denied in ["kcmp", "openat2,fsopen,open_tree,mount_setattr"] {
            let good = Steps::new(Some(&root), &mounts, setting(false)).prepare(NewNamespaces::Mounts).unwrap();
            let absent = Mounts::new().add(Bind::new("/no/such/source", "/etc"));
            let bad = Steps::new(None, &absent, setting(false)).prepare(NewNamespaces::Mounts).unwrap();
            thread::scope(|scope| {
                scope.spawn(|| {
                    needs::deny(&denied.parse().unwrap()).unwrap();
                    let mut result = Ok(());
                    let uses = heap_uses(|| result = bad.apply());
                    assert_eq!((uses, result.unwrap_err().raw_os_error()), (0, Some(2)), "{denied}");
                    let mut result = Ok(());
                    let uses = heap_uses(|| result = good.apply());
                    assert_eq!((uses, result.is_ok()), (0, true), "{denied}: {result:?}");
                });
            });
        }
    });
}

#[test]
fn more_steps_than_can_be_told_apart_are_refused_before_there_is_a_child() {
    isolated(|| {
        let masked = |count: u32| Mounts::new().mask((0..count).map(|at| format!("/no/such/path/{at}")));
        let error = Steps::new(None, &masked(65_534), setting(true)).prepare(ROOT).unwrap_err();
        assert_eq!(error.problems(), ["65535 steps, of which there may be 65534"]);
        let error = Steps::new(None, &masked(65_534), setting(false)).enter_mounts().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(Steps::new(None, &masked(65_533), setting(true)).prepare(ROOT).is_ok());
    });
}

#[test]
fn a_child_of_another_user_is_told_why_it_maps_no_ids() {
    needs!(root, userns);
    isolated(|| {
        let prepared = Steps::new(None, &Mounts::new(), setting(true)).prepare(ROOT).unwrap();
        let there = prepared.clone();
        let mut command = Command::new("true");
        // SAFETY: apply() makes system calls and nothing else: it allocates nothing and takes no lock.
        unsafe { command.uid(65534).gid(65534).pre_exec(move || there.apply()) };
        let error = prepared.explain(command.status().unwrap_err());
        assert_eq!(error.errno(), Some(13), "{error:?}");
        assert!(error.hint().unwrap().contains("Command::uid"), "{error:?}");
    });
}
