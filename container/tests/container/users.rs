// SPDX-License-Identifier: MIT OR Apache-2.0
//! Users and groups by name, from the container's own files.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use needs::{isolated, needs};
use skep::ns::IdMap;
use skep::rootfs::{Bind, Changes, Disk, Mounts, RootSpec, Tmpfs};
use skep::{Builder, ErrorKind, Report, UserSpec};

use crate::common::{at_every_low_limit_on_descriptors, namespaces, text_of};
use crate::tree::Tree;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\
    +::::::\n\
    web:x:over:0::/:\n\
    web:x:33:34::/var/www:/bin/sh\n\
    web:x:0:0::/:\n\
    bare:x:40:41\n\
    1000:x:0:0::/:\n\
    huge:x:70000:34::/:";
const GROUP: &str = "root:x:0:root\nadm:x:4:sys,web\nweb:x:34:\nstaff:x:50:web,root\ntwice:x:50:web\nown:x:34:web\nfar:x:70000:huge,web2\n";

/// What a program says of itself.
const WHO: &str = "id -u; id -G; echo ${HOME-unset}";

fn tree() -> Tree {
    let tree = Tree::new();
    fs::write(tree.root().join("etc/passwd"), PASSWD).unwrap();
    fs::write(tree.root().join("etc/group"), GROUP).unwrap();
    tree
}

/// The problems of a description, which are found before anything is made.
#[track_caller]
fn problems(builder: Builder) -> Vec<String> {
    let error = builder.start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{}", Report(&error));
    error.problems().to_vec()
}

fn mkfifo(path: &Path) {
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
}

#[test]
fn a_program_is_who_the_container_s_own_files_say() {
    needs!(root, program("busybox"));
    isolated(|| {
        let tree = tree();
        for (user, expected) in [
            ("root", "0\n0 50\nunset\n"),
            ("web", "33\n34 4 50\nunset\n"),
            ("web:staff", "33\n50\nunset\n"),
            ("web:1234", "33\n1234\nunset\n"),
            ("33", "33\n34 4 50\nunset\n"),
            ("33:34", "33\n34\nunset\n"),
            ("33:staff", "33\n50\nunset\n"),
            ("1000", "1000\n0\nunset\n"),
            ("1000:adm", "1000\n4\nunset\n"),
            ("bare", "40\n41\nunset\n"),
        ] {
            assert_eq!(text_of(tree.shell(WHO).user_named(user)), expected, "{user}");
        }
        let web = || tree.shell(WHO).user_named("web");
        assert_eq!(text_of(web().groups(["staff", "7", "0012"])), "33\n34 7 12 50\nunset\n");
        assert_eq!(text_of(web().groups([0; 0])), "33\n34\nunset\n");
        assert_eq!(text_of(tree.shell(WHO).user(33, 33).groups(["adm"])), "33\n33 4\nunset\n");
        // The first group is among the further ones: who changes to another keeps what it denies.
        let status = text_of(tree.shell("grep ^Groups: /proc/self/status").user_named("web"));
        assert_eq!(status.split_whitespace().skip(1).collect::<Vec<_>>(), ["4", "34", "50"]);
    });
}

#[test]
fn home_is_the_user_s_where_that_is_asked_for_and_nothing_else_is_said() {
    needs!(root, program("busybox"));
    isolated(|| {
        let tree = tree();
        let home = |builder: Builder| text_of(builder.home_of_user());
        let shell = || tree.shell("echo ${HOME-unset}");
        assert_eq!(home(shell().user_named("web")), "/var/www\n");
        assert_eq!(home(shell().user(33, 34)), "/var/www\n");
        assert_eq!(home(shell().user(1234, 34)), "/\n");
        assert_eq!(home(shell().user_named("bare")), "/\n");
        assert_eq!(home(shell()), "/root\n");
        assert_eq!(home(shell().user_named("web").env("HOME", "/x")), "/x\n");
        assert_eq!(home(shell().user_named("web").env("HOME", "")), "\n");
        fs::remove_file(tree.root().join("etc/passwd")).unwrap();
        assert_eq!(home(shell().user(33, 34)), "/\n");
        assert_eq!(text_of(tree.shell(WHO).user_named("33")), "33\n0\nunset\n");
    });
}

