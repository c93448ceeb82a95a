// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows: the tables, chains and rules of the kernel, written and read.
//!
//! Kernel: include/uapi/linux/netfilter/nf_tables.h, nfnetlink.h.

use super::expression::{Expression, be32, find, read_be32, read_be64};
use crate::net::message::{Message, Received, Value, attributes, flags};

attributes! {
    NFTA_TABLE_NAME = 1, NFTA_TABLE_USERDATA = 6,
    NFTA_CHAIN_TABLE = 1, NFTA_CHAIN_NAME = 3, NFTA_CHAIN_HOOK = 4, NFTA_CHAIN_POLICY = 5, NFTA_CHAIN_TYPE = 7,
    NFTA_HOOK_HOOKNUM = 1, NFTA_HOOK_PRIORITY = 2,
    NFTA_RULE_TABLE = 1, NFTA_RULE_CHAIN = 2, NFTA_RULE_HANDLE = 3, NFTA_RULE_EXPRESSIONS = 4, NFTA_RULE_USERDATA = 7,
    NFTA_GEN_ID = 1, NFNL_BATCH_GENID = 1,
}

/// `NFNL_SUBSYS_NFTABLES`.
const SUBSYSTEM: u8 = 10;

/// What is asked, `NFT_MSG_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    NewTable = 0,
    GetTable = 1,
    DeleteTable = 2,
    NewChain = 3,
    GetChain = 4,
    NewRule = 6,
    GetRule = 7,
    DeleteRule = 8,
    Generation = 16,
}

/// A message about something of `family`.
pub(super) fn message(ask: Ask, family: u8, flags: u16) -> Message {
    Message::new(u16::from(SUBSYSTEM) << 8 | ask as u16, flags, &[family, 0, 0, 0])
}

/// For a transaction that is the same whatever was changed before it.
pub(super) const ANY_GENERATION: u32 = 0;

/// The message that begins a transaction, which is refused if anything was changed since `generation`.
pub(super) fn begin(generation: u32) -> Message {
    let mut begin = Message::new(16, 0, &[0, 0, 0, SUBSYSTEM]);
    be32(&mut begin, NFNL_BATCH_GENID, generation);
    begin
}

/// The message that ends a transaction.
pub(super) fn end() -> Message {
    Message::new(17, 0, &[0, 0, 0, SUBSYSTEM])
}

/// The number that changes with every transaction.
pub(super) fn generation(received: &Received<'_>) -> Option<u32> {
    let (_, attributes) = received.split::<4>()?;
    find(attributes, NFTA_GEN_ID).and_then(read_be32)
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableRow {
    pub(crate) family: u8,
    pub(crate) name: String,
    pub(crate) comment: Option<String>,
}

impl TableRow {
    pub(crate) fn write(&self, flags: u16) -> Message {
        let mut message = message(Ask::NewTable, self.family, flags);
        message.text(NFTA_TABLE_NAME, &self.name);
        if let Some(comment) = &self.comment {
            message.bytes(NFTA_TABLE_USERDATA, &userdata(comment));
        }
        message
    }

    pub(super) fn deletion(&self) -> Message {
        let mut message = message(Ask::DeleteTable, self.family, 0);
        message.text(NFTA_TABLE_NAME, &self.name);
        message
    }

    pub(crate) fn read(received: &Received<'_>) -> Option<Self> {
        let (&[family, ..], attributes) = received.split::<4>()?;
        let name = find(attributes, NFTA_TABLE_NAME)?.text();
        Some(Self { family, name, comment: find(attributes, NFTA_TABLE_USERDATA).and_then(comment_of) })
    }
}

/// Where packets come to a chain by themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hook {
    /// `filter`, `nat` or another type of chain.
    pub(crate) kind: String,
    pub(crate) number: u32,
    pub(crate) priority: i32,
    /// What reaches its end is dropped.
    pub(crate) drops: bool,
}

/// A chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChainRow {
    pub(crate) family: u8,
    pub(crate) table: String,
    pub(crate) name: String,
    pub(crate) hook: Option<Hook>,
}

impl ChainRow {
    pub(crate) fn write(&self) -> Message {
        let mut message = message(Ask::NewChain, self.family, flags::CREATE);
        message.text(NFTA_CHAIN_TABLE, &self.table).text(NFTA_CHAIN_NAME, &self.name);
        if let Some(hook) = &self.hook {
            message.nested(NFTA_CHAIN_HOOK, |message| {
                be32(message, NFTA_HOOK_HOOKNUM, hook.number);
                be32(message, NFTA_HOOK_PRIORITY, hook.priority.cast_unsigned());
            });
            be32(&mut message, NFTA_CHAIN_POLICY, u32::from(!hook.drops));
            message.text(NFTA_CHAIN_TYPE, &hook.kind);
        }
        message
    }

