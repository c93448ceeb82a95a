// SPDX-License-Identifier: MIT OR Apache-2.0
//! Machines that refuse the better call: a container starts and ends as on any other.

use std::fs;
use std::time::Duration;

use needs::{Scratch, isolated, isolated_unboxed, needs};
use rustix::mount::{MountFlags, UnmountFlags};
use skep::ns::NamespaceKind::Time;
use skep::ns::{ClockOffset, IdMap, TimeOffsets};

use crate::common::{namespaces, program, role_of, shell, text_of};

/// What must hold whichever call is refused: namespaces, descriptors, status.
#[track_caller]
fn a_container_works() {
    let file = Scratch::new();
    fs::write(file.join("file"), "given").unwrap();
    let script = "echo $$; uname -n; ls -v /proc/1/fd; cat <&7; exit 0";
    let builder = shell(script).hostname("cell").fd(7, fs::File::open(file.join("file")).unwrap());
    assert_eq!(text_of(builder), "1\ncell\n0\n1\n2\n7\ngiven");
    let container = shell("exit 6").start().unwrap();
    assert_eq!(container.wait().unwrap().code(), Some(6));
    let error = program("/no/such/program", &[]).start().unwrap_err();
    assert_eq!(error.kind(), skep::ErrorKind::NotFound);
    drop(program("/bin/true", &[]).create().unwrap());
}

fn denied(list: &str) {
    needs::deny(&list.parse().unwrap()).unwrap();
    a_container_works();
}

#[test]
fn without_clone3() {
    needs!(userns);
    isolated(|| denied("clone3"));
}

#[test]
fn with_a_filter_that_answers_eperm_to_clone3() {
    needs!(userns);
    isolated(|| denied("clone3=EPERM"));
}

#[test]
fn without_memfd_create() {
    needs!(userns);
    isolated(|| denied("memfd_create"));
}

#[test]
fn without_close_range() {
    needs!(userns);
    isolated(|| denied("close_range"));
}

#[test]
fn without_pidfd_open() {
    needs!(userns);
    isolated(|| denied("pidfd_open"));
}

#[test]
fn without_execveat() {
    needs!(userns);
    isolated(|| denied("execveat"));
}

#[test]
fn without_any_of_them() {
    needs!(userns);
    isolated(|| denied("clone3,memfd_create,close_range,pidfd_open,execveat"));
}

#[test]
fn without_memfd_create_and_the_new_mount_calls() {
    needs!(userns);
    isolated(|| denied("memfd_create,fsopen"));
}

#[test]
fn without_clone3_a_time_namespace_is_made_later() {
    // Below it an exec stays in the old one, and the program may not even vfork (seen with 6.1).
    needs!(userns, kernel(6, 2));
    isolated(|| {
        needs::deny(&"clone3".parse().unwrap()).unwrap();
        let all = namespaces().make([Time]);
        // Unlike the others it takes effect for children, or with the next exec, which the program is.
        let inside = text_of(shell("readlink /proc/self/ns/time").namespaces(all));
        assert_ne!(inside.trim(), fs::read_link("/proc/self/ns/time").unwrap().to_str().unwrap());
    });
}

/// The clocks inside are so far from those outside, with an init and without.
#[track_caller]
fn clocks_are_moved() {
    let day = ClockOffset::ahead(Duration::from_secs(86_400));
    let offsets = TimeOffsets::new().boottime(day).monotonic(ClockOffset::ahead(Duration::from_millis(1500)));
    let builder = || {
        shell("cat /proc/self/timens_offsets /proc/uptime").namespaces(namespaces().make([Time])).time_offsets(offsets)
    };
    let seconds = |text: &str| text.split('.').next().unwrap().parse::<u64>().unwrap();
    let outside = fs::read_to_string("/proc/self/timens_offsets").unwrap();
    for builder in [builder(), builder().init()] {
        let before = seconds(&fs::read_to_string("/proc/uptime").unwrap());
        let said = text_of(builder);
        let (moved, uptime) = said.rsplit_once('\n').and_then(|(said, _)| said.rsplit_once('\n')).unwrap();
        assert_eq!(moved.parse::<TimeOffsets>().unwrap(), offsets);
        let after = seconds(&fs::read_to_string("/proc/uptime").unwrap());
        assert!((before + 86_400..=after + 86_401).contains(&seconds(uptime)), "{before} {uptime} {after}");
    }
    assert_eq!(fs::read_to_string("/proc/self/timens_offsets").unwrap(), outside);
}

#[test]
fn clocks_are_moved_with_any_clone() {
    needs!(userns, kernel(6, 2), file("/proc/self/timens_offsets"));
    isolated(clocks_are_moved);
    isolated(|| {
        needs::deny(&"clone3".parse().unwrap()).unwrap();
        clocks_are_moved();
    });
}