#[test]
fn an_ordinary_user_has_names_in_a_user_namespace() {
    needs!(user, userns, program("busybox"));
    isolated(|| {
        let tree = tree();
        let builder = tree.shell(WHO).user_named("root").home_of_user();
        let notes = builder.plan().unwrap().notes().to_vec();
        let why = "the user namespace denies setgroups, and nobody in it can have any";
        assert_eq!(notes, [format!("further groups of \"root\", 50 (staff): {why}")]);
        let out = builder.output().unwrap();
        let said = String::from_utf8(out.stdout).unwrap();
        assert!(out.status.success() && said.starts_with("0\n0") && said.ends_with("\n/root\n"), "{said}");
        let absent = "is not in the id map of the user namespace";
        assert_eq!(
            problems(tree.shell(WHO).user_named("web")),
            [
                format!("process.user: user 33 (\"web\") {absent}"),
                format!("process.user: group 34 (of user web) {absent}")
            ]
        );
        fs::set_permissions(tree.root().join("etc/passwd"), fs::Permissions::from_mode(0o0)).unwrap();
        let why = "Permission denied (EACCES); numbers do not need it";
        assert_eq!(
            problems(tree.shell(WHO).user_named("root")),
            [format!("process.user: the container's /etc/passwd cannot be read: {why}")]
        );
    });
}

#[test]
fn a_range_of_subordinate_ids_has_users_with_all_their_groups() {
    needs!(user, subids, userns, program("busybox"));
    isolated(|| {
        let tree = tree();
        let name = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
        let inside = || tree.shell(WHO).namespaces(namespaces().user(IdMap::from_subid(&name).unwrap()));
        fs::set_permissions(tree.root().parent().unwrap(), fs::Permissions::from_mode(0o711)).unwrap();
        assert_eq!(text_of(inside().user_named("web").home_of_user()), "33\n34 4 50\n/var/www\n");
        let absent = "is not in the id map of the user namespace";
        assert_eq!(
            problems(inside().user_named("huge")),
            [
                format!("process.user: user 70000 (\"huge\") {absent}"),
                format!("process.groups: group 70000 (\"far\"), which lists \"huge\", {absent}")
            ]
        );
    });
}

#[test]
fn numbers_that_names_have_are_those_inside() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let tree = tree();
        let inside = |map: IdMap| tree.shell(WHO).namespaces(namespaces().user(map)).user_named("huge");
        let absent = "is not in the id map of the user namespace";
        let own_group = "process.user: group 34 (of user huge) is not in the id map of the user namespace";
        let problems = |map| inside(map).plan().unwrap_err().problems().to_vec();
        let user = format!("process.user: user 70000 (\"huge\") {absent}");
        let group = format!("process.groups: group 70000 (\"far\"), which lists \"huge\", {absent}");
        assert_eq!(problems(IdMap::whole(300_000, 50)), [user.clone(), group.clone()]);
        assert_eq!(problems(IdMap::whole(300_000, 34)), [user.clone(), own_group.to_owned(), group]);
        let denied = IdMap::whole(300_000, 50).deny_setgroups();
        assert_eq!(problems(denied), [user], "whom nobody asked for");
        let plan = inside(IdMap::whole(300_000, 70_001).deny_setgroups()).plan().unwrap();
        let why = "the user namespace denies setgroups, and nobody in it can have any";
        assert_eq!(plan.notes(), [format!("further groups of \"huge\", 70000 (far): {why}")]);
        assert!(plan.explain().contains("child: become 70000:34, in the caller's groups"), "{plan:?}");
    });
}

#[test]
fn the_files_are_those_that_the_program_will_see() {
    needs!(root, program("busybox"));
    isolated(|| {
        let tree = tree();
        let other = tree.root().join("other");
        fs::create_dir(&other).unwrap();
        fs::write(other.join("passwd"), "web:x:43:44::/:\n").unwrap();
        let web = |mounts: Mounts| tree.shell(WHO).mounts(Mounts::standard().and(mounts)).user_named("web");
        let file = Mounts::new().add(Bind::new(other.join("passwd"), "/etc/passwd"));
        assert_eq!(text_of(web(file)), "43\n44 4 34 50\nunset\n");
        assert_eq!(text_of(web(Mounts::new().add(Bind::new(&other, "/etc")))), "43\n44\nunset\n");
        let empty = Mounts::new().add(Tmpfs::new("/etc"));
        assert_eq!(problems(web(empty)), ["process.user: there is no user \"web\": the container has no /etc/passwd"]);
        // What an earlier container has written there.
        let kept = RootSpec::new(tree.root()).changes(Changes::Kept(tree.states()));
        let script = "echo 'web:x:53:54::/:' > /etc/passwd; rm /etc/group";
        text_of(tree.shell(script).root_spec(kept.clone()));
        assert_eq!(text_of(web(Mounts::new()).root_spec(kept)), "53\n54\nunset\n");
        assert_eq!(text_of(web(Mounts::new())), "33\n34 4 50\nunset\n");
        assert_eq!(text_of(web(Mounts::new()).copy_on_write()), "33\n34 4 50\nunset\n");
        // Nobody knows what is on a disk before it is mounted.
        let disk = tree.root().join("disk");
        fs::write(&disk, "").unwrap();
        let told = problems(web(Mounts::new().add(Disk::new(&disk, "ext4", "/etc"))));
        let why = "process.user: the container's /etc/passwd cannot be read: mounts[7] is there, at \"/etc\", and nobody knows \
                   what it shows before it is mounted";
        assert!(told.iter().any(|problem| problem.starts_with(why.split("mounts[").next().unwrap())), "{told:?}");
        fs::set_permissions(tree.states().join("work/work"), fs::Permissions::from_mode(0o700)).unwrap();
    });
}

