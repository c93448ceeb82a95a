// SPDX-License-Identifier: MIT OR Apache-2.0
//! When and where a process runs, and the doors that came later: set before an exec or from outside, and read back by the
//! kernel's files and by util-linux.

use std::fs;
use std::process::{Child, Command, Stdio};

use needs::{isolated, needs};
use skep_caps_sec::{
    CoreCookie, CoreScope, DenyWriteExecute, ErrorKind, IoPriority, MemoryMode, MemoryPolicy, NumberSet,
    ParentDeathSignal, Personality, Privileges, Scheduler, SchedulerFlags, apply_cpu_affinity_to, cpu_affinity_of,
    enter_session_keyring, session_keyring,
};

use super::support::{As, line, on_a_thread, prepared, status_of};

/// A sleeping program, ended when dropped.
struct Sleeper(Child);

impl Sleeper {
    fn with(privileges: &Privileges) -> Self {
        let mut command = Command::new("sleep");
        command.arg("600").stdin(Stdio::null());
        Self(prepared(&mut command, privileges, As::Us).spawn().unwrap())
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let out = Command::new(program).args(arguments).output().unwrap();
    assert!(out.status.success(), "{out:?}");
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn a_program_is_scheduled_as_asked_and_chrt_says_so() {
    needs!(program("chrt"));
    isolated(|| {
        // The least of all: who runs the tests may be nice already, and a user cannot go back.
        let batch = Scheduler::batch(19).flags(SchedulerFlags::RESET_ON_FORK);
        let sleeper = Sleeper::with(&Privileges::new().scheduler(batch));
        assert_eq!(Scheduler::of_thread(sleeper.pid()).unwrap(), batch);
        let said = said_by("chrt", &["--pid", &sleeper.pid().to_string()]);
        assert!(said.contains("SCHED_BATCH|SCHED_RESET_ON_FORK") || said.contains("SCHED_BATCH"), "{said}");
        let stat = fs::read_to_string(format!("/proc/{}/stat", sleeper.pid())).unwrap();
        // Field 19 is the nice value; the name, field 2, has no blanks here.
        assert_eq!(stat.split(' ').nth(18), Some("19"));
        Scheduler::idle().flags(SchedulerFlags::RESET_ON_FORK).apply_to(sleeper.pid()).unwrap();
        assert_eq!(Scheduler::of_thread(sleeper.pid()).unwrap().policy, Scheduler::idle().policy);
        assert_eq!(Scheduler::of_thread(1 << 30).unwrap_err().kind(), ErrorKind::NotFound);
        let error = Scheduler::fifo(100).apply_to(sleeper.pid()).unwrap_err();
        assert_eq!(error.problems(), ["scheduler: fifo has a priority from 1 to 99, not 100"]);
    });
}

#[test]
fn real_time_and_deadlines_take_the_right() {
    needs!(root, capability("SYS_NICE"));
    isolated(|| {
        for scheduler in [Scheduler::fifo(3), Scheduler::round_robin(9), Scheduler::other(-5)] {
            let sleeper = Sleeper::with(&Privileges::new().scheduler(scheduler));
            assert_eq!(Scheduler::of_thread(sleeper.pid()).unwrap(), scheduler);
        }
    });
}

#[test]
fn a_user_is_refused_real_time_with_the_reason() {
    needs!(user);
    isolated(|| {
        let error = Scheduler::fifo(3).enter_thread().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(error.hint().unwrap().contains("CAP_SYS_NICE"));
        assert_eq!(IoPriority::real_time(0).enter_thread().unwrap_err().kind(), ErrorKind::Denied);
    });
}

#[test]
fn input_and_output_have_the_priority_that_ionice_tells() {
    needs!(program("ionice"));
    isolated(|| {
        let sleeper = Sleeper::with(&Privileges::new().io_priority(IoPriority::best_effort(6)));
        assert_eq!(IoPriority::of_thread(sleeper.pid()).unwrap(), IoPriority::best_effort(6));
        let pid = sleeper.pid().to_string();
        assert_eq!(said_by("ionice", &["-p", &pid]).trim(), "best-effort: prio 6");
        IoPriority::idle().apply_to(sleeper.pid()).unwrap();
        assert_eq!(said_by("ionice", &["-p", &pid]).trim(), "idle");
        let error = IoPriority::best_effort(8).apply_to(sleeper.pid()).unwrap_err();
        assert_eq!(error.problems(), ["io_priority: the level 8 is not from 0 to 7"]);
    });
}

#[test]
fn a_program_runs_on_the_processors_that_were_asked_for() {
    isolated(|| {
        let all = cpu_affinity_of(0).unwrap();
        let one = NumberSet::from([all.iter().next().unwrap()]);
        let status = status_of("cat", &Privileges::new().cpu_affinity(one.clone()), As::Us).unwrap();
        assert_eq!(line(&status, "Cpus_allowed_list"), one.to_string());
        assert_eq!(cpu_affinity_of(0).unwrap(), all);
        let sleeper = Sleeper::with(&Privileges::new());
        assert_eq!(cpu_affinity_of(sleeper.pid()).unwrap(), all);
        apply_cpu_affinity_to(sleeper.pid(), &one).unwrap();
        assert_eq!(cpu_affinity_of(sleeper.pid()).unwrap(), one);
        let error = apply_cpu_affinity_to(sleeper.pid(), &NumberSet::from([8191])).unwrap_err();
        assert!(error.kind() == ErrorKind::Invalid && error.hint().unwrap().contains("Cpus_allowed_list"), "{error}");
        assert_eq!(apply_cpu_affinity_to(0, &NumberSet::default()).unwrap_err().problems().len(), 1);
    });
}

#[test]
fn memory_comes_from_the_nodes_that_were_asked_for() {
    needs!(file("/proc/self/numa_maps"));
    isolated(|| {
        on_a_thread(|| {
            assert_eq!(MemoryPolicy::current().unwrap(), MemoryPolicy::default());
            let near = MemoryPolicy::new(MemoryMode::Bind, [0]);
            near.enter_thread().unwrap();
            assert_eq!(MemoryPolicy::current().unwrap(), near);
            let error = MemoryPolicy::new(MemoryMode::Bind, [1000]).enter_thread().unwrap_err();
            assert!(error.kind() == ErrorKind::Invalid && error.hint().is_some(), "{error}");
            MemoryPolicy::default().enter_thread().unwrap();
            assert_eq!(MemoryPolicy::current().unwrap(), MemoryPolicy::default());
        });
        let mut command = Command::new("cat");
        command.arg("/proc/self/numa_maps").stdin(Stdio::null());
        let near = Privileges::new().memory_policy(MemoryPolicy::new(MemoryMode::Bind, [0]));
        let out = prepared(&mut command, &near, As::Us).output().unwrap();
        assert!(String::from_utf8_lossy(&out.stdout).contains(" bind:0 "), "{out:?}");
    });
}

#[test]
fn the_machine_is_said_to_be_what_was_asked() {
    isolated(|| {
        let mut command = Command::new("uname");
        command.arg("-m").stdin(Stdio::null());
        let narrow = Privileges::new().personality(Personality::of_machine("i686").unwrap());
        let out = prepared(&mut command, &narrow, As::Us).output().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&out.stdout).trim(),
            if cfg!(target_arch = "x86_64") { "i686" } else { "armv8l" }
        );
        assert_eq!(Personality::current().unwrap(), Personality::empty());
        let fixed = Personality::LINUX32 | Personality::ADDR_NO_RANDOMIZE;
        let sleeper = Sleeper::with(&Privileges::new().personality(fixed));
        assert_eq!(Personality::of_process(sleeper.pid()).unwrap(), fixed);
    });
}

