// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a bundle to a container whose program is still to be executed: what `create` and `run` share.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::ArgMatches;
use serde_json::json;
use skep::caps_sec::Listener;
use skep::ns::NamespaceKind;
use skep::oci::{Bundle, Config, Setting, State, StateStatus, Translated, VERSION};
use skep::{Builder, Container, Created, ErrorKind, Terminal};

use crate::arguments::{Globals, Manager};
use crate::console::Receiver;
use crate::failure::Failure;
use crate::known::{CREATED, EXEC_AFFINITY, LISTENER, LISTENER_METADATA};
use crate::notify::{self, Directory};
use crate::passed::Passed;
use crate::{input, moment, part, place};

/// Who sees the container's terminal, if it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Console {
    /// Whoever listens at `--console-socket`.
    OfSocket,
    /// We do, for as long as the program runs.
    Ours,
}

/// A container to be.
#[derive(Debug)]
pub(crate) struct Described {
    builder: Builder,
    /// Who gets the terminal.
    console: Option<Receiver>,
    pid_file: Option<PathBuf>,
    /// Who gets the listener of its filter, and what is sent with it.
    listener: Option<(PathBuf, Option<String>)>,
    state: State,
    /// The directory of the socket by which its program tells that it is ready.
    notify: Option<Directory>,
}

/// The container that a bundle describes, with what the command line says. Nothing is changed by it.
pub(crate) fn describe(
    globals: &Globals,
    id: &str,
    asked: &ArgMatches,
    console: Console,
) -> Result<Described, Failure> {
    // Before anything is opened, which would have one of their numbers.
    let passed = Passed::take(asked.get_one::<u16>("preserve-fds").copied().unwrap_or_default())?;
    match Container::open_in(&globals.root, id) {
        Ok(_) => return Err(Failure::from(format!("container with given ID already exists: {id}"))),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let path = |name: &str| asked.get_one::<PathBuf>(name).cloned();
    let (bundle, mut config) = read(&path("bundle").unwrap_or_default(), path("config").as_deref())?;
    let console = receiver(&config, path("console-socket").as_deref(), console)?;
    group(globals, id, &mut config)?;
    let mut setting = Setting::here_for(&config)?;
    if globals.rootless {
        setting = setting.limits_where_possible();
    }
    let annotations = config.annotations.clone().unwrap_or_default();
    let state = State::new(id, StateStatus::Creating, bundle.to_string_lossy()).annotations(annotations);
    let Translated { mut spec, listener, notes, .. } = config.translate(&bundle, &setting)?;
    for note in &notes {
        // The specification wants a warning of what cannot be given.
        let is_of_rights = note.starts_with("process.capabilities");
        if is_of_rights { globals.log.warning(note) } else { globals.log.debug(note) }
    }
    spec.memo.insert(CREATED.to_owned(), moment::rfc3339(SystemTime::now()));
    let affinity = config.process.as_ref().and_then(|process| process.exec_cpu_affinity.as_ref());
    if let Some(list) = affinity.and_then(part::affinity) {
        spec.memo.insert(EXEC_AFFINITY.to_owned(), list);
    }
    if let Some((path, metadata)) = &listener {
        spec.memo.insert(LISTENER.to_owned(), path.to_string_lossy().into_owned());
        spec.memo.extend(metadata.clone().map(|metadata| (LISTENER_METADATA.to_owned(), metadata)));
    }
    // What it uses is asked for, and its limits are changed, while it runs.
    spec.resources.every_controller = true;
    if let Some(scope) = &mut spec.resources.scope {
        scope.of_user = place::is_of_user();
    }
    // Engines leave it to the runtime to say where a user is at home.
    spec.process.home_of_user = true;
    place::prepare(&globals.root)?;
    let tells = notify::Listener::ours()?.is_some() && spec.namespaces.contains(NamespaceKind::Mount);
    let notify = if tells { Some(Directory::make(&globals.root, id)?) } else { None };
    if let Some(mount) = notify.as_ref().and_then(Directory::mount) {
        spec.mounts = spec.mounts.add(mount);
    }
    let mut builder = Builder::from_spec(spec).name(id).state_root(&globals.root);
    if notify.is_some() {
        builder = builder.envs([Directory::variable()]);
    }
    if asked.get_flag("no-new-keyring") {
        builder = builder.in_caller_keyring();
    }
    builder = builder.envs(passed.variables());
    builder = passed.numbered().fold(builder, |builder, (number, fd)| builder.fd(number, fd));
    Ok(Described { builder, console, pid_file: path("pid-file"), listener, state, notify })
}

impl Described {
    /// Makes it, and gives engines what they wait for before its start. What fails here leaves nothing behind.
    pub(crate) fn create(self) -> Result<Created, Failure> {
        let (builder, told, notify) = self.ready()?;
        let mut created = builder.create()?;
        let listener = created.take_listener();
        told.tell(created.pid(), created.terminal(), listener.as_ref())?;
        Directory::keep(notify);
        Ok(created)
    }

    /// The same, for others to start: it waits when we have ended.
    pub(crate) fn create_waiting(self) -> Result<Container, Failure> {
        let (builder, told, notify) = self.ready()?;
        let container = builder.create_waiting()?;
        let pid = container.pid().unwrap_or_default();
        match told.tell(pid, container.terminal.as_ref(), container.listener.as_ref()) {
            Ok(()) => {
                Directory::keep(notify);
                Ok(container)
            }
            Err(failure) => {
                // What has failed first is what counts.
                drop(container.delete());
                Err(failure)
            }
        }
    }

    /// Finds who is to be told, before anything is made.
    fn ready(self) -> Result<(Builder, Told, Option<Directory>), Failure> {
        let Self { builder, console, pid_file, listener, state, notify } = self;
        let listener = match listener {
            Some((path, metadata)) => Some((Receiver::connect("linux.seccomp.listenerPath", &path)?, metadata)),
            None => None,
        };
        Ok((builder, Told { console, pid_file, listener, state }, notify))
    }
}

/// Who is told of a container once it is made.
#[derive(Debug)]
struct Told {
    console: Option<Receiver>,
    pid_file: Option<PathBuf>,
    listener: Option<(Receiver, Option<String>)>,
    state: State,
}

impl Told {
    fn tell(self, pid: u32, terminal: Option<&Terminal>, listener: Option<&Listener>) -> Result<(), Failure> {
        if let (Some(console), Some(terminal)) = (&self.console, terminal) {
            // Who receives it takes the bytes for its name.
            console.send(terminal, b"/dev/ptmx")?;
        }
        if let (Some((receiver, metadata)), Some(listener)) = (&self.listener, listener) {
            send_listener(receiver, listener, pid, &self.state.pid(pid), metadata.as_deref())?;
        }
        self.pid_file.map_or(Ok(()), |file| write_pid(&file, pid))
    }
}

/// Sends the listener of a process's filter to who answers for it.
pub(crate) fn send_listener(
    receiver: &Receiver,
    listener: &Listener,
    pid: u32,
    state: &State,
    metadata: Option<&str>,
) -> Result<(), Failure> {
    let mut message = json!({"ociVersion": VERSION, "fds": ["seccompFd"], "pid": pid, "state": state});
    if let (Some(metadata), Some(message)) = (metadata, message.as_object_mut()) {
        message.insert("metadata".to_owned(), json!(metadata));
    }
    receiver.send(listener, message.to_string().as_bytes())
}

/// Tells what has not been done as it was asked for: the first so many by plan, the others because hooks have failed.
pub(crate) fn tell_notes(globals: &Globals, planned: usize, notes: &[String]) {
    for (at, note) in notes.iter().enumerate() {
        if at < planned { globals.log.debug(note) } else { globals.log.warning(note) }
    }
}

/// Writes a process's number down, at once or not at all: engines wait for the file.
pub(crate) fn write_pid(file: &Path, pid: u32) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::from(format!("--pid-file: cannot write {file:?}: {error}"));
    let Some(name) = file.file_name() else {
        return Err(Failure::from(format!("--pid-file: {file:?} is no path of a file")));
    };
    let mut hidden = std::ffi::OsString::from(format!(".{}-", std::process::id()));
    hidden.push(name);
    let other = file.with_file_name(hidden);
    let written = std::fs::File::create_new(&other)
        .and_then(|mut made| made.write_all(pid.to_string().as_bytes()))
        .and_then(|()| std::fs::rename(&other, file));
    written.map_err(|error| {
        drop(std::fs::remove_file(&other));
        failed(error)
    })
}

