// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of rules as values: one meaning, whichever way it takes. Nothing here asks the kernel.

use proptest::collection::vec;
use proptest::prelude::*;

use super::foreign;
use super::program::{Insn, compile, decompile};
use super::table::Table;
use super::v1::{self, Line, Plan};
use super::{DeviceAccess, DeviceKind, DeviceRule, DeviceRules, DeviceVerdict, Devices};

const READ: DeviceAccess = DeviceAccess::READ;
const WRITE: DeviceAccess = DeviceAccess::WRITE;
const MKNOD: DeviceAccess = DeviceAccess::MKNOD;

/// Numbers that the rules of these tests name, and behind them one that none names.
const MAJORS: [u32; 4] = [1, 2, 4095, 4];
const MINORS: [u32; 4] = [0, 1, 1_048_575, 9];

/// One access to one device, as the kernel asks for it.
type Probe = (DeviceKind, u32, u32, DeviceAccess);

/// Every sort of access to every sort of device.
fn probes() -> impl Iterator<Item = Probe> {
    let devices = DeviceKind::ALL.into_iter().flat_map(|kind| MAJORS.map(|major| (kind, major)));
    let devices = devices.flat_map(|(kind, major)| MINORS.map(|minor| (kind, major, minor)));
    devices.flat_map(|(kind, major, minor)| (1..8).map(move |bits| (kind, major, minor, DeviceAccess::of_bits(bits))))
}

fn may(rules: &DeviceRules, (kind, major, minor, wanted): Probe) -> bool {
    rules.allowed(kind, major, minor).contains(wanted)
}

fn any_number(numbers: [u32; 4]) -> impl Strategy<Value = Option<u32>> {
    prop_oneof![Just(None), (0..3_usize).prop_map(move |at| Some(numbers[at]))]
}

fn any_devices() -> impl Strategy<Value = Devices> {
    let kind = prop_oneof![Just(None), Just(Some(DeviceKind::Block)), Just(Some(DeviceKind::Char))];
    (kind, any_number(MAJORS), any_number(MINORS), 1..8_u8).prop_map(|(kind, major, minor, bits)| Devices {
        kind,
        major,
        minor,
        access: DeviceAccess::of_bits(bits),
    })
}

fn any_verdict() -> impl Strategy<Value = DeviceVerdict> {
    prop_oneof![Just(DeviceVerdict::Deny), Just(DeviceVerdict::Allow)]
}

fn any_rules() -> impl Strategy<Value = DeviceRules> {
    let rule = (any_verdict(), any_devices()).prop_map(|(verdict, devices)| DeviceRule { verdict, devices });
    (any_verdict(), vec(rule, 0..9)).prop_map(|(default, rules)| DeviceRules { default, rules })
}

/// Rules that are mostly of one mind, as those that version 1 can express.
fn simple_rules() -> impl Strategy<Value = DeviceRules> {
    let rules = vec((any_devices(), 0..12_u8), 0..6);
    (any_verdict(), rules).prop_map(|(default, rules)| {
        let other = if default == DeviceVerdict::Deny { DeviceVerdict::Allow } else { DeviceVerdict::Deny };
        let rule = |(devices, odd)| DeviceRule { verdict: if odd == 0 { default } else { other }, devices };
        DeviceRules { default, rules: rules.into_iter().map(rule).collect() }
    })
}

#[test]
fn the_last_rule_about_an_access_counts() {
    let rules = DeviceRules::deny_all()
        .allow(Devices::char(5, None))
        .deny(Devices::char(5, 1).access(WRITE | MKNOD))
        .allow(Devices::char(5, 1).access(MKNOD));
    assert_eq!(rules.allowed(DeviceKind::Char, 5, 1), READ | MKNOD);
    assert_eq!(rules.allowed(DeviceKind::Char, 5, 2), DeviceAccess::ALL);
    assert_eq!(rules.allowed(DeviceKind::Block, 5, 2), DeviceAccess::NONE);
    assert_eq!(DeviceRules::default(), DeviceRules::deny_all());
    assert_eq!(DeviceRules::allow_all().allowed(DeviceKind::Block, 8, 0), DeviceAccess::ALL);
}

