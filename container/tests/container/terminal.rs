// SPDX-License-Identifier: MIT OR Apache-2.0
//! Terminals: of the container's own, whose keys make signals, through which nothing is lost, and that nobody exchanges.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use needs::{Screen, isolated, isolated_for, needs, rounds};
use skep::ns::Stdio;
use skep::rootfs::{Bind, Devpts, Mounts, Proc};
use skep::{Builder, Container, ErrorKind, Report, Stream, Terminal};

use crate::common::{DEADLINE, at_every_low_limit_on_descriptors, program, status, until};
use crate::tree::Tree;

const CTRL_C: &[u8] = b"\x03";
const CTRL_Z: &[u8] = b"\x1a";

/// The mounts of a container with a terminal on this machine's files.
fn mounts() -> Mounts {
    Mounts::new().add(Proc::new("/proc")).add(Devpts::new("/dev/pts"))
}

/// A container with a terminal, whose program is the shell.
fn shell(script: &str) -> Builder {
    program("/bin/sh", &["-c", script]).mounts(mounts()).terminal()
}

#[track_caller]
fn start(builder: Builder) -> (Container, Screen<Terminal>) {
    let mut container = builder.start().unwrap_or_else(|error| panic!("{}", Report(&error)));
    let terminal = container.terminal.take().unwrap();
    (container, Screen::new(terminal, DEADLINE))
}

/// Everything that a program shows which ends by itself.
#[track_caller]
fn shown(builder: Builder) -> String {
    let (container, mut screen) = start(builder);
    let mut text = String::new();
    screen.terminal.read_to_string(&mut text).unwrap();
    container.wait().unwrap();
    text.replace("\r\n", "\n")
}

#[test]
fn the_terminal_is_the_container_s_first_and_all_three_streams() {
    needs!(userns);
    isolated(|| {
        let script =
            "tty; tty <&1; tty <&2; stat -L -c '%t:%T' /dev/fd/0 /dev/tty; ls -1 /dev/pts; ls -1 /proc/self/fd";
        // ls has the directory that it reads open as well.
        let expected = "/dev/pts/0\n/dev/pts/0\n/dev/pts/0\n88:0\n5:0\n0\nptmx\n0\n1\n2\n3\n";
        assert_eq!(shown(shell(script)), expected);
        assert_eq!(shown(shell(script).init()), expected);
    });
}

#[test]
fn the_program_leads_the_terminal_s_foreground_and_its_session_where_no_init_does() {
    needs!(userns);
    isolated(|| {
        for (builder, group) in [(shell("cat /proc/self/stat"), "1"), (shell("cat /proc/self/stat; :").init(), "2")] {
            let stat = shown(builder);
            let fields: Vec<&str> = stat.trim_end().rsplit_once(") ").unwrap().1.split(' ').collect();
            // State, parent, group, session, terminal, foreground.
            assert_eq!(fields[2], group, "{stat}");
            assert_eq!(fields[3], "1", "{stat}");
            assert_eq!(fields[4], (136 << 8).to_string(), "{stat}");
            assert_eq!(fields[5], fields[2], "{stat}");
        }
    });
}

#[test]
fn nobody_inside_has_the_other_side() {
    needs!(root);
    isolated(|| {
        let (container, mut screen) = start(shell("echo up; read line").init());
        screen.until("up");
        let init = container.pid().unwrap();
        let children = std::fs::read_to_string(format!("/proc/{init}/task/{init}/children")).unwrap();
        let links = |pid: &str| {
            let fds = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().map(|entry| entry.unwrap().path());
            fds.map(|path| std::fs::read_link(path).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(links(&init.to_string()), [PathBuf::from("anon_inode:[eventfd]")]);
        let peer = PathBuf::from("/dev/pts/0");
        assert_eq!(links(children.trim()), [peer.clone(), peer.clone(), peer]);
        screen.terminal.write_all(b"\n").unwrap();
        container.wait().unwrap();
    });
}

#[test]
fn it_belongs_to_the_program_s_user() {
    needs!(root);
    isolated(|| {
        assert_eq!(shown(shell("stat -c %u:%g:%a /dev/pts/0; echo x > /dev/tty").user(33, 34)), "33:5:620\nx\n");
    });
}

#[test]
fn a_size_is_there_from_the_beginning_and_a_change_of_it_is_told() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        assert_eq!(shown(shell("stty size").terminal_size(24, 81)), "24 81\n");
        assert_eq!(shown(shell("stty size")), "0 0\n");
        let script = "trap 'stty size; exit 3' WINCH; echo up; while :; do sleep 0.01; done";
        let (container, mut screen) = start(shell(script).terminal_size(1, 2));
        screen.until("up");
        assert_eq!(screen.terminal.size().unwrap(), (1, 2));
        screen.terminal.resize(50, 132).unwrap();
        screen.until("50 132");
        assert_eq!(screen.terminal.size().unwrap(), (50, 132));
        assert_eq!(container.wait().unwrap().code(), Some(3));
    });
}

