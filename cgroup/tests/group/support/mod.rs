// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the tests share: names, processes to put into groups, and views of the machine.

pub(crate) mod said;

pub(crate) mod disk;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use needs::{Need, token};
use skep_cgroup::{Cgroup, Controller, Layout, LayoutKind, Version};

/// Long enough for anything that works.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// A path from the root of the hierarchies, which the leak check knows: there version 2 gives controllers although we are
/// in it.
pub(crate) fn name(word: &str) -> String {
    format!("/{}-{word}", token())
}

/// The need of a controller in either version; false, and noted, where it is not there.
pub(crate) fn has(controller: Controller) -> bool {
    let layout = Layout::detect().unwrap();
    let unmet = layout.of(controller).is_none().then(|| "no hierarchy here has it".to_owned());
    !Need::new(format!("the cgroup controller {controller}"), unmet).skip()
}

/// The need of a hierarchy of this version that processes can be kept track of by.
pub(crate) fn has_version(version: Version) -> bool {
    let layout = Layout::detect().unwrap();
    let there = layout.hierarchies().iter().any(|found| found.version() == version && !found.controllers().is_empty());
    let unmet = (!there).then(|| format!("{} is all there is", layout.kind()));
    !Need::new(format!("a cgroup {version} hierarchy"), unmet).skip()
}

/// A process that does nothing.
pub(crate) fn sleeper() -> Child {
    sh("exec sleep 600")
}

/// A shell that waits for a line before it runs the script: it can be put into a group meanwhile.
pub(crate) fn sh(script: &str) -> Child {
    Command::new("sh")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The script, once its shell is in the group.
pub(crate) fn sh_in(group: &Cgroup, script: &str) -> Child {
    let mut child = sh(&format!("read line; {script}"));
    group.add(child.id()).unwrap();
    drop(child.stdin.take());
    child
}

pub(crate) fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The signal that has ended a child.
pub(crate) fn signal_of(mut child: Child) -> Option<i32> {
    use std::os::unix::process::ExitStatusExt;
    child.wait().unwrap().signal()
}

/// The directory of a group in the hierarchy of a controller, or of version 2.
pub(crate) fn directory(group: &Cgroup, controller: Option<Controller>) -> PathBuf {
    let layout = Layout::detect().unwrap();
    let hierarchy = controller.map_or(layout.v2(), |controller| layout.of(controller)).unwrap();
    let found = group.directories().find(|found| found.starts_with(hierarchy.mount_point()));
    found.unwrap().to_owned()
}

/// What a control file says.
pub(crate) fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{:?}: {error}", path.as_ref())).trim().to_owned()
}

pub(crate) fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().unwrap();
    assert!(status.success(), "{program} {arguments:?}");
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Takes a hierarchy out of view; in the box alone.
pub(crate) fn hide(controller: Controller) {
    let layout = Layout::detect().unwrap();
    run("umount", &[text(layout.of(controller).unwrap().mount_point())]);
}

/// Leaves hierarchies of this version alone in view.
pub(crate) fn only(version: Version) {
    let layout = Layout::detect().unwrap();
    for hierarchy in layout.hierarchies().iter().filter(|found| found.version() != version) {
        run("umount", &[text(hierarchy.mount_point())]);
    }
    let kind = if version == Version::V1 { LayoutKind::V1 } else { LayoutKind::V2 };
    assert_eq!(Layout::detect().unwrap().kind(), kind);
}

/// Takes a group and all that was made below it away, whatever the test has come to.
pub(crate) struct Swept(pub(crate) Cgroup);

impl std::ops::Deref for Swept {
    type Target = Cgroup;

    fn deref(&self) -> &Cgroup {
        &self.0
    }
}

impl Drop for Swept {
    fn drop(&mut self) {
        let done = self.0.kill().and_then(|()| self.0.remove());
        if let (Err(error), false) = (done, std::thread::panicking()) {
            panic!("cannot remove the group of a test: {}", said::all(&error));
        }
    }
}

pub(crate) fn create(word: &str) -> Swept {
    Swept(Cgroup::create(name(word)).unwrap())
}
