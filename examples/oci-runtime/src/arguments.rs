// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line: runc's grammar, with what crun has beside it.
//!
//! Options stand before or after a container's id; what follows the program of `exec` is the program's.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::failure::Failure;
use crate::log::{Format, Log};
use crate::place;

/// Who makes the control groups of containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manager {
    /// This program, in the kernel's file systems.
    Cgroupfs,
    /// The machine's systemd.
    Systemd,
    /// Nobody: there are none.
    Disabled,
}

/// What is said before the command, and holds for each.
#[derive(Debug)]
pub(crate) struct Globals {
    /// Where the states of containers are.
    pub(crate) root: PathBuf,
    pub(crate) log: Log,
    pub(crate) manager: Manager,
    /// Whether limits that cannot be applied are left out.
    pub(crate) rootless: bool,
}

impl Globals {
    pub(crate) fn of(matches: &ArgMatches) -> Result<Self, Failure> {
        let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
        let root = match matches.get_one::<PathBuf>("root") {
            Some(root) => std::path::absolute(root)
                .map_err(|error| Failure::from(format!("--root: {root:?} cannot be made absolute: {error}")))?,
            None => place::default(),
        };
        let manager = match text("cgroup-manager") {
            Some("systemd") => Manager::Systemd,
            Some("disabled") => Manager::Disabled,
            _ if matches.get_flag("systemd-cgroup") => Manager::Systemd,
            _ => Manager::Cgroupfs,
        };
        let format = if text("log-format") == Some("json") { Format::Json } else { Format::Text };
        let rootless = match text("rootless") {
            Some("true") => true,
            Some("false") => false,
            _ => !nix::unistd::geteuid().is_root(),
        };
        let log = Log { file: matches.get_one::<PathBuf>("log").cloned(), format, debug: matches.get_flag("debug") };
        Ok(Self { root, log, manager, rootless })
    }
}

/// All of it.
pub(crate) fn grammar() -> Command {
    Command::new("skep-oci")
        .about("An OCI runtime: runs bundles, for engines that would call runc or crun")
        .version(concat!("version ", env!("CARGO_PKG_VERSION"), "\nspec: 1.3.0"))
        .disable_version_flag(true)
        .subcommand_required(true)
        // Of an option that is said twice the last counts, as engines expect who add their own.
        .args_override_self(true)
        .args([
            file("root", "Where the states of containers are kept"),
            file("log", "Where a failure is written down, beside stderr"),
            word("log-format", "FORMAT", ["text", "json"], "How it is written down").default_value("text"),
            flag("debug", "Write down more than failures"),
            flag("systemd-cgroup", "Have systemd make control groups"),
            word("rootless", "WHETHER", ["auto", "true", "false"], "Leave limits out that cannot be applied")
                .default_value("auto"),
            word("cgroup-manager", "WHO", ["cgroupfs", "systemd", "disabled"], "Who makes control groups"),
            Arg::new("version").short('v').long("version").action(ArgAction::Version).help("Print the version"),
        ])
        .subcommands(lives().into_iter().chain(programs()).chain(questions()).chain([checkpoint(), restore()]))
}

/// From the making of a container to its end.
fn lives() -> [Command; 8] {
    [
        of_bundle("create", "Make a container, up to where its program is still to be executed"),
        of_bundle("run", "Make a container and execute its program")
            .args([flag("detach", "Do not wait for its end").short('d'), flag("keep", "Do not delete it then")]),
        of_id("start", "Execute the program of a container that is made"),
        of_id("kill", "Send a signal to the first process of a container")
            .args([flag("all", "Send it to every process").short('a'), {
                Arg::new("signal").value_name("SIGNAL").default_value("TERM").help("9, KILL or SIGKILL")
            }]),
        of_id("delete", "Remove what is left of a container")
            .arg(flag("force", "Kill it before; one that is not there is no failure").short('f')),
        of_id("pause", "Have all processes of a container stand still"),
        of_id("resume", "Have them go on"),
        of_id("update", "Change what a container may use at most").args([
            file("resources", "What it may use, as JSON; - is the standard input").short('r'),
            amount("blkio-weight", "Share of block devices, 10 to 1000"),
            amount("cpu-period", "Period of the processor quota, in microseconds"),
            amount("cpu-quota", "Processor time in each period, in microseconds"),
            amount("cpu-burst", "Unused time that may be used later, in microseconds"),
            amount("cpu-share", "Share of processors").alias("cpu-shares"),
            amount("cpu-rt-period", "Real-time period, in microseconds"),
            amount("cpu-rt-runtime", "Real-time in each period, in microseconds"),
            amount("cpu-idle", "1 for running only where nobody else wants to"),
            size("memory", "Memory, in bytes; with b, k, m, g or t behind it in those"),
            size("memory-reservation", "Memory that is taken away last, in bytes"),
            size("memory-swap", "Memory and swap together, in bytes; -1 is no limit"),
            size("kernel-memory", "Memory of the kernel's: no kernel of today has that limit"),
            size("kernel-memory-tcp", "Memory of the kernel's for TCP, in bytes"),
            amount("pids-limit", "Processes and threads; -1 is no limit"),
            text("cpuset-cpus", "LIST", "Processors: 0-3,7"),
            text("cpuset-mems", "LIST", "Memory nodes: 0-3,7"),
            text("l3-cache-schema", "SCHEMA", "Not known here"),
            text("mem-bw-schema", "SCHEMA", "Not known here"),
        ]),
    ]
}

