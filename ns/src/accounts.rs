// SPDX-License-Identifier: MIT OR Apache-2.0
//! Accounts: /etc/passwd, read as text.
//!
//! Not by getpwnam(3) and its like: these load what nsswitch.conf names, and in a joined mount namespace both are somebody
//! else's (CVE-2019-14271). What is read here can be a lie there, and no more.
//!
//! Man: passwd(5).

use std::fs::File;
use std::io::Read;

use rustix::fs::{FileType, Mode, OFlags, fstat};
use rustix::io::Errno;

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// The most that is read: a file of this size has half a million accounts.
const LONGEST: u64 = 32 << 20;

/// Every account of /etc/passwd, in its order; none if there is no such file.
pub(crate) fn read() -> Result<Vec<Account>, Errno> {
    match open("/etc/passwd") {
        Ok(file) => {
            let mut text = Vec::new();
            file.take(LONGEST)
                .read_to_end(&mut text)
                .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
            Ok(parse(&String::from_utf8_lossy(&text)))
        }
        Err(Errno::NOENT) => Ok(Vec::new()),
        Err(errno) => Err(errno),
    }
}

/// A regular file. Neither a fifo nor a terminal in its place makes us wait.
fn open(path: &str) -> Result<File, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    match FileType::from_raw_mode(fstat(&file)?.st_mode) {
        FileType::RegularFile => Ok(file.into()),
        _ => Err(Errno::INVAL),
    }
}

/// The lines that are accounts: `name:password:uid:gid:…`. Others are passed over, as the C library does.
fn parse(text: &str) -> Vec<Account> {
    let account = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with(['#', '+', '-']))?;
        let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Account { name: name.to_owned(), uid, gid })
    };
    text.lines().filter_map(account).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_the_lines_with_a_name_and_two_numbers() {
        let text =
            "root:x:0:0:root:/root:/bin/sh\n# no\n\n+::::::\nalice:x:1000:100\nbob:x:many:1:\n:x:1:1:\ncarol:x:7\n";
        let account = |name: &str, uid, gid| Account { name: name.to_owned(), uid, gid };
        assert_eq!(parse(text), [account("root", 0, 0), account("alice", 1000, 100)]);
        assert!(read().unwrap().contains(&account("root", 0, 0)));
        assert_eq!(open("/dev/null").unwrap_err(), Errno::INVAL);
    }
}
