// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of values: what is read, what is written, what is refused.

use std::error::Error as _;

use proptest::prelude::*;

use super::{
    Bytes, DeviceNumber, GIB, IdList, KIB, MIB, Max, Micros, Partition, PartitionState, Percent, Quota, Weight,
};

fn cause(error: &crate::Error) -> String {
    error.source().unwrap().to_string()
}

#[test]
fn bytes_are_read_as_people_write_them() {
    let table: [(&str, u64); 14] = [
        ("0", 0),
        ("4096", 4096),
        (" 4096\n", 4096),
        ("512B", 512),
        ("1K", 1 << 10),
        ("1k", 1 << 10),
        ("512M", 512 << 20),
        ("512MB", 512 << 20),
        ("512 MiB", 512 << 20),
        ("512mib", 512 << 20),
        ("3G", 3 << 30),
        ("2T", 2 << 40),
        ("15E", 15 << 60),
        ("18446744073709551615", u64::MAX),
    ];
    for (text, bytes) in table {
        assert_eq!(text.parse::<Bytes>().unwrap(), Bytes::new(bytes), "{text}");
    }
    for text in ["", "M", "-1", "+1", "1.5G", "5 12M", "512X", "512MBs", "512BB", "1 K iB", "0x10", "max", "５"] {
        let error = text.parse::<Bytes>().unwrap_err();
        assert!(cause(&error).contains("is not an amount of memory"), "{text}: {}", cause(&error));
    }
    for text in ["16E", "18446744073709551615K"] {
        assert!(cause(&text.parse::<Bytes>().unwrap_err()).contains("more than 2⁶⁴ bytes"), "{text}");
    }
}

#[test]
fn bytes_are_said_as_people_say_them() {
    let table = [
        (Bytes::new(0), "0 bytes"),
        (Bytes::new(1), "1 byte"),
        (Bytes::new(1023), "1023 bytes"),
        (KIB, "1 KiB"),
        (Bytes::new(1536), "1.5 KiB"),
        (512 * MIB, "512 MiB"),
        (1535 * MIB, "1.4 GiB"),
        (GIB, "1 GiB"),
        (Bytes::new(u64::MAX), "15.9 EiB"),
    ];
    for (bytes, said) in table {
        assert_eq!(bytes.human().to_string(), said);
    }
    assert_eq!((u64::MAX * MIB).as_u64(), u64::MAX);
}

#[test]
fn a_quota_is_processors_thousandths_or_the_kernels_text() {
    let table = [
        ("1.5", Quota::millicpus(1500)),
        ("2", Quota::millicpus(2000)),
        ("0.25", Quota::millicpus(250)),
        ("0.001", Quota::millicpus(1)),
        ("1500m", Quota::millicpus(1500)),
        ("max", Quota::UNLIMITED),
        ("150000 100000", Quota::millicpus(1500)),
        ("max 100000", Quota::UNLIMITED),
        ("2000 1000\n", Quota::new(Micros::new(2000), Micros::from_millis(1))),
    ];
    for (text, quota) in table {
        assert_eq!(text.parse::<Quota>().unwrap(), quota, "{text}");
    }
    assert_eq!(Quota::millicpus(1500).to_string(), "150000 100000");
    assert_eq!(Quota::UNLIMITED.to_string(), "max 100000");
    for text in ["", "1.", ".5", "1.2345", "-1", "1,5", "m", "1.5m", "max max", "1 2 3", "99999999999999999999"] {
        let error = text.parse::<Quota>().unwrap_err();
        assert!(cause(&error).contains("is not a quota"), "{text}: {}", cause(&error));
    }
}

#[test]
fn a_limit_may_be_none() {
    assert_eq!("max".parse::<Max<Bytes>>().unwrap(), Max::Unlimited);
    assert_eq!("64M".parse::<Max<Bytes>>().unwrap(), Max::Limit(64 * MIB));
    assert_eq!(Max::from(64 * MIB).to_string(), "67108864");
    assert_eq!(Max::<Bytes>::Unlimited.to_string(), "max");
    assert_eq!("250".parse::<Weight>().unwrap(), Weight::new(250));
    assert!("max".parse::<Weight>().is_err());
}

#[test]
fn a_list_is_kept_in_order_and_without_overlaps() {
    let table = [
        ("", ""),
        ("0", "0"),
        ("0-3,7", "0-3,7"),
        ("7,0-3", "0-3,7"),
        ("0-3,2-5,6", "0-6"),
        ("1,1,1", "1"),
        ("0-8191\n", "0-8191"),
    ];
    for (text, printed) in table {
        assert_eq!(text.parse::<IdList>().unwrap().to_string(), printed, "{text}");
    }
    for text in [",", "0,", "3-1", "a", "0-", "-3", "8192", "0 1", "0-3:1/2"] {
        assert!(text.parse::<IdList>().is_err(), "{text}");
    }
    assert_eq!(IdList::from_iter([3, 1, 2, 9]).to_string(), "1-3,9");
    assert!(IdList::from_iter([5]).contains(5) && !IdList::from_iter([5]).contains(4));
}

