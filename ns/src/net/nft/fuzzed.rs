// SPDX-License-Identifier: MIT OR Apache-2.0
//! What must hold of every datagram about nf_tables, whoever sent it: nothing panics, and what is understood of a rule is
//! written to be understood as the same again.
//!
//! Neither built for users nor part of the interface: the target in `fuzz/` calls it with bytes of its making, the test with
//! what a kernel has told of tables of others, kept in `fuzz/seeds/nft/`.

use super::expression::Expression;
use super::pass::drops;
use super::row::{ChainRow, RuleRow, TableRow};
use super::tables::told;
use crate::net::message::{Messages, flags};

/// Reads a datagram, and answers how many rows there were in it.
#[must_use]
pub fn read(datagram: &[u8]) -> usize {
    let tables: Vec<TableRow> = Messages(datagram).filter_map(|received| TableRow::read(&received)).collect();
    let chains: Vec<ChainRow> = Messages(datagram).filter_map(|received| ChainRow::read(&received)).collect();
    let rules: Vec<RuleRow> = Messages(datagram).filter_map(|received| RuleRow::read(&received)).collect();
    for rule in &rules {
        let mut bytes = Vec::new();
        let understood = rule.steps.iter().all(|step| !matches!(step, Expression::Other(_)));
        if understood && rule.write(flags::APPEND).write_to(&mut bytes, 0, 1).is_ok() {
            let again = Messages(&bytes).next().and_then(|received| RuleRow::read(&received));
            assert_eq!(again.map(|again| again.steps).as_ref(), Some(&rule.steps));
        }
    }
    let _shown: Vec<String> = drops(&chains).iter().map(ToString::to_string).collect();
    let found = told("hive", &tables, &chains, &rules);
    let _problems = found.firewall.problems();
    tables.len().saturating_add(chains.len()).saturating_add(rules.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "what the tests call fails them by a panic")]
    use needs::seeds;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_kernel_has_told_is_read() {
        assert_eq!(seeds!("nft").len(), 3);
        assert!(seeds!("nft").iter().all(|seed| read(seed) > 0));
    }

    proptest! {
        #[test]
        fn what_is_told_amiss_is_read_without_harm(seed in 0..3_usize, changes in proptest::collection::vec(any::<(prop::sample::Index, u8)>(), 1..9)) {
            let mut datagram = seeds!("nft").swap_remove(seed);
            for (at, byte) in changes {
                let at = at.index(datagram.len());
                datagram[at] = byte;
            }
            let _count = read(&datagram);
        }
    }
}
