// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of names and texts; nothing here asks the kernel.

use proptest::prelude::*;

use super::name::FileName;
use super::on_v2::throttles;
use super::{
    AMOUNTS, RENAMED, SAME_LIMITS, THROTTLES, USED, amount, amounts, io_max_keys, of_device, renamed, translated,
};
use crate::controller::Controller;
use crate::layout::Version;
use crate::value::{DeviceNumber, Max};

#[test]
fn a_name_is_that_of_a_file_in_the_group_and_of_a_controller() {
    let good = [
        ("memory.max", Some(Controller::Memory)),
        ("blkio.throttle.read_bps_device", Some(Controller::Io)),
        ("hugetlb.2MB.rsvd.max", Some(Controller::Hugetlb)),
        ("net_cls.classid", Some(Controller::NetCls)),
        ("cgroup.max.depth", None),
        ("irq.pressure", None),
        ("tasks", None),
    ];
    for (name, controller) in good {
        assert_eq!(FileName::new("read", name).unwrap().controller(), controller, "{name}");
    }
    let bad = [
        ("", "\"\" is no control file: write the controller before the dot, as in memory.max"),
        ("../memory.max", "\"../memory.max\" has a slash in it: control files are those of the group itself"),
        ("memory.max/", "\"memory.max/\" has a slash in it: control files are those of the group itself"),
        ("..", "\"..\" is no name of a control file: those have letters, digits, dots and underscores"),
        (
            "memory.max\n",
            "\"memory.max\\n\" is no name of a control file: those have letters, digits, dots and underscores",
        ),
        ("memory", "\"memory\" is no control file: write the controller before the dot, as in memory.max"),
        ("passwd", "\"passwd\" is no control file: write the controller before the dot, as in memory.max"),
        ("foo.max", "\"foo.max\" is no control file: write the controller before the dot, as in memory.max"),
    ];
    for (name, problem) in bad {
        assert_eq!(FileName::new("read", name).unwrap_err().problems(), [problem]);
    }
}

#[test]
fn translated_names_are_good_names_and_lead_one_way_alone() {
    let pairs: Vec<_> = renamed().chain(amounts()).collect();
    assert_eq!(pairs.len(), RENAMED.len() + SAME_LIMITS.len() + AMOUNTS.len() + USED.len());
    for (v1, v2) in &pairs {
        let [one, other] = [v1, v2].map(|name| name.replace('*', "2MB"));
        assert!(FileName::new("read", &one).is_ok() && FileName::new("read", &other).is_ok());
        let both_ways = [(&one, Version::V2), (&other, Version::V1)]
            .map(|(name, version)| translated(renamed().chain(amounts()), name, version));
        assert_eq!(both_ways, [Some(other.clone()), Some(one.clone())]);
        assert_eq!(pairs.iter().filter(|(other, _)| other == v1 || other == v2).count(), 1, "{v1}");
        assert_eq!(pairs.iter().filter(|(_, other)| other == v1 || other == v2).count(), 1, "{v2}");
    }
    assert_eq!(io_max_keys().count(), THROTTLES.len());
    assert!(io_max_keys().all(|(_, name)| FileName::new("read", name).is_ok()));
}

#[test]
fn rates_of_devices_are_taken_apart() {
    let text = "8:0 rbps=1048576 wbps=max riops=100 wiops=max\n8:16 rbps=max wbps=7 riops=max wiops=max\n";
    assert_eq!(throttles(text, "rbps"), "8:0 1048576");
    assert_eq!(throttles(text, "wbps"), "8:16 7");
    assert_eq!(throttles(text, "wiops"), "");
    assert_eq!(of_device(" 8:0  77\n"), Some((DeviceNumber::new(8, 0), "77")));
    assert_eq!(translated(amounts(), "hugetlb.2MB.events.max", Version::V1), None);
    assert_eq!([of_device("8:0"), of_device("sda 1"), of_device("8: 1")], [None, None, None]);
    assert_eq!(amount("-1").unwrap(), Max::Unlimited);
    assert!(amount("-2").is_err());
}

proptest! {
    #[test]
    fn no_name_leads_out_of_the_group(name in "[a-z./\0]{0,12}") {
        if FileName::new("read", &name).is_ok() {
            prop_assert!(!name.contains('/') && !name.contains("..") && !name.contains('\0') && !name.is_empty());
        }
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in "[0-9: =a-z\n]{0,60}") {
        let _read = (throttles(&text, "rbps"), of_device(&text), amount(&text).is_ok());
    }
}
