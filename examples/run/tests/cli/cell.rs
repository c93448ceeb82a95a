// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cell: what the command sees of this machine, and what it cannot do to it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use needs::{Scratch, bin, isolated, isolated_for, needs, rounds};

use crate::common::{DEADLINE, is_root, quiet, run, said, sh, text};

#[test]
fn the_example_of_the_readme_does_what_it_says() {
    needs!(userns);
    isolated(|| {
        let script = "hostname; id -u; ls /proc | grep -c '^[0-9]'; grep -E 'Cap|Seccomp:|NoNew' /proc/self/status
            touch /etc/skep-run-was-here && ls /etc/skep-run-was-here; exit 7";
        let out = quiet(&["--", "/bin/sh", "-c", script]);
        let lines: Vec<&str> = text(&out.stdout).lines().collect();
        assert_eq!(out.status.code(), Some(7), "{}", said(&out));
        assert_eq!(lines[..2], ["skep-run", "0"], "{}", said(&out));
        // The init, the shell, and the ls and grep of the count, as far as they are there.
        assert!(matches!(lines[2], "2" | "3" | "4"), "{}", said(&out));
        for set in ["CapPrm", "CapEff", "CapBnd"] {
            assert!(lines.contains(&format!("{set}:\t00000000a80425fb").as_str()), "{set}: {lines:?}");
        }
        for line in ["CapInh:\t0000000000000000", "CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
            assert!(lines.contains(&line), "{line}: {lines:?}");
        }
        assert_eq!(lines.last(), Some(&"/etc/skep-run-was-here"));
        assert!(!Path::new("/etc/skep-run-was-here").exists());
    });
}

#[test]
fn what_it_writes_deletes_and_moves_is_gone_afterwards() {
    needs!(userns);
    isolated(|| {
        let dir = Scratch::new();
        fs::create_dir(dir.join("below")).unwrap();
        fs::write(dir.join("below/old"), "old").unwrap();
        let script = "echo new > below/new && echo changed > below/old && mv below/old below/moved && ls below && rm -r below && ls";
        let out = Command::new(bin("skep-run"))
            .args(["--quiet", "--", "/bin/sh", "-c", script])
            .current_dir(dir.path())
            .output()
            .unwrap();
        assert_eq!(text(&out.stdout), "moved\nnew\n", "{}", said(&out));
        assert_eq!(fs::read_to_string(dir.join("below/old")).unwrap(), "old");
        assert_eq!(fs::read_dir(dir.join("below")).unwrap().count(), 1);
    });
}

#[test]
fn processes_terminals_and_sockets_of_this_machine_are_not_there() {
    needs!(userns);
    isolated(|| {
        let out = sh("ls /tmp /run /dev/pts /dev/shm; readlink /proc/self/ns/pid");
        let inside = text(&out.stdout).lines().last().unwrap_or_default().to_owned();
        assert_eq!(
            text(&out.stdout),
            format!("/dev/pts:\nptmx\n\n/dev/shm:\n\n/run:\n\n/tmp:\n{inside}\n"),
            "{}",
            said(&out)
        );
        assert_ne!(inside, fs::read_link("/proc/self/ns/pid").unwrap().to_string_lossy());
        // Alone: no process of this machine can be signalled, and no name of it looked up.
        assert_eq!(text(&sh("kill -0 -1 2>/dev/null; ls -d /proc/[0-9]*").stdout), "/proc/1\n/proc/2\n");
    });
}

#[test]
fn knobs_of_the_kernel_cannot_be_turned() {
    needs!(userns);
    isolated(|| {
        // Opened and no more: if one of them could be, nothing is written to it.
        let script = "for knob in /proc/sys/kernel/core_pattern /proc/sys/kernel/hostname /proc/sys/vm/drop_caches \
                /proc/sysrq-trigger /proc/irq/default_smp_affinity /sys/kernel/uevent_helper /sys/power/state \
                /proc/sys/fs/suid_dumpable; do
                if [ -e $knob ] && (: >> $knob) 2>/dev/null; then echo open: $knob; fi
            done
            for secret in /proc/kcore /proc/keys /proc/timer_list /sys/firmware; do
                if [ -d $secret ]; then ls $secret; elif [ -e $secret ]; then head -c 1 $secret; fi
            done";
        let out = sh(script);
        assert_eq!((text(&out.stdout), out.status.code()), ("", Some(0)), "{}", said(&out));
    });
}

