// SPDX-License-Identifier: MIT OR Apache-2.0
//! The needs a test may name: a function each, found by `needs!` under its name.

use std::path::Path;

use crate::{denial, ledger, machine};

/// One thing that a test needs of its machine, looked up now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Need {
    /// What the summary calls it: `root`, `Linux 6.9`, `the program valgrind`.
    name: String,
    /// Why this machine does not meet it, as a sentence without its stop; `None` when it does.
    unmet: Option<String>,
}

impl Need {
    /// A need called `name`, and why it is unmet here if it is.
    pub fn new(name: impl Into<String>, unmet: Option<String>) -> Self {
        Self { name: name.into(), unmet }
    }

    /// What the summary calls this need.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Why this machine does not meet it; `None` when it does.
    #[must_use]
    pub fn unmet(&self) -> Option<&str> {
        self.unmet.as_deref()
    }

    /// Whether the test must be skipped; says so, on the output and in the ledger.
    #[must_use]
    pub fn skip(&self) -> bool {
        let Some(detail) = &self.unmet else { return false };
        println!("skipped: needs {}: {detail}", self.name);
        ledger::write(&self.name, detail);
        true
    }

    /// A need of a privilege: unmet in the pure ring, whatever this machine has.
    fn privileged(name: impl Into<String>, look: impl FnOnce() -> Option<String>) -> Self {
        let unmet = if machine::ring_is_pure() { Some("this is the pure ring".to_owned()) } else { look() };
        Self::new(name, unmet)
    }
}

/// What a skipped test returns.
pub trait Skipped {
    /// The value of a test that did not run.
    fn skipped() -> Self;
}

impl Skipped for () {
    fn skipped() -> Self {}
}

impl<E> Skipped for Result<(), E> {
    fn skipped() -> Self {
        Ok(())
    }
}

/// An effective user id of 0.
pub fn root() -> Need {
    Need::privileged("root", || (!machine::is_root()).then(|| format!("this process runs as {}", machine::account())))
}

/// An effective user id that is not 0.
pub fn user() -> Need {
    Need::privileged("an ordinary user", || machine::is_root().then(|| "this process runs as root".to_owned()))
}

/// Linux `major.minor` or newer.
pub fn kernel(major: u32, minor: u32) -> Need {
    let unmet = match machine::kernel() {
        Ok(here) if here >= (major, minor) => None,
        Ok((major, minor)) => Some(format!("this is Linux {major}.{minor}")),
        Err(why) => Some(why),
    };
    Need::new(format!("Linux {major}.{minor}"), unmet)
}

/// A program on `PATH`.
pub fn program(name: &str) -> Need {
    let unmet = machine::on_path(name).is_none().then(|| format!("no directory of PATH has {name}"));
    Need::new(format!("the program {name}"), unmet)
}

/// A file of this machine.
pub fn file(path: impl AsRef<Path>) -> Need {
    let path = path.as_ref();
    let unmet = path.metadata().err().map(|error| format!("cannot look at {}: {error}", path.display()));
    Need::new(format!("the file {}", path.display()), unmet)
}

/// User namespaces that this account can make and be root in.
pub fn userns() -> Need {
    Need::privileged("user namespaces", || machine::userns().err())
}

/// Ranges in `/etc/subuid` and `/etc/subgid` for this account, and the programs that map them.
pub fn subids() -> Need {
    Need::privileged("subordinate ids", || machine::subids().err())
}

/// A controller in a hierarchy of either version that this account may use.
pub fn cgroup(controller: &str) -> Need {
    let unmet = || machine::cgroup1(controller).or_else(|_| machine::cgroup2(controller)).err();
    Need::privileged(format!("the cgroup controller {controller}"), unmet)
}

/// A controller of the cgroup v2 hierarchy that this account may use.
pub fn cgroup2(controller: &str) -> Need {
    Need::privileged(format!("the cgroup v2 controller {controller}"), || machine::cgroup2(controller).err())
}

/// A cgroup v1 hierarchy of this controller that this account may use.
pub fn cgroup1(controller: &str) -> Need {
    Need::privileged(format!("the cgroup v1 controller {controller}"), || machine::cgroup1(controller).err())
}

/// systemd as process 1: the manager of the whole machine.
pub fn systemd() -> Need {
    Need::privileged("systemd as process 1", || machine::systemd().err())
}

/// A kind of network link that the kernel has and root may make: "dummy", "vlan".
pub fn link_kind(kind: &str) -> Need {
    Need::privileged(format!("links of kind {kind}"), || machine::link_kind(kind).err())
}

/// nf_tables in the kernel; whether this account may use them is another need.
pub fn nf_tables() -> Need {
    Need::privileged("nf_tables", || machine::nf_tables().err())
}

/// A capability in the bounding set; its name with or without `CAP_`.
///
/// # Panics
/// If no capability has this name: the test is wrong, not the machine.
pub fn capability(name: &str) -> Need {
    let name = name.strip_prefix("CAP_").unwrap_or(name);
    let Some(number) = machine::capability_number(name) else {
        panic!("needs!(capability({name:?})): no capability has this name; write it as in capabilities(7)")
    };
    Need::privileged(format!("the capability {name}"), || machine::capability(number).err())
}

/// A system call that this run does not deny.
///
/// # Panics
/// If the deny list knows no such call: the need could never be unmet.
pub fn syscall(name: &str) -> Need {
    assert!(denial::number(name).is_some(), "needs!(syscall({name:?})): deny-syscall knows no such call");
    let unmet = denial::denied(name).then(|| "the run denies it".to_owned());
    Need::new(format!("the system call {name}"), unmet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_kernel_is_met_and_a_future_one_is_not() {
        assert_eq!(kernel(2, 6).unmet(), None);
        assert!(kernel(999, 0).unmet().unwrap().starts_with("this is Linux "));
        assert_eq!(kernel(6, 9).name(), "Linux 6.9");
    }

    #[test]
    fn a_program_and_a_file_are_looked_for() {
        assert_eq!(program("sh").unmet(), None);
        assert!(program("no-such-program").unmet().is_some());
        assert_eq!(file("/proc/self/status").unmet(), None);
        assert!(file("/no/such/file").unmet().unwrap().contains("No such file"));
    }

    #[test]
    fn root_and_user_are_never_both_met() {
        assert!(root().unmet().is_some() || user().unmet().is_some());
    }

    #[test]
    #[should_panic(expected = "no capability has this name")]
    fn a_capability_that_is_not_one_is_refused() {
        let _need = capability("SYS_RESOURCES");
    }

    #[test]
    fn a_test_may_return_a_result() -> Result<(), std::num::ParseIntError> {
        // Skips for certain, and so reaches the return of the macro in a function that does not return ().
        if machine::kernel().is_ok() {
            let skipped: Result<(), std::num::ParseIntError> = Skipped::skipped();
            return skipped;
        }
        "x".parse::<u8>().map(|_| ())
    }
}
