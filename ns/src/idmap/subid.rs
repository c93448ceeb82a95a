// SPDX-License-Identifier: MIT OR Apache-2.0
//! Subordinate ids: the ranges that /etc/subuid and /etc/subgid lend to an account.
//!
//! The files are read as shadow's newuidmap reads them, since that is who will be asked to write the map: lines it would
//! pass over are passed over, an owner is a name or a number, and /etc/subgid goes by *users* too. Accounts whose ranges
//! come from a service (`subid:` in nsswitch.conf) are not seen here.
//!
//! Man: subuid(5), subgid(5), newuidmap(1).

use std::fs;
use std::io;

use super::{IdMap, IdRange, Ids};
use crate::accounts::{self, Account};
use crate::error::{Error, ErrorKind, Object};

/// A line of /etc/subuid or /etc/subgid.
struct Line<'a> {
    owner: &'a str,
    first: u32,
    count: u32,
}

impl IdMap {
    /// The map of an ordinary account: root inside is the account itself, with its primary group; 1 and up are its
    /// ranges in /etc/subuid and /etc/subgid, in the order of the files.
    ///
    /// `account` is a user's name, or its number.
    ///
    /// ```no_run
    /// let map = skep_ns::IdMap::from_subid("alice")?; // 0 → 1000, 1 to 65536 → 100000 to 165535
    /// # Ok::<(), skep_ns::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotFound` if /etc/passwd has no such account, a file is absent, or holds no range for the account (the hint is the line
    /// to add); else the error number of reading.
    /// # Privileges
    /// None to make the map. To write it: newuidmap(1) and newgidmap(1), for the account itself.
    /// # Kernel
    /// Reads /etc/passwd and the two files. An account that comes from a service (nss) is not seen. See subuid(5).
    #[doc(alias = "newuidmap")]
    pub fn from_subid(account: &str) -> Result<Self, Error> {
        let account = Account::find(account)?;
        let files = [Ids::Users, Ids::Groups].map(|ids| fs::read(ids.subid_file()));
        let [users, groups] = files;
        Self::from_subid_text(&account, &text_of(Ids::Users, users)?, &text_of(Ids::Groups, groups)?)
    }

    /// The same from the text of the two files.
    pub(super) fn from_subid_text(account: &Account, subuid: &str, subgid: &str) -> Result<Self, Error> {
        let mut map = Self::new().uid(IdRange::new(0, account.uid, 1)).gid(IdRange::new(0, account.gid, 1));
        for range in account.ranges(subuid) {
            map = map.uid(range);
        }
        for range in account.ranges(subgid) {
            map = map.gid(range);
        }
        let lacking: Vec<_> = [(Ids::Users, subuid), (Ids::Groups, subgid)]
            .into_iter()
            .filter(|(ids, _)| map.ranges(*ids).len() < 2)
            .collect();
        if lacking.is_empty() { Ok(map) } else { Err(account.without_range(&lacking)) }
    }
}

impl Account {
    fn find(account: &str) -> Result<Self, Error> {
        let accounts = accounts::read()
            .map_err(|errno| Error::os("read", Object::Path("/etc/passwd".into()), errno.raw_os_error()))?;
        let number = account.parse().ok();
        let named = accounts.iter().find(|found| found.name == account);
        let user = named.or_else(|| accounts.iter().find(|found| Some(found.uid) == number)).cloned();
        user.ok_or_else(|| {
            let why = "/etc/passwd has no such account".to_owned();
            Error::because("look up account", Object::Account(account.to_owned()), ErrorKind::NotFound, why)
        })
    }

    /// The account's ranges in a file, one after another from id 1 inside.
    fn ranges(&self, file: &str) -> Vec<IdRange> {
        let number = self.uid.to_string();
        let mut inside = 1_u32;
        let mut ranges = Vec::new();
        for line in file.lines().filter_map(Line::parse) {
            // Ids without end: what does not fit behind the others is left out, not wrapped round.
            let count = line.count.min(u32::MAX - inside);
            if (line.owner == self.name || line.owner == number) && count > 0 {
                ranges.push(IdRange::new(inside, line.first, count));
                inside += count;
            }
        }
        ranges
    }

    /// The account has no range in these files: says so, and which line would give it one.
    fn without_range(&self, lacking: &[(Ids, &str)]) -> Error {
        let Self { name, uid, .. } = self;
        let why: Vec<_> = lacking
            .iter()
            .map(|(ids, _)| format!("{} has no range for {name:?} (uid {uid})", ids.subid_file()))
            .collect();
        let hint: Vec<_> = lacking
            .iter()
            .map(|(ids, text)| format!("add the line \"{name}:{}:65536\" to {}", first_free(text), ids.subid_file()))
            .collect();
        Error::because("map subordinate ids of", Object::Account(name.clone()), ErrorKind::NotFound, why.join("; "))
            .with_hint(hint.join("; "))
    }
}

impl<'a> Line<'a> {
    /// `owner:first:count`; nothing if shadow would pass the line over, or could not lend the range.
    fn parse(line: &'a str) -> Option<Self> {
        // Like shadow: what follows a third colon does not matter, and a trailing space spoils the number.
        let mut fields = line.split(':');
        let owner = fields.next().filter(|owner| !owner.is_empty())?;
        let (first, count) = (number(fields.next()?)?, number(fields.next()?)?);
        Some(Self { owner, first, count })
    }
}

/// A number as strtoul(3) reads it with base 0, which is what shadow uses: octal and hexadecimal by prefix.
fn number(field: &str) -> Option<u32> {
    let field = field.trim_start();
    let (digits, radix) = match (field.strip_prefix("0x").or(field.strip_prefix("0X")), field.strip_prefix('0')) {
        (Some(digits), _) => (digits, 16),
        (None, Some(digits)) if !digits.is_empty() => (digits, 8),
        _ => (field, 10),
    };
    u32::from_str_radix(digits, radix).ok()
}

/// The first id from 100000 on that comes after everything lent so far, so that a hint lends nothing twice.
fn first_free(file: &str) -> u64 {
    let ends = file.lines().filter_map(Line::parse).map(|line| u64::from(line.first) + u64::from(line.count));
    ends.fold(100_000, u64::max)
}

/// A file's content; an absent file is one without ranges. Bytes that are not UTF-8 can only spoil their own line.
fn text_of(ids: Ids, content: io::Result<Vec<u8>>) -> Result<String, Error> {
    match content {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => {
            let file = Object::Path(ids.subid_file().into());
            Err(Error::os("read", file, error.raw_os_error().unwrap_or_default()))
        }
    }
}