#[test]
fn a_container_without_a_root_of_its_own_has_this_machine_s_names() {
    needs!(root);
    isolated(|| {
        let machine = fs::read_to_string("/etc/passwd").unwrap();
        let line = machine.lines().find(|line| line.starts_with("nobody:")).unwrap();
        let ids: Vec<&str> = line.split(':').collect();
        let said = text_of(crate::common::shell("id -u; id -g").user_named("nobody"));
        assert_eq!(said, format!("{}\n{}\n", ids[2], ids[3]));
    });
}

#[test]
fn hostile_files_are_named_and_neither_followed_nor_waited_for() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let tree = tree();
        let passwd = tree.root().join("etc/passwd");
        let root = || problems(tree.shell(WHO).user_named("root").hostname(""));
        let told = |why: &str| {
            let [hostname, user] = <[String; 2]>::try_from(root()).unwrap();
            assert!(hostname.starts_with("hostname: has 0 bytes"), "{hostname}");
            assert_eq!(user, format!("process.user: {why}"));
        };
        let unread = |why: &str| told(&format!("the container's /etc/passwd cannot be read: {why}"));
        let none = "there is no user \"root\": the container has no /etc/passwd";
        fs::remove_file(&passwd).unwrap();
        told(none);
        // Which this machine has, and which nobody in the root can get at.
        let outside = tree.root().parent().unwrap().join("outside");
        fs::write(&outside, PASSWD).unwrap();
        for link in [outside.as_path(), "../../outside".as_ref(), "/nowhere".as_ref(), "../bin/busybox/x".as_ref()] {
            symlink(link, &passwd).unwrap();
            told(none);
            fs::remove_file(&passwd).unwrap();
        }
        symlink("passwd", &passwd).unwrap();
        unread("Too many symbolic links encountered (ELOOP)");
        fs::remove_file(&passwd).unwrap();
        fs::create_dir(&passwd).unwrap();
        unread("\"/etc/passwd\" is a directory, no ordinary file");
        fs::remove_dir(&passwd).unwrap();
        mkfifo(&passwd);
        unread("\"/etc/passwd\" is a pipe, no ordinary file");
        fs::remove_file(&passwd).unwrap();
        fs::File::create(&passwd).unwrap().set_len(10 << 30).unwrap();
        unread("it has more than 16 MiB");
        fs::write(&passwd, "root\0:x:0:0::/:\n+root:x:0:0::/:\nroot:x:-1:0::/:\nroot:x:4294967295:0::/:\nroot:x:0")
            .unwrap();
        told("there is no user \"root\" in the container's /etc/passwd");
        fs::write(&passwd, [vec![b'x'; 15 << 20], b"\nroot:x:0:0::/:".to_vec()].concat()).unwrap();
        assert_eq!(root().len(), 1);
    });
}

#[test]
fn unknown_names_are_told_together_with_all_else() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let tree = tree();
        let builder = tree.shell(WHO).user_named("wob:stuff").groups(["adm", "a", "b:c"]).bind("/no/such", "/x");
        let told = problems(builder);
        // What is wrong in itself is looked up by nobody.
        assert_eq!(
            told[0],
            "process.groups: group \"b:c\" has a colon, a comma or a control character in it, which no name has"
        );
        assert!(told.iter().any(|problem| problem.contains("\"/no/such\" does not exist")), "{told:?}");
        let builder = tree.shell(WHO).user_named("wob:stuff").groups(["a"]).bind("/no/such", "/x");
        assert_eq!(
            problems(builder)[..3],
            [
                "process.user: there is no user \"wob\" in the container's /etc/passwd",
                "process.user: there is no group \"stuff\" in the container's /etc/group",
                "process.groups: there is no group \"a\" in the container's /etc/group",
            ]
        );
        let absent = tree.shell(WHO).root(tree.root().join("absent")).user_named("root");
        let told = problems(absent);
        assert!(told.len() == 1 && told[0].starts_with("root.base.directory"), "{told:?}");
    });
}

