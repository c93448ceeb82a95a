// SPDX-License-Identifier: MIT OR Apache-2.0
//! Descriptors and pipes of the program.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::AsRawFd;

use needs::{isolated, needs};
use skep::ns::Stdio;

use crate::common::{shell, text_of};

/// A file without a name that holds `text`.
fn file(text: &str) -> File {
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    drop(writer);
    let path = needs::Scratch::new();
    let mut file = File::options().read(true).write(true).create_new(true).open(path.join("file")).unwrap();
    std::io::copy(&mut reader, &mut file).unwrap();
    file.rewind().unwrap();
    file
}

#[test]
fn the_program_has_the_given_descriptors_and_no_other() {
    needs!(userns);
    isolated(|| {
        // Of the caller's own, one that would be inherited by an exec, and one far up.
        let open = file("x");
        rustix::io::fcntl_setfd(&open, rustix::io::FdFlags::empty()).unwrap();
        let high = rustix::io::fcntl_dupfd_cloexec(&open, 900).unwrap();
        rustix::io::fcntl_setfd(&high, rustix::io::FdFlags::empty()).unwrap();
        // The shell does not open anything for itself; ls looks at the shell.
        assert_eq!(text_of(shell("ls /proc/1/fd; :")), "0\n1\n2\n");
        assert_eq!(text_of(shell("ls -v /proc/1/fd; cat <&7; :").fd(7, file("seven\n"))), "0\n1\n2\n7\nseven\n");
    });
}

#[test]
fn a_descriptor_may_have_any_number_the_wire_s_own_among_them() {
    needs!(userns);
    isolated(|| {
        for (low, high) in [(3, 4), (4, 3), (3, 9), (5, 800)] {
            let builder = shell(&format!("cat /proc/self/fd/{low} /proc/self/fd/{high}"));
            let text = text_of(builder.fd(low, file("low")).fd(high, file("high")));
            assert_eq!(text, "lowhigh", "{low} {high}");
        }
        // Each lies under the number that another one goes to.
        let (one, other) = (file("one"), file("other"));
        let (first, second) = (one.as_raw_fd(), other.as_raw_fd());
        let builder = shell(&format!("cat /proc/self/fd/{first} /proc/self/fd/{second}"));
        assert_eq!(text_of(builder.fd(second, one).fd(first, other)), "otherone");
    });
}

#[test]
fn the_last_descriptor_under_a_number_counts() {
    needs!(userns);
    isolated(|| {
        assert_eq!(text_of(shell("cat <&5").fd(5, file("old")).fd(5, file("new"))), "new");
    });
}

#[test]
fn pipes_lead_to_the_program_and_back() {
    needs!(userns);
    isolated(|| {
        let builder = shell("read a; echo got $a; echo bad $a >&2; read b || echo end");
        let mut container = builder.stdin(Stdio::Piped).stdout(Stdio::Piped).stderr(Stdio::Piped).start().unwrap();
        container.stdin.take().unwrap().write_all(b"x\n").unwrap();
        let (mut out, mut err) = (String::new(), String::new());
        container.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        container.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert!(container.wait().unwrap().success());
        assert_eq!((out.as_str(), err.as_str()), ("got x\nend\n", "bad x\n"));
    });
}

#[test]
fn output_takes_a_megabyte_on_both_streams() {
    needs!(userns);
    isolated(|| {
        let out = shell("head -c 1048576 /dev/zero >&2 & head -c 1048576 /dev/zero; wait; exit 5").output().unwrap();
        assert_eq!((out.stdout.len(), out.stderr.len()), (1 << 20, 1 << 20));
        assert_eq!(out.status.code(), Some(5));
    });
}

#[test]
fn output_gives_the_program_nothing_to_read() {
    needs!(userns);
    isolated(|| {
        assert_eq!(text_of(shell("cat; readlink /proc/self/fd/0")), "/dev/null\n");
    });
}

#[test]
fn a_file_and_nothing_may_be_standard_descriptors() {
    needs!(userns);
    isolated(|| {
        let mut into = file("");
        let container = shell("cat; echo lost >&2").stdin(file("from a file")).stdout(into.try_clone().unwrap());
        let status = container.stderr(Stdio::Null).start().unwrap().wait().unwrap();
        assert!(status.success());
        let mut text = String::new();
        into.rewind().unwrap();
        into.read_to_string(&mut text).unwrap();
        assert_eq!(text, "from a file");
    });
}

#[test]
fn every_number_below_the_limit_may_be_given() {
    needs!(userns);
    isolated(|| {
        let (highest, _) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap();
        let highest = i32::try_from(highest.min(1 << 19)).unwrap() - 1;
        let builder = shell(&format!("cat /proc/self/fd/{highest}"));
        assert_eq!(text_of(builder.fd(highest - 1, file("below")).fd(highest, file("highest"))), "highest");
    });
}

#[test]
fn a_number_that_is_none_is_a_problem_before_anything_is_touched() {
    let error = shell("true").fd(-1, file("")).create().unwrap_err();
    assert_eq!(error.problems(), ["fd: -1 cannot be the number of a descriptor"]);
}
