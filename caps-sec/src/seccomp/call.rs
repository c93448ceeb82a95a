// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls: what a filter judges, `struct seccomp_data`.

use super::Arch;

/// A system call as a filter sees it: architecture, number, six arguments. Memory that an argument points to is out of its
/// sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Call {
    pub(super) audit_number: u32,
    pub(super) number: u32,
    pub(super) args: [u64; 6],
}

impl Call {
    /// The call of this number, on the architecture of this program, with arguments of 0.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self { audit_number: Arch::NATIVE.audit_number(), number, args: [0; 6] }
    }

    /// The call of this name, on the architecture of this program; `None` if that has none.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Arch::NATIVE.number_of(name).map(Self::new)
    }

    /// The same number on another architecture, by `AUDIT_ARCH_*` of linux/audit.h: [`Arch::audit_number`], or that of an
    /// architecture that there is no table of.
    #[must_use]
    pub const fn on(mut self, audit_number: u32) -> Self {
        self.audit_number = audit_number;
        self
    }

    /// The same with this argument; there is none but 0 to 5, and others change nothing.
    #[must_use]
    pub const fn arg(mut self, number: u8, value: u64) -> Self {
        // A slice's `get_mut` is not const, and an index out of range would panic.
        let mut at = 0;
        let mut args = self.args.as_mut_slice();
        while let [first, rest @ ..] = args {
            if at == number {
                *first = value;
                break;
            }
            at += 1;
            args = rest;
        }
        self
    }
}

/// Call number `u32::MAX`, which no kernel has.
impl Default for Call {
    fn default() -> Self {
        Self::new(u32::MAX)
    }
}
