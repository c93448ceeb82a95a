// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask setup`: the Debian packages that the tests use.

use crate::debian;
use crate::failure::{Failure, no_options};

/// Each with what the tests do with it. Without one, the tests that need it are named as not run.
const PACKAGES: [(&str, &str); 11] = [
    ("uidmap", "newuidmap and newgidmap: id maps of ordinary users"),
    ("util-linux", "unshare and setpriv: the box of a test, the user ring"),
    ("busybox-static", "the programs of root directories of our own"),
    ("libseccomp2", "filters of another compiler"),
    ("libcap2-bin", "capsh, getpcaps, getcap and setcap: capabilities as another tool has them"),
    ("apparmor", "apparmor_parser: profiles that are enforced, in the virtual machines"),
    ("strace", "a start seen by another tool"),
    ("python3-minimal", "a program of this machine in a container"),
    ("valgrind", "a start seen by another tool"),
    ("iproute2", "ip and bridge: links as another tool makes and sees them"),
    ("nftables", "nft: rules as another tool reads them"),
];

/// Installs what is missing as root; tells others the line that would.
pub(crate) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    if no_options(arguments, "usage: cargo xtask setup\n\nInstalls the Debian packages that the tests use.")? {
        return Ok(());
    }
    if !debian::is_here() {
        let names = PACKAGES.map(|(name, use_)| format!("  {name}: {use_}"));
        println!("this is not Debian; install what has these programs:\n{}", names.join("\n"));
        return Ok(());
    }
    let missing = debian::missing(&PACKAGES.map(|(name, _)| name));
    if missing.is_empty() {
        println!("all packages are installed");
    } else if rustix::process::geteuid().is_root() {
        debian::install(&missing)?;
    } else {
        println!("as root, run: apt-get install {}", missing.join(" "));
    }
    Ok(())
}
