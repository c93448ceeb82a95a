// SPDX-License-Identifier: MIT OR Apache-2.0
//! A bundle of a case, and the runtime called for it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use needs::groups;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::{cargo, oci};

/// Seconds after which a call hangs.
const DEADLINE: u64 = 20;

/// A directory with a root and a configuration, and beside it one for the states of containers.
#[derive(Debug)]
pub(super) struct Bundle {
    dir: PathBuf,
    runtime: OsString,
    /// The container's name.
    pub(super) id: String,
    /// The path of its group.
    pub(super) group: String,
}

/// What a call ended with.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

impl Bundle {
    pub(super) fn new(place: &Path, runtime: &OsStr, number: usize) -> Result<Self, Failure> {
        let (dir, id) = (place.join(number.to_string()), format!("skep-conformance-c{number}"));
        fs::create_dir(&dir)?;
        cargo::output(Command::new("cp").arg("-al").arg(place.join("tree")).arg(dir.join("rootfs")))?;
        let group = format!("/{}/{id}", oci::name(place));
        Ok(Self { dir, runtime: runtime.to_owned(), id, group })
    }

    /// A file of the bundle.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(super) fn path(&self) -> String {
        self.dir.to_string_lossy().into_owned()
    }

    /// What the configurations of all cases begin with.
    pub(super) fn plain(&self, script: &str) -> Value {
        let caps = json!(["CAP_CHOWN", "CAP_KILL", "CAP_MKNOD", "CAP_SYS_ADMIN", "CAP_NET_BIND_SERVICE"]);
        json!({
            "ociVersion": "1.0.2",
            "root": {"path": "rootfs"},
            "hostname": "hive",
            "process": {
                "args": ["sh", "-c", script], "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0},
                "capabilities": {"bounding": caps, "effective": caps, "permitted": caps},
            },
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
                {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
                    "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
                {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "mode=1777"]},
                {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "ro"]},
            ],
            "linux": {
                "cgroupsPath": self.group,
                "namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "uts"}, {"type": "ipc"}, {"type": "network"}],
            },
        })
    }

    fn write(&self, script: &str, change: impl FnOnce(&mut Value)) -> Result<(), Failure> {
        let mut config = self.plain(script);
        change(&mut config);
        Ok(fs::write(self.file("config.json"), config.to_string())?)
    }

    /// Calls the runtime. Streams are files: who is created keeps them, and a pipe would not end with the call.
    pub(super) fn call(&self, words: &[&str]) -> Result<Done, Failure> {
        let [out, err] = ["out", "err"].map(|name| self.file(name));
        let status = Command::new("timeout")
            .args(["-k", "1", &DEADLINE.to_string()])
            .arg(&self.runtime)
            .arg("--root")
            .arg(self.file("states"))
            .args(words)
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(File::create(&out)?)
            .stderr(File::create(&err)?)
            .status()?;
        let text = |path: &Path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let done = Done { code: status.code(), out: text(&out)?, err: text(&err)? };
        // What timeout ends with itself.
        if matches!(done.code, None | Some(124)) {
            return Err(format!("`{}` hangs: {}", words.join(" "), done.err).into());
        }
        Ok(done)
    }

    /// Calls it, which must succeed.
    pub(super) fn done(&self, words: &[&str]) -> Result<String, Failure> {
        let done = self.call(words)?;
        if done.code == Some(0) {
            return Ok(done.out);
        }
        Err(format!("`{}` ended with {:?}: {}{}", words.join(" "), done.code, done.out, done.err).into())
    }

    /// Calls it, which must fail.
    pub(super) fn fails(&self, words: &[&str]) -> Result<(), Failure> {
        let done = self.call(words)?;
        if done.code == Some(0) {
            return Err(format!("`{}` is an error, and succeeded: {}", words.join(" "), done.out).into());
        }
        Ok(())
    }

    /// Runs a shell line to its end: what it printed.
    pub(super) fn run(&self, script: &str, change: impl FnOnce(&mut Value)) -> Result<String, Failure> {
        self.write(script, change)?;
        Ok(self.done(&["run", &self.id])?.trim_end().to_owned())
    }

    /// The same, which must print this.
    pub(super) fn says(&self, script: &str, expected: &str, change: impl FnOnce(&mut Value)) -> Result<(), Failure> {
        same(&self.run(script, change)?, expected)
    }

    pub(super) fn create(&self, script: &str, change: impl FnOnce(&mut Value)) -> Result<(), Failure> {
        self.write(script, change)?;
        self.done(&["create", &self.id]).map(drop)
    }

    /// A configuration that no container can be made of. Nothing of it is left.
    pub(super) fn refused(&self, change: impl FnOnce(&mut Value)) -> Result<(), Failure> {
        self.write("true", change)?;
        self.fails(&["create", &self.id])?;
        self.fails(&["state", &self.id])?;
        self.nothing_left()
    }

    /// No state and no group of the container is there.
    pub(super) fn nothing_left(&self) -> Result<(), Failure> {
        let states = fs::read_dir(self.file("states")).into_iter().flatten().filter_map(Result::ok);
        let groups = groups::named(self.group.trim_start_matches('/'))?;
        let left: Vec<PathBuf> = states.map(|entry| entry.path()).chain(groups).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("this is left: {left:?}").into()) }
    }

    pub(super) fn state(&self) -> Result<Value, Failure> {
        Ok(serde_json::from_str(&self.done(&["state", &self.id])?)?)
    }

    pub(super) fn status(&self) -> Result<String, Failure> {
        Ok(self.state()?.get("status").and_then(Value::as_str).unwrap_or("none").to_owned())
    }

    /// Waits until its state has this word.
    pub(super) fn until(&self, status: &str) -> Result<(), Failure> {
        until(&format!("its status is {status}"), || self.status().is_ok_and(|found| found == status))
    }

    /// Waits until a file of the bundle is there.
    pub(super) fn until_file(&self, name: &str) -> Result<(), Failure> {
        until(&format!("{name} is there"), || self.file(name).exists())
    }

    /// Removes the container, if it is there; nothing is left of it.
    pub(super) fn end(&self) -> Result<(), Failure> {
        self.call(&["delete", "--force", &self.id])?;
        self.nothing_left()
    }

    /// Removes the container whatever happened.
    pub(super) fn remove(&self) {
        drop(self.call(&["delete", "--force", &self.id]));
    }
}

