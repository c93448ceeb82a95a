// SPDX-License-Identifier: MIT OR Apache-2.0
//! The stages of a plan: what each of the three rooms does, in the one order in which it is done, numbered and failed.

use skep_ns::NamespaceFlags;

use super::step::Step;
use super::{Plan, Purpose};
use crate::spec::Moment;

/// One stage of making and starting a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Something that the caller's process does.
    Parent(ParentStep),
    /// The launcher joins namespaces.
    Enter,
    /// The launcher clones the child.
    Clone,
    /// The child joins those that it has to join by itself.
    EnterLate,
    /// The child performs a step of this number, counted from 0.
    Child(u16),
    /// The child executes the program.
    Execute,
}

/// What only the parent may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ParentStep {
    /// Claim the name, and write down what is about to be made.
    State,
    /// Make the cgroup.
    Cgroup,
    /// Apply its limits.
    Limits,
    /// Make the mounts that the child has not the rights to make.
    Trees,
    /// Start the launcher.
    Launch,
    /// Join the child to the cgroup.
    Join,
    /// Have systemd make the scope of the child.
    Scope,
    /// Write the child's id maps.
    IdMap,
    /// Connect the child to a network, by its number.
    Network(u16),
    /// Run a hook: which of those of its moment, counted from 0.
    Hook(Moment, usize),
    /// Write down who the child is.
    Record,
}

impl Plan {
    /// Every stage, in order.
    pub(crate) fn stages(&self) -> Vec<Stage> {
        if self.purpose == Purpose::Start {
            let before = self.hooks_of(Moment::StartContainer);
            return before.chain([Stage::Execute]).chain(self.hooks_of(Moment::Poststart)).collect();
        }
        let parent = |wanted: bool, step: ParentStep| wanted.then_some(Stage::Parent(step));
        let made = self.cgroup.as_ref().filter(|cgroup| cgroup.unit.is_none());
        let entering = self.entering;
        let mut stages: Vec<Stage> = [
            parent(self.claims().is_some(), ParentStep::State),
            parent(made.is_some(), ParentStep::Cgroup),
            parent(made.is_some_and(|cgroup| !cgroup.limits.is_empty()), ParentStep::Limits),
            parent(self.trees.is_some(), ParentStep::Trees),
            parent(true, ParentStep::Launch),
            (!entering.kinds.is_empty()).then_some(Stage::Enter),
            Some(Stage::Clone),
            (!entering.late.is_empty()).then_some(Stage::EnterLate),
            parent(made.is_some() || entering.has_cgroup, ParentStep::Join),
            parent(self.scope().is_some(), ParentStep::Scope),
            parent(self.id_map.is_some(), ParentStep::IdMap),
        ]
        .into_iter()
        .flatten()
        .collect();
        stages.extend((0..).zip(&self.networks).map(|(at, _)| Stage::Parent(ParentStep::Network(at))));
        for (at, step) in (0..).zip(self.steps()) {
            stages.push(Stage::Child(at));
            if step == (Step::Wait { hooks: true }) {
                let moments = [Moment::Prestart, Moment::CreateRuntime, Moment::CreateContainer];
                stages.extend(moments.into_iter().flat_map(|moment| self.hooks_of(moment)));
            }
        }
        stages.extend(parent(self.claims().is_some(), ParentStep::Record));
        stages.extend(self.hooks_of(Moment::StartContainer));
        stages.push(Stage::Execute);
        stages.extend(self.hooks_of(Moment::Poststart));
        stages
    }

    fn hooks_of(&self, moment: Moment) -> impl Iterator<Item = Stage> {
        (0..self.hooks.of(moment).len()).map(move |at| Stage::Parent(ParentStep::Hook(moment, at)))
    }

    /// The number of a stage, counted from 1 as people do, and how many there are.
    pub(crate) fn number_of(&self, stage: Stage) -> (usize, usize) {
        let stages = self.stages();
        (stages.iter().position(|each| *each == stage).map_or(0, |at| at + 1), stages.len())
    }

    /// Whether the child is cloned into a new user namespace.
    pub(crate) fn makes_user_namespace(&self) -> bool {
        self.clone_flags().contains(NamespaceFlags::USER)
    }
}
