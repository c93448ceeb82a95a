// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a root will have is told beforehand as it is seen in it afterwards.

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use needs::{isolated, needs};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::mount::{UnmountFlags, mount_bind, unmount};
use skep_rootfs::{
    Bind, Changes, ErrorKind, Foreseen, Mounts, Overlay, Proc, Root, RootSpec, Setting, Steps, Symlink, Tmpfs,
};

use crate::support::{Tree, again_in_namespaces, live};

const PASSWD: &str = "/etc/passwd";
const MOST: u64 = 1 << 20;

/// A tree with a file in it, and others beside the root that may be bound over it.
fn tree() -> Tree {
    let tree = Tree::new();
    for dir in [tree.join("etc"), tree.join("data/deep"), tree.beside("upper/etc"), tree.beside("etc")] {
        fs::create_dir_all(dir).unwrap();
    }
    fs::write(tree.join("etc/passwd"), "own").unwrap();
    fs::write(tree.join("data/file"), "data").unwrap();
    fs::write(tree.beside("etc/passwd"), "beside").unwrap();
    fs::write(tree.beside("file"), "file").unwrap();
    tree
}

/// The file. Where somebody mounts something elsewhere meanwhile the kernel walks anew, and goes on counting its links: of as
/// many as there may be, some are too many then.
fn as_the_kernel_sees_it() -> io::Result<Vec<u8>> {
    let is_loop = |read: &io::Result<Vec<u8>>| {
        read.as_ref().is_err_and(|error| error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()))
    };
    (0..50).map(|_| fs::read(PASSWD)).find(|read| !is_loop(read)).unwrap_or_else(|| fs::read(PASSWD))
}

/// What is foreseen, which is what a thread sees then.
#[track_caller]
fn seen(root: &RootSpec, mounts: &Mounts, setting: Setting) -> Option<String> {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let foreseen = Foreseen::new(Some(root), mounts, setting).read(PASSWD, MOST);
    let there = live(&Steps::new(Some(root), mounts, setting), |_| as_the_kernel_sees_it()).unwrap();
    match (foreseen, there) {
        (Ok(foreseen), Ok(there)) => {
            assert_eq!(text(foreseen), text(there.clone()));
            Some(text(there))
        }
        (Err(foreseen), Err(there)) => {
            assert_eq!(foreseen.errno(), there.raw_os_error(), "{foreseen:?}, {there:?}");
            None
        }
        (foreseen, there) => panic!("{foreseen:?}, but there is {there:?}"),
    }
}

#[test]
fn mounts_over_a_file_or_above_it_are_foreseen() {
    needs!(root);
    isolated(|| {
        let tree = tree();
        let (file, etc) = (tree.beside("file"), tree.beside("etc"));
        let bind = |source: &Path, target: &str| Bind::new(source, target).create_target();
        let lists = [
            ("own", Mounts::new()),
            ("file", Mounts::new().add(bind(&file, PASSWD))),
            ("beside", Mounts::new().add(bind(&etc, "/etc"))),
            ("beside", Mounts::new().add(bind(&etc, "/etc").without_submounts())),
            ("file", Mounts::new().add(bind(&etc, "/etc")).add(bind(&file, PASSWD))),
            ("beside", Mounts::new().add(bind(&file, PASSWD)).add(bind(&etc, "/etc")).may_hide()),
            ("beside", Mounts::new().add(bind(&file, PASSWD)).add(bind(&etc.join("passwd"), PASSWD)).may_hide()),
            ("own", Mounts::new().add(Bind::new("/no/such", "/etc").optional())),
            ("", Mounts::new().add(Tmpfs::new("/etc"))),
            ("file", Mounts::new().add(Tmpfs::new("/etc")).add(bind(&file, PASSWD))),
            ("own", Mounts::new().add(bind(&etc, "/data/a/b"))),
            ("", Mounts::new().mask([PASSWD])),
            ("", Mounts::new().mask(["/etc"])),
            ("data", Mounts::new().add(Bind::new("/data/file", PASSWD).from_inside())),
            ("beside", Mounts::new().add(bind(&etc, "/data")).add(Bind::new("/data", "/etc").from_inside())),
            ("data", Mounts::new().add(Tmpfs::new("/etc")).add(Symlink::new(PASSWD, "../data/file"))),
            ("beside", Mounts::new().add(Overlay::new("/etc").lower(&etc).lower(tree.join("data")))),
            ("beside", Mounts::new().add(Overlay::new("/etc").lower(&etc))),
            (
                "data",
                Mounts::new().add(Bind::new(tree.join("data"), "/etc")).add(bind(&tree.join("data/file"), PASSWD)),
            ),
        ];
        for (expected, mounts) in lists {
            let found = seen(&tree.spec(), &mounts, Setting::default()).unwrap_or_default();
            assert_eq!(found, expected, "{mounts:?}");
        }
        let memory = Mounts::new().add(bind(&etc, "/usr/etc")).add(Symlink::new("/etc", "usr/etc"));
        assert_eq!(seen(&RootSpec::tmpfs(), &memory, Setting::default()).as_deref(), Some("beside"));
        assert_eq!(seen(&RootSpec::tmpfs(), &Mounts::new(), Setting::default()), None);
    });
}

