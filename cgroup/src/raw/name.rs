// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of control files, checked before anything is touched.

use crate::controller::Controller;
use crate::error::{Error, Object};
use crate::value::shown;

/// Files without a controller's name that groups have; the last is of version 2 alone.
const OTHERS: [&str; 3] = ["tasks", "notify_on_release", "irq.pressure"];

/// A checked name: of a controller's file, or of one that every group has.
#[derive(Debug)]
pub(super) struct FileName<'a> {
    name: &'a str,
    controller: Option<Controller>,
}

impl<'a> FileName<'a> {
    /// Checks a name.
    ///
    /// # Errors
    /// `Invalid`, with the problem.
    pub(super) fn new(op: &'static str, name: &'a str) -> Result<Self, Error> {
        let refused = |why: &str| {
            let problem = format!("{} {why}", shown(name));
            Err(Error::invalid(op, Object::Named("a control file"), vec![problem]))
        };
        if name.contains('/') {
            return refused("has a slash in it: control files are those of the group itself");
        }
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) || name.contains("..") {
            return refused("is no name of a control file: those have letters, digits, dots and underscores");
        }
        let prefix = name.split_once('.').map(|(prefix, _)| prefix);
        let controller = prefix.and_then(Controller::of_word);
        if controller.is_none() && prefix != Some("cgroup") && !OTHERS.contains(&name) {
            return refused("is no control file: write the controller before the dot, as in memory.max");
        }
        Ok(Self { name, controller })
    }

    pub(super) fn as_str(&self) -> &'a str {
        self.name
    }

    /// The controller whose file it is, if it is one's.
    pub(super) fn controller(&self) -> Option<Controller> {
        self.controller
    }
}