#[test]
fn no_device_can_be_made_that_is_one() {
    needs!(userns);
    isolated(|| {
        // 1:3 is /dev/null, which harms nobody if it can be opened after all.
        let script = "for place in /dev/x /dev/shm/x /tmp/x /run/x /x /etc/x; do
                if mknod -m 666 $place c 1 3 2>/dev/null && (: > $place) 2>/dev/null; then echo device: $place; fi
            done; echo > /dev/null && echo null; head -c 4 /dev/zero | wc -c";
        let out = sh(script);
        assert_eq!(text(&out.stdout), "null\n4\n", "{}", said(&out));
    });
}

#[test]
fn namespaces_mounts_and_traps_are_refused() {
    needs!(userns);
    isolated(|| {
        for denied in [
            "unshare -U true",
            "unshare -m true",
            "mount -t tmpfs none /mnt",
            "umount /proc/kcore",
            "chroot / mount -o remount,rw /proc/sys",
        ] {
            let out = sh(&format!("{denied} 2>/dev/null && echo done"));
            assert_eq!(text(&out.stdout), "", "{denied}");
        }
    });
}

#[test]
fn files_of_others_are_out_of_an_ordinary_user_s_reach() {
    needs!(user, userns);
    isolated(|| {
        let out = sh("cat /etc/shadow; ls /root; echo x >> /etc/passwd; rm /bin/true; echo $?");
        assert_eq!(text(&out.stdout), "1\n", "{}", said(&out));
    });
}

#[test]
fn there_is_no_network_unless_this_machine_s_is_asked_for() {
    needs!(userns);
    isolated(|| {
        let links = "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '";
        assert_eq!(text(&sh(links).stdout), "lo\n");
        let namespace = |args: &[&str]| {
            let all = [&["--quiet"], args, &["--", "readlink", "/proc/self/ns/net"]].concat();
            text(&run(&all).stdout).to_owned()
        };
        let ours = format!("{}\n", fs::read_link("/proc/self/ns/net").unwrap().display());
        assert_eq!(namespace(&["--net", "host"]), ours);
        assert_ne!(namespace(&["--net", "none"]), ours);
    });
}

#[test]
fn what_is_shown_is_this_machine_s_and_writable_only_if_asked_for() {
    needs!(userns);
    isolated(|| {
        let dir = Scratch::new();
        for name in ["rw", "ro"] {
            fs::create_dir(dir.join(name)).unwrap();
            fs::write(dir.join(name).join("file"), name).unwrap();
        }
        let (rw, ro) = (dir.join("rw"), dir.join("ro"));
        let (rw, ro) = (rw.to_str().unwrap(), ro.to_str().unwrap());
        let script = format!("cat {rw}/file /mnt/file; echo new > {rw}/new; echo new > /mnt/new || echo refused");
        let out = quiet(&["--rw", rw, "--ro", &format!("{ro}:/mnt"), "--", "/bin/sh", "-c", &script]);
        assert_eq!(text(&out.stdout), "rwrorefused\n", "{}", said(&out));
        assert_eq!(fs::read_to_string(dir.join("rw/new")).unwrap(), "new\n");
        assert!(!dir.join("ro/new").exists());
        let absent = run(&["--rw", "/no/such/place", "true"]);
        assert_eq!(absent.status.code(), Some(125));
        assert!(text(&absent.stderr).contains("\"/no/such/place\" does not exist"), "{}", said(&absent));
    });
}

#[test]
fn another_root_is_seen_and_stays_as_it_is() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let dir = Scratch::new();
        let root = dir.join("root");
        fs::create_dir_all(root.join("bin")).unwrap();
        let busybox = Command::new("sh").args(["-c", "command -v busybox"]).output().unwrap();
        fs::copy(text(&busybox.stdout).trim(), root.join("bin/busybox")).unwrap();
        std::os::unix::fs::symlink("busybox", root.join("bin/sh")).unwrap();
        let root_path = root.to_str().unwrap();
        let script = "echo x > /new; busybox ls /; busybox pwd";
        let out = quiet(&["--root", root_path, "--", "/bin/sh", "-c", script]);
        assert_eq!(text(&out.stdout), "bin\ndev\nnew\nproc\nrun\nsys\ntmp\n/\n", "{}", said(&out));
        let left: Vec<_> = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["bin"]);
    });
}