#[test]
fn the_parent_s_death_is_told_by_the_signal_that_was_asked_for() {
    isolated(|| {
        let (pid, told) = on_a_thread(|| {
            ParentDeathSignal::enter_thread(Some(ParentDeathSignal::TERM)).unwrap();
            let told = ParentDeathSignal::current().unwrap();
            ParentDeathSignal::enter_thread(None).unwrap();
            assert_eq!(ParentDeathSignal::current().unwrap(), None);
            // The thread that starts it ends with this closure.
            let mut command = Command::new("sleep");
            command.arg("600").stdin(Stdio::null());
            let dying = Privileges::new().parent_death_signal(ParentDeathSignal::KILL);
            (prepared(&mut command, &dying, As::Us).spawn().unwrap(), told)
        });
        assert_eq!(told, Some(ParentDeathSignal::TERM));
        let mut child = pid;
        // 600 s is what the test would take were it not killed.
        let status = child.wait().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
        assert_eq!(ParentDeathSignal::new(65).problems(), ["parent_death_signal: 65 is no signal: they are 1 to 64"]);
    });
}

#[test]
fn memory_that_is_written_is_never_executed() {
    needs!(kernel(6, 3), program("python3"));
    isolated(|| {
        let script = "import mmap\nmmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)";
        let run = |privileges: &Privileges| {
            let mut command = Command::new("python3");
            command.args(["-S", "-c", script]).stdin(Stdio::null());
            let out = prepared(&mut command, privileges, As::Us).output().unwrap();
            (out.status.success(), String::from_utf8_lossy(&out.stderr).into_owned())
        };
        assert!(run(&Privileges::new()).0);
        let (done, said) = run(&Privileges::new().deny_write_execute(DenyWriteExecute::Inherited));
        assert!(!done && said.contains("PermissionError"), "{said}");
        assert_eq!(DenyWriteExecute::current().unwrap(), None);
    });
}

#[test]
fn memory_is_denied_to_this_process_for_good() {
    needs!(kernel(6, 6));
    isolated(|| {
        DenyWriteExecute::Here.enter_process().unwrap();
        assert_eq!(DenyWriteExecute::current().unwrap(), Some(DenyWriteExecute::Here));
        assert_eq!(DenyWriteExecute::Inherited.enter_process().unwrap_err().kind(), ErrorKind::Denied);
    });
}

#[test]
fn cores_are_shared_by_cookie_or_the_reason_is_told() {
    isolated(|| match CoreCookie::create_for(0, CoreScope::Process) {
        Ok(()) => {
            let ours = CoreCookie::of_thread(0).unwrap().unwrap();
            let sleeper = Sleeper::with(&Privileges::new());
            assert_eq!(CoreCookie::of_thread(sleeper.pid()).unwrap(), Some(ours));
            let other = Sleeper::with(&Privileges::new().core_scheduling());
            assert_ne!(CoreCookie::of_thread(other.pid()).unwrap(), Some(ours));
            CoreCookie::share_with(other.pid(), CoreScope::Process).unwrap();
            assert_eq!(CoreCookie::of_thread(other.pid()).unwrap(), Some(ours));
        }
        Err(error) => {
            assert!(matches!(error.errno(), Some(libc::ENODEV | libc::EINVAL)), "{error:?}");
            assert!(error.hint().is_some());
        }
    });
}

#[test]
fn a_session_keyring_of_one_s_own_is_another_one() {
    needs!(file("/proc/keys"));
    isolated(|| {
        on_a_thread(|| {
            enter_session_keyring().unwrap();
            let first = session_keyring().unwrap();
            enter_session_keyring().unwrap();
            assert_ne!(session_keyring().unwrap(), first);
        });
    });
}
