// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the layout tells of this machine: named hierarchies, and what was delegated to us.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use needs::{Need, Scratch, isolated, needs, token};
use rustix::fs::{XattrFlags, setxattr};
use skep_cgroup::{Access, Cgroup, ErrorKind, Layout, Version};

use crate::rights::as_nobody;
use crate::support::{Swept, create, end, has_version, name, only, read, run, sleeper, text};

/// A hierarchy of version 1 with a name alone, there for as long as this is held.
struct Named {
    name: &'static str,
    point: Scratch,
}

impl Named {
    /// `None`, and noted, where the kernel has no version 1.
    fn mounted(name: &'static str) -> Option<Self> {
        let named = Self { name, point: Scratch::new() };
        let unmet = (!named.mount()).then(|| "it cannot be mounted".to_owned());
        (!Need::new("a named cgroup hierarchy", unmet).skip()).then_some(named)
    }

    fn mount(&self) -> bool {
        let options = format!("none,name={}", self.name);
        let mut command = std::process::Command::new("mount");
        command.args(["-t", "cgroup", "-o", &options, "cgroup", text(self.point.path())]).status().unwrap().success()
    }

    fn is_there(&self) -> bool {
        read("/proc/self/cgroup").lines().any(|line| line.contains(&format!(":name={}:", self.name)))
    }
}

impl Drop for Named {
    /// Groups that were removed go a little later. If one is left at the unmount, the hierarchy stays without a mount, and the
    /// next unmount without one takes it along.
    fn drop(&mut self) {
        for _ in 0..100 {
            let _not_mounted =
                std::process::Command::new("umount").arg(self.point.path()).stderr(Stdio::null()).status();
            for _ in 0..10 {
                if !self.is_there() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            self.mount();
        }
    }
}

#[test]
fn a_named_hierarchy_is_joined_when_it_is_asked_for_and_else_left_alone() {
    needs!(root);
    isolated(|| {
        let Some(mounted) = Named::mounted(token()) else { return };
        let point = mounted.point.path();
        let plain = Layout::detect().unwrap();
        let found = plain.named(token()).unwrap();
        assert_eq!(
            (found.version(), found.own_group(), found.access()),
            (Version::V1, Some("/".as_ref()), Access::Writable)
        );
        assert!(found.controllers().is_empty());
        let without = create("without");
        assert!(without.directories().all(|at| !at.starts_with(point)));

        let layout = plain.clone().with_named(token()).unwrap();
        let at = point.join(name("with").trim_start_matches('/'));
        let all = Swept(Cgroup::create_in(&layout, name("with")).unwrap());
        assert!(all.directories().any(|found| found == at));
        let child = sleeper();
        all.add(child.id()).unwrap();
        assert_eq!(read(at.join("cgroup.procs")), child.id().to_string());
        let again = Cgroup::open_in(&layout, name("with")).unwrap();
        assert_eq!(again.directories().count(), all.directories().count());
        assert_eq!(Cgroup::open(name("with")).unwrap().directories().count() + 1, all.directories().count());
        end(child);

        let few = Swept(Cgroup::create_with(&layout, name("few"), []).unwrap());
        assert_eq!(few.directories().collect::<Vec<_>>(), layout.directories(name("few"), []));
        drop((few, again, all, without));
        assert!(!at.exists());

        // What was asked for must be had.
        run("mount", &["-o", "remount,bind,ro", text(point)]);
        let error = Cgroup::create_in(&layout, name("read-only")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(layout.directories(name("read-only"), []).iter().all(|at| !at.exists()));
        run("umount", &[text(point)]);
    });
}

/// Puts this process back where the layout has seen it.
fn go_back(layout: &Layout) {
    for hierarchy in layout.hierarchies() {
        let own = hierarchy.own_group().unwrap().strip_prefix("/").unwrap().to_owned();
        fs::write(hierarchy.mount_point().join(own).join("cgroup.procs"), "0").unwrap();
    }
}

#[test]
fn what_was_delegated_to_us_is_the_highest_group_that_is_ours() {
    needs!(root);
    if !has_version(Version::V2) {
        return;
    }
    isolated(|| {
        only(Version::V2);
        let before = Layout::detect().unwrap();
        let top = create("top");
        let path = |below: &str| format!("{}{below}", name("top"));
        let home = Cgroup::create(path("/home")).unwrap();
        home.delegate(65534, 65534).unwrap();
        let own = as_nobody(|| Cgroup::create(path("/home/mine/own"))).unwrap();
        own.add(std::process::id()).unwrap();
        let of = |layout: &Layout| layout.v2().unwrap().clone();

        let layout = as_nobody(Layout::detect).unwrap();
        assert_eq!(layout.delegated_group().unwrap(), Path::new(&path("/home")), "{layout}");
        assert_eq!((of(&layout).access(), of(&layout).withheld().len()), (Access::Writable, 0));
        // The processes in it are in the way, one of which we are.
        assert_eq!(of(&layout).may_pass_on(), []);
        let made = as_nobody(|| Cgroup::create(layout.delegated_group().unwrap().join("web"))).unwrap();
        made.remove().unwrap();

        // Our own is not ours: what is above does not help.
        own.delegate(0, 0).unwrap();
        let layout = as_nobody(Layout::detect).unwrap();
        assert_eq!((of(&layout).access(), of(&layout).delegated_group()), (Access::Denied, None), "{layout}");
        assert!(of(&layout).withheld().contains(&"cgroup.procs".to_owned()));
        let error = layout.delegated_group().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(error.hint().is_some());
        // To root everything belongs.
        assert_eq!(Layout::detect().unwrap().delegated_group().unwrap(), Path::new("/"));

        marked(&home, Path::new(&path("/home")));
        go_back(&before);
        assert_eq!(Layout::detect().unwrap(), before);
        drop(top);
    });
}

/// Systemd's note, on a group above our own.
fn marked(home: &Cgroup, path: &Path) {
    let at = home.directories().next().unwrap();
    let found = || Layout::detect().unwrap().v2().unwrap().marked_group().map(Path::to_owned);
    assert_eq!(found(), None);
    for (attribute, value, expected) in [
        (c"user.delegate", b"0".as_slice(), None),
        (c"user.delegate", b"1", Some(path)),
        (c"user.delegate", b"0", None),
        (c"trusted.delegate", b"1", Some(path)),
    ] {
        setxattr(at, attribute, value, XattrFlags::empty()).unwrap();
        assert_eq!(found().as_deref(), expected, "{attribute:?}");
    }
}
