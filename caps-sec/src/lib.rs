// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a process may do. capabilities, seccomp and security modules.
