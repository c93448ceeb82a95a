// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a file of a root is opened.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, fstat, ftruncate, openat};
use rustix::io::Errno as Refusal;

use super::{Root, links_for, names_directory, refusal};
use crate::error::Error;
use crate::floor::resolve::Links;
use crate::procfs::Procfs;
use crate::sys;

/// How [`Root::open_with`] opens a file: as std's `OpenOptions`, and whether a link at the end is followed.
///
/// ```
/// use std::io::Write;
/// use skep_rootfs::{OpenOptions, Root};
///
/// # let dir = std::env::temp_dir().join(format!("skep-doc-options-{}", std::process::id()));
/// # std::fs::create_dir(&dir)?;
/// let root = Root::open(&dir)?;
/// let log = OpenOptions::new().append().create().mode(0o640);
/// root.open_with("/log", &log)?.write_all(b"a line\n")?;
/// assert_eq!(root.read("/log")?, b"a line\n");
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(clippy::struct_excessive_bools, reason = "each is a bit of open(2)")]
pub struct OpenOptions {
    read: bool,
    write: bool,
    append: bool,
    truncate: bool,
    create: bool,
    create_new: bool,
    no_follow: bool,
    mode: u32,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            read: false,
            write: false,
            append: false,
            truncate: false,
            create: false,
            create_new: false,
            no_follow: false,
            mode: 0o644,
        }
    }
}

impl OpenOptions {
    /// Nothing yet: neither for reading nor for writing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// For reading.
    #[must_use]
    #[doc(alias = "O_RDONLY")]
    pub fn read(mut self) -> Self {
        self.read = true;
        self
    }

    /// For writing.
    #[must_use]
    #[doc(alias = "O_WRONLY")]
    pub fn write(mut self) -> Self {
        self.write = true;
        self
    }

    /// For writing at the end, wherever that is at each write.
    #[must_use]
    #[doc(alias = "O_APPEND")]
    pub fn append(mut self) -> Self {
        self.append = true;
        self
    }

    /// Without what it holds; for writing.
    #[must_use]
    #[doc(alias = "O_TRUNC")]
    pub fn truncate(mut self) -> Self {
        self.truncate = true;
        self
    }

    /// Made if nothing is there; for writing.
    #[must_use]
    #[doc(alias = "O_CREAT")]
    pub fn create(mut self) -> Self {
        self.create = true;
        self
    }

    /// Made, and whatever has this name is an error, a link too; for writing.
    #[must_use]
    #[doc(alias = "O_EXCL")]
    pub fn create_new(mut self) -> Self {
        self.create_new = true;
        self
    }

    /// A link at the end of the path is an error (`ELOOP`); those on the way are followed in the root.
    #[must_use]
    #[doc(alias = "O_NOFOLLOW")]
    pub fn no_follow(mut self) -> Self {
        self.no_follow = true;
        self
    }

    /// The mode of what is made, 0 to 0777, less this process's umask; 0644 by default.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// What is wrong with it, a sentence each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let writes = self.write || self.append;
        if !self.read && !writes {
            problems.push("a file is opened for reading, writing or appending".to_owned());
        }
        for (asked, word) in
            [(self.truncate, "truncate()"), (self.create, "create()"), (self.create_new, "create_new()")]
        {
            if asked && !writes {
                problems.push(format!("{word} is for a file that is written"));
            }
        }
        if self.truncate && self.append && !self.create_new {
            problems.push("truncate() and append() exclude each other".to_owned());
        }
        if self.mode & !0o777 != 0 {
            problems.push(format!("mode {:o} is not within 0 to 777", self.mode));
        }
        problems
    }

    fn access(&self) -> OFlags {
        let access = match (self.read, self.write || self.append) {
            (true, true) => OFlags::RDWR,
            (false, true) => OFlags::WRONLY,
            _ => OFlags::RDONLY,
        };
        if self.append { access | OFlags::APPEND } else { access }
    }
}

/// What is said of a link that leads nowhere, where a file was to be made.
const NO_END: &str = "it is a link that leads nowhere, at whose other end nothing is made";

/// How often a name is looked for and made again, when others make and remove it meanwhile.
const TRIES: u32 = 64;