#[test]
fn the_standard_rules_let_nodes_be_made_and_harmless_devices_be_opened() {
    let rules = DeviceRules::standard();
    for (major, minor) in [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2), (136, 0), (136, 77)] {
        assert_eq!(rules.allowed(DeviceKind::Char, major, minor), DeviceAccess::ALL, "{major}:{minor}");
    }
    // mem, port, kmsg, tun, fuse, a disk.
    for (kind, major, minor) in [
        (DeviceKind::Char, 1, 1),
        (DeviceKind::Char, 1, 4),
        (DeviceKind::Char, 1, 11),
        (DeviceKind::Char, 10, 200),
        (DeviceKind::Char, 10, 229),
        (DeviceKind::Block, 8, 0),
    ] {
        assert_eq!(rules.allowed(kind, major, minor), MKNOD, "{kind} {major}:{minor}");
    }
    assert_eq!(rules.problems(), Vec::<String>::new());
    assert_eq!(
        rules.normal().to_string(),
        "deny a; allow b *:* m; allow c *:* m; allow c 1:3 rw; allow c 1:5 rw; allow c 1:7 rw; allow c 1:8 rw; \
         allow c 1:9 rw; allow c 5:0 rw; allow c 5:1 rw; allow c 5:2 rw; allow c 136:* rw"
    );
    assert_eq!(compile(&Table::of(&rules)).unwrap().len(), 31);
}

#[test]
fn every_problem_is_told_at_once_with_its_place() {
    let rules = DeviceRules::deny_all()
        .allow(Devices::char(4095, 1_048_575))
        .allow(Devices::char(4096, 1_048_576))
        .deny(Devices::block(8, None).access(DeviceAccess::NONE));
    assert_eq!(
        rules.problems(),
        [
            "devices.rules[1] has the major number 4096, and the kernel's end at 4095",
            "devices.rules[1] has the minor number 1048576, and the kernel's end at 1048575",
            "devices.rules[2] is about no access: name some of r, w and m",
        ]
    );
    let many = (0..1025).fold(DeviceRules::deny_all(), |rules, minor| rules.allow(Devices::char(1, minor)));
    assert_eq!(many.problems(), ["devices.rules has 1025 rules, and 1024 are the most"]);
}

#[test]
fn a_text_that_is_no_rule_is_told_by_its_number_and_its_word() {
    let error = "deny a; c 1:3 rwm; allow x 1:3 r; allow c 1:b r\nallow c 1 r; deny c 1:3 rr; deny c 1:3; allow"
        .parse::<DeviceRules>()
        .unwrap_err();
    assert_eq!(
        error.problems(),
        [
            "rule 2, \"c 1:3 rwm\": a rule begins with allow or deny, not with \"c\"",
            "rule 3, \"allow x 1:3 r\": the kind \"x\" is none of a, b and c",
            "rule 4, \"allow c 1:b r\": the minor number \"b\" is neither a number nor *",
            "rule 5, \"allow c 1 r\": \"1\" is not two numbers with a colon between",
            "rule 6, \"deny c 1:3 rr\": the access \"rr\" is not made of r, w and m, each once",
            "rule 7, \"deny c 1:3\": devices are a kind, two numbers and an access, such as c 1:3 rwm, or a alone",
            "rule 8, \"allow\": devices are a kind, two numbers and an access, such as c 1:3 rwm, or a alone",
        ]
    );
    for text in ["", "b", "a a", "c +1:3 r", "c 4294967296:0 r", "c -1:0 r", "c 1:3 x", "c :3 r", "ab 1:3 r"] {
        assert!(text.parse::<Devices>().is_err(), "{text:?}");
    }
    assert_eq!("a".parse::<Devices>().unwrap(), Devices::ALL);
    assert_eq!("a *:* mrw".parse::<Devices>().unwrap(), Devices::ALL);
    assert_eq!("allow a; deny a".parse::<DeviceRules>().unwrap(), DeviceRules::allow_all().deny(Devices::ALL));
    assert_eq!("".parse::<DeviceRules>().unwrap(), DeviceRules::deny_all());
}

