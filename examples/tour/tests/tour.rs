// SPDX-License-Identifier: MIT OR Apache-2.0
//! The programs of the tour do what they say, and are as short as they say.
#![allow(clippy::unwrap_used, reason = "what the tests call fails them by a panic")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use needs::{isolated, isolated_unboxed, needs};
use skep::cgroup::Cgroup;

#[test]
fn a_container_is_forty_lines() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let out = Command::new(env!("CARGO_BIN_EXE_10_container")).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{said}");
        for words in ["hive\nbin\ndev\nproc\nsys\n", "    1 ", "ended: exit code 0\n"] {
            assert!(said.contains(words), "{words:?} is not in\n{said}");
        }
    });
    let lines = include_str!("../src/bin/10_container.rs").lines().filter(|line| !line.starts_with("//"));
    assert!(lines.count() < 40);
}

#[test]
fn further_programs_are_executed_in_a_container_that_runs() {
    needs!(userns, program("ps"));
    isolated(|| {
        let out = Command::new(env!("CARGO_BIN_EXE_11_exec")).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{said}");
        for words in ["hive\n", " sleep 1000\n", "ended: exit code 3\n", "what slept in it: signal 9\n"] {
            assert!(said.contains(words), "{words:?} is not in\n{said}");
        }
    });
    assert!(include_str!("../src/bin/11_exec.rs").lines().count() < 50);
}

#[test]
fn two_containers_share_a_network_and_a_name() {
    needs!(userns);
    isolated(|| {
        let out = Command::new(env!("CARGO_BIN_EXE_14_pod")).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{said}");
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[..3], ["pod", "0", "1"], "{said}");
        assert_eq!(lines[..4], lines[4..8], "{said}");
        assert!(said.contains("launcher: join namespaces of others: uts as given"), "{said}");
    });
}

#[test]
fn a_doctor_tells_what_is_there_and_starts_a_container() {
    needs!(userns);
    isolated(|| {
        let doctor = |args: &[&str]| {
            let out = Command::new(env!("CARGO_BIN_EXE_15_doctor")).args(args).output().unwrap();
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
            String::from_utf8(out.stdout).unwrap()
        };
        let said = doctor(&[]);
        for words in ["account: user ", "\nnot to be had here: ", "\na container of /bin/true: exit code 0\n"] {
            assert!(said.contains(words), "{words:?} is not in\n{said}");
        }
        let facts: skep::Facts = serde_json::from_str(&doctor(&["--json"])).unwrap();
        assert!(facts.namespaces.kernel >= (5, 10));
    });
}

#[test]
fn two_containers_talk_over_a_bridge() {
    needs!(root, link_kind("veth"), link_kind("bridge"));
    isolated(|| {
        let out = Command::new(env!("CARGO_BIN_EXE_16_network")).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success() && said.starts_with("10.88.7.2:"), "{said}");
        assert!(said.ends_with(" says to 10.88.7.3:4711: hello\n"), "{said}");
        assert!(!fs::exists("/sys/class/net/skep-tour").unwrap());
    });
}

#[test]
fn files_that_are_in_no_container_are_lent_to_one() {
    needs!(userns, syscall("seccomp"), syscall("openat2"));
    assert!(include_str!("../src/bin/12_supervised.rs").lines().count() < 60);
    isolated(|| {
        let folder = std::env::temp_dir().join(needs::token());
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("letter"), "dear reader\n").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.join("way-out")).unwrap();
        let out = Command::new(env!("CARGO_BIN_EXE_12_supervised"))
            .arg(&folder)
            .args(["cat", "/lent/letter", "/lent/way-out", "/lent/absent", "/dev/null"])
            .output()
            .unwrap();
        fs::remove_dir_all(&folder).unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert!(said.starts_with("dear reader\n") && !said.contains("root:"), "{said}");
        for words in ["way-out: No such file", "absent: No such file", "ended: exit code 1\n"] {
            assert!(said.contains(words), "{words:?} is not in\n{said}");
        }
    });
}