/// Waits until it is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Result<(), Failure> {
    let begin = Instant::now();
    while !is_so() {
        if begin.elapsed() > Duration::from_secs(DEADLINE) {
            return Err(format!("it is not so, and was waited for: {what}").into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Two texts must be the same.
pub(super) fn same(found: &str, expected: &str) -> Result<(), Failure> {
    if found == expected { Ok(()) } else { Err(format!("expected: {expected:?}\nfound:    {found:?}").into()) }
}

/// It must be so.
pub(super) fn holds(is_so: bool, otherwise: impl Into<String>) -> Result<(), Failure> {
    if is_so { Ok(()) } else { Err(otherwise.into().into()) }
}

/// Adds to the list at a place of a configuration, which is made if there is none.
pub(super) fn add(config: &mut Value, place: [&str; 2], value: Value) {
    let [outer, inner] = place;
    let entry = if inner.is_empty() { &mut config[outer] } else { &mut config[outer][inner] };
    match entry {
        Value::Array(list) => list.push(value),
        other => *other = json!([value]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_grows_and_is_made_where_there_is_none() {
        let mut config = json!({"mounts": [1]});
        add(&mut config, ["mounts", ""], json!(2));
        add(&mut config, ["linux", "devices"], json!(3));
        assert_eq!(config, json!({"mounts": [1, 2], "linux": {"devices": [3]}}));
    }

    #[test]
    fn texts_that_differ_are_both_told() {
        assert!(same("a", "a").is_ok());
        assert_eq!(same("a", "b").unwrap_err().to_string(), "expected: \"b\"\nfound:    \"a\"");
    }
}
