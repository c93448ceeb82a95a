// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who the program is, and what it begins with: ids, environment, directory, mask, session, signals.

use std::fs;
use std::os::unix::fs::MetadataExt;

use needs::{Scratch, isolated, needs};
use skep::ns::{IdMap, IdRange};

use crate::common::{FIVE, namespaces, program, shell, text_of};

#[test]
fn a_single_id_is_whoever_the_map_says() {
    needs!(userns);
    isolated(|| {
        let map = IdMap::single(7, 8);
        let builder = shell("id -u; id -g; cat /proc/self/setgroups").namespaces(namespaces().user(map)).user(7, 8);
        let lines = text_of(builder);
        let setgroups = if crate::common::is_root() { "allow" } else { "deny" };
        assert_eq!(lines, format!("7\n8\n{setgroups}\n"));
    });
}

#[test]
fn a_user_with_subordinate_ids_has_a_whole_range_inside() {
    needs!(user, subids, userns);
    isolated(|| {
        let name = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
        let map = IdMap::from_subid(&name).unwrap();
        let outside = map.outside_uid(1000).unwrap();
        let dir = Scratch::new();
        let file = dir.join("file");
        fs::write(&file, "").unwrap();
        let script = format!("id -u; id -G; chown 1000:1000 {0}; stat -c %u:%g {0}", file.display());
        assert_eq!(text_of(shell(&script).namespaces(namespaces().user(map))), "0\n0\n1000:1000\n");
        assert_eq!(file.metadata().unwrap().uid(), outside);
    });
}

#[test]
fn root_gives_a_container_a_block_of_ids_of_its_own() {
    needs!(root, userns);
    isolated(|| {
        let dir = Scratch::new();
        fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        let script = format!("id -u; id -G; cat /proc/self/uid_map; touch {}/file", dir.path().display());
        let text = text_of(shell(&script).namespaces(namespaces().user(IdMap::whole(300_000, 65_536))));
        let words: Vec<_> = text.split_whitespace().collect();
        assert_eq!(words, ["0", "0", "0", "300000", "65536"]);
        assert_eq!(dir.join("file").metadata().unwrap().uid(), 300_000);
    });
}

#[test]
fn a_map_of_several_ranges_is_written_whole() {
    needs!(root, userns);
    isolated(|| {
        let map = IdMap::new().both(IdRange::new(0, 0, 1)).both(IdRange::new(5, 300_000, 10));
        let text = text_of(shell("cat /proc/self/gid_map; id -u").namespaces(namespaces().user(map)).user(14, 5));
        let words: Vec<_> = text.split_whitespace().collect();
        assert_eq!(words, ["0", "0", "1", "5", "300000", "10", "14"]);
    });
}

#[test]
fn a_user_without_a_user_namespace_has_no_further_groups_nor_capabilities() {
    needs!(root);
    isolated(|| {
        let text = text_of(shell("id -u; id -G; grep CapEff /proc/self/status").user(1234, 1235));
        assert_eq!(text, "1234\n1235\nCapEff:\t0000000000000000\n");
    });
}

#[test]
fn the_environment_is_what_was_given_and_nothing_else() {
    needs!(userns);
    isolated(|| {
        let builder = skep::Container::anonymous().namespaces(namespaces()).command("/usr/bin/env", ["-0"]);
        let builder = builder.env("B", "2").env("A", "1").env("B", "two words\n=").envs([("C", "")]);
        assert_eq!(text_of(builder), "A=1\0B=two words\n=\0C=\0");
    });
}

#[test]
fn directory_mask_and_session_are_what_was_asked_for() {
    needs!(userns);
    isolated(|| {
        let dir = Scratch::new();
        let script = "pwd; umask; cut -d' ' -f 6 /proc/self/stat";
        let text = text_of(shell(script).current_dir(dir.path()).umask(0o27));
        assert_eq!(text, format!("{}\n0027\n1\n", dir.path().display()));
    });
}

#[test]
fn without_a_wish_directory_and_mask_are_the_caller_s_and_the_session_is_its_own() {
    needs!(userns);
    isolated(|| {
        let text = text_of(shell("pwd; umask; cut -d' ' -f 6 /proc/self/stat"));
        let umask = u32::from_str_radix(&crate::common::status("self", "Umask"), 8).unwrap();
        let directory = std::env::current_dir().unwrap();
        assert_eq!(text, format!("{}\n{umask:04o}\n1\n", directory.display()));
        // 0: a session of which the leader is outside.
        let text = text_of(shell("cut -d' ' -f 6 /proc/self/stat").in_caller_session());
        assert_eq!(text, "0\n");
    });
}