#[test]
fn a_system_is_asked_for_by_its_directory() {
    let out = Command::new(env!("CARGO_BIN_EXE_13_system")).output().unwrap();
    assert!(String::from_utf8_lossy(&out.stderr).contains("usage: 13_system ROOT"), "{out:?}");
    assert!(include_str!("../src/bin/13_system.rs").lines().count() < 75);
}

#[test]
fn a_system_boots_is_asked_and_halts() {
    needs!(root, file("/lib/systemd/systemd"), cgroup("pids"));
    isolated(|| {
        // This machine's own, of which a copy in memory is changed.
        let out = Command::new(env!("CARGO_BIN_EXE_13_system")).arg("/").output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert!(said.starts_with("running\n") || said.starts_with("degraded\n"), "{said}");
        assert!(said.ends_with("ended: signal 2, Some(Halt)\n"), "{said}");
    });
}

#[test]
fn every_namespace_of_the_machine_is_a_line() {
    isolated(|| {
        let run = |argument: &str| {
            let out = Command::new(env!("CARGO_BIN_EXE_01_lsns")).arg(argument).output().unwrap();
            (
                out.status.success(),
                String::from_utf8_lossy(&out.stdout).into_owned(),
                String::from_utf8_lossy(&out.stderr).into_owned(),
            )
        };
        let link = fs::read_link("/proc/self/ns/net").unwrap();
        let inode = link.to_string_lossy().trim_matches(|at: char| !at.is_ascii_digit()).to_owned();
        for argument in ["net", &std::process::id().to_string(), "--held"] {
            let (done, said, _) = run(argument);
            assert!(done && said.lines().any(|line| line.starts_with(&format!("{inode} net "))), "{argument}: {said}");
        }
        let (done, _, said) = run("4194304");
        assert!(!done && said.contains("there is no such process"), "{said}");
        assert!(run("--facts").1.contains("PIDFD_GET_INFO"));
        assert!(run("chaos").2.contains("usage"));
    });
    let lines = include_str!("../src/bin/01_lsns.rs").lines().filter(|line| !line.starts_with("//"));
    assert!(lines.count() < 60);
}

#[test]
fn unshare_and_nsenter_are_sixty_lines_each() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated(|| {
        let here = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let mut unshared = Command::new(env!("CARGO_BIN_EXE_02_unshare"))
            .args(["mount,uts,net", "--", "sh", "-c", "busybox hostname hive; echo $$; read line; exit 3"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pid = String::new();
        BufReader::new(unshared.stdout.as_mut().unwrap()).read_line(&mut pid).unwrap();
        let enter = |arguments: &[&str]| {
            let out = Command::new(env!("CARGO_BIN_EXE_03_nsenter")).arg(pid.trim()).args(arguments).output().unwrap();
            (
                out.status.code(),
                String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr),
            )
        };
        let all = enter(&["--", "sh", "-c", "cat /proc/sys/kernel/hostname; id -u; exit 4"]);
        assert_eq!(all, (Some(4), "hive\n0\n".to_owned()));
        let (code, said) = enter(&["chaos", "--", "true"]);
        assert!(code == Some(1) && said.contains("\"chaos\" is none of mount, uts"), "{said}");
        drop(unshared.stdin.take());
        assert_eq!(unshared.wait().unwrap().code(), Some(3));
        let (code, said) = enter(&["--", "true"]);
        assert!(code == Some(1) && said.starts_with("nsenter: cannot open process"), "{said}");
        assert_eq!(fs::read_to_string("/proc/sys/kernel/hostname").unwrap(), here);
    });
    for source in [include_str!("../src/bin/02_unshare.rs"), include_str!("../src/bin/03_nsenter.rs")] {
        assert!(source.lines().count() < 60);
    }
}

#[test]
fn the_layout_is_told_to_whoever_asks() {
    let out = Command::new(env!("CARGO_BIN_EXE_19_layout")).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && said.starts_with("cgroups: "), "{said}");
    // There is a group to make others below, or the reason and a remedy.
    assert!(said.contains("\nnew groups may be made below \"/") || said.contains("hint: "), "{said}");
}