#[cfg(feature = "serde")]
#[test]
fn serde_has_a_default_and_texts_and_refuses_unknown_names() {
    use serde_json::{from_value, json, to_value};

    let rules = DeviceRules::deny_all().allow(Devices::char(1, 3)).deny(Devices::block(8, None).access(WRITE));
    let text = json!({"default": "deny", "rules": ["allow c 1:3 rwm", "deny b 8:* w"]});
    assert_eq!(to_value(&rules).unwrap(), text);
    assert_eq!(from_value::<DeviceRules>(text).unwrap(), rules);
    assert_eq!(from_value::<DeviceRules>(json!({})).unwrap(), DeviceRules::deny_all());
    assert!(from_value::<DeviceRules>(json!({"rule": []})).is_err());
    let error = from_value::<DeviceRules>(json!({"rules": ["allow c 1:3 q"]})).unwrap_err().to_string();
    assert!(error.contains("the access \"q\" is not made of r, w and m"), "{error}");
}

/// What an interpreter of somebody else's makes of a program.
fn run(program: &[Insn], kind: u32, (_, major, minor, wanted): Probe) -> u64 {
    let bytes: Vec<u8> = program
        .iter()
        .flat_map(|insn| {
            let [low, high] = insn.offset.to_le_bytes();
            let [a, b, c, d] = insn.number.to_le_bytes();
            [insn.code, insn.registers, low, high, a, b, c, d]
        })
        .collect();
    let vm = rbpf::EbpfVmRaw::new(Some(&bytes)).unwrap();
    let words = [u32::from(wanted.bits()) << 16 | kind, major, minor];
    let mut argument: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    vm.execute_program(&mut argument).unwrap()
}

/// A program as systemd makes it: for each rule the kind, the accesses and the numbers compared, and a jump to the end.
fn of_systemd(rules: &[(u32, u8, Option<i32>, Option<i32>)]) -> Vec<Insn> {
    let insn = |code, registers, offset, number| Insn { code, registers, offset, number };
    let mut program = vec![
        insn(0x61, 0x12, 0, 0),
        insn(0x54, 0x02, 0, 0xffff),
        insn(0x61, 0x13, 0, 0),
        insn(0x74, 0x03, 0, 16),
        insn(0x61, 0x14, 4, 0),
        insn(0x61, 0x15, 8, 0),
    ];
    let mut passes = Vec::new();
    for (kind, access, major, minor) in rules {
        let compared = [major.map(|major| (4, major)), minor.map(|minor| (5, minor))];
        let compared: Vec<(u8, i32)> = compared.into_iter().flatten().collect();
        let mut rest = i16::try_from(compared.len()).unwrap() + if *access == 7 { 1 } else { 4 };
        program.push(insn(0x55, 2, rest, i32::try_from(*kind).unwrap()));
        if *access != 7 {
            program.push(insn(0xbc, 0x31, 0, 0));
            program.push(insn(0x54, 1, 0, (*access).into()));
            program.push(insn(0x5d, 0x31, rest - 3, 0));
            rest -= 3;
        }
        for (register, number) in compared {
            rest -= 1;
            program.push(insn(0x55, register, rest, number));
        }
        passes.push(program.len());
        program.push(insn(0x05, 0, 0, 0));
    }
    program.extend([insn(0xb7, 0, 0, 0), insn(0x05, 0, 1, 0)]);
    let end = program.len();
    for pass in passes {
        program[pass].offset = i16::try_from(end - pass - 1).unwrap();
    }
    program.extend([insn(0xb7, 0, 0, 1), insn(0x95, 0, 0, 0)]);
    program
}

