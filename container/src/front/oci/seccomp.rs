// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which system calls a container may make.

use super::object::object;

object! {
    /// Which system calls a container may make.
    ///
    /// What Docker's and podman's profile files have beside it (`archMap`, `includes`) is kept, and counts:
    /// [`skep_caps_sec::Profile`] reads it.
    Seccomp {
        required {
            /// What becomes of a call that no rule is about: `SCMP_ACT_ERRNO`.
            default_action: String = "defaultAction",
        }
        optional {
            /// The error number of that.
            default_errno_ret: u64 = "defaultErrnoRet",
            /// `SCMP_ARCH_X86_64` and others.
            architectures: Vec<String> = "architectures",
            /// How the filter is loaded: `SECCOMP_FILTER_FLAG_LOG`.
            flags: Vec<String> = "flags",
            /// The socket that the listener is sent to.
            listener_path: String = "listenerPath",
            /// What is sent with it.
            listener_metadata: String = "listenerMetadata",
            /// The rules.
            syscalls: Vec<Syscall> = "syscalls",
        }
    }
}

object! {
    /// A rule about system calls.
    Syscall {
        required {}
        optional {
            /// The calls.
            names: Vec<String> = "names",
            /// What becomes of them.
            action: String = "action",
            /// The error number of that.
            errno_ret: u64 = "errnoRet",
            /// Conditions.
            args: Vec<SyscallArg> = "args",
        }
    }
}

object! {
    /// A condition on an argument.
    SyscallArg {
        required {}
        optional {
            /// Which argument, from 0 to 5.
            index: u64 = "index",
            /// What it is compared to; the mask for `SCMP_CMP_MASKED_EQ`.
            value: u64 = "value",
            /// What the masked argument is compared to.
            value_two: u64 = "valueTwo",
            /// How: `SCMP_CMP_EQ`.
            op: String = "op",
        }
    }
}
