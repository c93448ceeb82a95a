// SPDX-License-Identifier: MIT OR Apache-2.0
//! What must hold of every text that is read, whoever wrote it: nothing panics, nothing is lost, nothing of an earlier text
//! is left.
//!
//! Neither built for users nor part of the interface: the targets in `fuzz/` call it with texts of their making, the tests
//! with those that are kept in `fuzz/seeds/`.

use std::fmt::{Debug, Display};
use std::path::Path;
use std::str::FromStr;

use crate::controller::Controller;
use crate::devices::{DeviceAccess, DeviceRule, DeviceRules, Devices};
use crate::error::Error;
use crate::layout::Layout;
use crate::path::GroupPath;
use crate::value::{Bytes, DeviceNumber, IdList, Max, Micros, Partition, PartitionState, Percent, Quota, Weight};

pub use crate::stat::fuzzed::stat;
#[cfg(feature = "systemd")]
pub use crate::systemd::bus;

/// `/proc/self/mountinfo`, and behind a NUL byte `/proc/self/cgroup`.
pub fn layout(data: &[u8]) {
    let mut texts = data.splitn(2, |byte| *byte == 0);
    let (mountinfo, cgroup) = (texts.next().unwrap_or_default(), texts.next().unwrap_or_default());
    let layout = Layout::of_texts(mountinfo, cgroup);
    let _shown = (layout.to_string(), layout.kind());
    for hierarchy in layout.hierarchies() {
        // A group of ours that is not below the mount point is none.
        let own = hierarchy.own_group().unwrap_or(Path::new("/"));
        assert!(own.has_root() && !crate::path::parts(own).any(|part| part == ".."), "{own:?}");
    }
    for path in layout.directories("/a/b", [Controller::Memory, Controller::Cpu]) {
        assert!(path.ends_with("a/b"), "{path:?}");
    }
    let _found = layout.directories("a", [Controller::Pids]);
    let _groups = crate::layout::groups(cgroup);
}

/// Every text that makes a value: what is read is written to be read as the same again.
pub fn values(text: &str) {
    read_and_written::<Bytes>(text);
    read_and_written::<Controller>(text);
    read_and_written::<DeviceAccess>(text);
    read_and_written::<DeviceNumber>(text);
    read_and_written::<DeviceRule>(text);
    read_and_written::<DeviceRules>(text);
    read_and_written::<Devices>(text);
    read_and_written::<IdList>(text);
    read_and_written::<Max<Bytes>>(text);
    read_and_written::<Micros>(text);
    read_and_written::<Partition>(text);
    read_and_written::<Percent>(text);
    read_and_written::<Quota>(text);
    read_and_written::<Weight>(text);
    let _state = text.parse::<PartitionState>();
    match GroupPath::new("read", Path::new(text)) {
        Ok(path) => assert!(path.parts().all(|part| part != ".." && part != "." && part.len() < 256), "{text:?}"),
        Err(error) => assert!(!error.problems().is_empty(), "{text:?}: {error}"),
    }
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

#[cfg(test)]
mod tests {
    use needs::seeds;

    use super::*;

    #[test]
    fn what_was_kept_of_fuzzing_is_read_well() {
        #[cfg(feature = "systemd")]
        seeds!("bus").iter().for_each(|seed| bus(seed));
        seeds!("stat").iter().for_each(|seed| stat(seed));
        seeds!("layout").iter().for_each(|seed| layout(seed));
        seeds!("values").iter().for_each(|seed| values(&String::from_utf8_lossy(seed)));
    }
}
