// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a program is denied, and when and where it runs: as it was said, of the program and its init, and of nobody else.

use std::fs;

use needs::{isolated, needs};
use skep::caps_sec::{
    AppArmorProfile, CompiledProfile, DenyWriteExecute, FileRights, IoPriority, Label, Landlock, MemoryMode,
    MemoryPolicy, NumberSet, OomScoreAdj, Personality, Scheduler, Scopes, Securebits,
};
use skep::{Builder, ErrorKind, Spec};

use crate::common::{program, shell, status, text_of};

/// What an ordinary user may say of a program, all of it.
fn said() -> Builder {
    shell(
        "cat /proc/self/oom_score_adj; grep ^Cpus_allowed_list /proc/self/status
        cut -d' ' -f41 /proc/self/stat; uname -m; cat /proc/self/personality",
    )
    .oom_score_adj(OomScoreAdj::new(321))
    .cpu_affinity([first_processor()])
    .scheduler(Scheduler::idle())
    .io_priority(IoPriority::idle())
    .personality(Personality::of_machine("linux32").unwrap() | Personality::ADDR_NO_RANDOMIZE)
}

/// One that we may run on.
fn first_processor() -> u16 {
    let ours = status("self", "Cpus_allowed_list");
    ours.split([',', '-']).next().unwrap().parse().unwrap()
}

#[test]
fn a_program_runs_when_and_where_it_is_said() {
    needs!(userns, file("/proc/self/personality"));
    isolated(|| {
        for builder in [said(), said().init()] {
            let text = text_of(builder);
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines[0], "321");
            assert_eq!(lines[1], format!("Cpus_allowed_list:\t{}", first_processor()));
            // SCHED_IDLE; a machine of 32 bits; that, and addresses that are not random.
            assert_eq!(lines[2], "5");
            assert!(["i686", "armv8l", "armv7l"].contains(&lines[3]), "{text}");
            assert_eq!(lines[4], "00040008");
        }
        assert_eq!(fs::read_to_string("/proc/self/personality").unwrap(), "00000000\n");
    });
}

#[test]
fn a_disk_sees_its_requests_as_it_is_said() {
    needs!(userns, program("ionice"));
    isolated(|| assert_eq!(text_of(program("ionice", &[]).io_priority(IoPriority::idle())), "idle\n"));
}

#[test]
fn memory_comes_from_the_nodes_that_are_said() {
    needs!(userns, file("/proc/self/numa_maps"));
    isolated(|| {
        let policy = MemoryPolicy::new(MemoryMode::Bind, [0]);
        assert!(text_of(program("cat", &["/proc/self/numa_maps"]).memory_policy(policy)).contains(" bind:0 "));
    });
}

#[test]
fn what_is_denied_by_landlock_is_denied_to_all_that_it_starts_and_to_no_other() {
    needs!(userns, syscall("landlock_create_ruleset"), kernel(5, 13));
    isolated(|| {
        let dir = needs::Scratch::new();
        let script =
            format!("echo a > {0}/a && exit 9; sh -c 'echo b > {0}/b' && exit 9; cat {0}/c", dir.path().display());
        fs::write(dir.join("c"), "read\n").unwrap();
        let writing = FileRights::WRITE_FILE | FileRights::MAKE_REG;
        let ruleset = Landlock::new().deny_files(writing).allow_path("/dev", FileRights::WRITE_FILE);
        for builder in [shell(&script).no_new_privileges(), shell(&script).no_new_privileges().init()] {
            assert_eq!(text_of(builder.landlock(ruleset.clone())), "read\n");
        }
        fs::write(dir.join("ours"), "").unwrap();
    });
}

