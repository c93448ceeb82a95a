// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who the command is: numbers, or a name that is looked up in the root that the command sees.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use skep::rootfs::Root;

use crate::sentence;

/// The largest list of accounts that is read: it may be somebody else's file.
const ACCOUNTS_MAX: u64 = 1 << 20;

/// A user and a group.
pub(crate) type Ids = (u32, u32);

/// What `--user` names: `UID`, `UID:GID` or `NAME`, which is looked up in `root`.
///
/// # Errors
/// A sentence.
pub(crate) fn find(text: &str, root: &Path) -> Result<Ids, String> {
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    // Digits are a number, whatever names there are (CVE-2016-3697).
    if is_number(user) {
        let uid = id(text, user)?;
        return Ok((uid, group.map_or(Ok(uid), |group| id(text, group))?));
    }
    let accounts = Root::open(root).and_then(|root| root.open_file("/etc/passwd"));
    let accounts = accounts.map_err(|error| format!("--user {text:?}: {}", sentence(&error)))?;
    let (uid, own) = account(BufReader::new(accounts.take(ACCOUNTS_MAX)), user)
        .ok_or_else(|| format!("--user {text:?}: no account of that name in {}", root.join("etc/passwd").display()))?;
    Ok((uid, group.map_or(Ok(own), |group| id(text, group))?))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number that is one to the last digit, and not the one that means "nobody" (CVE-2024-40635).
fn id(all: &str, text: &str) -> Result<u32, String> {
    let number = Some(text).filter(|text| is_number(text)).and_then(|text| text.parse().ok());
    number
        .filter(|number| *number != u32::MAX)
        .ok_or_else(|| format!("--user {all:?}: {text:?} is not a number from 0 to {}", u32::MAX - 1))
}

/// The user and group of an account, in the form of passwd(5).
fn account(accounts: impl BufRead, name: &str) -> Option<Ids> {
    accounts.split(b'\n').map_while(Result::ok).find_map(|line| {
        let line = String::from_utf8(line).ok()?;
        let mut fields = line.split(':');
        let is_it = fields.next() == Some(name);
        let (uid, gid) = (fields.nth(1)?, fields.next()?);
        is_it.then(|| Some((id("", uid).ok()?, id("", gid).ok()?)))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_numbers_to_the_last() {
        let here = Path::new("/");
        assert_eq!(find("0", here), Ok((0, 0)));
        assert_eq!(find("1000", here), Ok((1000, 1000)));
        assert_eq!(find("1000:5", here), Ok((1000, 5)));
        for bad in ["4294967295", "4294967296", "1:-1", "1:", "1:x", "1000:4294967296", "18446744073709551616"] {
            assert!(find(bad, here).unwrap_err().contains("is not a number"), "{bad}");
        }
    }

    #[test]
    fn a_name_is_looked_up_in_the_accounts() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\nbad\nweb:x:33:34::/:\n1000:x:0:0::/:\nshort:x:7\n";
        let of = |name| account(accounts.as_bytes(), name);
        assert_eq!(
            (of("root"), of("web"), of("we"), of("short"), of("")),
            (Some((0, 0)), Some((33, 34)), None, None, None)
        );
        assert_eq!(find("root", Path::new("/")), Ok((0, 0)));
        assert!(find("no-such-account", Path::new("/")).unwrap_err().contains("no account of that name"));
        assert!(find("-1", Path::new("/")).unwrap_err().contains("no account of that name"));
    }
}
