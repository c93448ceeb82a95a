// SPDX-License-Identifier: MIT OR Apache-2.0
//! Id maps written to real user namespaces: by root, by an ordinary account, by the helpers, and refused.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of tests may be as blunt as tests")]

use std::cell::Cell;
use std::error::Error as _;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use needs::{Scratch, isolated, needs};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rustix::process::getuid;
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use skep_ns::{Error, ErrorKind, IdMap, IdRange, Written, WrittenBy};

const ENDLESS: &str = "600";

/// A sleeping process, most often in a user namespace of its own that has no map yet; ended when dropped.
struct Sleeper {
    child: Child,
    directory: File,
}

impl Sleeper {
    fn in_a_new_user_namespace() -> Self {
        Self::start(Command::new("unshare").args(["--user", "sleep", ENDLESS]))
    }

    fn in_our_namespace() -> Self {
        Self::start(Command::new("sleep").arg(ENDLESS))
    }

    fn start(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let directory = File::open(format!("/proc/{}", child.id())).unwrap();
        let sleeper = Self { child, directory };
        // Until it is "sleep" it is on its way, and between unshare and exec not dumpable: its files are root's.
        let deadline = Instant::now() + Duration::from_secs(20);
        while sleeper.file("comm") != "sleep\n" {
            assert!(Instant::now() < deadline, "no sleep after 20 s, but {}", sleeper.file("comm"));
            thread::sleep(Duration::from_micros(200));
        }
        sleeper
    }

    fn map(&self, map: &IdMap) -> Result<Written, Error> {
        map.write_to(&self.directory, self.child.id())
    }

    fn path(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.child.id())
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn ranges(&self, name: &str) -> Vec<IdRange> {
        self.file(name).lines().map(|line| line.parse().unwrap()).collect()
    }

    fn setgroups(&self) -> String {
        self.file("setgroups").trim().to_owned()
    }

    /// Nothing of the namespace was touched.
    fn is_untouched(&self) -> bool {
        self.file("uid_map").is_empty() && self.file("gid_map").is_empty() && self.setgroups() == "allow"
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        // It fails where SIGCHLD is ignored: then the kernel reaps.
        drop(self.child.wait());
    }
}

fn cause(error: &Error) -> String {
    error.source().unwrap().to_string()
}

/// Runs `body` on a thread that has lost these capabilities; a thread's are its own.
fn without<T: Send>(lost: CapabilitySet, body: impl FnOnce() -> T + Send) -> T {
    let lose = || {
        let mut sets = capabilities(None).unwrap();
        sets.effective -= lost;
        sets.permitted -= lost;
        set_capabilities(None, sets).unwrap();
        body()
    };
    thread::scope(|scope| scope.spawn(lose).join().unwrap())
}

