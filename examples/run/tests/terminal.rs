// SPDX-License-Identifier: MIT OR Apache-2.0
//! skep-run in a terminal: the command has another one, nothing is lost between the two, and ours is left as it was.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what the tests call fails them by a panic")]

use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use needs::{Scratch, Screen, bin, isolated_for, needs};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::pty::OpenptFlags;
use rustix::termios::{LocalModes, tcgetattr};
use skep::Terminal;

/// A hang detector: what has not happened by then never will.
const DEADLINE: Duration = Duration::from_secs(60);
const CTRL_C: &[u8] = b"\x03";
const CTRL_Z: &[u8] = b"\x1a";

/// A terminal with a person in front of it.
struct Person {
    screen: Screen<Terminal>,
    /// What runs in it.
    child: Child,
}

impl Person {
    /// Runs a program that leads the session of a new terminal, with it as its three streams.
    fn runs(program: &str, args: &[&str]) -> Self {
        let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        rustix::pty::unlockpt(&master).unwrap();
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let peer = rustix::pty::ioctl_tiocgptpeer(&master, flags).unwrap();
        let stream = |peer: &OwnedFd| Stdio::from(peer.try_clone().unwrap());
        let terminal = Terminal::from(master);
        terminal.resize(31, 77).unwrap();
        // Whoever runs the tests may ignore signals, as shells do for what runs in the background.
        let child = Command::new("env")
            .args(["--default-signal", "setsid", "--ctty", program])
            .args(args)
            .env("PS1", "> ")
            .env("TERM", "dumb")
            .env("HISTFILE", "")
            .env("run", bin("skep-run"))
            .stdin(stream(&peer))
            .stdout(stream(&peer))
            .stderr(stream(&peer))
            .spawn()
            .unwrap();
        Self { screen: Screen::new(terminal, DEADLINE), child }
    }

    /// Runs skep-run with the shell for a command.
    fn runs_inside(script: &str) -> Self {
        Self::runs(bin("skep-run").to_str().unwrap(), &["--quiet", "--", "/bin/sh", "-c", script])
    }

    /// The same, where what it writes in `directory` is seen outside.
    fn runs_beside(directory: &Scratch, script: &str) -> Self {
        let directory = directory.path().to_str().unwrap();
        let args = ["--quiet", "--rw", directory, "--", "/bin/sh", "-c", script];
        Self::runs(bin("skep-run").to_str().unwrap(), &args)
    }

    /// Runs a shell outside, in whose script `$0` is skep-run.
    fn runs_outside(script: &str) -> Self {
        Self::runs("/bin/sh", &["-c", script, bin("skep-run").to_str().unwrap()])
    }

    /// Reads until `text` is shown, and answers what was before it.
    #[track_caller]
    fn sees(&mut self, text: &str) -> String {
        self.screen.until(text)
    }

    fn types(&mut self, bytes: &[u8]) {
        self.screen.terminal.write_all(bytes).unwrap();
    }

    /// The modes of the terminal, in words, to be compared.
    fn modes(&self) -> String {
        format!("{:?}", tcgetattr(&self.screen.terminal).unwrap())
    }

    fn is_raw(&self) -> bool {
        !tcgetattr(&self.screen.terminal).unwrap().local_modes.contains(LocalModes::ICANON)
    }