#[test]
fn a_file_between_directories_of_its_name_parts_them() {
    needs!(root);
    isolated(|| {
        let tree = tree();
        fs::remove_dir_all(tree.join("etc")).unwrap();
        symlink("data/etc", tree.join("etc")).unwrap();
        let [empty, file, full] = ["one", "two", "three"].map(|name| tree.beside(name));
        fs::create_dir_all(empty.join("etc")).unwrap();
        fs::create_dir(&file).unwrap();
        fs::write(file.join("etc"), "").unwrap();
        fs::create_dir(&full).unwrap();
        fs::rename(tree.beside("etc"), full.join("etc")).unwrap();
        let layers = |lowers: &[&Path]| {
            let overlay = lowers.iter().fold(Overlay::new("/data"), |overlay, lower| overlay.lower(*lower));
            seen(&tree.spec(), &Mounts::new().add(overlay), Setting::default())
        };
        assert_eq!(layers(&[&empty, &full]).as_deref(), Some("beside"));
        assert_eq!(layers(&[&empty, &file, &full]), None);
        assert_eq!(layers(&[&file, &full]), None);
    });
}

#[test]
fn as_many_links_are_followed_as_the_kernel_follows() {
    needs!(root);
    isolated(|| {
        for (links, expected) in [(40, Some("data")), (41, None)] {
            let tree = tree();
            fs::remove_file(tree.join("etc/passwd")).unwrap();
            for number in 1..links {
                symlink((number + 1).to_string(), tree.join("data").join(number.to_string())).unwrap();
            }
            symlink("file", tree.join("data").join(links.to_string())).unwrap();
            symlink("/data/2", tree.join("etc/passwd")).unwrap();
            assert_eq!(seen(&tree.spec(), &Mounts::new(), Setting::default()).as_deref(), expected);
        }
    });
}

#[test]
fn a_copy_of_what_the_root_has_is_foreseen_once_it_can_be_made() {
    needs!(root);
    isolated(|| {
        let tree = tree();
        let mounts = Mounts::new().add(Tmpfs::new("/etc").copy_up());
        let spec = tree.spec();
        let foreseen = Foreseen::new(Some(&spec), &mounts, Setting::default());
        assert_eq!(foreseen.read(PASSWD, MOST).unwrap(), b"own");
        // What is mounted there is none of it, and covers what is.
        mount_bind(tree.beside("file"), tree.join("etc/passwd")).unwrap();
        let error = foreseen.read(PASSWD, MOST).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
        unmount(tree.join("etc/passwd"), UnmountFlags::empty()).unwrap();
    });
}

