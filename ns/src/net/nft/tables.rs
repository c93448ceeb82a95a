// SPDX-License-Identifier: MIT OR Apache-2.0
//! The handle: the tables of a net namespace, and what is done with ours among them.

use std::collections::BTreeSet;
use std::fmt;
use std::os::fd::AsFd;

use super::expression::Expression;
use super::firewall::{Firewall, object, problem_of_name};
use super::piece::Piece;
use super::plan::{COUNTER, Plan};
use super::refused::{self, About};
use super::row::{self, Ask, ChainRow, RuleRow, TableRow};
use super::{BRIDGE, INET, MARK, family_name};
use crate::error::{Error, ErrorKind, Object};
use crate::net::message::{Message, Received, flags};
use crate::net::socket::{Family, Refusal, Socket};

/// How often is begun anew what others have come between.
const TRIES: usize = 100;

/// What the kernel may have to take at once: a message of a rule has up to 600 bytes.
const SEND_BUFFER: usize = 8 << 20;

/// The nf_tables of a net namespace, to be used from any thread of any other.
///
/// # Privileges
/// Everything takes `CAP_NET_ADMIN` in the user namespace that owns the net namespace, reading too. See nft(8).
#[derive(Debug)]
#[doc(alias = "nftables")]
pub struct NfTables {
    socket: Socket,
}

/// A firewall as it is in the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// It, as it was applied.
    pub firewall: Firewall,
    /// What others have changed of it since, a sentence each. [`NfTables::apply`] makes it what it was.
    pub differences: Vec<String>,
    /// What its rules have counted, in their order.
    pub counts: Vec<Count>,
}

impl Found {
    /// How many packets the rules have counted whose part of the firewall begins with this text, such as
    /// `guard veth-web`.
    #[must_use]
    pub fn packets(&self, part: &str) -> u64 {
        self.counts.iter().filter(|count| count.part.starts_with(part)).map(|count| count.packets).sum()
    }
}

/// What a rule has counted since it was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Count {
    /// The part of the firewall that it is of, in words.
    pub part: String,
    /// Whether what it counts was dropped.
    pub dropped: bool,
    /// Packets; of translations the first of each connection alone.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.dropped { "dropped" } else { "fitted" };
        write!(f, "{}: {} packets {what}, {} bytes", self.part, self.packets, self.bytes)
    }
}

impl NfTables {
    /// Those of the calling thread's net namespace.
    ///
    /// # Errors
    /// `Unsupported` on a kernel without netfilter.
    pub fn here() -> Result<Self, Error> {
        Ok(Self { socket: Socket::open(Family::Netfilter)? })
    }

    /// Those of the net namespace that `namespace` is an open file of.
    ///
    /// # Errors
    /// `Denied` without the right to join it, `Invalid` for what is none; else as [`here`](Self::here).
    /// # Privileges
    /// Those of setns(2).
    pub fn of(namespace: impl AsFd) -> Result<Self, Error> {
        Ok(Self { socket: Socket::open_in(Family::Netfilter, namespace.as_fd())? })
    }

    /// Makes the rules of this firewall's name those of this firewall: all at once, or none. What was of it before is no
    /// more, its counters among it; connections go on as they are translated.
    ///
    /// # Errors
    /// `Invalid` for one with [problems](Firewall::problems). `WrongState` if a table of this name is somebody else's, which
    /// is left alone. `Unsupported` with what the kernel lacks. `Denied` without the right.
    /// # Privileges
    /// `CAP_NET_ADMIN` in the user namespace that owns the net namespace.
    /// # Kernel
    /// Linux 5.10. See nft(8).
    pub fn apply(&self, firewall: &Firewall) -> Result<(), Error> {
        firewall.checked("apply")?;
        let plans = Plan::of(firewall);
        self.change(
            "apply",
            || object(&firewall.name),
            |tables| {
                let present = ours(tables, "apply", &firewall.name)?;
                let mut all = Vec::new();
                for table in present {
                    all.push((table.deletion(), About::Table(table.family)));
                }
                for plan in &plans {
                    all.push((plan.table.write(flags::CREATE), About::Table(plan.table.family)));
                    all.extend(plan.chains.iter().map(|chain| (chain.write(), About::chain(chain))));
                    all.extend(plan.rules.iter().map(|rule| (rule.write(flags::APPEND), About::rule(rule))));
                }
                Ok(all)
            },
        )
        .map(drop)
    }

    /// The firewall of this name, as it is in the kernel; `None` if there is none.
    ///
    /// # Errors
    /// `WrongState` if a table of this name is somebody else's; `Denied` without the right.
    /// # Privileges
    /// `CAP_NET_ADMIN` in the user namespace that owns the net namespace.
    pub fn read(&self, name: &str) -> Result<Option<Found>, Error> {
        checked_name("read", name)?;
        let failed = |refusal| refused::error(refusal, "read", object(name), None);
        let read = self.of_one_generation(|| {
            let mut tables = self.tables()?;
            tables.retain(|table| table.name == name && matches!(table.family, INET | BRIDGE));
            let (mut chains, mut rules) = (Vec::new(), Vec::new());
            for table in &tables {
                chains.extend(self.chains(table.family)?);
                rules.extend(self.rules(table.family, name)?);
            }
            chains.retain(|chain| chain.table == name);
            Ok((tables, chains, rules))
        });
        let (tables, chains, rules) = read.map_err(failed)?;
        let is_there = !ours(&tables, "read", name)?.is_empty();
        Ok(is_there.then(|| told(name, &tables, &chains, &rules)))
    }