#[test]
fn a_signal_to_its_whole_process_group_does_not_reach_the_caller() {
    needs!(userns);
    isolated(|| {
        // Apart from who runs the tests: a failure must end nobody but this process.
        nix::unistd::setpgid(nix::unistd::Pid::from_raw(0), nix::unistd::Pid::from_raw(0)).unwrap();
        // By the number 0, which the kernel takes for the group of whoever calls, however far that reaches.
        for builder in [shell("kill -TERM 0; exit 3"), shell("kill -TERM 0; exit 3").init()] {
            let status = builder.start().unwrap().wait().unwrap();
            assert!(status.is_known(), "{status}");
        }
    });
}

#[test]
fn arguments_arrive_as_they_are() {
    needs!(userns);
    isolated(|| {
        let args = ["%s|", "", "two words", "\u{1f41d}", "-n", "new\nline", "\\"];
        assert_eq!(text_of(program("/usr/bin/printf", &args)), "|two words|\u{1f41d}|-n|new\nline|\\|");
    });
}

#[test]
fn a_name_is_looked_for_on_the_program_s_own_path() {
    needs!(userns);
    isolated(|| {
        let dir = Scratch::new();
        fs::write(dir.join("skep-probe"), "#!/bin/sh\necho found by $0\n").unwrap();
        fs::set_permissions(dir.join("skep-probe"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let path = format!("/nowhere:{}:/bin", dir.path().display());
        let text = text_of(program("skep-probe", &[]).env("PATH", path));
        assert_eq!(text, format!("found by {}\n", dir.join("skep-probe").display()));
    });
}

#[test]
fn no_signal_is_blocked_or_ignored_whatever_the_caller_does() {
    needs!(userns);
    isolated(|| {
        let mut all = nix::sys::signal::SigSet::all();
        all.remove(nix::sys::signal::Signal::SIGCHLD);
        all.thread_block().unwrap();
        // Rust ignores SIGPIPE.
        assert_ne!(crate::common::status("self", "SigIgn"), "0000000000000000");
        let text = text_of(program("/bin/cat", &["/proc/self/status"]));
        all.thread_unblock().unwrap();
        for key in ["SigBlk", "SigIgn", "SigCgt"] {
            assert!(text.contains(&format!("{key}:\t0000000000000000\n")), "{key} of\n{text}");
        }
    });
}

#[test]
fn the_caller_s_set_need_not_hold_every_kind() {
    needs!(root);
    isolated(|| {
        for kind in FIVE {
            let set = skep::ns::Namespaces::new().make([kind]);
            let builder = skep::Container::anonymous().namespaces(set).command("/bin/echo", ["x"]);
            assert_eq!(text_of(builder), "x\n", "{kind}");
        }
        assert_eq!(text_of(skep::Container::anonymous().command("/bin/echo", ["x"])), "x\n");
    });
}

#[test]
fn a_program_is_in_the_groups_that_are_said_and_in_no_others() {
    needs!(root);
    isolated(|| {
        let groups = |builder: skep::Builder| text_of(builder);
        assert_eq!(groups(shell("id -G").user(1234, 1235).groups([20, 4, 70_000])), "1235 4 20 70000\n");
        let map = IdMap::whole(300_000, 65_536);
        let inside = shell("id -G").namespaces(namespaces().user(map)).user(33, 34);
        assert_eq!(groups(inside.groups([5, 34])), "34 5\n");
        // As many as the kernel takes.
        let many: Vec<u32> = (0..65_536).collect();
        let count = text_of(shell("grep ^Groups: /proc/self/status | wc -w").user(0, 0).groups(many));
        assert_eq!(count, "65537\n");
    });
}

#[test]
fn groups_that_nobody_can_have_are_refused_with_the_reason() {
    needs!(user, userns);
    isolated(|| {
        let map = IdMap::current_as_root();
        let error = shell(":").namespaces(namespaces().user(map)).user(0, 0).groups([0]).start().unwrap_err();
        let said = skep::Report(&error).to_string();
        assert!(said.contains("setgroups"), "{said}");
        let error = program("/bin/true", &[]).namespaces(skep::ns::Namespaces::new()).groups([1]).plan().unwrap_err();
        assert!(
            error.problems().iter().any(|problem| problem.starts_with("process.groups: there is no user")),
            "{error:?}"
        );
    });
}
