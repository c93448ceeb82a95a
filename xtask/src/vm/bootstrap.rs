// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bootstrap: a small Debian tree, of the suite and from the mirror that this machine's apt uses. Made once, kept below
//! `target/vm/trees`.
//!
//! Man: debootstrap(8), apt-get(8) "indextargets".

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{room, tools};
use crate::cargo;
use crate::debian;
use crate::failure::Failure;

/// What the tree has beside Debian's essential packages: systemd, and the real programs that tests call.
const PACKAGES: &str = "apparmor,busybox-static,dbus,iproute2,kmod,libcap2-bin,libpam-systemd,nftables,procps,strace,\
                        systemd,systemd-sysv,uidmap";

/// What no test reads, and what would be packed for every machine.
const BALLAST: [&str; 5] = ["usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache/apt", "var/lib/apt/lists"];

/// The tree's directory, made if it is not there already.
pub(super) fn debian(vm: &Path) -> Result<PathBuf, Failure> {
    if !debian::is_here() {
        return Err("a Debian tree is made by Debian's own tools, and this is not Debian".into());
    }
    if !rustix::process::geteuid().is_root() {
        return Err("a Debian tree has files of several owners: only root can make and pack it".into());
    }
    let suite = suite(&fs::read_to_string("/etc/os-release")?).ok_or("/etc/os-release names no suite of Debian's")?;
    let directory = vm.join("trees").join(&suite);
    // Two commands at once make one.
    let _lock = room::lock(&directory)?;
    let (root, packages) = (directory.join("root"), directory.join("root.packages"));
    // Written last; another list is another tree.
    if fs::read_to_string(&packages).is_ok_and(|made| made == PACKAGES) {
        return Ok(root);
    }
    make(&suite, &root)?;
    fs::write(packages, PACKAGES)?;
    Ok(root)
}

fn make(suite: &str, root: &Path) -> Result<(), Failure> {
    let mirror = match mirror_of(suite)? {
        Some(mirror) => mirror,
        None => {
            // A fresh machine has no lists yet, and without them the names of its suites are not known.
            cargo::output(Command::new("apt-get").args(["--quiet", "update"]))?;
            mirror_of(suite)?.ok_or_else(|| format!("apt's sources have no component main of {suite}"))?
        }
    };
    println!("making a tree of Debian {suite} from {mirror}");
    // What an earlier command has not finished.
    let _absent = fs::remove_dir_all(root);
    // In a mount namespace: what it mounts in the tree is gone with it, however it ends.
    let mut command = tools::command("unshare");
    command.args(["--mount", "--propagation", "private", "--"]).arg(tools::command("debootstrap").get_program());
    command.args(["--variant=minbase", &format!("--include={PACKAGES}"), suite]).arg(root).arg(mirror);
    cargo::output(&mut command)?;
    for path in BALLAST {
        let _absent = fs::remove_dir_all(root.join(path));
    }
    Ok(())
}

fn mirror_of(suite: &str) -> Result<Option<String>, Failure> {
    let mut command = Command::new("apt-get");
    command.args(["indextargets", "--format", "$(RELEASE) $(CODENAME) $(COMPONENT) $(REPO_URI)"]);
    Ok(mirror(&cargo::output(command.arg("Identifier: Packages"))?, suite))
}

/// The first repository of the suite's main component; updates and security have suites of their own.
fn mirror(targets: &str, suite: &str) -> Option<String> {
    targets.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [release, codename, "main", uri] if [release, codename].contains(&suite) => Some(uri.to_owned()),
            _ => None,
        }
    })
}

fn suite(os_release: &str) -> Option<String> {
    let value = os_release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="))?;
    Some(value.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_that_of_the_suite_itself() {
        let targets = "nodistro nodistro main https://other.example/\n\
                       bookworm-security bookworm-security main http://m.example/debian-security/\n\
                       stable bookworm contrib http://m.example/debian/\nstable bookworm main http://m.example/debian/\n";
        assert_eq!(mirror(targets, "bookworm").as_deref(), Some("http://m.example/debian/"));
        assert_eq!(mirror(targets, "trixie"), None);
    }

    #[test]
    fn the_suite_is_the_name_of_this_release() {
        assert_eq!(suite("ID=debian\nVERSION_CODENAME=bookworm\n").as_deref(), Some("bookworm"));
        assert_eq!(suite("VERSION_CODENAME=\"trixie\"\n").as_deref(), Some("trixie"));
        assert_eq!(suite("ID=arch\n"), None);
    }
}
