// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the tests share: processes to put into scopes, and scopes that are gone afterwards.

use std::error::Error as _;
use std::ops::Deref;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use needs::{isolated_unboxed_for, token};
use skep_cgroup::systemd::{CollectMode, Systemd, Unit, UnitSpec};
use skep_cgroup::{Error, ErrorKind};

/// Long enough for anything that works, on any machine: what hangs is told before [`asking`] gives up.
pub(crate) const LONG: Duration = Duration::from_mins(3);

/// Runs a test that asks systemd: outside of any box, and one at a time, for systemd does one thing at a time too.
pub(crate) fn asking(block: impl FnOnce()) {
    static ONE: Mutex<()> = Mutex::new(());
    // One that has failed has not spoilt anything for the others.
    let _turn = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    isolated_unboxed_for(LONG * 2, block);
}

/// A name that nobody else has.
pub(crate) fn name(word: &str) -> String {
    format!("{}-{word}", token())
}

/// A scope of this process that is forgotten when it has ended.
pub(crate) fn spec(word: &str, child: &Child) -> UnitSpec {
    UnitSpec::new(name(word)).process(child.id()).collect_mode(CollectMode::InactiveOrFailed)
}

/// A shell that does this once it is told to go on.
pub(crate) fn sh(script: &str) -> Child {
    let script = format!("read line; {script}");
    Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
}

pub(crate) fn go(child: &mut Child) {
    drop(child.stdin.take());
}

/// An error with all that it has to say.
pub(crate) fn said(error: &Error) -> String {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    format!("{error}: {cause} ({})", error.hint().unwrap_or_default())
}

/// A unit that is stopped whatever the test has come to.
pub(crate) struct Swept(pub(crate) Unit);

impl Deref for Swept {
    type Target = Unit;

    fn deref(&self) -> &Unit {
        &self.0
    }
}

impl Drop for Swept {
    fn drop(&mut self) {
        match self.0.stop(LONG) {
            Err(error) if error.kind() != ErrorKind::NotFound && !std::thread::panicking() => {
                panic!("{}", said(&error))
            }
            _ => {}
        }
    }
}

pub(crate) fn start(systemd: &Systemd, spec: &UnitSpec) -> Swept {
    Swept(systemd.start(spec, LONG).unwrap_or_else(|error| panic!("{}", said(&error))))
}