#[test]
fn it_can_be_set_up_before_the_program_runs() {
    needs!(userns);
    isolated(|| {
        let created = shell("stty size").create().unwrap();
        created.terminal().unwrap().resize(7, 9).unwrap();
        let mut container = created.start().unwrap();
        let mut text = String::new();
        container.terminal.take().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "7 9\r\n");
        container.wait().unwrap();
    });
}

#[test]
fn a_key_ends_what_is_in_the_foreground() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let (container, mut screen) = start(shell("echo up; exec sleep 1000").init());
        screen.until("up");
        screen.terminal.write_all(CTRL_C).unwrap();
        assert_eq!(container.wait().unwrap().code(), Some(130));
    });
}

#[test]
fn a_key_stops_what_is_in_the_foreground_and_the_caller_is_told() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let (container, mut screen) = start(shell("stty -echo; echo up; exec cat").init());
        let stops = container.stops.as_ref().unwrap();
        screen.until("up");
        for _ in 0..3 {
            // It goes on by now: else the key would come first, and what lets it go on would undo that.
            screen.terminal.write_all(b"line\n").unwrap();
            screen.until("line");
            screen.terminal.write_all(CTRL_Z).unwrap();
            until("it is stopped", || stops.take().unwrap() == 1);
            container.signal(18).unwrap();
        }
        screen.terminal.write_all(CTRL_C).unwrap();
        assert_eq!(container.wait().unwrap().code(), Some(130));
        // Where the program leads the session nobody could have it go on: the kernel does not stop it.
        let (container, mut screen) = start(shell("echo up; read line; exit 4"));
        assert!(container.stops.is_none());
        screen.until("up");
        screen.terminal.write_all(CTRL_Z).unwrap();
        screen.terminal.write_all(b"\n").unwrap();
        assert_eq!(container.wait().unwrap().code(), Some(4));
    });
}

#[test]
fn a_shell_has_job_control() {
    needs!(userns, program("bash"));
    isolated_for(DEADLINE, || {
        for with_init in [false, true] {
            let bash = program("/bin/bash", &["--norc", "--noprofile", "-i"]).mounts(mounts()).terminal();
            let bash = bash.env("PS1", "> ").env("TERM", "dumb").env("HISTFILE", "");
            let (container, mut screen) = start(if with_init { bash.init() } else { bash });
            let greeting = screen.until("> ");
            assert!(!greeting.contains("no job control"), "{greeting}");
            screen.terminal.write_all(b"sleep 1000 &\n").unwrap();
            screen.until("[1] ");
            screen.terminal.write_all(b"fg\n").unwrap();
            screen.until("sleep 1000\r\n");
            // Typed at once it might find the shell itself in the foreground, which has no use for it.
            until("sleep is in the foreground", || foreground(&container).as_deref() == Some("sleep"));
            screen.terminal.write_all(CTRL_Z).unwrap();
            screen.until("Stopped");
            screen.until("> ");
            screen.terminal.write_all(b"bg\n").unwrap();
            screen.until("sleep 1000 &");
            screen.terminal.write_all(b"kill %1; wait %1; echo code $?\n").unwrap();
            screen.until("code 143");
            screen.terminal.write_all(b"cat\n").unwrap();
            until("cat is in the foreground", || foreground(&container).as_deref() == Some("cat"));
            screen.terminal.write_all(b"echoed twice\n").unwrap();
            screen.until("echoed twice\r\nechoed twice\r\n");
            screen.terminal.write_all(CTRL_C).unwrap();
            screen.until("> ");
            screen.terminal.write_all(b"exit 5\n").unwrap();
            assert_eq!(container.wait().unwrap().code(), Some(5));
        }
    });
}

/// The name of the process whose group is in the foreground of the container's terminal.
fn foreground(container: &Container) -> Option<String> {
    let first = container.pid()?;
    let children = |pid: u32| -> Vec<u32> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
    };
    let below = children(first).into_iter().flat_map(|pid| [vec![pid], children(pid)].concat());
    below.chain([first]).find_map(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        (fields[2] == fields[5]).then(|| status(pid, "Name"))
    })
}