impl Root {
    /// The file at `path`: an ordinary one, for whoever made the root may have put a device or a pipe there, and to open
    /// those can do something, or take for ever. It is looked at before it is opened.
    ///
    /// Nothing is made at the other end of a link that leads nowhere, nor written through links below /proc, /sys and /dev.
    ///
    /// # Errors
    /// `Invalid` for options that make no sense, and for what is no ordinary file; `ENOENT`, `ENOTDIR`, `EACCES`, `EROFS`;
    /// `EEXIST` for [`OpenOptions::create_new`], and for a link that leads nowhere where a file was to be made; `ELOOP` for
    /// a link where none may be; `EXDEV` where neither /proc is a proc nor one can be made.
    /// # Kernel
    /// See open(2).
    #[doc(alias = "openat")]
    pub fn open_with(&self, path: impl AsRef<Path>, options: &OpenOptions) -> Result<File, Error> {
        let path = path.as_ref();
        let problems = options.problems();
        if !problems.is_empty() {
            return Err(Error::invalid("open", self.object(path), problems));
        }
        let refused = |errno: Refusal| self.error("open", path, errno.raw_os_error());
        for _ in 0..TRIES {
            if !options.create_new {
                match self.place_for(path, options) {
                    Ok(place) => return self.open_place(path, &place, options),
                    Err(Refusal::NOENT) if options.create => {}
                    Err(errno) => return Err(refused(errno)),
                }
            }
            match self.make_file(path, options) {
                Ok(file) => return Ok(file),
                // Made by somebody else since the look, or a link that leads nowhere.
                Err(Refusal::EXIST) if !options.create_new && !self.is_link(path) => {}
                Err(Refusal::EXIST) if !options.create_new => {
                    return Err(refused(Refusal::EXIST).with_hint(NO_END));
                }
                Err(errno) => return Err(refused(errno)),
            }
        }
        Err(refused(Refusal::AGAIN))
    }

    fn place_for(&self, path: &Path, options: &OpenOptions) -> Result<OwnedFd, Refusal> {
        let writes = options.write || options.append;
        let links = if writes { links_for(path) } else { Links::Follow };
        if !options.no_follow {
            return self.place_with(path, links).map_err(Refusal::from_raw_os_error);
        }
        let place = self.place_itself(path)?;
        if FileType::from_raw_mode(fstat(&place)?.st_mode) == FileType::Symlink {
            Err(Refusal::LOOP)
        } else {
            Ok(place)
        }
    }

    /// Opens what was found, once it is known to be an ordinary file.
    pub(super) fn open_place(&self, path: &Path, place: &OwnedFd, options: &OpenOptions) -> Result<File, Error> {
        let error = |errno: Refusal| self.error("open", path, errno.raw_os_error());
        let is = FileType::from_raw_mode(fstat(place).map_err(error)?.st_mode);
        if is != FileType::RegularFile {
            let said = format!("{path:?} is {}, no ordinary file", in_words(is));
            return Err(Error::invalid("open", self.object(path), vec![said]));
        }
        let opened = Procfs::nearest().and_then(|proc| proc.again(place.as_fd(), options.access())).map_err(error)?;
        // Not by O_TRUNC: what it is was only certain now.
        if options.truncate {
            ftruncate(&opened, 0).map_err(error)?;
        }
        Ok(opened.into())
    }

    fn make_file(&self, path: &Path, options: &OpenOptions) -> Result<File, Refusal> {
        let (directory, name) = self.parent(path).map_err(refusal)?;
        if names_directory(path) {
            return Err(Refusal::ISDIR);
        }
        let flags = options.access() | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(sys::owned(directory), name, flags, Mode::from_raw_mode(options.mode)).map(File::from)
    }

    fn is_link(&self, path: &Path) -> bool {
        let found = self.place_itself(path).and_then(fstat);
        found.is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Symlink)
    }
}

/// What is there in place of a file.
pub(crate) fn in_words(is: FileType) -> &'static str {
    match is {
        FileType::Directory => "a directory",
        FileType::Symlink => "a link",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "something else",
    }
}
