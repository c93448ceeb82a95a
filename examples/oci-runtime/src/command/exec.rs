// SPDX-License-Identifier: MIT OR Apache-2.0
//! `exec`: a further program in a container that runs.

use std::ffi::OsString;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use clap::ArgMatches;
use skep::caps_sec::Label;
use skep::oci::{self, State, StateStatus};
use skep::{Container, Exec, Process};

use super::{id, path, text};
use crate::arguments::Globals;
use crate::console::Receiver;
use crate::failure::Failure;
use crate::foreground::{self, Signals};
use crate::known::{self, CREATED_STATUS, EXEC_AFFINITY, LISTENER, LISTENER_METADATA, PAUSED, RUNNING};
use crate::passed::Passed;
use crate::{input, making, part};

/// What runc ends with where the program was not executed, which has a status of its own.
const NOT_EXECUTED: u8 = 255;

/// Between two looks whether a container is resumed, which nothing tells.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

pub(super) fn exec(globals: &Globals, asked: &ArgMatches) -> Result<u8, Failure> {
    executed(globals, asked).map_err(|failure| failure.ending_with(NOT_EXECUTED))
}

fn executed(globals: &Globals, asked: &ArgMatches) -> Result<u8, Failure> {
    // Before anything is opened, which would have one of their numbers.
    let passed = Passed::take(asked.get_one::<u16>("preserve-fds").copied().unwrap_or_default())?;
    let container = known::open(globals, id(asked))?;
    match known::status(&container)?.as_str() {
        // In one that is not started yet too, as with runc.
        RUNNING | CREATED_STATUS => {}
        PAUSED if asked.get_flag("ignore-paused") => until_resumed(&container)?,
        PAUSED => {
            let hint = "--ignore-paused has it begin once the container is resumed";
            return Err(Failure::from(format!("cannot exec in a paused container\n  hint: {hint}")));
        }
        status => return Err(Failure::from(format!("cannot exec in a {status} container: it must run"))),
    }
    let process = match path(asked, "process") {
        Some(file) => of_file(&container, file)?,
        None => of_options(&container, asked)?,
    };
    let has_terminal = process.terminal.is_some();
    let is_detached = asked.get_flag("detach");
    let console = match (has_terminal, path(asked, "console-socket")) {
        (true, Some(socket)) => Some(Receiver::connect("--console-socket", socket)?),
        (true, None) if is_detached => {
            let why = "nobody would see the terminal: --console-socket is needed, or no --detach";
            return Err(Failure::from(format!("--tty: {why}")));
        }
        (false, Some(_)) => return Err(Failure::from("--console-socket: there is no terminal: --tty".to_owned())),
        (_, None) => None,
    };
    let mut further = container.exec("", [""; 0]).process(process);
    if let Some(group) = text(asked, "cgroup") {
        further = further.cgroup(group.trim_start_matches('/'));
    }
    for (number, fd) in passed.numbered() {
        further = further.fd(number, fd);
    }
    let told = Told { console, listener: Listening::of(&container)?, pid_file: path(asked, "pid-file") };
    let signals = if is_detached { None } else { Some(Signals::block()?) };
    go(further, told, signals)
}

/// Waits until a container is not paused any more.
fn until_resumed(container: &Container) -> Result<(), Failure> {
    while known::status(container)? == PAUSED {
        std::thread::sleep(LOOK_AGAIN);
    }
    Ok(())
}

/// Who is told of the program once it is there.
struct Told<'a> {
    console: Option<Receiver>,
    listener: Option<Listening>,
    pid_file: Option<&'a Path>,
}

/// Who answers for the container's filter, if somebody does.
struct Listening {
    receiver: Receiver,
    metadata: Option<String>,
    state: State,
}

impl Listening {
    /// Finds it, before anything is started.
    fn of(container: &Container) -> Result<Option<Self>, Failure> {
        let Some(path) = container.memo(LISTENER) else { return Ok(None) };
        let receiver = Receiver::connect("linux.seccomp.listenerPath", Path::new(path))?;
        let bundle = container.bundle().map(Path::to_string_lossy).unwrap_or_default();
        let annotations = container.annotations().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let state = State::new(container.name().unwrap_or_default(), StateStatus::Running, bundle);
        let state = state.pid(container.pid().unwrap_or_default()).annotations(annotations);
        Ok(Some(Self { receiver, metadata: container.memo(LISTENER_METADATA).map(str::to_owned), state }))
    }
}

