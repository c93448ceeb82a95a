// SPDX-License-Identifier: MIT OR Apache-2.0
//! What this kernel has of nf_tables.

use std::fmt;

use rustix::io::Errno;

use super::expression::Expression;
use super::plan::{COUNTER, Place};
use super::refused;
use super::row::{self, ChainRow, Hook, RuleRow, TableRow};
use super::tables::NfTables;
use super::{BRIDGE, INET};
use crate::error::{Error, Object};
use crate::net::message::{Message, flags};
use crate::net::socket::Refusal;

/// What this kernel has of nf_tables, of that which firewalls are made of. Displays as a list, a part a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct NftSupport {
    /// Tables for both versions of IP: without them, nothing.
    pub tables: bool,
    /// Tables of bridges: guards.
    pub bridge: bool,
    /// Masquerades.
    pub masquerade: bool,
    /// Forwarded ports on one address.
    pub redirect: bool,
    /// Knowledge of the machine's own addresses: forwarded ports on all of them.
    pub own_addresses: bool,
    /// Knowledge of connections: protected subnets.
    pub connections: bool,
}

impl fmt::Display for NftSupport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("nf_tables", self.tables),
            ("bridges", self.bridge),
            ("masquerade", self.masquerade),
            ("forwarded ports", self.redirect),
            ("the machine's own addresses", self.own_addresses),
            ("connections", self.connections),
        ];
        for (name, has) in parts {
            writeln!(f, "{name}: {}", if has { "yes" } else { "no" })?;
        }
        Ok(())
    }
}

impl NfTables {
    /// What this kernel has of nf_tables: tried, in transactions that are given up. Modules are loaded for it.
    ///
    /// # Errors
    /// `Denied` without the right.
    /// # Privileges
    /// `CAP_NET_ADMIN` in the user namespace that owns the net namespace.
    pub fn support(&self) -> Result<NftSupport, Error> {
        let postrouting = Place { name: "try", hook: Some(("nat", 4, 100)) };
        let forward = Place { name: "try", hook: Some(("filter", 2, 0)) };
        let redirect =
            vec![COUNTER, Expression::Address(vec![127, 0, 0, 1]), Expression::Redirect { v6: false, port: false }];
        let prerouting = Place { name: "try", hook: Some(("nat", 0, -100)) };
        Ok(NftSupport {
            tables: self.has(INET, &forward, vec![COUNTER])?,
            bridge: self.has(BRIDGE, &Place { name: "try", hook: Some(("filter", 0, 0)) }, vec![COUNTER])?,
            masquerade: self.has(INET, &postrouting, vec![Expression::Masquerade])?,
            redirect: self.has(INET, &prerouting, redirect)?,
            own_addresses: self.has(INET, &forward, vec![Expression::Destination])?,
            connections: self.has(INET, &forward, vec![Expression::Load(super::expression::Known::State)])?,
        })
    }

    /// Whether a rule can be made. The transaction ends with the deletion of a table that is not there, which undoes it.
    fn has(&self, family: u8, place: &Place<'_>, steps: Vec<Expression>) -> Result<bool, Error> {
        let name = "skep-try".to_owned();
        let table = TableRow { family, name: name.clone(), comment: None };
        let hook =
            place.hook.map(|(kind, number, priority)| Hook { kind: kind.to_owned(), number, priority, drops: false });
        let chain = ChainRow { family, table: name.clone(), name: place.name.to_owned(), hook };
        let rule = RuleRow { family, table: name, chain: place.name.to_owned(), handle: 0, comment: None, steps };
        let absent = TableRow { name: "skep-absent".to_owned(), ..table.clone() };
        let messages: [Message; 4] =
            [table.write(flags::CREATE), chain.write(), rule.write(flags::APPEND), absent.deletion()];
        match self.transaction(row::ANY_GENERATION, &messages) {
            Err(refusal) if refusal.is(Errno::NOENT) && refusal.place == 3 => Ok(true),
            Err(refusal) if refusal.is(Errno::PERM) || refusal.is(Errno::NOMEM) => Err(refused(refusal)),
            Err(_) => Ok(false),
            Ok(()) => Ok(true),
        }
    }
}

fn refused(refusal: Refusal) -> Error {
    refused::error(refusal, "probe", Object::Named("nf_tables"), None)
}
