// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernel modules: which files a list of names stands for, in the order of loading.
//!
//! Man: modules.dep(5).

use std::collections::BTreeMap;

/// The modules of one kernel.
#[derive(Debug, Default)]
pub(super) struct Modules {
    /// By name: the file and those that it depends on, below the directory of the kernel's modules.
    files: BTreeMap<String, (String, Vec<String>)>,
    /// What is a part of the kernel itself.
    builtin: Vec<String>,
}

/// What a list of names comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Order {
    /// Files, each behind those that it depends on.
    pub(super) files: Vec<String>,
    /// Names that the kernel does not know.
    pub(super) absent: Vec<String>,
}

impl Modules {
    /// Reads `modules.dep` and `modules.builtin`.
    pub(super) fn parse(dependencies: &str, builtin: &str) -> Self {
        let line = |line: &str| {
            let (file, rest) = line.split_once(':')?;
            Some((name(file), (file.to_owned(), rest.split_whitespace().map(str::to_owned).collect())))
        };
        Self { files: dependencies.lines().filter_map(line).collect(), builtin: builtin.lines().map(name).collect() }
    }

    /// The files of `names` and of all that they depend on.
    pub(super) fn order<S: AsRef<str>>(&self, names: impl IntoIterator<Item = S>) -> Order {
        let mut order = Order::default();
        for wanted in names {
            let wanted = name(wanted.as_ref());
            if self.files.contains_key(&wanted) {
                self.add(&wanted, &mut order.files);
            } else if !self.builtin.contains(&wanted) {
                order.absent.push(wanted);
            }
        }
        order
    }

    fn add(&self, wanted: &str, files: &mut Vec<String>) {
        let Some((file, dependencies)) = self.files.get(wanted).filter(|(file, _)| !files.contains(file)) else {
            return;
        };
        for dependency in dependencies {
            self.add(&name(dependency), files);
        }
        files.push(file.clone());
    }
}

/// `kernel/drivers/net/ip-vlan.ko.xz` is `ip_vlan`: the kernel takes the two signs for one.
fn name(file: &str) -> String {
    let file = file.rsplit('/').next().unwrap_or(file);
    file.split(".ko").next().unwrap_or(file).replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_module_depends_on_is_loaded_before_it_and_once() {
        let dependencies = "kernel/net/nf_nat.ko.xz: kernel/net/nf-conntrack.ko.xz kernel/lib/crc.ko.xz\n\
                            kernel/net/nf-conntrack.ko.xz: kernel/lib/crc.ko.xz\nkernel/lib/crc.ko.xz:\n";
        let modules = Modules::parse(dependencies, "kernel/fs/ext4/ext4.ko\n");
        let order = modules.order(["nf_nat", "nf_conntrack", "ext4", "none"]);
        assert_eq!(order.files, ["kernel/lib/crc.ko.xz", "kernel/net/nf-conntrack.ko.xz", "kernel/net/nf_nat.ko.xz"]);
        assert_eq!(order.absent, ["none"]);
    }
}