#[test]
fn what_became_of_names_is_explained_and_kept() {
    needs!(root, program("busybox"), syscall("pidfd_open"));
    isolated(|| {
        let tree = tree();
        let builder = tree.named("named", "sleep 1000").user_named("web").groups(["staff"]).home_of_user();
        let explained = builder.plan().unwrap().explain();
        let found: Vec<_> = explained.lines().filter_map(|line| line.strip_prefix("looked up: ")).collect();
        assert_eq!(
            found,
            ["user \"web\" is 33", "the group of web is 34", "group \"staff\" is 50", "HOME is \"/var/www\""]
        );
        assert!(explained.contains("child: become 33:34"), "{explained}");
        assert_eq!(builder.spec().process.user, Some(UserSpec::new("web")));
        let container = builder.kill_on_drop().start().unwrap();
        // Whoever opens it has the numbers, whatever the files say by then.
        fs::write(tree.root().join("etc/passwd"), "web:x:0:0::/:\n").unwrap();
        let opened = tree.open("named").unwrap();
        for each in [&container, &opened] {
            let process = &each.spec().unwrap().process;
            assert_eq!((process.user.clone(), process.home_of_user), (Some(UserSpec::from((33, 34))), false));
            let out = each.exec("/bin/sh", ["-c", WHO]).output().unwrap();
            assert_eq!(String::from_utf8(out.stdout).unwrap(), "33\n34 50\n/var/www\n");
        }
        container.kill().unwrap();
        container.wait().unwrap();
        drop(opened);
        container.delete().unwrap();
    });
}

#[test]
fn a_further_program_is_who_the_files_say_now() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let tree = tree();
        fs::create_dir(tree.root().join("jail")).unwrap();
        let script = "echo 'late:x:0:0::/late:' >> /etc/passwd; rm /etc/group; touch /done; exec sleep 1000";
        let container = tree.shell(script).kill_on_drop().start().unwrap();
        crate::common::until("the file is changed", || tree.root().join("done").exists());
        fs::write(tree.root().join("etc/passwd"), format!("{PASSWD}\nlate:x:0:0::/late:\n")).unwrap();
        let exec = |user: &str| container.exec("/bin/sh", ["-c", WHO]).user_named(user).home_of_user();
        let out = exec("late").output().unwrap();
        assert!(out.status.success(), "{out:?}");
        let said = String::from_utf8(out.stdout).unwrap();
        assert!(said.starts_with("0\n0") && said.ends_with("\n/late\n"), "{said}");
        let error = exec("later").groups(["adm"]).start().unwrap_err();
        assert_eq!(
            error.problems(),
            [
                "process.user: there is no user \"later\" in the container's /etc/passwd",
                "process.groups: there is no group \"adm\": the container has no /etc/group"
            ]
        );
        fs::remove_file(tree.root().join("etc/passwd")).unwrap();
        mkfifo(&tree.root().join("etc/passwd"));
        let error = exec("late").start().unwrap_err();
        assert!(error.problems()[0].ends_with("\"/etc/passwd\" is a pipe, no ordinary file"), "{error:?}");
    });
}

#[test]
fn a_root_that_the_first_process_gives_itself_is_not_the_container_s() {
    needs!(root, program("busybox"));
    isolated(|| {
        let tree = tree();
        let jail = tree.root().join("jail");
        fs::create_dir_all(jail.join("etc")).unwrap();
        fs::write(jail.join("etc/passwd"), "web:x:0:0::/:\n").unwrap();
        fs::create_dir(jail.join("bin")).unwrap();
        fs::copy(tree.root().join("bin/busybox"), jail.join("bin/busybox")).unwrap();
        let script = "exec busybox chroot /jail /bin/busybox sleep 1000";
        let container = tree.shell(script).kill_on_drop().start().unwrap();
        let link = format!("/proc/{}/root", container.pid().unwrap());
        let jailed = || fs::metadata(format!("{link}/etc/group")).is_err();
        crate::common::until("it is in there", jailed);
        let out = container.exec("/bin/sh", ["-c", WHO]).user_named("web").output().unwrap();
        assert_eq!(String::from_utf8(out.stdout).unwrap(), "33\n34 4 50\nunset\n");
    });
}

#[test]
fn a_limit_on_descriptors_is_told_where_names_are_looked_up() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let tree = tree();
        let attempt = || tree.shell("true").user_named("root").output().map(drop);
        at_every_low_limit_on_descriptors(attempt);
    });
}
