// SPDX-License-Identifier: MIT OR Apache-2.0
//! A plan: what will be done on this host to make a container, in order, by whom.
//!
//! A [`Plan`] is finished before anything is touched. It holds the very bytes that the launcher reads; what
//! [`explain`](Plan::explain) prints is read back from them.

mod compile;
mod explain;
mod flatten;
#[allow(unreachable_pub, dead_code, reason = "shared with the launcher, which is another program")]
pub(crate) mod step;

use skep_ns::{IdMap, NamespaceFlags};

use step::{Flat, Step};

/// A container's finished plan.
#[derive(Clone, PartialEq, Eq)]
pub struct Plan {
    flat: Vec<u8>,
    id_map: Option<IdMap>,
}

impl Plan {
    /// What the launcher reads.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.flat
    }

    /// What the parent writes once the child exists.
    pub(crate) fn id_map(&self) -> Option<&IdMap> {
        self.id_map.as_ref()
    }

    /// The steps that the child performs.
    pub(crate) fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        let flat = Flat::new(&self.flat);
        (0..).map_while(move |at| flat.and_then(|flat| flat.step(at)))
    }

    /// Whether the child is cloned into a new user namespace.
    pub(crate) fn makes_user_namespace(&self) -> bool {
        self.clone_flags().contains(NamespaceFlags::USER)
    }

    fn clone_flags(&self) -> NamespaceFlags {
        NamespaceFlags::from_bits_retain(Flat::new(&self.flat).map_or(0, |flat| flat.header().clone_flags))
    }
}

#[cfg(test)]
mod tests;
