// SPDX-License-Identifier: MIT OR Apache-2.0
//! The profile: a text that is made for one workload, and compiled.
//!
//! What it allows is everything that namespaces, capabilities and the like leave; what it denies is what reaches through
//! them: switches of the whole machine in /proc and /sys, mounts, and the processes of others.
//!
//! Man: apparmor.d(5).

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::{Command, Stdio};

use super::CompiledProfile;
use crate::error::{Error, ErrorKind, Object};

/// A profile of AppArmor: a name, and what it denies.
///
/// ```
/// use skep_caps_sec::AppArmorProfile;
///
/// let profile = AppArmorProfile::new("web").rule("deny /etc/shadow r,");
/// assert!(profile.problems().is_empty());
/// assert!(profile.text().contains("\n  deny mount,\n"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct AppArmorProfile {
    /// Its name.
    pub name: String,
    /// Whether mounting is allowed, as what starts others of its kind needs it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub mounts: bool,
    /// Whether what would be denied is only written to the log.
    #[cfg_attr(feature = "serde", serde(default))]
    pub complain: bool,
    /// More rules, a line each with its comma, as apparmor.d(5) writes them.
    #[cfg_attr(feature = "serde", serde(default))]
    pub rules: Vec<String>,
}

/// Switches and memory of the whole machine. What has a part of /proc below "sys" for itself is left out: kernel/shm*, net.
#[rustfmt::skip] // A table.
const MACHINE: [(&str, &str); 14] = [
    ("/proc/*", "w"),                                               // Files of the machine, not of a process.
    ("/proc/{[^1-9],[^1-9][^0-9],[^1-9s][^0-9y][^0-9s],[^1-9][^0-9][^0-9][^0-9/]*}/**", "w"), // Nor directories, but sys.
    ("/proc/sys/[^kn]**", "w"),                                     // kernel and net have namespaces;
    ("/proc/sys/kernel/{?,??,[^shmdn][^hseo]**}", "w"),             // of kernel: shm, sem, msg, domainname, hostname.
    ("/proc/sysrq-trigger", "rwklx"),                               // Reboots the machine.
    ("/proc/kcore", "rwklx"),                                       // All memory.
    ("/proc/kmem", "rwklx"),
    ("/proc/mem", "rwklx"),
    ("/sys/[^fdck]*/**", "wklx"),
    ("/sys/fs/[^c]*/**", "wklx"),                                   // cgroups have namespaces and rights of their own.
    ("/sys/firmware/**", "rwklx"),                                  // Variables of the firmware.
    ("/sys/kernel/security/**", "rwklx"),                           // This very guard.
    ("/sys/kernel/debug/**", "rwklx"),
    ("/sys/devices/virtual/powercap/**", "rwklx"),                  // Power that tells what others compute.
];

