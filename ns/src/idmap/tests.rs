// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of the value half: checks against a model, lookups, texts, files; nothing here asks the kernel.

use std::collections::HashSet;
use std::error::Error as _;

use proptest::prelude::*;
use rustix::thread::CapabilitySet;

use super::helper;
use super::write::{Caller, Route};
use super::{IdMap, IdRange, Ids};
use crate::accounts::Account;
use crate::error::{Error, ErrorKind};

const fn range(inside: u32, outside: u32, count: u32) -> IdRange {
    IdRange::new(inside, outside, count)
}

fn map_of(uids: &[IdRange]) -> IdMap {
    uids.iter().fold(IdMap::new().gid(range(0, 0, 1)), |map, range| map.uid(*range))
}

fn problems(map: &IdMap) -> Vec<String> {
    map.check().err().map(|error| error.problems().to_vec()).unwrap_or_default()
}

fn cause(error: &Error) -> String {
    error.source().unwrap().to_string()
}

#[test]
fn every_problem_is_told_at_once_and_by_name() {
    let map = IdMap::new().uid(range(0, 1000, 2000)).uid(range(1000, 5000, 10)).uid(range(5000, 1500, 0)).uid(range(
        4_294_967_295,
        2999,
        1,
    ));
    assert_eq!(
        problems(&map),
        [
            "uid range 2 (1000 5000 10) overlaps uid range 1 (0 1000 2000) inside",
            "uid range 3 (5000 1500 0) is empty",
            "uid range 4 (4294967295 2999 1) reaches past 4294967294, the last uid, inside",
            "uid range 4 (4294967295 2999 1) overlaps uid range 1 (0 1000 2000) outside",
            "there is no gid range: nobody would be mapped",
        ]
    );
    let error = map.check().unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Invalid, "cannot use id map"));
}

#[test]
fn the_last_id_may_be_mapped_and_the_reserved_one_not() {
    assert!(problems(&map_of(&[range(0, 0, u32::MAX)])).is_empty());
    assert!(problems(&map_of(&[range(u32::MAX - 1, 7, 1)])).is_empty());
    assert_eq!(problems(&map_of(&[range(1, 0, u32::MAX)])).len(), 1);
    assert_eq!(problems(&map_of(&[range(1, 1, u32::MAX)])).len(), 2);
}

#[test]
fn three_hundred_and_forty_ranges_are_the_most() {
    let many = |count| (0..count).map(|at| range(at * 2, at * 2, 1)).collect::<Vec<_>>();
    assert!(problems(&map_of(&many(340))).is_empty());
    assert_eq!(problems(&map_of(&many(341))), ["there are 341 uid ranges: the kernel takes at most 340"]);
}

#[test]
fn a_text_of_a_page_is_too_long_for_the_kernel() {
    // 4,000,000,000 and up: 24 bytes a line.
    let many = |count| (0..count).map(|at| range(4_000_000_000 + at, 4_000_000_000 + at, 1)).collect::<Vec<_>>();
    assert!(problems(&map_of(&many(170))).is_empty());
    let with = |last| [many(170).as_slice(), &[last]].concat();
    assert!(problems(&map_of(&with(range(1000, 1000, 1000)))).is_empty());
    let said = ["the uid ranges are 4096 bytes of text: the kernel takes at most 4095"];
    assert_eq!(problems(&map_of(&with(range(10_000, 1000, 1000)))), said);
}

#[test]
fn a_range_is_read_as_the_kernel_prints_it_and_nothing_else_is() {
    let padded = "         0     100000      65536\n".parse::<IdRange>().unwrap();
    assert_eq!(padded, range(0, 100_000, 65_536));
    for (text, said) in [
        ("", "column 1: the first id inside is missing"),
        ("0 1000 ", "column 7: the count is missing"),
        ("0 +1 1", "column 3: \"+1\" is not the first id outside, a number from 0 to 4294967295"),
        ("0 1 4294967296", "column 5: \"4294967296\" is not the count, a number from 0 to 4294967295"),
        ("ä ", "column 1: \"ä\" is not the first id inside, a number from 0 to 4294967295"),
        ("0 1 1 # all", "column 7: \"#\" after the count"),
    ] {
        let error = text.parse::<IdRange>().unwrap_err();
        assert_eq!((cause(&error).as_str(), error.kind()), (said, ErrorKind::Invalid), "{text:?}");
    }
}