    fn ends(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

/// What is shown to the end of it, and the status.
fn shown(mut person: Person) -> (String, Option<i32>) {
    let mut text = String::new();
    person.screen.terminal.read_to_string(&mut text).unwrap();
    (text.replace("\r\n", "\n"), person.ends())
}

#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < end, "not within {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn the_command_has_a_terminal_of_its_own_as_large_and_dressed_alike() {
    needs!(userns);
    isolated_for(DEADLINE * 2, || {
        let script = "tty; stty size; ls -1 /dev/pts; stty -a | grep -o 'intr = ^.'; exit 7";
        let person = Person::runs_outside(&format!("stty intr ^B; \"$0\" --quiet -- /bin/sh -c \"{script}\""));
        assert_eq!(shown(person), ("/dev/pts/0\n31 77\n0\nptmx\nintr = ^B\n".to_owned(), Some(7)));
    });
}

#[test]
fn the_caller_s_terminal_is_raw_meanwhile_and_as_it_was_afterwards() {
    needs!(userns);
    isolated_for(DEADLINE * 2, || {
        // A shell that has just begun to read may sleep over a signal: only a loop hears each.
        let waits = "trap 'exit 7' TERM; echo up; while :; do sleep 0.01; done";
        let reads = "echo up; read line; exit 3";
        for (number, script, code) in
            [(None, reads, 3), (Some(Signal::SIGTERM), waits, 7), (Some(Signal::SIGHUP), reads, 129)]
        {
            let mut person = Person::runs_inside(script);
            let pid = Pid::from_raw(person.child.id().cast_signed());
            person.sees("up");
            assert!(person.is_raw());
            match number {
                Some(number) => kill(pid, number).unwrap(),
                None => person.types(b"\n"),
            }
            assert_eq!(person.ends(), Some(code));
            assert!(!person.is_raw());
        }
        // Exactly so, whatever it was, and where nothing was started too.
        for command in ["true", "/nowhere/at/all"] {
            let script =
                format!("stty -echo -icanon min 3 time 7; stty -a; \"$0\" --quiet {command}; echo ==; stty -a");
            let (text, _) = shown(Person::runs_outside(&script));
            let (before, after) = text.split_once("==\n").unwrap();
            assert!(before.starts_with(after), "{text}");
        }
    });
}

#[test]
fn the_modes_are_the_same_to_the_last_bit() {
    needs!(userns);
    isolated_for(DEADLINE * 2, || {
        let mut person =
            Person::runs_outside("read line; \"$0\" --quiet -- /bin/sh -c 'echo up; read line'; read line");
        let before = person.modes();
        person.types(b"\n");
        person.sees("up");
        assert_ne!(person.modes(), before);
        person.types(b"\n");
        until("it is as before", || person.modes() == before);
        person.types(b"\n");
        person.ends();
    });
}

#[test]
fn keys_make_signals_inside() {
    needs!(userns);
    isolated_for(DEADLINE * 2, || {
        let mut person = Person::runs_inside("echo up; exec sleep 1000");
        person.sees("up");
        person.types(CTRL_C);
        assert_eq!(person.ends(), Some(130));
        // Ours would be ended by it as well, if it had it from the terminal.
        let script = "ulimit -c 0; trap 'echo int' INT; trap 'echo quit; exit 4' QUIT; echo up
            while :; do sleep 0.01; done";
        let mut person = Person::runs_inside(script);
        person.sees("up");
        person.types(CTRL_C);
        person.sees("int");
        person.types(b"\x1c");
        person.sees("quit");
        assert_eq!(person.ends(), Some(4));
    });
}

#[test]
fn a_change_of_size_is_passed_on() {
    needs!(userns);
    isolated_for(DEADLINE * 2, || {
        let mut person = Person::runs_inside("trap 'stty size; exit 3' WINCH; echo up; while :; do sleep 0.01; done");
        person.sees("up");
        person.screen.terminal.resize(50, 132).unwrap();
        person.sees("50 132");
        assert_eq!(person.ends(), Some(3));
    });
}

#[test]
fn where_input_is_a_pipe_it_stays_one_and_keys_still_arrive() {
    needs!(userns);
    isolated_for(DEADLINE * 2, || {
        let inside = "cat; tty <&1; tty <&0; echo up; read key </dev/tty; echo key $key";
        let mut person = Person::runs_outside(&format!("echo piped | \"$0\" --quiet -- /bin/sh -c '{inside}'"));
        assert_eq!(person.sees("up"), "piped\r\n/dev/pts/0\r\nnot a tty\r\n");
        person.types(b"k\n");
        person.sees("key k");
        person.ends();
    });
}

#[test]
fn where_output_is_a_file_not_a_byte_of_it_is_touched() {
    needs!(userns);
    isolated_for(DEADLINE * 2, || {
        let dir = Scratch::new();
        let file = dir.join("file");
        let inside = "printf \"a\\\\n\\\\t\\\\004\"; head -c 3000000 /dev/zero; tty >&2";
        let script = format!("\"$0\" --quiet -- /bin/sh -c '{inside}' > {}", file.display());
        let (text, _) = shown(Person::runs_outside(&script));
        assert_eq!(text, "/dev/pts/0\n");
        let bytes = fs::read(&file).unwrap();
        assert_eq!((bytes.len(), bytes.get(..4)), (3_000_004, Some(&b"a\n\t\x04"[..])));
    });
}

#[test]
fn without_a_terminal_nothing_of_this_happens() {
    needs!(userns);
    isolated_for(DEADLINE * 2, || {
        let (text, _) =
            shown(Person::runs_outside("echo x | \"$0\" --quiet -- /bin/sh -c 'tty; ps -o sid= -p $$' 2>&1 | cat"));
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("not a tty"));
        // The init's, which is not the caller's.
        assert_eq!(lines.next().map(str::trim), Some("1"));
    });
}