    /// The names of all firewalls that are there, in order.
    ///
    /// # Errors
    /// `Denied` without the right, `Unsupported` without nf_tables.
    /// # Privileges
    /// `CAP_NET_ADMIN` in the user namespace that owns the net namespace.
    pub fn names(&self) -> Result<Vec<String>, Error> {
        let failed = |refusal| refused::error(refusal, "list", Object::Named("firewalls"), None);
        let ours = self.tables().map_err(failed)?.into_iter().filter(is_ours).map(|table| table.name);
        Ok(ours.collect::<BTreeSet<String>>().into_iter().collect())
    }

    /// Removes the firewall of this name, all at once. `false` if there is none.
    ///
    /// What [`let_pass`](Self::let_pass) has put into tables of others stays, up to [`withdraw`](Self::withdraw).
    ///
    /// # Errors
    /// `WrongState` if a table of this name is somebody else's, which is left alone; `Denied` without the right.
    /// # Privileges
    /// `CAP_NET_ADMIN` in the user namespace that owns the net namespace.
    pub fn remove(&self, name: &str) -> Result<bool, Error> {
        checked_name("remove", name)?;
        let removed = self.change(
            "remove",
            || object(name),
            |tables| {
                let present = ours(tables, "remove", name)?;
                Ok(present.into_iter().map(|table| (table.deletion(), About::Table(table.family))).collect())
            },
        )?;
        Ok(removed > 0)
    }

    /// Does in one transaction what `plan` makes of the tables that are there, anew if others have come between. Answers how
    /// many messages it was.
    pub(super) fn change(
        &self,
        op: &'static str,
        object: impl Fn() -> Object,
        plan: impl Fn(&[TableRow]) -> Result<Vec<(Message, About)>, Error>,
    ) -> Result<usize, Error> {
        for _ in 0..TRIES {
            let failed = |refusal| refused::error(refusal, op, object(), None);
            let generation = self.settled_generation().map_err(failed)?;
            let tables = self.tables().map_err(failed)?;
            let (messages, about): (Vec<Message>, Vec<About>) = plan(&tables)?.into_iter().unzip();
            match self.transaction(generation, &messages) {
                Ok(()) => return Ok(messages.len()),
                Err(refusal) if refusal.is_late() => {}
                Err(refusal) => {
                    let about = about.get(refusal.place);
                    return Err(refused::error(refusal, op, object(), about));
                }
            }
        }
        Err(refused::error(Refusal::unsteady(TRIES), op, object(), None))
    }

    pub(super) fn transaction(&self, generation: u32, messages: &[Message]) -> Result<(), Refusal> {
        if messages.len() > 100 {
            use rustix::net::sockopt::{set_socket_send_buffer_size, set_socket_send_buffer_size_force};
            // What it cannot be made to take, it refuses.
            let fd = self.socket.as_fd();
            let _refused = set_socket_send_buffer_size_force(fd, SEND_BUFFER)
                .or_else(|_| set_socket_send_buffer_size(fd, SEND_BUFFER));
        }
        self.socket.transaction(&row::begin(generation), messages, &row::end())
    }

    pub(super) fn generation(&self) -> Result<u32, Refusal> {
        let mut found = None;
        self.socket
            .ask(&row::message(Ask::Generation, 0, 0), |received| found = found.or(row::generation(received)))?;
        Ok(found.unwrap_or_default())
    }

