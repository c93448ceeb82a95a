// SPDX-License-Identifier: MIT OR Apache-2.0
//! Firewalls of others that drop what is forwarded, and what can be done about it.
//!
//! To pass a hook, a packet has to be accepted by every chain there: what we accept in ours, another may drop in its own. So
//! the only remedy is a rule in that other one; it is made when asked for by name, and removed as well.

use std::fmt;

use super::expression::{Comparison, Expression, Verdict};
use super::firewall::object;
use super::plan::{COUNTER, from, to};
use super::refused::{self, About};
use super::row::{ChainRow, RuleRow, TableRow};
use super::tables::{NfTables, checked_name};
use super::{INET, IPV4, IPV6, family_name};
use crate::error::{Error, ErrorKind, Object};
use crate::net::cidr::Cidr;
use crate::net::message::Message;
use crate::net::socket::Refusal;

/// A chain of somebody else that drops what is forwarded, unless a rule in it lets it pass.
///
/// Displays as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForwardDrop {
    /// `ip`, `ip6` or `inet`, as nft(8) calls it.
    pub family: &'static str,
    /// The table.
    pub table: String,
    /// The chain whose policy it is to drop.
    pub chain: String,
    /// The chain in which a rule helps: Docker's `DOCKER-USER`, where it is, since Docker leaves that alone; else the chain
    /// itself.
    pub remedy: String,
}

impl ForwardDrop {
    /// Whether what this subnet sends and is sent comes by there.
    #[must_use]
    pub fn concerns(&self, subnet: Cidr) -> bool {
        self.family == family_name(INET) || self.family == family_name(if subnet.is_ipv4() { IPV4 } else { IPV6 })
    }

    fn number(&self) -> u8 {
        [IPV4, IPV6].into_iter().find(|family| family_name(*family) == self.family).unwrap_or(INET)
    }
}

impl fmt::Display for ForwardDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { family, table, chain, remedy } = self;
        write!(f, "the chain {chain} of the table {family} {table} drops what is forwarded and not accepted there")?;
        if remedy == DOCKER {
            return write!(f, " (Docker's); a rule in {DOCKER} lets it pass");
        }
        write!(f, "; a rule in it lets it pass")
    }
}

const DOCKER: &str = "DOCKER-USER";

/// `NF_INET_FORWARD`.
const FORWARD_HOOK: u32 = 2;

impl NfTables {
    /// The chains that drop what is forwarded, unless a rule in them lets it pass: Docker's, ufw's, firewalld's, or the
    /// machine's own. A rule in the middle of somebody's chain that drops is not found, nor is `iptables-legacy`.
    ///
    /// # Errors
    /// `Denied` without the right, `Unsupported` without nf_tables.
    /// # Privileges
    /// `CAP_NET_ADMIN` in the user namespace that owns the net namespace.
    pub fn forward_drops(&self) -> Result<Vec<ForwardDrop>, Error> {
        let failed = |refusal| refused::error(refusal, "list", Object::Named("chains that drop"), None);
        let chains = self.of_one_generation(|| self.chains(0)).map_err(failed)?;
        Ok(drops(&chains))
    }

