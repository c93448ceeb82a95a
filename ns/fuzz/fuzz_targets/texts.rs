// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every text that skep-ns reads: no text panics, each complaint has its place, and what is read is written to be read as
//! the same again.
#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use skep_ns::{Error, IdMap, IdRange, NamespaceFlags, NamespaceKind, SysctlKey, Sysctls, TimeOffsets};

fuzz_target!(|text: &str| {
    read_and_written::<IdRange>(text);
    read_and_written::<NamespaceKind>(text);
    read_and_written::<NamespaceFlags>(text);
    read_and_written::<SysctlKey>(text);
    read_and_written::<Sysctls>(text);
    read_and_written::<TimeOffsets>(text);
    if let Some(map) = read_and_written::<IdMap>(text) {
        let _is_good = map.check();
        assert_eq!(map.inverted().inverted(), map);
        let _composed = map.within(&map);
    }
    let (uids, gids) = text.split_once('\0').unwrap_or((text, ""));
    if let Ok(map) = IdMap::from_kernel_text(uids, gids) {
        let again = IdMap::from_kernel_text(&map.uid_map_text(), &map.gid_map_text());
        assert_eq!(again.ok(), Some(map));
    }
});

fn read_and_written<T: FromStr<Err = Error> + Display + Debug + PartialEq>(text: &str) -> Option<T> {
    match text.parse::<T>() {
        Ok(value) => {
            let written = value.to_string();
            assert_eq!(written.parse::<T>().ok().as_ref(), Some(&value), "{text:?} is written {written:?}");
            Some(value)
        }
        Err(error) => {
            assert!(!error.problems().is_empty(), "{text:?}: {error}");
            None
        }
    }
}