#[test]
fn a_program_of_systemds_is_read_as_the_rules_that_it_was_made_of() {
    let program = of_systemd(&[
        (2, 1, None, None),
        (1, 1, None, None),
        (2, 7, Some(1), Some(3)),
        (2, 6, Some(136), None),
        (2, 7, Some(5), Some(0)),
    ]);
    assert_eq!(decompile(&program), None);
    let rules: DeviceRules =
        "deny a; allow c *:* m; allow b *:* m; allow c 1:3 rwm; allow c 136:* rw; allow c 5:0 rwm".parse().unwrap();
    assert_eq!(foreign::table(&program).unwrap().rules(), rules.normal());
    // Of two rules of which each allows a part, nobody may do both at once.
    assert_eq!(foreign::table(&of_systemd(&[(2, 2, Some(1), Some(3)), (2, 4, Some(1), Some(3))])), None);
    assert_eq!(foreign::table(&of_systemd(&[])).unwrap().rules(), DeviceRules::deny_all());
}

#[test]
fn a_program_that_does_more_than_compare_is_not_read() {
    let program = of_systemd(&[(2, 7, Some(1), Some(3))]);
    assert!(foreign::table(&program).is_some());
    // Of its numbers: more, less, or with others; a call; a way back; an end that is none.
    for (at, code, offset) in [(7, 0x25, 3), (4, 0x85, 0), (9, 0x05, -3), (9, 0x05, 900), (4, 0x61, 12)] {
        let mut other = program.clone();
        (other[at].code, other[at].offset) = (code, offset);
        assert_eq!(foreign::table(&other), None, "{at} {code:#x}");
    }
    let mut other = program.clone();
    other.insert(6, Insn { code: 0x57, registers: 4, offset: 0, number: 0xff });
    assert_eq!(foreign::table(&other), None);
    assert_eq!(foreign::table(&[]), None);
}

#[test]
fn a_program_that_is_not_ours_is_not_read() {
    let program = compile(&Table::of(&DeviceRules::standard())).unwrap();
    assert!(decompile(&program).is_some());
    for at in 0..program.len() {
        assert_eq!(decompile(&program[..at]), None);
        let mut other = program.clone();
        other[at].code ^= 0x08;
        assert_eq!(decompile(&other), None, "{at}");
        let mut other = program.clone();
        other[at].offset ^= 1;
        assert_eq!(decompile(&other), None, "{at}");
    }
    assert_eq!(decompile(&[]), None);
}

#[test]
fn the_longest_program_that_its_jumps_reach_is_made_and_a_longer_one_is_not() {
    let crossing = |many| {
        let rules = (0..many).fold(DeviceRules::deny_all(), |rules, minor| {
            rules.deny(Devices::char(None, minor)).allow(Devices::char(None, minor).access(READ))
        });
        (0..many).fold(rules, |rules, major| rules.allow(Devices::char(major, None).access(WRITE)))
    };
    let table = Table::of(&crossing(150));
    assert_eq!(decompile(&compile(&table).unwrap()), Some(table));
    assert_eq!(compile(&Table::of(&crossing(200))), None);
}

/// The kernel's part of version 1, as security/device_cgroup.c has it.
#[derive(Debug, Clone)]
struct Kernel {
    default: DeviceVerdict,
    exceptions: Vec<Devices>,
}

impl Kernel {
    fn write(&mut self, (verdict, devices): &Line) {
        if devices.kind.is_none() {
            *self = Self { default: *verdict, exceptions: Vec::new() };
            return;
        }
        let same = |found: &Devices| found.access(DeviceAccess::ALL) == devices.access(DeviceAccess::ALL);
        let known = self.exceptions.iter_mut().find(|found| same(found));
        match (known, *verdict == self.default) {
            (Some(found), false) => found.access = found.access | devices.access,
            (None, false) => self.exceptions.push(*devices),
            (Some(found), true) => found.access = found.access.without(devices.access),
            (None, true) => {}
        }
        self.exceptions.retain(|found| !found.access.is_empty());
    }

