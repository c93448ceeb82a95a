// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a test needs of its machine, and what it must not leave behind.
//!
//! A test opens with what it needs; where the machine lacks it the test prints `skipped: …`, writes one line to the
//! ledger that `cargo xtask test` counts, and returns. Its body is [`isolated`]: the block runs in a process of its own,
//! and must leave no process, descriptor, mount, link, table of nf_tables, scratch directory or cgroup behind.
//!
//! ```no_run
//! use needs::{isolated, needs, Scratch};
//!
//! #[test]
//! fn a_mount_is_seen_in_its_namespace_alone() {
//!     needs!(root, kernel(5, 12), program("mount"));
//!     isolated(|| {
//!         let dir = Scratch::new();
//!         assert!(dir.path().is_dir());
//!     });
//! }
//! ```
//!
//! | need | the machine must have |
//! |---|---|
//! | `root`, `user` | an effective user id of 0; one that is not 0 |
//! | `kernel(6, 9)` | Linux 6.9 or newer |
//! | `program("valgrind")` | this program on `PATH` |
//! | `file("/dev/net/tun")` | this file |
//! | `userns` | user namespaces that this account can make and be root in (tried in a child) |
//! | `subids` | `/etc/subuid` and `/etc/subgid` ranges for this account, and newuidmap and newgidmap that work |
//! | `cgroup("memory")`, `cgroup2("memory")`, `cgroup1("memory")` | a controller that this account may use |
//! | `systemd` | systemd as its process 1; the test is `isolated_unboxed`, for there numbers of processes are its own |
//! | `link_kind("dummy")` | a kind of network link that root may make (tried in a namespace) |
//! | `nf_tables` | a kernel with nf_tables (asked by netlink) |
//! | `capability("SYS_RESOURCE")` | a capability in the bounding set |
//! | `syscall("clone3")` | a call that the run does not deny (`cargo xtask test --deny-syscall`) |
//!
//! A new need is a function in `need.rs` that answers a [`Need`]; the macro finds it by its name.
//!
//! The crate reads these variables, which `cargo xtask test` sets: `SKEP_LEDGER` (the ledger's path), `SKEP_RING`
//! (`pure` makes every need of a privilege unmet), `SKEP_DENIED` (calls that are denied), `SKEP_RUN_TOKEN` (the start of
//! every [`token`]), `SKEP_BIN_DIR` (where [`bin`] looks first), `SKEP_ROUNDS` (how many percent of its [`rounds()`] a test
//! does).

#![allow(
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test tool speaks to the person who runs the test, and fails a test by a panic"
)]

mod denial;
mod filter;
pub mod groups;
mod isolation;
mod leak;
mod ledger;
mod machine;
mod messages;
pub mod need;
mod process;
mod program;
mod rounds;
mod scratch;
mod screen;
mod seeds;
mod sys;
mod token;

pub use denial::{Denial, Denials, denied};
pub use filter::deny;
pub use isolation::{isolated, isolated_for, isolated_unboxed, isolated_unboxed_for};
pub use messages::{Messages, in_words};
pub use need::Need;
pub use program::bin;
pub use rounds::rounds;
pub use scratch::{Scratch, remove_unless_mounted};
pub use screen::Screen;
pub use seeds::seeds_of;
pub use sys::heap::{CountingHeap, heap_bytes, heap_uses};
pub use token::token;

/// Says what the machine must have; the first line of a test.
///
/// Each need is a name of the [table](crate). The first that is unmet prints `skipped: …`, goes to the ledger, and makes
/// the test return.
#[macro_export]
macro_rules! needs {
    ($($need:ident $(($($argument:expr),* $(,)?))?),+ $(,)?) => {
        $(
            if $crate::need::$need($($($argument),*)?).skip() {
                return $crate::need::Skipped::skipped();
            }
        )+
    };
}