#[test]
fn a_mebibyte_goes_through_in_both_directions_without_loss() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        const SIZE: usize = 1 << 20;
        let (container, mut screen) = start(shell("stty raw -echo; echo up; head -c 1048576").init());
        screen.until("up\n");
        // No two of its parts are alike, so that none can be missed or changed for another.
        let sent: Vec<u8> = (0..SIZE / 8).flat_map(|number| format!("{number:07x} ").into_bytes()).collect();
        let terminal = &screen.terminal;
        let mut received = screen.shown;
        std::thread::scope(|scope| {
            scope.spawn(|| { terminal }.write_all(&sent).unwrap());
            { terminal }.read_to_end(&mut received).unwrap();
        });
        assert_eq!(received.len(), SIZE);
        assert!(received == sent);
        assert!(container.wait().unwrap().success());
    });
}

#[test]
fn a_writer_without_a_reader_waits() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let (container, mut screen) = start(shell("head -c 10000000 /dev/zero | tr '\\0' x; echo; echo end").init());
        // As many bytes as the kernel holds; then nothing comes, whoever waits.
        let mut text = String::new();
        assert!(container.try_wait().unwrap().is_none());
        screen.terminal.read_to_string(&mut text).unwrap();
        assert_eq!(text.matches('x').count(), 10_000_000);
        assert!(text.ends_with("\r\nend\r\n"));
        container.wait().unwrap();
    });
}

#[test]
fn dropping_it_is_a_hang_up() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let (container, mut screen) = start(shell("trap 'exit 9' HUP; echo up; while :; do sleep 0.01; done"));
        screen.until("up");
        drop(screen);
        assert_eq!(container.wait().unwrap().code(), Some(9));
        let (container, mut screen) = start(shell("echo up; exec sleep 1000").init());
        screen.until("up");
        drop(screen);
        assert_eq!(container.wait().unwrap().code(), Some(129));
        // Before it has begun: it is set up, and goes with everything else.
        drop(shell("sleep 1000").create().unwrap());
    });
}

#[test]
fn streams_that_are_not_it_lead_where_they_did() {
    needs!(userns);
    isolated(|| {
        let which = "for n in 0 1 2; do if [ -t $n ]; then echo $n > /dev/tty; fi; done";
        let on = |streams: &[Stream]| shell(which).terminal_on(streams.iter().copied());
        assert_eq!(shown(shell(which)), "0\n1\n2\n");
        for stream in Stream::ALL {
            let others: Vec<Stream> = Stream::ALL.into_iter().filter(|other| *other != stream).collect();
            let builder = others.iter().fold(on(&[stream]), |builder, other| match other {
                Stream::Stdin => builder.stdin(Stdio::Null),
                Stream::Stdout => builder.stdout(Stdio::Null),
                Stream::Stderr => builder.stderr(Stdio::Null),
            });
            assert_eq!(shown(builder), format!("{}\n", stream.number()));
        }
        // A session's terminal alone.
        let none = on(&[]).stdin(Stdio::Null).stdout(Stdio::Null).stderr(Stdio::Null);
        assert_eq!(shown(none), "");
        let (mut reader, writer) = std::io::pipe().unwrap();
        let (container, screen) = start(shell("cat").terminal_on([Stream::Stdin, Stream::Stderr]).stdout(writer));
        { &screen.terminal }.write_all(b"line\n\x04").unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "line\n");
        container.wait().unwrap();
    });
}

#[test]
fn what_is_not_the_container_s_devpts_is_refused() {
    needs!(userns);
    isolated(|| {
        for (mounts, words) in [
            (mounts().mask(["/dev/pts"]), "\"/dev/pts\" is no devpts"),
            (mounts().mask(["/dev/pts/ptmx"]), "\"/dev/pts/ptmx\" is not the ptmx of its devpts"),
            (mounts().add(Bind::new("/dev/null", "/dev/pts/ptmx")), "\"/dev/pts/ptmx\" is not the ptmx of its devpts"),
            // One by which a terminal of this machine would be made.
            (mounts().add(Bind::new("/dev/ptmx", "/dev/pts/ptmx")), "\"/dev/pts/ptmx\" is not the ptmx of its devpts"),
        ] {
            let error = shell("true").mounts(mounts).start().unwrap_err();
            let report = Report(&error).to_string();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{report}");
            assert!(report.contains("in the child: make a terminal in \"/dev/pts\""), "{report}");
            assert!(report.contains(&format!("cause: {words}: ")), "{report}");
            assert!(report.contains("hint: something else was mounted there"), "{report}");
        }
    });
}

