// SPDX-License-Identifier: MIT OR Apache-2.0
//! Places: where, as whom, and with which environment the test programs of a ring run.

use std::ffi::OsString;
use std::fs;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hasher, RandomState};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::account::{self, Account};
use super::artifact::{Built, TestBinary};
use crate::failure::Failure;

/// Which privileges the tests have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ring {
    Pure,
    User,
    Root,
}

impl Ring {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pure => "pure",
            Self::User => "user",
            Self::Root => "root",
        }
    }
}

/// One run of the command: a directory and a token for everything that its tests make.
#[derive(Debug)]
pub(super) struct Session {
    token: String,
    path: PathBuf,
}

impl Session {
    pub(super) fn open() -> Result<Self, Failure> {
        let token = format!("skep-test-{:08x}", RandomState::new().build_hasher().finish() & 0xffff_ffff);
        let path = std::env::temp_dir().join(&token);
        make_directory(&path)?;
        Ok(Self { token, path })
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn close(self) -> Result<(), Failure> {
        fs::remove_dir_all(&self.path).map_err(|error| format!("cannot remove {}: {error}", self.path.display()).into())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // After `close` there is nothing; on the way out of a failure that one has been told already.
        let _gone = fs::remove_dir_all(&self.path);
    }
}

/// Where the test programs of one ring run.
#[derive(Debug)]
pub(super) struct Place {
    label: String,
    /// Programs that start the test program, with their arguments.
    before: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    /// Whether the environment is these variables alone.
    fresh: bool,
    /// Where the test programs are, if not where cargo has put them; also where they run.
    copies: Option<PathBuf>,
    /// Home and temporary directory of the tests; the ledgers too.
    home: PathBuf,
}

impl Place {
    /// Makes the place of a ring; the error says why this account cannot run it.
    pub(super) fn prepare(ring: Ring, denied: Option<&str>, session: &Session, built: &Built) -> Result<Self, Failure> {
        let root = rustix::process::geteuid().is_root();
        if ring == Ring::Root && !root {
            return Err("this account is not root".into());
        }
        let label = denied.map_or_else(|| ring.name().to_owned(), |calls| format!("{} without {calls}", ring.name()));
        // Not by the names of the calls: it goes into the paths of sockets, which end at 107 bytes, and a comma into addresses.
        let without = |calls| {
            format!(
                "{}-{:08x}",
                ring.name(),
                BuildHasherDefault::<DefaultHasher>::default().hash_one(calls) & 0xffff_ffff
            )
        };
        let home = session.path.join(denied.map_or(ring.name().to_owned(), without));
        make_directory(&home)?;
        let mut place = Self { label, before: Vec::new(), environment: Vec::new(), fresh: false, copies: None, home };
        if let Some(calls) = denied {
            let denier = built.program("deny-syscall")?;
            place.before.extend([denier.into(), calls.into(), "--".into()]);
        }
        place.set("SKEP_RUN_TOKEN", &session.token);
        place.set("SKEP_RING", ring.name());
        place.set("RUST_BACKTRACE", "1");
        place.set("TMPDIR", place.home.clone());
        if ring == Ring::User && root {
            place.move_to(Account::ensure()?, session, built)?;
        } else if let Some(dir) = built.programs.first().and_then(|path| path.parent()) {
            place.set("SKEP_BIN_DIR", dir);
        }
        Ok(place)
    }

    /// Makes the place one of another account: cargo's own directories are often closed to it.
    fn move_to(&mut self, account: Account, session: &Session, built: &Built) -> Result<(), Failure> {
        reachable(session.path())?;
        let copies = session.path.join("bin");
        if !copies.exists() {
            make_directory(&copies)?;
            let tests = built.tests.iter().map(|test| test.path.as_path());
            for path in tests.chain(built.programs.iter().map(PathBuf::as_path)) {
                copy(path, &copies)?;
            }
        }
        chown(&self.home, Some(account.uid), Some(account.gid))?;
        let (uid, gid) = (format!("--reuid={}", account.uid), format!("--regid={}", account.gid));
        // Without --no-new-privs: newuidmap is set-user-ID. After the denier, which is root for the same reason.
        self.before.extend(["setpriv", &uid, &gid, "--init-groups", "--"].map(OsString::from));
        self.set("SKEP_BIN_DIR", copies.clone());
        self.set("HOME", self.home.clone());
        for variable in ["USER", "LOGNAME"] {
            self.set(variable, account::NAME);
        }
        self.set("PATH", std::env::var_os("PATH").unwrap_or_default());
        self.fresh = true;
        self.copies = Some(copies);
        Ok(())
    }

    fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.environment.push((name.into(), value.into()));
    }

    /// What the output calls this place.
    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// The ledger of a test program.
    pub(super) fn ledger(&self, binary: &TestBinary) -> PathBuf {
        self.home.join(format!("{}.ledger", binary.name.replace("::", "-")))
    }

    /// The command that runs a test program here.
    pub(super) fn command(&self, binary: &TestBinary) -> Command {
        let copied = self.copies.as_ref().zip(binary.path.file_name()).map(|(dir, file)| dir.join(file));
        let path = copied.unwrap_or_else(|| binary.path.clone());
        let mut words = self.before.iter().cloned().chain([path.into_os_string()]);
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        if self.fresh {
            command.env_clear().current_dir(&self.home);
        } else {
            command.current_dir(&binary.folder).env("CARGO_MANIFEST_DIR", &binary.folder);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env("SKEP_LEDGER", self.ledger(binary));
        command
    }
}

/// A directory that others may look into, whatever the umask is.
fn make_directory(path: &Path) -> Result<(), Failure> {
    let made = fs::create_dir(path).and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o755)));
    made.map_err(|error| format!("cannot make the directory {}: {error}", path.display()).into())
}

/// Whether any account may pass through every directory down to `path`.
fn reachable(path: &Path) -> Result<(), Failure> {
    let closed = path.ancestors().find(|dir| dir.metadata().is_ok_and(|meta| meta.permissions().mode() & 0o001 == 0));
    let Some(closed) = closed else { return Ok(()) };
    Err(format!("other accounts cannot pass through {}: set TMPDIR to where they can", closed.display()).into())
}

/// A second name where that is possible, else a copy: test programs are large.
fn copy(path: &Path, dir: &Path) -> Result<(), Failure> {
    let target = dir.join(path.file_name().unwrap_or_default());
    if target.exists() || fs::hard_link(path, &target).is_ok() {
        return Ok(());
    }
    let copied = fs::copy(path, &target);
    copied.map(|_| ()).map_err(|error| format!("cannot copy {} to {}: {error}", path.display(), dir.display()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_directory_on_the_way_is_named() {
        let session = Session::open().unwrap();
        let closed = session.path().join("closed");
        make_directory(&closed).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        assert!(reachable(&closed.join("x")).unwrap_err().to_string().contains("/closed: set TMPDIR"));
    }

    #[test]
    fn a_session_leaves_nothing_when_it_is_dropped() {
        let session = Session::open().unwrap();
        let path = session.path().to_owned();
        assert!(path.is_dir());
        drop(session);
        assert!(!path.exists());
    }
}