#[test]
fn a_reader_who_stops_holds_the_writer_and_no_memory_is_used_for_it() {
    needs!(userns);
    isolated_for(DEADLINE * 2, || {
        const SIZE: usize = 20_000_000;
        let inside =
            format!("stty raw -echo; echo up; read line; head -c {SIZE} /dev/zero | tr '\\0' x; echo end; read line");
        let mut person = Person::runs_inside(&inside);
        person.sees("up\n");
        let pid = person.child.id();
        let status = || fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let peak = || {
            let status = status();
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
            peak.trim().trim_end_matches(" kB").parse::<u32>().unwrap()
        };
        // The program itself is most of it.
        let before = peak();
        person.types(b"\n");
        until("it has begun", || rustix::io::ioctl_fionread(&person.screen.terminal).unwrap() > 0);
        // Nobody reads: it has all that it takes, and sleeps.
        until("it sleeps", || status().contains("State:\tS"));
        let (mut count, mut bytes) = (person.screen.shown.len(), [0; 65536]);
        while count < SIZE {
            count += { &person.screen.terminal }.read(&mut bytes).unwrap();
        }
        let after = peak();
        assert!(after - before < 4000, "{before} kB, and then {after}");
        person.types(b"\n");
        let (rest, _) = shown(person);
        assert_eq!(count + rest.len(), SIZE + "end\n".len());
    });
}

#[test]
fn what_is_pasted_arrives_whole_whenever_it_is_read() {
    needs!(userns);
    isolated_for(DEADLINE * 2, || {
        const SIZE: usize = 300_000;
        let dir = Scratch::new();
        let file = dir.join("file");
        let inside = format!("stty raw -echo; echo up; sleep 0.2; head -c {SIZE} > {}; echo end", file.display());
        let mut person = Person::runs_beside(&dir, &inside);
        person.sees("up\n");
        let sent: Vec<u8> = (0..SIZE / 8).flat_map(|number| format!("{number:07x} ").into_bytes()).collect();
        person.types(&sent);
        person.sees("end");
        person.ends();
        assert!(fs::read(&file).unwrap() == sent);
    });
}

#[test]
fn all_that_was_written_is_shown_after_the_end() {
    needs!(userns);
    isolated_for(DEADLINE * 2, || {
        let mut person = Person::runs_inside("stty raw; echo up; head -c 100000 /dev/zero | tr '\\0' x; echo end");
        person.sees("up\n");
        // Its command may have ended long since: only what the terminals hold is left.
        std::thread::sleep(Duration::from_millis(50));
        let before = person.screen.shown.len();
        let (text, code) = shown(person);
        assert_eq!((before + text.len(), code), (100_004, Some(0)));
        assert!(text.ends_with("end\n"));
    });
}

#[test]
fn when_the_caller_s_terminal_is_hung_up_so_is_the_command_s() {
    needs!(userns);
    isolated_for(DEADLINE * 2, || {
        let dir = Scratch::new();
        let file = dir.join("file");
        let inside = format!("trap 'echo hup > {}; exit 5' HUP; echo up; while :; do sleep 0.01; done", file.display());
        let mut person = Person::runs_beside(&dir, &inside);
        person.sees("up");
        let Person { screen: Screen { terminal, .. }, mut child } = person;
        drop(terminal);
        assert_eq!(child.wait().unwrap().code(), Some(5));
        assert_eq!(fs::read_to_string(&file).unwrap(), "hup\n");
        // Not by the signal alone, which skep-run may be told to ignore.
        let mut person =
            Person::runs_outside("trap '' HUP; exec \"$0\" --quiet -- /bin/sh -c 'echo up; exec sleep 1000'");
        person.sees("up");
        let Person { screen: Screen { terminal, .. }, mut child } = person;
        drop(terminal);
        assert_eq!(child.wait().unwrap().code(), Some(129));
    });
}

