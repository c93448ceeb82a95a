// SPDX-License-Identifier: MIT OR Apache-2.0
//! Capabilities of files: in force when the file is executed, translated between user namespaces, never beyond a directory.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use needs::{Scratch, isolated, needs};
use skep_caps_sec::{Cap, CapSet, Capabilities, ErrorKind, FileCaps, Privileges};

use super::support::{As, available, sets_in, status_of};

#[test]
fn a_program_has_what_its_file_gives_within_the_bounding_set() {
    needs!(root);
    isolated(|| {
        let scratch = Scratch::new();
        let cat = scratch.join("cat");
        fs::copy("/bin/cat", &cat).unwrap();
        let few = CapSet::from([Cap::CHOWN, Cap::KILL]);
        FileCaps::new(few).effective().apply_to_path(&cat).unwrap();
        let cat = cat.to_str().unwrap();

        let has = sets_in(&status_of(cat, &Privileges::new(), As::User(1000)).unwrap());
        assert_eq!((has.permitted, has.effective), (few, few));
        let bounded = Capabilities { bounding: Cap::KILL.into(), ..Capabilities::none() };
        let error = status_of(cat, &Privileges::new().capabilities(bounded), As::User(1000)).unwrap_err();
        // What is in force from the start and cannot be had is no start.
        assert_eq!(error.raw_os_error(), Some(libc::EPERM));
        FileCaps::new(few).apply_to_path(cat).unwrap();
        let has = sets_in(&status_of(cat, &Privileges::new().capabilities(bounded), As::User(1000)).unwrap());
        assert_eq!((has.permitted, has.effective), (Cap::KILL.into(), CapSet::empty()));
        let has = sets_in(&status_of(cat, &Privileges::new().no_new_privs(), As::User(1000)).unwrap());
        assert!(has.permitted.is_empty() && has.bounding == available());
    });
}

#[test]
fn what_root_of_a_user_namespace_gives_holds_there_alone() {
    needs!(userns, user, program("setcap"), program("unshare"));
    isolated(|| {
        let scratch = Scratch::new();
        let path = scratch.join("tool");
        fs::write(&path, "").unwrap();
        let ping = FileCaps::new(Cap::NET_RAW.into()).effective();
        assert_eq!(ping.apply_to_path(&path).unwrap_err().kind(), ErrorKind::Denied);
        // As root of a namespace of our own, by a program that knows nothing of versions.
        let mut give = Command::new("unshare");
        give.args(["-Ur", "setcap", "cap_net_raw=ep"]).arg(&path).stdin(Stdio::null());
        assert!(give.status().unwrap().success());
        let uid = rustix::process::getuid().as_raw();
        assert_eq!(FileCaps::of_path(&path).unwrap(), Some(ping.root(uid)));
    });
}

#[test]
fn a_path_below_a_directory_does_not_lead_out_of_it() {
    needs!(syscall("openat2"));
    isolated(|| {
        let scratch = Scratch::new();
        fs::create_dir(scratch.join("root")).unwrap();
        fs::write(scratch.join("tool"), "").unwrap();
        fs::write(scratch.join("root/tool"), "").unwrap();
        symlink("../tool", scratch.join("root/link")).unwrap();
        symlink("..", scratch.join("root/up")).unwrap();
        let dir = fs::File::open(scratch.join("root")).unwrap();
        assert_eq!(FileCaps::of_path_in(&dir, "tool").unwrap(), None);
        // ".." of the root is the root.
        assert_eq!(FileCaps::of_path_in(&dir, "up/tool").unwrap(), None);
        fs::remove_file(scratch.join("root/tool")).unwrap();
        assert_eq!(FileCaps::of_path_in(&dir, "up/tool").unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(FileCaps::of_path_in(&dir, "link").unwrap_err().errno(), Some(libc::ELOOP));
        let error = FileCaps::new(Cap::KILL.into()).apply_to_path_in(&dir, ".").unwrap_err();
        assert_eq!(error.problems(), ["it is not a regular file, and others cannot have capabilities"]);
    });
}
