// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel: its command line, and its end.

use std::fs;

use rustix::system::RebootCommand;

/// The value of a parameter `name=value` of the kernel's command line.
pub(crate) fn parameter(name: &str) -> Option<String> {
    find(&fs::read_to_string("/proc/cmdline").ok()?, name)
}

fn find(line: &str, name: &str) -> Option<String> {
    line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
}

/// Ends the machine; returns where that is refused.
pub(crate) fn power_off() {
    rustix::fs::sync();
    if let Err(errno) = rustix::system::reboot(RebootCommand::PowerOff) {
        eprintln!("guest: error: cannot power off: {errno}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_found_by_its_whole_name() {
        let line = "quiet skep.nonces=1 skep.nonce=a1=b skep.init=\n";
        assert_eq!(find(line, "skep.nonce").as_deref(), Some("a1=b"));
        assert_eq!(find(line, "skep.init").as_deref(), Some(""));
        assert_eq!(find(line, "quiet"), None);
    }
}