#[test]
fn the_top_shows_groups_and_what_they_wait_for() {
    needs!(root);
    isolated(|| {
        let deep = format!("/{}/below", needs::token());
        let group = Cgroup::create(&deep).unwrap();
        let out = Command::new(env!("CARGO_BIN_EXE_20_top")).arg("1").output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success() && said.starts_with("group ") && said.contains(&deep), "{said}");
        group.remove().unwrap();
        Cgroup::open(format!("/{}", needs::token())).unwrap().remove().unwrap();
    });
}

#[test]
fn a_command_is_in_its_group_from_its_first_moment() {
    needs!(root, cgroup("pids"));
    assert!(include_str!("../src/bin/23_limit.rs").lines().count() < 60);
    isolated(|| {
        let run = |arguments: &[&str]| {
            let out = Command::new(env!("CARGO_BIN_EXE_23_limit")).args(arguments).output().unwrap();
            (
                out.status.success(),
                String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr),
            )
        };
        assert!(run(&[]).1.contains("usage"));
        let (done, said) = run(&["cat", "/proc/self/cgroup"]);
        assert!(done && said.contains("/skep-tour-") && said.contains("exit status: 0"), "{said}");
        // What it starts and leaves behind is gone with it.
        let (done, said) = run(&["sh", "-c", "sleep 600 > /dev/null 2>&1 & exit 3"]);
        assert!(done && said.contains("exit status: 3"), "{said}");
    });
}

#[test]
fn the_watch_tells_of_the_kill() {
    needs!(root, cgroup("memory"));
    isolated(|| {
        let out = Command::new(env!("CARGO_BIN_EXE_21_oom")).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{said}");
        for words in ["a process was killed for want of memory\n", "its last process is gone\n", "killed: Some(1)"] {
            assert!(said.contains(words), "{words:?} is not in\n{said}");
        }
    });
}

