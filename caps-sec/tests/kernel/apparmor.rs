// SPDX-License-Identifier: MIT OR Apache-2.0
//! AppArmor for real: a profile is made, compiled, loaded, taken on by a program, and enforced; and no mount over /proc keeps
//! it away in silence.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use needs::{isolated, needs};
use skep_caps_sec::{AppArmorProfile, CompiledProfile, Confinement, ErrorKind, Facts, Label, LabelOf, Privileges};

use super::proc_not_proc::umount;
use super::support::{As, on_a_thread, prepared};

const INTERFACE: &str = "/sys/kernel/security/apparmor/.replace";

/// A profile that is loaded, and unloaded when dropped.
struct Loaded(String);

impl Loaded {
    fn new(profile: &AppArmorProfile) -> Self {
        profile.compile().unwrap().load().unwrap();
        Self(profile.name.clone())
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        CompiledProfile::unload(&self.0).unwrap();
    }
}

/// The box of a test has namespaces of its own, and no securityfs in them that would not be the machine's.
fn run(privileges: &Privileges, program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    prepared(&mut command, privileges, As::Us).output().unwrap()
}

fn confined(label: Label) -> Privileges {
    Privileges::new().label(label).no_new_privs()
}

#[test]
fn a_program_is_under_the_profile_that_was_made_for_it_and_cannot_do_what_that_denies() {
    needs!(file(INTERFACE), program("apparmor_parser"), root);
    isolated(|| {
        let name = format!("{} web", needs::token());
        let profile = Loaded::new(&AppArmorProfile::new(&name).rule("deny /etc/hostname r,"));
        let enforced = Confinement { profile: name.clone(), mode: Some("enforce".to_owned()) };
        assert!(CompiledProfile::loaded().unwrap().contains(&enforced));
        let web = confined(Label::apparmor(&name));

        let out = run(&web, "cat", &["/proc/self/attr/current"]);
        assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), enforced.to_string());
        assert!(!run(&web, "cat", &["/etc/hostname"]).status.success());
        assert!(run(&web, "cat", &["/etc/passwd"]).status.success());
        // Root with every capability does not mount, nor turn the machine's switches.
        let out = run(&web, "mount", &["-t", "tmpfs", "tmpfs", "/mnt"]);
        assert!(!out.status.success(), "{out:?}");
        assert!(run(&Privileges::new(), "test", &["-w", "/proc/sys/vm/swappiness"]).status.success());
        let turn = ["-c", "cat /proc/sys/vm/swappiness > /proc/sys/vm/swappiness"];
        assert!(!run(&web, "sh", &turn).status.success());
        assert!(run(&Privileges::new(), "sh", &turn).status.success());
        // We are not.
        assert!(Confinement::of_process(std::process::id()).unwrap().is_unconfined());
        drop(profile);
        assert!(!CompiledProfile::loaded().unwrap().contains(&enforced));
        let error = on_a_thread(|| Label::apparmor(&name).enter(LabelOf::Program).unwrap_err());
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.hint().unwrap().contains("there is no profile of this name"), "{error:?}");
    });
}

#[test]
fn profiles_are_stacked_and_both_must_allow() {
    needs!(file(INTERFACE), program("apparmor_parser"), root);
    isolated(|| {
        let [one, two] = ["one", "two"].map(|name| format!("{}-{name}", needs::token()));
        let first = Loaded::new(&AppArmorProfile::new(&one).rule("deny /etc/hostname r,").rule("change_profile,"));
        let second = Loaded::new(&AppArmorProfile::new(&two).rule("deny /etc/passwd r,"));
        let out = on_a_thread(|| {
            Label::apparmor(&one).enter(LabelOf::Thread).unwrap();
            let both = Privileges::new().label(Label::apparmor_stacked(&two));
            ["/proc/self/attr/current", "/etc/hostname", "/etc/passwd", "/etc/group"]
                .map(|path| run(&both, "cat", &[path]))
        });
        let said = String::from_utf8_lossy(&out[0].stdout).into_owned();
        assert!(said.contains(&one) && said.contains(&two) && said.contains("//&"), "{said}");
        assert_eq!(out.each_ref().map(|out| out.status.success()), [true, false, false, true]);
        drop((first, second));
    });
}

#[test]
fn what_was_compiled_once_is_loaded_again_without_the_parser() {
    needs!(file(INTERFACE), program("apparmor_parser"), root);
    isolated(|| {
        let name = format!("{}-kept", needs::token());
        let kept = AppArmorProfile::new(&name).complain().compile().unwrap();
        let kept = CompiledProfile::from_bytes(kept.as_bytes().to_vec());
        for _ in 0..2 {
            kept.load().unwrap();
            let complains = Confinement { profile: name.clone(), mode: Some("complain".to_owned()) };
            assert!(CompiledProfile::loaded().unwrap().contains(&complains));
            CompiledProfile::unload(&name).unwrap();
        }
        assert_eq!(CompiledProfile::unload(&name).unwrap_err().kind(), ErrorKind::NotFound);
        assert!(CompiledProfile::from_bytes(b"no profile".to_vec()).load().is_err());
        let error = AppArmorProfile::new(&name).rule("fly to the moon,").compile().unwrap_err();
        assert!(error.problems().iter().any(|problem| problem.contains("syntax error")), "{error:?}");
    });
}

#[test]
fn a_file_over_the_attribute_does_not_take_the_label() {
    needs!(file(INTERFACE), program("apparmor_parser"), root);
    isolated(|| {
        let name = format!("{}-race", needs::token());
        let profile = Loaded::new(&AppArmorProfile::new(&name));
        // What CVE-2019-16884 does: a file that is not the kernel's in the place of the attribute.
        let (pid, tid) = (std::process::id(), rustix::thread::gettid().as_raw_nonzero());
        let attribute = format!("/proc/{pid}/task/{tid}/attr/apparmor/exec");
        let bind = ["--bind", &format!("/proc/{pid}/comm"), &attribute];
        assert!(Command::new("mount").args(bind).status().unwrap().success());
        // The naive writer believes that it was labelled.
        fs::write("/proc/thread-self/attr/apparmor/exec", format!("exec {name}")).unwrap();
        let cat = || {
            let out = Command::new("cat").arg("/proc/self/attr/current").output().unwrap();
            String::from_utf8(out.stdout).unwrap()
        };
        assert_eq!(cat().trim(), "unconfined");
        let label = Label::apparmor(&name).enter(LabelOf::Program);
        if Facts::probe().lsm_calls {
            // No file stands between.
            label.unwrap();
            assert_eq!(cat().trim(), format!("{name} (enforce)"));
        } else {
            let error = label.unwrap_err();
            assert_eq!(error.errno(), Some(libc::EXDEV));
            assert!(error.hint().unwrap().contains("is not the kernel's"));
            assert_eq!(cat().trim(), "unconfined");
        }
        umount(&attribute);
        assert!(Path::new(&attribute).exists());
        drop(profile);
    });
}

#[test]
fn where_apparmor_is_not_a_label_of_it_is_refused_with_the_reason() {
    isolated(|| {
        if Facts::probe().module("apparmor") == Some(true) {
            return;
        }
        let error = on_a_thread(|| Label::apparmor("web").enter(LabelOf::Program).unwrap_err());
        assert!(matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::NotFound), "{error:?}");
        assert!(error.hint().unwrap().contains("apparmor is not on in this kernel"), "{error:?}");
        let error = CompiledProfile::from_bytes(vec![1]).load().unwrap_err();
        assert!(error.hint().unwrap().contains("AppArmor is not on"), "{error:?}");
    });
}
