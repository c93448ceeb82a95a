// SPDX-License-Identifier: MIT OR Apache-2.0
//! A plan: what will be done on this host to make a container, in order, by whom.
//!
//! A [`Plan`] is finished before anything is touched. It holds the very bytes that the launcher reads; what
//! [`explain`](Plan::explain) prints is read back from them.

mod compile;
mod explain;
mod flatten;
mod network;
mod stage;
#[allow(unreachable_pub, dead_code, reason = "shared with the launcher, which is another program")]
pub(crate) mod step;
mod under_filter;

use std::path::PathBuf;

use skep_caps_sec::{Arch, Policy};
use skep_cgroup::systemd::UnitSpec;
use skep_cgroup::{Controller, Layout, Limits};
use skep_ns::net::Cidr;
use skep_ns::{IdMap, NamespaceFlags};
use skep_rootfs::Steps;

use crate::error::Object;
use crate::host::Who;
use crate::parent::Unit;
use crate::spec::{Hooks, Spec};
use crate::state::Removal;
use crate::wire::{AT_CLONE, AT_ENTER, AT_ENTER_LATE, AT_EXEC};
pub(crate) use network::NetworkPlan;
pub(crate) use stage::{ParentStep, Stage};
use step::{Flat, Step};

/// A container's finished plan.
#[derive(Clone, PartialEq, Eq)]
pub struct Plan {
    name: Option<String>,
    flat: Vec<u8>,
    id_map: Option<IdMap>,
    cgroup: Option<CgroupPlan>,
    networks: Vec<NetworkPlan>,
    notes: Vec<String>,
    /// Who the program is.
    who: Who,
    /// The steps of its mounts, if some of these are made by the parent.
    trees: Option<Steps>,
    /// What exists already and is joined.
    entering: Entering,
    /// The namespaces that are joined, in words, where they are not all those of one container.
    joined: String,
    purpose: Purpose,
    /// The programs that are run around it.
    hooks: Hooks,
    /// Whether a supervisor may be asked about the exec of the program.
    asks_about_exec: bool,
    /// A stage that fails on purpose, and the error number.
    fail: Option<(Stage, u16)>,
}

/// What a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To make a container.
    Create,
    /// To execute a further program in one that runs.
    Further,
    /// To have one execute its program that was left to others: nothing of its making is in it.
    Start,
}

/// The cgroup that a plan makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CgroupPlan {
    pub(crate) layout: Layout,
    pub(crate) path: PathBuf,
    /// The directories that it will be, one in each hierarchy that has a part in it.
    pub(crate) directories: Vec<PathBuf>,
    pub(crate) controllers: Vec<Controller>,
    pub(crate) limits: Limits,
    /// The scope that it is, if systemd makes it.
    pub(crate) unit: Option<UnitPlan>,
}

/// The scope that systemd makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnitPlan {
    pub(crate) unit: Unit,
    /// All of it but its process.
    pub(crate) spec: UnitSpec,
    /// Whether it goes without limits that cannot be had.
    pub(crate) lenient: bool,
}

/// What exists already, and a program is put into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Entering {
    /// The namespaces that the launcher joins.
    pub(crate) kinds: NamespaceFlags,
    /// Those that the child joins once it is in its cgroup: who is in a cgroup namespace cannot come from outside of that.
    pub(crate) late: NamespaceFlags,
    /// Those that the child makes for itself in place of the container's, which nobody can join yet.
    pub(crate) made: NamespaceFlags,
    /// Whether there is a cgroup.
    pub(crate) has_cgroup: bool,
}

impl CgroupPlan {
    /// How it is removed.
    pub(crate) fn removal(&self) -> Removal {
        let directories = self.directories.clone();
        match &self.unit {
            Some(wanted) => Removal::Unit { unit: wanted.unit.clone(), directories },
            None => Removal::Cgroup { directories },
        }
    }
}

impl Plan {
    /// What could not be planned as it was asked for, where the description leaves that to the machine: a sentence each.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The description that this is a plan of, with numbers for who was looked up by name: what is kept of it.
    pub(crate) fn settled(&self, mut spec: Spec) -> Spec {
        self.who.settle(&mut spec.process);
        spec
    }

    /// Has the description say what was chosen for each network when it was made.
    pub(crate) fn settle_networks(&self, spec: &mut Spec, chosen: &[Option<Cidr>]) {
        for ((network, planned), chosen) in spec.networks.iter_mut().zip(&self.networks).zip(chosen) {
            network.automatic_address &= chosen.is_none();
            network.addresses.extend(chosen);
            network.gateways.extend(planned.automatic.filter(|_| planned.by_bridge).map(Cidr::address));
        }
    }

    /// The container's name, if it has one.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The container, as errors speak of it.
    pub(crate) fn object(&self) -> Object {
        Object::Container(self.name.clone())
    }

    /// The name, if there is to be a state under it.
    pub(crate) fn claims(&self) -> Option<&str> {
        self.name().filter(|_| self.purpose == Purpose::Create)
    }

