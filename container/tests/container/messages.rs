// SPDX-License-Identifier: MIT OR Apache-2.0
//! What people read when it does not work: one file with all messages, `tests/messages.txt`. `UPDATE=1` writes it anew.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use needs::{Scratch, isolated, needs};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use skep::caps_sec::{Errno, Loading, Policy, Rule, Verdict};
use skep::ns::{IdMap, IdRange, NamespaceKind, Namespaces};
use skep::rootfs::{Devpts, Mounts};
use skep::{Builder, Container, Error, ErrorKind, Hook, Moment, Network, Report};

use crate::common::{FIVE, at_every_low_limit_on_descriptors, program, role};

const EXPECTED: &str = include_str!("../messages.txt");

/// A container that root and users describe in the same way: they differ in who they are outside alone.
fn container(path: impl AsRef<Path>) -> Builder {
    let set = Namespaces::new().make(FIVE).user(IdMap::current_as_root());
    Container::anonymous().namespaces(set).proc("/proc").command(path.as_ref(), ["argument"])
}

fn file(dir: &Scratch, name: &str, content: &str, mode: u32) -> std::path::PathBuf {
    let path = dir.join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

/// Every failure that can be had as anybody, by the sentence that describes it, with the kind it must have.
fn failures(dir: &Scratch) -> Vec<(&'static str, ErrorKind, Builder)> {
    use ErrorKind::{Invalid, NotExecutable, NotFound};
    let long = "x".repeat(65);
    let true_ = || container("/bin/true");
    let with = |map: IdMap| true_().namespaces(Namespaces::new().make(FIVE).user(map));
    let overlapping = IdMap::new().uid(IdRange::new(0, 5, 9)).uid(IdRange::new(8, 99, 1)).gid(IdRange::new(0, 5, 1));
    let covered = Mounts::new().add(Devpts::new("/dev/pts")).mask(["/dev/pts"]);
    vec![
        ("a program that is absent", NotFound, container("/no/such/program")),
        ("a name that is on no PATH", NotFound, container("no-such-program")),
        ("a path through a file", NotFound, container("/bin/true/x")),
        ("a directory", NotExecutable, container(dir.path())),
        ("no execute permission", NotExecutable, container(file(dir, "plain", "#!/bin/sh\n", 0o644))),
        ("an absent interpreter", NotFound, container(file(dir, "script", "#!/no/such/interpreter\n", 0o755))),
        ("no format that is known", NotExecutable, container(file(dir, "bytes", "\u{1}\u{2}\u{3}\u{4}", 0o755))),
        ("an argument that is too large", Invalid, true_().command("/bin/true", ["x".repeat(200_000)])),
        ("arguments that are too many", Invalid, true_().command("/bin/true", (0..60_000).map(|_| "x".repeat(120)))),
        ("a bind source that is absent", Invalid, true_().bind("/no/such/source", dir.path())),
        ("a bind of a directory on a file", Invalid, true_().bind("/etc", dir.join("plain"))),
        ("a directory that is absent", NotFound, true_().current_dir("/no/such/directory")),
        ("a host name that is too long", Invalid, true_().hostname(long)),
        ("an id map that overlaps", Invalid, with(overlapping)),
        ("a user that is not mapped", Invalid, true_().user(33, 0)),
        ("names that nobody has", Invalid, true_().user_named("no-such-user:no-such-group").groups(["nor-this"])),
        ("names that are none", Invalid, true_().user_named("a:b:c").groups(["", "4294967296"]).umask(0o1000)),
        (
            "a policy that lets nothing be done",
            Invalid,
            true_().no_new_privileges().seccomp(Policy::deny_with(Errno::PERM).allow(["read", "sendmsg"])),
        ),
        (
            "a policy of calls that are none",
            Invalid,
            true_().no_new_privileges().seccomp(Policy::allow_all().deny(["fly", "mount", "unmount"])),
        ),
        (
            "a policy that asks about the start",
            Invalid,
            true_()
                .init()
                .no_new_privileges()
                .seccomp(Policy::allow_all().rule(Rule::new(Verdict::Notify, ["sendmsg", "mkdir", "kill", "execve"]))),
        ),
        ("a filter for all threads", Invalid, true_().umask(0o1000).seccomp_loading(Loading::new().all_threads())),
        (
            "a policy that asks, and a program that is absent",
            NotFound,
            container("/no/such/program")
                .no_new_privileges()
                .seccomp(Policy::allow_all().rule(Rule::new(Verdict::Notify, ["openat"]))),
        ),
        ("a domain name that is too long", Invalid, true_().domainname("d".repeat(65))),
        ("a container without a program", Invalid, Container::anonymous()),
        ("a hook that is absent", Invalid, true_().hook(Moment::Poststop, Hook::new("/no/such/hook"))),
        ("a hook that fails", ErrorKind::WrongState, true_().hook(Moment::CreateRuntime, Hook::new("/bin/false"))),
        ("a terminal without a devpts", Invalid, true_().terminal()),
        ("a devpts that is covered", Invalid, true_().mounts(covered).terminal()),
        (
            "a network that cannot be",
            Invalid,
            Container::anonymous()
                .command("/bin/true", ["argument"])
                .network(Network::veth("a/b").name("lo").mtu(10).gateway([10, 0, 3, 1])),
        ),
        (
            "many problems at once",
            Invalid,
            Container::anonymous().hostname("").bind("a", "b").proc("proc").umask(0o7777),
        ),
    ]
}

/// The report without what differs from run to run.
fn normal(error: &Error, dir: &Scratch) -> String {
    Report(error).to_string().replace(dir.path().to_str().unwrap(), "/DIR")
}

fn section(name: &str, report: &str) -> String {
    format!("## {name}\n{report}\n\n")
}

#[test]
fn each_failure_has_its_sentence_and_its_kind_and_leaves_nothing() {
    needs!(userns);
    if std::env::var_os("UPDATE").is_some() {
        let dir = Scratch::new();
        let reports = failures(&dir)
            .into_iter()
            .map(|(name, _, builder)| section(name, &normal(&builder.start().unwrap_err(), &dir)));
        fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/messages.txt"), reports.collect::<String>()).unwrap();
        return;
    }
    isolated(|| {
        let dir = Scratch::new();
        for (name, kind, builder) in failures(&dir) {
            let error = builder.start().unwrap_err();
            assert_eq!(error.kind(), kind, "{name}: {}", Report(&error));
            let ours = section(name, &normal(&error, &dir));
            assert!(EXPECTED.contains(&ours), "not in tests/messages.txt, which UPDATE=1 writes anew:\n{ours}");
        }
        let sections = EXPECTED.lines().filter(|line| line.starts_with("## ")).count();
        assert_eq!(sections, failures(&dir).len());
    });
}

#[test]
fn namespaces_without_the_right_are_denied_with_a_hint() {
    needs!(user);
    isolated(|| {
        let set = Namespaces::new().make([NamespaceKind::Uts]);
        let error = Container::anonymous().namespaces(set).command("/bin/true", [""; 0]).start().unwrap_err();
        assert_eq!((error.kind(), error.errno()), (ErrorKind::Denied, Some(1)));
        assert_eq!(
            Report(&error).to_string(),
            "cannot create the container\n  step 2 of 6, in the launcher: clone a sibling in new namespaces: uts\n  \
             cause: Operation not permitted (EPERM)\n  \
             hint: namespaces take CAP_SYS_ADMIN; an ordinary user makes a user namespace with them"
        );
    });
}

#[test]
fn a_map_that_a_user_may_not_write_is_denied() {
    needs!(user, userns);
    isolated(|| {
        let set = Namespaces::new().make(FIVE).user(IdMap::whole(7, 10));
        let error = container("/bin/true").namespaces(set).start().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Denied | ErrorKind::Unsupported), "{}", Report(&error));
        assert!(
            Report(&error).to_string().contains("in the parent: write the id map: u 0 7 10, g 0 7 10\n"),
            "{}",
            Report(&error)
        );
    });
}