#[test]
fn under_a_dev_that_is_exchanged_all_the_time_it_is_the_container_s_own_or_refused() {
    needs!(userns, program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let [dev, other] = ["dev", "other"].map(|name| tree.root().join(name));
        for directory in [&dev, &other] {
            std::fs::create_dir_all(directory.join("pts")).unwrap();
        }
        std::fs::write(other.join("pts/ptmx"), "").unwrap();
        let end = AtomicBool::new(false);
        let outcomes: Vec<Result<String, String>> = std::thread::scope(|scope| {
            scope.spawn(|| {
                let exchange = rustix::fs::RenameFlags::EXCHANGE;
                while !end.load(Ordering::Relaxed) {
                    rustix::fs::renameat_with(rustix::fs::CWD, &dev, rustix::fs::CWD, &other, exchange).unwrap();
                }
            });
            let outcomes = (0..rounds(200)).map(|_| {
                let mounts = Mounts::new().add(Proc::new("/proc")).add(Devpts::new("/dev/pts"));
                let tty = tree.shell("").mounts(mounts).terminal().command("/bin/busybox", ["tty"]);
                let mut container = tty.kill_on_drop().start().map_err(|error| Report(&error).to_string())?;
                let mut text = String::new();
                container.terminal.take().unwrap().read_to_string(&mut text).unwrap();
                Ok(text)
            });
            let outcomes = outcomes.collect();
            end.store(true, Ordering::Relaxed);
            outcomes
        });
        for outcome in &outcomes {
            match outcome {
                // Its name may lead elsewhere by now; no other devpts is there.
                Ok(text) => {
                    let names = ["/dev/pts/0\r\n", "/other/pts/0\r\n", "not a tty\r\n"];
                    assert!(names.contains(&text.as_str()), "{text}");
                }
                Err(report) => assert!(report.contains("/pts"), "{report}"),
            }
        }
    });
}

#[test]
fn a_ptmx_that_the_program_s_user_may_not_open_is_told() {
    needs!(userns);
    isolated(|| {
        let closed = Mounts::new().add(Devpts::new("/dev/pts").ptmx_mode(0));
        let error = shell("true").mounts(closed).capabilities([""; 0]).start().unwrap_err();
        let report = Report(&error).to_string();
        assert_eq!(error.kind(), ErrorKind::Denied, "{report}");
        assert!(report.contains("cause: opening \"/dev/pts/ptmx\": Permission denied (EACCES)"), "{report}");
        assert!(report.contains("hint: this user may not open it: see Devpts::ptmx_mode"), "{report}");
    });
}

#[test]
fn two_wishes_for_one_stream_are_a_problem_and_so_is_its_output() {
    let problems = |builder: Builder| builder.create().unwrap_err().problems().to_vec();
    let twice = "stdout: is given, and is the terminal too: it can be one of them";
    assert_eq!(problems(shell("true").stdout(Stdio::Piped)), [twice]);
    let file = File::open("/dev/null").unwrap();
    assert_eq!(problems(shell("true").fd(1, file)), [twice]);
    assert_eq!(
        problems(shell("true").in_caller_session()),
        ["process.terminal: the caller's session has a terminal, and no other can be had in it"]
    );
    let error = shell("true").output().unwrap_err();
    assert_eq!(error.problems(), ["output: it has a terminal: start it, and read Container::terminal"]);
}

#[test]
fn an_output_is_not_waited_for_while_the_terminal_is_there() {
    needs!(userns);
    isolated(|| {
        let container = shell("true").kill_on_drop().start().unwrap();
        let error = container.wait_with_output().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState, "{}", Report(&error));
    });
}

#[test]
fn at_every_low_limit_on_descriptors_it_works_or_says_so() {
    needs!(userns);
    isolated(|| {
        at_every_low_limit_on_descriptors(|| {
            let created = shell("true").create()?;
            assert!(created.terminal().is_some());
            Ok(())
        });
    });
}

#[test]
fn a_terminal_is_a_descriptor_and_back() {
    let ptmx = File::options().read(true).write(true).open("/dev/ptmx").unwrap();
    let terminal = Terminal::from(OwnedFd::from(ptmx));
    terminal.resize(3, 4).unwrap();
    let fd = OwnedFd::from(terminal);
    assert_eq!(Terminal::from(fd.as_fd().try_clone_to_owned().unwrap()).size().unwrap(), (3, 4));
    let none = Terminal::from(OwnedFd::from(File::open("/dev/null").unwrap()));
    assert_eq!(none.size().unwrap_err().to_string(), "cannot ask the size of the terminal");
    assert_eq!(none.resize(1, 1).unwrap_err().to_string(), "cannot resize the terminal");
}