#[test]
fn what_is_changed_in_an_overlay_shell_goes_with_it() {
    needs!(userns);
    isolated(|| {
        let dir = needs::Scratch::new();
        fs::write(dir.join("file"), "old").unwrap();
        let out = Command::new(env!("CARGO_BIN_EXE_30_overlay_shell"))
            .arg(dir.path())
            .args(["--", "sh", "-c", "cat file; echo new > file; cat file; exit 3"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert_eq!((said.as_str(), out.status.code()), ("oldnew\n", Some(3)));
        assert_eq!(fs::read_to_string(dir.join("file")).unwrap(), "old");
        let out = Command::new(env!("CARGO_BIN_EXE_30_overlay_shell")).arg(dir.join("absent")).output().unwrap();
        assert!(!out.status.success());
    });
    let lines = include_str!("../src/bin/30_overlay_shell.rs").lines().filter(|line| !line.starts_with("//"));
    assert!(lines.count() < 60);
}

#[test]
fn a_directory_appears_in_a_living_process_until_enter() {
    needs!(
        userns,
        program("unshare"),
        syscall("pidfd_open"),
        syscall("open_tree"),
        syscall("move_mount"),
        syscall("mount_setattr")
    );
    isolated(|| {
        let dir = needs::Scratch::new();
        fs::create_dir(dir.join("source")).unwrap();
        fs::write(dir.join("source/file"), "shared").unwrap();
        let mut living = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", "echo ready; read line"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        BufReader::new(living.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
        let pid = living.id().to_string();
        let target = dir.join("made");
        let mut into = Command::new(env!("CARGO_BIN_EXE_31_mount_into"))
            .arg(&pid)
            .args([&dir.join("source"), &target])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(into.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("/made") && line.contains("ro"), "{line}");
        let there = format!("/proc/{pid}/root{}/file", target.display());
        assert_eq!(fs::read_to_string(&there).unwrap(), "shared");
        drop(into.stdin.take());
        assert!(into.wait().unwrap().success());
        assert!(fs::metadata(&there).is_err());
        let out = Command::new(env!("CARGO_BIN_EXE_31_mount_into")).args([&pid, "/no/such", "/tmp"]).output().unwrap();
        assert!(String::from_utf8_lossy(&out.stderr).starts_with("mount_into: cannot attach \"/no/such\""));
        drop(living.stdin.take());
        living.wait().unwrap();
    });
    let lines = include_str!("../src/bin/31_mount_into.rs").lines().filter(|line| !line.starts_with("//"));
    assert!(lines.count() < 60);
}

#[test]
fn a_hostile_tree_is_walked_and_not_left() {
    isolated(|| {
        let dir = needs::Scratch::new();
        fs::create_dir_all(dir.join("tree/deep")).unwrap();
        fs::create_dir(dir.join("outside")).unwrap();
        fs::write(dir.join("outside/secret"), "x".repeat(5000)).unwrap();
        fs::write(dir.join("tree/deep/file"), "12345").unwrap();
        for (name, to) in [("up", "../outside/secret"), ("loop", "."), ("self", "self"), ("passwd", "/etc/passwd")] {
            std::os::unix::fs::symlink(to, dir.join("tree").join(name)).unwrap();
        }
        assert!(Command::new("mkfifo").arg(dir.join("tree/pipe")).status().unwrap().success());
        let out = Command::new(env!("CARGO_BIN_EXE_32_safe_walk")).arg(dir.join("tree")).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success() && said.ends_with("1 files, 5 bytes\n"), "{said}");
        for words in
            ["\"/up\" leads nowhere", "\"/passwd\" leads nowhere", "\"/self\" is not looked at", "\"/pipe\" is a pipe"]
        {
            assert!(said.contains(words), "{words}: {said}");
        }
    });
    let lines = include_str!("../src/bin/32_safe_walk.rs").lines().filter(|line| !line.starts_with("//"));
    assert!(lines.count() < 60);
}

#[test]
fn a_tree_of_mapped_ids_is_copied_and_removed_by_an_ordinary_user() {
    use std::os::unix::fs::MetadataExt;

    use skep::ns::{IdMap, Namespaces, Spawn};

    needs!(user, userns, subids, program("chown"));
    isolated(|| {
        let dir = needs::Scratch::new();
        let passwd = fs::read_to_string("/etc/passwd").unwrap();
        let uid = fs::metadata("/proc/self").unwrap().uid().to_string();
        let line = passwd.lines().find(|line| line.split(':').nth(2) == Some(&uid)).unwrap();
        let account = line.split(':').next().unwrap();
        let tree = dir.join("tree");
        let make = "mkdir -p $0/inner && echo text >$0/inner/file && chown -R 1000:1000 $0/inner && chmod 700 $0/inner";
        let inside = Namespaces::new().user(IdMap::from_subid(account).unwrap());
        let made = Spawn::new("/bin/sh").args(["-c", make]).arg(&tree).namespaces(inside).status().unwrap();
        assert!(made.success());
        assert_ne!(fs::metadata(tree.join("inner")).unwrap().uid().to_string(), uid);
        // Who it belongs to in name only cannot do it.
        assert!(fs::remove_dir_all(&tree).is_err());
        let run = |arguments: &[&std::path::Path]| {
            let program = env!("CARGO_BIN_EXE_35_rootless_tree");
            let out = Command::new(program).args(arguments).env("USER", account).output().unwrap();
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        };
        let copy = dir.join("copy");
        run(&["copy".as_ref(), &tree, &copy]);
        let (one, other) = (fs::metadata(tree.join("inner")).unwrap(), fs::metadata(copy.join("inner")).unwrap());
        assert_eq!((one.uid(), one.gid(), one.mode()), (other.uid(), other.gid(), other.mode()));
        run(&["remove".as_ref(), &tree, &copy]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    });
    let lines = include_str!("../src/bin/35_rootless_tree.rs").lines().filter(|line| !line.starts_with("//"));
    assert!(lines.count() < 60);
}

#[test]
fn a_command_runs_in_a_scope_where_there_is_systemd() {
    let run = |arguments: &[&str]| {
        let out = Command::new(env!("CARGO_BIN_EXE_22_scope")).args(arguments).output().unwrap();
        (
            out.status.success(),
            String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr),
        )
    };
    assert!(include_str!("../src/bin/22_scope.rs").lines().count() < 60);
    assert!(run(&[]).1.contains("usage"));
    needs!(root, systemd);
    // systemd knows processes by their numbers outside of any box.
    isolated_unboxed(|| {
        let (done, said) = run(&["cat", "/proc/self/cgroup"]);
        assert!(done && said.contains(".scope\n") && said.contains("exit status: 0"), "{said}");
    });
}

#[test]
fn one_capability_is_left_and_the_program_says_so() {
    needs!(root);
    isolated(|| {
        let run = |arguments: &[&str]| {
            let out = Command::new(env!("CARGO_BIN_EXE_33_drop")).args(arguments).output().unwrap();
            let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
            (out.status.success(), said)
        };
        let (done, said) = run(&[]);
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert!(said.contains(&format!("{set}:\t0000000000000400\n")), "{said}");
        }
        assert!(done && said.contains("NoNewPrivs:\t1\nas getpcaps has it: cap_net_bind_service=eip\n"), "{said}");
        let scratch = needs::Scratch::new();
        let path = scratch.path().to_str().unwrap();
        assert!(run(&["none", "--", "true"]).0 && !run(&["none", "--", "chown", "1", path]).0);
        let (done, said) = run(&["net-admin"]);
        assert!(!done && said.contains("\"net-admin\" is no capability, did you mean net_admin?"), "{said}");
    });
    assert!(include_str!("../src/bin/33_drop.rs").lines().count() < 60);
}

