// SPDX-License-Identifier: MIT OR Apache-2.0
//! A scratch directory: named by the run's token, removed on drop.

use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{fs, io};

/// An empty directory below the temporary directory, that other accounts may look into (mode 0755).
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes the directory.
    ///
    /// # Panics
    /// If it cannot be made: there is no test without it.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "a default value that touches the disk would surprise")]
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // With the process: what a test makes before its isolated block is made once in each of the three processes.
        let name = format!("{}-{}-{}", crate::token(), std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        let made = fs::DirBuilder::new().mode(0o755).create(&path);
        // Again, without the umask in it.
        let made = made.and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)));
        if let Err(error) = made {
            panic!("cannot make the scratch directory {}: {error}", path.display());
        }
        Self { path }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of `name` in it.
    #[must_use]
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // No panic: the drop may be a part of one. The leak check fails the test for what stays.
        if let Err(error) = remove_unless_mounted(&self.path) {
            println!("cannot remove the scratch directory {}: {error}", self.path.display());
        }
    }
}

/// Removes a directory with what is in it, if nothing is mounted there: a test that has failed may have left a mount of the
/// machine's own files, and those are not ours to remove. The mounts go with the test's namespace, the directory is swept
/// after that.
///
/// # Errors
/// What removing it answers, or the place of a mount in it.
pub fn remove_unless_mounted(path: &Path) -> io::Result<()> {
    let table = fs::read_to_string("/proc/thread-self/mountinfo")?;
    let held = fs::File::open(path)?;
    // The name that the table has for it.
    match mounted_below(&table, &fs::read_link(format!("/proc/thread-self/fd/{}", held.as_raw_fd()))?) {
        Some(place) => Err(io::Error::other(format!("something is mounted at {place}"))),
        None => fs::remove_dir_all(path),
    }
}

/// The first mount of a table that is at `path` or below it.
fn mounted_below<'a>(table: &'a str, path: &Path) -> Option<&'a str> {
    // The names that we give have nothing in them that the kernel would write otherwise.
    table.lines().filter_map(|line| line.split(' ').nth(4)).find(|place| Path::new(place).starts_with(path))
}

/// Every entry of the temporary directory whose name carries `token`.
pub(crate) fn left(token: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else {
        return Vec::new();
    };
    let names = entries.flatten().map(|entry| entry.path());
    names.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().contains(token))).collect()
}

/// Removes what a test that was killed has left.
pub(crate) fn sweep(token: &str) {
    for path in left(token) {
        let is_directory = fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir());
        let removed = if is_directory { remove_unless_mounted(&path) } else { fs::remove_file(&path) };
        if let Err(error) = removed {
            println!("cannot remove {}, which a test has left: {error}", path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_open_to_others_and_gone_after_a_panic() {
        let (send, receive) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let dir = Scratch::new();
            fs::write(dir.join("file"), "x").unwrap();
            let mode = dir.path().metadata().unwrap().permissions().mode();
            send.send((dir.path().to_owned(), mode)).unwrap();
            panic!("on purpose");
        });
        assert!(thread.join().is_err());
        let (path, mode) = receive.recv().unwrap();
        assert_eq!(mode & 0o777, 0o755);
        assert!(!path.exists());
    }

    #[test]
    fn what_something_is_mounted_in_stays() {
        let table =
            "21 1 8:1 / / rw - ext4 /dev/a rw\n45 21 8:1 /etc /tmp/x-1/in\\040it rw shared:1 - ext4 /dev/a rw\n";
        assert_eq!(mounted_below(table, Path::new("/tmp/x-1")), Some("/tmp/x-1/in\\040it"));
        assert_eq!(mounted_below(table, Path::new("/tmp/x")), None);
        assert_eq!(mounted_below(table, Path::new("/")), Some("/"));
        let refused = remove_unless_mounted(Path::new("/proc")).unwrap_err();
        assert!(refused.to_string().starts_with("something is mounted at /proc"), "{refused}");
    }

    #[test]
    fn what_is_left_is_found_by_its_token_and_swept() {
        let token = crate::token::fresh();
        let path = std::env::temp_dir().join(format!("{token}-x"));
        fs::create_dir(&path).unwrap();
        assert_eq!(left(&token), [path]);
        sweep(&token);
        assert!(left(&token).is_empty());
    }
}