#[test]
fn links_lead_where_they_lead_in_the_root() {
    needs!(root);
    isolated(|| {
        let outside = tree();
        for (expected, to) in [
            (Some("data"), "/data/file"),
            (Some("data"), "../data/file"),
            (Some("data"), "../../../../../data//./file"),
            (Some("data"), "/data/deep/../../data/file"),
            (None, "/nowhere/../data/file"),
            (None, "/data/file/../file"),
            (None, "/data/file/"),
            (None, "/data/file/."),
            (Some("data"), "/data/./file"),
            (None, "passwd"),
            (None, outside.beside("file").to_str().unwrap()),
        ] {
            let tree = tree();
            fs::remove_file(tree.join("etc/passwd")).unwrap();
            tree.link("etc/passwd", to);
            assert_eq!(seen(&tree.spec(), &Mounts::new(), Setting::default()).as_deref(), expected, "{to}");
            // The directory, too, and what is mounted where that leads.
            if expected.is_some() {
                let tree = self::tree();
                fs::remove_dir_all(tree.join("etc")).unwrap();
                symlink("data", tree.join("etc")).unwrap();
                let mounts = Mounts::new().add(Bind::new(tree.beside("file"), PASSWD).create_target());
                assert_eq!(seen(&tree.spec(), &mounts, Setting::default()).as_deref(), Some("file"));
                let mounts = Mounts::new().add(Bind::new(tree.beside("etc"), "/data"));
                assert_eq!(seen(&tree.spec(), &mounts, Setting::default()).as_deref(), Some("beside"));
            }
        }
    });
}

/// Lives in a root whose changes are kept, and what becomes of them there the next time.
fn lives(setting: Setting) {
    type Life = fn();
    let changes: [(Option<&str>, Life); 13] = [
        (Some("own"), || ()),
        (Some("new"), || fs::write(PASSWD, "new").unwrap()),
        (Some("own"), || fs::set_permissions(PASSWD, fs::Permissions::from_mode(0o640)).unwrap()),
        (None, || fs::remove_file(PASSWD).unwrap()),
        (None, || fs::remove_dir_all("/etc").unwrap()),
        (None, || {
            fs::remove_dir_all("/etc").unwrap();
            fs::create_dir("/etc").unwrap();
        }),
        (Some("again"), || {
            fs::remove_dir_all("/etc").unwrap();
            fs::create_dir("/etc").unwrap();
            fs::write(PASSWD, "again").unwrap();
        }),
        (Some("data"), || {
            fs::remove_file(PASSWD).unwrap();
            symlink("/data/file", PASSWD).unwrap();
        }),
        (None, || {
            fs::remove_dir_all("/etc").unwrap();
            fs::write("/etc", "").unwrap();
        }),
        (Some("data"), || {
            fs::remove_dir_all("/etc").unwrap();
            symlink("new", "/etc").unwrap();
            fs::create_dir("/new").unwrap();
            fs::copy("/data/file", "/new/passwd").unwrap();
        }),
        (Some("own"), || fs::write("/etc/other", "").unwrap()),
        (Some("data"), || fs::rename("/data/file", PASSWD).unwrap()),
        (Some("own"), || {
            fs::rename(PASSWD, "/etc/passwd-").unwrap();
            fs::copy("/etc/passwd-", PASSWD).unwrap();
        }),
    ];
    for (expected, change) in changes {
        let tree = tree();
        let root = tree.spec().changes(Changes::Kept(tree.beside("kept")));
        live(&Steps::new(Some(&root), &Mounts::new(), setting), |_| change()).unwrap();
        let found = seen(&root, &Mounts::new(), setting);
        assert_eq!(found.as_deref(), expected);
        assert_eq!(seen(&tree.spec().copy_on_write(), &Mounts::new(), setting).as_deref(), Some("own"));
        // The kernel leaves a directory in it that nobody may look into.
        fs::set_permissions(tree.beside("kept/work/work"), fs::Permissions::from_mode(0o700)).unwrap();
    }
}

#[test]
fn what_was_changed_in_an_earlier_life_is_foreseen() {
    needs!(root);
    isolated(|| lives(Setting::default()));
}

#[test]
fn what_was_changed_in_a_user_namespace_is_foreseen_there() {
    needs!(userns, program("unshare"), kernel(5, 11));
    if again_in_namespaces(&["--pid", "--fork"]) {
        lives(Setting { user_namespace: true, own_net: true, own_pid: true, own_ipc: true, ..Setting::default() });
        println!("second life lived");
    }
}

