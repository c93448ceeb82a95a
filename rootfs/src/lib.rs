// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a process sees on disk. mounts, roots and what is kept under them.
