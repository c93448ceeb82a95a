// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hooks: when they are run, what they are told, what they have, and what their failures do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio as StdStdio;

use needs::{Scratch, isolated_for, needs, token};
use serde_json::Value;
use skep::ns::Stdio;
use skep::{Builder, Container, ErrorKind, Hook, Moment, Report, Spec, Status};

use crate::common::{DEADLINE, at_every_low_limit_on_descriptors, is_alive, namespaces, role, shell, text_of, until};
use crate::tree::Tree;

/// A directory for what hooks write, and for the states of containers beside it.
pub(crate) struct Place {
    dir: PathBuf,
    /// What names end in: who plays a part has another.
    token: String,
}

impl Place {
    pub(crate) fn new(dir: &Scratch) -> Self {
        Self { dir: dir.path().to_owned(), token: token().to_string() }
    }

    /// The same place, for who plays a part in it.
    pub(crate) fn of(dir: &Path, token: &str) -> Self {
        Self { dir: dir.to_owned(), token: token.to_owned() }
    }

    /// What [`of`](Self::of) takes.
    pub(crate) fn place(&self) -> (&Path, &str) {
        (&self.dir, &self.token)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(crate) fn states(&self) -> PathBuf {
        self.dir.join("states")
    }

    /// A hook that is a script of the shell; `$D` is the directory.
    pub(crate) fn hook(&self, script: &str) -> Hook {
        Hook::new("/bin/sh").args(["hook", "-c", script]).env("D", &self.dir)
    }

    /// One that writes its name and what it was told into the log.
    pub(crate) fn teller(&self, name: &str) -> Hook {
        self.hook(&format!("printf '%s ' {name} >>$D/log; cat >>$D/log; echo >>$D/log"))
    }

    /// A container with a name, whose program is the shell, and which sees this machine's files.
    pub(crate) fn named(&self, name: &str, script: &str) -> Builder {
        Container::builder(self.name(name))
            .state_root(self.states())
            .namespaces(namespaces())
            .env("PATH", "/usr/bin:/bin")
            .env("D", &self.dir)
            .command("/bin/sh", ["-c", script])
    }

    pub(crate) fn name(&self, name: &str) -> String {
        format!("{name}-{}", self.token)
    }

    pub(crate) fn open(&self, name: &str) -> Result<Container, skep::Error> {
        Container::open_in(&self.states(), &self.name(name))
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap_or_default()
    }

    /// The log: who wrote, and what that was told.
    pub(crate) fn log(&self) -> Vec<(String, Value)> {
        let told = |line: &str| {
            let (name, told) = line.split_once(' ').unwrap_or((line, ""));
            (name.to_owned(), serde_json::from_str(told).unwrap_or_default())
        };
        self.text("log").lines().map(told).collect()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.log().into_iter().map(|(name, _)| name).collect()
    }
}

#[test]
fn each_is_run_at_its_moment_and_told_the_state() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        let pid = "pid=$(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/')";
        let links = format!("{pid}; readlink /proc/self/ns/uts /proc/$pid/ns/uts >$D/links");
        let cmdline = format!("{pid}; tr '\\0' ' ' </proc/$pid/cmdline >$D/cmdline");
        let builder = place
            .named("web", "echo >$D/began; read line")
            .hook(Moment::Poststop, place.teller("poststop"))
            .hook(Moment::Poststart, place.hook(&cmdline))
            .hook(Moment::Poststart, place.teller("poststart"))
            .hook(Moment::CreateRuntime, place.teller("first"))
            .hook(Moment::CreateRuntime, place.hook(&links))
            .hook(Moment::CreateRuntime, place.teller("second"))
            .hook(Moment::Prestart, place.teller("prestart"));
        let name = place.name("web");
        let created = builder.stdin(Stdio::Piped).create().unwrap_or_else(|error| panic!("{}", Report(&error)));
        assert_eq!(place.names(), ["prestart", "first", "second"]);
        let links = place.text("links");
        let links: Vec<&str> = links.lines().collect();
        assert!(links.len() == 2 && links[0] != links[1], "{links:?}");
        let mut container = created.start().unwrap();
        assert_eq!(container.notes(), [""; 0]);
        let pid = container.pid().unwrap();
        assert!(place.text("cmdline").starts_with("/bin/sh -c echo"), "{}", place.text("cmdline"));
        until("the program has begun", || !place.text("began").is_empty());
        drop(container.stdin.take());
        container.wait().unwrap();
        container.delete().unwrap();
        let log = place.log();
        let bundle = place.states().join(&name);
        let mut seen = Vec::new();
        for (who, told) in &log {
            assert_eq!(told["id"], name, "{who}");
            assert_eq!(told["bundle"], bundle.to_str().unwrap(), "{who}");
            assert_eq!(told["annotations"], serde_json::json!({}), "{who}");
            assert!(told["ociVersion"].as_str().unwrap().starts_with("1."), "{who}");
            seen.push((who.as_str(), told["status"].as_str().unwrap(), told["pid"].as_u64()));
        }
        let number = Some(u64::from(pid));
        let expected = [
            ("prestart", "creating", number),
            ("first", "creating", number),
            ("second", "creating", number),
            ("poststart", "running", number),
            ("poststop", "stopped", None),
        ];
        assert_eq!(seen, expected);
    });
}