#[test]
fn in_a_pipeline_the_terminal_is_left_as_it_is_for_who_reads_the_output() {
    needs!(userns);
    isolated_for(DEADLINE * 2, || {
        // Lines are typed as to a command outside, and each is seen once.
        let inside = "echo up >&2; read line; echo got $line; cat; echo end";
        let mut person = Person::runs_outside(&format!("\"$0\" --quiet -- /bin/sh -c '{inside}' | sed s/got/read/"));
        // With the end of its line: what is typed before that is shown before it.
        person.sees("up\r\n");
        assert!(!person.is_raw());
        person.types(b"key\n");
        assert_eq!(person.sees("read key\r\n"), "key\r\n");
        person.types(b"more\n\x04");
        let (text, _) = shown(person);
        assert_eq!(text, "more\nmore\nend\n");
        // Keys make signals outside then, which are pressed again inside: for all of the foreground.
        let inside = "/bin/sh -c \"echo up >&2; exec sleep 1000\"; :";
        let mut person = Person::runs_outside(&format!("trap : INT; \"$0\" --quiet -- /bin/sh -c '{inside}' | cat"));
        person.sees("up");
        person.types(CTRL_C);
        let (text, _) = shown(person);
        assert_eq!(text.trim(), "^C");
        // While the reader has its keys one by one, all are his.
        let reader = "stty -icanon -echo </dev/tty; echo reader >/dev/tty; head -c 9 </dev/tty; stty icanon </dev/tty";
        let outside = format!("\"$0\" --quiet -- /bin/sh -c 'read line; echo got $line >&2' | ({reader})");
        let mut person = Person::runs_outside(&outside);
        person.sees("reader");
        for key in b"his keys!" {
            person.types(&[*key]);
        }
        person.sees("his keys!");
        until("it is in lines again", || !person.is_raw());
        person.types(b"ours\n");
        person.sees("got ours");
        person.ends();
    });
}

#[test]
fn who_is_in_nobody_s_charge_is_not_stopped() {
    needs!(userns);
    isolated_for(DEADLINE * 2, || {
        // The leader of the session, as in `tmux new-session skep-run …`: no shell would have it go on.
        let script = "trap '' TSTP; echo up; while read line; do echo got $line; done";
        let mut person = Person::runs_inside(script);
        person.sees("up");
        person.types(CTRL_Z);
        person.types(b"one\n");
        person.sees("got one");
        kill(Pid::from_raw(person.child.id().cast_signed()), Signal::SIGTSTP).unwrap();
        person.types(b"two\n");
        person.sees("got two");
        assert!(person.is_raw());
        person.types(b"\x04");
        person.ends();
        // Nor one that has no ear for it: it goes on at once.
        let mut person = Person::runs_inside("echo up; exec cat");
        person.sees("up");
        person.types(CTRL_Z);
        person.types(b"line\n");
        person.sees("line\r\nline");
        person.types(CTRL_C);
        person.ends();
    });
}

#[test]
fn a_key_stops_the_command_and_skep_run_with_it() {
    needs!(userns, program("bash"));
    isolated_for(DEADLINE * 2, || {
        let mut person = bash();
        person.types(b"$run --quiet -- /bin/sh -c 'stty -echo; echo u''p; exec cat'\n");
        person.sees("up");
        for line in ["one", "two"] {
            person.types(CTRL_Z);
            person.sees("Stopped");
            person.types(b"echo a''live; stty size; jobs\n");
            person.sees("alive");
            person.sees("Stopped");
            person.sees("> ");
            person.types(b"fg\n");
            until("it has the terminal", || is_in_front(&person, "skep-run") && person.is_raw());
            person.types(format!("{line}\n").as_bytes());
            person.sees(line);
        }
        person.types(CTRL_C);
        person.sees("> ");
        person.types(b"echo code $?; exit\n");
        person.sees("code 130");
        person.ends();
    });
}

#[test]
fn what_the_command_shows_as_it_is_stopped_is_shown_before() {
    needs!(userns, program("bash"));
    isolated_for(DEADLINE * 2, || {
        // As an editor does: it puts the screen back, and stops itself.
        let script = "#!/bin/bash
            leave() { head -c 30000 /dev/zero | tr '\\0' x; echo; echo restored; kill -STOP $$; echo back; }
            trap leave TSTP; echo up; while :; do read -t 0.05; done";
        let directory = Scratch::new();
        let file = directory.join("editor");
        fs::write(&file, script).unwrap();
        let mut person = bash();
        let (directory, file) = (directory.path().display(), file.display());
        person.types(format!("$run --quiet --ro {directory} -- /bin/bash {file}\n").as_bytes());
        person.sees("up");
        person.types(CTRL_Z);
        person.sees("restored\r\n");
        person.sees("Stopped");
        person.sees("> ");
        person.types(b"fg\n");
        person.sees("back");
        person.types(CTRL_C);
        person.sees("> ");
        person.types(b"exit 0\n");
        person.ends();
    });
}

