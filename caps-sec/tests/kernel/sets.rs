// SPDX-License-Identifier: MIT OR Apache-2.0
//! The five sets: what is asked is what the program has, or what was foretold.

use needs::{isolated, needs};
use skep_caps_sec::{Cap, CapSet, Capabilities, Privileges, Securebits};

use super::support::{As, available, for_some, on_a_thread, privileges_within, sets_after_exec, sets_within};

const USER: u32 = 1000;

fn last() -> CapSet {
    CapSet::up_to(Cap::last().unwrap())
}

#[test]
fn a_program_of_root_has_exactly_what_was_asked() {
    needs!(root);
    isolated(|| {
        for_some(sets_within(available()), |random| {
            let sets = Capabilities::exactly(random.bounding);
            let privileges = Privileges::new().capabilities(sets);
            assert_eq!(sets_after_exec(&privileges, As::User(0)).unwrap(), sets);
            assert_eq!(sets_after_exec(&privileges, As::Us).unwrap(), sets);
        });
    });
}

#[test]
fn a_program_of_a_user_has_exactly_what_was_asked_if_it_is_ambient() {
    needs!(root);
    isolated(|| {
        for_some(sets_within(available()), |random| {
            let sets = Capabilities::exactly(random.bounding);
            let with = Privileges::new().capabilities(sets.with_ambient());
            assert_eq!(sets_after_exec(&with, As::User(USER)).unwrap(), sets.with_ambient());
            let without = Privileges::new().capabilities(sets);
            let bare = Capabilities { bounding: sets.bounding, ..Capabilities::none() };
            assert_eq!(sets_after_exec(&without, As::User(USER)).unwrap(), bare);
        });
    });
}

#[test]
fn any_sets_end_as_foretold() {
    needs!(root);
    isolated(|| {
        for_some(privileges_within(available()), |privileges| {
            assert_eq!(privileges.problems(), [""; 0]);
            for uid in [0, USER] {
                let has = sets_after_exec(&privileges, As::User(uid)).unwrap();
                assert_eq!(Some(has), privileges.after_exec(uid), "uid {uid}: {privileges:?}");
            }
        });
    });
}

#[test]
fn in_a_user_namespace_any_sets_end_as_foretold() {
    needs!(userns);
    isolated(|| {
        for_some(privileges_within(last()), |privileges| {
            for uid in [0, USER] {
                let has = sets_after_exec(&privileges, As::UserInside(uid)).unwrap();
                assert_eq!(Some(has), privileges.after_exec(uid), "uid {uid}: {privileges:?}");
            }
        });
    });
}

#[test]
fn in_a_user_namespace_everything_can_be_given_and_nothing() {
    needs!(userns);
    isolated(|| {
        for set in [last(), CapSet::standard(), CapSet::empty()] {
            let sets = Capabilities::exactly(set);
            let privileges = Privileges::new().capabilities(sets);
            assert_eq!(sets_after_exec(&privileges, As::UserInside(0)).unwrap(), sets);
            let privileges = Privileges::new().capabilities(sets.with_ambient());
            assert_eq!(sets_after_exec(&privileges, As::UserInside(USER)).unwrap(), sets.with_ambient());
        }
    });
}

#[test]
fn nothing_is_left_in_the_bounding_set_that_was_not_asked_for() {
    needs!(userns);
    isolated(|| {
        // All 64 bits, not those alone that have names: a new user namespace begins with all that the kernel has.
        let none = Privileges::new().capabilities(Capabilities::none());
        assert_eq!(sets_after_exec(&none, As::UserInside(0)).unwrap().bounding.bits(), 0);
        let unknown = CapSet::from_bits(u64::MAX) - last();
        let kept = Capabilities { bounding: unknown.with(Cap::KILL), ..Capabilities::none() };
        let has = sets_after_exec(&Privileges::new().capabilities(kept), As::UserInside(USER)).unwrap();
        assert_eq!(has.bounding & last(), Cap::KILL.into());
    });
}

#[test]
fn a_thread_has_exactly_the_sets_that_it_enters_and_other_threads_keep_theirs() {
    needs!(root);
    isolated(|| {
        let before = Capabilities::current().unwrap();
        for_some(sets_within(available()), |sets| {
            let steps = Privileges::new().capabilities(sets).steps(None);
            on_a_thread(move || {
                steps.enter_thread().unwrap();
                assert_eq!(Capabilities::current().unwrap(), sets);
            });
        });
        assert_eq!(Capabilities::current().unwrap(), before);
    });
}