#[test]
fn a_hook_of_the_runtime_finds_the_mounts_and_what_it_adds_to_them_the_program_sees() {
    needs!(root, program("busybox"), program("nsenter"));
    isolated_for(DEADLINE, || {
        for moment in [Moment::Prestart, Moment::CreateRuntime] {
            let (dir, tree) = (Scratch::new(), Tree::new());
            let hook =
                "pid=$(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/'); nsenter -m -t $pid sh -c \"echo given >$R/dev/given\"";
            let hook = Place::new(&dir).hook(hook).env("R", tree.root()).env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
            assert_eq!(text_of(tree.shell("cat /dev/given").hook(moment, hook)), "given\n", "{moment}");
            assert!(!tree.root().join("dev/given").exists());
        }
    });
}

#[test]
fn a_hook_has_what_it_was_given_and_nothing_else() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        // Open in every program that this one executes by itself.
        let leak = fs::File::open("/").unwrap();
        rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).unwrap();
        let script = "tr '\\0' '\\n' </proc/$$/environ >$D/env; ls /proc/$$/fd >$D/fds; pwd >$D/cwd; echo $0 >$D/name; \
                      tr '\\0' '\\n' </proc/$$/cmdline >$D/args; cut -d ' ' -f 1,5,6,7 /proc/$$/stat >$D/stat";
        let builder = shell("exit 0").hook(Moment::CreateRuntime, place.hook(script));
        builder.env("SECRET", "of the program").start().unwrap().wait().unwrap();
        assert_eq!(place.text("env"), format!("D={}\n", place.dir.display()));
        // The shell has its own standard output set aside while it is redirected, at 10 and above.
        let fds = place.text("fds");
        let given: Vec<&str> = fds.lines().filter(|number| number.parse::<u32>().unwrap() < 10).collect();
        assert_eq!(given, ["0", "1", "2"]);
        assert_eq!(place.text("cwd"), "/\n");
        assert_eq!(place.text("args").lines().next(), Some("hook"));
        let stat = place.text("stat");
        let stat: Vec<&str> = stat.split_whitespace().collect();
        // It leads a group and a session, which has no terminal.
        assert_eq!(stat, [stat[0], stat[0], stat[0], "0"]);
    });
}

#[test]
fn a_failed_one_ends_the_making_and_nothing_is_left() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        let builder = place
            .named("web", "echo program >>$D/log")
            .hook(Moment::CreateRuntime, place.hook("cat >$D/told; echo out; echo err >&2; exit 3"))
            .hook(Moment::CreateRuntime, place.teller("next"))
            .hook(Moment::Poststart, place.teller("poststart"))
            .hook(Moment::Poststop, place.teller("poststop"));
        let error = builder.create().unwrap_err();
        let report = Report(&error).to_string();
        assert_eq!(error.kind(), ErrorKind::WrongState, "{report}");
        let name = place.name("web");
        assert!(report.starts_with(&format!("cannot create container {name:?}\n  step ")), "{report}");
        let end = ", in the parent: run the hook createRuntime[0] \"/bin/sh\"\n  cause: it ended with exit code 3; it wrote: \"out\\nerr\"";
        assert!(report.contains(end), "{report}");
        // What was set up by the first ones is for those to clear up.
        assert_eq!(place.names(), ["poststop"]);
        assert_eq!(place.open("web").unwrap_err().kind(), ErrorKind::NotFound);
        let told: Value = serde_json::from_str(&place.text("told")).unwrap();
        assert!(!is_alive(told["pid"].as_u64().unwrap().try_into().unwrap()));
    });
}

