// SPDX-License-Identifier: MIT OR Apache-2.0
//! Trees that are copied while somebody exchanges what has been made: nothing of theirs is linked to, opened or given away
//! unsaid.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use needs::{Scratch, isolated_for, needs};
use rustix::fs::{AtFlags, CWD, Mode, RenameFlags, linkat, mkfifoat, renameat_with};
use skep_rootfs::{Copied, Root, TreeCopy};

/// Things of each round.
const COUNT: usize = 400;
/// How long it may take until somebody has been fast enough; machines are slow.
const LONG: Duration = Duration::from_secs(300);

/// Copies `from` to `to` in rounds, in each of which somebody exchanges every name in `to` for their file of that name as
/// soon as it is there, until `is_met` has seen what it waits for.
fn race(furnish: impl Fn(&Path), mode: u32, is_met: impl Fn(&Path, &Copied) -> bool) {
    for _ in 0.. {
        let dir = Scratch::new();
        let [from, theirs, to] = ["from", "theirs", "to"].map(|name| dir.join(name));
        fs::create_dir(&from).unwrap();
        furnish(&from);
        fs::create_dir(&theirs).unwrap();
        let names: Vec<PathBuf> = fs::read_dir(&from).unwrap().map(|entry| entry.unwrap().file_name().into()).collect();
        for name in &names {
            fs::write(theirs.join(name), "theirs").unwrap();
            fs::set_permissions(theirs.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        let root = Root::open(dir.path()).unwrap();
        let end = AtomicBool::new(false);
        let copied = thread::scope(|scope| {
            scope.spawn(|| {
                for name in &names {
                    let exchange = || renameat_with(CWD, theirs.join(name), CWD, to.join(name), RenameFlags::EXCHANGE);
                    while exchange().is_err() && !end.load(Ordering::Relaxed) {}
                }
            });
            let copied = TreeCopy::new().copy(&root, "from", &root, "to");
            end.store(true, Ordering::Relaxed);
            copied
        });
        if is_met(&to, &copied.unwrap()) {
            return;
        }
    }
}

fn is_refused(copied: &Copied, name: &Path) -> bool {
    copied.unlisted > 0 || copied.refused.iter().any(|refused| refused.path.file_name() == name.file_name())
}

#[test]
fn a_name_of_somebody_elses_file_is_not_taken_for_a_further_one_of_ours() {
    needs!(syscall("statx"));
    isolated_for(LONG, || {
        let furnish = |from: &Path| {
            for number in 0..COUNT {
                fs::write(from.join(format!("{number}-a")), "ours").unwrap();
                linkat(CWD, from.join(format!("{number}-a")), CWD, from.join(format!("{number}-b")), AtFlags::empty())
                    .unwrap();
            }
        };
        race(furnish, 0o600, |to, copied| {
            let mut met = false;
            for entry in fs::read_dir(to).unwrap() {
                let path = entry.unwrap().path();
                // A file of theirs with two names was made one by us.
                if fs::read(&path).unwrap() == b"theirs" && fs::metadata(&path).unwrap().nlink() > 1 {
                    met = true;
                    let both = ["a", "b"].map(|end| {
                        let name = path.file_name().unwrap().to_str().unwrap();
                        path.with_file_name(format!("{}-{end}", name.split('-').next().unwrap()))
                    });
                    assert!(both.iter().any(|path| is_refused(copied, path)), "{path:?}: {:?}", copied.refused);
                }
            }
            met
        });
    });
}

#[test]
fn a_file_in_the_place_of_a_pipe_does_not_get_its_mode() {
    needs!(syscall("statx"));
    isolated_for(LONG, || {
        let furnish = |from: &Path| {
            for number in 0..COUNT {
                let path = from.join(number.to_string());
                mkfifoat(CWD, &path, Mode::from_raw_mode(0o600)).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
            }
        };
        race(furnish, 0o600, |to, copied| {
            let stale = copied.refused.iter().any(|refused| refused.errno == rustix::io::Errno::STALE.raw_os_error());
            for entry in fs::read_dir(to).unwrap() {
                let found = entry.unwrap().metadata().unwrap();
                assert!(!found.is_file() || found.mode() & 0o777 == 0o600, "{:o}", found.mode());
            }
            stale
        });
    });
}
