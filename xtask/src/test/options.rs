// SPDX-License-Identifier: MIT OR Apache-2.0
//! The options of `cargo xtask test`.

use std::path::PathBuf;
use std::time::Duration;

use lexopt::{Arg, ValueExt};

use super::place::Ring;
use crate::failure::{Failure, Usage};

const HELP: &str = "usage: cargo xtask test [OPTION…] [FILTER…]

  --ring pure|user|root  this ring alone (again for more); without it, all that this account can run
  --strict               a test that ran nowhere for a need that the machine does not declare is a failure
  --machine NAME         the machine of xtask/machines.toml that --strict goes by (plain)
  --deny-syscall A,B     these system calls answer ENOSYS to every test (A=EPERM for another error)
  --fallbacks            once for each call that has a fallback, with that call denied
  --patience SECONDS     how long a test program may print nothing (600)
  --progress             pass on what a test program prints as it comes, marked, as `cargo xtask vm` wants it
  --rounds PERCENT       do this part of what tests repeat to be sure, for a slow machine (100)
  -p, --package CRATE    the tests of this package alone (again for more)
  --binary PATH          this built test program instead of the workspace's (again for more)
  --built FILE           what this list names, built elsewhere, as `cargo xtask vm` writes it";

/// Calls without which everything must work too, by other means.
///
/// Those of the mounts go together: each alone is denied by the tests of rootfs themselves.
const FALLBACKS: [&str; 6] = [
    "clone3",
    "memfd_create",
    "close_range",
    "pidfd_open",
    "openat2,mount_setattr",
    "fsopen,fsmount,open_tree,move_mount",
];

/// How long a test program may print nothing, if nothing else is said.
const PATIENCE: Duration = Duration::from_mins(10);

/// What the command line asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    rings: Vec<Ring>,
    pub(super) strict: bool,
    pub(super) machine: String,
    pub(super) denied: Option<String>,
    pub(super) fallbacks: bool,
    pub(super) packages: Vec<String>,
    pub(super) binaries: Vec<PathBuf>,
    pub(super) built: Option<PathBuf>,
    pub(super) patience: Duration,
    pub(super) progress: bool,
    pub(super) rounds: u32,
    pub(super) filters: Vec<String>,
}

