// SPDX-License-Identifier: MIT OR Apache-2.0
//! Further programs in containers that are hostile: whoever is in it already gets nothing of the caller, and keeps nobody.

use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use needs::{isolated_for, needs};
use skep::cgroup::{Cgroup, Limits};
use skep::ns::Stdio;
use skep::rootfs::{Bind, Mounts};
use skep::{ErrorKind, Report};

use crate::common::{DEADLINE, program, until};
use crate::exec::{sleeper, text_of};
use crate::silent_files::SilentFiles;
use crate::tree::Tree;

#[test]
fn a_program_that_is_stopped_by_those_inside_keeps_nobody() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        // Stops everything that comes, and never stops doing so.
        let script = "echo up; while :; do for i in /proc/[0-9]*; do n=${i#/proc/}; \
            [ $n != 1 ] && kill -STOP $n 2>/dev/null; done; done";
        let mut container = program("/bin/sh", &["-c", script]).stdout(Stdio::Piped).kill_on_drop().start().unwrap();
        container.stdout.as_mut().unwrap().read_exact(&mut [0; 3]).unwrap();
        for _ in 0..5 {
            match container.exec("/bin/true", [""; 0]).start() {
                // It has come through; it is stopped, or has ended.
                Ok(executed) => {
                    executed.kill().unwrap();
                    executed.wait_with_output().unwrap();
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::Busy, "{}", Report(&error)),
            }
        }
    });
}

#[test]
fn a_program_that_is_killed_by_those_inside_is_an_error() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let script = "echo up; while :; do kill -KILL -1 2>/dev/null; done";
        let mut container = program("/bin/sh", &["-c", script]).stdout(Stdio::Piped).kill_on_drop().start().unwrap();
        container.stdout.as_mut().unwrap().read_exact(&mut [0; 3]).unwrap();
        for _ in 0..20 {
            match container.exec("/bin/sleep", ["1000"]).start() {
                Ok(executed) => {
                    let status = executed.wait_with_output().unwrap().status;
                    assert_eq!(status.signal(), Some(9));
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::WrongState, "{}", Report(&error)),
            }
        }
    });
}

#[test]
fn a_container_that_ends_in_the_middle_is_said_to_have_ended() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        for patience in 0..30 {
            let container = sleeper().start().unwrap();
            std::thread::scope(|scope| {
                let killer = scope.spawn(|| {
                    std::thread::sleep(Duration::from_micros(patience * 100));
                    container.kill().unwrap();
                });
                match container.exec("/bin/sleep", ["1000"]).start() {
                    Ok(executed) => assert_eq!(executed.wait().unwrap().signal(), Some(9)),
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::WrongState, "{}", Report(&error));
                    }
                }
                killer.join().unwrap();
            });
        }
    });
}

#[test]
fn the_directory_of_a_further_program_cannot_be_one_of_the_caller_s() {
    // CVE-2024-21626: a descriptor of the runtime's as the working directory.
    needs!(userns, program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let container = tree.shell("sleep 1000").kill_on_drop().start().unwrap();
        for number in 0..32 {
            let link = format!("/proc/self/fd/{number}");
            match container.exec("/bin/sh", ["-c", "pwd -P; ls .."]).current_dir(&link).stdin(Stdio::Null).output() {
                Err(error) => assert!(Path::new(&link).is_absolute(), "{}", Report(&error)),
                Ok(out) => panic!("{link}: {}", String::from_utf8_lossy(&out.stdout)),
            }
        }
    });
}

