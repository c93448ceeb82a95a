// SPDX-License-Identifier: MIT OR Apache-2.0
//! Watching a group by a descriptor.

use std::os::fd::AsFd;
use std::time::Duration;

use needs::{isolated, needs};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use skep_cgroup::{Controller, ErrorKind, Layout, Limits, MIB, Version};

use crate::support::{LONG, create, end, has_version, only, sh_in, sleeper};

fn is_ready(watch: &skep_cgroup::Watch) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(watch.as_fd(), PollFlags::PRI)];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
}

#[test]
fn a_watch_is_ready_from_a_change_until_it_is_reset() {
    needs!(root);
    if !has_version(Version::V2) {
        return;
    }
    isolated(|| {
        let group = create("watched");
        let watch = group.watch().unwrap();
        assert!(!is_ready(&watch));
        assert!(!watch.wait(Duration::ZERO).unwrap());
        let child = sleeper();
        group.add(child.id()).unwrap();
        // The kernel may hold a notice back for 10 ms.
        assert!(watch.wait(LONG).unwrap());
        assert!(group.events().unwrap().populated);
        assert!(!is_ready(&watch));
        group.freeze(LONG).unwrap();
        while !is_ready(&watch) {
            std::thread::yield_now();
        }
        // Reading through another descriptor is no reset.
        let _read = group.events().unwrap();
        assert!(is_ready(&watch));
        watch.reset().unwrap();
        assert!(!is_ready(&watch));
        group.thaw(LONG).unwrap();
        end(child);
        while group.events().unwrap().populated {
            watch.wait(LONG).unwrap();
        }
        group.remove().unwrap();
        assert!(is_ready(&watch));
        assert_eq!(watch.reset().unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(group.watch().unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_watch_of_memory_tells_of_a_kill() {
    needs!(root, cgroup2("memory"));
    isolated(|| {
        let group = create("watched-memory");
        if let Err(error) = group.watch_memory() {
            assert_eq!(error.kind(), ErrorKind::Unsupported);
        }
        group.apply(&Limits::new().memory_max(16 * MIB)).unwrap();
        let _not_counted = group.apply(&Limits::new().swap_max(skep_cgroup::Bytes::new(0)));
        let watch = group.watch_memory().unwrap();
        assert!(!is_ready(&watch));
        let child = sh_in(&group, "exec tail /dev/zero");
        while group.events().unwrap().oom_kill == Some(0) {
            assert!(watch.wait(LONG).unwrap());
        }
        assert_eq!(crate::support::signal_of(child), Some(9));
    });
}

#[test]
fn version_1_tells_nobody() {
    needs!(root, cgroup1("freezer"));
    isolated(|| {
        only(Version::V1);
        assert!(Layout::detect().unwrap().of(Controller::Freezer).is_some());
        let group = create("unwatched");
        assert_eq!(group.watch().unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(group.watch_memory().unwrap_err().kind(), ErrorKind::Unsupported);
    });
}