#[test]
fn what_landlock_does_not_know_here_is_an_error_or_a_note() {
    needs!(userns);
    isolated(|| {
        // Where it is not on at all; and a right of each version.
        let known = Landlock::version().ok();
        let all = Landlock::new().deny_files(FileRights::MAKE_BLOCK).deny_beyond(Scopes::SIGNAL);
        let builder = || program("/bin/true", &[]).no_new_privileges();
        if known.is_some_and(|version| version >= 6) {
            assert_eq!(builder().landlock(all.clone()).plan().unwrap().notes(), [""; 0]);
            return;
        }
        let error = builder().landlock(all.clone()).plan().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.problems()[0].starts_with("process.rights.landlock: "), "{error:?}");
        let plan = builder().landlock_where_possible(all.clone()).plan().unwrap();
        assert_eq!(plan.notes().len(), 1);
        assert_eq!(plan.explain().contains("Landlock"), known.is_some());
        let container = builder().landlock_where_possible(all).start().unwrap();
        assert_eq!(container.notes(), plan.notes());
        assert!(container.wait().unwrap().success());
    });
}

#[test]
fn a_program_has_no_memory_that_is_written_and_executed() {
    needs!(userns, kernel(6, 3), program("python3"));
    isolated(|| {
        let script = "import mmap\ntry:\n mmap.mmap(-1, 4096, prot=7)\n print('made')\nexcept PermissionError:\n print('denied')";
        let builder = || program("python3", &["-c", script]);
        assert_eq!(text_of(builder()), "made\n");
        assert_eq!(text_of(builder().deny_write_execute(DenyWriteExecute::Inherited)), "denied\n");
    });
}

#[test]
fn the_switches_of_root_are_those_that_are_said() {
    needs!(root);
    isolated(|| {
        let bits = Securebits::NOROOT | Securebits::NOROOT_LOCKED;
        let said = text_of(shell("grep ^CapEff /proc/self/status").securebits(bits).capabilities(["chown"]));
        assert_eq!(said, "CapEff:\t0000000000000000\n");
    });
}

#[test]
fn a_label_of_a_module_that_is_not_on_is_refused_before_anything_is_made() {
    isolated(|| {
        let on = skep::caps_sec::Facts::probe();
        let labels = [("selinux", Label::selinux("system_u:system_r:web_t:s0")), ("apparmor", Label::apparmor("web"))];
        for (module, label) in labels.into_iter().filter(|(module, _)| on.module(module) == Some(false)) {
            let error = program("/bin/true", &[]).label(label).plan().unwrap_err();
            assert_eq!(
                error.problems(),
                [format!(
                    "process.rights.label: the security module {module} is not on in this kernel (the boot option lsm=)"
                )]
            );
        }
    });
}

#[test]
fn a_program_is_under_its_profile_and_its_init_is_not() {
    needs!(root, file("/sys/kernel/security/apparmor/.replace"), program("apparmor_parser"));
    isolated(|| {
        let name = format!("{} web", needs::token());
        AppArmorProfile::new(&name).rule("deny /etc/hostname r,").compile().unwrap().load().unwrap();
        let script = "cat /etc/hostname 2>&1; cat /proc/self/attr/current /proc/1/attr/current";
        let said = text_of(shell(script).label(Label::apparmor(&name)).init().no_new_privileges());
        CompiledProfile::unload(&name).unwrap();
        let lines: Vec<&str> = said.lines().collect();
        assert!(lines[0].ends_with("Permission denied"), "{said}");
        assert_eq!(lines[1..], [format!("{name} (enforce)").as_str(), "unconfined"]);
    });
}

#[test]
fn everything_that_is_said_of_rights_is_stored_and_read_again() {
    let mut builder = said()
        .label(Label::apparmor("web"))
        .landlock_where_possible(
            Landlock::new().deny_files(FileRights::EXECUTE).allow_path("/bin", FileRights::EXECUTE),
        )
        .deny_write_execute(DenyWriteExecute::Here)
        .memory_policy(MemoryPolicy::new(MemoryMode::Local, []))
        .securebits(Securebits::NOROOT)
        .in_caller_keyring()
        .core_scheduling();
    builder = builder.cpu_affinity("0-3,7".parse::<NumberSet>().unwrap());
    let text = serde_json::to_string(builder.spec()).unwrap();
    assert_eq!(serde_json::from_str::<Spec>(&text).unwrap(), *builder.spec());
}
