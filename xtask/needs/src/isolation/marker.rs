// SPDX-License-Identifier: MIT OR Apache-2.0
//! The marker: what tells a re-run test program which part it plays.

use std::sync::OnceLock;

/// The variable that carries it.
pub(super) const VARIABLE: &str = "SKEP_ISOLATED";

/// Which of the re-run processes this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Warden,
    Inner,
}

/// Who runs us, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) stage: Stage,
    /// Our parent's process id, 0 in the box: a program that the block starts inherits the environment, but not this.
    pub(super) parent: i32,
    pub(super) boxed: bool,
    /// Comes back in the line that says "finished", so that nothing else can print it.
    pub(super) nonce: String,
    pub(super) token: String,
    pub(super) test: String,
}

impl Marker {
    /// This process' marker; `None` where it is an ordinary run of the tests.
    pub(super) fn of_this_process() -> Option<&'static Self> {
        static MARKER: OnceLock<Option<Marker>> = OnceLock::new();
        let read = || Self::parse(&std::env::var(VARIABLE).ok()?).filter(|marker| marker.parent == parent());
        MARKER.get_or_init(read).as_ref()
    }

    /// The variable's value.
    pub(super) fn text(&self) -> String {
        let stage = if self.stage == Stage::Warden { "warden" } else { "inner" };
        let Self { parent, boxed, nonce, token, test, .. } = self;
        format!("{stage} {parent} {boxed} {nonce} {token} {test}")
    }

    fn parse(text: &str) -> Option<Self> {
        // The name is last: nothing keeps it from having spaces.
        let mut fields = text.splitn(6, ' ');
        let stage = match fields.next()? {
            "warden" => Stage::Warden,
            "inner" => Stage::Inner,
            _ => return None,
        };
        Some(Self {
            stage,
            parent: fields.next()?.parse().ok()?,
            boxed: fields.next()?.parse().ok()?,
            nonce: fields.next()?.to_owned(),
            token: fields.next()?.to_owned(),
            test: fields.next()?.to_owned(),
        })
    }

    /// The line that the inner process prints first.
    pub(super) fn began(&self) -> String {
        format!("isolated: began {}", self.nonce)
    }

    /// The line that the inner process prints last.
    pub(super) fn finished(&self) -> String {
        format!("isolated: finished {}", self.nonce)
    }

    /// The start of the line that carries a panic's message.
    pub(super) fn panicked(&self) -> String {
        format!("isolated: panicked {} ", self.nonce)
    }
}

/// The parent's process id; 0 where it is outside of our pid namespace.
fn parent() -> i32 {
    rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_survives_the_environment() {
        let marker = Marker {
            stage: Stage::Inner,
            parent: 0,
            boxed: true,
            nonce: "0f".into(),
            token: "skep-test-1".into(),
            test: "a::name with spaces".into(),
        };
        assert_eq!(Marker::parse(&marker.text()), Some(marker));
        assert_eq!(Marker::parse("inner 1 true"), None);
    }
}
