// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why something could not be attached or removed, in words.

use std::path::Path;

use super::tree::Half;
use super::work::{Failure, Part};
use crate::error::{Error, Object};
use crate::floor::Errno;

const ABSENT: &str = "it takes open_tree, move_mount and mount_setattr: Linux 5.12, and that no filter refuses them; mount(2) \
                      binds nothing of another mount namespace";
const FILTERED: &str = "a seccomp filter or a security module refuses the call to this process, which has the right to it; \
                        mount(2) binds nothing of another mount namespace: it must be let do that, or be started outside";

pub(super) fn of_tree(source: &Path, half: Half, errno: i32) -> Error {
    let object = || Object::Path(source.to_owned());
    let why = match half {
        Half::Source => return Error::os("attach", object(), errno),
        Half::Namespaces => "user and mount namespaces to copy it in",
        Half::Copy => "a copy of its mount",
        Half::Attributes => "attributes and propagation of the copy",
    };
    let error = Error::explained("attach", object(), errno, why.to_owned());
    match (half, errno) {
        (_, 38) => error.with_hint(ABSENT),
        // Also in namespaces that were made for it, where the right is there.
        (Half::Copy, 1) => error.with_hint(FILTERED),
        (Half::Copy, 22) => error.with_hint(
            "the kernel copies no unbindable mount, none of another mount namespace, and in a user namespace no directory \
             without what is mounted below it",
        ),
        (Half::Attributes, 1) => error.with_hint("what the machine's own mount forbids cannot be allowed for its copy"),
        _ => error,
    }
}

fn object(target: &Path) -> Object {
    Object::Step(format!("{target:?} of another mount namespace"))
}

pub(super) fn of_attach(target: &Path, create: bool, failure: Failure) -> Error {
    let error = of(failure, "attach a mount at", target);
    match (failure.part, failure.errno) {
        (Part::Target, Errno::NOENT) if !create => error.with_hint("create_target() makes it"),
        (Part::Target | Part::Create, Errno::LOOP) => {
            error.with_hint("no link is followed below or into /proc, /sys and /dev, and none of a proc that leads to open files")
        }
        (Part::Attach, Errno::INVAL) => error.with_hint(
            "the kernel attaches nothing to a place that is not in that namespace (any more), nor a mount that is attached \
             already",
        ),
        (Part::Attach, Errno::LOOP) => error.with_hint("a mount namespace cannot be mounted in itself"),
        (Part::Attach, Errno(28)) => error.with_hint("sysctl fs.mount-max is the most mounts of one namespace"),
        _ => error,
    }
}

pub(super) fn of_remove(target: &Path, failure: Failure) -> Error {
    let error = of(failure, "remove the mount at", target);
    match (failure.part, failure.errno) {
        (Part::Other, _) => {
            error.with_hint("it was unmounted or moved already, or something was mounted over it: nothing was done")
        }
        (Part::Unmount, Errno::INVAL) => error.with_hint(
            "it is locked: a mount namespace that a user namespace copied keeps what it came with, and what is in its own \
             copies cannot be taken out one by one",
        ),
        _ => error,
    }
}

fn of(Failure { part, errno }: Failure, op: &'static str, target: &Path) -> Error {
    let Errno(number) = errno;
    let why = match part {
        Part::Start => "a thread or a copy of this process for it",
        Part::User => "joining the user namespace that owns the mount namespace",
        Part::Join => "joining the mount namespace",
        Part::Links => "/proc/thread-self/fd",
        Part::Root => "its root",
        Part::Target => "the target",
        Part::Create => "making the target",
        Part::Kind if errno == Errno::NOTDIR => "the target is no directory, and the mount is one",
        Part::Kind => "the target is a directory, and the mount is a file",
        Part::Attach => "attaching it",
        Part::Other => "what is there is another mount, or none",
        Part::Unmount => "unmounting it",
        Part::Copy => "a copy of it",
    };
    let error = Error::explained(op, object(target), number.into(), why.to_owned());
    match (part, errno) {
        (Part::Attach | Part::Copy, Errno::NOSYS) => error.with_hint(ABSENT),
        // The namespace was joined: the right is there.
        (Part::Attach, Errno::PERM | Errno::ACCES) => error.with_hint(FILTERED),
        (Part::Join, Errno::PERM) => error.with_hint(
            "it takes CAP_SYS_ADMIN and CAP_SYS_CHROOT, or that its user namespace was made by this account, from this one",
        ),
        _ => error,
    }
}
