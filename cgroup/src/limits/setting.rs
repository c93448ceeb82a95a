// SPDX-License-Identifier: MIT OR Apache-2.0
//! Settings: a limit with its value, and how either version writes it.

use super::Key;
use crate::devices::{self, DeviceRules};
use crate::layout::{Lack, Reason, Version};
use crate::v1::convert;
use crate::value::{Bytes, IdList, Max, Micros, Partition, Percent, Quota, Weight};

/// A limit and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) key: Key,
    /// What it is about, if there may be several: a device, a size of pages, a name.
    pub(crate) of: Option<String>,
    pub(crate) value: Value,
}

/// The value of a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Amount(Max<Bytes>),
    Count(Max<u64>),
    Time(Max<Micros>),
    Quota(Quota),
    Weight(Weight),
    Shares(u64),
    List(IdList),
    Flag(bool),
    Percent(Max<Percent>),
    Partition(Partition),
    Number(u32),
    Level(i8),
    Devices(DeviceRules),
}

impl Setting {
    /// Its place in [`Limits`](super::Limits): "memory.max", "io.devices.8:0.reads".
    pub(crate) fn place(&self) -> String {
        self.filled(self.key.row().place)
    }

    /// The file it is written to; `None` if that version has no such limit.
    pub(crate) fn file(&self, version: Version) -> Option<String> {
        let row = self.key.row();
        let file = match version {
            Version::V1 => row.v1,
            Version::V2 => row.v2,
        };
        file.map(|file| self.filled(file))
    }

    fn filled(&self, text: &str) -> String {
        text.replace('*', self.of.as_deref().unwrap_or("*"))
    }

    /// Why that version cannot have it on any kernel, if it cannot.
    pub(crate) fn lack(&self, version: Version) -> Option<Lack> {
        match (&self.value, version) {
            (Value::Devices(rules), Version::V1) => {
                devices::v1::lack(rules).map(|why| Lack::of(self, Reason::Inexpressible, None).with_detail(why))
            }
            // A program takes no file.
            (Value::Devices(_), Version::V2) => None,
            _ if self.file(version).is_some() => None,
            _ => {
                let lack = Lack::of(self, Reason::no_such_limit(version), None);
                let number = if version == Version::V1 { 1 } else { 2 };
                let detail = |instead| format!("cgroup version {number} has no such limit: {instead}");
                Some(match self.key.instead() {
                    Some(instead) => lack.with_detail(detail(instead)),
                    None => lack,
                })
            }
        }
    }

    /// What people read.
    pub(crate) fn human(&self) -> String {
        match &self.value {
            Value::Amount(Max::Limit(amount)) => amount.human().to_string(),
            other => other.text(),
        }
    }

    /// What is written to the file.
    pub(crate) fn line(&self, version: Version) -> String {
        let text = match version {
            Version::V1 => self.v1_text(),
            Version::V2 => self.value.text(),
        };
        // Version 1 has a file for each, but for RDMA.
        let word = match (self.key, version) {
            (Key::RdmaHandles | Key::RdmaObjects, _) | (_, Version::V2) => self.key.word(),
            (_, Version::V1) => "",
        };
        match &self.of {
            Some(of) if !matches!(self.key, Key::HugetlbMax | Key::HugetlbReserved) => format!("{of} {word}{text}"),
            _ => format!("{word}{text}"),
        }
    }

    fn v1_text(&self) -> String {
        match (&self.value, self.key) {
            (Value::Weight(weight), Key::CpuWeight) => weight.shares().to_string(),
            (Value::Shares(shares), _) => shares.to_string(),
            (Value::Weight(weight), Key::IoWeight | Key::DeviceWeight) => convert::blkio_weight_of(*weight).to_string(),
            (Value::Amount(Max::Unlimited), Key::ReadBytes | Key::WriteBytes) => "0".to_owned(),
            (Value::Count(Max::Unlimited), Key::Reads | Key::Writes) => "0".to_owned(),
            (Value::Amount(max), _) => convert::amount_text(*max),
            (Value::Time(Max::Unlimited), _) => "-1".to_owned(),
            // The file says whether killing is disabled.
            (Value::Flag(kills), Key::OomKill) => u8::from(!kills).to_string(),
            (value, _) => value.text(),
        }
    }
}

impl Value {
    /// What the file of version 2 takes.
    fn text(&self) -> String {
        match self {
            Self::Amount(max) => max.to_string(),
            Self::Count(max) => max.to_string(),
            Self::Time(max) => max.to_string(),
            Self::Quota(quota) => quota.to_string(),
            Self::Weight(weight) => weight.to_string(),
            Self::Shares(shares) => Weight::of_shares(*shares).to_string(),
            Self::List(list) => list.to_string(),
            Self::Flag(flag) => u8::from(*flag).to_string(),
            Self::Percent(max) => max.to_string(),
            Self::Partition(partition) => partition.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Level(level) => level.to_string(),
            Self::Devices(rules) => rules.to_string(),
        }
    }
}
