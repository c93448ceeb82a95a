// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is had: whether the group says what systemd was told.
//!
//! systemd takes a property whether it can do something about it or not: it has no controller to give, the kernel refuses
//! the value, there is no BPF. All of that is a line in its journal.

use crate::controller::Controller;
use crate::devices::{DeviceRules, DeviceVerdict, Devices, Table, v1};
use crate::group::{Cgroup, Directory};
use crate::layout::{Lack, Reason, Version};
use crate::limits::{Key, Setting, Value as Limit};
use crate::value::{Bytes, IdList, Max, Quota};

/// The period of a quota of version 1.
const PERIOD: &str = "cpu.cfs_period_us";
/// The largest page: amounts of memory are cut to whole ones.
const PAGE: u64 = 64 << 10;
/// More than any machine has, in the kernel's units: it says then that there is no limit.
const ENDLESS: u64 = 1 << 62;

/// The lack of a limit that was told and is not had.
pub(super) fn lack(setting: &Setting, group: &Cgroup) -> Option<Lack> {
    let Some(directory) = group.of(setting.key.controller()) else {
        return Some(Lack::of(setting, Reason::NotJoined, None));
    };
    let lack = |reason| Lack::of(setting, reason, Some(directory.path().to_owned()));
    if let Limit::Devices(rules) = &setting.value {
        return of_devices(rules, group).map(|(reason, why)| lack(reason).with_detail(why));
    }
    let file = setting.file(directory.version())?;
    let Ok(Some(text)) = read(setting, directory, &file) else {
        return Some(lack(Reason::NotOffered));
    };
    (!holds(setting, directory.version(), &text)).then(|| {
        let why = match &setting.of {
            // One that the kernel does not know, or has no such limit for.
            Some(device) if line_of(&text, device).is_none() => format!("{file} says nothing of the device {device}"),
            _ => format!("{file} says {}", crate::value::shown(text.trim())),
        };
        lack(Reason::NotOffered).with_detail(format!("systemd has not set it: {why}"))
    })
}

fn read(setting: &Setting, directory: &Directory, file: &str) -> Result<Option<String>, crate::Error> {
    let text = directory.read_if_there(file)?;
    match (setting.key, directory.version()) {
        (Key::CpuQuota, Version::V1) => {
            let period = directory.read_if_there(PERIOD)?;
            Ok(text.zip(period).map(|(text, period)| format!("{} {}", text.trim(), period.trim())))
        }
        _ => Ok(text),
    }
}

/// Every rule is compared: systemd leaves out a line that the kernel refuses, and goes on.
fn of_devices(rules: &DeviceRules, group: &Cgroup) -> Option<(Reason, String)> {
    let is_v1 = group.of(Controller::Devices).is_some_and(|found| found.version() == Version::V1);
    match group.device_rules() {
        Ok(Some(found)) => differences(rules, &found).map(|why| (Reason::NotOffered, why)),
        // Who allows the rest does not tell what is denied.
        Ok(None) if is_v1 && v1::plan(rules).is_ok_and(|plan| plan.default == DeviceVerdict::Allow) => None,
        Ok(None) if is_v1 => {
            Some((Reason::NotOffered, "systemd has not set it: the group may use every device".to_owned()))
        }
        Ok(None) => {
            let why = "whether systemd has set it cannot be seen: the group has several device programs, or one that does more \
                       than compare numbers";
            Some((Reason::Unreadable, why.to_owned()))
        }
        Err(error) => Some((Reason::Unreadable, format!("whether systemd has set it cannot be seen: {error}"))),
    }
}

/// What the rules of a group have too much and too little.
fn differences(wanted: &DeviceRules, found: &DeviceRules) -> Option<String> {
    /// How many are named.
    const FEW: usize = 4;
    if *found == DeviceRules::allow_all() && wanted.normal() != *found {
        return Some("systemd has not set it: the group may use every device".to_owned());
    }
    let (wanted, found) = (Table::of(wanted), Table::of(found));
    let named = |devices: Vec<Devices>, what: &str| {
        let each: Vec<String> = devices.iter().take(FEW).map(|devices| format!("\"{devices}\"")).collect();
        let more = if devices.len() > FEW { " and others" } else { "" };
        (!each.is_empty()).then(|| format!("{}{more} {what}", each.join(", ")))
    };
    let both = [named(wanted.beyond(&found), "allowed and not asked for"), named(found.beyond(&wanted), "not allowed")];
    let both: Vec<String> = both.into_iter().flatten().collect();
    (!both.is_empty()).then(|| format!("systemd has not set all of it: {}", both.join("; ")))
}

