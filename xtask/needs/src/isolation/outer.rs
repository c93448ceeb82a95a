// SPDX-License-Identifier: MIT OR Apache-2.0
//! The outer process: starts the box, waits, and judges.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::marker::{Marker, Stage, VARIABLE};
use crate::{scratch, token};

/// How to make the box: unshare is essential on Debian, and has no need of unsafe code of ours.
const BOX: [&str; 9] =
    ["--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--net", "--propagation", "private", "--"];

/// Runs the test `name` again, and panics unless its block finished.
pub(super) fn judge(name: &str, deadline: Duration, boxed: bool) {
    let marker = Marker {
        stage: Stage::Warden,
        parent: if boxed { 0 } else { rustix::process::getpid().as_raw_nonzero().get() },
        boxed,
        nonce: token::random(),
        token: token::fresh(),
        test: name.to_owned(),
    };
    let run = match Run::start(&marker).and_then(|run| run.wait(deadline)) {
        Ok(run) => run,
        Err(error) => panic!("cannot isolate the test {name}: {error}"),
    };
    let verdict = run.verdict(&marker, deadline);
    scratch::sweep(&marker.token);
    let Err(sentence) = verdict else {
        // What the block has printed, for --nocapture and for the output of a failure further on.
        print!("{}", run.block_output(&marker));
        return;
    };
    let record = run.text.trim_end();
    if run.should_panic(name) {
        end_the_program(&format!(
            "{name} is a should_panic test, in which no failure of isolated can be seen\n{record}"
        ));
    }
    panic!("isolated: {name} {sentence}\n--- what it printed ---\n{record}\n--- end ---");
}

/// A panic would be what a should_panic test waits for: end all tests, which cannot look green.
#[allow(clippy::exit, clippy::disallowed_methods, reason = "the one failure that the harness cannot turn round")]
fn end_the_program(sentence: &str) -> ! {
    eprintln!("isolated: {sentence}");
    std::process::exit(101);
}

/// The arguments that make a test program run one test in the open.
pub(super) fn rerun(test: &str) -> [&str; 5] {
    [test, "--exact", "--include-ignored", "--nocapture", "--test-threads=1"]
}

/// The warden, running.
struct Run {
    child: Child,
    record: File,
}

/// The warden's end, and all that was printed.
struct Ended {
    status: ExitStatus,
    late: bool,
    text: String,
}

impl Run {
    fn start(marker: &Marker) -> io::Result<Self> {
        let program = std::env::current_exe()?;
        let mut command = if marker.boxed {
            let mut command = Command::new("unshare");
            command.args(BOX).arg(program);
            command
        } else {
            Command::new(program)
        };
        let record = record_file(&marker.token)?;
        // A file and not a pipe: a process that the block has left would hold a pipe open.
        let child = command
            .args(rerun(&marker.test))
            .env(VARIABLE, marker.text())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(record.try_clone()?)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("cannot start the box: {error}")))?;
        Ok(Self { child, record })
    }

    fn wait(mut self, deadline: Duration) -> io::Result<Ended> {
        let end = Instant::now() + deadline;
        let status = poll(&mut self.child, end)?;
        let late = status.is_none();
        let status = match status {
            Some(status) => status,
            None => self.end()?,
        };
        self.record.rewind()?;
        let mut text = Vec::new();
        self.record.read_to_end(&mut text)?;
        Ok(Ended { status, late, text: String::from_utf8_lossy(&text).into_owned() })
    }

    /// Ends the warden and everything below it.
    fn end(&mut self) -> io::Result<ExitStatus> {
        drop(self.child.stdin.take());
        if let Some(status) = poll(&mut self.child, Instant::now() + Duration::from_secs(10))? {
            return Ok(status);
        }
        // Boxed, unshare's --kill-child takes the warden with it.
        self.child.kill()?;
        self.child.wait()
    }
}

/// Waits until `end`; `None` when it is past. Asks again and again, because a pidfd may be denied to this run.
fn poll(child: &mut Child, end: Instant) -> io::Result<Option<ExitStatus>> {
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() > end {
            return Ok(None);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// A file without a name, in which every writer appends.
fn record_file(token: &str) -> io::Result<File> {
    let path = std::env::temp_dir().join(format!("{token}.record"));
    let file = OpenOptions::new().read(true).append(true).create_new(true).open(&path);
    let file = file.map_err(|error| with_path(&error, &path))?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

fn with_path(error: &io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("cannot make {}: {error}", path.display()))
}

impl Ended {
    /// Success needs both: exit 0, and the line that only the end of the block prints.
    fn verdict(&self, marker: &Marker, deadline: Duration) -> Result<(), String> {
        if self.late {
            return Err(format!("did not finish within {deadline:?}, and was killed"));
        }
        let panicked = self.text.lines().find_map(|line| line.strip_prefix(&marker.panicked()));
        if let Some(message) = panicked {
            return Err(format!("panicked: {}", message.replace("\\n", "\n").replace("\\\"", "\"")));
        }
        let leaks: Vec<&str> = self.text.lines().filter_map(|line| line.strip_prefix("isolated: leaked: ")).collect();
        if !leaks.is_empty() {
            return Err(format!("left behind: {}", leaks.join("; ")));
        }
        match (self.has(&marker.finished()), self.status.success()) {
            (true, true) => Ok(()),
            (false, true) if !self.has(&marker.began()) => {
                Err("was not found by its name in a fresh run of its own program".to_owned())
            }
            (false, true) => Err("ended its process before its block finished".to_owned()),
            (_, false) if self.refused_box(marker) => Err(format!(
                "could not get its box ({}): root without CAP_SYS_ADMIN, or a call that is denied",
                self.text.trim()
            )),
            (_, false) => Err(format!("failed before its block finished: {}", self.status)),
        }
    }

    /// Whether a line of the record ends so: the block may have printed something before it on the same line.
    fn has(&self, line: &str) -> bool {
        self.text.lines().any(|found| found.ends_with(line))
    }

    /// What the block has printed, without the harness' lines and ours.
    fn block_output(&self, marker: &Marker) -> &str {
        let (began, finished) = (format!("{}\n", marker.began()), marker.finished());
        let text = self.text.split_once(&began).map_or("", |(_, rest)| rest);
        text.split_once(&finished).map_or(text, |(block, _)| block)
    }

    /// Whether unshare itself has failed: then nothing of ours has run.
    fn refused_box(&self, marker: &Marker) -> bool {
        marker.boxed && self.text.starts_with("unshare: ")
    }

    /// Whether the harness says that it wants this test to panic.
    fn should_panic(&self, name: &str) -> bool {
        self.text.contains(&format!("test {name} - should panic"))
    }
}