    /// Puts two rules at the beginning of [`ForwardDrop::remedy`], which accept what comes from `subnet` and what goes to
    /// it, in place of those that were put there for the same firewall and subnet. They are removed by
    /// [`withdraw`](Self::withdraw).
    ///
    /// What goes to it is all, not answers alone, for iptables reads no finer rule of ours without taking offence: use
    /// [`Firewall::protect`](super::Firewall::protect) beside it.
    ///
    /// # Errors
    /// `Invalid` if the subnet is of another version of IP, or `name` is no name of a firewall; `NotFound` if the chain is gone.
    /// # Privileges
    /// `CAP_NET_ADMIN` in the user namespace that owns the net namespace.
    pub fn let_pass(&self, past: &ForwardDrop, name: &str, subnet: Cidr) -> Result<(), Error> {
        checked_name("let pass", name)?;
        let subnet = subnet.network();
        let place = || {
            Object::Network(format!(
                "{subnet} by the chain {} of the table {} {}",
                past.remedy, past.family, past.table
            ))
        };
        if !past.concerns(subnet) {
            let problem = format!("subnet: {subnet} does not come by a table of the family {}", past.family);
            return Err(Error::invalid("let pass", place(), vec![problem]));
        }
        let family = past.number();
        let comment = comment(name, &subnet.to_string());
        let steps = |condition: Vec<Expression>| {
            let mut steps = Vec::new();
            // Of a table of one version nothing is asked, so that iptables still reads it.
            if family == INET {
                steps.push(Expression::Load(super::expression::Known::Version));
                steps.push(super::plan::equal([if subnet.is_ipv4() { IPV4 } else { IPV6 }]));
            }
            steps.extend(condition);
            steps.extend([COUNTER, Expression::Verdict(Verdict::Accept)]);
            steps
        };
        let rule = |condition| RuleRow {
            family,
            table: past.table.clone(),
            chain: past.remedy.clone(),
            handle: 0,
            comment: Some(comment.clone()),
            steps: steps(condition),
        };
        let new = [rule(to(subnet, Comparison::Equal)), rule(from(subnet))];
        self.change("let pass", place, |tables| {
            let there = |table: &&TableRow| table.family == family && table.name == past.table;
            let gone = || {
                Error::because("let pass", place(), ErrorKind::NotFound, "the table is not there any more".to_owned())
            };
            tables.iter().find(there).ok_or_else(gone)?;
            let failed = |refusal| refused::error(refusal, "let pass", place(), None);
            let known = self.rules(family, &past.table).map_err(failed)?;
            let old = known.iter().filter(|rule| rule.chain == past.remedy && rule.comment.as_ref() == Some(&comment));
            let mut all: Vec<(Message, About)> = old.map(|rule| (rule.deletion(), About::rule(rule))).collect();
            all.extend(new.iter().map(|rule| (rule.write(0), About::Rule(family, Vec::new()))));
            Ok(all)
        })
        .map(drop)
    }

    /// Removes all rules that [`let_pass`](Self::let_pass) has put into tables of others for the firewall of this name.
    /// Answers how many they were.
    ///
    /// # Errors
    /// `Denied` without the right.
    /// # Privileges
    /// `CAP_NET_ADMIN` in the user namespace that owns the net namespace.
    pub fn withdraw(&self, name: &str) -> Result<usize, Error> {
        checked_name("withdraw", name)?;
        let begin = comment(name, "");
        self.change(
            "withdraw",
            || object(name),
            |tables| {
                let failed = |refusal: Refusal| refused::error(refusal, "withdraw", object(name), None);
                let mut all = Vec::new();
                for table in tables.iter().filter(|table| matches!(table.family, INET | IPV4 | IPV6)) {
                    let rules = self.rules(table.family, &table.name).map_err(failed)?;
                    let ours =
                        rules.iter().filter(|rule| rule.comment.as_ref().is_some_and(|text| text.starts_with(&begin)));
                    all.extend(ours.map(|rule| (rule.deletion(), About::rule(rule))));
                }
                Ok(all)
            },
        )
    }
}

fn comment(name: &str, subnet: &str) -> String {
    format!("skep {name} pass {subnet}")
}

/// The chains among these that drop what is forwarded.
pub(super) fn drops(chains: &[ChainRow]) -> Vec<ForwardDrop> {
    let forwards = |chain: &&ChainRow| {
        let drops = chain.hook.as_ref().is_some_and(|hook| hook.number == FORWARD_HOOK && hook.drops);
        drops && matches!(chain.family, INET | IPV4 | IPV6)
    };
    let found = chains.iter().filter(forwards).map(|chain| {
        let docker =
            |other: &ChainRow| (other.family, &other.table) == (chain.family, &chain.table) && other.name == DOCKER;
        let remedy = if chains.iter().any(docker) { DOCKER.to_owned() } else { chain.name.clone() };
        ForwardDrop { family: family_name(chain.family), table: chain.table.clone(), chain: chain.name.clone(), remedy }
    });
    found.collect()
}
