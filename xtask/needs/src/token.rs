// SPDX-License-Identifier: MIT OR Apache-2.0
//! The run's token: a name that everything a test makes may carry, so that what is left can be told from the machine's.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;

use crate::isolation;

/// This process' token: `skep-test-…`, fit for the name of a file, a cgroup or a mount.
///
/// All tokens of one `cargo xtask test` start with the same text (`SKEP_RUN_TOKEN`). Inside [`isolated`](crate::isolated)
/// it is the token that the leak check looks for.
#[must_use]
pub fn token() -> &'static str {
    static TOKEN: OnceLock<String> = OnceLock::new();
    TOKEN.get_or_init(|| isolation::inherited_token().unwrap_or_else(fresh))
}

/// A token that no other process has. The process id would not do: in a pid namespace of its own every test has the same.
/// Short, because it goes into the paths of sockets, which end at 107 bytes.
pub(crate) fn fresh() -> String {
    let run = std::env::var("SKEP_RUN_TOKEN").unwrap_or_else(|_| "skep-test".to_owned());
    format!("{run}-{}", random().split_off(8))
}

/// Sixteen random hexadecimal digits: std seeds every hasher from the kernel.
pub(crate) fn random() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_for_the_process_and_new_for_each_test() {
        assert_eq!(token(), token());
        assert_ne!(fresh(), fresh());
        assert!(token().starts_with("skep-test-"), "{}", token());
    }
}