#[test]
fn lines_of_lxc_are_read_and_every_bad_one_is_named() {
    let map: IdMap = "# ids\nu 0 100000 65536\n\n\tg 0 200000 10\r\nb 70000 1000 1".parse().unwrap();
    assert_eq!(map.uids(), [range(0, 100_000, 65_536), range(70_000, 1000, 1)]);
    assert_eq!(map.gids(), [range(0, 200_000, 10), range(70_000, 1000, 1)]);
    assert_eq!(map.to_string(), "u 0 100000 65536\nu 70000 1000 1\ng 0 200000 10\ng 70000 1000 1");

    let error = "u 0 100000 65536\n  x 0 1 1\nu 0 z 1\nu0 1 1".parse::<IdMap>().unwrap_err();
    assert_eq!(
        error.problems(),
        [
            "line 2, column 3: \"x\" is none of u (users), g (groups), b (both)",
            "line 3, column 5: \"z\" is not the first id outside, a number from 0 to 4294967295",
            "line 4, column 1: \"u0\" is none of u (users), g (groups), b (both)",
        ]
    );
}

#[test]
fn texts_of_the_kernel_are_read_and_every_bad_line_is_named() {
    let map = IdMap::from_kernel_text("         0       1000          1\n\n1 100000 10\n", "0 0 4294967295\n").unwrap();
    assert_eq!(map.uids(), [range(0, 1000, 1), range(1, 100_000, 10)]);
    assert_eq!(
        (map.uid_map_text().as_str(), map.gid_map_text().as_str()),
        ("0 1000 1\n1 100000 10\n", "0 0 4294967295\n")
    );
    let error = IdMap::from_kernel_text("0 1 1\n0 -1 1", "u 0 0 1\n").unwrap_err();
    assert_eq!(
        error.problems(),
        [
            "uid_map: line 2, column 3: \"-1\" is not the first id outside, a number from 0 to 4294967295",
            "gid_map: line 1, column 1: \"u\" is not the first id inside, a number from 0 to 4294967295",
        ]
    );
}

#[test]
fn a_map_within_a_map_is_split_where_the_parent_s_ranges_end() {
    let parent = map_of(&[range(0, 1000, 1), range(1, 100_000, 9), range(10, 100_009, 5), range(20, 7, 2)]);
    let child = map_of(&[range(5, 0, 22)]);
    assert_eq!(child.within(&parent).uids(), [range(5, 1000, 1), range(6, 100_000, 14), range(25, 7, 2)]);
    assert!(child.deny_setgroups().within(&parent).denies_setgroups());
}

#[test]
fn ids_are_found_from_both_sides() {
    let map = map_of(&[range(0, 1000, 1), range(1, 100_000, 10)]);
    assert_eq!([0, 1, 10, 11].map(|inside| map.outside_uid(inside)), [Some(1000), Some(100_000), Some(100_009), None]);
    assert_eq!([1000, 100_000, 100_010, 0].map(|outside| map.inside_uid(outside)), [Some(0), Some(1), None, None]);
    assert_eq!((map.outside_gid(0), map.inside_gid(0), map.outside_gid(1)), (Some(0), Some(0), None));
    // A range that is not valid must not wrap.
    assert_eq!(map_of(&[range(0, u32::MAX, 2)]).outside_uid(1), None);
}

fn alice() -> Account {
    Account { name: "alice".into(), uid: 1000, gid: 100 }
}

#[test]
fn subordinate_ids_follow_the_account_itself() {
    let subuid = "bob:100000:65536\nalice:165536:1000\n1000:300000:5\n";
    let map = IdMap::from_subid_text(&alice(), subuid, "alice:0x10000:010\n").unwrap();
    assert_eq!(map.uids(), [range(0, 1000, 1), range(1, 165_536, 1000), range(1001, 300_000, 5)]);
    assert_eq!(map.gids(), [range(0, 100, 1), range(1, 65_536, 8)]);
    assert!(!map.denies_setgroups());
}

#[test]
fn lines_that_shadow_passes_over_are_passed_over() {
    let subuid = "#alice:1:1\n\nalice\nalice:\nalice:2:\n:3:1\nalice:x:1\nalice:4:1 \nalice:5:-1\nalice:6:0\n\
                  alice:7:4294967296\nmalice:8:1\nalice: 9:1:whatever\n";
    let map = IdMap::from_subid_text(&alice(), subuid, "alice:10:1").unwrap();
    assert_eq!(map.uids(), [range(0, 1000, 1), range(1, 9, 1)]);
}

