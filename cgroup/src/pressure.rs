// SPDX-License-Identifier: MIT OR Apache-2.0
//! Triggers of pressure: how much standing still, in how much time, is worth being told.
//!
//! Kernel: Documentation/accounting/psi.rst, "Monitoring for pressure thresholds"; kernel/sched/psi.c,
//! `psi_trigger_create`.

use std::fmt;
use std::time::Duration;

use crate::error::{Error, Object};

/// The kernel's bounds for windows: `WINDOW_MIN_US` and `WINDOW_MAX_US`.
const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(10);

/// Windows of who has no `CAP_SYS_RESOURCE` are multiples of the period in which the kernel averages.
pub(crate) const PERIOD: Duration = Duration::from_secs(2);

/// What processes may stand still for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Resource {
    /// A processor.
    #[doc(alias = "cpu.pressure")]
    Cpu,
    /// Memory.
    #[doc(alias = "memory.pressure")]
    Memory,
    /// Input and output.
    #[doc(alias = "io.pressure")]
    Io,
    /// A processor that serves interrupts; Linux 6.1.
    #[doc(alias = "irq.pressure")]
    Irq,
}

impl Resource {
    /// Its file.
    pub(crate) const fn file(self) -> &'static str {
        match self {
            Self::Cpu => "cpu.pressure",
            Self::Memory => "memory.pressure",
            Self::Io => "io.pressure",
            Self::Irq => "irq.pressure",
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.file().trim_end_matches(".pressure"))
    }
}

/// How long processes have to stand still in how much time for a [`Watch`](crate::Watch) to be ready
/// ([`Cgroup::watch_pressure`](crate::Cgroup::watch_pressure)).
///
/// Displays as the kernel's text, "some 150000 1000000": microseconds.
///
/// ```
/// use std::time::Duration;
/// use skep_cgroup::PressureTrigger;
///
/// let trigger = PressureTrigger::some(Duration::from_millis(150), Duration::from_secs(2));
/// trigger.check()?;
/// assert_eq!(trigger.to_string(), "some 150000 2000000");
/// # Ok::<(), skep_cgroup::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct PressureTrigger {
    full: bool,
    stall: Duration,
    window: Duration,
}

impl PressureTrigger {
    /// At least one process stood still for `stall` within `window`.
    ///
    /// The window is 500 ms to 10 s, the stall 1 µs up to the window. Without `CAP_SYS_RESOURCE` the window is a multiple of
    /// 2 s.
    #[must_use]
    pub const fn some(stall: Duration, window: Duration) -> Self {
        Self { full: false, stall, window }
    }

    /// All processes that had something to do stood still for `stall` within `window`; the same bounds.
    #[must_use]
    pub const fn full(stall: Duration, window: Duration) -> Self {
        Self { full: true, stall, window }
    }

    /// Whether it takes all processes to stand still.
    #[must_use]
    pub const fn is_full(self) -> bool {
        self.full
    }

    /// How long they have to.
    #[must_use]
    pub const fn stall(self) -> Duration {
        self.stall
    }

    /// In how much time.
    #[must_use]
    pub const fn window(self) -> Duration {
        self.window
    }

    /// Everything wrong with it by itself, a sentence each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let Self { stall, window, .. } = self;
        let mut problems = Vec::new();
        if !(SHORTEST..=LONGEST).contains(window) {
            problems.push(format!("window {window:?} is not from 500 ms to 10 s, which is what the kernel takes"));
        }
        if stall.as_micros() == 0 {
            problems.push(format!("stall {stall:?} is below the 1 µs that the kernel takes"));
        }
        if stall > window {
            problems.push(format!("stall {stall:?} is longer than the window {window:?} that it has to fit in"));
        }
        problems
    }

    /// Whether it makes sense by itself.
    ///
    /// # Errors
    /// `Invalid`, with every problem found ([`Error::problems`]).
    pub fn check(&self) -> Result<(), Error> {
        let problems = self.problems();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Error::invalid("use", Object::Named("a trigger of pressure"), problems))
        }
    }
}

impl fmt::Display for PressureTrigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.full { "full" } else { "some" };
        write!(f, "{word} {} {}", self.stall.as_micros(), self.window.as_micros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_those_of_the_kernel_and_every_problem_is_told() {
        let ms = Duration::from_millis;
        for (stall, window) in [(ms(1), ms(500)), (ms(10_000), ms(10_000)), (Duration::from_micros(1), ms(2000))] {
            assert!(PressureTrigger::some(stall, window).problems().is_empty());
        }
        assert_eq!(PressureTrigger::some(Duration::ZERO, ms(499)).problems().len(), 2);
        assert_eq!(PressureTrigger::full(ms(11_000), ms(10_001)).problems().len(), 2);
        assert_eq!(PressureTrigger::full(ms(501), ms(500)).problems().len(), 1);
        assert_eq!(PressureTrigger::some(Duration::from_nanos(999), ms(500)).problems().len(), 1);
        assert_eq!(PressureTrigger::full(ms(1), ms(500)).to_string(), "full 1000 500000");
    }
}