/// Executes it, and waits for it unless it is detached.
fn go(further: Exec<'_>, to_tell: Told<'_>, signals: Option<Signals>) -> Result<u8, Failure> {
    let Told { console, listener, pid_file } = to_tell;
    let mut executed = further.start()?;
    let told = || {
        if let (Some(console), Some(terminal)) = (&console, &executed.terminal) {
            console.send(terminal, b"/dev/ptmx")?;
        }
        if let (Some(Listening { receiver, metadata, state }), Some(listener)) = (&listener, &executed.listener) {
            making::send_listener(receiver, listener, executed.pid(), state, metadata.as_deref())?;
        }
        pid_file.map_or(Ok(()), |file| making::write_pid(file, executed.pid()))
    };
    if let Err(failure) = told() {
        // Nobody would know of it.
        executed.kill()?;
        executed.wait()?;
        return Err(failure);
    }
    let Some(signals) = signals else {
        // An engine that has called us is its parent next, and wants to know how it ends.
        executed.leave();
        return Ok(0);
    };
    let terminal = executed.terminal.take().filter(|_| console.is_none());
    foreground::attend(executed.as_fd(), &signals, terminal, |signal| {
        let _ended_meanwhile = executed.signal(signal);
    });
    Ok(executed.wait()?.shell_code().unwrap_or(NOT_EXECUTED))
}

/// The program that the options describe: what they do not say is as it is with the container's own.
fn of_options(container: &Container, asked: &ArgMatches) -> Result<Process, Failure> {
    let mut words = asked.get_many::<OsString>("command").into_iter().flatten();
    let Some(program) = words.next() else {
        return Err(Failure::from("there is no program to execute: COMMAND, or --process".to_owned()));
    };
    let mut further = container.exec(program, words);
    for variable in asked.get_many::<String>("env").into_iter().flatten() {
        let Some((name, value)) = variable.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(Failure::from(format!("--env: {variable:?} is no variable: NAME=value")));
        };
        further = further.env(name, value);
    }
    if let Some(directory) = text(asked, "cwd") {
        further = further.current_dir(directory);
    }
    if let Some(user) = text(asked, "user") {
        further = further.user_named(user);
    }
    let mut groups = Vec::new();
    for group in asked.get_many::<String>("additional-gids").into_iter().flatten() {
        let number: u32 = group
            .parse()
            .map_err(|_| Failure::from(format!("--additional-gids: {group:?} is no number of a group")))?;
        groups.push(number);
    }
    if !groups.is_empty() {
        further = further.groups(groups);
    }
    if asked.get_flag("tty") {
        further = further.terminal();
    }
    let mut process = further.home_of_user().as_process().clone();
    part::on_processors(&mut process, container.memo(EXEC_AFFINITY));
    for name in asked.get_many::<String>("cap").into_iter().flatten() {
        let names = process.capabilities.get_or_insert_default();
        for set in [&mut names.bounding, &mut names.effective, &mut names.permitted] {
            if !set.contains(name) {
                set.push(name.clone());
            }
        }
    }
    process.rights.no_new_privs |= asked.get_flag("no-new-privs");
    match (text(asked, "apparmor"), text(asked, "process-label")) {
        (Some(_), Some(_)) => {
            let why = "a program can be given one of the two";
            return Err(Failure::from(format!("--apparmor and --process-label: {why}")));
        }
        (Some(profile), None) => process.rights.label = Some(Label::apparmor(profile)),
        (None, Some(label)) => process.rights.label = Some(Label::selinux(label)),
        (None, None) => {}
    }
    Ok(process)
}

/// The program that a file describes, as `process` of a configuration does; it is under the container's filter, and what the
/// file does not say of rights is as it is with the container's own program.
fn of_file(container: &Container, file: &Path) -> Result<Process, Failure> {
    let described = oci::Process::from_json(input::text("--process", file)?)?;
    let (has_capabilities, has_rlimits) = (described.capabilities.is_some(), described.rlimits.is_some());
    let has_affinity = described.exec_cpu_affinity.is_some();
    let mut process = part::process(described)?;
    if !has_affinity {
        part::on_processors(&mut process, container.memo(EXEC_AFFINITY));
    }
    if let Some(own) = container.spec().map(|spec| &spec.process) {
        if !has_capabilities {
            process.capabilities = own.capabilities.clone();
        }
        if !has_rlimits {
            process.rights.rlimits = own.rights.rlimits.clone();
        }
        if process.rights.label.is_none() {
            process.rights.label = own.rights.label.clone();
        }
        process.rights.seccomp = own.rights.seccomp.clone();
        process.rights.seccomp_loading = own.rights.seccomp_loading;
        process.caller_keyring = own.caller_keyring;
    }
    process.home_of_user = true;
    Ok(process)
}