/// The bundle's directory and its configuration, or another one for it.
fn read(bundle: &Path, config: Option<&Path>) -> Result<(PathBuf, Config), Failure> {
    let Some(file) = config else {
        return Ok(Bundle::open(bundle)?.into_parts());
    };
    let bundle = std::path::absolute(bundle)
        .map_err(|error| Failure::from(format!("--bundle: {bundle:?} cannot be made absolute: {error}")))?;
    Ok((bundle, Config::from_json(input::text("--config", file)?)?))
}

/// Who listens for the terminal; a terminal without somebody who sees it is none.
fn receiver(config: &Config, socket: Option<&Path>, console: Console) -> Result<Option<Receiver>, Failure> {
    let has_terminal = config.process.as_ref().is_some_and(|process| process.terminal == Some(true));
    match (has_terminal, socket, console) {
        (true, Some(socket), Console::OfSocket) => Receiver::connect("--console-socket", socket).map(Some),
        (true, None, Console::OfSocket) => Err(Failure::from(
            "process.terminal: nobody would see the terminal: --console-socket is needed, or no --detach".to_owned(),
        )),
        (false, Some(_), _) => {
            Err(Failure::from("--console-socket: process.terminal does not ask for a terminal".to_owned()))
        }
        (_, Some(_), Console::Ours) => {
            Err(Failure::from("--console-socket: the terminal is shown here, unless with --detach".to_owned()))
        }
        (_, None, _) => Ok(None),
    }
}

/// Says which scope of systemd's it is, as far as the configuration does not.
fn scope(id: &str, path: &mut String) -> Result<(), Failure> {
    if path.is_empty() {
        *path = format!(":skep-oci:{id}");
    }
    if path.starts_with('/') || path.split(':').count() != 3 {
        return Err(Failure::from(format!(
            "linux.cgroupsPath: {path:?} names no scope: with --systemd-cgroup it is SLICE:PREFIX:NAME"
        )));
    }
    Ok(())
}

/// Says where its control group is, as far as the configuration does not.
fn group(globals: &Globals, id: &str, config: &mut Config) -> Result<(), Failure> {
    let linux = config.linux.get_or_insert_default();
    match globals.manager {
        Manager::Cgroupfs => {}
        Manager::Systemd => return scope(id, linux.cgroups_path.get_or_insert_default()),
        Manager::Disabled => {
            (linux.cgroups_path, linux.resources) = (None, None);
            return Ok(());
        }
    }
    let is_said = linux.cgroups_path.as_ref().is_some_and(|path| !path.is_empty());
    if globals.rootless {
        // Where those of root would be, an ordinary user makes none: one is made where there are rights to it.
        linux.cgroups_path = None;
    } else if !is_said {
        linux.cgroups_path = Some(format!("/{id}"));
    }
    Ok(())
}