    pub(crate) fn read(received: &Received<'_>) -> Option<Self> {
        let (&[family, ..], attributes) = received.split::<4>()?;
        let text = |attribute| find(attributes, attribute).map(Value::text);
        let hook = find(attributes, NFTA_CHAIN_HOOK).and_then(|hook| {
            let number = |attribute| find(hook.nested(), attribute).and_then(read_be32);
            Some(Hook {
                kind: text(NFTA_CHAIN_TYPE)?,
                number: number(NFTA_HOOK_HOOKNUM)?,
                priority: number(NFTA_HOOK_PRIORITY)?.cast_signed(),
                drops: find(attributes, NFTA_CHAIN_POLICY).and_then(read_be32) == Some(0),
            })
        });
        Some(Self { family, table: text(NFTA_CHAIN_TABLE)?, name: text(NFTA_CHAIN_NAME)?, hook })
    }
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RuleRow {
    pub(crate) family: u8,
    pub(crate) table: String,
    pub(crate) chain: String,
    /// Its number in the table; of what is not there yet 0.
    pub(crate) handle: u64,
    pub(crate) comment: Option<String>,
    pub(crate) steps: Vec<Expression>,
}

impl RuleRow {
    /// As a rule to be made, at the end of its chain with `flags::APPEND`, else at the beginning.
    pub(crate) fn write(&self, place: u16) -> Message {
        let mut message = message(Ask::NewRule, self.family, flags::CREATE | place);
        message.text(NFTA_RULE_TABLE, &self.table).text(NFTA_RULE_CHAIN, &self.chain);
        message.nested(NFTA_RULE_EXPRESSIONS, |message| self.steps.iter().for_each(|step| step.write(message)));
        if let Some(comment) = &self.comment {
            message.bytes(NFTA_RULE_USERDATA, &userdata(comment));
        }
        message
    }

    pub(super) fn deletion(&self) -> Message {
        let mut message = message(Ask::DeleteRule, self.family, 0);
        message.text(NFTA_RULE_TABLE, &self.table).text(NFTA_RULE_CHAIN, &self.chain);
        message.bytes(NFTA_RULE_HANDLE, &self.handle.to_be_bytes());
        message
    }

    /// The message that asks for those of one table.
    pub(super) fn question(family: u8, table: &str) -> Message {
        let mut message = message(Ask::GetRule, family, 0);
        message.text(NFTA_RULE_TABLE, table);
        message
    }

    pub(crate) fn read(received: &Received<'_>) -> Option<Self> {
        let (&[family, ..], attributes) = received.split::<4>()?;
        let text = |attribute| find(attributes, attribute).map(Value::text);
        let steps = find(attributes, NFTA_RULE_EXPRESSIONS).map(Value::nested).unwrap_or_default();
        Some(Self {
            family,
            table: text(NFTA_RULE_TABLE)?,
            chain: text(NFTA_RULE_CHAIN)?,
            handle: find(attributes, NFTA_RULE_HANDLE).and_then(read_be64).unwrap_or_default(),
            comment: find(attributes, NFTA_RULE_USERDATA).and_then(comment_of),
            steps: steps.map(|(_, step)| Expression::read(step)).collect(),
        })
    }
}

/// The kind of user data that is a comment, to nft(8) and libnftnl too.
const COMMENT: u8 = 0;

/// The longest comment that a row can have: the data of one have at most 256 bytes, of which three are none of the text.
pub(crate) const LONGEST_COMMENT: usize = 253;

fn userdata(comment: &str) -> Vec<u8> {
    let length = u8::try_from(comment.len().saturating_add(1)).unwrap_or(u8::MAX);
    let mut data = vec![COMMENT, length];
    data.extend(comment.bytes().take(LONGEST_COMMENT));
    data.push(0);
    data
}

fn comment_of(data: Value<'_>) -> Option<String> {
    let mut rest = data.0;
    while let [kind, length, after @ ..] = rest {
        let text = after.get(..usize::from(*length))?;
        if *kind == COMMENT {
            return Some(Value(text).text());
        }
        rest = after.get(usize::from(*length)..).unwrap_or_default();
    }
    None
}
