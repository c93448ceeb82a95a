// SPDX-License-Identifier: MIT OR Apache-2.0
//! Limits as properties, and descriptions that make no sense.

use crate::devices::{DeviceRules, Devices};
use crate::layout::Version;
use crate::limits::Limits;
use crate::systemd::dbus::Value;
use crate::systemd::properties::{NAMES, Properties, of};
use crate::systemd::spec::UnitSpec;
use crate::systemd::unit;
use crate::systemd::words::{Dependency, Property};
use crate::value::{DeviceNumber, MIB, Max, Micros, Quota, Weight};

/// The properties of limits, a line each, and what has none.
fn told(limits: &Limits, hierarchy: Version, systemd: u32) -> Vec<String> {
    let (mut properties, mut rest) = (Properties::default(), Vec::new());
    for setting in limits.settings() {
        match of(&setting, hierarchy, systemd) {
            Some(found) => found.into_iter().for_each(|(name, value)| properties.push(name, value)),
            None => rest.push(format!("not {}", setting.place())),
        }
    }
    assert!(properties.0.iter().all(|(name, _)| NAMES.contains(&name.as_str())));
    let shown = properties.0.iter().map(|(name, value)| format!("{name} {} {}", value.signature(), plain(value)));
    shown.chain(rest).collect()
}

