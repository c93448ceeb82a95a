// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lines of io.cost: there and back, of a kernel, and of garbage.

use proptest::prelude::*;

use super::{IoCostControl, IoCostModel, IoCostQos};
use crate::value::{DeviceNumber, Micros, Percent};

proptest! {
    #[test]
    fn what_is_written_is_read_as_the_same(
        device in any::<(u32, u32)>(), (enable, user) in any::<(bool, bool)>(),
        percents in any::<[u32; 4]>(), times in any::<[u64; 2]>(), numbers in any::<[u64; 6]>(),
    ) {
        let device = DeviceNumber::new(device.0, device.1);
        let control = if user { IoCostControl::User } else { IoCostControl::Auto };
        let [read_percent, write_percent, min, max] = percents.map(Percent::from_hundredths);
        let [read_latency, write_latency] = times.map(Micros::new);
        let qos = IoCostQos {
            device, enable, control, read_percent, read_latency, write_percent, write_latency, min, max,
        };
        prop_assert_eq!(qos.to_string().parse::<IoCostQos>().unwrap(), qos);
        let [read_bytes, sequential_reads, random_reads, write_bytes, sequential_writes, random_writes] = numbers;
        let model = IoCostModel {
            device, control, read_bytes, sequential_reads, random_reads, write_bytes, sequential_writes, random_writes,
        };
        prop_assert_eq!(model.to_string().parse::<IoCostModel>().unwrap(), model);
        // The user's numbers are written, those of the kernel are not.
        prop_assert_eq!(qos.line().contains("min="), user);
        prop_assert_eq!(model.line().contains("rbps="), user);
    }

    #[test]
    fn garbage_is_an_error(text in "[0-9a-z:=. ]{0,60}") {
        let _read = (text.parse::<IoCostQos>(), text.parse::<IoCostModel>());
    }
}

#[test]
fn the_lines_of_the_kernel_are_read_and_others_are_not() {
    const LINE: &str = "8:16 enable=1 ctrl=auto rpct=95.00 rlat=75000 wpct=95.00 wlat=150000 min=50.00 max=150.00";
    let qos: IoCostQos = LINE.parse().unwrap();
    assert_eq!((qos.to_string(), qos.line()), (LINE.to_owned(), "8:16 enable=1 ctrl=auto".to_owned()));
    assert!(qos.problems().is_empty() && qos.enable);
    let bad = [
        ("8:16", "has no enable="),
        ("x enable=1", "begin with the numbers"),
        ("8:16 enable", "\"enable\" without a value"),
        ("8:16 zz=1", "\"zz\", which is unknown"),
        ("8:16 enable=1 enable=1", "there twice"),
    ];
    for (text, why) in bad {
        let error = text.parse::<IoCostQos>().unwrap_err();
        assert!(error.problems()[0].contains(why), "{error:?}");
    }
    assert!(LINE.replace("enable=1", "enable=2").parse::<IoCostQos>().is_err());
    let model = "8:16 ctrl=user model=linear rbps=9 rseqiops=8 rrandiops=7 wbps=6 wseqiops=5 wrandiops=4";
    assert_eq!(model.parse::<IoCostModel>().unwrap().line(), model);
    assert!(model.replace("linear", "other").parse::<IoCostModel>().is_err());
    let qos = IoCostQos { min: Percent::default(), read_percent: Percent::from_hundredths(10_001), ..qos };
    assert_eq!(qos.problems(), ["read_percent 100.01 is more than 100.00", "min 0.00 gives nothing away"]);
    let model = IoCostModel { random_writes: 0, ..model.parse().unwrap() };
    assert_eq!(model.problems(), ["random_writes 0 in a second is what no device does"]);
}