/// Whether a file says what the limit does.
fn holds(setting: &Setting, version: Version, text: &str) -> bool {
    let wanted = setting.line(version);
    let limit = |text: &str| text.trim().parse::<u64>().map_or(Max::Unlimited, Max::Limit);
    match (&setting.value, &setting.of) {
        // The kernel says nothing of a device without a limit.
        (Limit::Amount(Max::Unlimited) | Limit::Count(Max::Unlimited) | Limit::Time(Max::Unlimited), Some(_)) => true,
        (_, Some(device)) => line_of(text, device)
            .is_some_and(|line| wanted.split(' ').all(|word| line.split(' ').any(|found| found == word))),
        (Limit::Quota(quota), None) => of_quota(*quota, text),
        (Limit::Amount(max), None) => match (max.limit().map(Bytes::as_u64), limit(text)) {
            (Some(wanted), Max::Limit(found)) if wanted < ENDLESS => found <= wanted && wanted - found < PAGE,
            (wanted, found) => {
                wanted.is_none_or(|wanted| wanted >= ENDLESS) && found.limit().is_none_or(|found| found >= ENDLESS)
            }
        },
        (Limit::List(list), None) => text.trim().parse::<IdList>().is_ok_and(|found| found == *list),
        _ => text.lines().any(|line| line.trim() == wanted),
    }
}

/// What a file with a line for each says of a device.
fn line_of<'a>(text: &'a str, device: &str) -> Option<&'a str> {
    text.lines().find(|line| line.split(' ').next() == Some(device))
}

/// systemd may take another period, and gives as much of each, to a hundredth.
fn of_quota(wanted: Quota, text: &str) -> bool {
    let mut words = text.split_whitespace().map(str::parse::<u128>);
    let Some(time) = wanted.time().limit() else { return matches!(words.next(), Some(Err(_))) };
    let (Some(Ok(found)), Some(Ok(period))) = (words.next(), words.next()) else { return false };
    let (wanted, found) =
        (u128::from(time.as_u64()).saturating_mul(period), found.saturating_mul(wanted.period().as_u64().into()));
    wanted.abs_diff(found).saturating_mul(100) <= wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::value::{DeviceNumber, MIB, Micros, Weight};

    #[test]
    fn device_rules_are_compared_one_by_one() {
        let rules = |text: &str| text.parse::<DeviceRules>().unwrap();
        let wanted = rules("deny a; allow c *:* m; allow c 1:3 rw; allow c 136:* rwm");
        assert_eq!(differences(&wanted, &wanted.normal()), None);
        let less = rules("deny a; allow c *:* m; allow c 136:* rwm");
        assert_eq!(differences(&wanted, &less).unwrap(), "systemd has not set all of it: \"c 1:3 rw\" not allowed");
        let other = rules("deny a; allow c *:* m; allow c 1:3 rw; allow c 136:* r; allow b 8:* r");
        assert_eq!(
            differences(&wanted, &other).unwrap(),
            "systemd has not set all of it: \"b 8:* r\" allowed and not asked for; \"c 136:* w\" not allowed"
        );
        let all = DeviceRules::allow_all();
        assert!(differences(&wanted, &all).unwrap().contains("every device"));
        assert!(differences(&all, &wanted).unwrap().contains("not allowed"));
        assert_eq!(differences(&all, &all), None);
    }

    #[test]
    fn a_limit_is_had_where_the_file_says_the_same() {
        let disk = |bytes: Option<u64>| {
            let max = bytes.map_or(Max::Unlimited, |bytes| Max::Limit(Bytes::new(bytes)));
            Limits::new().device(DeviceNumber::new(8, 0), |disk| disk.read_bytes = Some(max))
        };
        let quota = |time: u64, period: u64| Limits::new().cpu(Quota::new(Micros::new(time), Micros::new(period)));
        let odd = Limits::new().memory_max(Bytes::new((64 << 20) + 77));
        let (v1, v2) = (Version::V1, Version::V2);
        let cases = [
            (Limits::new().pids_max(7), v2, "7\n", "max\n"),
            (Limits::new().pids_max(Max::Unlimited), v2, "max\n", "7\n"),
            (Limits::new().memory_max(64 * MIB), v2, "67108864\n", "max\n"),
            (odd, v1, "67108864\n", "67174400\n"),
            (Limits::new().memory_high(Max::Unlimited), v2, "max\n", "67108864\n"),
            (Limits::new().memory_max(Max::Unlimited), v1, "9223372036854771712\n", "67108864\n"),
            (quota(25_000, 50_000), v2, "50000 100000\n", "25000 100000\n"),
            (quota(25_000, 50_000), v1, "25000 50000", "-1 100000"),
            (Limits::new().cpu(Quota::UNLIMITED), v2, "max 100000\n", "50000 100000\n"),
            (Limits::new().cpu(Quota::UNLIMITED), v1, "-1 100000", "50000 100000"),
            (Limits::new().cpu_weight(Weight::new(50)), v2, "50\n", "100\n"),
            (Limits::new().io_weight(Weight::new(20)), v2, "default 20\n8:0 30\n", "default 100\n"),
            (Limits::new().cpus("0,2-3".parse().unwrap()), v2, "0,2-3\n", "\n"),
            (disk(Some(9)), v2, "8:0 rbps=9 wbps=max riops=max wiops=max\n", "8:0 rbps=8 wbps=9 riops=max wiops=max\n"),
            (disk(Some(9)), v1, "8:16 7\n8:0 9\n", "8:16 9\n"),
        ];
        for (limits, version, had, not) in cases {
            let [setting] = &limits.settings()[..] else { panic!("{limits:?}") };
            assert!(holds(setting, version, had), "{}: {had:?}", setting.place());
            assert!(!holds(setting, version, not), "{}: {not:?}", setting.place());
        }
        assert!(holds(&disk(None).settings()[0], v2, ""));
    }
}