#[test]
fn one_directory_is_written_and_no_other() {
    needs!(kernel(5, 13), syscall("landlock_create_ruleset"));
    isolated(|| {
        let scratch = needs::Scratch::new();
        fs::create_dir(scratch.join("work")).unwrap();
        let [work, good, bad] =
            ["work", "work/good", "bad"].map(|name| scratch.join(name).to_str().unwrap().to_owned());
        let run = |arguments: &[&str]| {
            let out = Command::new(env!("CARGO_BIN_EXE_34_landlock")).args(arguments).output().unwrap();
            let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
            (out.status.success(), said)
        };
        let (done, said) = run(&[&work, "--", "touch", &good]);
        assert!(done && said.starts_with("denied: execute, write_file"), "{said}");
        let (done, said) = run(&[&work, "--", "touch", &bad]);
        assert!(!done && said.contains("Permission denied") && !fs::exists(&bad).unwrap(), "{said}");
        assert!(run(&["/absent", "--", "true"]).1.contains("cannot allow by Landlock \"/absent\""));
        assert!(run(&[]).1.contains("usage"));
    });
    assert!(include_str!("../src/bin/34_landlock.rs").lines().count() < 60);
}

#[test]
fn a_policy_is_explained_measured_and_tried() {
    assert!(include_str!("../src/bin/36_policy.rs").lines().count() < 60);
    isolated(|| {
        let out = Command::new(env!("CARGO_BIN_EXE_36_policy")).args(["-", "mount", "clone:10000000", "read"]).output();
        let said = String::from_utf8_lossy(&out.unwrap().stdout).into_owned();
        for words in
            ["- mount: no", "instructions, ", "mount(0x0, ", "): deny with EPERM\nclone(0x10000000", "read(0x0, "]
        {
            assert!(said.contains(words), "{words:?} is not in\n{said}");
        }
    });
}

#[test]
fn a_program_in_a_user_namespace_gets_the_harmless_nodes_alone() {
    needs!(root, userns, program("mknod"), syscall("pidfd_open"), syscall("openat2"));
    assert!(include_str!("../src/bin/37_supervise.rs").lines().count() < 90);
    isolated(|| {
        let folder = std::env::temp_dir().join(needs::token());
        fs::create_dir(&folder).unwrap();
        let script = "mknod null c 1 3 && test -c null && mknod disk b 8 0; mknod -m 600 mem c 1 1";
        let out =
            Command::new(env!("CARGO_BIN_EXE_37_supervise")).args(["sh", "-c", script]).current_dir(&folder).output();
        let (out, made) = (out.unwrap(), fs::read_dir(&folder).unwrap().count());
        let null = fs::symlink_metadata(folder.join("null")).map(|node| std::os::unix::fs::MetadataExt::rdev(&node));
        fs::remove_dir_all(&folder).unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert_eq!((null.ok(), made), (Some(0x103), 1), "{said}");
        assert!(said.contains("disk: Operation not permitted") && said.contains("asked 3 times"), "{said}");
    });
}

