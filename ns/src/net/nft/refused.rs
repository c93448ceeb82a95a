// SPDX-License-Identifier: MIT OR Apache-2.0
//! Refusals of nf_tables, in words: the kernel says a number, and rarely more.

use rustix::io::Errno;

use super::row::{ChainRow, RuleRow};
use super::{BRIDGE, INET, IPV4, IPV6, family_name};
use crate::error::{Error, ErrorKind, Object};
use crate::net::socket::Refusal;

/// What one message of a transaction is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum About {
    /// A table of this family.
    Table(u8),
    /// A chain of this family and type.
    Chain(u8, Option<String>),
    /// A rule with steps of these names.
    Rule(u8, Vec<String>),
}

impl About {
    pub(super) fn chain(row: &ChainRow) -> Self {
        Self::Chain(row.family, row.hook.as_ref().map(|hook| hook.kind.clone()))
    }

    pub(super) fn rule(row: &RuleRow) -> Self {
        Self::Rule(row.family, row.steps.iter().map(|step| step.name().to_owned()).collect())
    }

    /// What is not in this kernel if it does not find what was named here.
    fn lacking(&self) -> Option<String> {
        match self {
            Self::Table(family) => Some(no_family(*family)),
            Self::Chain(_, Some(kind)) if kind == "nat" => Some(
                "this kernel has no translation of addresses in nf_tables (CONFIG_NFT_NAT, module nft_chain_nat)"
                    .to_owned(),
            ),
            Self::Chain(family, _) => Some(no_family(*family)),
            Self::Rule(_, steps) => {
                let module = |step: &String| match step.as_str() {
                    "masq" => Some("CONFIG_NFT_MASQ, module nft_masq"),
                    "nat" => Some("CONFIG_NFT_NAT, module nft_nat"),
                    "fib" => Some("CONFIG_NFT_FIB_INET, module nft_fib_inet"),
                    "ct" => Some("CONFIG_NFT_CT, module nft_ct"),
                    _ => None,
                };
                let modules: Vec<&str> = steps.iter().filter_map(module).collect();
                (!modules.is_empty())
                    .then(|| format!("this kernel lacks what the rule is made of ({})", modules.join("; ")))
            }
        }
    }
}

fn no_family(family: u8) -> String {
    let config = match family {
        INET => "CONFIG_NF_TABLES_INET",
        BRIDGE => "CONFIG_NF_TABLES_BRIDGE",
        IPV4 => "CONFIG_NF_TABLES_IPV4",
        IPV6 => "CONFIG_NF_TABLES_IPV6",
        _ => "CONFIG_NF_TABLES",
    };
    format!("this kernel has no nf_tables of the family {} ({config})", family_name(family))
}

/// This kernel has none of it.
pub(super) const NO_NF_TABLES: &str = "this kernel has no nf_tables (CONFIG_NF_TABLES, module nf_tables)";

/// The error for a refusal of the message about `about`; `None` where it is of all.
pub(super) fn error(refusal: Refusal, op: &'static str, object: Object, about: Option<&About>) -> Error {
    let lacks = |why: String| Error::because(op, object.clone(), ErrorKind::Unsupported, why);
    if refusal.is(Errno::PERM) {
        return refusal.error(op, object).with_hint(RIGHT);
    }
    let absent = [Errno::OPNOTSUPP, Errno::AFNOSUPPORT, Errno::PROTONOSUPPORT];
    match about {
        None if absent.iter().any(|errno| refusal.is(*errno)) => lacks(NO_NF_TABLES.to_owned()),
        Some(about) if refusal.is(Errno::NOENT) || absent.iter().any(|errno| refusal.is(*errno)) => {
            match about.lacking() {
                Some(why) => lacks(why),
                None => refusal.error(op, object),
            }
        }
        _ => refusal.error(op, object),
    }
}

const RIGHT: &str = "nf_tables is for those with CAP_NET_ADMIN in the user namespace that owns the net namespace";