/// Further programs.
fn programs() -> [Command; 1] {
    let exec = of_id("exec", "Execute a further program in a container that runs").args([
        file("console-socket", "Where the terminal is sent to"),
        text("cwd", "DIR", "Where it begins"),
        texts("env", "NAME=VALUE", "A variable of its environment").short('e'),
        flag("tty", "Give it a terminal").short('t'),
        text("user", "UID[:GID]", "Who it is").short('u'),
        texts("additional-gids", "GID", "A further group").short('g').value_delimiter(','),
        file("process", "All of it, as JSON").short('p'),
        flag("detach", "Do not wait for its end").short('d'),
        file("pid-file", "Where its number is written to"),
        text("process-label", "CONTEXT", "What SELinux knows it by"),
        text("apparmor", "PROFILE", "What AppArmor holds it to"),
        flag("no-new-privs", "No program that it executes gets more rights"),
        texts("cap", "CAP", "A capability more").short('c').value_delimiter(','),
        count("preserve-fds", "So many descriptors more, from 3 on"),
        text("cgroup", "GROUP", "A control group below the container's"),
        flag("ignore-paused", "Do not refuse where the container is paused"),
        Arg::new("command")
            .value_name("COMMAND")
            .num_args(1..)
            .trailing_var_arg(true)
            .value_parser(value_parser!(std::ffi::OsString))
            .help("The program and its arguments"),
    ]);
    [exec]
}

/// What only tells.
fn questions() -> [Command; 6] {
    [
        of_id("state", "Tell the state of a container, as JSON"),
        Command::new("list").about("Tell of all containers").args([
            word("format", "FORMAT", ["table", "json"], "How").short('f').default_value("table"),
            flag("quiet", "Their ids alone").short('q'),
        ]),
        of_id("ps", "Tell of the processes in a container").args([
            word("format", "FORMAT", ["table", "json"], "How").short('f').default_value("table"),
            Arg::new("options")
                .value_name("PS-OPTIONS")
                .num_args(0..)
                .trailing_var_arg(true)
                .allow_hyphen_values(true)
                .help("Those of ps(1), for a table: -ef by default"),
        ]),
        of_id("events", "Tell what a container uses, and that its memory is used up, as JSON").args([
            flag("stats", "Tell once what it uses"),
            text("interval", "TIME", "Time between two looks").default_value("5s"),
        ]),
        Command::new("spec").about("Write a configuration to begin with").args([
            file("bundle", "The directory of the bundle").short('b').default_value("."),
            flag("rootless", "One for an ordinary user"),
        ]),
        Command::new("features").about("Tell what of the specification is known, as JSON"),
    ]
}

fn checkpoint() -> Command {
    anything("checkpoint", "Not possible yet")
}

fn restore() -> Command {
    anything("restore", "Not possible yet")
}

fn anything(name: &'static str, about: &'static str) -> Command {
    let rest = Arg::new("rest").num_args(0..).trailing_var_arg(true).allow_hyphen_values(true);
    Command::new(name).about(about).arg(rest)
}

fn of_id(name: &'static str, about: &'static str) -> Command {
    Command::new(name).about(about).arg(Arg::new("id").value_name("CONTAINER").required(true).help("Its id"))
}