#[test]
fn where_no_more_user_namespaces_are_allowed_the_hint_names_the_sysctl() {
    needs!(userns, file("/proc/sys/user/max_user_namespaces"));
    isolated(|| {
        // The limit of the namespace that the outer container has made, for what is made in it.
        let set = Namespaces::new().make(FIVE).user(IdMap::current_as_root());
        let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$0\" \"$@\"";
        let role = role("nested");
        let words = role.get_args().map(|word| word.to_str().unwrap());
        let program = role.get_program().to_str().unwrap();
        let words: Vec<&str> = ["-c", script, program].into_iter().chain(words).collect();
        let out = crate::common::text_of(
            crate::common::program("/bin/sh", &words).namespaces(set).env("SKEP_TEST_ROLE", "nested"),
        );
        let line = out.lines().find(|line| line.starts_with("failed: ")).unwrap_or_else(|| panic!("{out}"));
        assert!(line.starts_with("failed: Exhausted: cannot create the container"), "{line}");
        assert!(
            line.contains("(ENOSPC)")
                && line.ends_with("hint: a limit on namespaces is reached: see the sysctls user.max_*_namespaces"),
            "{line}"
        );
    });
}

#[test]
fn a_description_with_problems_touches_nothing() {
    isolated(|| {
        // Not even a descriptor could be made.
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(0), ..limit }).unwrap();
        let error = Container::anonymous().hostname("").bind("a", "/b").create().unwrap_err();
        setrlimit(Resource::Nofile, limit).unwrap();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert_eq!(error.problems().len(), 5, "{}", Report(&error));
    });
}

#[test]
fn at_every_low_limit_on_descriptors_a_start_works_or_says_so_and_leaves_nothing() {
    needs!(userns);
    isolated(|| {
        at_every_low_limit_on_descriptors(|| {
            let status = program("/bin/true", &[]).stdout(skep::ns::Stdio::Piped).start()?.wait()?;
            // The program itself may need more: a shared library is a descriptor.
            assert!(status.success() || status.code() == Some(127), "{status}");
            Ok(())
        });
    });
}

#[test]
fn an_error_converts_with_its_kind() {
    let error = Container::anonymous().start().unwrap_err();
    assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::InvalidInput);
}

#[test]
fn a_limit_on_file_sizes_is_told_and_does_not_kill_the_caller() {
    needs!(userns);
    isolated(|| {
        let Rlimit { maximum, .. } = getrlimit(Resource::Fsize);
        setrlimit(Resource::Fsize, Rlimit { current: Some(0), maximum }).unwrap();
        let error = program("/bin/true", &[]).create().unwrap_err();
        setrlimit(Resource::Fsize, Rlimit { current: maximum, maximum }).unwrap();
        assert_eq!(error.errno(), Some(nix::errno::Errno::EFBIG as i32));
        assert!(error.hint().unwrap().contains("ulimit -f"));
    });
}

#[test]
fn the_number_that_means_no_change_is_nobody_s() {
    let error = program("/bin/true", &[]).user(u32::MAX, 7).create().unwrap_err();
    assert!(error.problems()[0].starts_with("process.user: user 4294967295 is nobody's number"));
}