#[test]
fn two_hosts_talk_by_a_router() {
    needs!(root);
    assert!(include_str!("../src/bin/40_router.rs").lines().count() < 60);
    isolated(|| {
        let out = Command::new(env!("CARGO_BIN_EXE_40_router")).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success() && said.contains("was answered by 10.0.2.7:4711: pong\n"), "{said}");
        assert!(said.contains("host1: ") && said.contains("host2: "), "{said}");
    });
}

#[test]
fn what_a_program_calls_is_recorded_as_a_profile() {
    needs!(syscall("pidfd_open"));
    assert!(include_str!("../src/bin/38_record.rs").lines().count() < 40);
    isolated(|| {
        let out = Command::new(env!("CARGO_BIN_EXE_38_record")).args(["ls", "-l", "/usr"]).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        for words in ["getdents64", "\"defaultAction\": \"SCMP_ACT_ERRNO\"", "\"SCMP_ARCH_"] {
            assert!(said.contains(words), "{words:?} is not in\n{said}");
        }
    });
}

#[test]
fn what_changes_in_the_network_is_told_as_it_happens() {
    needs!(root, program("ip"));
    assert!(include_str!("../src/bin/42_watch_links.rs").lines().count() < 60);
    isolated(|| {
        let mut watcher =
            Command::new(env!("CARGO_BIN_EXE_42_watch_links")).arg("2").stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(watcher.stdout.take().unwrap());
        let mut line = String::new();
        // It lists when it watches already.
        said.read_line(&mut line).unwrap();
        assert!(line.starts_with("1 lo: device, mtu 65536"), "{line}");
        for state in ["up", "down"] {
            assert!(Command::new("ip").args(["link", "set", "dev", "lo", state]).status().unwrap().success());
        }
        assert!(watcher.wait().unwrap().success());
        let rest: Vec<String> = said.lines().map(Result::unwrap).collect();
        assert!(rest.contains(&"link lo is Unknown, on".to_owned()), "{rest:?}");
    });
}

#[test]
fn a_guest_behind_a_bridge_speaks_by_the_routers_address_and_is_reached_by_its_port() {
    needs!(root, nf_tables);
    let lines = include_str!("../src/bin/41_nat.rs").lines().filter(|line| !line.starts_with("//"));
    assert!(lines.count() < 65);
    isolated(|| {
        let out = Command::new(env!("CARGO_BIN_EXE_41_nat")).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        for words in ["the outside sees 192.0.2.1\n", "the guest sees 192.0.2.9\n", "as applied: true\n"] {
            assert!(out.status.success() && said.contains(words), "{words:?} is not in\n{said}");
        }
    });
}

#[test]
fn what_happens_to_a_container_is_told_as_it_happens() {
    needs!(root, cgroup("pids"));
    assert!(include_str!("../src/bin/17_events.rs").lines().count() < 65);
    isolated(|| {
        let out = Command::new(env!("CARGO_BIN_EXE_17_events")).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        for words in [
            "it is called bees\n",
            " was executed in it\n",
            "ended: exit code 0\n",
            "it is frozen\n",
            "it is thawed\n",
            "a fork was refused",
            "its first process has ended\n",
            "its first process: signal 9",
        ] {
            assert!(out.status.success() && said.contains(words), "{words:?} is not in\n{said}");
        }
        let out = Command::new(env!("CARGO_BIN_EXE_17_events")).args(["/bin/sh", "-c", "exit 3"]).output().unwrap();
        assert!(String::from_utf8_lossy(&out.stdout).ends_with("its first process: exit code 3\n"), "{out:?}");
    });
}