#[test]
fn one_that_takes_too_long_is_killed_with_its_session() {
    needs!(userns, program("bash"));
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        // A job of its own group, one of the same group, and both hold the pipe.
        let script = "set -m; sleep 1000 & echo $! >$D/job; set +m; sleep 1000 & echo $! >$D/child; echo waits; wait";
        let mut hook = place.hook(script);
        hook.program = "/bin/bash".into();
        let hook = hook.timeout(std::time::Duration::from_millis(500));
        let error = shell("exit 0").hook(Moment::Prestart, hook).create().unwrap_err();
        let report = Report(&error).to_string();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{report}");
        assert!(report.contains("run the hook prestart[0] \"/bin/bash\""), "{report}");
        assert!(report.contains("it was killed, for it took longer than 500ms; it wrote: \"waits\""), "{report}");
        for file in ["job", "child"] {
            let pid = place.text(file).trim().parse().unwrap();
            until("it has ended", || !is_alive(pid));
        }
    });
}

#[test]
fn who_holds_the_pipe_of_a_hook_that_has_ended_is_not_waited_for() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        let hook = place.hook("sleep 1000 & echo $! >$D/child");
        let container = shell("exit 0").hook(Moment::CreateRuntime, hook).start().unwrap();
        assert_eq!(container.wait().unwrap().code(), Some(0));
        let pid: u32 = place.text("child").trim().parse().unwrap();
        assert!(is_alive(pid));
        let pid_of_child = nix::unistd::Pid::from_raw(pid.cast_signed());
        nix::sys::signal::kill(pid_of_child, nix::sys::signal::Signal::SIGKILL).unwrap();
        until("it has ended", || !is_alive(pid));
    });
}

#[test]
fn who_has_left_the_session_of_a_hook_meets_its_time_out_too() {
    needs!(userns, program("setsid"));
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        // One that a parent of it waits for, and one below that, in a session of its own again.
        let below = "setsid sh -c 'sleep 1000 & echo $! >>$D/pids; wait' & echo $! >>$D/pids; wait";
        let hook = place.hook(&format!("setsid sh -c \"{}\" & echo $! >>$D/pids; wait", below.replace('$', "\\$")));
        let hook = hook.env("PATH", "/usr/bin:/bin").timeout(std::time::Duration::from_secs(2));
        let error = shell("exit 0").hook(Moment::CreateRuntime, hook).create().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{}", Report(&error));
        let pids: Vec<u32> = place.text("pids").lines().map(|pid| pid.parse().unwrap()).collect();
        assert_eq!(pids.len(), 3, "{pids:?}");
        for pid in pids {
            until("it is killed", || !is_alive(pid));
        }
    });
}

#[test]
fn one_that_never_stops_writing_meets_its_time_out_and_its_end_is_told() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        let hook = place.hook("cat /dev/zero & cat /dev/zero & exec cat /dev/zero");
        let hook = hook.timeout(std::time::Duration::from_millis(300));
        let error = shell("exit 0").hook(Moment::CreateRuntime, hook).create().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{}", Report(&error));
        let much = place.hook("head -c 3000000 /dev/zero | tr '\\0' x; echo the end; exit 1");
        let error = shell("exit 0").hook(Moment::CreateRuntime, much).create().unwrap_err();
        let report = Report(&error).to_string();
        assert!(report.contains("exit code 1; the end of what it wrote: \"xxx"), "{report}");
        assert!(report.contains("xthe end\""), "{report}");
        assert!((4096..4700).contains(&report.len()), "{}", report.len());
    });
}

#[test]
fn a_failure_after_the_start_is_a_note_and_the_others_are_run() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        let builder = place
            .named("web", "sleep 1000")
            .hook(Moment::Poststart, place.hook("echo broken; exit 7"))
            .hook(Moment::Poststart, place.teller("next"));
        let container = builder.start().unwrap();
        let note = "its hook poststart[0] \"/bin/sh\": it ended with exit code 7; it wrote: \"broken\"";
        assert_eq!(container.notes(), [note]);
        assert_eq!(place.names(), ["next"]);
        assert_eq!(container.status().unwrap(), Status::Running);
        container.delete().unwrap();
    });
}