#[test]
fn a_clock_that_would_become_negative_is_refused_in_words() {
    needs!(userns, kernel(6, 2), file("/proc/self/timens_offsets"));
    isolated(|| {
        let back = TimeOffsets::new().boottime(ClockOffset::new(-9_000_000_000, 0));
        let error = shell(":").namespaces(namespaces().make([Time])).time_offsets(back).create().unwrap_err();
        let report = skep::Report(&error).to_string();
        assert!(report.contains("a clock would become negative, or pass 146 years: "), "{report}");
        assert!(
            report.contains("move the clocks (seconds, nanoseconds): monotonic 0 0, boottime -9000000000 0"),
            "{report}"
        );
    });
}

/// Runs `act` with the sysctl at `value`. It belongs to the pid namespace, which here is the box's own.
fn with_memfd_noexec(value: &str, act: impl FnOnce()) {
    const SYSCTL: &str = "/proc/sys/vm/memfd_noexec";
    let before = fs::read_to_string(SYSCTL).unwrap();
    fs::write(SYSCTL, value).unwrap();
    assert_eq!(fs::read_to_string(SYSCTL).unwrap().trim(), value);
    act();
    fs::write(SYSCTL, before.trim()).unwrap();
    assert_eq!(fs::read_to_string(SYSCTL).unwrap(), before);
}

#[test]
fn where_memfds_are_not_executable_unless_asked_for() {
    needs!(root, kernel(6, 6), file("/proc/sys/vm/memfd_noexec"));
    isolated(|| with_memfd_noexec("1", a_container_works));
}

#[test]
fn where_no_memfd_is_executable() {
    needs!(root, kernel(6, 6), file("/proc/sys/vm/memfd_noexec"));
    isolated(|| with_memfd_noexec("2", a_container_works));
}

#[test]
fn where_no_memfd_is_executable_and_no_mount_can_be_made_apart() {
    needs!(root, kernel(6, 6), file("/proc/sys/vm/memfd_noexec"));
    isolated(|| with_memfd_noexec("2", || denied("fsopen")));
}

#[test]
fn where_the_launcher_can_be_nowhere_each_place_is_named_with_its_reason() {
    needs!(root);
    isolated(|| {
        let places = ["/var/lib", "/tmp"];
        for place in places {
            rustix::mount::mount("none", place, "tmpfs", MountFlags::NOEXEC, None).unwrap();
        }
        let out = role_of("/proc/self/exe", "without a place")
            .env_remove("XDG_RUNTIME_DIR")
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        for place in places {
            rustix::mount::unmount(place, UnmountFlags::DETACH).unwrap();
        }
        let text = String::from_utf8_lossy(&out.stdout);
        let report = text.lines().find_map(|line| line.strip_prefix("report: ")).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(
            report,
            "Denied: cannot create the container |  step 1 of 9, in the parent: start the launcher, and hand it \
             the plan |  cannot start the launcher |  cause: this machine lets it be executed from no place that was tried: \
             |    a memfd: Operation not permitted (EPERM) |    a detached tmpfs: Function not implemented (ENOSYS) \
             |    a nameless file in \"/var/lib\": it is mounted noexec |    a nameless file in \"/tmp\": it is mounted noexec \
             |  hint: see the sysctl vm.memfd_noexec, noexec mounts, and the security module's log"
        );
    });
}

#[test]
fn a_user_without_memfds_has_a_directory_for_the_launcher() {
    needs!(user, userns);
    isolated_unboxed(|| {
        needs::deny(&"memfd_create=EACCES".parse().unwrap()).unwrap();
        let left = || fs::read_dir("/tmp").unwrap().flatten().filter(|entry| entry.file_name() == "launcher").count();
        assert_eq!(text_of(shell("echo $$")), "1\n");
        assert_eq!(left(), 0);
    });
}

#[test]
fn an_installed_launcher_is_executed_where_it_is_given() {
    needs!(userns);
    isolated(|| {
        needs::deny(&"memfd_create,fsopen".parse().unwrap()).unwrap();
        let place = Scratch::new();
        let path = place.join("launcher");
        fs::write(&path, skep::LAUNCHER).unwrap();
        let error = shell("echo $$").launcher(&path).create().unwrap_err();
        assert!(skep::Report(&error).to_string().contains(&format!("{path:?}: no execute permission")), "{error:?}");
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o555)).unwrap();
        assert_eq!(text_of(shell("echo $$").launcher(&path)), "1\n");
        // The init that stays of it would lead those inside to the file.
        let builder = || shell("echo $$").namespaces(namespaces().user(IdMap::current_as_root())).launcher(&path);
        let error = builder().init().create().unwrap_err();
        assert!(error.problems()[0].contains("the init stays, and by way of /proc/1/exe"), "{error:?}");
        let error = builder().name("web").state_root(place.join("states")).create_waiting().unwrap_err();
        assert!(error.problems()[0].contains("its first process waits, and by way of /proc/1/exe"), "{error:?}");
    });
}