    fn list(&self) -> String {
        match self.default {
            DeviceVerdict::Allow => "a *:* rwm\n".to_owned(),
            DeviceVerdict::Deny => self.exceptions.iter().map(|found| format!("{found}\n")).collect(),
        }
    }

    fn may(&self, (kind, major, minor, wanted): Probe) -> bool {
        let mut about = self.exceptions.iter().filter(|found| found.covers(kind, Some(major), Some(minor)));
        match self.default {
            DeviceVerdict::Deny => about.any(|found| found.access.contains(wanted)),
            DeviceVerdict::Allow => about.all(|found| (found.access & wanted).is_empty()),
        }
    }
}

#[test]
fn a_hole_in_what_is_allowed_is_nothing_that_version_1_can_express() {
    let allow = DeviceRules::deny_all().allow(Devices::char(1, None));
    assert_eq!(v1::lack(&allow), None);
    assert_eq!(
        v1::lack(&allow.clone().deny(Devices::char(1, 5).access(READ))).unwrap(),
        "version 1 cannot deny \"c 1:5 r\" where \"c 1:* r\" is allowed"
    );
    let deny = DeviceRules::allow_all().deny(Devices::block(8, None));
    assert_eq!(v1::lack(&deny), None);
    assert_eq!(
        v1::lack(&deny.allow(Devices::block(8, 1))).unwrap(),
        "version 1 cannot allow \"b 8:1 rwm\" where \"b 8:* rwm\" is denied"
    );
    // Where two meet, one exception has to allow all of it.
    assert!(v1::lack(&allow.clone().allow(Devices::char(None, 5).access(READ))).is_none());
    let plan = v1::plan(
        &DeviceRules::deny_all().allow(Devices::char(1, None).access(READ)).allow(Devices::char(1, 3).access(WRITE)),
    );
    let exceptions: Vec<_> = plan.unwrap().exceptions.into_iter().map(|(place, access)| place.with(access)).collect();
    assert_eq!(exceptions, [Devices::char(1, None).access(READ), Devices::char(1, 3).access(READ | WRITE)]);
    assert_eq!(v1::lack(&DeviceRules::standard()), None);
}

#[test]
fn what_stays_is_not_touched_and_what_is_new_comes_before_what_goes() {
    let now = v1::plan(&"allow c 1:3 rwm; allow c 1:5 rw; allow c 5:* r".parse().unwrap()).unwrap();
    let wanted = v1::plan(&"allow c 1:3 rwm; allow c 1:5 r; allow c 5:* rw; allow b 7:0 r".parse().unwrap()).unwrap();
    let said =
        |lines: Vec<Line>| lines.iter().map(|(verdict, devices)| format!("{verdict} {devices}")).collect::<Vec<_>>();
    assert_eq!(said(v1::lines(Some(&now), &wanted)), ["allow b 7:0 r", "allow c 5:* w", "deny c 1:5 w"]);
    assert_eq!(said(v1::lines(Some(&now), &now)), Vec::<String>::new());
    let all = v1::plan(&DeviceRules::allow_all()).unwrap();
    assert_eq!(said(v1::lines(Some(&now), &all)), ["allow a"]);
    assert_eq!(said(v1::lines(None, &all)), ["allow a"]);
    assert_eq!(said(v1::lines(None, &wanted))[..2], ["deny a", "allow b 7:0 r"]);
}

