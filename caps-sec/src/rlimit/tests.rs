// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of the values: names and numbers against libc's, texts, problems.

use std::error::Error as _;

use proptest::prelude::*;

use super::{Limit, Resource, Rlimit};

#[test]
fn the_numbers_are_those_of_libc() {
    let libcs = [
        (Resource::Cpu, libc::RLIMIT_CPU),
        (Resource::Fsize, libc::RLIMIT_FSIZE),
        (Resource::Data, libc::RLIMIT_DATA),
        (Resource::Stack, libc::RLIMIT_STACK),
        (Resource::Core, libc::RLIMIT_CORE),
        (Resource::Rss, libc::RLIMIT_RSS),
        (Resource::Nproc, libc::RLIMIT_NPROC),
        (Resource::Nofile, libc::RLIMIT_NOFILE),
        (Resource::Memlock, libc::RLIMIT_MEMLOCK),
        (Resource::As, libc::RLIMIT_AS),
        (Resource::Locks, libc::RLIMIT_LOCKS),
        (Resource::Sigpending, libc::RLIMIT_SIGPENDING),
        (Resource::Msgqueue, libc::RLIMIT_MSGQUEUE),
        (Resource::Nice, libc::RLIMIT_NICE),
        (Resource::Rtprio, libc::RLIMIT_RTPRIO),
        (Resource::Rttime, libc::RLIMIT_RTTIME),
    ];
    assert_eq!(libcs.map(|(resource, _)| resource), Resource::ALL);
    for (resource, number) in libcs {
        assert_eq!(resource.number(), number, "{resource}");
        assert_eq!(Resource::from_number(number), Some(resource));
    }
    assert_eq!(Resource::from_number(16), None);
    assert_eq!(Limit::UNLIMITED.to_kernel(), libc::RLIM64_INFINITY);
}

#[test]
fn every_resource_is_read_by_both_names_and_named_after_its_variant() {
    for resource in Resource::ALL {
        for text in [resource.name(), resource.kernel_name(), &resource.name().to_uppercase()] {
            assert_eq!(text.parse::<Resource>().unwrap(), resource, "{text}");
        }
        assert_eq!(format!("{resource:?}").to_lowercase(), resource.name());
        assert_eq!(resource.kernel_name(), format!("RLIMIT_{}", resource.name().to_uppercase()));
    }
    let error = "files".parse::<Resource>().unwrap_err();
    assert_eq!(
        error.source().unwrap().to_string(),
        "\"files\" is none of cpu, fsize, data, stack, core, rss, nproc, nofile, memlock, as, locks, sigpending, msgqueue, \
         nice, rtprio, rttime"
    );
}

#[test]
fn a_limit_is_a_number_or_none() {
    for text in ["unlimited", "infinity", "-1", "18446744073709551615"] {
        assert_eq!(text.parse::<Limit>().unwrap(), Limit::UNLIMITED);
    }
    for text in ["", "+1", "-2", "1k", " 1", "18446744073709551616"] {
        assert!(text.parse::<Limit>().is_err(), "{text:?}");
    }
    assert!(Limit::new(u64::MAX - 1) < Limit::UNLIMITED);
    assert_eq!((Limit::UNLIMITED.value(), Limit::new(0).value()), (None, Some(0)));
}

#[test]
fn a_soft_limit_above_the_hard_one_is_a_problem() {
    let said = ["core: the soft limit unlimited is above the hard limit 5"];
    assert_eq!(Rlimit::new(Resource::Core, Limit::UNLIMITED, 5).problems(), said);
    assert!(Rlimit::new(Resource::Core, 5, Limit::UNLIMITED).problems().is_empty());
    assert!(Rlimit::both(Resource::Core, 5).problems().is_empty());
    let error = Rlimit::new(Resource::Core, 6, 5).apply_to(1).unwrap_err();
    assert_eq!(error.to_string(), "cannot limit core of process 1");
    assert_eq!(error.problems(), ["core: the soft limit 6 is above the hard limit 5"]);
}

#[test]
fn a_text_that_is_no_limit_says_why() {
    for (text, said) in [
        ("nofile", "\"nofile\" is not a resource, \"=\" and its limits, such as nofile=1024:4096"),
        ("nofile=", "\"\" is no limit: it is a number from 0 to 18446744073709551614, or \"unlimited\""),
        ("nofile=1:2:3", "\"2:3\" is no limit: it is a number from 0 to 18446744073709551614, or \"unlimited\""),
    ] {
        assert_eq!(text.parse::<Rlimit>().unwrap_err().problems(), [said]);
    }
}

fn any_rlimit() -> impl Strategy<Value = Rlimit> {
    let limit = prop_oneof![any::<u64>(), Just(u64::MAX), 0..3_u64];
    (0..16_usize, limit.clone(), limit).prop_map(|(at, soft, hard)| Rlimit::new(Resource::ALL[at], soft, hard))
}

proptest! {
    #[test]
    fn a_resource_limit_is_its_text(rlimit in any_rlimit()) {
        prop_assert_eq!(rlimit.to_string().parse::<Rlimit>().unwrap(), rlimit);
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_resource_limit_is_its_json(rlimit in any_rlimit()) {
        let json = serde_json::to_string(&rlimit).unwrap();
        prop_assert_eq!(serde_json::from_str::<Rlimit>(&json).unwrap(), rlimit);
    }
}

#[cfg(feature = "serde")]
#[test]
fn serde_reads_oci_s_names_and_words_for_no_limit() {
    let json = serde_json::json!({"resource": "RLIMIT_NOFILE", "soft": 5, "hard": "infinity"});
    let rlimit: Rlimit = serde_json::from_value(json).unwrap();
    assert_eq!(rlimit, Rlimit::new(Resource::Nofile, 5, Limit::UNLIMITED));
    let json = serde_json::json!({"resource": "nofile", "soft": 5, "hard": "unlimited"});
    assert_eq!(serde_json::to_value(rlimit).unwrap(), json);
    assert!(serde_json::from_str::<Rlimit>("{\"resource\": \"files\", \"soft\": 1, \"hard\": 1}").is_err());
    assert!(serde_json::from_str::<Limit>("\"much\"").is_err());
}