    /// The generation's number when all that made it has been done.
    ///
    /// A transaction tells the new number before its tables are those that are listed. It holds a lock all the while, which
    /// an empty one takes too, and is refused where the number is another by then.
    fn settled_generation(&self) -> Result<u32, Refusal> {
        for _ in 0..TRIES {
            let generation = self.generation()?;
            match self.socket.empty_transaction(&row::begin(generation), &row::end()) {
                Ok(()) => return Ok(generation),
                Err(refusal) if refusal.is_late() => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Err(Refusal::unsteady(TRIES))
    }

    /// What several lists tell that no transaction has come between.
    pub(super) fn of_one_generation<T>(&self, read: impl Fn() -> Result<T, Refusal>) -> Result<T, Refusal> {
        for _ in 0..TRIES {
            let before = self.settled_generation()?;
            let told = read()?;
            if self.generation()? == before {
                return Ok(told);
            }
        }
        Err(Refusal::unsteady(TRIES))
    }

    pub(super) fn tables(&self) -> Result<Vec<TableRow>, Refusal> {
        self.list(&row::message(Ask::GetTable, 0, 0), TableRow::read)
    }

    pub(super) fn chains(&self, family: u8) -> Result<Vec<ChainRow>, Refusal> {
        self.list(&row::message(Ask::GetChain, family, 0), ChainRow::read)
    }

    pub(super) fn rules(&self, family: u8, table: &str) -> Result<Vec<RuleRow>, Refusal> {
        let mut rules = self.list(&RuleRow::question(family, table), RuleRow::read)?;
        rules.retain(|rule| rule.table == table);
        Ok(rules)
    }

    fn list<T>(&self, question: &Message, read: impl Fn(&Received<'_>) -> Option<T>) -> Result<Vec<T>, Refusal> {
        self.socket.dump(question, read)
    }
}

pub(super) fn checked_name(op: &'static str, name: &str) -> Result<(), Error> {
    let problem = problem_of_name(name);
    problem.map_or(Ok(()), |why| Err(Error::invalid(op, object(name), vec![format!("name: {why}")])))
}

fn is_ours(table: &TableRow) -> bool {
    matches!(table.family, INET | BRIDGE) && table.comment.as_deref() == Some(MARK)
}

/// The tables of this name in our families, all of them ours.
fn ours<'a>(tables: &'a [TableRow], op: &'static str, name: &str) -> Result<Vec<&'a TableRow>, Error> {
    let named = |table: &&TableRow| table.name == name && matches!(table.family, INET | BRIDGE);
    let present: Vec<&TableRow> = tables.iter().filter(named).collect();
    match present.iter().find(|table| !is_ours(table)) {
        None => Ok(present),
        Some(other) => {
            let family = family_name(other.family);
            let why = format!("the table {name} of the family {family} is there, and was not made by this library");
            Err(Error::because(op, object(name), ErrorKind::WrongState, why))
        }
    }
}

/// The firewall that the comments tell, and where the rules are not its own.
pub(super) fn told(name: &str, tables: &[TableRow], chains: &[ChainRow], rules: &[RuleRow]) -> Found {
    let mut firewall = Firewall::new(name);
    let comments = rules.iter().filter_map(|rule| rule.comment.as_deref());
    // Addresses are those of guards that are there by then.
    let (addresses, others): (Vec<Piece>, Vec<Piece>) =
        comments.filter_map(Piece::read).partition(|piece| matches!(piece, Piece::Address { .. }));
    others.into_iter().chain(addresses).for_each(|piece| piece.add_to(&mut firewall));
    let mut differences = Vec::new();
    let plans = Plan::of(&firewall);
    for plan in &plans {
        let family = plan.table.family;
        if tables.iter().all(|table| table.family != family) {
            differences.push(format!("the table of the family {} is missing", family_name(family)));
            continue;
        }
        compare(plan, chains, rules, &mut differences);
    }
    let planned = |table: &&TableRow| plans.iter().all(|plan| plan.table.family != table.family);
    let more = tables.iter().filter(planned).map(|table| family_name(table.family));
    differences.extend(more.map(|family| format!("there is a table of the family {family} without a rule of it")));
    Found { firewall, differences, counts: rules.iter().filter_map(count).collect() }
}

fn compare(plan: &Plan, chains: &[ChainRow], rules: &[RuleRow], differences: &mut Vec<String>) {
    let family = plan.table.family;
    for chain in &plan.chains {
        match chains.iter().find(|found| found.family == family && found.name == chain.name) {
            None => differences.push(format!("the chain {} is missing", chain.name)),
            Some(found) if found.hook != chain.hook => {
                differences.push(format!("the chain {} hangs where it did not", chain.name));
            }
            Some(_) => {}
        }
    }
    for found in chains.iter().filter(|found| found.family == family) {
        if plan.chains.iter().all(|chain| chain.name != found.name) {
            differences.push(format!("the chain {} is not of it", found.name));
        }
        let of_chain = |rule: &&RuleRow| rule.family == family && rule.chain == found.name;
        let wanted: Vec<&RuleRow> = plan.rules.iter().filter(of_chain).collect();
        let there: Vec<&RuleRow> = rules.iter().filter(of_chain).collect();
        let same = |(wanted, there): (&&RuleRow, &&RuleRow)| {
            uncounted(there) == wanted.steps && wanted.comment == there.comment
        };
        if let Some(at) = wanted.iter().zip(&there).position(|pair| !same(pair)) {
            differences.push(format!("the rule {} of the chain {} is another one", at.saturating_add(1), found.name));
        } else if wanted.len() != there.len() {
            let (has, had) = (there.len(), wanted.len());
            differences.push(format!("the chain {} has {has} rules, and had {had}", found.name));
        }
    }
}

/// The steps of a rule, as if it had counted nothing.
fn uncounted(rule: &RuleRow) -> Vec<Expression> {
    let steps = rule.steps.iter().cloned();
    steps.map(|step| if matches!(step, Expression::Counter { .. }) { COUNTER } else { step }).collect()
}

fn count(rule: &RuleRow) -> Option<Count> {
    let (packets, bytes) = rule.steps.iter().find_map(|step| match step {
        Expression::Counter { packets, bytes } => Some((*packets, *bytes)),
        _ => None,
    })?;
    let dropped = rule.steps.last() == Some(&Expression::Verdict(super::expression::Verdict::Drop));
    Some(Count { part: rule.comment.clone().unwrap_or_default(), dropped, packets, bytes })
}
