// SPDX-License-Identifier: MIT OR Apache-2.0
//! All that a start could change in its caller.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::OwnedFd;

use needs::Scratch;
use rustix::fs::{Mode, OFlags};
use rustix::process::{Resource, Rlimit};

use super::raw;

/// The caller as the kernel shows it, thing by thing.
pub(crate) fn look() -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    for name in ["oom_score_adj", "limits", "cgroup", "coredump_filter", "environ", "cmdline"] {
        seen.insert(name.to_owned(), read(&format!("/proc/self/{name}")));
    }
    for name in ["comm", "timerslack_ns", "children", "personality"] {
        // The third is there with checkpointing alone, the fourth not for everybody.
        seen.insert(name.to_owned(), fs::read_to_string(format!("/proc/thread-self/{name}")).unwrap_or_default());
    }
    for line in read("/proc/thread-self/status").lines() {
        let (key, value) = line.split_once(":\t").unwrap_or((line, ""));
        if !["Vm", "Rss", "Hugetlb", "State", "Cpus_", "Mems_"].iter().any(|varies| key.starts_with(varies))
            && !key.contains("ctxt_switches")
            && key != "Threads"
            // How much room the table of descriptors has, which many threads at once make larger; what is in it is below.
            && key != "FDSize"
            // Of the whole account, not of this process.
            && key != "SigQ"
        {
            seen.insert(format!("status {key}"), value.to_owned());
        }
    }
    for name in ["cwd", "root", "exe"] {
        seen.insert(name.to_owned(), link(&format!("/proc/self/{name}")));
    }
    seen.extend(list("/proc/thread-self/ns"));
    seen.extend(descriptors());
    let nice = rustix::process::getpriority_process(None).unwrap();
    seen.insert("nice".to_owned(), nice.to_string());
    for signal in 1..=64 {
        seen.insert(format!("signal {signal}"), raw::action_as_text(signal));
    }
    seen.insert("prctl".to_owned(), raw::process_settings());
    seen
}

/// Open descriptors, what they lead to, and their flags and positions.
pub(crate) fn descriptors() -> BTreeMap<String, String> {
    let mut seen = list("/proc/self/fd");
    for (name, target) in &mut seen {
        let number = name.rsplit('/').next().unwrap_or_default();
        let info = read(&format!("/proc/self/fdinfo/{number}"));
        let told = info.lines().filter(|line| line.starts_with("flags:") || line.starts_with("pos:"));
        *target = format!("{target} {}", told.collect::<Vec<_>>().join(" "));
    }
    seen
}

/// The links of a directory in /proc. The directory's own descriptor is closed again and has no target.
fn list(path: &str) -> BTreeMap<String, String> {
    let names: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    let target = |path: std::path::PathBuf| Some((path.to_str()?.to_owned(), fs::read_link(&path).ok()?));
    names.into_iter().filter_map(target).map(|(name, target)| (name, format!("{target:?}"))).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn link(path: &str) -> String {
    format!("{:?}", fs::read_link(path).unwrap())
}

/// Gives this process unusual values of all that; the descriptors and the directory live as long as what is answered.
pub(crate) fn become_unusual() -> (Vec<OwnedFd>, Scratch) {
    raw::handle(libc::SIGUSR1);
    raw::handle(33);
    raw::handle(libc::SIGRTMAX());
    raw::ignore(libc::SIGPIPE);
    raw::ignore(libc::SIGUSR2);
    raw::block(&[40, 64, libc::SIGTERM]);
    raw::set_comm(c"unusual");
    raw::set_process_settings();
    rustix::process::umask(Mode::from_raw_mode(0o027));
    rustix::process::setpriority_process(None, 7).unwrap();
    fs::write("/proc/self/oom_score_adj", "123").unwrap();
    let hard = rustix::process::getrlimit(Resource::Nofile).maximum;
    rustix::process::setrlimit(Resource::Nofile, Rlimit { current: Some(777), maximum: hard }).unwrap();
    rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(4096) }).unwrap();
    let scratch = Scratch::new();
    rustix::process::chdir(scratch.path()).unwrap();
    (vec![open_above(5), open_above(500)], scratch)
}

/// A descriptor at `number` or above that is not closed on exec.
pub(crate) fn open_above(number: i32) -> OwnedFd {
    let file = rustix::fs::open("/proc/version", OFlags::RDONLY, Mode::empty()).unwrap();
    raw::inheritable_copy(&file, number)
}
