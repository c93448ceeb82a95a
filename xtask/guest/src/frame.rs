// SPDX-License-Identifier: MIT OR Apache-2.0
//! Frames: what the guest says to its host, a line each on a port that nothing else uses.
//!
//! ```text
//! guest                                            host
//!   Ready     mounts made, modules loaded  ──────►  prints what this machine is; the boot's time ends here
//!   Output    the command's lines          ──────►  prints them
//!   Progress  those that it marks          ──────►  keeps the last of them, to show where a hung machine was
//!   Beat      every few seconds            ──────►  knows that the guest's kernel and its PID 1 still run
//!   Ended     the command's status         ──────►  its own status; the guest powers off
//!   Failed    instead of any of these      ──────►  an error
//! ```
//! Each line begins with the nonce of this run: a line of anything else is told apart.

use serde::{Deserialize, Serialize};

use crate::job::PROGRESS;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Frame {
    /// The machine is up, and the command starts.
    Ready(Facts),
    /// A part of what the command has printed.
    Output(String),
    /// A line that the command has marked: what it was at, if nothing follows.
    Progress(String),
    /// A sign of life.
    Beat,
    /// The command has ended.
    Ended(End),
    /// The guest could not do its job, and why.
    Failed(String),
}

/// What the machine turned out to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The kernel's release.
    pub kernel: String,
    /// The cgroup controllers, each with the version of its hierarchy.
    pub controllers: Vec<String>,
    /// The security modules that are active.
    pub security: Vec<String>,
    /// What was asked for and is not there, a sentence each.
    pub lacks: Vec<String>,
}

/// How the command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// With this status.
    Exit(i32),
    /// By this signal.
    Signal(i32),
}

impl Frame {
    /// The frame of a line that the command has printed.
    #[must_use]
    pub fn of_line(line: String) -> Self {
        match line.strip_prefix(PROGRESS) {
            Some(rest) => Self::Progress(rest.trim_end().to_owned()),
            None => Self::Output(line),
        }
    }

    /// The frame's line, with its end.
    #[must_use]
    pub fn line(&self, nonce: &str) -> String {
        // A value of strings and numbers always has a JSON form.
        let text = serde_json::to_string(self).unwrap_or_default();
        format!("{nonce} {text}\n")
    }

    /// Reads a line; `None` when it is not a frame of this run.
    #[must_use]
    pub fn parse(line: &str, nonce: &str) -> Option<Self> {
        let text = line.trim_end().strip_prefix(nonce)?.strip_prefix(' ')?;
        serde_json::from_str(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_is_one_line_and_comes_back() {
        let facts = Facts { kernel: "6.1".into(), lacks: vec!["a\nb".into()], ..Facts::default() };
        let output = Frame::Output("two\nlines \"quoted\"\r\n".into());
        let ends = [End::Exit(3), End::Signal(9)].map(Frame::Ended);
        let progress = Frame::Progress("test a ... ok".into());
        for frame in
            [Frame::Ready(facts), output, progress, Frame::Beat, Frame::Failed("why".into())].into_iter().chain(ends)
        {
            let line = frame.line("n1");
            assert_eq!(line.find('\n'), Some(line.len() - 1), "{line:?}");
            assert_eq!(Frame::parse(&line, "n1"), Some(frame));
        }
    }

    #[test]
    fn only_a_marked_line_is_progress() {
        assert_eq!(Frame::of_line(format!("{PROGRESS}test a ... ok\n")), Frame::Progress("test a ... ok".into()));
        assert_eq!(Frame::of_line("a\u{1e}b\n".into()), Frame::Output("a\u{1e}b\n".into()));
    }

    #[test]
    fn a_line_of_another_run_or_of_nobody_is_no_frame() {
        let line = Frame::Beat.line("n1");
        for (line, nonce) in [(line.as_str(), "n2"), (&line, "n"), ("\"beat\"", ""), ("n1 {}", "n1"), ("", "n1")] {
            assert_eq!(Frame::parse(line, nonce), None, "{line:?} {nonce:?}");
        }
    }
}
