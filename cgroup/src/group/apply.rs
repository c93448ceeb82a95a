// SPDX-License-Identifier: MIT OR Apache-2.0
//! Applying limits: each in its hierarchy, one write a value.

use super::{Cgroup, Directory};
use crate::controller::Controller;
use crate::error::{Error, ErrorKind, Object};
use crate::layout::Version;
use crate::limits::{Limits, Setting};
use crate::{delegate, v1};

const OP: &str = "apply limits to";

impl Cgroup {
    /// Applies limits to the group; what is unset is left alone.
    ///
    /// Under version 2 the controllers are enabled from group to group down to this one, as far as they are not. Under
    /// version 1 values are converted; a limit that it does not have is an error, found before anything is written. After
    /// a failure on the way some limits are applied and others not; the error names the file.
    ///
    /// # Errors
    /// `Invalid` for limits that make no sense, with every problem ([`Limits::problems`]), and for a value that the kernel
    /// refuses; `Unsupported`, naming each limit, if the group has no directory where it could be applied, version 1 has no
    /// such limit, or no group above has the controller; `WrongState` if a group above has processes of its own, and
    /// cannot give controllers; `Denied` without the right; `Busy` if version 1 cannot take away memory in use;
    /// `NotFound` if the group was removed.
    /// # Privileges
    /// Write access to the group's files; under version 2 to `cgroup.subtree_control` of the groups above that do not list
    /// the controllers yet.
    #[doc(alias = "cgroup.subtree_control")]
    pub fn apply(&self, limits: &Limits) -> Result<(), Error> {
        limits.check()?;
        let settings = limits.settings();
        if settings.is_empty() {
            return Ok(());
        }
        let held = self.held(OP)?;
        let mut lacks = Vec::new();
        let mut work: Vec<(&Directory, Vec<&Setting>)> = Vec::new();
        for setting in &settings {
            match self.home(setting) {
                Err(why) => lacks.push(format!("{} cannot be applied: {why}", setting.key.place())),
                Ok(home) => match work.iter_mut().find(|(known, _)| std::ptr::eq(*known, home)) {
                    Some((_, settings)) => settings.push(setting),
                    None => work.push((home, vec![setting])),
                },
            }
        }
        if !lacks.is_empty() {
            let object = Object::Group(held.path().to_owned());
            return Err(Error::because(OP, object, ErrorKind::Unsupported, lacks.join("\n")));
        }
        work.iter().try_for_each(|(directory, settings)| match directory.version() {
            Version::V1 => v1::apply(directory, settings),
            Version::V2 => apply_v2(directory, settings),
        })
    }

    /// The directory where a limit is applied, or why there is none.
    fn home(&self, setting: &Setting) -> Result<&Directory, String> {
        let controller = setting.key.controller();
        let Some(found) = self.of(controller) else {
            return Err(format!("the group has no directory with the {controller} controller"));
        };
        if found.version() == Version::V1 && v1::names::file(setting.key).is_none() {
            return Err("cgroup version 1 has no such limit".to_owned());
        }
        Ok(found)
    }
}

fn apply_v2(directory: &Directory, settings: &[&Setting]) -> Result<(), Error> {
    let mut controllers: Vec<Controller> = settings.iter().map(|setting| setting.key.controller()).collect();
    controllers.dedup();
    delegate::enable(directory, &controllers)?;
    settings.iter().try_for_each(|setting| directory.write(setting.key.v2_file(), &setting.value.text()))
}