#[test]
fn it_is_who_and_where_it_is_asked_to_be() {
    needs!(userns);
    isolated(|| {
        let out = quiet(&["--user", "33:34", "--workdir", "/usr/bin", "--", "/bin/sh", "-c", "id -u; id -g; pwd"]);
        assert_eq!(text(&out.stdout), "33\n34\n/usr/bin\n", "{}", said(&out));
        let out = run(&["--user", "4294967296", "true"]);
        assert_eq!((out.status.code(), text(&out.stdout)), (Some(125), ""));
        assert!(text(&out.stderr).contains("is not a number from 0 to 4294967294"), "{}", said(&out));
        assert!(!is_root() || text(&quiet(&["--user", "nobody", "--", "id", "-un"]).stdout) == "nobody\n");
    });
}

#[test]
fn its_variables_are_the_caller_s_and_what_is_added_or_none_but_those() {
    needs!(userns);
    isolated(|| {
        let with = |args: &[&str]| {
            let all = [&["--quiet", "--env", "ADDED=1"], args, &["--", "/bin/sh", "-c", "echo $PROBE-$ADDED"]].concat();
            let out = Command::new(bin("skep-run")).args(all).env("PROBE", "kept").output().unwrap();
            text(&out.stdout).to_owned()
        };
        assert_eq!(with(&[]), "kept-1\n");
        assert_eq!(with(&["--clear-env"]), "-1\n");
        assert_eq!(with(&["--clear-env", "--env", "PROBE"]), "kept-1\n");
    });
}

#[test]
fn apt_get_works_inside() {
    needs!(userns, program("apt-get"));
    isolated_for(DEADLINE, || assert!(text(&sh("apt-get --version").stdout).starts_with("apt ")));
}

#[test]
fn python_works_inside() {
    needs!(userns, program("python3"));
    isolated_for(DEADLINE, || assert_eq!(text(&sh("python3 -c 'print(6 * 7)'").stdout), "42\n"));
}

#[test]
fn gcc_makes_a_program_inside_that_runs() {
    needs!(userns, program("gcc"));
    isolated_for(DEADLINE, || {
        let out = sh("cd /tmp && echo 'int main(){return 42;}' > a.c && gcc a.c && ./a.out; echo $?");
        assert_eq!(text(&out.stdout), "42\n", "{}", said(&out));
    });
}

#[test]
fn cargo_works_inside() {
    needs!(userns, program("cargo"));
    isolated_for(DEADLINE, || {
        let out = sh("cargo --version");
        assert!(text(&out.stdout).starts_with("cargo "), "{}", said(&out));
    });
}

#[test]
fn much_goes_through_pipes_without_loss() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        // A gibibyte at 100 percent.
        let bytes = rounds(1024) << 20;
        let script = format!("head -c {bytes} /dev/zero | \"$0\" --quiet -- cat | \"$0\" --quiet -- wc -c");
        let out = Command::new("sh").args(["-c", &script, bin("skep-run").to_str().unwrap()]).output().unwrap();
        assert_eq!(text(&out.stdout).trim(), bytes.to_string(), "{}", said(&out));
    });
}

#[test]
fn closed_streams_are_no_hindrance() {
    needs!(userns);
    isolated(|| {
        for (redirection, expected) in [("<&-", 3), (">&-", 3), ("<&- >&- 2>&-", 3)] {
            let script = format!("\"$0\" --quiet -- /bin/sh -c 'exit 3' {redirection}");
            let status = Command::new("sh").args(["-c", &script, bin("skep-run").to_str().unwrap()]).status().unwrap();
            assert_eq!(status.code(), Some(expected), "{redirection}");
        }
    });
}

