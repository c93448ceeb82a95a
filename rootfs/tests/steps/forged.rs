// SPDX-License-Identifier: MIT OR Apache-2.0
//! A machine whose own null and proc are not what their names promise, and a root that is a link.

use std::fs;
use std::io::Read;

use needs::{isolated, needs};
use skep_rootfs::{Bind, Error, Mounts, Root, RootSpec, Setting, Steps, Tmpfs};

use crate::support::{NOTHING, Tree, live};

/// Has a thread bind `forgery` over a path of this machine, in a mount namespace that nobody else sees; then make `mounts`.
fn with_forgery(forgery: Bind, denied: Option<&str>, mounts: &Mounts) -> Result<(), Error> {
    let forge = Steps::new(None, &Mounts::new().add(forgery), Setting::default());
    let steps = Steps::new(None, mounts, Setting::default());
    live(&forge, |_| {
        if let Some(denied) = denied {
            needs::deny(&denied.parse().unwrap()).unwrap();
        }
        steps.enter_mounts()
    })
    .unwrap()
}

#[test]
fn a_mask_is_not_made_of_a_null_that_is_none() {
    needs!(root);
    isolated(|| {
        for device in [None, Some("/dev/zero")] {
            let tree = Tree::new();
            fs::write(tree.join("key"), "secret").unwrap();
            fs::write(tree.beside("null"), "shared by everybody").unwrap();
            let forged = device.map_or_else(|| tree.beside("null"), Into::into);
            let mounts = Mounts::new().mask([tree.join("key")]);
            let error = with_forgery(Bind::new(forged, "/dev/null"), None, &mounts).unwrap_err();
            assert_eq!(error.errno(), Some(19));
            let said = std::error::Error::source(&error).unwrap().to_string();
            assert_eq!(said, "this machine's \"/dev/null\": No such device (ENODEV)");
        }
    });
}

#[test]
fn the_older_calls_go_by_a_proc_that_is_one() {
    needs!(root);
    isolated(|| {
        let tree = Tree::new();
        // Whatever number is asked for is there.
        for number in 0..64 {
            fs::create_dir_all(tree.beside("proc/thread-self/fd").join(number.to_string())).unwrap();
        }
        let mounts = Mounts::new().add(Tmpfs::new(tree.join("run")));
        let forgery = Bind::new(tree.beside("proc"), "/proc");
        let error = with_forgery(forgery, Some("fsopen"), &mounts).unwrap_err();
        assert_eq!(error.errno(), Some(19));
        let said = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(said, "\"/proc/thread-self/fd\", which older mount calls need: No such device (ENODEV)");
    });
}

#[test]
fn a_file_of_a_root_is_read_by_a_proc_that_is_one() {
    needs!(root, syscall("fsopen"));
    isolated(|| {
        let tree = Tree::new();
        fs::write(tree.join("file"), "text").unwrap();
        fs::create_dir_all(tree.beside("proc/thread-self/fd")).unwrap();
        // Whatever number is asked for is there.
        for number in 0..64 {
            fs::write(tree.beside("proc/thread-self/fd").join(number.to_string()), "forged").unwrap();
        }
        let forge = Mounts::new().add(Bind::new(tree.beside("proc"), "/proc"));
        let root = Root::open(tree.join("")).unwrap();
        let read = || {
            let mut text = String::new();
            root.open_file("/file")?.read_to_string(&mut text).unwrap();
            Ok::<_, Error>(text)
        };
        // A forged proc is seen through, and another one made; where that is refused too there is none to go by.
        for (denied, read_as) in [(NOTHING, Ok("text")), ("openat2", Ok("text")), ("fsopen", Err(Some(18)))] {
            let forged = live(&Steps::new(None, &forge, Setting::default()), |_| {
                needs::deny(&denied.parse().unwrap()).unwrap();
                read().map_err(|error| error.errno())
            });
            assert_eq!(forged.unwrap().as_deref(), read_as.as_ref().map(|text| *text), "{denied}");
        }
        assert_eq!(read().unwrap(), "text");
    });
}

#[test]
fn a_root_that_is_a_link_is_refused() {
    needs!(root);
    isolated(|| {
        for denied in [NOTHING, "open_tree", "move_mount"] {
            let tree = Tree::new();
            std::os::unix::fs::symlink("root", tree.beside("link")).unwrap();
            let steps = Steps::new(Some(&RootSpec::new(tree.beside("link"))), &Mounts::new(), Setting::default());
            std::thread::scope(|scope| {
                let thread = scope.spawn(|| {
                    needs::deny(&denied.parse().unwrap()).unwrap();
                    let error = live(&steps, |_| ()).unwrap_err();
                    assert_eq!(error.errno(), Some(20), "{denied}");
                    assert_eq!(error.hint(), Some("a root must be a directory, and no link to one"));
                });
                thread.join().unwrap();
            });
        }
    });
}
