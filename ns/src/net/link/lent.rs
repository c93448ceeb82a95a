// SPDX-License-Identifier: MIT OR Apache-2.0
//! Links lent to another namespace, which come back.

use super::{LinkChange, LinkRef};
use crate::error::Error;
use crate::net::handle::Net;

/// A link that was moved into another namespace, and is given back when this is dropped.
///
/// The kernel gives a device back too when its namespace ends, but to the machine's first namespace, switched off, and under
/// the name that it had last; a virtual link it removes. This holds the namespace open: the device is given back under its
/// old name, to the namespace that it came from, whatever became of the processes there.
///
/// ```no_run
/// use skep_ns::{Namespace, net::{LentLink, Net}};
///
/// let (here, lab) = (Net::here()?, Net::of(Namespace::open("/run/netns/lab")?)?);
/// let card = LentLink::lend(&here, "enp3s0", &lab, Some("eth0"))?;
/// // ... processes in the lab use it as eth0 ...
/// card.give_back()?;
/// # Ok::<(), skep_ns::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "what is dropped is given back at once"]
pub struct LentLink {
    home: Net,
    abroad: Net,
    name: String,
    was_up: bool,
    index: u32,
    is_abroad: bool,
}

impl LentLink {
    /// Moves the link `link` of `home` into `abroad`, under the name `name` if one is given.
    ///
    /// # Errors
    /// As [`Net::move_link`].
    pub fn lend(home: &Net, link: impl Into<LinkRef>, abroad: &Net, name: Option<&str>) -> Result<Self, Error> {
        let here = home.link(link)?;
        let index = home.move_link(&here, abroad, name)?;
        let (home, abroad, was_up) = (home.clone(), abroad.clone(), here.is_up());
        Ok(Self { home, abroad, name: here.name, was_up, index, is_abroad: true })
    }

    /// Its number where it is lent to.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Gives it back under its old name, and up if it was.
    ///
    /// # Errors
    /// As [`Net::move_link`]: `NotFound` if it is not there any more, `WrongState` if another has its name by now.
    pub fn give_back(mut self) -> Result<(), Error> {
        self.moved_back()
    }

    fn moved_back(&mut self) -> Result<(), Error> {
        if !self.is_abroad {
            return Ok(());
        }
        self.is_abroad = false;
        let index = self.abroad.move_link(self.index, &self.home, Some(&self.name))?;
        if self.was_up { self.home.change_link(index, &LinkChange::new().up()) } else { Ok(()) }
    }
}

impl Drop for LentLink {
    fn drop(&mut self) {
        // Nobody is there to be told.
        let _given = self.moved_back();
    }
}
