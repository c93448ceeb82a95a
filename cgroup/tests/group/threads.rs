// SPDX-License-Identifier: MIT OR Apache-2.0
//! Single threads.

use std::os::fd::AsFd;
use std::sync::mpsc;

use needs::{isolated, needs};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use skep_cgroup::{Cgroup, ErrorKind, Layout, Version};

use crate::support::{Swept, create, end, has_version, name, only, read, sleeper};

/// Runs with the number of a thread that waits until this returns.
fn with_a_thread(run: impl FnOnce(u32)) {
    let (say, hear) = mpsc::channel();
    let (done, wait) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            say.send(rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned()).unwrap();
            let _hung_up = wait.recv();
        });
        run(hear.recv().unwrap());
        drop(done);
    });
}

#[test]
fn under_version_1_a_thread_is_moved_alone() {
    needs!(root);
    if !has_version(Version::V1) {
        return;
    }
    isolated(|| {
        only(Version::V1);
        let group = create("thread");
        assert_eq!(group.add_thread(0).unwrap_err().kind(), ErrorKind::Invalid);
        with_a_thread(|tid| {
            group.add_thread(tid).unwrap();
            assert_eq!(group.threads().unwrap(), [tid]);
            for directory in group.directories() {
                assert_eq!(read(directory.join("tasks")), tid.to_string(), "{directory:?}");
            }
        });
        // A process, by all of its threads.
        let child = sleeper();
        group.add(child.id()).unwrap();
        assert!(group.threads().unwrap().contains(&child.id()));
        end(child);
    });
}

#[test]
fn under_version_2_a_thread_goes_where_threads_may_and_else_is_refused() {
    needs!(root, syscall("pidfd_open"));
    if !has_version(Version::V2) {
        return;
    }
    isolated(|| {
        only(Version::V2);
        let above = Swept(Cgroup::create_with(&Layout::detect().unwrap(), name("above"), []).unwrap());
        let below = Cgroup::create(format!("{}/below", name("above"))).unwrap();
        let child = sleeper();
        above.add(child.id()).unwrap();
        assert_eq!(below.add_thread(child.id()).unwrap_err().kind(), ErrorKind::WrongState);
        below.make_threaded().unwrap();
        below.add_thread(child.id()).unwrap();
        assert_eq!((below.threads().unwrap(), above.threads().unwrap()), (vec![child.id()], vec![child.id()]));
        above.add_thread(child.id()).unwrap();
        assert_eq!(below.threads().unwrap(), [0_u32; 0]);
        // By a pidfd of the process it is its first thread.
        let held = pidfd_open(Pid::from_raw(child.id().cast_signed()).unwrap(), PidfdFlags::empty()).unwrap();
        below.add_thread_pidfd(&held).unwrap();
        assert_eq!(below.threads().unwrap(), [child.id()]);
        end(child);
        assert_eq!(below.add_thread_pidfd(held.as_fd()).unwrap_err().kind(), ErrorKind::NotFound);
    });
}
