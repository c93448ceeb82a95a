// SPDX-License-Identifier: MIT OR Apache-2.0
//! A root with the mounts that Docker makes: by steps, and by the least that mount(2) takes, without a look at anything. A
//! path of forty names, found in a root by openat2, by the walk, and by what believes it.
//!
//! Takes root. Each round is a thread in a mount namespace of its own, gone with it.
#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench shows a table, and ends where it cannot run")]

use std::ffi::CString;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;

use criterion::{Criterion, criterion_group, criterion_main};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, makedev, mknodat, openat2};
use skep::rootfs::floor::resolve::{self, Links};
use skep::rootfs::{Bind, Mounts, RootSpec, Setting, Steps};
use skep_benches::keep;
use skep_benches::paired::{Contestant, Rounds};

const ROUNDS: usize = 200;
/// Lookups of a round.
const LOOKUPS: usize = 200;
const NAMES: usize = 40;
const BINDS: [&str; 3] = ["/etc/resolv.conf", "/etc/hostname", "/etc/hosts"];

/// What the differences are taken to.
const BARE: &str = "mount(2), nothing looked at";
const BELIEVED: &str = "open(2), links believed";

fn mounts(criterion: &mut Criterion) {
    alone();
    let root = std::env::temp_dir().join(format!("skep-bench-mounts-{}", std::process::id()));
    furnish(&root);
    let described =
        BINDS.iter().fold(Mounts::standard(), |mounts, path| mounts.add(Bind::new(root.join("source"), *path)));
    let steps = Steps::new(Some(&RootSpec::new(&root)), &described, Setting::default());
    let rounds = Rounds::run(
        vec![
            Contestant::new(BARE, || on_a_thread(|| bare(&root, &described).map_err(|error| error.to_string()))),
            Contestant::new("Steps::enter_mounts", || {
                on_a_thread(|| steps.enter_mounts().map_err(|error| error.to_string()))
            }),
        ],
        ROUNDS,
    );
    println!("{}", rounds.table("a root with Docker's mounts", BARE));
    keep!(criterion, "mounts", rounds);
    let rounds = lookups(&root);
    println!("{}", rounds.table(&format!("a path of {NAMES} names, {LOOKUPS} times"), BELIEVED));
    keep!(criterion, "lookups", rounds);
    fs::remove_dir_all(&root).expect("nothing is mounted in it here");
}

/// A mount namespace for this program alone, whose mounts nobody outside sees.
#[allow(clippy::disallowed_methods, reason = "a program of its own, which has no other thread yet")]
fn alone() {
    let none = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNS).expect("root makes mount namespaces");
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).expect("it is our own");
}

/// A root directory with what is mounted on, and a deep path.
fn furnish(root: &Path) {
    for name in ["proc", "dev", "sys", "etc"] {
        fs::create_dir_all(root.join(name)).expect("it is new");
    }
    fs::write(root.join("source"), "").expect("it is new");
    for path in BINDS {
        fs::write(root.join(path.trim_start_matches('/')), "").expect("it is new");
    }
    fs::create_dir_all(root.join(deep())).expect("it is new");
}

fn deep() -> PathBuf {
    (0..NAMES).map(|number| format!("name-{number}")).collect()
}

/// Whatever it does to its mounts is gone with the thread.
fn on_a_thread(work: impl FnOnce() -> Result<(), String> + Send) -> Result<(), String> {
    thread::scope(|scope| scope.spawn(work).join().unwrap_or_else(|_| Err("it panicked".to_owned())))
}

/// The same mounts by paths, believed as they are.
#[allow(clippy::disallowed_methods, reason = "a thread of its own, which ends with its mounts")]
fn bare(root: &Path, described: &Mounts) -> Result<(), Box<dyn std::error::Error>> {
    let none = None::<&str>;
    let at = |path: &str| root.join(path.trim_start_matches('/'));
    let new = |kind: &str, path: &str, flags: MsFlags, options: &str| {
        mount(Some(kind), &at(path), Some(kind), flags, Some(options))
    };
    let closed = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SLAVE, none)?;
    mount(Some(root), root, none, MsFlags::MS_BIND | MsFlags::MS_REC, none)?;
    new("proc", "/proc", closed, "")?;
    new("tmpfs", "/dev", MsFlags::MS_NOSUID, "size=64m,mode=0755")?;
    let dev = File::open(at("/dev"))?;
    for (name, major, minor) in
        [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)]
    {
        mknodat(&dev, name, FileType::CharacterDevice, Mode::from_raw_mode(0o666), makedev(major, minor))?;
    }
    for (name, to) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
    ] {
        symlink(to, at("/dev").join(name))?;
    }
    for name in ["pts", "shm", "mqueue"] {
        fs::create_dir(at("/dev").join(name))?;
    }
    new("devpts", "/dev/pts", MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5")?;
    new("tmpfs", "/dev/shm", closed, "size=67108864,mode=1777")?;
    new("mqueue", "/dev/mqueue", closed, "")?;
    new("sysfs", "/sys", closed | MsFlags::MS_RDONLY, "")?;
    for path in BINDS {
        mount(Some(&root.join("source")), &at(path), none, MsFlags::MS_BIND, none)?;
    }
    for path in described.read_only.iter().map(|path| root.join(path.strip_prefix("/").unwrap_or(path))) {
        if path.exists() {
            mount(Some(&path), &path, none, MsFlags::MS_BIND | MsFlags::MS_REC, none)?;
            let again = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | closed;
            mount(none, &path, none, again, none)?;
        }
    }
    for path in described.masked.iter().map(|path| root.join(path.strip_prefix("/").unwrap_or(path))) {
        match fs::metadata(&path) {
            Ok(found) if found.is_dir() => {
                mount(Some("tmpfs"), &path, Some("tmpfs"), closed | MsFlags::MS_RDONLY, Some("size=4k,mode=0555"))?;
            }
            Ok(_) => mount(Some("/dev/null"), &path, none, MsFlags::MS_BIND, none)?,
            Err(_) => {}
        }
    }
    rustix::process::chdir(root)?;
    rustix::process::pivot_root(".", ".")?;
    umount2(".", MntFlags::MNT_DETACH)?;
    Ok(rustix::process::chdir("/")?)
}

fn lookups(root: &Path) -> Rounds {
    let open = File::open(root).expect("it is there");
    let name = CString::new(deep().as_os_str().as_bytes()).expect("it has no NUL");
    let whole = root.join(deep());
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let by = |ask: resolve::Ask| {
        for _ in 0..LOOKUPS {
            ask(open.as_raw_fd(), &name, Links::Follow).map_err(|errno| format!("{errno:?}"))?;
        }
        Ok::<(), String>(())
    };
    let contestants = vec![
        Contestant::new(BELIEVED, || {
            for _ in 0..LOOKUPS {
                rustix::fs::openat(CWD, &whole, flags, Mode::empty()).map_err(|errno| errno.to_string())?;
            }
            Ok::<(), String>(())
        }),
        Contestant::new("openat2, the bare call", || {
            let how = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
            for _ in 0..LOOKUPS {
                openat2(&open, &name, flags, Mode::empty(), how).map_err(|errno| errno.to_string())?;
            }
            Ok::<(), String>(())
        }),
        Contestant::new("a place by openat2", || by(resolve::place)),
        Contestant::new("a place by the walk", || by(resolve::walk)),
    ];
    Rounds::run(contestants, ROUNDS)
}

criterion_group!(benches, mounts);
criterion_main!(benches);