#[test]
fn a_directory_for_a_stream_is_refused() {
    needs!(userns);
    isolated(|| {
        let script = "\"$0\" --quiet -- /bin/sh -c 'cd -P /proc/self/fd/0 && cd -P ../../../.. && pwd' < /usr";
        let out = Command::new("sh").args(["-c", script, bin("skep-run").to_str().unwrap()]).output().unwrap();
        assert_eq!((out.status.code(), text(&out.stdout)), (Some(125), ""), "{}", said(&out));
        assert!(text(&out.stderr).contains("stdin: is a directory"), "{}", said(&out));
    });
}

#[test]
fn in_a_chroot_that_could_be_left_nothing_is_started() {
    needs!(root, program("chroot"), program("unshare"));
    isolated(|| {
        let dir = Scratch::new();
        let skep_run = bin("skep-run");
        let (dir, skep_run) = (dir.path().display(), skep_run.display());
        for script in [
            format!("mount --rbind / {dir}; exec chroot {dir} {skep_run} --quiet true"),
            format!("mount --rbind / {dir}; exec chroot {dir} {skep_run} --quiet --root /usr true"),
            format!("mount -t tmpfs none /; exec {skep_run} --quiet true"),
        ] {
            let out = Command::new("unshare").args(["-m", "sh", "-c", &script]).current_dir("/").output().unwrap();
            assert_eq!(out.status.code(), Some(125), "{script}: {}", said(&out));
            assert!(text(&out.stderr).contains("outside of the chroot"), "{script}: {}", said(&out));
        }
    });
}

#[test]
fn processes_of_this_machine_are_not_shared_with_the_rest_of_it() {
    needs!(userns);
    isolated(|| {
        let out = quiet(&["--ro", "/:/mnt", "--", "/bin/sh", "-c", "ls /mnt/proc /mnt/sys; ls -d /mnt/usr"]);
        assert_eq!(text(&out.stdout), "/mnt/proc:\n\n/mnt/sys:\n/mnt/usr\n", "{}", said(&out));
        for source in ["/proc", "/proc/self", "/sys/kernel"] {
            let out = quiet(&["--ro", &format!("{source}:/mnt"), "true"]);
            assert_eq!(out.status.code(), Some(125), "{}", said(&out));
        }
    });
}

#[test]
fn of_two_that_lie_in_each_other_each_is_shown_as_it_was_asked_for() {
    needs!(userns);
    isolated(|| {
        let dir = Scratch::new();
        fs::create_dir(dir.join("below")).unwrap();
        let (path, below) = (dir.path().to_str().unwrap().to_owned(), dir.join("below"));
        let below = below.to_str().unwrap();
        let script = format!("touch {path}/yes; touch {below}/no 2>/dev/null || echo refused");
        for shares in [["--rw", &path, "--ro", below], ["--ro", below, "--rw", &path]] {
            let out = quiet(&[&shares[..], &["--", "/bin/sh", "-c", &script]].concat());
            assert_eq!(text(&out.stdout), "refused\n", "{}", said(&out));
        }
        assert!(dir.join("yes").exists() && !dir.join("below/no").exists());
        let out = quiet(&["--rw", &path, "--ro", &path, "true"]);
        assert_eq!(out.status.code(), Some(125));
        assert!(text(&out.stderr).contains("would show two things"), "{}", said(&out));
        // Where one is, by a name that leads up.
        let out = Command::new(bin("skep-run"))
            .args(["--quiet", "--rw", "..", "--", "/bin/sh", "-c", "pwd; touch up"])
            .current_dir(below)
            .output()
            .unwrap();
        assert_eq!(text(&out.stdout), format!("{below}\n"), "{}", said(&out));
        assert!(dir.join("below/up").exists());
    });
}

#[test]
fn the_null_device_that_it_is_given_is_its_own() {
    needs!(root);
    isolated(|| {
        let ours = fs::metadata("/dev/null").unwrap();
        let script = "stat -L -c %d:%i /proc/self/fd/0; chmod 600 /proc/self/fd/0 2>/dev/null; echo x > /dev/null";
        let out = sh(script);
        assert_eq!(out.status.code(), Some(0), "{}", said(&out));
        assert_ne!(text(&out.stdout).trim(), format!("{}:{}", ours.dev(), ours.ino()), "{}", said(&out));
        assert_eq!(fs::metadata("/dev/null").unwrap().mode(), ours.mode());
    });
}