proptest! {
    #[test]
    fn a_text_is_read_back(rules in any_rules()) {
        prop_assert_eq!(rules.to_string().parse::<DeviceRules>().unwrap(), rules);
    }

    #[test]
    fn no_text_makes_the_parsers_panic(text in "[acb *:0-9rwm;\n]{0,24}") {
        if let Ok(rules) = text.parse::<DeviceRules>() {
            prop_assert_eq!(rules.to_string().parse::<DeviceRules>().unwrap(), rules);
        }
        let _list = v1::list(&text);
    }

    #[test]
    fn the_normal_form_means_the_same_and_is_its_own(rules in any_rules()) {
        let normal = rules.normal();
        for probe in probes() {
            prop_assert_eq!(may(&normal, probe), may(&rules, probe), "{:?} of {} as {}", probe, rules, normal);
        }
        prop_assert_eq!(normal.normal(), normal);
    }

    /// The other default, and each rule in pieces behind rules that are all overridden.
    #[test]
    fn there_is_one_normal_form_for_each_meaning(rules in any_rules(), before in any_rules()) {
        let all = DeviceRule { verdict: rules.default, devices: Devices::ALL };
        let pieces = rules.rules.iter().flat_map(|rule| [READ, WRITE, MKNOD].map(|one| DeviceRule {
            devices: rule.devices.access(rule.devices.access & one),
            ..*rule
        }));
        let same = pieces.fold(before.rule(all), DeviceRules::rule);
        prop_assert_eq!(same.normal(), rules.normal());
    }

    #[test]
    fn the_program_decides_as_the_rules_do(rules in any_rules()) {
        let program = compile(&Table::of(&rules)).unwrap();
        for probe in probes() {
            let kind = probe.0.number().cast_unsigned();
            prop_assert_eq!(run(&program, kind, probe), u64::from(may(&rules, probe)), "{:?} of {}", probe, rules);
            // What is neither block nor character device is nothing that a rule could allow.
            prop_assert_eq!(run(&program, 3, probe), 0);
        }
    }

    #[test]
    fn a_program_is_read_back(rules in any_rules()) {
        let table = Table::of(&rules);
        let program = compile(&table).unwrap();
        // Asked as if it were somebody else's it says the same.
        prop_assert_eq!(foreign::table(&program).map(|found| found.rules()), Some(table.rules()));
        prop_assert_eq!(decompile(&program), Some(table));
    }

    #[test]
    fn version_1_decides_as_the_rules_do_whatever_it_had_before(before in simple_rules(), rules in simple_rules()) {
        let Ok(wanted) = v1::plan(&rules) else { return Ok(()) };
        // What is hidden where the default is to allow is whatever it is.
        let mut kernel = Kernel { default: before.default, exceptions: Vec::new() };
        let other = |rule: &&DeviceRule| rule.verdict != before.default && rule.devices.kind.is_some();
        before.rules.iter().filter(other).for_each(|rule| kernel.write(&(rule.verdict, rule.devices)));
        let now: Option<Plan> = v1::list(&kernel.list()).unwrap();
        let old = kernel.clone();
        for line in v1::lines(now.as_ref(), &wanted) {
            kernel.write(&line);
            // From one list of what is allowed to another nothing is denied that both allow, or allowed that neither does.
            for probe in probes().filter(|_| (old.default, wanted.default) == (DeviceVerdict::Deny, DeviceVerdict::Deny)) {
                let single = [READ, WRITE, MKNOD].contains(&probe.3);
                let (was, will) = (old.may(probe), may(&rules, probe));
                prop_assert!(!single || was != will || kernel.may(probe) == was, "{:?} at {:?}", probe, line);
            }
        }
        for probe in probes() {
            prop_assert_eq!(kernel.may(probe), may(&rules, probe), "{:?} of {} after {:?}", probe, rules, old);
        }
        // And it is told as it is.
        let told = v1::list(&kernel.list()).unwrap();
        prop_assert_eq!(told, (wanted.default == DeviceVerdict::Deny).then_some(wanted));
    }

    /// Holes alone cannot be expressed: rules that are about less than one before them, to the contrary.
    #[test]
    fn rules_that_all_differ_from_their_default_can_be_expressed(rules in simple_rules()) {
        let rules = DeviceRules {
            rules: rules.rules.iter().filter(|rule| rule.verdict != rules.default).copied().collect(),
            ..rules
        };
        prop_assert_eq!(v1::lack(&rules), None);
    }
}