#[test]
fn an_account_without_ranges_is_told_the_lines_to_add() {
    let error = IdMap::from_subid_text(&alice(), "bob:200000:65536\n", "").unwrap_err();
    assert_eq!(error.to_string(), "cannot map subordinate ids of \"alice\"");
    assert_eq!(
        cause(&error),
        "/etc/subuid has no range for \"alice\" (uid 1000); /etc/subgid has no range for \"alice\" (uid 1000)"
    );
    assert_eq!(
        error.hint(),
        Some("add the line \"alice:265536:65536\" to /etc/subuid; add the line \"alice:100000:65536\" to /etc/subgid")
    );
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn endless_ranges_do_not_wrap_round() {
    let subuid = "alice:100000:4294967295\nalice:1:4294967295\nalice:2:1\n";
    let map = IdMap::from_subid_text(&alice(), subuid, "alice:1:1").unwrap();
    assert_eq!(map.uids(), [range(0, 1000, 1), range(1, 100_000, u32::MAX - 1)]);
}

#[test]
fn an_absent_account_is_not_found() {
    for account in ["no such account", "4294967294", ""] {
        let error = IdMap::from_subid(account).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot look up account {account:?}"));
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}

#[test]
fn the_way_is_chosen_by_the_kernels_rules() {
    let ordinary = Caller { uid: 1000, gid: 100, capabilities: CapabilitySet::empty() };
    let able = Caller { capabilities: CapabilitySet::SETUID | CapabilitySet::SETGID, ..ordinary };
    // A root without the capability is judged like anybody else.
    let bare_root = Caller { uid: 0, gid: 0, ..ordinary };
    let route = |map: &IdMap, ids, caller| map.route(ids, caller, 7, &[]);
    let own = IdMap::new().uid(range(5, 1000, 1)).gid(range(6, 100, 1));
    let foreign = IdMap::new().uid(range(0, 1001, 1)).gid(range(0, 1000, 1));
    let wide = IdMap::new().uid(range(0, 1000, 2)).gid(range(0, 100, 1)).gid(range(1, 101, 1));
    for ids in [Ids::Users, Ids::Groups] {
        assert_eq!(route(&own, ids, ordinary).unwrap(), Route::OwnId);
        assert_eq!(route(&own, ids, able).unwrap(), Route::Privileged);
        assert_eq!(route(&wide, ids, able).unwrap(), Route::Privileged);
        for map in [&foreign, &wide] {
            let error = route(map, ids, ordinary).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
        }
        assert!(route(&own, ids, bare_root).is_err());
        assert_eq!(route(&IdMap::whole(0, 1), ids, bare_root).unwrap(), Route::OwnId);
    }
    let half = Caller { capabilities: CapabilitySet::SETGID, ..ordinary };
    assert!(route(&wide, Ids::Users, half).is_err());
    assert_eq!(route(&wide, Ids::Groups, half).unwrap(), Route::Privileged);
}

#[test]
fn an_absent_helper_is_named_with_its_package() {
    let error = helper::find(Ids::Users, 7, &["/no/such/directory", "/dev"]).unwrap_err();
    assert_eq!(error.to_string(), "cannot write the uid map of process 7");
    assert_eq!(
        cause(&error),
        "the map has more than the caller's own id, and newuidmap, which may write it, is in none of \
         /no/such/directory, /dev"
    );
    assert!(error.hint().unwrap().contains("\"uidmap\""));
    assert_eq!((error.kind(), error.errno()), (ErrorKind::Unsupported, None));
}

#[cfg(feature = "serde")]
#[test]
fn serde_keeps_a_map_and_refuses_strange_fields() {
    let map = IdMap::whole(100_000, 65_536).uid(range(70_000, 1000, 1)).deny_setgroups();
    let json = serde_json::to_string(&map).unwrap();
    assert_eq!(serde_json::from_str::<IdMap>(&json).unwrap(), map);
    let short: IdMap = serde_json::from_str(r#"{"uids": [{"inside": 0, "outside": 1, "count": 2}]}"#).unwrap();
    assert_eq!(short, IdMap::new().uid(range(0, 1, 2)));
    assert!(serde_json::from_str::<IdMap>(r#"{"uid": []}"#).is_err());
}

/// Ids near both ends, where everything that can go wrong does.
fn id() -> impl Strategy<Value = u32> {
    prop_oneof![3 => 0..12_u32, 1 => u32::MAX - 6..=u32::MAX]
}

fn ranges() -> impl Strategy<Value = Vec<IdRange>> {
    let range = (id(), id(), 0..5_u32).prop_map(|(inside, outside, count)| range(inside, outside, count));
    proptest::collection::vec(range, 0..5)
}

/// The rules, by counting: every id is an id, and none is there twice.
fn the_model_takes(ranges: &[IdRange]) -> bool {
    let (mut inside, mut outside) = (HashSet::new(), HashSet::new());
    let mut take = |range: &IdRange| {
        (0..u64::from(range.count)).all(|at| {
            let (here, there) = (u64::from(range.inside) + at, u64::from(range.outside) + at);
            here.max(there) < u64::from(u32::MAX) && inside.insert(here) && outside.insert(there)
        })
    };
    !ranges.is_empty() && ranges.iter().all(|range| range.count > 0 && take(range))
}

/// As many of the ranges, from the first on, as make a map.
fn valid_part(ranges: &[IdRange]) -> Vec<IdRange> {
    ranges.iter().fold(Vec::new(), |valid, range| {
        let longer = [valid.as_slice(), &[*range]].concat();
        if the_model_takes(&longer) { longer } else { valid }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_map_is_accepted_exactly_if_the_model_accepts_it(ranges in ranges()) {
        prop_assert_eq!(map_of(&ranges).check().is_ok(), the_model_takes(&ranges), "{:?}", ranges);
    }

    #[test]
    fn lookups_are_inverse_to_each_other(ranges in ranges(), at in id()) {
        let ranges = valid_part(&ranges);
        let map = map_of(&ranges);
        if let Some(outside) = map.outside_uid(at) {
            prop_assert_eq!(map.inside_uid(outside), Some(at));
        }
        if let Some(inside) = map.inside_uid(at) {
            prop_assert_eq!(map.outside_uid(inside), Some(at));
        }
        let mapped = ranges.iter().any(|range| range.inside_ids().contains(&u64::from(at)));
        prop_assert_eq!(map.outside_uid(at).is_some(), mapped);
    }

    #[test]
    fn a_map_within_a_map_asks_twice(child in ranges(), parent in ranges(), at in id()) {
        let (child, parent) = (map_of(&valid_part(&child)), map_of(&valid_part(&parent)));
        let both = child.within(&parent);
        prop_assert_eq!(both.outside_uid(at), child.outside_uid(at).and_then(|between| parent.outside_uid(between)));
        prop_assert_eq!(both.inside_uid(at), parent.inside_uid(at).and_then(|between| child.inside_uid(between)));
        prop_assert!(both.uids().is_empty() || both.check().is_ok(), "{}", both);
    }

    #[test]
    fn a_map_is_undone_by_its_inverse(ranges in ranges(), at in id()) {
        let map = map_of(&valid_part(&ranges));
        prop_assert_eq!(map.inverted().outside_uid(at), map.inside_uid(at));
        prop_assert_eq!(&map.inverted().inverted(), &map);
        let undone = map.within(&map.inverted());
        prop_assert_eq!(undone.outside_uid(at), map.outside_uid(at).map(|_| at));
    }

    #[test]
    fn texts_are_read_back(uids in ranges(), gids in ranges()) {
        let map = gids.iter().fold(uids.iter().fold(IdMap::new(), |map, range| map.uid(*range)), |map, range| map.gid(*range));
        prop_assert_eq!(&map.to_string().parse::<IdMap>().unwrap(), &map);
        prop_assert_eq!(IdMap::from_kernel_text(&map.uid_map_text(), &map.gid_map_text()).unwrap(), map);
        for range in uids {
            prop_assert_eq!(range.to_string().parse::<IdRange>().unwrap(), range);
        }
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in any::<String>(), near in "([ugb#x]?[ \t\u{a0}]?[0-9+:x-]{0,11}[ \r\n]?){0,8}") {
        for text in [&text, &near] {
            drop(text.parse::<IdRange>());
            drop(text.parse::<IdMap>());
            drop(IdMap::from_kernel_text(text, text));
            drop(IdMap::from_subid_text(&alice(), text, &format!("alice:{text}")));
        }
    }
}
