// SPDX-License-Identifier: MIT OR Apache-2.0
//! The account of the user ring, when root runs the tests.

use std::fs;
use std::process::Command;

use crate::cargo;
use crate::debian;
use crate::failure::Failure;

/// Its name; made if absent.
pub(super) const NAME: &str = "skep-test";

/// How many subordinate ids it gets: what useradd gives an ordinary user.
const COUNT: u64 = 65_536;

/// An ordinary account with subordinate ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Account {
    /// Finds the account, or makes it and says so; likewise its ranges and the programs that map them.
    pub(super) fn ensure() -> Result<Self, Failure> {
        let passwd = fs::read_to_string("/etc/passwd").map_err(|error| format!("cannot read /etc/passwd: {error}"))?;
        let account = match find(&passwd) {
            Some(account) => account,
            None => make()?,
        };
        ensure_ranges()?;
        debian::ensure(&["uidmap"])?;
        Ok(account)
    }
}

fn make() -> Result<Account, Failure> {
    let options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"];
    cargo::output(Command::new("useradd").args(options).args(["--shell", "/usr/sbin/nologin", NAME]))?;
    let account = find(&fs::read_to_string("/etc/passwd")?).ok_or("useradd has made no line in /etc/passwd")?;
    println!("made the account {NAME} (uid {}) for the user ring; `userdel {NAME}` removes it", account.uid);
    Ok(account)
}

fn find(passwd: &str) -> Option<Account> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(NAME))?;
    let mut numbers = line.split(':').skip(2).map(str::parse);
    Some(Account { uid: numbers.next()?.ok()?, gid: numbers.next()?.ok()? })
}

fn ensure_ranges() -> Result<(), Failure> {
    for (path, option) in [("/etc/subuid", "--add-subuids"), ("/etc/subgid", "--add-subgids")] {
        let text = fs::read_to_string(path).unwrap_or_default();
        if text.lines().any(|line| line.split(':').next() == Some(NAME)) {
            continue;
        }
        let first = free(&text);
        let range = format!("{first}-{}", first + COUNT - 1);
        cargo::output(Command::new("usermod").args([option, &range, NAME]))?;
        println!("gave the account {NAME} the ids {range} in {path}");
    }
    Ok(())
}

/// The first id behind every range that is given.
fn free(text: &str) -> u64 {
    let end = |line: &str| {
        let mut numbers = line.split(':').skip(1).map(|field| field.trim().parse::<u64>().ok());
        Some(numbers.next()?? + numbers.next()??)
    };
    text.lines().filter_map(end).max().unwrap_or(0).max(100_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_found_by_its_whole_name() {
        let passwd = "root:x:0:0::/root:/bin/sh\nskep-tester:x:5:5::/:/bin/sh\nskep-test:x:998:997::/:/bin/sh\n";
        assert_eq!(find(passwd), Some(Account { uid: 998, gid: 997 }));
        assert_eq!(find("root:x:0:0::/root:/bin/sh"), None);
    }

    #[test]
    fn a_range_begins_behind_all_others() {
        assert_eq!(free(""), 100_000);
        assert_eq!(free("a:100000:65536\nb:165536:1000\nbroken\n"), 166_536);
        assert_eq!(free("a:1000:1\n"), 100_000);
    }
}
