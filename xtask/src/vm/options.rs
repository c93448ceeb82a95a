// SPDX-License-Identifier: MIT OR Apache-2.0
//! The options of `cargo xtask vm`.

use std::ffi::OsString;
use std::time::Duration;

use guest::job::{Shape, System};
use lexopt::{Arg, ValueExt};

use crate::failure::{Failure, Usage};

const HELP: &str = "usage: cargo xtask vm [OPTION…] [FILTER…] [-- COMMAND [ARGUMENT…]]

Runs the tests, or COMMAND, as root of a virtual machine with a kernel of Debian's.

  --kernel 6.1|6.12|all      a kernel of xtask/kernels.toml (all)
  --cgroup v2|v1|hybrid      the cgroup hierarchies that are mounted (v2)
  --tree                     a small Debian tree, made by debootstrap and kept, instead of programs of this machine
  --systemd                  that tree with systemd as its PID 1
  --ring pure|user|root      this ring alone (again for more; user and root)
  --strict                   a test that ran nowhere for a need that the machine does not declare is a failure
  --machine NAME             the machine of xtask/machines.toml that --strict goes by (vm-KERNEL-CGROUP)
  --deny-syscall A,B         these system calls answer ENOSYS to every test
  --fallbacks                once for each call that has a fallback, with that call denied
  --memory GIB               the memory of the machine (2)
  --rounds PERCENT           do this part of what tests repeat to be sure (10: everything is slow here)
  --deadline SECONDS         how long one machine may run (1800)
  --verbose                  the kernel's own messages too
  -p, --package CRATE        the tests of this package alone (again for more)";

/// How long a test program may print nothing: longer than a hung test is waited for, so that this one is named.
const PATIENCE: Duration = Duration::from_mins(10);

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    /// The name of a kernel, or `all`.
    pub(super) kernel: String,
    pub(super) cgroup: Shape,
    pub(super) system: System,
    pub(super) deadline: Duration,
    pub(super) verbose: bool,
    pub(super) machine: Option<String>,
    rounds: String,
    pub(super) memory: u32,
    packages: Vec<String>,
    /// What is left to `cargo xtask test` in the machine.
    test: Vec<String>,
    /// The command instead of the tests.
    pub(super) command: Option<Vec<String>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            kernel: "all".to_owned(),
            cgroup: Shape::V2,
            system: System::Minimal,
            deadline: Duration::from_mins(30),
            verbose: false,
            machine: None,
            rounds: "10".to_owned(),
            memory: 2,
            packages: Vec::new(),
            test: Vec::new(),
            command: None,
        }
    }
}