impl AppArmorProfile {
    /// A profile of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), mounts: false, complain: false, rules: Vec::new() }
    }

    /// Mounting is allowed.
    #[must_use]
    #[doc(alias = "allow_nesting")]
    pub fn allow_mounts(mut self) -> Self {
        self.mounts = true;
        self
    }

    /// What would be denied is only written to the log.
    #[must_use]
    pub fn complain(mut self) -> Self {
        self.complain = true;
        self
    }

    /// Adds a rule, with its comma, as apparmor.d(5) writes it.
    #[must_use]
    pub fn rule(mut self, rule: impl Into<String>) -> Self {
        self.rules.push(rule.into());
        self
    }

    /// What is wrong with it, in sentences. Whether rules can be compiled is known by compiling them.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let odd = |letter: char| letter.is_control() || matches!(letter, '"' | '\\');
        if self.name.is_empty() || self.name.chars().any(odd) {
            problems.push(format!(
                "name: {:?} is no name: it has quotes, \\ or control characters, or nothing in it",
                self.name
            ));
        }
        if self.name == "unconfined" {
            problems.push("name: \"unconfined\" is no profile's name: it is what is under none".to_owned());
        }
        for (at, rule) in self.rules.iter().enumerate() {
            if rule.contains(['\n', '\0']) || !rule.trim_end().ends_with([',', '}']) {
                problems.push(format!("rules[{at}]: {rule:?} is not one line that ends in a comma"));
            }
        }
        problems
    }

    /// The profile as apparmor_parser(8) reads it. It needs no file of /etc/apparmor.d.
    #[must_use]
    pub fn text(&self) -> String {
        let mode = if self.complain { ",complain" } else { "" };
        let name = &self.name;
        // Descriptors from outside have paths that do not begin at the root: they are looked at as if they did.
        let mut text = format!("profile \"{name}\" flags=(attach_disconnected,mediate_deleted{mode}) {{\n");
        for rule in ["file,", "network,", "capability,", "umount,"] {
            let _ = writeln!(text, "  {rule}");
        }
        // Who started it may signal it; it may signal and look into itself alone.
        let _ = writeln!(text, "  signal (receive) peer=unconfined,");
        let _ = writeln!(text, "  signal (send, receive) peer=\"{name}\",");
        let _ = writeln!(text, "  ptrace (trace, read, tracedby, readby) peer=\"{name}\",");
        let _ = writeln!(text, "  ptrace (readby, tracedby) peer=unconfined,");
        for (path, rights) in MACHINE {
            let _ = writeln!(text, "  deny {path} {rights},");
        }
        let _ = writeln!(text, "  {}", if self.mounts { "mount,\n  pivot_root," } else { "deny mount," });
        for rule in &self.rules {
            let _ = writeln!(text, "  {rule}");
        }
        text.push_str("}\n");
        text
    }

    /// Compiles it for the running kernel by the program `apparmor_parser`, which is looked for on `PATH`. Nothing is loaded.
    ///
    /// # Errors
    /// `Invalid` with every problem, before anything is touched, and with the parser's words for a rule that it does not
    /// understand; `NotFound` if there is no such program.
    pub fn compile(&self) -> Result<CompiledProfile, Error> {
        const OP: &str = "compile";
        const OBJECT: Object = Object::Named("an AppArmor profile");
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(Error::invalid(OP, OBJECT, problems));
        }
        let failed = |error: io::Error| {
            let error = Error::io("run", Object::Named("apparmor_parser"), &error);
            if error.kind() == ErrorKind::NotFound {
                error.with_hint(
                    "it is in the package apparmor; a profile that was compiled elsewhere can be loaded without it",
                )
            } else {
                error
            }
        };
        let mut parser = Command::new("apparmor_parser");
        // To the output and not into the kernel, without a cache.
        parser.args(["--skip-kernel-load", "--stdout", "--skip-cache"]);
        parser.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = parser.spawn().map_err(failed)?;
        if let Some(mut input) = child.stdin.take() {
            // It may have ended already, and says why.
            let _written = input.write_all(self.text().as_bytes());
        }
        let output = child.wait_with_output().map_err(failed)?;
        if output.status.success() && !output.stdout.is_empty() {
            return Ok(CompiledProfile::from_bytes(output.stdout));
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said: Vec<String> =
            said.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
        let said = if said.is_empty() { vec![format!("apparmor_parser ended with {}", output.status)] } else { said };
        Err(Error::invalid(OP, OBJECT, said))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_itself_and_ends_with_what_was_added() {
        let profile = AppArmorProfile::new("a b").complain().allow_mounts().rule("deny /etc/shadow r,");
        let text = profile.text();
        assert!(
            text.starts_with("profile \"a b\" flags=(attach_disconnected,mediate_deleted,complain) {\n  file,\n"),
            "{text}"
        );
        assert!(text.contains("  deny /proc/sysrq-trigger rwklx,\n") && text.contains("peer=\"a b\""), "{text}");
        assert!(text.ends_with("  mount,\n  pivot_root,\n  deny /etc/shadow r,\n}\n"), "{text}");
    }

    #[test]
    fn a_name_or_a_rule_cannot_lead_out_of_the_profile() {
        let bad = AppArmorProfile::new("a\" {").rule("file,\n}\nprofile x {").rule("file");
        assert_eq!(bad.problems().len(), 3);
        assert_eq!(bad.compile().unwrap_err().problems().len(), 3);
        assert_eq!(AppArmorProfile::new("unconfined").problems().len(), 1);
    }
}
