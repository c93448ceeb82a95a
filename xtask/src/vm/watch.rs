// SPDX-License-Identifier: MIT OR Apache-2.0
//! The watch: listens to a machine until it ends, and judges what came of it.

use std::collections::VecDeque;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use guest::frame::{End, Facts, Frame};

use super::qemu::Machine;
use crate::failure::Failure;

/// How long a machine may take until its command starts, and how long it may say nothing after that.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) boot: Duration,
    pub(super) silence: Duration,
    pub(super) whole: Duration,
}

/// What was heard of a machine.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) facts: Option<Facts>,
    pub(super) end: Option<End>,
    /// What its command was at, the last lines.
    progress: VecDeque<String>,
    failed: Option<String>,
    /// Why it was killed.
    late: Option<String>,
    pub(super) boot: Duration,
    pub(super) whole: Duration,
}

/// How many lines of the console and of the command an error shows.
const LAST_LINES: usize = 25;

/// Listens until the machine has ended, or has run out of patience. What its command prints is given to `print`.
pub(super) fn listen(
    machine: &mut Machine,
    nonce: &str,
    patience: Patience,
    mut print: impl FnMut(&Frame),
) -> Result<Record, Failure> {
    let start = Instant::now();
    let mut record = Record::default();
    let mut heard = start;
    loop {
        let limit = record.limit(start, heard, patience);
        match machine.lines.recv_timeout(limit.0.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                let Some(frame) = Frame::parse(&line, nonce) else { continue };
                heard = Instant::now();
                print(&frame);
                record.take(frame, start);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                record.late = Some(limit.1);
                machine.ask_where_it_is();
                machine.end()?;
                break;
            }
        }
    }
    record.whole = start.elapsed();
    Ok(record)
}

impl Record {
    /// When patience ends, and the sentence for it.
    fn limit(&self, start: Instant, heard: Instant, patience: Patience) -> (Instant, String) {
        let whole = (start + patience.whole, format!("the machine still ran after {:?}", patience.whole));
        let next = if self.facts.is_none() {
            (start + patience.boot, format!("the machine was not up after {:?}", patience.boot))
        } else {
            (heard + patience.silence, format!("the machine has hung: no sign of life for {:?}", patience.silence))
        };
        if next.0 <= whole.0 { next } else { whole }
    }

    fn take(&mut self, frame: Frame, start: Instant) {
        match frame {
            Frame::Ready(facts) => {
                self.boot = start.elapsed();
                self.facts = Some(facts);
            }
            Frame::Ended(end) => self.end = Some(end),
            Frame::Failed(why) => self.failed = Some(why),
            Frame::Progress(line) => self.remember(line),
            // What is output has been shown already.
            Frame::Output(_) | Frame::Beat => {}
        }
    }

    /// Success if the command has ended with 0, and the kernel well; the error shows the console's last lines.
    pub(super) fn judge(&self, console: &str) -> Result<(), String> {
        let sentence = match (panic_of(console), &self.late, &self.failed, self.end) {
            // It breaks when it is asked where it is.
            (_, Some(late), ..) => format!("{late}, and was killed"),
            // Whatever was said before it, a machine whose kernel broke proves nothing.
            (Some(line), ..) => format!("the kernel of the machine has panicked: {line}"),
            (_, _, Some(why), _) => why.clone(),
            (.., Some(End::Exit(0))) => return Ok(()),
            // A command that fails has said why on its own output.
            (.., Some(End::Exit(code))) => return Err(format!("the command has ended with exit status {code}")),
            (.., Some(End::Signal(signal))) => format!("the command was ended by signal {signal}"),
            (.., None) => "the machine ended before its command did".to_owned(),
        };
        let mut text = sentence;
        if !self.progress.is_empty() {
            let lines: Vec<&str> = self.progress.iter().map(String::as_str).collect();
            text.push_str(&format!("\n--- the last lines of its command ---\n{}", lines.join("\n")));
        }
        // A machine that has hung was asked where it is: that is long, and all there is to find the reason by.
        let most = if self.late.is_some() { usize::MAX } else { LAST_LINES };
        Err(format!("{text}\n--- the last lines of its console ---\n{}\n--- end ---", last_lines(console, most)))
    }