#[test]
fn a_failure_after_the_end_is_told_and_nothing_is_left_all_the_same() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        let there = "test -e $D/states/web-* || echo 'its state is gone' >>$D/log; exit 7";
        let builder = place
            .named("web", "sleep 1000")
            .hook(Moment::Poststop, place.hook(there))
            .hook(Moment::Poststop, place.teller("next"))
            .hook(Moment::Poststop, place.hook("exit 8"));
        let error = builder.start().unwrap().delete().unwrap_err();
        let report = Report(&error).to_string();
        assert!(
            report.contains("its hook poststop[0] \"/bin/sh\": it ended with exit code 7; it wrote nothing"),
            "{report}"
        );
        assert!(report.contains("its hook poststop[2] \"/bin/sh\": it ended with exit code 8"), "{report}");
        assert!(error.hint().unwrap().contains("the container itself is deleted"), "{report}");
        assert_eq!(place.names(), ["next"]);
        assert_eq!(place.open("web").unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn one_without_a_name_has_its_last_hooks_when_its_handle_goes() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        let out = shell("echo hello").hook(Moment::Poststop, place.teller("output")).output().unwrap();
        assert_eq!(out.stdout, b"hello\n");
        drop(shell("exit 0").bundle("/srv/web").hook(Moment::Poststop, place.teller("created")).create().unwrap());
        assert_eq!(place.names(), ["output", "created"]);
        assert!(place.log()[0].1["id"].as_str().unwrap().starts_with("skep-"));
        assert_eq!(place.log()[0].1["bundle"], "");
        assert_eq!(place.log()[1].1["bundle"], "/srv/web");
        // It could not be started: it was made, and is gone.
        let builder = shell("").command("/no/such/program", [""; 0]);
        builder.hook(Moment::Poststop, place.teller("unstarted")).start().unwrap_err();
        // Nothing was made of this one.
        let builder = shell("").hostname("x".repeat(65));
        builder.hook(Moment::Poststop, place.teller("refused")).start().unwrap_err();
        assert_eq!(place.names(), ["output", "created", "unstarted"]);
    });
}

/// Plays the maker of a container, and goes without deleting it.
pub(crate) fn make() {
    let variable = |name| std::env::var(name).unwrap();
    let place = Place { dir: variable("SKEP_TEST_DIR").into(), token: variable("SKEP_TEST_TOKEN") };
    let hold = if std::env::var_os("SKEP_TEST_HOLD").is_some() { "echo $$ >$D/held; exec sleep 1000" } else { "" };
    let deletes = std::env::var("SKEP_TEST_DELETE").ok();
    if deletes.as_deref() == Some("opened") {
        return place.open("web").unwrap().delete().unwrap();
    }
    let first = if deletes.is_some() { "test -e $D/held || { echo $$ >$D/held; exec sleep 1000; }" } else { "" };
    let builder = place
        .named("web", "sleep 1000")
        .hook(Moment::CreateRuntime, place.hook(hold))
        .hook(Moment::Poststop, place.hook(first))
        .hook(Moment::Poststop, place.teller("poststop"));
    let container = builder.stdin(Stdio::Null).stdout(Stdio::Null).stderr(Stdio::Null).start().unwrap();
    if deletes.as_deref() == Some("made") {
        container.delete().unwrap();
    }
}

#[test]
fn the_last_hooks_of_a_deleter_that_is_killed_are_run_by_the_next() {
    needs!(userns, syscall("pidfd_open"));
    isolated_for(DEADLINE, || ["made", "opened"].into_iter().for_each(a_deleter_is_killed));
}

