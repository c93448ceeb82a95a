// SPDX-License-Identifier: MIT OR Apache-2.0
//! The small doors, of the calling thread: securebits, no_new_privs, dumpable.

use std::fs;
use std::os::unix::fs::MetadataExt;

use needs::{isolated, needs};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use skep_caps_sec::{ErrorKind, Privileges, Securebits, dumpable, enter_no_new_privs, enter_undumpable, no_new_privs};

use super::support::on_a_thread;

#[test]
fn a_locked_switch_stays() {
    needs!(root);
    isolated(|| {
        let bits = Securebits::no_special_root();
        on_a_thread(move || {
            bits.enter_thread().unwrap();
            assert_eq!(Securebits::current().unwrap(), bits);
            let error = Securebits::empty().enter_thread().unwrap_err();
            assert_eq!((error.kind(), error.errno()), (ErrorKind::Denied, Some(libc::EPERM)));
            assert_eq!(error.to_string(), "cannot change the securebits of the calling thread");
            assert_eq!(Securebits::current().unwrap(), bits);
        });
        assert_eq!(Securebits::current().unwrap(), Securebits::empty());
    });
}

#[test]
fn a_user_throws_no_switch() {
    needs!(user);
    isolated(|| {
        assert_eq!(Securebits::NOROOT.enter_thread().unwrap_err().kind(), ErrorKind::Denied);
        assert_eq!(Securebits::current().unwrap(), Securebits::empty());
    });
}

#[test]
fn no_new_privs_is_a_promise_of_one_thread() {
    isolated(|| {
        on_a_thread(|| {
            assert!(!no_new_privs().unwrap());
            enter_no_new_privs().unwrap();
            assert!(no_new_privs().unwrap());
        });
        assert!(!no_new_privs().unwrap());
    });
}

#[test]
fn an_undumpable_process_s_files_are_root_s() {
    isolated(|| {
        let owner = || fs::metadata("/proc/self/environ").unwrap().uid();
        assert!(dumpable().unwrap());
        assert_eq!(owner(), rustix::process::geteuid().as_raw());
        let by_steps = || Privileges::new().undumpable().steps(None).enter_thread().unwrap();
        for undump in [&|| enter_undumpable().unwrap() as (), &by_steps as &dyn Fn()] {
            undump();
            assert!(!dumpable().unwrap());
            assert_eq!(owner(), 0);
            // The test's own process is looked into afterwards.
            set_dumpable_behavior(DumpableBehavior::Dumpable).unwrap();
        }
    });
}
