// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a view of control groups to steps.

use std::ffi::CStr;
use std::path::{Path, PathBuf};

use super::Steps;
use super::compile::text;
use crate::floor::{BindFlags, New, Step};
use crate::mounts::{Attributes, CgroupAccess, Cgroups, Hierarchy};

pub(super) fn push(steps: &mut Steps, view: &Cgroups, target: &CStr, make: bool, own_cgroup: bool) {
    let attributes = view.attributes.difference(Attributes::READ_ONLY);
    if view.is_unified() {
        for hierarchy in &view.hierarchies {
            push_one(steps, view, hierarchy, &view.target, make, own_cgroup);
        }
        return;
    }
    let new = New::of(c"tmpfs", c"mode=0755,size=65536");
    steps.push(Step::Mount { new, target, attributes: attributes.bits(), make, optional: false });
    for hierarchy in &view.hierarchies {
        let name = hierarchy.name();
        push_one(steps, view, hierarchy, &view.target.join(&name), true, own_cgroup);
        if hierarchy.controllers.len() > 1 {
            for controller in hierarchy.controllers.iter().filter(|controller| !controller.starts_with("name=")) {
                steps.push(Step::Symlink { to: &text(&name), target: &text(view.target.join(controller)) });
            }
        }
    }
    steps.push(Step::ReadOnly { target, alone: true });
}

/// One hierarchy at its place.
fn push_one(steps: &mut Steps, view: &Cgroups, hierarchy: &Hierarchy, at: &Path, make: bool, own_cgroup: bool) {
    let open = view.attributes.difference(Attributes::READ_ONLY);
    let closed = open.union(Attributes::READ_ONLY);
    let target = &*text(at);
    let attributes = if view.access == CgroupAccess::ReadOnly { closed } else { open };
    if own_cgroup {
        let kind = if hierarchy.is_unified() { c"cgroup2" } else { c"cgroup" };
        let options = text(hierarchy.options());
        let new = New::of(kind, &options);
        return steps.push(Step::Mount { new, target, attributes: attributes.bits(), make, optional: false });
    }
    let mut bind = |source: PathBuf, target: &CStr, attributes: Attributes, make: bool| {
        let flags = BindFlags { recursive: true, make, ..BindFlags::default() };
        steps.push(Step::Bind { source: &text(source), target, attributes: 0, below: attributes.bits(), flags });
    };
    // Of the top there is nothing around.
    if view.access == CgroupAccess::Mixed && !hierarchy.below().as_os_str().is_empty() {
        bind(hierarchy.mounted_at.clone(), target, closed, make);
        bind(hierarchy.own(), &text(at.join(hierarchy.below())), open, false);
    } else {
        bind(hierarchy.own(), target, attributes, make);
    }
}