/// Runs this test again, alone, by another program that changes what it lives in. True in that second life.
fn again_under(program: &[&str], test: &str) -> bool {
    const LIFE: &str = "SKEP_NS_SECOND_LIFE";
    if std::env::var_os(LIFE).is_some() {
        return true;
    }
    let this = std::env::current_exe().unwrap();
    let output = Command::new(program[0])
        .args(&program[1..])
        .arg(this)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(LIFE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("second life lived"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    false
}

const BY_CALLER: (WrittenBy, WrittenBy) = (WrittenBy::Caller, WrittenBy::Caller);
const BY_HELPERS: (WrittenBy, WrittenBy) = (WrittenBy::Helper, WrittenBy::Helper);

fn writers(written: Written) -> (WrittenBy, WrittenBy) {
    (written.uids, written.gids)
}

#[test]
fn root_writes_any_ranges_by_itself() {
    needs!(root, userns, program("unshare"));
    isolated(|| {
        let sleeper = Sleeper::in_a_new_user_namespace();
        let map = IdMap::whole(100_000, 65_536).uid(IdRange::new(70_000, 0, 1)).gid(IdRange::new(80_000, 5, 2));
        let written = sleeper.map(&map).unwrap();
        assert_eq!(sleeper.ranges("uid_map"), map.uids());
        assert_eq!(sleeper.ranges("gid_map"), map.gids());
        assert_eq!((writers(written), written.setgroups_denied), (BY_CALLER, false));
        assert_eq!(sleeper.setgroups(), "allow");
    });
}

#[test]
fn setgroups_is_denied_if_the_map_says_so() {
    needs!(root, userns, program("unshare"));
    isolated(|| {
        let sleeper = Sleeper::in_a_new_user_namespace();
        let written = sleeper.map(&IdMap::whole(100_000, 10).deny_setgroups()).unwrap();
        assert_eq!((written.setgroups_denied, sleeper.setgroups().as_str()), (true, "deny"));
        assert_eq!(sleeper.ranges("gid_map"), [IdRange::new(0, 100_000, 10)]);
    });
}

#[test]
fn a_second_map_is_refused_as_such() {
    needs!(root, userns, program("unshare"));
    isolated(|| {
        let sleeper = Sleeper::in_a_new_user_namespace();
        sleeper.map(&IdMap::whole(100_000, 10)).unwrap();
        for second in [IdMap::whole(100_000, 10), IdMap::whole(100_000, 10).deny_setgroups()] {
            let error = sleeper.map(&second).unwrap_err();
            assert_eq!((error.kind(), error.errno()), (ErrorKind::WrongState, Some(1)));
            assert_eq!(cause(&error), "the map is already written: Operation not permitted (EPERM)");
        }
        assert_eq!(sleeper.ranges("uid_map"), [IdRange::new(0, 100_000, 10)]);
    });
}

#[test]
fn an_overlapping_map_is_refused_before_anything_is_touched() {
    needs!(root, userns, program("unshare"));
    isolated(|| {
        let sleeper = Sleeper::in_a_new_user_namespace();
        let map = IdMap::whole(100_000, 10).uid(IdRange::new(5, 200_000, 1)).deny_setgroups();
        let error = sleeper.map(&map).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert_eq!(error.problems(), ["uid range 2 (5 200000 1) overlaps uid range 1 (0 100000 10) inside"]);
        assert!(sleeper.is_untouched());
    });
}

#[test]
fn the_kernel_takes_340_ranges_and_we_refuse_one_more() {
    needs!(root, userns, program("unshare"));
    isolated(|| {
        let sleeper = Sleeper::in_a_new_user_namespace();
        let most = (0..340).fold(IdMap::new(), |map, at| map.both(IdRange::new(at * 2, at * 2, 1)));
        let error = sleeper.map(&most.clone().both(IdRange::new(700, 700, 1))).unwrap_err();
        assert_eq!(error.problems().len(), 2);
        assert!(sleeper.is_untouched());
        sleeper.map(&most).unwrap();
        assert_eq!(sleeper.ranges("uid_map"), most.uids());
    });
}

#[test]
fn the_longest_text_we_pass_is_taken_and_a_page_is_not() {
    needs!(root, userns, program("unshare"));
    isolated(|| {
        let sleeper = Sleeper::in_a_new_user_namespace();
        let long = |count| {
            (0..count).fold(IdMap::new(), |map, at| map.both(IdRange::new(4_000_000_000 + at, 4_000_000_000 + at, 1)))
        };
        // 170 lines of 24 bytes and one of 15 are 4095.
        let map = long(170).both(IdRange::new(1000, 1000, 1000));
        let text: String = map.uids().iter().map(|range| format!("{range}\n")).collect();
        assert_eq!(text.len(), 4095);
        if cfg!(target_arch = "x86_64") {
            // One digit more is a page there.
            let page = text.replace("1000 1000 1000", "10000 1000 1000");
            let answer = fs::write(sleeper.path("uid_map"), page);
            assert_eq!(answer.unwrap_err().raw_os_error(), Some(22));
        }
        sleeper.map(&map).unwrap();
        assert_eq!(sleeper.file("uid_map").lines().count(), 171);
    });
}

#[test]
fn the_kernel_takes_exactly_the_maps_that_check_passes() {
    needs!(root, userns, program("unshare"));
    isolated(|| {
        let id = || prop_oneof![3 => 0..10_u32, 1 => u32::MAX - 4..=u32::MAX];
        // An empty range is refused whatever the others are: few of them.
        let count = prop_oneof![1 => Just(0_u32), 9 => 1..4_u32];
        let range = (id(), id(), count).prop_map(|(inside, outside, count)| IdRange::new(inside, outside, count));
        let maps = proptest::collection::vec(range, 0..4);
        let (taken, refused) = (Cell::new(0), Cell::new(0));
        let config = Config { cases: 150, failure_persistence: None, ..Config::default() };
        let result = TestRunner::new(config).run(&maps, |ranges| {
            let map = ranges.iter().fold(IdMap::new(), |map, range| map.both(*range));
            let text: String = ranges.iter().map(|range| format!("{range}\n")).collect();
            let sleeper = Sleeper::in_a_new_user_namespace();
            if map.check().is_ok() {
                sleeper.map(&map).map_err(|error| TestCaseError::fail(format!("{error}: {}", cause(&error))))?;
                prop_assert_eq!(sleeper.ranges("uid_map"), ranges);
                taken.set(taken.get() + 1);
            } else {
                prop_assert_eq!(sleeper.map(&map).unwrap_err().kind(), ErrorKind::Invalid);
                // An empty write is no write: the kernel is asked with a blank line.
                let text = if text.is_empty() { "\n" } else { &text };
                let answer = fs::write(sleeper.path("uid_map"), text);
                prop_assert_eq!(answer.err().and_then(|error| error.raw_os_error()), Some(22), "{}", text);
                refused.set(refused.get() + 1);
            }
            Ok(())
        });
        assert!(result.is_ok(), "{}", result.unwrap_err());
        assert!(taken.get() > 5 && refused.get() > 5, "{} taken, {} refused", taken.get(), refused.get());
    });
}

#[test]
fn a_process_of_our_own_namespace_is_told_from_a_new_one() {
    needs!(userns, program("unshare"));
    isolated(|| {
        let sleeper = Sleeper::in_our_namespace();
        let error = sleeper.map(&IdMap::current_as_root()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(error.hint().unwrap().contains("the caller's own user namespace"), "{:?}", error.hint());
    });
}

#[test]
fn a_process_that_is_gone_is_not_found() {
    needs!(userns, program("unshare"));
    isolated(|| {
        let mut sleeper = Sleeper::in_a_new_user_namespace();
        sleeper.child.kill().unwrap();
        sleeper.child.wait().unwrap();
        let error = sleeper.map(&IdMap::current_as_root()).unwrap_err();
        assert_eq!((error.kind(), error.errno()), (ErrorKind::NotFound, Some(3)));
        let pid = sleeper.child.id();
        let named =
            [format!("cannot deny setgroups in process {pid}"), format!("cannot write the gid map of process {pid}")];
        assert!(named.contains(&error.to_string()), "{error}");
    });
}

#[test]
fn a_descriptor_of_something_else_is_refused() {
    needs!(userns, program("unshare"));
    isolated(|| {
        let of = |path: &str| IdMap::current_as_root().write_to(File::open(path).unwrap().as_fd(), 1).unwrap_err();
        assert_eq!(of("/proc/self/status").errno(), Some(20));
        assert_eq!(of("/").kind(), ErrorKind::Invalid);
        // Nor is anything written to files of somebody's making, whatever their names.
        let made = Scratch::new();
        for name in ["uid_map", "gid_map", "setgroups"] {
            fs::write(made.path().join(name), "").unwrap();
        }
        let error = of(made.path().to_str().unwrap());
        assert_eq!(cause(&error), "the directory of the process is not one of procfs");
        for name in ["uid_map", "gid_map", "setgroups"] {
            assert_eq!(fs::read_to_string(made.path().join(name)).unwrap(), "");
        }
    });
}

#[test]
fn root_without_setfcap_learns_that_the_parents_root_is_the_matter() {
    needs!(root, userns, program("unshare"));
    isolated(|| {
        let sleeper = Sleeper::in_a_new_user_namespace();
        let error = without(CapabilitySet::SETFCAP, || sleeper.map(&IdMap::whole(0, 10))).unwrap_err();
        assert_eq!((error.kind(), error.errno()), (ErrorKind::Denied, Some(1)));
        assert_eq!(error.hint(), Some("mapping the parent's uid 0 needs CAP_SETFCAP since Linux 5.12"));
        let other = Sleeper::in_a_new_user_namespace();
        without(CapabilitySet::SETFCAP, || other.map(&IdMap::whole(1, 10))).unwrap();
    });
}

#[test]
fn root_without_setuid_goes_by_the_helper_which_refuses_ids_not_lent() {
    needs!(root, userns, program("unshare"), program("newuidmap"));
    isolated(|| {
        let sleeper = Sleeper::in_a_new_user_namespace();
        let map = IdMap::whole(4_000_000_000, 10);
        let error = without(CapabilitySet::SETUID, || sleeper.map(&map)).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot write the uid map of process {}", sleeper.child.id()));
        assert_eq!((error.kind(), error.errno()), (ErrorKind::Denied, None));
        assert_eq!(cause(&error), "newuidmap refused: uid range [0-10) -> [4000000000-4000000010) not allowed");
        assert!(error.hint().unwrap().contains("/etc/subuid"), "{:?}", error.hint());
        assert_eq!(sleeper.file("uid_map"), "");
    });
}

#[test]
fn an_ordinary_account_writes_its_own_id_by_itself() {
    needs!(user, userns, program("unshare"));
    isolated(|| {
        let sleeper = Sleeper::in_a_new_user_namespace();
        let map = IdMap::single(0, 7);
        let written = sleeper.map(&map).unwrap();
        assert_eq!((sleeper.ranges("uid_map"), sleeper.ranges("gid_map")), (map.uids().to_vec(), map.gids().to_vec()));
        assert_eq!((writers(written), written.setgroups_denied), (BY_CALLER, true));
        assert_eq!(sleeper.setgroups(), "deny");
    });
}

#[test]
fn an_ordinary_account_maps_its_subordinate_ids_by_the_helpers() {
    needs!(user, subids, program("unshare"));
    isolated(|| {
        let sleeper = Sleeper::in_a_new_user_namespace();
        let map = IdMap::from_subid(&getuid().as_raw().to_string()).unwrap();
        let written = sleeper.map(&map).unwrap();
        assert_eq!((sleeper.ranges("uid_map"), sleeper.ranges("gid_map")), (map.uids().to_vec(), map.gids().to_vec()));
        assert_eq!((writers(written), written.setgroups_denied), (BY_HELPERS, false));
        assert_eq!(sleeper.setgroups(), "allow");
        let error = sleeper.map(&map).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState);
    });
}

#[test]
fn the_helpers_write_after_setgroups_was_denied() {
    needs!(user, subids, program("unshare"));
    isolated(|| {
        let sleeper = Sleeper::in_a_new_user_namespace();
        let map = IdMap::from_subid(&getuid().as_raw().to_string()).unwrap().deny_setgroups();
        assert!(sleeper.map(&map).unwrap().setgroups_denied);
        assert_eq!((sleeper.setgroups().as_str(), sleeper.ranges("gid_map")), ("deny", map.gids().to_vec()));
    });
}

#[test]
fn ids_of_somebody_else_are_refused_with_the_helpers_words() {
    needs!(user, subids, program("unshare"));
    isolated(|| {
        let sleeper = Sleeper::in_a_new_user_namespace();
        let error = sleeper.map(&IdMap::whole(4_000_000_000, 10)).unwrap_err();
        assert_eq!((error.kind(), error.errno()), (ErrorKind::Denied, None));
        assert_eq!(cause(&error), "newgidmap refused: gid range [0-10) -> [4000000000-4000000010) not allowed");
        assert!(error.hint().unwrap().contains("/etc/subgid"), "{:?}", error.hint());
        assert!(sleeper.is_untouched());
    });
}

#[test]
fn under_no_new_privs_the_helpers_are_known_to_be_powerless() {
    needs!(user, subids, program("unshare"));
    isolated(|| {
        let sleeper = Sleeper::in_a_new_user_namespace();
        let map = IdMap::from_subid(&getuid().as_raw().to_string()).unwrap();
        let powerless = || {
            rustix::thread::set_no_new_privs(true).unwrap();
            sleeper.map(&map)
        };
        let error = thread::scope(|scope| scope.spawn(powerless).join().unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(error.hint().unwrap().contains("no_new_privs"), "{:?}", error.hint());
    });
}

#[test]
fn a_process_that_hides_its_memory_is_told_as_such() {
    needs!(user, userns, program("unshare"));
    isolated(|| {
        let made = Scratch::new();
        let program = made.path().join("sleep");
        fs::copy("/bin/sleep", &program).unwrap();
        // What its owner may not read is undumpable when executed.
        fs::set_permissions(&program, fs::Permissions::from_mode(0o111)).unwrap();
        let sleeper = Sleeper::start(Command::new("unshare").arg("--user").arg(&program).arg(ENDLESS));
        let error = sleeper.map(&IdMap::current_as_root()).unwrap_err();
        assert!(error.hint().is_some_and(|hint| hint.contains("undumpable")), "{error}: {:?}", error.hint());
    });
}

#[test]
fn a_process_of_another_user_is_told_from_a_refusal() {
    needs!(user, userns, program("unshare"));
    isolated(|| {
        let error = IdMap::current_as_root().write_to(File::open("/proc/1").unwrap(), 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(error.hint().unwrap().contains("belong to uid 0"), "{:?}", error.hint());
    });
}

#[test]
fn where_sigchld_is_ignored_the_map_itself_tells_of_the_helper() {
    needs!(user, subids, program("unshare"));
    let name = "where_sigchld_is_ignored_the_map_itself_tells_of_the_helper";
    if again_under(&["env", "--ignore-signal=CHLD"], name) {
        let map = IdMap::from_subid(&getuid().as_raw().to_string()).unwrap();
        let sleeper = Sleeper::in_a_new_user_namespace();
        assert_eq!(writers(sleeper.map(&map).unwrap()), BY_HELPERS);
        assert_eq!(sleeper.ranges("uid_map"), map.uids());
        let other = Sleeper::in_a_new_user_namespace();
        let error = other.map(&IdMap::whole(4_000_000_000, 10)).unwrap_err();
        assert!(cause(&error).contains("not allowed"), "{}", cause(&error));
        println!("second life lived");
    }
}

#[test]
fn ids_that_the_callers_own_namespace_lacks_are_named() {
    needs!(userns, program("unshare"));
    let name = "ids_that_the_callers_own_namespace_lacks_are_named";
    if again_under(&["unshare", "--user", "--map-root-user"], name) {
        let sleeper = Sleeper::in_a_new_user_namespace();
        let map = IdMap::new().gid(IdRange::new(0, 0, 1)).uid(IdRange::new(0, 0, 1)).uid(IdRange::new(1, 100_000, 5));
        let error = sleeper.map(&map).unwrap_err();
        assert_eq!(
            error.hint(),
            Some("uid range 2 (1 100000 5) has ids outside that the caller's own user namespace does not map")
        );
        // What it has it can give on, and what is denied to it stays denied.
        let other = Sleeper::in_a_new_user_namespace();
        let written = other.map(&IdMap::current_as_root()).unwrap();
        assert_eq!((writers(written), written.setgroups_denied), (BY_CALLER, true));
        println!("second life lived");
    }
}
