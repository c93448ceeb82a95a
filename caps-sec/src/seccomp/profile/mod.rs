// SPDX-License-Identifier: MIT OR Apache-2.0
//! Profiles: seccomp policies as OCI runtimes and Docker write them, in JSON.
//!
//! A profile depends on where it is used: rules count with or without a capability, from a kernel on, on an architecture.
//! [`Profile::from_json`] reads it, [`Profile::resolve`] makes a [`Policy`] of it for one [`Setting`].
//!
//! Format: opencontainers/runtime-spec, config-linux.md, "Seccomp"; Docker's `archMap`, `includes` and `excludes` beside
//! it.

mod read;
mod resolve;
mod words;
mod write;

use std::path::PathBuf;

use read::Json;

use super::{Arch, Loading, Policy};
use crate::caps::CapSet;
use crate::error::{Error, Object};

const OBJECT: Object = Object::Named("the seccomp profile");

/// A profile in JSON, as it was read.
///
/// ```
/// use skep_caps_sec::{Call, CapSet, Errno, Profile, Setting, Verdict};
///
/// let profile = Profile::from_json(
///     r#"{
///         "defaultAction": "SCMP_ACT_ERRNO",
///         "syscalls": [
///             {"names": ["read", "write", "call_of_next_year"], "action": "SCMP_ACT_ALLOW"},
///             {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}}
///         ]
///     }"#,
/// )?;
/// let found = profile.resolve(&Setting::new(CapSet::empty(), (6, 12)))?;
/// assert_eq!(found.unknown, ["call_of_next_year"]);
/// let mount = Call::named("mount").unwrap_or_default();
/// assert_eq!(found.policy.compile()?.decide(&mount), Verdict::Errno(Errno::PERM));
/// # Ok::<(), skep_caps_sec::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    json: Json,
    unread: Vec<String>,
}

/// Where a profile is used: what its rules may depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Setting {
    /// The capabilities that the program may have.
    pub caps: CapSet,
    /// The kernel, by the first two numbers of its version.
    pub kernel: (u32, u32),
    /// The machine's architecture: [`Arch::NATIVE`] at first.
    pub arch: Arch,
}

impl Setting {
    /// Programs with these capabilities, on this kernel, on this machine's architecture.
    #[must_use]
    pub const fn new(caps: CapSet, kernel: (u32, u32)) -> Self {
        Self { caps, kernel, arch: Arch::NATIVE }
    }

    /// Programs with these capabilities on the kernel that runs this program.
    #[must_use]
    pub fn here(caps: CapSet) -> Self {
        let release = rustix::system::uname();
        Self::new(caps, resolve::version(&release.release().to_string_lossy()).unwrap_or_default())
    }

    /// The same on another architecture.
    #[must_use]
    pub const fn on(self, arch: Arch) -> Self {
        Self { arch, ..self }
    }
}

/// What a profile says for one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolved {
    /// The policy, for the architectures that the profile names and this machine runs.
    pub policy: Policy,
    /// How the profile wants the filter to be loaded.
    pub loading: Loading,
    /// The socket that a listener is to be sent to.
    pub listener_path: Option<PathBuf>,
    /// What is to be sent with it.
    pub listener_metadata: Option<String>,
    /// Calls that no architecture has up to [`Arch::newest_kernel`]: their rules count for nothing, as with other runtimes.
    /// In order, each once.
    pub unknown: Vec<String>,
    /// Keys that the format does not have, by their place (`syscalls[3].arg`), and flags and capabilities that are not
    /// known. The format asks to pass over them; a misspelt one should be seen nevertheless.
    pub unread: Vec<String>,
    /// Calls of rules that count for nothing, since a rule without a condition has decided all of them before, and otherwise:
    /// `syscalls[9]: "setns": deny with EPERM; but allow by syscalls[0]`. podman's own profile has such.
    pub covered: Vec<String>,
}

impl Profile {
    /// Reads a profile. What only a setting can tell, [`resolve`](Self::resolve) finds.
    ///
    /// # Errors
    /// `Invalid` for what is no JSON, or not of this form, with line and column.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let (json, unread) = read::read(text).map_err(|problem| Error::invalid("read", OBJECT, vec![problem]))?;
        Ok(Self { json, unread })
    }

    /// What the profile says for programs in this setting.
    ///
    /// It is read as the runtimes do that have libseccomp: a rule without a condition takes all of a call, wherever it
    /// stands, and of two such the first counts; and where one rule compares an argument more than once, one comparison that
    /// holds is enough.
    ///
    /// # Errors
    /// `Invalid`, with every problem and its place.
    pub fn resolve(&self, setting: &Setting) -> Result<Resolved, Error> {
        resolve::resolve(&self.json, &self.unread, setting).map_err(|problems| Error::invalid("use", OBJECT, problems))
    }
}

impl Policy {
    /// The policy as an OCI profile, `linux.seccomp` of a `config.json`; Docker reads it too.
    ///
    /// # Errors
    /// `Invalid` with every rule that the format, or libseccomp, which decides by it, cannot say: of one call, verdicts that
    /// depend on the order of rules; comparisons of some bits but for being equal; rules for some of the policy's
    /// architectures.
    pub fn to_oci_json(&self) -> Result<String, Error> {
        write::write(self).map_err(|problems| Error::invalid("write", OBJECT, problems))
    }
}