#[test]
fn without_a_terminal_of_its_own_the_command_is_stopped_all_the_same() {
    needs!(userns, program("bash"));
    isolated_for(DEADLINE * 2, || {
        let directory = Scratch::new();
        let file = directory.join("log");
        let mut person = bash();
        let path = file.display();
        // One process: a shell in the middle of a vfork cannot be stopped.
        let inner = "mkfifo /tmp/f; exec 3<>/tmp/f; while echo x; do read -t 0.02 -u 3; done";
        person.types(format!("$run --quiet -- /bin/bash -c '{inner}' </dev/null >{path} 2>&1\n").as_bytes());
        let size = || fs::metadata(&file).map_or(0, |found| found.len());
        until("it runs", || size() > 4);
        person.types(CTRL_Z);
        person.sees("Stopped");
        let then = size();
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(size(), then);
        person.types(b"bg\n");
        until("it goes on", || size() > then);
        person.types(b"kill %1; wait %1; echo code $?; exit\n");
        person.sees("code 143");
        person.ends();
    });
}

/// An interactive bash, in which skep-run is `$run`.
fn bash() -> Person {
    let mut person = Person::runs("/bin/bash", &["--norc", "--noprofile", "-i"]);
    person.sees("> ");
    person
}

#[test]
fn in_the_background_it_leaves_the_terminal_alone_until_it_is_brought_forth() {
    needs!(userns, program("bash"));
    isolated_for(DEADLINE * 2, || {
        let mut person = bash();
        person.types(b"$run --quiet -- /bin/sh -c 'echo u''p; read line; echo got $line; exit 6' &\n");
        person.sees("up");
        // The shell reads lines still, and they are not taken from it.
        person.types(b"jobs; echo a''live\n");
        assert!(person.sees("alive").contains("Running"));
        person.types(b"fg\n");
        person.sees("fg\r\n");
        until("it has the terminal", || is_in_front(&person, "skep-run") && person.is_raw());
        person.types(b"key\n");
        // What is typed before it has ended is its own, read or not.
        person.sees("got key");
        person.sees("> ");
        person.types(b"echo code $?; exit\n");
        person.sees("code 6");
        person.ends();
    });
}

#[test]
fn stopped_it_gives_the_terminal_back_and_takes_it_again() {
    needs!(userns, program("bash"));
    isolated_for(DEADLINE * 2, || {
        for number in [Signal::SIGTSTP, Signal::SIGSTOP] {
            let mut person = bash();
            person.types(b"$run --quiet -- /bin/sh -c 'echo u''p; read line; stty size; echo got $line'\n");
            person.sees("up");
            kill(Pid::from_raw(in_front(&person).unwrap().cast_signed()), number).unwrap();
            person.sees("Stopped");
            person.types(b"echo a''live\n");
            person.sees("alive");
            // Until then the shell asks for the size, and sets it to what it was told.
            person.sees("> ");
            person.screen.terminal.resize(9, 99).unwrap();
            person.types(b"fg\n");
            until("it has the terminal", || is_in_front(&person, "skep-run") && person.is_raw());
            person.types(b"key\n");
            person.sees("9 99");
            person.sees("got key");
            person.sees("> ");
            person.types(b"exit 0\n");
            person.ends();
        }
    });
}

/// The leader of the group in the foreground.
fn in_front(person: &Person) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", person.child.id())).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(5)?.parse().ok()
}

fn is_in_front(person: &Person, name: &str) -> bool {
    let comm = in_front(person).and_then(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).ok());
    comm.is_some_and(|comm| comm.trim() == name)
}

#[test]
fn the_caller_s_descriptors_keep_their_flags() {
    needs!(userns);
    isolated_for(DEADLINE * 2, || {
        let mut person = Person::runs_inside("echo up; read line");
        person.sees("up");
        let flags = |fd: i32| {
            let text = fs::read_to_string(format!("/proc/{}/fdinfo/{fd}", person.child.id())).unwrap();
            let flags = text.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim().to_owned();
            u32::from_str_radix(&flags, 8).unwrap()
        };
        const O_NONBLOCK: u32 = 0o4000;
        assert_eq!([0, 1, 2].map(|fd| flags(fd) & O_NONBLOCK), [0; 3]);
        person.types(b"\n");
        person.ends();
    });
}
