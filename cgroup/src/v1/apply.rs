// SPDX-License-Identifier: MIT OR Apache-2.0
//! Applying: one write a file, in the order in which version 1 takes them.

use crate::devices;
use crate::error::{Error, ErrorKind, Object};
use crate::group::{Directory, Report};
use crate::layout::Version;
use crate::limits::{Key, Setting, Value};
use crate::v1::{convert, names};
use crate::value::{Bytes, Max, Quota};

/// Writes the limits of one hierarchy.
pub(crate) fn apply(group: &Directory, settings: &[&Setting], report: &mut Report) -> Result<(), Error> {
    let together = |keys: [Key; 2]| -> Vec<&Setting> {
        settings.iter().copied().filter(|setting| keys.contains(&setting.key)).collect()
    };
    let memory = together([Key::MemoryMax, Key::Swap]);
    if !memory.is_empty() {
        report.done(
            group,
            &memory,
            memory_and_swap(group, amount(&memory, Key::MemoryMax), amount(&memory, Key::Swap)),
        )?;
    }
    let real_time = together([Key::RtPeriod, Key::RtRuntime]);
    if let [period, runtime] = real_time.as_slice() {
        let write = |setting: &Setting| write(group, setting);
        report.done(group, &real_time, either_first(|| write(period), || write(runtime)))?;
    }
    for setting in settings {
        let written = match (&setting.value, setting.key) {
            (_, Key::MemoryMax | Key::Swap) => continue,
            (_, Key::RtPeriod | Key::RtRuntime) if real_time.len() > 1 => continue,
            (Value::Quota(quota), _) => cpu_quota(group, *quota),
            (Value::Devices(rules), _) => devices::v1::apply(group, rules),
            _ => write(group, setting),
        };
        report.done(group, &[setting], written)?;
    }
    Ok(())
}

fn amount(settings: &[&Setting], key: Key) -> Option<Max<Bytes>> {
    settings.iter().find(|setting| setting.key == key).and_then(|setting| match setting.value {
        Value::Amount(max) => Some(max),
        _ => None,
    })
}

fn write(group: &Directory, setting: &Setting) -> Result<(), Error> {
    match setting.file(Version::V1) {
        Some(file) => group.write(&file, &setting.line(Version::V1)),
        None => Ok(()),
    }
}

/// Memory, and memory with swap, of which the second is never below the first: who raises begins with the second, who
/// lowers with the first. Without a word about swap its share stays what it was.
pub(crate) fn memory_and_swap(
    group: &Directory,
    memory: Option<Max<Bytes>>,
    swap: Option<Max<Bytes>>,
) -> Result<(), Error> {
    let read = |file| {
        Ok::<_, Error>(group.read_if_there(file)?.map(|text| convert::limit_in(&text).unwrap_or(Max::Unlimited)))
    };
    let old_sum = read(names::MEMORY_AND_SWAP)?;
    // Without a word about memory it stays; and the share of swap is told by both, but where their sum is unlimited.
    let is_told = memory.is_none() || (swap.is_none() && matches!(old_sum, Some(Max::Limit(_))));
    let old_memory = if is_told { read(names::MEMORY)?.unwrap_or(Max::Unlimited) } else { Max::Unlimited };
    let new_memory = memory.unwrap_or(old_memory);
    let Some(old_sum) = old_sum else {
        if swap.is_some() {
            let object = Object::Path(group.path().join(names::MEMORY_AND_SWAP));
            let why = "this kernel does not count swap (swapaccount=0 at boot, or built so)";
            return Err(Error::explained("write", object, ErrorKind::Unsupported, 2, why));
        }
        return group.write(names::MEMORY, &convert::amount_text(new_memory));
    };
    let new_sum = match swap.or_else(|| old_swap(old_memory, old_sum)) {
        Some(swap) => sum(group, new_memory, swap)?,
        None => old_sum.max(new_memory),
    };
    let write_memory = || match memory {
        Some(max) => group.write(names::MEMORY, &convert::amount_text(max)),
        None => Ok(()),
    };
    let write_sum = || match new_sum == old_sum {
        true => Ok(()),
        false => group.write(names::MEMORY_AND_SWAP, &convert::amount_text(new_sum)),
    };
    // Max::Unlimited is the greatest.
    if new_sum >= old_sum {
        write_sum()?;
        write_memory()
    } else {
        write_memory()?;
        write_sum()
    }
}

/// The swap that a group may have now; `None` if its two limits do not say.
fn old_swap(memory: Max<Bytes>, sum: Max<Bytes>) -> Option<Max<Bytes>> {
    match (memory, sum) {
        (_, Max::Unlimited) => Some(Max::Unlimited),
        (Max::Limit(memory), Max::Limit(sum)) => {
            Some(Max::Limit(Bytes::new(sum.as_u64().saturating_sub(memory.as_u64()))))
        }
        (Max::Unlimited, Max::Limit(_)) => None,
    }
}

/// Memory and swap together.
fn sum(group: &Directory, memory: Max<Bytes>, swap: Max<Bytes>) -> Result<Max<Bytes>, Error> {
    match (memory, swap) {
        (_, Max::Unlimited) => Ok(Max::Unlimited),
        (Max::Limit(memory), Max::Limit(swap)) => {
            Ok(Max::Limit(Bytes::new(memory.as_u64().saturating_add(swap.as_u64()))))
        }
        (Max::Unlimited, Max::Limit(_)) => {
            let object = Object::Path(group.path().join(names::MEMORY_AND_SWAP));
            let why = "version 1 limits memory and swap together: it cannot limit swap while memory is unlimited";
            Err(Error::explained("write", object, ErrorKind::Unsupported, 0, why)
                .with_hint("set memory.max too, or memory.swap to \"max\""))
        }
    }
}

/// Period and time.
pub(crate) fn cpu_quota(group: &Directory, quota: Quota) -> Result<(), Error> {
    let period = quota.period().to_string();
    let time = quota.time().limit().map_or_else(|| "-1".to_owned(), |time| time.to_string());
    either_first(|| group.write(names::PERIOD, &period), || group.write(names::QUOTA, &time))
}

/// Writes a period and its time. Either may be out of proportion to the other for a moment, or to what the parent has, and
/// is then refused: so the period goes first, and after the time once more if it was.
fn either_first(period: impl Fn() -> Result<(), Error>, time: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
    match period() {
        Ok(()) => time(),
        Err(error) if error.kind() == ErrorKind::Invalid => {
            time()?;
            period()
        }
        Err(error) => Err(error),
    }
}
