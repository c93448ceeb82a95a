// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is said to a manager, and what becomes of each of its answers.

use std::error::Error as _;
use std::time::Duration;

use needs::{isolated, needs};

use super::fake::{Act, Fake, JOB, answer, is, job, refuse, removed, state};
use crate::devices::DeviceRules;
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::systemd::dbus::{Message, Value};
use crate::systemd::{CollectMode, Dependency, KillMode, Property, Systemd, UnitSpec};
use crate::value::{DeviceNumber, Max};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(60);

fn spec() -> UnitSpec {
    UnitSpec::new("web.scope").process(4711)
}

/// The start of a scope, to which the manager answers so.
fn start(play: impl FnMut(&Message) -> Option<Vec<Act>> + Send + 'static) -> Result<(), Error> {
    Fake::new(play).systemd().start(&spec(), LONG).map(drop)
}

fn all(error: &Error) -> String {
    format!("{error}: {}; {}", error.source().unwrap(), error.hint().unwrap_or_default())
}

#[test]
fn a_start_listens_first_and_tells_all_that_was_described() {
    let fake = Fake::new(|_| None);
    let spec = spec()
        .process(4712)
        .description("a server")
        .slice("web.slice")
        .delegate()
        .dependency(Dependency::After, "a.service")
        .dependency(Dependency::After, "b.target")
        .collect_mode(CollectMode::InactiveOrFailed)
        .kill_mode(KillMode::ControlGroup)
        .send_sigkill(true)
        .stop_timeout(Duration::from_secs(3))
        .runtime_max(Duration::MAX)
        .property("OOMScoreAdjust", Property::I32(-3))
        .property("Pairs", Property::Pairs(vec![("a".into(), "b".into())]))
        .property("Amounts", Property::Amounts(vec![("a".into(), 1)]));
    let unit = fake.systemd().start(&spec, LONG).unwrap();
    assert_eq!(unit.name(), "web.scope");
    let calls = ["Hello", "Get", "AddMatch", "Subscribe", "StartTransientUnit", "GetAll", "GetAll"];
    assert_eq!(fake.members(), calls);
    let body = fake.body("StartTransientUnit");
    assert_eq!(body.iter().map(Value::signature).collect::<String>(), "ssa(sv)a(sa(sv))");
    assert_eq!((body[0].as_text(), body[1].as_text()), (Some("web.scope"), Some("fail")));
    let Value::Array(_, properties) = &body[2] else { panic!("{body:?}") };
    let pair = |property: &Value| match property {
        Value::Structure(pair) => match &pair[..] {
            [Value::Text(name), Value::Variant(value)] => (name.clone(), (**value).clone()),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let two = |signature: &str, a: Value, b: Value| Value::Array(signature.into(), vec![Value::Structure(vec![a, b])]);
    let expected = [
        ("Description", Value::text("a server")),
        ("Slice", Value::text("web.slice")),
        ("Delegate", Value::Flag(true)),
        ("After", Value::texts(["a.service", "b.target"])),
        ("CollectMode", Value::text("inactive-or-failed")),
        ("KillMode", Value::text("control-group")),
        ("SendSIGKILL", Value::Flag(true)),
        ("TimeoutStopUSec", Value::U64(3_000_000)),
        ("RuntimeMaxUSec", Value::U64(u64::MAX - 1)),
        ("PIDs", Value::Array("u".into(), vec![Value::U32(4711), Value::U32(4712)])),
        ("Amounts", two("(st)", Value::text("a"), Value::U64(1))),
        ("OOMScoreAdjust", Value::I32(-3)),
        ("Pairs", two("(ss)", Value::text("a"), Value::text("b"))),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(properties.iter().map(pair).collect::<Vec<_>>(), expected);
}

#[test]
fn each_end_of_a_job_is_an_error_with_what_the_unit_says() {
    let ends = [
        ("failed", ErrorKind::WrongState),
        ("dependency", ErrorKind::WrongState),
        ("timeout", ErrorKind::TimedOut),
        ("canceled", ErrorKind::WrongState),
        ("skipped", ErrorKind::WrongState),
        ("unsupported", ErrorKind::Unsupported),
        ("something\nnew", ErrorKind::Os),
    ];
    for (result, kind) in ends {
        let error = start(move |call| match call.member.as_deref()? {
            "StartTransientUnit" => Some(vec![job(call), Act::Say(removed(JOB, result))]),
            "GetAll" => Some(vec![answer(call, &[state("failed", "failed", "resources")])]),
            _ => None,
        });
        let error = error.unwrap_err();
        assert_eq!(error.kind(), kind, "{result}");
        let said = all(&error);
        assert!(said.starts_with("cannot start the unit \"web.scope\": systemd's job is not done ("), "{said}");
        assert!(
            said.contains("the unit is failed (failed), its result resources; `systemctl status web.scope`"),
            "{said}"
        );
    }
}

#[test]
fn an_end_before_the_answer_is_not_missed_and_those_of_others_are_not_ours() {
    start(|call| {
        is(call, "StartTransientUnit").then(|| {
            let forged = Message { sender: Some(":1.66".to_owned()), ..removed(JOB, "failed") };
            let mut elsewhere = removed(JOB, "failed");
            elsewhere.interface = Some("org.example.Manager".to_owned());
            let late = Message { answers: Some(1), ..Message::new(crate::systemd::dbus::Kind::Return, &[]) };
            let odd = Message { signature: "u".to_owned(), ..removed(JOB, "failed") };
            let said = [
                forged,
                elsewhere,
                late,
                odd,
                removed("/org/freedesktop/systemd1/job/8", "failed"),
                removed(JOB, "done"),
            ];
            said.into_iter().map(Act::Say).chain([job(call)]).collect()
        })
    })
    .unwrap();
}

#[test]
fn refusals_have_their_class_and_their_words() {
    let refusals = [
        ("org.freedesktop.systemd1.UnitExists", ErrorKind::Busy, "systemctl reset-failed web.scope"),
        ("org.freedesktop.DBus.Error.AccessDenied", ErrorKind::Denied, "the user's own manager"),
        ("org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", ErrorKind::Denied, "or be root"),
        ("org.freedesktop.DBus.Error.InvalidArgs", ErrorKind::Invalid, ""),
        ("org.freedesktop.DBus.Error.PropertyReadOnly", ErrorKind::Unsupported, ""),
        ("org.freedesktop.DBus.Error.UnixProcessIdUnknown", ErrorKind::NotFound, ""),
        ("org.freedesktop.DBus.Error.LimitsExceeded", ErrorKind::Exhausted, ""),
        ("System.Error.ESRCH", ErrorKind::NotFound, ""),
        ("org.example.Odd", ErrorKind::Os, ""),
    ];
    for (name, kind, hint) in refusals {
        let error = start(move |call| is(call, "StartTransientUnit").then(|| vec![refuse(call, name, "It says why.")]));
        let error = error.unwrap_err();
        assert_eq!(error.kind(), kind, "{name}");
        let said = all(&error);
        assert!(said.contains(&format!("It says why. ({name})")) && said.contains(hint), "{said}");
    }
}

#[test]
fn who_hangs_up_at_any_step_is_an_error_and_nothing_more() {
    for step in 0..6 {
        let mut heard = 0;
        let error = start(move |_| {
            heard += 1;
            (heard > step).then(|| vec![Act::Close])
        });
        assert!(all(&error.unwrap_err()).contains("has closed the connection"), "{step}");
    }
}

#[test]
fn who_says_nothing_or_too_much_is_left_at_the_deadline() {
    for step in ["Hello", "Subscribe", "StartTransientUnit"] {
        let fake = Fake::new(move |call| is(call, step).then(Vec::new));
        let error = fake.systemd().start(&spec(), SHORT).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{step}");
    }
    let fake = Fake::new(|call| is(call, "StartTransientUnit").then(|| vec![Act::Flood(removed("/other", "done"))]));
    let error = fake.systemd().start(&spec(), SHORT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(all(&error).contains("systemctl list-jobs"));
}

#[test]
fn garbage_and_lies_about_lengths_are_errors() {
    let length = |length: u32| {
        let mut bytes = b"l\x02\x00\x01".to_vec();
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0]);
        bytes
    };
    for bytes in [b"hello, this is no bus\r\n".to_vec(), vec![0; 64], length(u32::MAX), length(2 << 20)] {
        let error = start(move |call| is(call, "Subscribe").then(|| vec![Act::Bytes(bytes.clone())])).unwrap_err();
        assert!(all(&error).contains("no message of D-Bus"), "{}", all(&error));
    }
    // One that promises more than it brings.
    let fake = Fake::new(move |call| is(call, "Subscribe").then(|| vec![Act::Bytes(length(1000))]));
    assert_eq!(fake.systemd().start(&spec(), SHORT).unwrap_err().kind(), ErrorKind::TimedOut);
    // Answers of other types than they have.
    for member in ["Get", "StartTransientUnit", "GetAll"] {
        let error = start(move |call| is(call, member).then(|| vec![answer(call, &[Value::U32(1)])])).unwrap_err();
        assert!(all(&error).contains("the answer is not"), "{}", all(&error));
    }
}

#[test]
fn who_wants_our_number_gets_it_and_who_refuses_it_too_is_believed() {
    let uid: String = rustix::process::geteuid().as_raw().to_string();
    assert!(uid.bytes().all(|digit| digit.is_ascii_digit()));
    let lets_in: &[&[_]] =
        &[&[("AUTH EXTERNAL", "DATA"), ("DATA", "REJECTED EXTERNAL")], &[("AUTH EXTERNAL 3", "OK 5cef")]];
    assert_eq!(Fake::introduced(lets_in, |_| None).systemd().version(LONG).unwrap(), 252);
    // Who lets us in at the first line says so twice, or does not know the second.
    let (twice, once): (&[&[_]], &[&[_]]) = (
        &[&[("AUTH EXTERNAL", "OK 5cef"), ("DATA", "OK 5cef")]],
        &[&[("AUTH EXTERNAL", "OK 5cef"), ("DATA", "ERROR")]],
    );
    for at_once in [twice, once] {
        assert_eq!(Fake::introduced(at_once, |_| None).systemd().version(LONG).unwrap(), 252);
    }
    let refuses: &[&[_]] =
        &[&[("AUTH EXTERNAL", "REJECTED EXTERNAL"), ("DATA", "ERROR")], &[("AUTH EXTERNAL 3", "REJECTED EXTERNAL")]];
    let fake = Fake::introduced(refuses, |_| None);
    let error = fake.systemd().version(LONG).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(all(&error).contains("does not let this user in"));
}

#[test]
fn a_stop_waits_for_its_job_and_a_state_is_read_whatever_else_there_is() {
    let fake = Fake::new(|_| None);
    let unit = fake.systemd().unit("web.scope").unwrap();
    unit.stop(LONG).unwrap();
    assert_eq!(fake.body("StopUnit"), [Value::text("web.scope"), Value::text("replace")]);
    let state = unit.state(LONG).unwrap();
    assert!(state.is_active() && !state.has_failed() && state.delegated);
    assert_eq!(state.to_string(), "the unit is active (running)");
    assert_eq!(state.control_group.unwrap(), std::path::Path::new("/system.slice/web.scope"));
    unit.kill(15, LONG).unwrap();
    assert_eq!(fake.body("KillUnit"), [Value::text("web.scope"), Value::text("all"), Value::I32(15)]);
    unit.attach(&[3], LONG).unwrap();
    assert_eq!(fake.body("AttachProcessesToUnit").len(), 3);
    unit.freeze(LONG).unwrap();
    unit.thaw(LONG).unwrap();
    unit.reset_failed(LONG).unwrap();
}

#[test]
fn a_job_of_a_length_that_no_job_has_is_none() {
    start(|call| {
        let endless = "x".repeat(1 << 19);
        let said = [removed(JOB, &endless), removed(&format!("{JOB}/{endless}"), "failed"), removed(JOB, "done")];
        is(call, "StartTransientUnit").then(|| said.into_iter().map(Act::Say).chain([job(call)]).collect())
    })
    .unwrap();
}

#[test]
fn what_others_say_reaches_no_terminal_as_it_is() {
    let odd = "org.x.\u{1b}[2J\u{202e}";
    let refused = start(move |call| is(call, "StartTransientUnit").then(|| vec![refuse(call, odd, "why\u{9b}1m")]));
    let silent = start(move |call| is(call, "StartTransientUnit").then(|| vec![refuse(call, odd, "")]));
    let long = "y".repeat(100_000);
    let wordy = start(move |call| is(call, "StartTransientUnit").then(|| vec![refuse(call, "org.x.Odd", &long)]));
    let ended =
        start(move |call| is(call, "GetAll").then(|| vec![answer(call, &[state("failed\u{1b}", odd, "\u{1b}c")])]));
    for error in [refused, silent, wordy, ended] {
        let said = all(&error.unwrap_err());
        let is_plain = |c: char| c == '\u{2026}' || c.is_ascii_graphic() || c == ' ';
        assert!(said.chars().all(is_plain) && said.len() < 1000, "{said:?}");
    }
}

/// A group with a process in it, as a manager names it, and a manager that says so.
fn group() -> (crate::Cgroup, String) {
    let name = format!("/{}-unit", needs::token());
    (crate::Cgroup::create_in(&crate::Layout::detect().unwrap(), &name).unwrap(), name)
}

/// A state in which the unit has this group.
fn state_in(group: &str, active: &str) -> Value {
    let Value::Array(signature, mut entries) = state(active, "running", "success") else { panic!("no entries") };
    for entry in &mut entries {
        match entry {
            Value::Entry(pair) if pair.0 == Value::text("ControlGroup") => pair.1 = Value::text(group).variant(),
            _ => {}
        }
    }
    Value::Array(signature, entries)
}

#[test]
fn a_limit_of_a_disk_that_is_not_there_is_an_error_and_stops_the_scope() {
    needs!(root, cgroup1("blkio"));
    isolated(|| {
        let (group, path) = group();
        let fake = Fake::new(move |call| is(call, "GetAll").then(|| vec![answer(call, &[state_in(&path, "active")])]));
        // Version 1 has no property for it: it is written to the group.
        let limits = Limits::new().device(DeviceNumber::new(8, 99), |disk| disk.reads = Some(Max::Limit(10)));
        let error = fake.systemd().start(&spec().delegate().limits(limits), LONG).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{}", all(&error));
        assert!(all(&error).contains("no whole disk of these numbers"), "{}", all(&error));
        assert!(fake.members().iter().any(|member| member == "StopUnit"), "{:?}", fake.members());
        group.remove().unwrap();
    });
}

#[test]
fn a_scope_that_ends_while_its_limits_are_looked_at_is_what_it_was_asked_to_be() {
    needs!(root, cgroup1("pids"));
    isolated(|| {
        let mut looks = 0;
        // It is there at the first look, which is two questions, and has no group any more when it is opened.
        let fake = Fake::new(move |call| {
            is(call, "GetAll").then(|| {
                looks += 1;
                let active = if looks > 2 { "inactive" } else { "active" };
                vec![answer(call, &[state_in("/skep-test-nowhere/web.scope", active)])]
            })
        });
        fake.systemd().start(&spec().limits(Limits::new().pids_max(9)), LONG).unwrap();
        assert!(!fake.members().iter().any(|member| member == "StopUnit"), "{:?}", fake.members());
    });
}

#[test]
fn what_has_failed_after_its_start_is_stopped_on_the_connection_that_is_there() {
    needs!(root, cgroup1("pids"));
    isolated(|| {
        // The unit is there, and its group is not.
        let fake = Fake::new(|call| match call.member.as_deref()? {
            "GetAll" => Some(vec![answer(call, &[state_in("/skep-test-nowhere/web.scope", "active")])]),
            "StopUnit" => Some(vec![Act::Close]),
            _ => None,
        });
        let error = fake.systemd().start(&spec().limits(Limits::new().pids_max(9)), LONG).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState, "{}", all(&error));
        let of = |name: &str| fake.members().iter().filter(|member| *member == name).count();
        assert_eq!((of("Hello"), of("StopUnit")), (1, 1), "{:?}", fake.members());
    });
}

#[test]
fn a_users_socket_is_the_users_and_no_link() {
    let dir = needs::Scratch::new();
    let uid = rustix::process::geteuid().as_raw();
    std::fs::create_dir(dir.join("systemd")).unwrap();
    let socket = dir.join("systemd/private");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let said = |uid: u32, path: std::path::PathBuf| {
        let error = Systemd::of_user_at(uid, path).version(SHORT).unwrap_err();
        (error.kind(), error.source().unwrap().to_string())
    };
    // Nobody is let in, and that is known from the other side.
    assert_eq!(said(uid, socket.clone()).0, ErrorKind::TimedOut);
    listener.set_nonblocking(true).unwrap();
    while listener.accept().is_ok() {}
    let (kind, why) = said(uid + 1, socket.clone());
    assert!(kind == ErrorKind::Denied && why.contains("another user's"), "{why}");
    std::os::unix::fs::symlink(&socket, dir.join("link")).unwrap();
    std::os::unix::fs::symlink(dir.join("systemd"), dir.join("way")).unwrap();
    for link in ["link", "way/private"] {
        let (kind, why) = said(uid, dir.join(link));
        assert!(kind == ErrorKind::Denied && why.contains("symbolic link"), "{link}: {why}");
    }
    assert_eq!(said(uid, dir.join("absent")).0, ErrorKind::NotFound);
    assert!(listener.accept().is_err(), "somebody was spoken to");
}

#[test]
fn a_users_manager_is_not_believed_about_the_groups_of_others() {
    let dir = needs::Scratch::new();
    let uid = rustix::process::geteuid().as_raw();
    let own = format!("/user.slice/user-{uid}.slice/user@{uid}.service");
    let groups = [
        "/system.slice/dbus.service".to_owned(),
        "/user.slice".to_owned(),
        own.clone(),
        format!("/user.slice/user-1{uid}.slice/user@1{uid}.service/a.scope"),
    ];
    for (at, group) in groups.iter().chain([&format!("{own}/app.slice/none.scope")]).enumerate() {
        let told = group.clone();
        let fake = Fake::at(dir.join(at.to_string()), move |call| {
            is(call, "GetAll").then(|| vec![answer(call, &[state_in(&told, "active")])])
        });
        let systemd = Systemd::of_user_at(uid, dir.join(at.to_string()));
        let error = systemd.unit("web.scope").unwrap().cgroup(LONG).unwrap_err();
        let expected = if group.ends_with("none.scope") { ErrorKind::WrongState } else { ErrorKind::Denied };
        assert_eq!(error.kind(), expected, "{group}: {}", all(&error));
        drop(fake);
    }
}

#[test]
fn a_unit_is_asked_about_as_what_it_is_and_one_without_a_group_has_no_limits() {
    let fake = Fake::new(|_| None);
    let sorts =
        [("service", "Service"), ("socket", "Socket"), ("mount", "Mount"), ("swap", "Swap"), ("slice", "Slice")];
    for (end, interface) in sorts {
        let state = fake.systemd().unit(format!("a.{end}")).unwrap().state(LONG).unwrap();
        assert!(state.control_group.is_some());
        assert_eq!(fake.body("GetAll"), [Value::text(format!("org.freedesktop.systemd1.{interface}"))]);
    }
    let fake = Fake::new(|call| is(call, "GetAll").then(|| vec![answer(call, &[state_in("", "active")])]));
    for (name, why) in [("a.target", "scopes, slices, services"), ("a.service", "the unit is active")] {
        let error = fake.systemd().unit(name).unwrap().apply(&Limits::new().pids_max(9), LONG).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState, "{}", all(&error));
        assert!(all(&error).contains(why), "{}", all(&error));
    }
    assert!(!fake.members().iter().any(|member| member == "SetUnitProperties"), "{:?}", fake.members());
}