#[test]
fn what_came_as_ambient_is_gone_unless_asked_for() {
    needs!(root);
    isolated(|| {
        let few = CapSet::from([Cap::CHOWN, Cap::KILL]);
        on_a_thread(move || {
            let all = Capabilities { bounding: available(), permitted: available(), ..Capabilities::none() };
            let caller = Capabilities { inheritable: few, ambient: few, effective: available(), ..all };
            Privileges::new().capabilities(caller).steps(None).enter_thread().unwrap();
            assert_eq!(Capabilities::current().unwrap().ambient, few);
            let wanted = Capabilities { ambient: Cap::KILL.into(), ..caller };
            Privileges::new().capabilities(wanted).steps(None).enter_thread().unwrap();
            assert_eq!(Capabilities::current().unwrap(), wanted);
            let wanted = Capabilities { ambient: CapSet::empty(), ..caller };
            Privileges::new().capabilities(wanted).steps(None).enter_thread().unwrap();
            assert_eq!(Capabilities::current().unwrap(), wanted);
            let wanted = Capabilities::exactly(few);
            Privileges::new().capabilities(wanted).steps(None).enter_thread().unwrap();
            assert_eq!(Capabilities::current().unwrap(), wanted);
        });
    });
}

#[test]
fn what_was_inheritable_before_is_root_s_even_outside_of_the_bounding_set() {
    needs!(root);
    isolated(|| {
        let few = CapSet::from([Cap::CHOWN, Cap::KILL]);
        on_a_thread(move || {
            let caller = Capabilities { inheritable: few, ..Capabilities::exactly(available()) };
            Privileges::new().capabilities(caller).steps(None).enter_thread().unwrap();
            let privileges = Privileges::new().capabilities(Capabilities { inheritable: few, ..Capabilities::none() });
            assert_eq!(privileges.problems().len(), 1);
            let has = sets_after_exec(&privileges, As::Us).unwrap();
            assert_eq!((has.permitted, Some(has)), (few, privileges.after_exec(0)));
        });
    });
}

#[test]
fn what_the_caller_lacks_is_refused_or_left_out_by_name() {
    needs!(root);
    isolated(|| {
        on_a_thread(|| {
            let less = available().without(Cap::KILL);
            Privileges::new().capabilities(Capabilities::exactly(less)).steps(None).enter_thread().unwrap();
            let asked = Capabilities::exactly(CapSet::standard()).with_ambient();
            let error = sets_after_exec(&Privileges::new().capabilities(asked), As::Us).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EPERM));
            let (given, left_out) = asked.limited_to(Capabilities::current().unwrap().bounding);
            assert_eq!(left_out, Cap::KILL.into());
            assert_eq!(sets_after_exec(&Privileges::new().capabilities(given), As::Us).unwrap(), given);
        });
    });
}

#[test]
fn a_user_without_the_right_is_refused_at_the_bounding_set() {
    needs!(user);
    isolated(|| {
        let none = Privileges::new().capabilities(Capabilities::none());
        let error = sets_after_exec(&none, As::Us).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EPERM));
        // Where nothing is to be dropped no right is needed.
        let same = Capabilities { bounding: available(), ..Capabilities::none() };
        assert_eq!(sets_after_exec(&Privileges::new().capabilities(same), As::Us).unwrap(), same);
    });
}

#[test]
fn root_without_special_treatment_has_what_is_ambient_alone() {
    needs!(root);
    isolated(|| {
        let few = CapSet::from([Cap::CHOWN, Cap::KILL]);
        let locked = Securebits::no_special_root();
        let root = Privileges::new().securebits(locked).capabilities(Capabilities::exactly(few));
        let has = sets_after_exec(&root, As::User(0)).unwrap();
        assert_eq!(has, Capabilities { bounding: few, ..Capabilities::none() });
        // And a change of user takes nothing, so that nothing had to be kept.
        let sets = Capabilities::exactly(few).with_ambient();
        let user = Privileges::new().securebits(Securebits::NO_SETUID_FIXUP.locked()).capabilities(sets);
        assert_eq!(sets_after_exec(&user, As::User(USER)).unwrap(), sets);
    });
}