fn plain(value: &Value) -> String {
    match value {
        Value::Byte(value) => value.to_string(),
        Value::Flag(value) => value.to_string(),
        Value::U64(value) => value.to_string(),
        Value::Text(text) => text.clone(),
        Value::Array(_, values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Structure(values) => values.iter().map(plain).collect::<Vec<_>>().join(" "),
        other => panic!("{other:?}"),
    }
}

fn most() -> Limits {
    let mut limits = Limits::new()
        .memory_max(64 * MIB)
        .memory_high(Max::Unlimited)
        .memory_low(2 * MIB)
        .memory_min(MIB)
        .swap_max(3 * MIB)
        .pids_max(7)
        .cpu(Quota::new(Micros::new(1_000), Micros::new(7_000)))
        .cpu_weight(Weight::new(50))
        .cpus("0,9-10".parse().unwrap())
        .mems("0".parse().unwrap())
        .io_weight(Weight::new(20))
        .device(DeviceNumber::new(8, 0), |disk| {
            disk.read_bytes = Some((10 * MIB).into());
            disk.writes = Some(Max::Unlimited);
        })
        .device(DeviceNumber::new(8, 16), |disk| disk.read_bytes = Some(MIB.into()));
    limits.memory.oom_group = Some(true);
    limits
}

#[test]
fn limits_are_the_properties_that_systemd_has_for_them() {
    let expected = [
        "CPUQuotaPerSecUSec t 142858",
        "CPUQuotaPeriodUSec t 7000",
        "CPUWeight t 50",
        "AllowedMemoryNodes ay 1",
        "AllowedCPUs ay 1, 6",
        "MemoryMin t 1048576",
        "MemoryLow t 2097152",
        "MemoryHigh t 18446744073709551615",
        "MemoryMax t 67108864",
        "MemorySwapMax t 3145728",
        "IOWeight t 20",
        "IOReadBandwidthMax a(st) /dev/block/8:0 10485760, /dev/block/8:16 1048576",
        "IOWriteIOPSMax a(st) /dev/block/8:0 18446744073709551615",
        "TasksMax t 7",
        "not memory.oom_group",
    ];
    assert_eq!(told(&most(), Version::V2, 252), expected);
}

#[test]
fn an_older_systemd_and_version_1_have_fewer() {
    let older = told(&most(), Version::V2, 239);
    for missing in ["not cpu.quota", "not cpuset.cpus", "not memory.min"] {
        assert!(older.contains(&missing.to_owned()), "{missing}: {older:?}");
    }
    let v1 = told(&most(), Version::V1, 252);
    assert!(v1.contains(&format!("CPUShares t {}", Weight::new(50).shares())), "{v1:?}");
    for missing in ["cpuset.cpus", "memory.low", "memory.swap", "io.weight", "io.devices.8:0.writes"] {
        assert!(v1.contains(&format!("not {missing}")), "{missing}: {v1:?}");
    }
    assert_eq!(
        told(&Limits::new().cpu(Quota::UNLIMITED), Version::V2, 230),
        ["CPUQuotaPerSecUSec t 18446744073709551615"]
    );
    assert_eq!(told(&Limits::new().cpu(Quota::millicpus(1500)), Version::V2, 230), ["CPUQuotaPerSecUSec t 1500000"]);
    // Always with the period: systemd keeps the last.
    let quota = told(&Limits::new().cpu(Quota::millicpus(10)), Version::V2, 252);
    assert_eq!(quota, ["CPUQuotaPerSecUSec t 10000", "CPUQuotaPeriodUSec t 100000"]);
    assert_eq!(told(&Limits::new().cpu(Quota::millicpus(9)), Version::V2, 252), ["not cpu.quota"]);
}

#[test]
fn device_rules_are_a_list_of_what_is_allowed_or_none_of_systemd_s() {
    let of = |rules: DeviceRules| told(&Limits::new().devices(rules), Version::V2, 252);
    let standard = of(DeviceRules::standard());
    assert_eq!(standard[0], "DevicePolicy s strict");
    // What was in the list before is forgotten first.
    assert_eq!(standard[1], "DeviceAllow a(ss) ");
    for line in ["char-* m", "block-* m", "/dev/char/1:3 rwm", "char-136 rwm"] {
        assert!(standard[2].contains(line), "{line}: {standard:?}");
    }
    assert_eq!(of(DeviceRules::allow_all()), ["DevicePolicy s auto", "DeviceAllow a(ss) "]);
    assert_eq!(of(DeviceRules::deny_all()), ["DevicePolicy s strict", "DeviceAllow a(ss) "]);
    for beyond in [
        DeviceRules::allow_all().deny(Devices::char(1, 3)),
        DeviceRules::deny_all().allow(Devices::char(1, None)).deny(Devices::char(1, 3)),
        DeviceRules::deny_all().allow(Devices::char(None, 3)),
    ] {
        assert_eq!(of(beyond.clone()), ["not devices"], "{beyond}");
    }
}

#[test]
fn every_problem_of_a_description_is_told_at_once() {
    let mut limits = Limits::new().pids_max(0);
    limits.memory.oom_group = Some(true);
    let spec = UnitSpec::new("we b.scope")
        .slice("web.scope")
        .description("two\nlines")
        .dependency(Dependency::BindsTo, "nothing")
        .process(0)
        .limits(limits)
        .property("MemoryMax", Property::U64(1))
        .property("a b", Property::Text("\0".into()));
    let expected = [
        "name \"we b.scope\" has ' ' in it: names of units are of letters, digits and \":-_.\\@\"",
        "slice \"web.scope\" is no slice",
        "processes 0 is no process",
        "description is not one line of text",
        "dependencies.BindsTo \"nothing\" does not end in what the unit is, such as .scope or .slice",
        "properties.\"MemoryMax\" has a place of its own in this description",
        "properties.\"a b\" is no name of a property",
        "properties.\"a b\" has a NUL byte in it",
        "limits.pids.max 0 lets no process start",
        "limits.memory.oom_group is none that systemd sets: we can, where the unit is delegated to us",
    ];
    assert_eq!(spec.problems(), expected);
    let spec = UnitSpec::new("web.scope").process(1);
    let spec = spec.property("DelegateControllers", Property::Texts(vec!["pids".into()]));
    assert!(spec.problems().is_empty(), "{:?}", spec.problems());
    let slice = UnitSpec::new("a-b.slice").slice("c.slice").process(1).delegate().problems();
    assert_eq!(slice.len(), 3, "{slice:?}");
    assert_eq!(UnitSpec::new("web.scope").problems().len(), 1);
    assert!(UnitSpec::new("web.slice").problems().is_empty());
}

#[cfg(feature = "serde")]
#[test]
fn a_group_is_looked_for_in_the_part_of_each_hierarchy_that_is_seen() {
    let hierarchy = |version: &str, controllers: &str, point: &str, root: &str| {
        format!(
            "{{\"version\": \"{version}\", \"name\": null, \"controllers\": [{controllers}], \"mount_point\": \"{point}\", \
             \"mount_root\": \"{root}\", \"own\": null, \"access\": \"writable\"}}"
        )
    };
    let layout = |all: &[String]| -> crate::layout::Layout {
        serde_json::from_str(&format!("{{\"hierarchies\": [{}]}}", all.join(", "))).unwrap()
    };
    let path = std::path::Path::new("/a.slice/web.scope");
    let look = |all: &[String]| -> Vec<String> {
        let layout = layout(all);
        let found = unit::directories(&layout, path, |found| unit::has_groups(&layout, found));
        found.iter().map(|found| found.display().to_string()).collect()
    };
    let v2 = |root| hierarchy("v2", "", "/cg/v2", root);
    let v1 = |root| hierarchy("v1", "\"pids\"", "/cg/pids", root);
    assert_eq!(look(&[v2("/"), v1("/")]), ["/cg/v2/a.slice/web.scope", "/cg/pids/a.slice/web.scope"]);
    assert_eq!(look(&[v2("/a.slice"), v1("/")]), ["/cg/v2/web.scope", "/cg/pids/a.slice/web.scope"]);
    assert_eq!(look(&[v1("/a.slice")]), ["/cg/pids/web.scope"]);
    // One of the same name elsewhere is another.
    for elsewhere in ["/b.slice", "/..", "/a.slice/web.scope", "/a.slice/web.scope/inner"] {
        assert_eq!(look(&[v2(elsewhere), v1(elsewhere)]), [""; 0], "{elsewhere}");
    }
}

#[cfg(feature = "serde")]
#[test]
fn a_description_is_text_both_ways() {
    let spec = UnitSpec::new("web.scope")
        .process(7)
        .limits(Limits::new().memory_max(MIB))
        .stop_timeout(std::time::Duration::from_secs(1))
        .dependency(Dependency::PartOf, "a.target")
        .property("X", Property::Amounts(vec![("a".into(), 1)]));
    let text = serde_json::to_string(&spec).unwrap();
    assert_eq!(serde_json::from_str::<UnitSpec>(&text).unwrap(), spec);
    let short = "{\"name\": \"web-1.scope\", \"processes\": [4711], \"limits\": {\"pids\": {\"max\": 100}}}";
    let spec: UnitSpec = serde_json::from_str(short).unwrap();
    assert_eq!(spec, UnitSpec::new("web-1.scope").process(4711).limits(Limits::new().pids_max(100)));
    assert!(serde_json::from_str::<UnitSpec>("{\"nmae\": \"web.scope\"}").is_err());
}
