// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of a machine: what a uts namespace holds.
//!
//! [`UtsNames`] is a value, and asks nothing of the kernel until it is told to.
//!
//! Man: uts_namespaces(7), sethostname(2), setdomainname(2).

use std::ffi::CString;

use crate::enter::Join;
use crate::error::{Error, Object};
use crate::floor;
use crate::floor::sys::Errno;
use crate::handle::Namespace;
use crate::kind::NamespaceKind;

/// How long a name may be, in bytes: the kernel's `__NEW_UTS_LEN`.
const LONGEST: usize = 64;

/// A host name and a NIS domain name, of which one can be left as it is. See uts_namespaces(7).
///
/// ```
/// use skep_ns::UtsNames;
///
/// let names = UtsNames::new().hostname("hive");
/// names.check()?;
/// assert_eq!(names.domainname, None);
/// assert!(UtsNames::current().hostname.is_some());
/// # Ok::<(), skep_ns::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct UtsNames {
    /// The host name, at most 64 bytes.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub hostname: Option<String>,
    /// The NIS domain name, at most 64 bytes. It is not that of DNS. The kernel begins with "(none)".
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub domainname: Option<String>,
}

impl UtsNames {
    /// Both names as they are.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With this host name.
    #[must_use]
    pub fn hostname(mut self, name: impl Into<String>) -> Self {
        self.hostname = Some(name.into());
        self
    }

    /// With this NIS domain name.
    #[must_use]
    pub fn domainname(mut self, name: impl Into<String>) -> Self {
        self.domainname = Some(name.into());
        self
    }

    /// Everything wrong with the names, a sentence each: what is longer than 64 bytes, and control characters. The kernel
    /// takes any bytes; whether a host name is one of DNS too is for the caller to say.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (place, name) in [("hostname", &self.hostname), ("domainname", &self.domainname)] {
            let Some(name) = name else { continue };
            if name.len() > LONGEST {
                problems
                    .push(format!("{place}: {} bytes are more than the {LONGEST} that the kernel keeps", name.len()));
            }
            if name.contains(char::is_control) {
                problems.push(format!("{place}: {name:?} has a control character in it"));
            }
        }
        problems
    }

    /// Whether the names can be set.
    ///
    /// # Errors
    /// `Invalid`, with every problem found.
    pub fn check(&self) -> Result<(), Error> {
        let problems = self.problems();
        if problems.is_empty() { Ok(()) } else { Err(Error::invalid("use", Object::Named("uts names"), problems)) }
    }

    /// Those of the uts namespace that the calling thread is in. What is not UTF-8 in them is replaced by U+FFFD.
    /// # Kernel
    /// See uname(2).
    #[must_use]
    #[doc(alias = "uname")]
    pub fn current() -> Self {
        let uname = rustix::system::uname();
        let text = |name: &std::ffi::CStr| Some(name.to_string_lossy().into_owned());
        Self { hostname: text(uname.nodename()), domainname: text(uname.domainname()) }
    }

    /// Those of another uts namespace. There is no way to ask but from inside: a thread is started for it, goes there, and
    /// ends.
    ///
    /// # Errors
    /// `Invalid` for another kind of namespace, `Denied` without the right to enter it, `Exhausted` if there can be no more
    /// threads.
    /// # Privileges
    /// `CAP_SYS_ADMIN` over the namespace, and in one's own user namespace.
    /// # Kernel
    /// Linux 3.0. See setns(2), uts_namespaces(7).
    pub fn of(namespace: &Namespace) -> Result<Self, Error> {
        const OP: &str = "read the names of";
        if namespace.kind() != NamespaceKind::Uts {
            return Err(namespace.wrong_kind(OP, "uts namespaces alone have names"));
        }
        let held = namespace.try_clone()?;
        match Join::new().namespace(held).run(Self::current)? {
            Ok(names) => Ok(names),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Sets the names **of the uts namespace that the calling thread is in**: for every process in it, which may be the
    /// whole machine.
    ///
    /// # Errors
    /// `Invalid` before anything is set, for what [`check`](Self::check) refuses; `Denied` without the right, when the first
    /// name may be set already.
    /// # Privileges
    /// `CAP_SYS_ADMIN` over the namespace.
    /// # Kernel
    /// See sethostname(2), setdomainname(2), uts_namespaces(7).
    #[doc(alias = "sethostname")]
    #[doc(alias = "setdomainname")]
    pub fn enter_here(&self) -> Result<(), Error> {
        const HINT: &str = "it takes CAP_SYS_ADMIN in the user namespace that owns this uts namespace";
        self.check()?;
        let set = |op, object, name: &Option<String>, set: fn(&std::ffi::CStr) -> Result<(), Errno>| {
            let Some(name) = name else { return Ok(()) };
            // Checked above: there is no NUL in it.
            let name = CString::new(name.as_str()).unwrap_or_default();
            set(&name).map_err(|errno| {
                let error = Error::os(op, Object::Named(object), errno.0.into());
                if errno == Errno::PERM { error.with_hint(HINT) } else { error }
            })
        };
        set("set", "the host name", &self.hostname, floor::uts::hostname)?;
        set("set", "the NIS domain name", &self.domainname, floor::uts::domainname)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_before_the_kernel_sees_them() {
        let names = UtsNames::new().hostname("h".repeat(65)).domainname("a\nb");
        let said = [
            "hostname: 65 bytes are more than the 64 that the kernel keeps",
            "domainname: \"a\\nb\" has a control character in it",
        ];
        assert_eq!(names.problems(), said);
        assert_eq!(names.enter_here().unwrap_err().problems(), said);
        assert!(UtsNames::new().hostname("h".repeat(64)).domainname("").check().is_ok());
        assert!(UtsNames::new().hostname("a\0").check().is_err());
    }

    #[test]
    fn the_current_names_are_those_of_proc() {
        let file = |name| std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap().trim_end().to_owned();
        let names = UtsNames::current();
        assert_eq!(names.hostname, Some(file("hostname")));
        assert_eq!(names.domainname, Some(file("domainname")));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn serde_leaves_out_what_is_left_alone() {
        let names = UtsNames::new().hostname("hive");
        assert_eq!(serde_json::to_string(&names).unwrap(), r#"{"hostname":"hive"}"#);
        assert_eq!(serde_json::from_str::<UtsNames>("{}").unwrap(), UtsNames::new());
        assert!(serde_json::from_str::<UtsNames>(r#"{"host":"x"}"#).is_err());
    }
}
