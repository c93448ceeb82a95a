// SPDX-License-Identifier: MIT OR Apache-2.0
//! Denials: which system calls a run answers with an error, written `clone3,memfd_create=EPERM`.

use std::fmt;
use std::str::FromStr;

/// Every call that may be denied: those with a fallback to exercise, and those a fallback is made of.
const CALLS: [(&str, libc::c_long); 41] = [
    ("bpf", libc::SYS_bpf),
    ("capset", libc::SYS_capset),
    ("clone3", libc::SYS_clone3),
    ("close_range", libc::SYS_close_range),
    ("copy_file_range", libc::SYS_copy_file_range),
    ("execveat", libc::SYS_execveat),
    ("faccessat2", libc::SYS_faccessat2),
    ("fchmodat2", 452),
    ("fsconfig", libc::SYS_fsconfig),
    ("fsmount", libc::SYS_fsmount),
    ("fsopen", libc::SYS_fsopen),
    ("getrandom", libc::SYS_getrandom),
    ("kcmp", libc::SYS_kcmp),
    ("keyctl", libc::SYS_keyctl),
    ("landlock_create_ruleset", libc::SYS_landlock_create_ruleset),
    ("listmount", 458),
    ("memfd_create", libc::SYS_memfd_create),
    ("mount", libc::SYS_mount),
    ("mount_setattr", libc::SYS_mount_setattr),
    ("move_mount", libc::SYS_move_mount),
    ("name_to_handle_at", libc::SYS_name_to_handle_at),
    ("open_by_handle_at", libc::SYS_open_by_handle_at),
    ("open_tree", libc::SYS_open_tree),
    ("openat2", libc::SYS_openat2),
    ("pidfd_getfd", libc::SYS_pidfd_getfd),
    ("pidfd_open", libc::SYS_pidfd_open),
    ("pidfd_send_signal", libc::SYS_pidfd_send_signal),
    ("pivot_root", libc::SYS_pivot_root),
    ("process_madvise", libc::SYS_process_madvise),
    ("prctl", libc::SYS_prctl),
    ("ptrace", libc::SYS_ptrace),
    ("renameat2", libc::SYS_renameat2),
    ("seccomp", libc::SYS_seccomp),
    ("setns", libc::SYS_setns),
    ("statmount", 457),
    ("statx", libc::SYS_statx),
    ("umount2", libc::SYS_umount2),
    ("unshare", libc::SYS_unshare),
    ("vmsplice", libc::SYS_vmsplice),
    ("waitid", libc::SYS_waitid),
    ("userfaultfd", libc::SYS_userfaultfd),
];

/// Errors a denial may answer.
const ERRORS: [(&str, i32); 8] = [
    ("EACCES", libc::EACCES),
    ("EINVAL", libc::EINVAL),
    ("EMFILE", libc::EMFILE),
    ("ENOMEM", libc::ENOMEM),
    ("ENOSPC", libc::ENOSPC),
    ("ENOSYS", libc::ENOSYS),
    ("EOPNOTSUPP", libc::EOPNOTSUPP),
    ("EPERM", libc::EPERM),
];

/// One call and the error it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denial {
    name: &'static str,
    pub(crate) number: u32,
    pub(crate) errno: i32,
}

/// A list of denials, as the command line and `SKEP_DENIED` write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denials(pub(crate) Vec<Denial>);

impl Denials {
    /// The denied calls' names, with commas: the value of `SKEP_DENIED`.
    #[must_use]
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|denial| denial.name).collect();
        names.join(",")
    }
}

impl FromStr for Denials {
    type Err = UnknownDenial;

    fn from_str(text: &str) -> Result<Self, UnknownDenial> {
        text.split(',').map(denial).collect::<Result<_, _>>().map(Self)
    }
}

fn denial(text: &str) -> Result<Denial, UnknownDenial> {
    let (call, error) = text.split_once('=').unwrap_or((text, "ENOSYS"));
    let known = CALLS.iter().find(|(name, _)| *name == call);
    let (name, number) = known.ok_or_else(|| UnknownDenial::new("system call", call, CALLS.iter().map(|row| row.0)))?;
    let known = ERRORS.iter().find(|(name, _)| *name == error);
    let (_, errno) = known.ok_or_else(|| UnknownDenial::new("error", error, ERRORS.iter().map(|row| row.0)))?;
    let number = u32::try_from(*number).map_err(|_| UnknownDenial::new("system call", call, std::iter::empty()))?;
    Ok(Denial { name, number, errno: *errno })
}

/// A system call or an error that the lists do not have.
#[derive(Debug)]
pub struct UnknownDenial {
    kind: &'static str,
    word: String,
    known: Vec<&'static str>,
}

impl UnknownDenial {
    fn new(kind: &'static str, word: &str, known: impl Iterator<Item = &'static str>) -> Self {
        Self { kind, word: word.to_owned(), known: known.collect() }
    }
}

impl fmt::Display for UnknownDenial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot deny: no {} {:?} is known; known are {}", self.kind, self.word, self.known.join(", "))
    }
}

impl std::error::Error for UnknownDenial {}

/// The number of a call that may be denied.
pub(crate) fn number(name: &str) -> Option<libc::c_long> {
    CALLS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// Whether this run denies the system call `name` (`SKEP_DENIED`, which `deny-syscall` sets).
#[must_use]
pub fn denied(name: &str) -> bool {
    let list = std::env::var("SKEP_DENIED").unwrap_or_default();
    list.split(',').any(|word| word == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_with_and_without_errors() {
        let list: Denials = "clone3,memfd_create=EPERM".parse().unwrap();
        assert_eq!(list.names(), "clone3,memfd_create");
        assert_eq!((list.0[0].errno, list.0[1].errno), (libc::ENOSYS, libc::EPERM));
        assert_eq!(list.0[0].number, 435);
    }

    #[test]
    fn an_unknown_word_is_answered_with_the_known_ones() {
        let error = "clone4".parse::<Denials>().unwrap_err().to_string();
        assert!(error.contains("no system call \"clone4\"") && error.contains("clone3"), "{error}");
        let error = "clone3=EWHAT".parse::<Denials>().unwrap_err().to_string();
        assert!(error.contains("no error \"EWHAT\"") && error.contains("ENOSYS"), "{error}");
        assert!("".parse::<Denials>().is_err());
    }
}
