// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs of others: attached by their descriptors, and left alone by device rules.
#![allow(unsafe_code, reason = "a program that is not ours is loaded by bpf(2) itself")]

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::PathBuf;

use needs::{isolated, needs};
use skep_cgroup::{DeviceRules, ErrorKind, Limits, ProgramKind, Version};

use crate::support::{Swept, create, directory, has_version, only, said, sh_in};

/// Makes the call with these words.
fn bpf(command: i32, words: &[u64]) -> i32 {
    // SAFETY: the callers pass what the command reads, and the addresses among the words are of what they hold.
    let ret = unsafe { libc::syscall(libc::SYS_bpf, command, words.as_ptr(), size_of_val(words)) };
    i32::try_from(ret).unwrap()
}

/// A program of this type that answers the same to everything.
fn program(kind: u64, answer: u64) -> OwnedFd {
    let insns = [0xb7 | answer << 32, 0x95];
    let address = |pointer: *const u8| u64::try_from(pointer.expose_provenance()).unwrap();
    // Two instructions and a licence.
    let fd = bpf(5, &[kind | 2 << 32, address(insns.as_ptr().cast()), address(c"MIT".as_ptr().cast()), 0, 0, 0]);
    assert!(fd >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the kernel has just made it for us.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

const SKB: u64 = 8;
const DEVICE: u64 = 15;

fn group(word: &str) -> (Swept, PathBuf) {
    only(Version::V2);
    let group = create(word);
    let at = directory(&group, None);
    (group, at)
}

fn can_open_null(group: &skep_cgroup::Cgroup) -> bool {
    sh_in(group, ": </dev/null").wait().unwrap().success()
}

#[test]
fn a_program_is_attached_beside_the_rules_and_detached_again() {
    needs!(root);
    if !has_version(Version::V2) {
        return;
    }
    isolated(|| {
        let (group, at) = group("own");
        let names = [(at.to_str().unwrap(), "GROUP")];
        let rules = DeviceRules::standard();
        group.apply(&Limits::new().devices(rules.clone())).unwrap();
        let no = program(DEVICE, 0);
        group.attach_program(&no, ProgramKind::Device).unwrap();
        assert!(!can_open_null(&group));
        // Rules replace rules, and nothing else.
        group.apply(&Limits::new().devices(DeviceRules::allow_all())).unwrap();
        let programs = group.device_programs().unwrap();
        assert_eq!(programs.len(), 2);
        // What ours and the other mean is read; what they do together is not.
        let meant = |rules| programs.iter().filter(|found| found.rules() == Some(&rules)).count();
        assert_eq!((meant(DeviceRules::allow_all()), meant(DeviceRules::deny_all())), (1, 1), "{programs:?}");
        assert_eq!(group.device_rules().unwrap(), None);
        assert!(!can_open_null(&group));
        said::check(
            "a program that is attached already",
            &group.attach_program(&no, ProgramKind::Device).unwrap_err(),
            &names,
        );
        group.detach_program(&no, ProgramKind::Device).unwrap();
        assert!(can_open_null(&group));
        let error = group.detach_program(&no, ProgramKind::Device).unwrap_err();
        said::check("a program that is not attached", &error, &names);
        assert_eq!(error.kind(), ErrorKind::NotFound);
        // Of another kind, and by what is no program.
        let packets = program(SKB, 1);
        group.attach_program(&packets, ProgramKind::Egress).unwrap();
        group.attach_program(&packets, ProgramKind::Ingress).unwrap();
        assert_eq!(group.attach_program(&packets, ProgramKind::Bind4).unwrap_err().kind(), ErrorKind::Invalid);
        group.detach_program(&packets, ProgramKind::Egress).unwrap();
        assert_eq!(group.detach_program(&packets, ProgramKind::Egress).unwrap_err().kind(), ErrorKind::NotFound);
        let null = std::fs::File::open("/dev/null").unwrap();
        said::check(
            "a descriptor that is no program",
            &group.attach_program(&null, ProgramKind::Device).unwrap_err(),
            &names,
        );
    });
}

#[test]
fn where_somebody_lets_no_program_be_beside_his_rules_are_refused() {
    needs!(root);
    if !has_version(Version::V2) {
        return;
    }
    isolated(|| {
        let (group, at) = group("alone");
        let number = |fd: &dyn AsFd| u64::try_from(fd.as_fd().as_raw_fd()).unwrap();
        let yes = program(DEVICE, 1);
        let fd = group.v2_fd().unwrap();
        // BPF_PROG_ATTACH of BPF_CGROUP_DEVICE, without flags.
        assert_eq!(bpf(8, &[number(&fd) | number(&yes) << 32, 6, 0]), 0);
        let error = group.apply(&Limits::new().devices(DeviceRules::standard())).unwrap_err();
        said::check("a program that lets none be beside it", &error, &[(at.to_str().unwrap(), "GROUP")]);
        assert_eq!(group.device_programs().unwrap().len(), 1);
    });
}

#[test]
fn a_group_without_version_2_takes_no_programs() {
    needs!(root, cgroup1("devices"));
    isolated(|| {
        only(Version::V1);
        let group = create("v1");
        let null = std::fs::File::open("/dev/null").unwrap();
        let error = group.attach_program(&null, ProgramKind::Egress).unwrap_err();
        let at = group.directories().next().unwrap().to_str().unwrap().to_owned();
        said::check("a program for a group without version 2", &error, &[(at.as_str(), "GROUP")]);
    });
}