fn a_deleter_is_killed(of: &str) {
    let dir = Scratch::new();
    let place = Place::new(&dir);
    let part = |deletes| {
        let mut part = role("making with hooks");
        part.env("SKEP_TEST_DIR", dir.path()).env("SKEP_TEST_TOKEN", &place.token);
        part.env("SKEP_TEST_DELETE", deletes).stdout(StdStdio::null());
        part
    };
    if of == "opened" {
        // Its maker is dead then, and keeps nobody away.
        assert!(part("later").status().unwrap().success());
    }
    let mut deleter = part(of).spawn().unwrap();
    until("a last hook is run", || place.text("held").ends_with('\n'));
    // Whoever else deletes it meanwhile runs none of them a second time.
    let refused = place.open("web").map(Container::delete);
    deleter.kill().unwrap();
    deleter.wait().unwrap();
    let hook: i32 = place.text("held").trim().parse().unwrap();
    // It goes on with what it has begun to clear up.
    assert!(is_alive(hook.cast_unsigned()));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(hook), nix::sys::signal::Signal::SIGKILL).unwrap();
    until("the hook has ended", || !is_alive(hook.cast_unsigned()));
    assert_eq!(refused.unwrap().unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(place.names(), [""; 0]);
    let left = place.open("web").unwrap();
    assert_eq!(left.status().unwrap(), Status::Ended);
    left.delete().unwrap();
    assert_eq!(place.names(), ["poststop"]);
    assert_eq!(place.open("web").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn who_deletes_it_by_its_name_runs_its_last_hooks() {
    needs!(userns, syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        let made = role("making with hooks")
            .env("SKEP_TEST_DIR", dir.path())
            .env("SKEP_TEST_TOKEN", &place.token)
            .stdout(StdStdio::null())
            .status();
        assert!(made.unwrap().success());
        let container = place.open("web").unwrap();
        assert_eq!((container.status().unwrap(), place.names().len()), (Status::Running, 0));
        container.delete().unwrap();
        assert_eq!(place.names(), ["poststop"]);
        assert_eq!(place.log()[0].1["status"], "stopped");
    });
}

#[test]
fn the_hook_of_a_maker_that_is_killed_ends_with_it_and_the_last_ones_are_run_by_who_deletes_the_rest() {
    needs!(userns, syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        let mut maker = role("making with hooks");
        let maker = maker
            .env("SKEP_TEST_DIR", dir.path())
            .env("SKEP_TEST_TOKEN", &place.token)
            .env("SKEP_TEST_HOLD", "1")
            .stdout(StdStdio::null());
        let mut maker = maker.spawn().unwrap();
        until("the hook is run", || place.text("held").ends_with('\n'));
        let hook = place.text("held").trim().parse().unwrap();
        assert_eq!(place.open("web").unwrap().status().unwrap(), Status::Creating);
        maker.kill().unwrap();
        maker.wait().unwrap();
        until("the hook has ended", || !is_alive(hook));
        let half = place.open("web").unwrap();
        assert_eq!(half.status().unwrap(), Status::HalfMade);
        half.delete().unwrap();
        assert_eq!(place.names(), ["poststop"]);
    });
}

#[test]
fn what_cannot_be_run_is_told_before_anything_is_made() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let place = Place::new(&dir);
        fs::write(place.file("plain"), "#!/bin/sh\n").unwrap();
        let builder = shell("exit 0")
            .hook(Moment::CreateRuntime, Hook::new("/no/such/hook"))
            .hook(Moment::Poststart, Hook::new("/etc"))
            .hook(Moment::Poststop, place.teller("good"))
            .hook(Moment::Poststop, Hook::new(place.file("plain")));
        let error = builder.create().unwrap_err();
        let expected = [
            "hooks.createRuntime[0].program: there is no \"/no/such/hook\"".to_owned(),
            "hooks.poststart[0].program: \"/etc\" is a directory".to_owned(),
            format!("hooks.poststop[1].program: {:?} cannot be executed by this account", place.file("plain")),
        ];
        assert_eq!(error.problems(), expected);
        assert_eq!(place.names(), [""; 0]);
    });
}

#[test]
fn a_hook_at_every_low_limit_on_descriptors_works_or_says_which() {
    needs!(userns);
    isolated_for(DEADLINE * 5, || {
        at_every_low_limit_on_descriptors(|| {
            let builder = shell("exit 0").hook(Moment::CreateRuntime, Hook::new("/bin/true"));
            builder.start().map(|container| assert!(container.wait().unwrap().success()))
        });
    });
}

#[test]
fn hooks_are_stored_under_their_names_and_no_others() {
    let hook = Hook::new("/bin/x").args(["x", "y"]).env("A", "b").timeout(std::time::Duration::from_millis(1500));
    let spec = Container::anonymous().hook(Moment::CreateRuntime, hook).hook(Moment::Poststop, Hook::new("/y"));
    let spec = spec.spec();
    let text = serde_json::to_string(&spec.hooks).unwrap();
    let timeout = r#"{"secs":1,"nanos":500000000}"#;
    let first = format!(r#"{{"program":"/bin/x","args":["x","y"],"env":[["A","b"]],"timeout":{timeout}}}"#);
    assert_eq!(text, format!(r#"{{"createRuntime":[{first}],"poststop":[{{"program":"/y"}}]}}"#));
    assert_eq!(serde_json::from_str::<Spec>(&serde_json::to_string(spec).unwrap()).unwrap(), *spec);
    let plain = serde_json::to_string(Container::anonymous().spec()).unwrap();
    assert!(!plain.contains("hooks"), "{plain}");
    for text in [r#"{"hooks":{"preStart":[]}}"#, r#"{"hooks":{"poststop":[{"program":"/y","path":"/z"}]}}"#] {
        let error = serde_json::from_str::<Spec>(text).unwrap_err().to_string();
        assert!(error.contains("unknown field"), "{error}");
    }
    assert_eq!(Path::new("/y"), spec.hooks.of(Moment::Poststop)[0].program);
}
