// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs that are started with privileges, and what the kernel says of them.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use skep_caps_sec::{CapSet, Capabilities, Privileges, Securebits};

/// Who the program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum As {
    /// This user and group, in our user namespace. The change takes root.
    User(u32),
    /// This user and group in a user namespace of its own, in which it stands for us.
    UserInside(u32),
    /// Who we are.
    Us,
}

impl As {
    fn uid(self) -> Option<u32> {
        match self {
            As::User(uid) | As::UserInside(uid) => Some(uid),
            As::Us => None,
        }
    }
}

/// `command` with these privileges, as this user: what a launcher does, in `pre_exec`.
pub(crate) fn prepared<'a>(command: &'a mut Command, privileges: &Privileges, who: As) -> &'a mut Command {
    let steps = privileges.steps(who.uid());
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let prepare = move || {
        if let As::UserInside(inside) = who {
            // SAFETY: no pointer; the process has one thread.
            answer(unsafe { libc::unshare(libc::CLONE_NEWUSER) })?;
            fs::write("/proc/self/setgroups", "deny")?;
            fs::write("/proc/self/uid_map", format!("{inside} {uid} 1"))?;
            fs::write("/proc/self/gid_map", format!("{inside} {gid} 1"))?;
        }
        steps.enter_before_identity()?;
        if let Some(id) = who.uid() {
            // Not by glibc's functions, which tell every thread.
            // SAFETY: no pointer.
            answer(unsafe { libc::syscall(libc::SYS_setresgid, id, id, id) })?;
            // SAFETY: no pointer.
            answer(unsafe { libc::syscall(libc::SYS_setresuid, id, id, id) })?;
        }
        steps.enter_after_identity()
    };
    // SAFETY: between fork and exec it makes system calls; the few allocations of a user namespace are made in a process
    // of the test's own, in which no other thread holds the heap.
    unsafe { command.pre_exec(prepare) }
}

fn answer(ret: impl Into<i64>) -> io::Result<()> {
    if ret.into() < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// What /proc/self/status says in `program`, which is a cat.
pub(crate) fn status_of(program: &str, privileges: &Privileges, who: As) -> io::Result<String> {
    let mut command = Command::new(program);
    command.arg("/proc/self/status").stdin(Stdio::null());
    let output = prepared(&mut command, privileges, who).output()?;
    assert!(output.status.success(), "{output:?}");
    Ok(String::from_utf8(output.stdout).unwrap())
}

/// The value of a line.
pub(crate) fn line<'a>(status: &'a str, key: &str) -> &'a str {
    status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(":\t")).unwrap()
}

/// The five sets in a status, read here without the crate's own reader.
pub(crate) fn sets_in(status: &str) -> Capabilities {
    let set = |key| CapSet::from_bits(u64::from_str_radix(line(status, key), 16).unwrap());
    Capabilities {
        bounding: set("CapBnd"),
        permitted: set("CapPrm"),
        effective: set("CapEff"),
        inheritable: set("CapInh"),
        ambient: set("CapAmb"),
    }
}

/// The five sets of a program that was started so.
pub(crate) fn sets_after_exec(privileges: &Privileges, who: As) -> io::Result<Capabilities> {
    status_of("cat", privileges, who).map(|status| sets_in(&status))
}

/// What this process can give.
pub(crate) fn available() -> CapSet {
    Capabilities::current().unwrap().bounding
}

/// Any sets without a problem, out of these.
pub(crate) fn sets_within(available: CapSet) -> impl Strategy<Value = Capabilities> {
    proptest::array::uniform5(any::<u64>()).prop_map(move |bits| {
        let [bounding, permitted, effective, inheritable, ambient] = bits.map(CapSet::from_bits);
        let bounding = bounding & available;
        let (permitted, inheritable) = (permitted & bounding, inheritable & bounding);
        Capabilities {
            bounding,
            permitted,
            effective: effective & permitted,
            inheritable,
            ambient: ambient & permitted & inheritable,
        }
    })
}

/// Any privileges with such sets.
pub(crate) fn privileges_within(available: CapSet) -> impl Strategy<Value = Privileges> {
    (sets_within(available), any::<bool>(), any::<bool>()).prop_map(|(sets, no_new_privs, noroot)| {
        let mut privileges = Privileges::new().capabilities(sets);
        privileges.no_new_privs = no_new_privs;
        privileges.securebits = noroot.then_some(Securebits::NOROOT);
        privileges
    })
}

/// `check` of some of these: each starts a program.
pub(crate) fn for_some<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>, check: impl Fn(T)) {
    let config = Config { cases: 32, failure_persistence: None, ..Config::default() };
    let told = TestRunner::new(config).run(&strategy, |value| {
        check(value);
        Ok(())
    });
    told.unwrap_or_else(|error| panic!("{error}"));
}

/// Runs `body` on a thread of its own: credentials are a thread's.
pub(crate) fn on_a_thread<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(body).join().unwrap())
}