#[test]
fn numbers_of_devices_percentages_and_partitions_are_the_kernels_text() {
    assert_eq!("8:0".parse::<DeviceNumber>().unwrap(), DeviceNumber::new(8, 0));
    for text in ["", ":", "8", "8:", ":0", "8:0:0", "sda", "-1:0", "4294967296:0"] {
        assert!(cause(&text.parse::<DeviceNumber>().unwrap_err()).contains("is not the numbers of a device"), "{text}");
    }
    for (text, hundredths) in [("0", 0), ("12.34", 1234), ("12.3", 1230), ("100.00", 10_000)] {
        assert_eq!(text.parse::<Percent>().unwrap(), Percent::from_hundredths(hundredths));
    }
    for text in ["", "1.234", "-1", "max", "12,5"] {
        assert!(cause(&text.parse::<Percent>().unwrap_err()).contains("is not a percentage"), "{text}");
    }
    for partition in [Partition::Member, Partition::Root, Partition::Isolated] {
        assert_eq!(partition.to_string().parse::<Partition>().unwrap(), partition);
        let state: PartitionState = format!("{partition}\n").parse().unwrap();
        assert_eq!((state.partition, state.invalid), (partition, None));
    }
    let state: PartitionState = "root invalid (Cpu list in cpuset.cpus not exclusive)\n".parse().unwrap();
    assert_eq!(state.invalid.as_deref(), Some("Cpu list in cpuset.cpus not exclusive"));
    assert_eq!("isolated invalid".parse::<PartitionState>().unwrap().invalid.as_deref(), Some(""));
    assert!("Root".parse::<PartitionState>().is_err());
}

proptest! {
    #[test]
    fn a_device_and_a_percentage_read_what_they_write(major in any::<u32>(), minor in any::<u32>(), part in any::<u32>()) {
        let device = DeviceNumber::new(major, minor);
        prop_assert_eq!(device.to_string().parse::<DeviceNumber>().unwrap(), device);
        let percent = Percent::from_hundredths(part);
        prop_assert_eq!(percent.to_string().parse::<Percent>().unwrap(), percent);
    }

    #[test]
    fn every_value_reads_what_it_writes(bytes in any::<u64>(), weight in any::<u32>(), time in any::<u64>(), period in any::<u64>()) {
        prop_assert_eq!(Bytes::new(bytes).to_string().parse::<Bytes>().unwrap(), Bytes::new(bytes));
        prop_assert_eq!(Weight::new(weight).to_string().parse::<Weight>().unwrap(), Weight::new(weight));
        let quota = Quota::new(Micros::new(time), Micros::new(period));
        prop_assert_eq!(quota.to_string().parse::<Quota>().unwrap(), quota);
    }

    #[test]
    fn a_list_holds_what_a_set_holds(numbers in proptest::collection::btree_set(0_u32..64, 0..20)) {
        let list = IdList::from_iter(numbers.iter().copied());
        prop_assert!((0..70).all(|number| list.contains(number) == numbers.contains(&number)));
        prop_assert_eq!(list.to_string().parse::<IdList>().unwrap(), list);
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in ".{0,40}") {
        let _ = (text.parse::<Bytes>().is_ok(), text.parse::<Max<Bytes>>().is_ok(), text.parse::<Quota>().is_ok());
        let _ = (text.parse::<DeviceNumber>().is_ok(), text.parse::<Percent>().is_ok());
        let _ = (text.parse::<PartitionState>().is_ok(), Max::<Percent>::Unlimited);
        let _ = (text.parse::<Weight>().is_ok(), text.parse::<IdList>().is_ok(), text.parse::<Micros>().is_ok());
    }
}

#[cfg(feature = "serde")]
#[test]
fn serde_writes_numbers_and_reads_texts_too() {
    use serde_json::{from_value, json, to_value};

    assert_eq!(to_value(512 * MIB).unwrap(), json!(536_870_912));
    assert_eq!(to_value(Max::Limit(MIB)).unwrap(), json!(1_048_576));
    assert_eq!(to_value(Max::<u64>::Unlimited).unwrap(), json!("max"));
    assert_eq!(to_value(Quota::millicpus(1500)).unwrap(), json!("150000 100000"));
    assert_eq!(to_value(IdList::from_iter([0, 1, 7])).unwrap(), json!("0-1,7"));
    assert_eq!(from_value::<Bytes>(json!("512M")).unwrap(), 512 * MIB);
    assert_eq!(from_value::<Max<Bytes>>(json!("512M")).unwrap(), Max::Limit(512 * MIB));
    assert_eq!(from_value::<Max<Bytes>>(json!("max")).unwrap(), Max::Unlimited);
    assert_eq!(from_value::<Max<u64>>(json!(128)).unwrap(), Max::Limit(128));
    assert_eq!(from_value::<Quota>(json!("1.5")).unwrap(), Quota::millicpus(1500));
    assert_eq!(from_value::<Weight>(json!(100)).unwrap(), Weight::DEFAULT);
    let error = from_value::<Max<Bytes>>(json!("much")).unwrap_err().to_string();
    assert!(error.contains("\"much\" is not an amount of memory"), "{error}");
    assert!(from_value::<Quota>(json!(1.5)).is_err());
    assert!(from_value::<Bytes>(json!(-1)).is_err());
    // A number is no more than a text of it.
    assert_eq!(from_value::<IdList>(json!(8191)).unwrap(), IdList::from_iter([8191]));
    let error = from_value::<IdList>(json!(u32::MAX)).unwrap_err().to_string();
    assert!(error.contains("a number below 8192"), "{error}");
}