    /// What it is for, as errors speak of it.
    pub(crate) fn operation(&self) -> &'static str {
        match self.purpose {
            Purpose::Create => "create",
            Purpose::Further => "execute a program in",
            Purpose::Start => "start",
        }
    }

    /// Whether it is the plan of a further program in a container that runs.
    pub(crate) fn is_further(&self) -> bool {
        self.purpose == Purpose::Further
    }

    /// What is left to be done with a container of this name that was described so and waits to be started.
    pub(crate) fn of_waiting(name: Option<&str>, spec: &Spec) -> Self {
        let Hooks { start_container, poststart, .. } = spec.hooks.clone();
        let policy = spec.process.rights.seccomp.as_ref();
        let asks = |policy: &Policy| policy.asks_supervisor() && policy.may_ask(Arch::NATIVE, "execve", &[None, None]);
        Self {
            name: name.map(str::to_owned),
            flat: Vec::new(),
            id_map: None,
            cgroup: None,
            networks: Vec::new(),
            notes: Vec::new(),
            who: Who::default(),
            trees: None,
            entering: Entering::default(),
            joined: String::new(),
            purpose: Purpose::Start,
            hooks: Hooks { start_container, poststart, ..Hooks::default() },
            asks_about_exec: policy.is_some_and(asks),
            fail: None,
        }
    }

    /// Whether a pid namespace is joined that others are in already.
    pub(crate) fn is_among_others(&self) -> bool {
        self.entering.kinds.contains(NamespaceFlags::PID)
    }

    /// What the launcher reads.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.flat
    }

    /// The same, with the numbers that the child has the mounts under which the parent makes, in the order of their steps.
    pub(crate) fn bytes_with_trees(&self, numbers: impl Iterator<Item = i32>) -> Vec<u8> {
        flatten::with_trees(&self.flat, numbers)
    }

    /// The steps of its mounts, if some of these are made by the parent.
    pub(crate) fn trees(&self) -> Option<&Steps> {
        self.trees.as_ref()
    }

    /// What the parent writes once the child exists.
    pub(crate) fn id_map(&self) -> Option<&IdMap> {
        self.id_map.as_ref()
    }

    /// Whether a supervisor may be asked about the exec of the program, which then waits for an answer.
    pub(crate) fn asks_about_exec(&self) -> bool {
        self.asks_about_exec
    }

    /// What the parent runs around it.
    pub(crate) fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    /// What the parent makes before there is a child.
    pub(crate) fn cgroup(&self) -> Option<&CgroupPlan> {
        self.cgroup.as_ref()
    }

    /// The scope that systemd makes once there is a child.
    pub(crate) fn scope(&self) -> Option<&UnitPlan> {
        self.cgroup.as_ref()?.unit.as_ref()
    }

    /// Has the plan say where the scope's group is, and what it does without.
    pub(crate) fn settle_scope(&mut self, directories: Vec<PathBuf>, lacks: impl IntoIterator<Item = String>) {
        if let Some(cgroup) = &mut self.cgroup {
            cgroup.directories = directories;
        }
        self.notes.extend(lacks);
    }

    /// The networks that the parent connects the child to.
    pub(crate) fn networks(&self) -> &[NetworkPlan] {
        &self.networks
    }

    /// What must be removed with the container, whatever of it was made.
    pub(crate) fn removals(&self) -> Vec<Removal> {
        let cgroup = self.cgroup.iter().map(CgroupPlan::removal);
        cgroup.chain(self.networks.iter().map(NetworkPlan::removal)).collect()
    }

    /// The steps that the child performs.
    pub(crate) fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        let flat = Flat::new(&self.flat);
        (0..).map_while(move |at| flat.and_then(|flat| flat.step(at)))
    }

    /// Step number `at` of the child's, counted from 0.
    pub(crate) fn step(&self, at: u16) -> Option<Step<'_>> {
        self.steps().nth(at.into())
    }

    /// Has stage number `number`, counted from 1 as [`explain`](Self::explain) does, fail with `errno` without being tried.
    pub(crate) fn fail_at(&mut self, number: usize, errno: u16) {
        let stage = number.checked_sub(1).and_then(|at| self.stages().get(at).copied());
        self.fail = stage.map(|stage| (stage, errno));
        let in_child = match stage {
            Some(Stage::Enter) => Some(AT_ENTER),
            Some(Stage::Clone) => Some(AT_CLONE),
            Some(Stage::EnterLate) => Some(AT_ENTER_LATE),
            Some(Stage::Child(at)) => Some(at),
            Some(Stage::Execute) => Some(AT_EXEC),
            Some(Stage::Parent(_)) | None => None,
        };
        flatten::set_fail(&mut self.flat, in_child.map(|at| (at, errno)));
    }

    /// Has the child tell how long each of its steps takes.
    pub(crate) fn profile(&mut self) {
        flatten::set_profile(&mut self.flat);
    }

    /// The error that a step of the parent is to fail with.
    pub(crate) fn failure_of(&self, step: ParentStep) -> Option<u16> {
        self.fail.filter(|(stage, _)| *stage == Stage::Parent(step)).map(|(_, errno)| errno)
    }

    fn clone_flags(&self) -> NamespaceFlags {
        NamespaceFlags::from_bits_retain(Flat::new(&self.flat).map_or(0, |flat| flat.header().clone_flags))
    }
}

#[cfg(test)]
mod tests;
