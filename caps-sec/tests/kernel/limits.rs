// SPDX-License-Identifier: MIT OR Apache-2.0
//! Resource limits and the OOM score: set before the exec or from outside, and read back.

use std::fs;
use std::io;
use std::process::{Child, Command, Stdio};

use needs::{isolated, needs};
use skep_caps_sec::{Cap, CapSet, Capabilities, ErrorKind, Limit, OomScoreAdj, Privileges, Resource, Rlimit};

use super::support::{As, on_a_thread, prepared};

/// A sleeping program, ended when dropped.
struct Sleeper(Child);

impl Sleeper {
    fn with(privileges: &Privileges) -> io::Result<Self> {
        let mut command = Command::new("sleep");
        command.arg("600").stdin(Stdio::null());
        prepared(&mut command, privileges, As::Us).spawn().map(Self)
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Soft and hard as /proc/PID/limits tells them, by the words there.
    fn told(&self, words: &str) -> (String, String) {
        let text = fs::read_to_string(format!("/proc/{}/limits", self.pid())).unwrap();
        let line = text.lines().find(|line| line.starts_with(words)).unwrap();
        let mut values = line[words.len()..].split_whitespace();
        (values.next().unwrap().to_owned(), values.next().unwrap().to_owned())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// What /proc/PID/limits calls each resource.
const WORDS: [(Resource, &str); 16] = [
    (Resource::Cpu, "Max cpu time"),
    (Resource::Fsize, "Max file size"),
    (Resource::Data, "Max data size"),
    (Resource::Stack, "Max stack size"),
    (Resource::Core, "Max core file size"),
    (Resource::Rss, "Max resident set"),
    (Resource::Nproc, "Max processes"),
    (Resource::Nofile, "Max open files"),
    (Resource::Memlock, "Max locked memory"),
    (Resource::As, "Max address space"),
    (Resource::Locks, "Max file locks"),
    (Resource::Sigpending, "Max pending signals"),
    (Resource::Msgqueue, "Max msgqueue size"),
    (Resource::Nice, "Max nice priority"),
    (Resource::Rtprio, "Max realtime priority"),
    (Resource::Rttime, "Max realtime timeout"),
];

/// A limit that needs no right, lets a program live, and is another for each resource where it can be.
fn lower(at: u64, resource: Resource) -> Rlimit {
    let most = Rlimit::current(resource).unwrap().hard;
    let hard = most.min(Limit::new((1 << 34) + at));
    Rlimit::new(resource, hard.min(Limit::new((1 << 33) + at)), hard)
}

#[test]
fn every_resource_is_limited_as_asked() {
    isolated(|| {
        let rlimits: Vec<_> = (0..).zip(Resource::ALL).map(|(at, resource)| lower(at, resource)).collect();
        let privileges = rlimits.iter().fold(Privileges::new(), |all, rlimit| all.rlimit(*rlimit));
        let sleeper = Sleeper::with(&privileges).unwrap();
        for (rlimit, (resource, words)) in rlimits.into_iter().zip(WORDS) {
            assert_eq!(rlimit.resource, resource);
            assert_eq!(sleeper.told(words), (rlimit.soft.to_string(), rlimit.hard.to_string()), "{resource}");
            assert_eq!(Rlimit::of_process(resource, sleeper.pid()).unwrap(), rlimit);
        }
    });
}

#[test]
fn a_running_process_is_limited_from_outside_and_tells_what_was_before() {
    isolated(|| {
        let sleeper = Sleeper::with(&Privileges::new()).unwrap();
        let before = Rlimit::current(Resource::Nofile).unwrap();
        let less = Rlimit::new(Resource::Nofile, 10, 20);
        assert_eq!(less.apply_to(sleeper.pid()).unwrap(), before);
        assert_eq!(sleeper.told("Max open files"), ("10".to_owned(), "20".to_owned()));
        assert_eq!(Rlimit::current(Resource::Nofile).unwrap(), before);
        assert!(before.raises(&less) && !less.raises(&before));
    });
}

#[test]
fn a_hard_limit_is_not_raised_without_the_right() {
    isolated(|| {
        let sleeper = Sleeper::with(&Privileges::new()).unwrap();
        let less = Rlimit::both(Resource::Core, 0);
        less.apply_to(sleeper.pid()).unwrap();
        let error = on_a_thread(|| {
            let mut sets = Capabilities::current().unwrap();
            let lost = CapSet::from(Cap::SYS_RESOURCE);
            (sets.permitted, sets.effective) = (sets.permitted - lost, sets.effective - lost);
            skep_caps_sec::floor::thread::set_caps(
                sets.effective.bits(),
                sets.permitted.bits(),
                sets.inheritable.bits(),
            )
            .unwrap();
            Rlimit::both(Resource::Core, 1).apply_to(sleeper.pid()).unwrap_err()
        });
        assert_eq!((error.kind(), error.errno()), (ErrorKind::Denied, Some(libc::EPERM)));
        assert_eq!(error.to_string(), format!("cannot limit core of process {}", sleeper.pid()));
        assert!(error.hint().unwrap().contains("CAP_SYS_RESOURCE"));
        assert_eq!(Rlimit::of_process(Resource::Core, sleeper.pid()).unwrap(), less);
    });
}

#[test]
fn with_the_right_a_hard_limit_is_raised() {
    needs!(root, capability("SYS_RESOURCE"));
    isolated(|| {
        let sleeper = Sleeper::with(&Privileges::new().rlimit(Rlimit::both(Resource::Core, 0))).unwrap();
        let more = Rlimit::both(Resource::Core, Limit::UNLIMITED);
        more.apply_to(sleeper.pid()).unwrap();
        assert_eq!(Rlimit::of_process(Resource::Core, sleeper.pid()).unwrap(), more);
    });
}

#[test]
fn nobody_is_not_limited() {
    let error = Rlimit::both(Resource::Core, 0).apply_to(1 << 30).unwrap_err();
    assert_eq!((error.kind(), error.errno()), (ErrorKind::NotFound, Some(libc::ESRCH)));
}

#[test]
fn the_oom_score_is_adjusted_as_asked_before_and_after_the_exec() {
    isolated(|| {
        let sleeper = Sleeper::with(&Privileges::new().oom_score_adj(OomScoreAdj::new(321))).unwrap();
        assert_eq!(OomScoreAdj::of_process(sleeper.pid()).unwrap(), OomScoreAdj::new(321));
        OomScoreAdj::FIRST.apply_to(sleeper.pid()).unwrap();
        let told = fs::read_to_string(format!("/proc/{}/oom_score_adj", sleeper.pid())).unwrap();
        assert_eq!(told.trim(), "1000");
        let error = OomScoreAdj::new(1001).apply_to(sleeper.pid()).unwrap_err();
        assert_eq!(error.problems(), ["oom_score_adj: 1001 is not from -1000 (never) to 1000 (first)"]);
        assert_eq!(OomScoreAdj::of_process(1 << 30).unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_user_is_not_spared_for_the_asking() {
    needs!(user);
    isolated(|| {
        let error = Sleeper::with(&Privileges::new().oom_score_adj(OomScoreAdj::NEVER)).err().unwrap();
        assert_eq!(error.raw_os_error(), Some(libc::EACCES));
        let error = OomScoreAdj::NEVER.apply_to(std::process::id()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
    });
}
