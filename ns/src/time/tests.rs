// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of offsets: their text, what is refused, and what the kernel makes of them.

use proptest::prelude::*;

use super::*;

fn problems(text: &str) -> Vec<String> {
    text.parse::<TimeOffsets>().unwrap_err().problems().to_vec()
}

#[test]
fn the_kernel_s_own_text_is_read() {
    let text = "monotonic          -1 500000000\nboottime           10         0\n";
    let offsets: TimeOffsets = text.parse().unwrap();
    assert_eq!(offsets.monotonic, ClockOffset::behind(Duration::from_millis(500)));
    assert_eq!(offsets.boottime, ClockOffset::ahead(Duration::from_secs(10)));
    assert_eq!("7 10 0".parse::<TimeOffsets>().unwrap().boottime, offsets.boottime);
    assert_eq!("".parse::<TimeOffsets>().unwrap(), TimeOffsets::new());
}

#[test]
fn every_bad_line_is_named_with_its_column() {
    let said = [
        "line 1, column 1: \"realtime\" is none of monotonic, boottime",
        "line 2, column 11: \"+1\" is not a number of seconds",
        "line 3, column 10: the nanoseconds are missing",
        "line 5, column 14: \"5\" is more than a clock and two numbers",
    ];
    assert_eq!(problems("realtime 1 0\nmonotonic +1 0\nboottime \u{e4}\n\nboottime 1 0 5\n")[0], said[0]);
    assert_eq!(problems("realtime 1 0\nmonotonic +1 0\nboottime 1\n\nboottime 1 0 5\n")[1], said[1]);
    assert_eq!(problems("\n\nboottime 1")[0], "line 3, column 11: the nanoseconds are missing");
    assert_eq!(problems("\n\n\n\nboottime 1 0 5")[0], said[3]);
    assert_eq!(problems("boottime 1 -2")[0], "line 1, column 12: \"-2\" is not a number of nanoseconds");
    assert_eq!(problems("1 1 0\n1 2 0"), ["line 2, column 1: the clock has an offset in line 1 already"]);
}

#[test]
fn what_the_kernel_never_takes_is_refused_before() {
    let offsets =
        TimeOffsets::new().monotonic(ClockOffset::new(0, 1_000_000_000)).boottime(ClockOffset::behind(Duration::MAX));
    let said = offsets.problems();
    assert_eq!(said[0], "monotonic: 1000000000 nanoseconds are more than a second");
    assert!(said[1].starts_with("boottime: -") && said[1].ends_with("are more than 292 years"), "{said:?}");
    assert_eq!(TimeOffsets::new().boottime(ClockOffset::ahead(Duration::MAX)).problems().len(), 1);
}

#[test]
fn our_own_children_have_what_proc_says() {
    let text = std::fs::read_to_string("/proc/self/timens_offsets").unwrap();
    assert_eq!(TimeOffsets::current().unwrap(), text.parse().unwrap());
}

proptest! {
    #[test]
    fn offsets_survive_their_text(a: i64, b in 0..1_000_000_000_u32, c: i64, d in 0..1_000_000_000_u32) {
        let offsets = TimeOffsets::new().monotonic(ClockOffset::new(a, b)).boottime(ClockOffset::new(c, d));
        prop_assert_eq!(offsets.to_string().parse::<TimeOffsets>().unwrap(), offsets);
    }

    #[test]
    fn behind_is_the_negative_of_ahead(by in 0..FURTHEST.unsigned_abs(), nanos in 0..1_000_000_000_u32) {
        let whole = |offset: ClockOffset| i128::from(offset.seconds()) * NANOS + i128::from(offset.nanoseconds());
        let by = Duration::new(by, nanos);
        prop_assert_eq!(whole(ClockOffset::behind(by)), -whole(ClockOffset::ahead(by)));
    }
}

#[test]
fn a_process_that_has_ended_has_no_clocks() {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let directory = File::open(format!("/proc/{}", child.id())).unwrap();
    child.wait().unwrap();
    let errors = [TimeOffsets::of(&directory).unwrap_err(), TimeOffsets::new().write_to(&directory).unwrap_err()];
    for error in errors {
        assert_eq!((error.kind(), error.errno()), (ErrorKind::NotFound, Some(3)), "{error:?}");
    }
}