impl Options {
    /// Reads the command line; `None` when it asked for help, which has been printed.
    pub(super) fn read(mut arguments: lexopt::Parser) -> Result<Option<Self>, Failure> {
        let mut words: Vec<OsString> = arguments.raw_args()?.collect();
        let mut options = Self::default();
        // Apart before anything is read: the command's own options are not ours.
        if let Some(at) = words.iter().position(|word| word == "--") {
            let command: Result<Vec<String>, _> =
                words.split_off(at).into_iter().skip(1).map(ValueExt::string).collect();
            options.command = Some(command?);
        }
        let mut rings = Vec::new();
        let mut arguments = lexopt::Parser::from_args(words);
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Short('h') | Arg::Long("help") => {
                    println!("{HELP}");
                    return Ok(None);
                }
                Arg::Long("kernel") => options.kernel = arguments.value()?.string()?,
                Arg::Long("cgroup") => options.cgroup = shape(&arguments.value()?.string()?)?,
                Arg::Long("tree") if options.system == System::Minimal => options.system = System::Tree,
                Arg::Long("tree") => {}
                Arg::Long("systemd") => options.system = System::Systemd,
                Arg::Long("deadline") => options.deadline = Duration::from_secs(arguments.value()?.parse()?),
                Arg::Long("verbose") => options.verbose = true,
                Arg::Long("machine") => options.machine = Some(arguments.value()?.string()?),
                Arg::Long("memory") => options.memory = arguments.value()?.parse()?,
                Arg::Long("rounds") => options.rounds = arguments.value()?.string()?,
                Arg::Short('p') | Arg::Long("package") => options.packages.push(arguments.value()?.string()?),
                Arg::Long("ring") => rings.push(arguments.value()?.string()?),
                Arg::Long("strict") => options.test.push("--strict".to_owned()),
                Arg::Long("fallbacks") => options.test.push("--fallbacks".to_owned()),
                Arg::Long("deny-syscall") => {
                    options.test.extend(["--deny-syscall".to_owned(), arguments.value()?.string()?]);
                }
                Arg::Value(filter) => options.test.push(filter.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        options.finish(rings)
    }

    fn finish(mut self, mut rings: Vec<String>) -> Result<Option<Self>, Failure> {
        let tests_are_picked = !rings.is_empty() || !self.test.is_empty() || !self.packages.is_empty();
        match &self.command {
            Some(command) if command.is_empty() => return Err(Usage::new("there is no command behind --").into()),
            Some(_) if tests_are_picked => {
                return Err(
                    Usage::new("a command runs instead of the tests: give either it, or what picks them").into()
                );
            }
            _ => {}
        }
        if rings.is_empty() {
            // What needs no privilege runs in these too.
            rings = vec!["user".to_owned(), "root".to_owned()];
        }
        self.test.splice(0..0, rings.into_iter().flat_map(|ring| ["--ring".to_owned(), ring]));
        Ok(Some(self))
    }

    /// The packages whose tests are built, for cargo's command line. The tools of the host have no business in the guest.
    pub(super) fn package_arguments(&self) -> Vec<&str> {
        if self.packages.is_empty() {
            return vec!["--workspace", "--exclude", "xtask", "--exclude", "guest", "--exclude", "skep-benches"];
        }
        self.packages.iter().flat_map(|name| ["-p", name.as_str()]).collect()
    }

    /// The arguments of `xtask` in the machine.
    pub(super) fn test_arguments(&self, kernel: &str, built: &str) -> Vec<String> {
        let machine = self.machine.clone().unwrap_or_else(|| format!("vm-{kernel}-{}", self.cgroup));
        // Well before the machine's own deadline: what hangs is then named, and the tests behind it run.
        let patience = PATIENCE.min(self.deadline / 3).as_secs().to_string();
        let words = ["test", "--built", built, "--machine", &machine, "--progress", "--patience", &patience];
        let words = [&words[..], &["--rounds", &self.rounds]].concat();
        let mut words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        words.extend(self.test.iter().cloned());
        words
    }
}

fn shape(word: &str) -> Result<Shape, Usage> {
    let known = Shape::ALL.into_iter().find(|shape| shape.name() == word);
    known.ok_or_else(|| Usage::new(format!("there is no cgroup shape {word:?}; shapes are v2, v1 and hybrid")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Options, String> {
        Options::read(lexopt::Parser::from_args(words)).map(Option::unwrap).map_err(|error| error.to_string())
    }

    #[test]
    fn without_options_all_kernels_run_both_rings() {
        let options = read(&[]).unwrap();
        assert_eq!((options.kernel.as_str(), options.cgroup), ("all", Shape::V2));
        let words = options.test_arguments("6.1", "/b");
        assert_eq!(
            words.join(" "),
            "test --built /b --machine vm-6.1-v2 --progress --patience 600 --rounds 10 --ring user --ring root"
        );
        assert!(options.package_arguments().contains(&"--exclude"));
    }

    #[test]
    fn the_tests_options_go_to_the_guest() {
        let words = [
            "--kernel",
            "6.12",
            "--cgroup=v1",
            "--ring",
            "root",
            "--strict",
            "--deny-syscall",
            "clone3",
            "-p",
            "skep-ns",
            "name",
        ];
        let options = read(&words).unwrap();
        assert_eq!(options.package_arguments(), ["-p", "skep-ns"]);
        let words = options.test_arguments("6.12", "/b").join(" ");
        assert!(
            words.ends_with(
                "--machine vm-6.12-v1 --progress --patience 600 --rounds 10 --ring root --strict --deny-syscall clone3 name"
            ),
            "{words}"
        );
    }

    #[test]
    fn systemd_comes_with_its_tree() {
        let system = |words: &[&str]| read(words).unwrap().system;
        assert_eq!(system(&[]), System::Minimal);
        assert_eq!(system(&["--tree"]), System::Tree);
        assert_eq!(
            (system(&["--tree", "--systemd"]), system(&["--systemd", "--tree"])),
            (System::Systemd, System::Systemd)
        );
    }

    #[test]
    fn a_command_keeps_its_own_options() {
        let options = read(&["--deadline", "7", "--", "ls", "--kernel", "--", "-p"]).unwrap();
        assert_eq!(options.command.unwrap(), ["ls", "--kernel", "--", "-p"]);
        assert_eq!(options.deadline, Duration::from_secs(7));
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        assert!(read(&["--"]).unwrap_err().contains("no command behind --"));
        assert!(read(&["name", "--", "ls"]).unwrap_err().contains("instead of the tests"));
        assert!(read(&["--cgroup", "v3"]).unwrap_err().contains("v2, v1 and hybrid"));
    }
}
