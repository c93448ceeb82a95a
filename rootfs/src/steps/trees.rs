// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is made before steps are performed: mounts that take more rights than whoever performs the steps may have.
//!
//! An id map takes rights over the user namespace that a file system was mounted in, and a loop device the machine's; who
//! lives in a user namespace has neither. So they are made by the caller, attached nowhere, and steps attach them.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use super::{Need, Steps};
use crate::detached;
use crate::error::Error;
use crate::floor::Step;

/// The mounts that were made for [`Steps`], attached nowhere: they are gone with it where nothing was attached.
///
/// For whoever has another process perform the steps: it is given these descriptors, and the steps with their numbers
/// there. [`Steps::prepare`] and [`Steps::enter_mounts`] do that by themselves.
#[derive(Debug)]
pub struct Trees {
    steps: Steps,
    trees: Vec<Option<OwnedFd>>,
}

impl Steps {
    /// Whether something has to be made before they can be performed: a bind with other ids, a file's file system, a device,
    /// a tmpfs that begins as a copy.
    #[must_use]
    pub fn need_preparing(&self) -> bool {
        !self.needs.is_empty()
    }

    /// Makes what must be there before they are performed: id-mapped mounts, those of files, devices, copies. Nothing is
    /// attached anywhere, and nothing is left when the answer is dropped.
    ///
    /// To be called by whoever has the rights, in the mount namespace that the sources are seen in.
    ///
    /// # Errors
    /// What could not be made, and what the kernel says of it, with its log where it keeps one; `Invalid` for more than
    /// 65,534 steps.
    /// # Privileges
    /// See [`Bind::idmap`](crate::Bind::idmap) and [`Disk`](crate::Disk).
    pub fn make_trees(&self) -> Result<Trees, Error> {
        self.demand_numbers()?;
        if !self.need_preparing() {
            return Ok(Trees { steps: self.clone(), trees: Vec::new() });
        }
        let trees = self.needs.iter().map(|need| match need {
            Need::Bind(bind) => detached::mapped(bind),
            Need::Disk(disk) => detached::disk(disk).map(Some),
            Need::Device(device) => detached::device(device).map(Some),
            Need::CopyUp(tmpfs, root) => detached::copied_up(tmpfs, root.as_deref()).map(Some),
        });
        let trees: Vec<Option<OwnedFd>> = trees.collect::<Result<_, _>>()?;
        let numbers: Vec<Option<i32>> = trees.iter().map(|tree| tree.as_ref().map(AsRawFd::as_raw_fd)).collect();
        Ok(Trees { steps: self.attaching(&numbers), trees })
    }

    /// The same steps with these descriptors in place of what was to be made; `None` is for what is absent and optional.
    fn attaching(&self, numbers: &[Option<i32>]) -> Self {
        let mut steps = Self { needs: self.needs.clone(), ..Self::default() };
        let mut numbers = numbers.iter();
        for step in self.iter() {
            steps.push(match step {
                Step::Attach { what, target, make, .. } => {
                    Step::Attach { tree: numbers.next().copied().flatten().unwrap_or(-2), what, target, make }
                }
                step => step,
            });
        }
        steps
    }
}

impl Trees {
    /// The descriptors of the mounts, in the order of the steps. They are closed by an exec.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.trees.iter().flatten().map(AsFd::as_fd)
    }

    /// The steps for a process that has the [`fds`](Self::fds) as descriptors of these numbers, in the same order. What was
    /// made can be attached one time: who performs the steps again needs new trees.
    #[must_use]
    pub fn steps_with(&self, numbers: &[i32]) -> Steps {
        let mut numbers = numbers.iter().copied();
        let numbers: Vec<_> = self.trees.iter().map(|tree| tree.as_ref().and_then(|_| numbers.next())).collect();
        self.steps.attaching(&numbers)
    }

    /// The steps for this process.
    pub(crate) fn steps(&self) -> &Steps {
        &self.steps
    }
}