#[test]
fn what_cannot_be_told_is_said_and_never_guessed() {
    needs!(root);
    isolated(|| {
        let told = |root: &RootSpec, mounts: &Mounts, setting| {
            let error = Foreseen::new(Some(root), mounts, setting).read(PASSWD, MOST).unwrap_err();
            (error.kind(), std::error::Error::source(&error).unwrap().to_string())
        };
        let tree = tree();
        let kept = tree.spec().changes(Changes::Kept(tree.beside("kept")));
        live(&Steps::new(Some(&kept), &Mounts::new(), Setting::default()), |_| {
            fs::rename("/etc", "/other").unwrap();
            symlink("other", "/etc").unwrap();
        })
        .unwrap();
        let (kind, why) = told(&kept, &Mounts::new(), Setting::default());
        assert!(kind == ErrorKind::Unsupported && why.starts_with("\"other\" was renamed in a layer"), "{why}");
        // An overlay does not have what is mounted on its layers.
        mount_bind(tree.beside("file"), tree.join("etc/passwd")).unwrap();
        let (kind, why) = told(&tree.spec().copy_on_write(), &Mounts::new(), Setting::default());
        assert!(kind == ErrorKind::Unsupported && why.starts_with("something is mounted on \"passwd\""), "{why}");
        assert_eq!(seen(&tree.spec(), &Mounts::new(), Setting::default()).as_deref(), Some("file"));
        unmount(tree.join("etc/passwd"), UnmountFlags::empty()).unwrap();
        fs::remove_file(tree.join("etc/passwd")).unwrap();
        tree.link("etc/passwd", "/proc/version");
        let (kind, why) = told(&tree.spec(), &Mounts::new().add(Proc::new("/proc")), Setting::default());
        assert_eq!((kind, why.split(',').next().unwrap()), (ErrorKind::Unsupported, "mounts[0] is there"));
    });
}

#[test]
fn nothing_but_an_ordinary_file_of_a_size_is_read_and_nobody_waits() {
    needs!(root);
    isolated(|| {
        let tree = tree();
        let path = tree.join("etc/passwd");
        let (spec, none) = (tree.spec(), Mounts::new());
        let root = Root::open(tree.join("")).unwrap();
        let ways = [Foreseen::new(Some(&spec), &none, Setting::default()), Foreseen::of_root(&root)];
        let told = |most| {
            let both = ways.map(|way| {
                let error = way.read(PASSWD, most).unwrap_err();
                format!("{:?}: {}", error.kind(), std::error::Error::source(&error).unwrap())
            });
            assert_eq!(both[0], both[1]);
            both[0].clone()
        };
        assert_eq!(ways.map(|way| way.read(PASSWD, 3).unwrap()), [b"own", b"own"]);
        assert_eq!(told(2), "Os: File too large (EFBIG)");
        // Ten gibibytes of nothing.
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(10 << 30).unwrap();
        assert_eq!(told(MOST), "Os: File too large (EFBIG)");
        fs::remove_file(&path).unwrap();
        let zero = (FileType::CharacterDevice, makedev(1, 5), "a device");
        for (kind, number, words) in [(FileType::Fifo, 0, "a pipe"), zero] {
            mknodat(CWD, &path, kind, Mode::RUSR, number).unwrap();
            assert_eq!(told(MOST), format!("Invalid: \"/etc/passwd\" is {words}, no ordinary file"));
            fs::remove_file(&path).unwrap();
        }
        fs::create_dir(&path).unwrap();
        assert_eq!(told(MOST), "Invalid: \"/etc/passwd\" is a directory, no ordinary file");
        fs::remove_dir(&path).unwrap();
        symlink("/proc/kmsg", &path).unwrap();
        mount_bind("/proc", tree.join("proc")).unwrap();
        assert_eq!(told(MOST), "Invalid: \"/etc/passwd\" leads to a file that the kernel makes up");
        unmount(tree.join("proc"), UnmountFlags::empty()).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(told(MOST), "NotFound: No such file or directory (ENOENT)");
        fs::write(&path, "locked").unwrap();
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        take_a_lease(&file);
        assert_eq!(told(MOST), "Exhausted: Try again (EAGAIN)");
    });
}

/// Has the kernel ask this process, which does not answer, before anybody opens it.
#[allow(unsafe_code, reason = "leases have no safe call")]
fn take_a_lease(file: &fs::File) {
    // SAFETY: numbers alone; the signal that asks is to be ignored.
    unsafe { libc::signal(libc::SIGIO, libc::SIG_IGN) };
    // SAFETY: numbers alone, of a file that is open.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_WRLCK) }, 0);
}