    fn remember(&mut self, line: String) {
        if self.progress.len() == LAST_LINES {
            self.progress.pop_front();
        }
        self.progress.push_back(line);
    }
}

fn panic_of(console: &str) -> Option<&str> {
    console.lines().find_map(|line| line.split_once("Kernel panic - ").map(|(_, rest)| rest))
}

fn last_lines(console: &str, most: usize) -> String {
    let lines: Vec<&str> = console.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.is_empty() {
        return "(it has printed nothing; --verbose makes it talk)".to_owned();
    }
    lines.get(lines.len().saturating_sub(most)..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(end: Option<End>) -> Record {
        Record { end, ..Record::default() }
    }

    #[test]
    fn only_a_command_that_ended_with_0_is_a_success() {
        assert_eq!(ended(Some(End::Exit(0))).judge("boot\n"), Ok(()));
        assert!(ended(Some(End::Exit(3))).judge("").unwrap_err().contains("exit status 3"));
        assert!(ended(Some(End::Signal(9))).judge("").unwrap_err().contains("signal 9"));
        let text = ended(None).judge("one\n\ntwo\n").unwrap_err();
        assert!(text.contains("ended before its command did") && text.contains("one\ntwo\n"), "{text}");
    }

    #[test]
    fn a_kernel_that_panics_after_a_success_is_a_failure() {
        let console = "[ 1.0] Kernel panic - not syncing: sysrq triggered crash\n[ 1.1] CPU: 0\n";
        let text = ended(Some(End::Exit(0))).judge(console).unwrap_err();
        assert!(text.contains("has panicked: not syncing: sysrq triggered crash"), "{text}");
    }

    #[test]
    fn a_machine_that_was_late_or_failed_is_a_failure_whatever_it_said() {
        let late = Record { late: Some("the machine has hung".into()), ..ended(Some(End::Exit(0))) };
        assert!(late.judge("").unwrap_err().contains("has hung, and was killed"));
        let failed = Record { failed: Some("cannot read the job".into()), ..ended(Some(End::Exit(0))) };
        assert!(failed.judge("").unwrap_err().starts_with("cannot read the job\n"));
    }

    #[test]
    fn a_late_machine_shows_what_its_command_was_at() {
        let mut record = Record { late: Some("the machine has hung".into()), ..Record::default() };
        let start = Instant::now();
        (0..100).for_each(|number| record.take(Frame::Progress(format!("test {number} ... ok")), start));
        let text = record.judge("").unwrap_err();
        assert!(text.contains("test 99 ... ok\n--- the last lines of its console"), "{text}");
        assert_eq!(text.matches(" ... ok").count(), LAST_LINES);
    }

    #[test]
    fn a_machine_that_has_hung_shows_all_that_it_said_as_it_was_asked() {
        let record = Record { late: Some("the machine has hung".into()), ..Record::default() };
        let trace: String = (0..100).map(|number| format!("line {number}\n")).collect();
        let text = record.judge(&format!("{trace}Kernel panic - not syncing: NMI\n")).unwrap_err();
        assert!(text.starts_with("the machine has hung, and was killed") && text.contains("\nline 0\n"), "{text}");
    }

    #[test]
    fn the_last_lines_are_few() {
        let console: String = (0..100).map(|number| format!("line {number}\n")).collect();
        let text = last_lines(&console, LAST_LINES);
        assert_eq!(text.lines().count(), LAST_LINES);
        assert!(text.ends_with("line 99"));
        assert!(last_lines("\n", LAST_LINES).contains("printed nothing"));
    }

    #[test]
    fn patience_is_for_the_boot_then_for_silence_and_always_for_the_whole() {
        let seconds = Duration::from_secs;
        let patience = Patience { boot: seconds(10), silence: seconds(5), whole: seconds(60) };
        let start = Instant::now();
        let mut record = Record::default();
        assert!(record.limit(start, start, patience).1.contains("not up after 10s"));
        record.take(Frame::Ready(Facts::default()), start);
        let (end, sentence) = record.limit(start, start + seconds(20), patience);
        assert_eq!(end, start + seconds(25));
        assert!(sentence.contains("no sign of life for 5s"));
        assert!(record.limit(start, start + seconds(58), patience).1.contains("still ran after 60s"));
    }
}