#[test]
fn what_systemd_takes_and_does_not_do_is_an_error() {
    needs!(root, cgroup1("devices"), cgroup1("pids"));
    isolated(|| {
        let (group, path) = group();
        group.apply(&Limits::new().pids_max(8)).unwrap();
        let fake = Fake::new(move |call| is(call, "GetAll").then(|| vec![answer(call, &[state_in(&path, "active")])]));
        let unit = fake.systemd().unit("web.scope").unwrap();
        let limits = Limits::new().pids_max(9).devices(DeviceRules::standard());
        let lacks = unit.apply_possible(&limits, LONG).unwrap();
        let said: Vec<String> = lacks.iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|lack| lack.contains("pids.max says \"8\"")), "{said:?}");
        assert!(said.iter().any(|lack| lack.contains("may use every device")), "{said:?}");
        assert_eq!(said.len(), 2, "{said:?}");
        let error = unit.apply(&limits, LONG).unwrap_err();
        assert_eq!((error.kind(), error.applied().len()), (ErrorKind::Unsupported, 0), "{}", all(&error));
        // Once it is done it is.
        group.apply(&limits).unwrap();
        unit.apply(&limits, LONG).unwrap();
        let fewer = Limits::new().pids_max(9).devices(DeviceRules::deny_all());
        let error = unit.apply(&fewer, LONG).unwrap_err();
        assert!(all(&error).contains("allowed and not asked for"), "{}", all(&error));
        let every = Limits::new().devices(DeviceRules::allow_all());
        assert!(all(&unit.apply(&every, LONG).unwrap_err()).contains("not allowed"));
        group.apply(&every).unwrap();
        unit.apply(&every, LONG).unwrap();
        group.remove().unwrap();
    });
}

#[test]
fn what_was_set_before_an_error_is_told_with_it() {
    needs!(root, cgroup1("blkio"), cgroup1("pids"));
    isolated(|| {
        let (group, path) = group();
        group.apply(&Limits::new().pids_max(9)).unwrap();
        let fake = Fake::new(move |call| is(call, "GetAll").then(|| vec![answer(call, &[state_in(&path, "active")])]));
        let unit = fake.systemd().unit("web.scope").unwrap();
        let disk = |limits: Limits| limits.device(DeviceNumber::new(8, 99), |disk| disk.reads = Some(Max::Limit(10)));
        let error = unit.apply(&disk(Limits::new().pids_max(9)), LONG).unwrap_err();
        assert_eq!(error.applied(), ["pids.max"], "{}", all(&error));
        group.remove().unwrap();
    });
}

#[test]
fn a_scope_that_has_ended_meanwhile_with_a_failure_is_an_error() {
    let error = start(|call| is(call, "GetAll").then(|| vec![answer(call, &[state("failed", "failed", "oom-kill")])]));
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongState);
    assert!(all(&error).contains("it was started, and has ended: the unit is failed (failed), its result oom-kill"));
}
