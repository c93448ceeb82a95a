// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the description to a plan, and to a container.

use std::path::PathBuf;

use skep_caps_sec::Policy;
use skep_ns::{Output, Stdio};

use super::{Builder, joined};
use crate::error::{Error, Object};
use crate::handle::{Container, Created};
use crate::host::Host;
use crate::parent::Joining;
use crate::plan::Plan;
use crate::spec::Spec;
use crate::state::StateRoot;

impl Builder {
    /// What would be done here, without doing it: see [`Plan::explain`].
    ///
    /// # Errors
    /// `Invalid` with every problem of the description, those among them that only this machine has: a root directory that
    /// is absent, a name in use, a limit that cannot be applied.
    pub fn plan(&self) -> Result<Plan, Error> {
        self.prepared().map(|(plan, ..)| plan)
    }

    /// The plan, what is joined by it, and the description that it is of.
    fn prepared(&self) -> Result<(Plan, Option<Joining>, Spec), Error> {
        let mut spec = self.spec.clone();
        let (mut neighbours, mut lacks, mut joining) = (Default::default(), Vec::new(), None);
        spec.joined.id_map = None;
        if !spec.joined.is_empty() && spec.joined.problems().is_empty() {
            match self.found_joined()? {
                Ok(found) => {
                    neighbours = (found.joining.entering(), joined::in_words(&spec.joined));
                    (spec.joined.id_map, joining) = (found.id_map, Some(found.joining));
                }
                Err(problems) => lacks = problems,
            }
        }
        let mut host = match Host::probe(self.name.as_deref(), &spec, &self.states()) {
            // What is wrong whatever the host is can be said without it.
            Err(_) if !(spec.problems().is_empty() && self.problems().is_empty()) => Host::default(),
            probed => probed?,
        };
        host.neighbours = neighbours;
        host.is_left = self.launch.is_left;
        host.lacks.extend(lacks);
        host.lacks.extend(self.launch.ways_out(spec.root.is_some()));
        host.lacks.extend(self.launch.changeable_launcher(&spec));
        host.lacks.extend(self.problems_of_leaving());
        let plan = self.plan_of(&spec, &host)?;
        let spec = plan.settled(spec);
        Ok((plan, joining, spec))
    }

    /// The plan for a host; pure.
    #[cfg(test)]
    pub(crate) fn plan_for(&self, host: &Host) -> Result<Plan, Error> {
        self.plan_of(&self.spec, host)
    }

    fn plan_of(&self, spec: &Spec, host: &Host) -> Result<Plan, Error> {
        let mut plan = Plan::compile(self.name.as_deref(), spec, host, self.problems())?;
        if let Some((number, errno)) = self.fail {
            plan.fail_at(number, errno);
        }
        if self.profile {
            plan.profile();
        }
        Ok(plan)
    }

    pub(super) fn states(&self) -> PathBuf {
        self.state_root.clone().unwrap_or_else(StateRoot::default_path)
    }

    /// Has step number `number` of [`Plan::explain`] fail with the error number `errno` without being tried: how a test
    /// sees that a failure at any step leaves nothing behind.
    #[doc(hidden)]
    pub fn fail_at(mut self, number: usize, errno: u16) -> Self {
        self.fail = Some((number, errno));
        self
    }

    /// Makes the container, up to where only its program is still to be executed.
    ///
    /// # Errors
    /// `Invalid` with every problem of the description, before anything was touched; else the step that failed, by whom,
    /// and why. Nothing is left behind but mount points that were made in the root directory.
    /// # Privileges
    /// `CAP_SYS_ADMIN` for namespaces without a user namespace among them; none with one. Write access to the cgroups above
    /// for limits, and to the state directory for a name. See [`Plan::explain`].
    /// # Kernel
    /// Linux 5.10.
    pub fn create(mut self) -> Result<Created, Error> {
        let (plan, joining, spec) = self.prepared()?;
        self.launch.joining = joining;
        let state_root = self.states();
        for stream in self.streams().collect::<Vec<_>>() {
            // Until it is the terminal. The caller's own is never in the container then.
            *self.launch.stdio_mut(stream) = Some(Stdio::Null);
        }
        let launched = self.launch.create(plan, spec, &state_root)?;
        Ok(Created::new(launched, self.kill_on_drop))
    }

    /// Makes the container, up to where only its program is still to be executed, and leaves that to whoever comes: to
    /// [`Container::start`] of this handle, or of one that any process of its user [opens](Container::open) by its name.
    ///
    /// Its first process waits on its own, with a few pages of memory and the rights of its program, whatever becomes of the
    /// caller; its [status](Container::status) is [`Created`](crate::Status::Created) meanwhile. It is how an OCI runtime
    /// creates.
    ///
    /// # Errors
    /// As [`create`](Self::create). `Invalid`, too, without a name, for one that dies with its caller, where the limit on
    /// its open descriptors has no room for who comes, and for a filter of system calls that forbids it accept4(2).
    /// # Privileges
    /// Those of [`create`](Self::create).
    #[doc(alias = "exec.fifo")]
    pub fn create_waiting(mut self) -> Result<Container, Error> {
        self.launch.is_left = true;
        self.create()?.leave()
    }

    /// Makes the container and executes its program.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`Created::start`].
    pub fn start(self) -> Result<Container, Error> {
        self.create()?.start()
    }

    /// Runs the program to its end and answers what it wrote. The container ends with this call, whatever happens: without a
    /// pid namespace and without limits that is its first process alone.
    ///
    /// Not for a program with a terminal: that shows what it says by and by, echoes what is typed, and ends otherwise than a
    /// pipe does. Read its [`Container::terminal`].
    ///
    /// # Errors
    /// As [`start`](Self::start); `Invalid` for a program with a terminal, and for a policy that asks a supervisor.
    pub fn output(mut self) -> Result<Output, Error> {
        let asks = self.spec.process.rights.seccomp.as_ref().is_some_and(Policy::asks_supervisor);
        let unfit = [
            (self.spec.process.terminal.is_some(), "it has a terminal: start it, and read Container::terminal"),
            (asks, "its policy asks a supervisor: start it, and answer what Container::listener receives"),
        ];
        let unfit = unfit.into_iter().filter(|(is_so, _)| *is_so);
        let unfit: Vec<String> = unfit.map(|(_, why)| format!("output: {why}")).collect();
        if !unfit.is_empty() {
            return Err(Error::invalid("create", Object::Container(self.name), unfit));
        }
        let [stdin, stdout, stderr] = &mut self.launch.stdio;
        stdin.get_or_insert(Stdio::Null);
        stdout.get_or_insert(Stdio::Piped);
        stderr.get_or_insert(Stdio::Piped);
        self.kill_on_drop().start()?.wait_with_output()
    }
}
