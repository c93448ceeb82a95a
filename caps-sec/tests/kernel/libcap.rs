// SPDX-License-Identifier: MIT OR Apache-2.0
//! Beside libcap's programs: what getpcaps and getcap write is what we write, what capsh and setcap read is what we read.

use std::fs;
use std::path::Path;
use std::process::Command;

use needs::{Scratch, isolated, needs};
use proptest::prelude::*;
use skep_caps_sec::{Cap, CapSet, CapText, Capabilities, FileCaps, Privileges};

use super::support::{available, for_some, on_a_thread, sets_within};

fn said_by(program: &str, arguments: &[&str]) -> Option<String> {
    let out = Command::new(program).args(arguments).output().unwrap();
    out.status.success().then(|| String::from_utf8(out.stdout).unwrap().trim().to_owned())
}

#[test]
fn the_text_of_any_sets_is_that_of_getpcaps() {
    needs!(root, program("getpcaps"));
    isolated(|| {
        for_some(sets_within(available()), |sets| {
            on_a_thread(move || {
                Privileges::new().capabilities(sets).steps(None).enter_thread().unwrap();
                let tid = rustix::thread::gettid().as_raw_nonzero().to_string();
                // Its own capabilities are less than ours, which it does not need to read those of its own user.
                let theirs = said_by("getpcaps", &[&tid]).unwrap();
                assert_eq!(theirs, format!("{tid}: {}", CapText::from(sets)));
                let tid = tid.parse().unwrap();
                assert_eq!(Capabilities::of_thread(std::process::id(), tid).unwrap(), sets);
            });
        });
    });
}

#[test]
fn of_equally_many_libcap_s_choice_is_ours() {
    needs!(root, program("getpcaps"));
    isolated(|| {
        let all = available();
        // As many in force as not, and as many inheritable as neither: the same number of each.
        for (every, with) in [(2, false), (4, true)] {
            let half: CapSet = all.iter().take(40).filter(|cap| cap.number() % every < every / 2).collect();
            let inheritable: CapSet = all.iter().filter(|cap| with && cap.number() % 2 == 0).collect();
            let sets = Capabilities { inheritable, effective: half, ..Capabilities::exactly(all) };
            on_a_thread(move || {
                Privileges::new().capabilities(sets).steps(None).enter_thread().unwrap();
                let tid = rustix::thread::gettid().as_raw_nonzero().to_string();
                assert_eq!(said_by("getpcaps", &[&tid]).unwrap(), format!("{tid}: {}", CapText::from(sets)));
            });
        }
    });
}

fn clause() -> impl Strategy<Value = String> {
    let names = proptest::collection::vec(0..41_usize, 1..4).prop_map(|numbers| {
        let names = numbers.into_iter().map(|number| Cap::NAMED[number].kernel_name().unwrap().to_lowercase());
        names.collect::<Vec<_>>().join(",")
    });
    (names, prop_oneof!["=[eip]{0,3}", "\\+[eip]{1,3}", "-[eip]{1,3}", "=[ip]{0,2}\\+e", "\\+p-[ei]{1,2}"])
        .prop_map(|(names, operator)| names + &operator)
}

#[test]
fn what_capsh_reads_of_a_text_is_what_we_read() {
    needs!(root, program("capsh"));
    isolated(|| {
        for_some(proptest::collection::vec(clause(), 1..5).prop_map(|clauses| clauses.join(" ")), |text| {
            let ours: CapText = text.parse().unwrap();
            let all = ours.effective | ours.permitted | ours.inheritable;
            // Others the kernel refuses.
            if all.is_subset(available()) && ours.effective.is_subset(ours.permitted) {
                let said = said_by("capsh", &[&format!("--caps={text}"), "--print"]).unwrap();
                assert!(said.lines().next().unwrap() == format!("Current: {ours}"), "{text}: {ours}\n{said}");
            }
        });
    });
}

/// What a file has by getcap's word.
fn by_getcap(path: &Path) -> String {
    let said = said_by("getcap", &["-n", path.to_str().unwrap()]).unwrap();
    said.strip_prefix(path.to_str().unwrap()).unwrap_or_default().trim().to_owned()
}

#[test]
fn a_file_is_given_what_getcap_reads_and_had_what_setcap_gave() {
    needs!(root, program("getcap"), program("setcap"), syscall("openat2"));
    isolated(|| {
        let scratch = Scratch::new();
        let path = scratch.join("tool");
        fs::write(&path, "").unwrap();
        assert_eq!(FileCaps::of_path(&path).unwrap(), None);
        let file = fs::File::open(&path).unwrap();
        let few = CapSet::from([Cap::NET_RAW, Cap::CHOWN]);
        let many = [
            FileCaps::new(few),
            FileCaps::new(few).effective(),
            FileCaps::new(few).inheritable(Cap::KILL.into()).effective(),
            FileCaps::new(few).inheritable(few),
            FileCaps::new(few).effective().root(1000),
        ];
        for caps in many {
            caps.apply_to_path(&path).unwrap();
            assert_eq!(by_getcap(&path), caps.to_string());
            assert_eq!(FileCaps::of_file(&file).unwrap(), Some(caps));
            assert!(FileCaps::remove_of_path(&path).unwrap() && !FileCaps::remove_of_path(&path).unwrap());
            caps.apply_to_file(&file).unwrap();
            assert_eq!(FileCaps::of_path(&path).unwrap(), Some(caps));
            let (dir, path) = (fs::File::open(scratch.path()).unwrap(), scratch.join("tool"));
            FileCaps::remove_of_path(&path).unwrap();
            caps.apply_to_path_in(&dir, "tool").unwrap();
            assert_eq!(FileCaps::of_path_in(&dir, "tool").unwrap(), Some(caps));
            let text = CapText { effective: CapSet::empty(), inheritable: caps.inheritable, permitted: caps.permitted };
            said_by("setcap", &[&text.to_string(), path.to_str().unwrap()]).unwrap();
            let given = FileCaps { effective: false, root: None, ..caps };
            assert_eq!(FileCaps::of_path(&path).unwrap(), Some(given));
        }
    });
}
