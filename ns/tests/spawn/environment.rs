// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a program finds at its beginning beside descriptors: environment, arguments, directory, its own file.

use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use needs::{Scratch, isolated, needs};
use rustix::fs::MemfdFlags;
use skep_ns::{Spawn, Stdio};

use crate::support::halted::{HALT, Halted};
use crate::support::{in_second_life, live_again, sh};

/// The shell, in a file without a name that is executed by its descriptor.
fn shell_in_memory(flags: MemfdFlags) -> OwnedFd {
    let memory = rustix::fs::memfd_create("shell", flags).unwrap();
    let mut file = File::from(memory);
    file.write_all(&fs::read("/bin/sh").unwrap()).unwrap();
    file.into()
}

#[test]
fn the_caller_s_environment_is_the_program_s_in_the_same_order() {
    isolated(|| {
        let own: Vec<String> = env::vars().map(|(key, value)| format!("{key}={value}")).collect();
        assert!(own.len() > 1);
        assert_eq!(Halted::shell().strings("environ"), own);
    });
}

#[test]
fn a_cleared_environment_has_what_is_set_afterwards_in_that_order() {
    isolated(|| {
        let mut spawn = sh(HALT);
        spawn.env("LOST", "x").env_clear().env("Z", "1").env("A", "two words").envs([("M", "=x="), ("EMPTY", "")]);
        assert_eq!(Halted::start(&mut spawn).strings("environ"), ["Z=1", "A=two words", "M==x=", "EMPTY="]);
    });
}

#[test]
fn an_empty_environment_is_empty() {
    isolated(|| assert!(Halted::start(sh(HALT).env_clear()).read("environ").is_empty()));
}

#[test]
fn a_variable_may_begin_with_its_sign_as_some_programs_have_them() {
    isolated(|| {
        let mut spawn = sh(HALT);
        assert_eq!(Halted::start(spawn.env_clear().env("=A", "1")).strings("environ"), ["=A=1"]);
    });
}

#[test]
fn the_last_word_on_a_variable_counts() {
    isolated(|| {
        let mut spawn = sh(HALT);
        spawn.env_clear().env("A", "1").env("B", "1").env("A", "2").env_remove("B").env_remove("C").env("C", "3");
        assert_eq!(Halted::start(&mut spawn).strings("environ"), ["A=2", "C=3"]);
    });
}

#[test]
fn variables_of_the_caller_are_overridden_and_taken_out() {
    if !in_second_life() {
        live_again(&["env", "SKEP_ONE=1", "SKEP_TWO=2", "SKEP_THREE=3"]);
        return;
    }
    isolated(|| {
        let mut spawn = sh(HALT);
        spawn.env("SKEP_ONE", "new").env_remove("SKEP_TWO");
        let seen = Halted::start(&mut spawn).strings("environ");
        let ours: Vec<&str> = seen.iter().map(String::as_str).filter(|entry| entry.starts_with("SKEP_O")).collect();
        assert_eq!(ours, ["SKEP_ONE=new"]);
        assert!(seen.contains(&"SKEP_THREE=3".to_owned()) && !seen.iter().any(|entry| entry.contains("SKEP_TWO")));
        assert_eq!(env::var("SKEP_ONE").unwrap(), "1");
    });
}

#[test]
fn arguments_arrive_as_they_are() {
    isolated(|| {
        let halted = Halted::start(sh(HALT).args(["", "two words", "ünï", "*", "--"]).arg("last"));
        let expected = ["/bin/sh", "-c", HALT, "", "two words", "ünï", "*", "--", "last"];
        assert_eq!(halted.strings("cmdline"), expected);
    });
}

#[test]
fn arg0_is_what_the_program_finds_and_its_path_is_what_runs() {
    isolated(|| {
        let halted = Halted::start(sh(HALT).arg0("another name"));
        assert_eq!(halted.strings("cmdline")[0], "another name");
        let shell = fs::metadata("/bin/sh").unwrap();
        let file = fs::metadata(halted.link("exe")).unwrap();
        assert_eq!(std::os::unix::fs::MetadataExt::ino(&shell), std::os::unix::fs::MetadataExt::ino(&file));
    });
}

#[test]
fn the_program_begins_in_its_directory_and_the_caller_stays_in_its_own() {
    isolated(|| {
        let scratch = Scratch::new();
        let own = env::current_dir().unwrap();
        let halted = Halted::start(sh(HALT).current_dir(scratch.path()));
        assert_eq!((halted.link("cwd").as_path(), env::current_dir().unwrap()), (scratch.path(), own));
    });
}

#[test]
fn a_relative_path_is_taken_from_the_program_s_directory() {
    isolated(|| {
        let scratch = Scratch::new();
        std::os::unix::fs::symlink("/bin/sh", scratch.join("shell")).unwrap();
        let out = Spawn::new("./shell").args(["-c", "pwd"]).current_dir(scratch.path()).output().unwrap();
        assert_eq!(String::from_utf8(out.stdout).unwrap(), format!("{}\n", scratch.path().display()));
    });
}

#[test]
fn a_name_without_a_slash_is_looked_for_on_path_past_what_cannot_be_executed() {
    if !in_second_life() {
        let scratch = Scratch::new();
        fs::create_dir_all(scratch.join("one/true")).unwrap();
        fs::create_dir_all(scratch.join("two")).unwrap();
        fs::write(scratch.join("two/true"), "not executable").unwrap();
        let path = format!("PATH={0}/one:{0}/two:{1}", scratch.path().display(), env::var("PATH").unwrap());
        live_again(&["env", &path]);
        return;
    }
    isolated(|| assert!(Spawn::new("true").status().unwrap().success()));
}

#[test]
fn a_program_is_executed_from_memory_under_any_name() {
    needs!(syscall("memfd_create"));
    isolated(|| {
        let mut spawn = Spawn::new("name of ours");
        spawn.executable(shell_in_memory(MemfdFlags::CLOEXEC)).args(["-c", HALT]).stdin(Stdio::Null);
        let halted = Halted::start(&mut spawn);
        assert_eq!(halted.strings("cmdline"), ["name of ours", "-c", HALT]);
        assert!(halted.link("exe").starts_with("/memfd:shell (deleted)"), "{:?}", halted.link("exe"));
    });
}

#[test]
fn the_descriptor_of_the_executed_file_is_not_the_program_s() {
    needs!(syscall("memfd_create"));
    isolated(|| {
        for flags in [MemfdFlags::CLOEXEC, MemfdFlags::empty()] {
            let mut spawn = sh(HALT);
            spawn.executable(shell_in_memory(flags));
            let numbers: Vec<i32> = Halted::start(&mut spawn).descriptors().into_keys().collect();
            assert_eq!(numbers, [0, 1, 2], "{flags:?}");
        }
    });
}

#[test]
fn the_executed_file_may_lie_where_another_descriptor_goes() {
    needs!(syscall("memfd_create"));
    isolated(|| {
        let memory = shell_in_memory(MemfdFlags::CLOEXEC);
        let number = memory.as_raw_fd();
        let mut spawn = sh(HALT);
        spawn.executable(memory).fd(number, File::open("/dev/zero").unwrap());
        let found = Halted::start(&mut spawn).descriptors();
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), [0, 1, 2, number]);
        assert_eq!(found[&number], Path::new("/dev/zero"));
    });
}

#[test]
fn the_umask_of_the_caller_is_handed_on() {
    isolated(|| {
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o031));
        assert_eq!(Halted::shell().status("Umask"), "0031");
    });
}
