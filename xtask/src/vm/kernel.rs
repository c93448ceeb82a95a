// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernels: Debian's packages, downloaded and unpacked below `target/vm/kernels`, installed nowhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::modules::Modules;
use super::{room, tools};
use crate::cargo;
use crate::failure::{Failure, Usage};

/// Kept in the program: it is found wherever the program runs.
const TABLE: &str = include_str!("../../kernels.toml");

/// What is built for the machines of a cloud: it has every driver that qemu's machine asks for, and few others.
const FLAVOUR: &str = "-cloud-amd64";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    modules: Vec<String>,
    on_demand: Vec<String>,
    kernel: BTreeMap<String, Line>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// How the names of its packages begin.
    package: String,
}

/// One kernel, unpacked.
#[derive(Debug)]
pub(super) struct Kernel {
    /// `6.12`.
    pub(super) name: String,
    pub(super) image: PathBuf,
    /// The directory of its modules, on the host and in the guest.
    pub(super) modules_host: PathBuf,
    pub(super) modules_guest: String,
    pub(super) modules: Modules,
}

/// The names of the kernels that `word` picks.
pub(super) fn names(word: &str) -> Result<Vec<String>, Failure> {
    let known: Vec<String> = table()?.kernel.into_keys().collect();
    match word {
        "all" => Ok(known),
        word if known.iter().any(|name| name == word) => Ok(vec![word.to_owned()]),
        _ => Err(Usage::new(format!("xtask/kernels.toml has no kernel {word:?}; it has {}", known.join(", "))).into()),
    }
}

/// The modules that tests use: those to load before them, and those that are only to be there.
pub(super) fn wanted_modules() -> Result<(Vec<String>, Vec<String>), Failure> {
    let table = table()?;
    Ok((table.modules, table.on_demand))
}

fn table() -> Result<Table, Failure> {
    toml::from_str(TABLE).map_err(|error| format!("cannot understand xtask/kernels.toml: {error}").into())
}

impl Kernel {
    /// Brings a kernel of the table, from `target/vm` if it is there already.
    pub(super) fn fetch(name: &str, vm: &Path) -> Result<Self, Failure> {
        let line = table()?.kernel.remove(name).ok_or("xtask/kernels.toml has no such kernel")?;
        let directory = vm.join("kernels").join(name);
        // Two commands at once download once.
        let _lock = room::lock(&directory)?;
        let release = match release_in(&directory) {
            Some(release) => release,
            None => download(&line.package, &directory)?,
        };
        Self::read(name, &release, &directory.join("root"))
    }

    fn read(name: &str, release: &str, root: &Path) -> Result<Self, Failure> {
        let modules_guest = format!("/lib/modules/{release}");
        let modules_host = root.join(modules_guest.trim_start_matches('/'));
        let text = |file: &str| {
            let path = modules_host.join(file);
            fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))
        };
        let modules = Modules::parse(&text("modules.dep")?, &text("modules.builtin")?);
        let image = root.join(format!("boot/vmlinuz-{release}"));
        Ok(Self { name: name.to_owned(), image, modules_host, modules_guest, modules })
    }
}

/// What is unpacked already: the file is written last.
fn release_in(directory: &Path) -> Option<String> {
    fs::read_to_string(directory.join("root.release")).ok()
}

/// Downloads and unpacks the newest package of this prefix; the answer is the kernel's release.
fn download(prefix: &str, directory: &Path) -> Result<String, Failure> {
    let package = match newest(prefix)? {
        Some(package) => package,
        None => {
            // A fresh machine has no lists yet.
            cargo::output(Command::new("apt-get").args(["--quiet", "update"]))?;
            newest(prefix)?.ok_or_else(|| {
                format!("Debian as configured here has no package {prefix}*{FLAVOUR}: add the suite that does to apt's sources")
            })?
        }
    };
    println!("downloading {package}");
    let (packed, root) = (directory.join("packed"), directory.join("root"));
    for path in [&packed, &root] {
        // What an earlier command has not finished.
        let _absent = fs::remove_dir_all(path);
        room::make(path)?;
    }
    // As ourselves: apt's own account may not write here.
    let user = if rustix::process::geteuid().is_root() { "APT::Sandbox::User=root" } else { "APT::Sandbox::User=" };
    cargo::output(Command::new("apt-get").args(["--quiet", "-o", user, "download", &package]).current_dir(&packed))?;
    for entry in fs::read_dir(&packed)? {
        cargo::output(Command::new("dpkg-deb").arg("--extract").arg(entry?.path()).arg(&root))?;
    }
    unpack_modules(&root)?;
    let release = package.trim_start_matches("linux-image-").to_owned();
    cargo::output(tools::command("depmod").arg("--basedir").arg(&root).arg(&release))?;
    fs::remove_dir_all(&packed)?;
    fs::write(directory.join("root.release"), &release)?;
    Ok(release)
}

/// Makes plain modules of compressed ones, once: the guest would take seconds for it at every boot.
fn unpack_modules(root: &Path) -> Result<(), Failure> {
    let mut find = tools::command("find");
    find.arg(root.join("lib/modules")).args(["-name", "*.ko.xz", "-exec"]);
    cargo::output(find.arg(tools::command("xz").get_program()).args(["--decompress", "--", "{}", "+"])).map(|_| ())
}

/// The newest package that apt can bring.
fn newest(prefix: &str) -> Result<Option<String>, Failure> {
    let text = cargo::output(Command::new("apt-cache").args(["pkgnames", prefix]))?;
    for name in sorted(&text) {
        // A name may be known because another package depends on it.
        let policy = cargo::output(Command::new("apt-cache").args(["policy", name]))?;
        if policy.lines().any(|line| line.trim().starts_with("Candidate:") && !line.contains("(none)")) {
            return Ok(Some(name.to_owned()));
        }
    }
    Ok(None)
}

/// The packages of our flavour, the newest first.
fn sorted(names: &str) -> Vec<&str> {
    let numbers = |name: &str| -> Vec<u64> { name.split(|c: char| !c.is_ascii_digit()).flat_map(str::parse).collect() };
    let mut found: Vec<&str> = names.lines().filter(|name| name.ends_with(FLAVOUR)).collect();
    found.sort_by_key(|name| std::cmp::Reverse(numbers(name.trim_end_matches(FLAVOUR))));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_package_is_found_by_numbers_and_not_by_letters() {
        let names = "linux-image-6.1.0-9-cloud-amd64\nlinux-image-6.1.0-56-cloud-amd64\n\
                     linux-image-6.1.0-57-cloud-amd64-unsigned\nlinux-image-6.1.0-58-amd64\n";
        assert_eq!(sorted(names), ["linux-image-6.1.0-56-cloud-amd64", "linux-image-6.1.0-9-cloud-amd64"]);
    }

    #[test]
    fn a_kernel_is_picked_by_name_and_an_unknown_one_is_answered_with_the_known() {
        assert_eq!(names("all").unwrap(), ["6.1", "6.12"]);
        assert_eq!(names("6.12").unwrap(), ["6.12"]);
        assert!(names("5.10").unwrap_err().to_string().ends_with("it has 6.1, 6.12"));
        assert!(wanted_modules().unwrap().0.iter().any(|name| name == "overlay"));
    }
}