fn of_bundle(name: &'static str, about: &'static str) -> Command {
    of_id(name, about).args([
        file("bundle", "The directory of the bundle").short('b').default_value("."),
        file("config", "Its configuration, where that is not config.json in it"),
        file("console-socket", "Where the terminal is sent to"),
        file("pid-file", "Where the number of the first process is written to"),
        count("preserve-fds", "So many descriptors more, from 3 on"),
        flag("no-pivot", "Says nothing here: the root is changed in a way that every file system allows"),
        flag("no-new-keyring", "Leave it the session keyring that we have"),
        flag("no-subreaper", "Says nothing here: nobody is made a subreaper"),
    ])
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn file(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("PATH").value_parser(value_parser!(PathBuf)).help(help)
}

fn text(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn texts(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    text(name, value, help).action(ArgAction::Append)
}

fn word<const N: usize>(name: &'static str, value: &'static str, words: [&'static str; N], help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).value_parser(PossibleValuesParser::new(words)).help(help)
}

fn amount(name: &'static str, help: &'static str) -> Arg {
    let value = value_parser!(i64);
    Arg::new(name).long(name).value_name("N").allow_negative_numbers(true).value_parser(value).help(help)
}

fn size(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("BYTES").allow_negative_numbers(true).value_parser(bytes).help(help)
}

/// A number of bytes, as Docker writes it: `64m`, `64MB` and `64MiB` are the same.
fn bytes(text: &str) -> Result<i64, String> {
    let end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let power = match unit.to_ascii_lowercase().trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return Err(format!("{unit:?} is no unit: b, k, m, g, t and p are")),
    };
    let number: i64 = number.parse().map_err(|_| format!("{number:?} is no number of bytes"))?;
    let unit = 1024_i64.checked_pow(power).unwrap_or(i64::MAX);
    number.checked_mul(unit).ok_or_else(|| format!("{text:?} is more than can be said"))
}

fn count(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("N").value_parser(value_parser!(u16)).default_value("0").help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(words: &[&str]) -> ArgMatches {
        grammar().try_get_matches_from([&["skep-oci"], words].concat()).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn the_grammar_is_one() {
        grammar().debug_assert();
    }

    #[test]
    fn options_stand_before_and_after_an_id() {
        for words in [
            &["run", "--bundle", "/b", "-d", "web"][..],
            &["run", "web", "-d", "-b", "/b"],
            &["--root", "/r", "--log-format=json", "run", "-b=/b", "web", "--detach"],
        ] {
            let matches = matched(words);
            let (name, run) = matches.subcommand().unwrap();
            assert_eq!((name, run.get_one::<String>("id").unwrap().as_str()), ("run", "web"));
            assert!(run.get_flag("detach"));
            assert_eq!(run.get_one::<PathBuf>("bundle").unwrap().to_str(), Some("/b"));
        }
    }

    #[test]
    fn of_an_option_that_is_said_twice_the_last_counts_and_of_a_list_each() {
        let matches =
            matched(&["--root", "/a", "--root", "/b", "exec", "--cwd=/a", "-e", "A=1", "--cwd=/b", "-e", "B=2", "web"]);
        assert_eq!(matches.get_one::<PathBuf>("root").unwrap().to_str(), Some("/b"));
        let (_, exec) = matches.subcommand().unwrap();
        assert_eq!(exec.get_one::<String>("cwd").unwrap(), "/b");
        assert_eq!(exec.get_many::<String>("env").unwrap().collect::<Vec<_>>(), ["A=1", "B=2"]);
    }

    #[test]
    fn what_follows_the_program_belongs_to_it() {
        for words in [
            &["exec", "-t", "web", "-e", "A=1", "sh", "-c", "-t", "--cwd"][..],
            &["exec", "--env=A=1", "web", "--tty", "--", "sh", "-c", "-t", "--cwd"],
        ] {
            let matches = matched(words);
            let (_, exec) = matches.subcommand().unwrap();
            let command: Vec<&std::ffi::OsString> = exec.get_many("command").unwrap().collect();
            assert_eq!(command, ["sh", "-c", "-t", "--cwd"]);
            assert!(exec.get_flag("tty"));
        }
    }

    #[test]
    fn memory_has_units() {
        for (text, number) in [
            ("67108864", 67_108_864),
            ("64m", 67_108_864),
            ("64MiB", 67_108_864),
            ("1GB", 1 << 30),
            ("5b", 5),
            ("-1", -1),
        ] {
            assert_eq!(bytes(text), Ok(number), "{text}");
        }
        for text in ["", "m", "64x", "6.4m", "9000000p"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn amounts_may_be_below_nothing() {
        let matches = matched(&["update", "--memory-swap", "-1", "web", "--pids-limit=-1"]);
        let (_, update) = matches.subcommand().unwrap();
        assert_eq!(update.get_one::<i64>("memory-swap"), Some(&-1));
        assert_eq!(update.get_one::<i64>("pids-limit"), Some(&-1));
    }
}