#[test]
fn whoever_may_freeze_a_group_keeps_nobody() {
    needs!(root, cgroup("pids"));
    isolated_for(DEADLINE, || {
        let container = sleeper().limits(Limits::new().pids_max(64)).start().unwrap();
        let group = container.cgroup().unwrap().unwrap();
        let below: Vec<_> = group.directories().map(|path| path.join("below")).collect();
        below.iter().for_each(|path| fs::create_dir(path).unwrap());
        let below = Cgroup::from_directories(&below).unwrap();
        let directories: Vec<_> = below.directories().map(Path::to_path_buf).collect();
        let procs = || fs::read_to_string(directories[0].join("cgroup.procs")).unwrap();
        let is_frozen_in_time = || {
            let done = AtomicBool::new(false);
            std::thread::scope(|scope| {
                // As a container could with a group of its own: as soon as somebody is in it, and for good.
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) && procs().is_empty() {
                        std::hint::spin_loop();
                    }
                    drop(below.freeze(DEADLINE));
                });
                let executed = container.exec("/bin/true", [""; 0]).cgroup("below").start();
                done.store(true, Ordering::Relaxed);
                executed.err().map(|error| error.kind())
            })
        };
        until("it was frozen before it was executed", || {
            let kind = is_frozen_in_time();
            below.thaw(DEADLINE).unwrap();
            // Too late, in time, or before anything was begun: who was executed before may be leaving the group still.
            assert!([None, Some(ErrorKind::Busy), Some(ErrorKind::WrongState)].contains(&kind), "{kind:?}");
            kind == Some(ErrorKind::Busy)
        });
        container.kill().unwrap();
        container.wait().unwrap();
        below.remove_within(DEADLINE).unwrap();
    });
}

#[test]
fn a_program_that_is_the_launcher_itself_is_not_the_caller() {
    // CVE-2019-5736: a program that leads back to the runtime's own file.
    needs!(userns, program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        symlink("/proc/self/exe", tree.root().join("bin/evil")).unwrap();
        fs::write(tree.root().join("bin/script"), "#!/proc/self/exe\n").unwrap();
        fs::set_permissions(tree.root().join("bin/script"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        let container = tree.shell("sleep 1000").kill_on_drop().start().unwrap();
        for program in ["/bin/evil", "/bin/script", "/proc/self/exe"] {
            // The launcher, which finds nobody to report to: of this program here nothing.
            match container.exec(program, [""; 0]).output() {
                Ok(out) => assert_eq!((out.status.code(), out.stdout.as_slice()), (Some(64), &b""[..]), "{program}"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::NotExecutable, "{}", Report(&error)),
            }
        }
        assert_eq!(text_of(container.exec("/bin/echo", ["yes"])), "yes\n");
    });
}

#[test]
fn a_further_program_has_the_container_s_null_device_and_not_the_machine_s() {
    needs!(root, program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let container = tree.shell("sleep 1000").kill_on_drop().start().unwrap();
        let script = "stat -L -c %d:%i /dev/null; stat -L -c %d:%i /proc/self/fd/0";
        let text = text_of(container.exec("/bin/sh", ["-c", script]).stdin(Stdio::Null));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], lines[1], "{text}");
    });
}

#[test]
fn files_that_nobody_answers_for_keep_nobody() {
    needs!(root, program("busybox"), file("/dev/fuse"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let place = tree.root().with_file_name("silent");
        fs::create_dir(&place).unwrap();
        let mut silent = SilentFiles::mounted_at(&place);
        let container =
            tree.shell("sleep 1000").mounts(Mounts::standard().add(Bind::new(&place, "/tmp"))).start().unwrap();
        let begin = Instant::now();
        let error = container.exec("/tmp/program", [""; 0]).start_within(Duration::from_millis(300)).start();
        let error = error.unwrap_err();
        silent.wait_for_opening();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{}", Report(&error));
        assert!(error.hint().unwrap().contains("does not end before the container does"), "{}", Report(&error));
        assert!(begin.elapsed() < Duration::from_secs(20));
        assert_eq!(text_of(container.exec("/bin/echo", ["yes"])), "yes\n");
        // It is waited for with the container, whose end it would keep back.
        container.kill().unwrap();
        assert_eq!(container.wait_for(Duration::from_millis(300)).unwrap(), None);
        silent.end();
        assert_eq!(container.wait_for(DEADLINE).unwrap().and_then(|status| status.signal()), Some(9));
    });
}
