// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses: where a bus listens.
//!
//! Specification: "Server Addresses".

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::value::shown;

/// A socket of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::systemd) enum Address {
    Path(PathBuf),
    /// One that this user has made, with no symbolic link on the way to it.
    Of(u32, PathBuf),
    Abstract(Vec<u8>),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) | Self::Of(_, path) => write!(f, "{path:?}"),
            Self::Abstract(name) => write!(f, "the abstract socket {}", shown(&String::from_utf8_lossy(name))),
        }
    }
}

/// The addresses of a list, to be tried one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::systemd) struct Addresses(pub(in crate::systemd) Vec<Address>);

impl Addresses {
    /// The same where they are this user's own; what cannot be told to be is left out.
    pub(in crate::systemd) fn of(self, uid: u32) -> Self {
        let own = self.0.into_iter().filter_map(|address| match address {
            Address::Path(path) | Address::Of(_, path) => Some(Address::Of(uid, path)),
            Address::Abstract(_) => None,
        });
        Self(own.collect())
    }

    /// Reads a list. What is no socket of this machine is left out, and an error if nothing is left: a sentence for each.
    pub(in crate::systemd) fn parse(list: &str, runtime: Option<&Path>) -> Result<Self, Vec<String>> {
        let (mut found, mut problems) = (Vec::new(), Vec::new());
        for text in list.split(';').filter(|text| !text.is_empty()) {
            match one(text, runtime) {
                Ok(address) => found.push(address),
                Err(why) => problems.push(format!("the address {} {why}", shown(text))),
            }
        }
        if found.is_empty() && problems.is_empty() {
            problems.push("the list of addresses is empty".to_owned());
        }
        if found.is_empty() { Err(problems) } else { Ok(Self(found)) }
    }
}

fn one(text: &str, runtime: Option<&Path>) -> Result<Address, String> {
    let (transport, keys) = text.split_once(':').ok_or("has no transport, as \"unix:\" is one")?;
    if transport != "unix" {
        return Err(format!("is reached by {}, and only sockets of this machine (unix:) are", shown(transport)));
    }
    let mut found = None;
    for pair in keys.split(',') {
        let (key, value) = pair.split_once('=').ok_or_else(|| format!("has {} in it, without a value", shown(pair)))?;
        let value = unescaped(value).ok_or_else(|| format!("has {} in it, which is no escape", shown(value)))?;
        let address = match key {
            "path" => Address::Path(OsString::from_vec(value).into()),
            "abstract" => Address::Abstract(value),
            "runtime" if value == b"yes" => {
                let runtime = runtime.ok_or("is in the directory that XDG_RUNTIME_DIR names, and it names none")?;
                Address::Path(runtime.join("bus"))
            }
            "dir" | "tmpdir" => return Err("is one to listen at, not to go to".to_owned()),
            // The server's name for itself.
            _ => continue,
        };
        if found.replace(address).is_some() {
            return Err("names two sockets".to_owned());
        }
    }
    match found {
        Some(Address::Path(path)) if !path.has_root() => Err("is not the absolute path of a socket".to_owned()),
        Some(address) => Ok(address),
        None => Err("names no socket".to_owned()),
    }
}

/// The bytes of a value, in which "%2f" is a byte by its number.
fn unescaped(value: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                let [high, low] = digits.map(digit);
                bytes.push(high? << 4 | low?);
            }
            _ => bytes.push(byte),
        }
    }
    // No socket has such a name, and the kernel would take the part before it.
    (!bytes.is_empty() && !bytes.contains(&0)).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &str) -> Result<Vec<Address>, Vec<String>> {
        Addresses::parse(list, Some(Path::new("/run/user/7"))).map(|found| found.0)
    }

    #[test]
    fn a_list_is_read_with_its_escapes_and_what_cannot_be_reached_is_left_out() {
        let path = |path: &str| Address::Path(path.into());
        assert_eq!(read("unix:path=/run/bus").unwrap(), [path("/run/bus")]);
        assert_eq!(read("unix:path=/tmp/a%20b%3b,guid=5cef").unwrap(), [path("/tmp/a b;")]);
        assert_eq!(read("unix:runtime=yes").unwrap(), [path("/run/user/7/bus")]);
        let several = read("tcp:host=localhost,port=1;unix:abstract=/tmp/x;unix:path=/y;").unwrap();
        assert_eq!(several, [Address::Abstract(b"/tmp/x".to_vec()), path("/y")]);
    }

    #[test]
    fn what_cannot_be_reached_is_named() {
        let problem = |list: &str| read(list).unwrap_err().join("\n");
        assert!(problem("tcp:host=localhost").contains("\"tcp:host=localhost\" is reached by \"tcp\""));
        assert!(problem("/run/bus").contains("has no transport"));
        assert!(problem("unix:guid=1").contains("names no socket"));
        assert!(problem("unix:path=/a%2").contains("is no escape"));
        assert!(problem("unix:path=/a%00b").contains("is no escape"));
        assert!(problem("unix:path=a").contains("not the absolute path"));
        assert!(problem("unix:path=/a,abstract=b").contains("names two sockets"));
        assert!(problem("unix:tmpdir=/tmp").contains("one to listen at"));
        assert!(problem("").contains("is empty"));
        assert!(Addresses::parse("unix:runtime=yes", None).unwrap_err().join("").contains("XDG_RUNTIME_DIR"));
        assert_eq!(read("tcp:;nonce:;launchd:").unwrap_err().len(), 3);
    }
}
