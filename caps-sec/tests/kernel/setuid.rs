// SPDX-License-Identifier: MIT OR Apache-2.0
//! Setuid programs: what they gain, and that they gain nothing where that is asked.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use needs::{Scratch, isolated, needs};
use skep_caps_sec::{CapSet, Capabilities, Privileges};

use super::support::{As, available, line, sets_in, status_of};

const USER: As = As::User(1000);

/// A cat that runs as root for everybody.
fn setuid_cat(scratch: &Scratch) -> String {
    let path = scratch.join("cat");
    fs::copy("/bin/cat", &path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn without_new_privileges_a_setuid_program_gains_nothing() {
    needs!(root);
    isolated(|| {
        let scratch = Scratch::new();
        let cat = setuid_cat(&scratch);

        let status = status_of(&cat, &Privileges::new(), USER).unwrap();
        assert_eq!(line(&status, "Uid"), "1000\t0\t0\t0", "the test has no setuid program to test with");
        assert_eq!(sets_in(&status).permitted, available());

        let status = status_of(&cat, &Privileges::new().no_new_privs(), USER).unwrap();
        assert_eq!(line(&status, "Uid"), "1000\t1000\t1000\t1000");
        assert_eq!(line(&status, "NoNewPrivs"), "1");
        assert!(sets_in(&status).permitted.is_empty() && sets_in(&status).effective.is_empty());
    });
}

#[test]
fn without_a_bounding_set_a_setuid_program_of_root_has_no_capability() {
    needs!(root);
    isolated(|| {
        let scratch = Scratch::new();
        let cat = setuid_cat(&scratch);
        for set in [CapSet::empty(), CapSet::standard() & available()] {
            let bounding = Capabilities { bounding: set, ..Capabilities::none() };
            let status = status_of(&cat, &Privileges::new().capabilities(bounding), USER).unwrap();
            assert_eq!(line(&status, "Uid"), "1000\t0\t0\t0");
            assert_eq!(sets_in(&status), Capabilities::exactly(set));
        }
    });
}
