// SPDX-License-Identifier: MIT OR Apache-2.0
//! What must hold of everything that is read. The fuzz target has it as well.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use skep_caps_sec::{
    Cap, CapSet, CapText, Error, FileCaps, IoClass, MemoryMode, NumberSet, Personality, Resource, Rlimit,
    SchedulerPolicy, SelinuxContext,
};

/// Checks bytes as an attribute, and as a text of every sort.
///
/// # Panics
/// If anything does not hold.
pub(crate) fn all(data: &[u8]) {
    if let Ok(caps) = FileCaps::from_bytes(data) {
        // Version 1 is written as version 2.
        assert_eq!(FileCaps::from_bytes(&caps.to_bytes()).ok(), Some(caps));
        let _shown = caps.to_string();
    }
    let text = &*String::from_utf8_lossy(data);
    read_and_written::<Cap>(text);
    read_and_written::<CapSet>(text);
    read_and_written::<CapText>(text);
    read_and_written::<NumberSet>(text);
    read_and_written::<Resource>(text);
    read_and_written::<Rlimit>(text);
    read_and_written::<SchedulerPolicy>(text);
    read_and_written::<IoClass>(text);
    read_and_written::<MemoryMode>(text);
    read_and_written::<SelinuxContext>(text);
    let _machine = Personality::of_machine(text);
}

fn read_and_written<T: FromStr<Err = Error> + Display + Debug + PartialEq>(text: &str) {
    match text.parse::<T>() {
        Ok(value) => {
            let written = value.to_string();
            assert_eq!(written.parse::<T>().ok().as_ref(), Some(&value), "{text:?} is written {written:?}");
        }
        Err(error) => assert!(!error.problems().is_empty(), "{text:?}: {error}"),
    }
}
