// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls: what a filter judges, `struct seccomp_data`.

use std::fmt;

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

    /// The call of this name on an architecture; `None` if that has none.
    #[must_use]
    pub fn of(arch: Arch, name: &str) -> Option<Self> {
        arch.number_of(name).map(|number| Self::new(number).on(arch.audit_number()))
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

impl Call {
    /// A call by the numbers that the kernel describes it by.
    pub(super) const fn described(audit_number: u32, number: u32, args: [u64; 6]) -> Self {
        Self { audit_number, number, args }
    }

    /// Its name, where it is known.
    #[must_use]
    pub fn name(&self) -> Option<&'static str> {
        self.arch()?.name_of(self.number)
    }

    /// The architecture by whose numbers it is made, where it is known.
    #[must_use]
    pub fn arch(&self) -> Option<Arch> {
        Arch::of_call(self.audit_number, self.number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// Its six arguments.
    #[must_use]
    pub const fn args(&self) -> [u64; 6] {
        self.args
    }
}

/// "openat(0x3, 0x7ffd…, 0x0, …)": all six arguments.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name)?,
            None => write!(f, "call {}", self.number)?,
        }
        let args: Vec<String> = self.args.iter().map(|arg| format!("{arg:#x}")).collect();
        write!(f, "({})", args.join(", "))
    }
}

/// Call number `u32::MAX`, which no kernel has.
impl Default for Call {
    fn default() -> Self {
        Self::new(u32::MAX)
    }
}
