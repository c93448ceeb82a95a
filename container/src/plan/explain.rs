// SPDX-License-Identifier: MIT OR Apache-2.0
//! A plan in words: numbered, who does each step, and which right it takes.

use std::ffi::CStr;
use std::fmt;

use skep_ns::NamespaceFlags;

use super::Plan;
use super::step::{Flat, Step};

impl Plan {
    /// The plan in words, a line a step: what a dry run prints.
    #[must_use]
    pub fn explain(&self) -> String {
        self.lines().iter().enumerate().map(|(at, line)| format!("{:>3}. {line}\n", at + 1)).collect()
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = self.lines_before_steps();
        lines.extend(self.steps().map(|step| match right(&step) {
            Some(right) => format!("child: {} ({right})", Words(step)),
            None => format!("child: {}", Words(step)),
        }));
        lines.push(format!("child: execute {}", self.programs().join(", else ")));
        lines
    }

    fn lines_before_steps(&self) -> Vec<String> {
        let mut lines = vec![
            "parent: start the launcher from a sealed memfd, with the plan in another".to_owned(),
            format!("launcher: {}", self.clone_in_words()),
        ];
        if let Some(map) = self.id_map() {
            lines.push(format!("parent: write the id map: {}", map.to_string().trim().replace('\n', ", ")));
        }
        lines
    }

    /// Where the child's step number `at` stands in the plan, and what it is: "step 4 of 9, in the child: …".
    pub(crate) fn place(&self, at: u16) -> String {
        let (number, all) = (self.lines_before_steps().len() + usize::from(at) + 1, self.lines().len());
        let words = self
            .steps()
            .nth(at.into())
            .map_or_else(|| "a step it does not know".to_owned(), |step| Words(step).to_string());
        format!("step {number} of {all}, in the child: {words}")
    }

    /// The same for the clone.
    pub(crate) fn place_of_clone(&self) -> String {
        format!("step 2 of {}, in the launcher: {}", self.lines().len(), self.clone_in_words())
    }

    /// What the launcher does, in words.
    fn clone_in_words(&self) -> String {
        match namespaces(self.clone_flags().bits()).as_str() {
            "" => "clone a sibling in the caller's namespaces".to_owned(),
            made => format!("clone a sibling in new namespaces: {made}"),
        }
    }

    fn programs(&self) -> Vec<String> {
        let flat = Flat::new(&self.flat);
        (0..).map_while(|at| flat.and_then(|flat| flat.program(at)).map(quoted)).collect()
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.explain())
    }
}

/// The names of the namespaces that are made by these flags.
fn namespaces(flags: u64) -> String {
    let kinds = NamespaceFlags::from_bits_retain(flags).kinds();
    kinds.map(|kind| kind.to_string()).collect::<Vec<_>>().join(", ")
}

/// The right that a step takes, over the namespace it works in.
fn right(step: &Step<'_>) -> Option<&'static str> {
    match step {
        Step::ReceiveOnly | Step::Bind { .. } | Step::Proc { .. } | Step::Hostname { .. } | Step::Unshare { .. } => {
            Some("CAP_SYS_ADMIN")
        }
        Step::Loopback => Some("CAP_NET_ADMIN"),
        Step::Become { .. } => Some("CAP_SETUID, CAP_SETGID"),
        Step::Undumpable | Step::Umask { .. } | Step::Directory { .. } | Step::Session | Step::DieWithCaller { .. } => {
            None
        }
    }
}

/// A step in words.
struct Words<'a>(Step<'a>);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Step::ReceiveOnly => f.write_str("cut the way of mounts to the outside"),
            Step::Bind { source, target } => write!(f, "bind {} to {}", quoted(source), quoted(target)),
            Step::Proc { target } => write!(f, "mount proc on {}", quoted(target)),
            Step::Hostname { name } => write!(f, "set the host name {}", quoted(name)),
            Step::Loopback => f.write_str("bring the loopback interface up"),
            Step::Unshare { flags } => write!(f, "make more namespaces: {}", namespaces(flags)),
            Step::Become { uid, gid, drop_groups: true } => {
                write!(f, "become {uid}:{gid}, without further groups unless setgroups is denied")
            }
            Step::Become { uid, gid, drop_groups: false } => write!(f, "become {uid}:{gid}, in the caller's groups"),
            Step::Undumpable => f.write_str("deny others to look into the process"),
            Step::Umask { mask } => write!(f, "set the umask {mask:04o}"),
            Step::Directory { path } => write!(f, "enter the directory {}", quoted(path)),
            Step::Session => f.write_str("lead a session of its own"),
            Step::DieWithCaller { signal } => write!(f, "ask for signal {signal} when the caller's thread ends"),
        }
    }
}

fn quoted(text: &CStr) -> String {
    format!("{:?}", text.to_string_lossy())
}
