// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hooks: programs that are run at moments of a container's life.

use super::object::object;
use crate::spec::Moment;

object! {
    /// All hooks of a container, by their moment; those of one are run one after the other.
    Hooks {
        required {}
        optional {
            /// Before those of `createRuntime`: an older name of nearly the same.
            prestart: Vec<Hook> = "prestart",
            /// When its namespaces are there, outside of it.
            create_runtime: Vec<Hook> = "createRuntime",
            /// The same, inside of its mount namespace, before the root is changed.
            create_container: Vec<Hook> = "createContainer",
            /// Before the program is executed, inside of it.
            start_container: Vec<Hook> = "startContainer",
            /// When the program was executed, outside.
            poststart: Vec<Hook> = "poststart",
            /// When the container is gone, outside.
            poststop: Vec<Hook> = "poststop",
        }
    }
}

impl Hooks {
    /// Those of a moment.
    #[must_use]
    pub fn of(&self, moment: Moment) -> Option<&Vec<Hook>> {
        match moment {
            Moment::Prestart => self.prestart.as_ref(),
            Moment::CreateRuntime => self.create_runtime.as_ref(),
            Moment::CreateContainer => self.create_container.as_ref(),
            Moment::StartContainer => self.start_container.as_ref(),
            Moment::Poststart => self.poststart.as_ref(),
            Moment::Poststop => self.poststop.as_ref(),
        }
    }

    /// The same, to be changed.
    pub fn of_mut(&mut self, moment: Moment) -> &mut Option<Vec<Hook>> {
        match moment {
            Moment::Prestart => &mut self.prestart,
            Moment::CreateRuntime => &mut self.create_runtime,
            Moment::CreateContainer => &mut self.create_container,
            Moment::StartContainer => &mut self.start_container,
            Moment::Poststart => &mut self.poststart,
            Moment::Poststop => &mut self.poststop,
        }
    }
}

object! {
    /// A program that is run.
    Hook {
        required {
            /// The program: an absolute path.
            path: String = "path",
        }
        optional {
            /// Its arguments, all of them: the first is what it finds as its name.
            args: Vec<String> = "args",
            /// Its environment: `NAME=value`.
            env: Vec<String> = "env",
            /// How many seconds it may take, more than none.
            timeout: i64 = "timeout",
        }
    }
}
