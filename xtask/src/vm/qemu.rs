// SPDX-License-Identifier: MIT OR Apache-2.0
//! Qemu: one machine, from its start to its end, as a child of ours and of nobody else.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use guest::job::{self, Shape, System};

use super::options::Options;
use super::tools;
use crate::failure::Failure;

/// How long a machine that has hung may take to say where.
const LAST_WORDS: Duration = Duration::from_secs(20);

/// What a machine is made of.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) kernel: &'a Path,
    pub(super) initial: &'a Path,
    pub(super) disk: &'a Path,
    pub(super) console: PathBuf,
    pub(super) parameters: String,
    /// In GiB.
    pub(super) memory: u32,
}

/// A machine that runs; ends with this value.
#[derive(Debug)]
pub(super) struct Machine {
    child: Child,
    console: PathBuf,
    errors: PathBuf,
    /// What it says on its port, line by line; shut when it has ended.
    pub(super) lines: Receiver<String>,
}

impl Machine {
    /// Starts qemu. The thread that does so must outlive the machine.
    pub(super) fn start(parts: Parts<'_>) -> Result<Self, Failure> {
        let errors = parts.console.with_extension("errors");
        let mut command = command(&parts);
        let log = fs::File::create(&errors).map_err(|error| format!("cannot make {}: {error}", errors.display()))?;
        // A pipe that stays open: at the end of its input qemu shuts the port.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().map_err(|error| format!("cannot run qemu-system-x86_64: {error}"))?;
        let (sender, lines) = channel();
        if let Some(stdout) = child.stdout.take() {
            thread::spawn(move || {
                let mut reader = BufReader::new(stdout);
                let mut line = Vec::new();
                while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                    if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                        break;
                    }
                    line.clear();
                }
            });
        }
        Ok(Self { child, console: parts.console, errors, lines })
    }

    /// Ends the machine if it has not ended by itself.
    pub(super) fn end(&mut self) -> Result<ExitStatus, Failure> {
        // That it has ended already is no failure.
        let _ended = self.child.kill();
        Ok(self.child.wait()?)
    }

    /// Has the kernel of a machine that has hung print on its console where it is, and break.
    pub(super) fn ask_where_it_is(&mut self) {
        let start = Instant::now();
        // A machine that does not answer is ended all the same. The socket stays open: a command is dropped with it.
        let Ok(mut socket) = UnixStream::connect(monitor(&self.console)) else { return };
        if socket.write_all(b"nmi\n").is_err() {
            return;
        }
        while start.elapsed() < LAST_WORDS && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// What its console and qemu itself have printed.
    pub(super) fn console(&self) -> String {
        let read = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).replace('\r', "");
        format!("{}{}", read(&self.console), read(&self.errors))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // On the way out of a failure that has been told.
        let _ended = self.end();
    }
}

fn command(parts: &Parts<'_>) -> Command {
    // Qemu dies with us, however we end.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "SIGKILL", "--"]).arg(tools::command("qemu-system-x86_64").get_program());
    command.args(["-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m"]);
    command.arg(format!("{}G", parts.memory));
    command.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
    command.arg("-kernel").arg(parts.kernel).arg("-initrd").arg(parts.initial);
    command.arg("-append").arg(&parts.parameters);
    command.arg("-drive").arg(format!("file={},if=none,id=disk,format=raw,cache=unsafe", escaped(parts.disk)));
    command.args(["-device", "virtio-blk-pci,drive=disk", "-device", "virtio-rng-pci"]);
    command.args(["-device", "virtio-serial-pci", "-chardev", "stdio,id=port,signal=off"]);
    command.arg("-device").arg(format!("virtserialport,chardev=port,name={}", job::PORT));
    command.arg("-chardev").arg(format!("file,id=console,path={}", escaped(&parts.console)));
    command.args(["-serial", "chardev:console"]);
    command
        .arg("-chardev")
        .arg(format!("socket,id=monitor,server=on,wait=off,path={}", escaped(&monitor(&parts.console))));
    command.args(["-monitor", "chardev:monitor"]);
    command
}

/// Where qemu takes commands, beside the console.
fn monitor(console: &Path) -> PathBuf {
    console.with_extension("monitor")
}

/// A comma ends a value of qemu's; two are one.
fn escaped(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

/// The kernel's command line.
pub(super) fn parameters(nonce: &str, options: &Options) -> String {
    let mut words = vec![
        "console=ttyS0",
        // Nobody waits for a machine that is broken: it ends at once, and qemu with it.
        "panic=-1",
        "oops=panic",
        // One that hangs is asked by an interrupt where each processor is, and every task.
        "unknown_nmi_panic",
        "panic_print=0x41",
        "mitigations=off",
        // Without these the kernel reads the time from a device, and walks a fifth table: both are slow when emulated.
        "tsc=reliable",
        "clocksource=tsc",
        "no5lvl",
        // On a loaded host the emulated timer may not tick in the moment in which the kernel tries it: it would panic.
        "no_timer_check",
        // Emulated code is translated for each address that it is found at. Where every program has the same one, a
        // start takes a quarter of the time.
        "norandmaps",
        "net.ifnames=0",
        "random.trust_cpu=on",
        "apparmor=1",
        "lsm=landlock,lockdown,yama,safesetid,integrity,apparmor,bpf",
        if options.verbose { "loglevel=7" } else { "loglevel=4" },
    ];
    if options.system == System::Systemd {
        words.extend(systemd(options.cgroup));
    }
    let nonce = format!("{}={nonce}", job::NONCE);
    words.push(&nonce);
    words.join(" ")
}

/// What systemd is told: its hierarchies, which newer ones refuse unless it is said twice, and nobody logs in.
fn systemd(shape: Shape) -> Vec<&'static str> {
    let mut words = vec!["systemd.getty_auto=no", "systemd.show_status=no"];
    words.extend(match shape {
        Shape::V2 => vec!["systemd.unified_cgroup_hierarchy=1"],
        Shape::V1 => vec!["systemd.legacy_systemd_cgroup_controller=1"],
        Shape::Hybrid => vec!["systemd.legacy_systemd_cgroup_controller=0"],
    });
    if shape != Shape::V2 {
        words.extend(["systemd.unified_cgroup_hierarchy=0", "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"]);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_in_a_path_does_not_end_it() {
        assert_eq!(escaped(Path::new("/a,b/c")), "/a,,b/c");
    }

    #[test]
    fn the_kernel_is_told_the_nonce_and_to_end_when_it_breaks() {
        let line = parameters("n1", &Options::default());
        for word in ["skep.nonce=n1", "panic=-1", "apparmor=1", "loglevel=4"] {
            assert!(line.split(' ').any(|found| found == word), "{word}");
        }
    }
}
