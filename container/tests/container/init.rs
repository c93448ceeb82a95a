// SPDX-License-Identifier: MIT OR Apache-2.0
//! The launcher as init: it reaps, hands signals on, ends as the program does, and is nobody's door.

use std::io::{BufRead, BufReader, Write};
use std::time::Duration;

use needs::{isolated_for, needs, rounds};
use skep::ns::Stdio;

use crate::common::{DEADLINE, at_every_low_limit_on_descriptors, shell, status, text_of, until};

#[test]
fn the_program_is_process_2_of_an_init_that_has_no_more_rights() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let few = shell("read line").capabilities(["chown"]).no_new_privileges();
        let mut container = few.init().stdin(Stdio::Piped).start().unwrap();
        let init = container.pid().unwrap();
        assert_eq!(status(init, "Name"), "skep [init]");
        assert_eq!(std::fs::read_to_string(format!("/proc/{init}/cmdline")).unwrap(), "skep [init]\0");
        assert_eq!(status(init, "NSpid").split_whitespace().last(), Some("1"));
        let children = std::fs::read_to_string(format!("/proc/{init}/task/{init}/children")).unwrap();
        let program = children.trim();
        assert_eq!(status(program, "NSpid").split_whitespace().last(), Some("2"));
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Uid", "Gid", "Groups"] {
            assert_eq!(status(init, set), status(program, set), "{set}");
        }
        // Nothing of the caller, and nothing of the program: its output would not end for who reads it.
        if crate::common::is_root() {
            let fds = std::fs::read_dir(format!("/proc/{init}/fd")).unwrap();
            let fds: Vec<_> = fds.map(|fd| std::fs::read_link(fd.unwrap().path()).unwrap()).collect();
            assert_eq!(fds, [std::path::Path::new("anon_inode:[eventfd]")]);
            let maps = std::fs::read_to_string(format!("/proc/{init}/maps")).unwrap();
            assert!(!maps.contains("memfd:skep-plan"), "{maps}");
        }
        drop(container.stdin.take());
        container.wait().unwrap();
    });
}

#[test]
fn the_init_ends_as_its_program_does() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        for (script, code) in
            [("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -TERM $$", 143), ("kill -9 $$", 137)]
        {
            let ended = shell(script).init().start().unwrap().wait().unwrap();
            assert_eq!(ended.code(), Some(code), "{script}: {ended}");
        }
    });
}

#[test]
fn ten_thousand_orphans_are_reaped() {
    needs!(userns, program("busybox"));
    isolated_for(Duration::from_secs(600), || {
        // Each subshell leaves a child behind that outlives it. None may be left as a zombie of process 1 at the end.
        let script = "i=0; while [ $i -lt $ROUNDS ]; do
                j=0; while [ $j -lt 100 ]; do (: & ); j=$((j+1)); done
                i=$((i+1))
            done
            while grep -l '^State:.*Z' /proc/[0-9]*/status 2>/dev/null; do :; done | wc -l > /dev/null
            echo done";
        assert_eq!(text_of(shell(script).init().env("ROUNDS", rounds(100).to_string())), "done\n");
    });
}

#[test]
fn signals_are_handed_on_to_the_program() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        // SIGWINCH is one that the kernel drops where nobody has a handler; an unhandled SIGTERM would be dropped by a
        // program that is process 1 itself.
        let script = "trap 'echo usr1' USR1; trap 'echo winch' WINCH; trap 'echo term; exit 9' TERM; echo ready
            while :; do sleep 0.01; done";
        let mut container = shell(script).init().stdout(Stdio::Piped).start().unwrap();
        let mut lines = BufReader::new(container.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert_eq!(lines.next().as_deref(), Some("ready"));
        for (signal, word) in [(10, "usr1"), (28, "winch"), (10, "usr1"), (15, "term")] {
            container.signal(signal).unwrap();
            assert_eq!(lines.next().as_deref(), Some(word));
        }
        assert_eq!(container.wait().unwrap().code(), Some(9));
    });
}

#[test]
fn a_program_that_cannot_be_executed_under_an_init_is_an_error_all_the_same() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let error = crate::common::program("/no/such/program", &[]).init().start().unwrap_err();
        assert_eq!(error.kind(), skep::ErrorKind::NotFound);
    });
}

#[test]
fn a_program_that_closes_its_output_early_is_heard_to_the_end_of_it() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let mut container = shell("echo last; exec >&- 2>&-; read line")
            .init()
            .stdin(Stdio::Piped)
            .stdout(Stdio::Piped)
            .start()
            .unwrap();
        let mut said = String::new();
        // Ends although init and program live on.
        std::io::Read::read_to_string(&mut container.stdout.take().unwrap(), &mut said).unwrap();
        assert_eq!(said, "last\n");
        assert!(container.try_wait().unwrap().is_none());
        drop(container.stdin.take());
        container.wait().unwrap();
    });
}

#[test]
fn stops_of_the_program_are_told_and_its_group_goes_on() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        // Both of the group's processes are stopped, and both have to go on for the pipe to be read.
        let script = "trap 'echo term; exit 9' TERM; echo up; cat; echo end";
        let mut container = shell(script).init().stdin(Stdio::Piped).stdout(Stdio::Piped).start().unwrap();
        let mut lines = BufReader::new(container.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert_eq!(lines.next().as_deref(), Some("up"));
        let stops = container.stops.take().unwrap();
        assert_eq!(stops.take().unwrap(), 0);
        for _ in 0..3 {
            // Before it reads the shell may be in the middle of a vfork, in which it cannot be stopped.
            container.stdin.as_ref().unwrap().write_all(b"line\n").unwrap();
            assert_eq!(lines.next().as_deref(), Some("line"));
            container.signal(20).unwrap();
            until("it is stopped", || stops.take().unwrap() == 1);
            container.signal(18).unwrap();
        }
        drop(container.stdin.take());
        assert_eq!(lines.next().as_deref(), Some("end"));
        assert!(container.wait().unwrap().success());
    });
}

#[test]
fn at_every_low_limit_on_descriptors_it_works_or_says_so() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        at_every_low_limit_on_descriptors(|| {
            let created = shell("true").init().create()?;
            drop(created);
            Ok(())
        });
    });
}