impl Options {
    /// Reads the command line; `None` when it asked for help, which has been printed.
    pub(super) fn read(mut arguments: lexopt::Parser) -> Result<Option<Self>, Failure> {
        let mut options = Self { machine: "plain".to_owned(), patience: PATIENCE, rounds: 100, ..Self::default() };
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Short('h') | Arg::Long("help") => {
                    println!("{HELP}");
                    return Ok(None);
                }
                Arg::Long("ring") => options.rings.push(ring(&arguments.value()?.string()?)?),
                Arg::Long("strict") => options.strict = true,
                Arg::Long("rounds") => options.rounds = arguments.value()?.parse()?,
                Arg::Long("progress") => options.progress = true,
                Arg::Long("fallbacks") => options.fallbacks = true,
                Arg::Long("machine") => options.machine = arguments.value()?.string()?,
                Arg::Long("deny-syscall") => options.denied = Some(arguments.value()?.string()?),
                Arg::Short('p') | Arg::Long("package") => options.packages.push(arguments.value()?.string()?),
                Arg::Long("binary") => options.binaries.push(arguments.value()?.into()),
                Arg::Long("built") => options.built = Some(arguments.value()?.into()),
                Arg::Long("patience") => options.patience = Duration::from_secs(arguments.value()?.parse()?),
                Arg::Value(filter) => options.filters.push(filter.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        if !(1..=100).contains(&options.rounds) {
            return Err(Usage::new("--rounds is a percentage: a number from 1 to 100").into());
        }
        if options.fallbacks && options.denied.is_some() {
            return Err(Usage::new("--fallbacks and --deny-syscall each say what is denied: give one of them").into());
        }
        Ok(Some(options))
    }

    /// The rings to run, those of an ordinary account first.
    pub(super) fn rings(&self) -> Vec<Ring> {
        match (self.rings.is_empty(), self.fallbacks) {
            (false, _) => self.rings.clone(),
            // What needs no privilege runs in the other rings too.
            (true, true) => vec![Ring::User, Ring::Root],
            (true, false) => vec![Ring::Pure, Ring::User, Ring::Root],
        }
    }

    /// Whether a skip for want of `ring` is what the command line asked for.
    pub(super) fn leaves_out(&self, ring: Ring) -> bool {
        !self.rings().contains(&ring)
    }

    /// What is denied in each turn of the rings.
    pub(super) fn denials(&self) -> Vec<Option<String>> {
        if self.fallbacks { FALLBACKS.map(|call| Some(call.to_owned())).to_vec() } else { vec![self.denied.clone()] }
    }

    /// Whether the examples of the documentation are run too: not when the tests are picked or bent.
    pub(super) fn with_doctests(&self) -> bool {
        self.binaries.is_empty()
            && self.built.is_none()
            && self.denied.is_none()
            && !self.fallbacks
            && self.rings.is_empty()
    }

    /// The packages, for cargo's command line.
    pub(super) fn package_arguments(&self) -> Vec<&str> {
        if !self.packages.is_empty() {
            return self.packages.iter().flat_map(|name| ["-p", name]).collect();
        }
        // The tools' own tests do not change with a call that the libraries have a fallback for.
        let tools = ["--exclude", "xtask", "--exclude", "needs"];
        let excluded: &[&str] = if self.fallbacks { &tools } else { &[] };
        [&["--workspace"], excluded].concat()
    }
}

fn ring(word: &str) -> Result<Ring, Usage> {
    let all = [Ring::Pure, Ring::User, Ring::Root];
    let known = all.into_iter().find(|ring| ring.name() == word);
    known.ok_or_else(|| Usage::new(format!("there is no ring {word:?}; rings are pure, user and root")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Option<Options>, Failure> {
        Options::read(lexopt::Parser::from_args(words))
    }

    #[test]
    fn without_options_all_rings_run() {
        let options = read(&[]).unwrap().unwrap();
        assert_eq!(options.rings(), [Ring::Pure, Ring::User, Ring::Root]);
        assert_eq!(options.denials(), [None]);
        assert_eq!(options.package_arguments(), ["--workspace"]);
        assert!(options.with_doctests());
        assert_eq!((options.patience, options.rounds), (PATIENCE, 100));
        assert_eq!(read(&["--rounds", "10"]).unwrap().unwrap().rounds, 10);
        assert_eq!(read(&["--patience", "7"]).unwrap().unwrap().patience, Duration::from_secs(7));
    }

    #[test]
    fn each_option_is_read() {
        let words = ["--ring", "user", "--strict", "--machine=vm", "--deny-syscall", "clone3", "-p", "needs", "name"];
        let options = read(&words).unwrap().unwrap();
        assert_eq!(options.rings(), [Ring::User]);
        assert!(options.strict && options.leaves_out(Ring::Root));
        assert_eq!(options.denials(), [Some("clone3".to_owned())]);
        assert_eq!(options.package_arguments(), ["-p", "needs"]);
        assert_eq!((options.machine.as_str(), options.filters), ("vm", vec!["name".to_owned()]));
    }

    #[test]
    fn fallbacks_are_a_turn_each() {
        let options = read(&["--fallbacks"]).unwrap().unwrap();
        assert_eq!(options.denials().len(), FALLBACKS.len());
        assert!(read(&["--fallbacks", "--deny-syscall", "clone3"]).is_err());
        assert!(read(&["--rounds", "0"]).is_err() && read(&["--rounds", "101"]).is_err());
    }

    #[test]
    fn an_unknown_ring_is_answered_with_the_known_ones() {
        assert!(read(&["--ring", "vm"]).unwrap_err().to_string().contains("rings are pure, user and root"));
    }
}
