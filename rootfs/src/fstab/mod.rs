// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mounts as text: lines of an fstab, and the words of mount(8).
//!
//! Man: fstab(5), mount(8).

mod words;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, Object};
use crate::mounts::{Mount, Mounts};

impl Mount {
    /// The mount of this kind that these words of mount(8) say, as runtimes' configurations have them.
    ///
    /// Of a bind ("bind" or "rbind") "ro" and the like hold for its own mount, "rro" and the like for all that comes along;
    /// "rw", "suid", "dev", "exec" take away what the source has. "private", "rslave" and so on are its propagation,
    /// "create=dir", "create=file", "optional" and "relative" LXC's words, "idmap=" and "ridmap=" an
    /// [`Idmap`](crate::Idmap), "loop" with "offset=" and "sizelimit=" a [`Disk`](crate::Disk). "X-mount.mkdir" is "create"
    /// (modes of it are not kept), other "X-mount." words are refused. What begins with "x-", and "defaults", say nothing.
    /// What else there is is the file system's own.
    ///
    /// ```
    /// use skep_rootfs::{Attributes, Mount};
    ///
    /// let mount = Mount::from_words("none", "/srv", "/data", ["rbind", "ro", "rnosuid", "create=dir"])?;
    /// let Mount::Bind(bind) = mount else { panic!() };
    /// assert_eq!((bind.attributes, bind.below), (Attributes::READ_ONLY, Attributes::NOSUID));
    /// # Ok::<(), skep_rootfs::Error>(())
    /// ```
    /// # Errors
    /// `Invalid`, with every problem of the words; what is wrong with the mount is told by
    /// [`Mounts::problems`](crate::Mounts::problems).
    pub fn from_words(
        kind: &str,
        source: impl Into<PathBuf>,
        target: impl Into<PathBuf>,
        words: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, Error> {
        words::mount(kind, source.into(), target.into(), words)
            .map_err(|problems| Error::invalid("read", Object::Named("options of a mount"), problems))
    }

    /// Its words, as [`from_words`](Self::from_words) takes them. `None` for what has none: a minimal /dev, an overlay,
    /// control groups, a link.
    #[must_use]
    pub fn words(&self) -> Option<Vec<String>> {
        words::words(self)
    }

    /// What it is made of, and of which kind, as a line of an fstab says it.
    fn source_and_kind(&self) -> (&Path, &str) {
        match self {
            Mount::Bind(bind) => (&bind.source, "none"),
            Mount::FileSystem(named) => (&named.source, &named.kind),
            Mount::Disk(disk) => (&disk.file, &disk.kind),
            Mount::Tmpfs(_) => (Path::new("tmpfs"), "tmpfs"),
            Mount::Proc(_) => (Path::new("proc"), "proc"),
            Mount::Sysfs(_) => (Path::new("sysfs"), "sysfs"),
            Mount::Devpts(_) => (Path::new("devpts"), "devpts"),
            Mount::Mqueue(_) => (Path::new("mqueue"), "mqueue"),
            Mount::Dev(_) | Mount::Device(_) | Mount::Overlay(_) | Mount::Symlink(_) | Mount::Cgroups(_) => {
                (Path::new("none"), "none")
            }
        }
    }
}

impl Mounts {
    /// The mounts that an fstab says, a line each: source, target, kind, words with commas, and two numbers that say
    /// nothing here. A target without a "/" in front is one of the root too, as LXC has it.
    ///
    /// Blanks and what else would end a field are written in three octal digits behind a backslash; of a word that way a
    /// comma too.
    ///
    /// ```
    /// use skep_rootfs::Mounts;
    ///
    /// let mounts = Mounts::from_fstab("tmpfs /run tmpfs size=64m,nodev\n/srv/a\\040b data none bind,ro,create=dir 0 0\n")?;
    /// assert_eq!(mounts.mounts[1].target().to_str(), Some("/data"));
    /// let error = Mounts::from_fstab("proc\nUUID=7 / ext4\n").unwrap_err();
    /// assert_eq!(error.problems(), [
    ///     "line 1 has 1 field: source, target, kind, options",
    ///     "line 2: \"UUID=7\" is looked up by mount(8): a path is needed",
    /// ]);
    /// # Ok::<(), skep_rootfs::Error>(())
    /// ```
    /// # Errors
    /// `Invalid`, with every problem of the text, by its line; what is wrong with the mounts is told by
    /// [`problems`](Self::problems).
    pub fn from_fstab(text: impl AsRef<[u8]>) -> Result<Self, Error> {
        let (mut mounts, mut problems) = (Self::new(), Vec::new());
        for (line, number) in text.as_ref().split(|byte| *byte == b'\n').zip(1_u64..) {
            match read(line) {
                Ok(mount) => mounts.mounts.extend(mount),
                Err(found) => problems.extend(found.into_iter().map(|problem| format!("line {number}{problem}"))),
            }
        }
        if problems.is_empty() { Ok(mounts) } else { Err(Error::invalid("read", Object::Named("an fstab"), problems)) }
    }

    /// The text that [`from_fstab`](Self::from_fstab) reads so; what is read-only or masked afterwards is not in it.
    ///
    /// # Errors
    /// `Invalid`, with every mount that no line can say: a minimal /dev, an overlay, a link.
    pub fn to_fstab(&self) -> Result<Vec<u8>, Error> {
        let (mut text, mut problems) = (Vec::new(), Vec::new());
        for (at, mount) in self.mounts.iter().enumerate() {
            let Some(words) = mount.words() else {
                problems.push(format!("mounts[{at}] at {:?} can be said by no line", mount.target()));
                continue;
            };
            let (source, kind) = mount.source_and_kind();
            for field in [source.as_os_str().as_bytes(), mount.target().as_os_str().as_bytes(), kind.as_bytes()] {
                escape(&mut text, field, false);
                text.push(b' ');
            }
            for (at, word) in words.iter().enumerate() {
                text.extend((at > 0).then_some(b','));
                escape(&mut text, word.as_bytes(), true);
            }
            text.extend_from_slice(b" 0 0\n");
        }
        if problems.is_empty() { Ok(text) } else { Err(Error::invalid("write", Object::Named("an fstab"), problems)) }
    }
}

/// The mount of one line, if it has one; problems go on where the line's number ends.
fn read(line: &[u8]) -> Result<Option<Mount>, Vec<String>> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let fields: Vec<&[u8]> = line.split(is_blank).filter(|field| !field.is_empty()).collect();
    let (source, target, kind, options) = match *fields {
        [] => return Ok(None),
        [first, ..] if first.starts_with(b"#") => return Ok(None),
        [source, target, kind] => (source, target, kind, &b""[..]),
        [source, target, kind, options] => (source, target, kind, options),
        [source, target, kind, options, ref numbers @ ..] if numbers.len() <= 2 => {
            if let Some(number) = numbers.iter().find(|number| !number.iter().all(u8::is_ascii_digit)) {
                return Err(vec![format!(": {:?} is no number", String::from_utf8_lossy(number))]);
            }
            (source, target, kind, options)
        }
        ref fields => {
            let s = if fields.len() == 1 { "" } else { "s" };
            return Err(vec![format!(" has {} field{s}: source, target, kind, options", fields.len())]);
        }
    };
    let path = |field: &[u8]| PathBuf::from(OsString::from_vec(unescape(field)));
    // Before what is escaped in one is a comma.
    let words: Result<Vec<String>, _> =
        options.split(|byte| *byte == b',').map(|word| String::from_utf8(unescape(word))).collect();
    let (Ok(words), Ok(kind)) = (words, String::from_utf8(unescape(kind))) else {
        return Err(vec![": kind and options must be UTF-8".to_owned()]);
    };
    let mount = words::mount(&kind, path(source), Path::new("/").join(path(target)), words);
    mount.map(Some).map_err(|found| found.into_iter().map(|problem| format!(": {problem}")).collect())
}

/// A field without its escapes; a backslash that begins none is itself.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, others)) = rest.split_first() {
        if let (b'\\', Some((&[a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7'], others))) =
            (first, others.split_first_chunk())
        {
            bytes.push((a & 3) << 6 | (b & 7) << 3 | c & 7);
            rest = others;
        } else {
            bytes.push(*first);
            rest = others;
        }
    }
    bytes
}

/// Writes a field, or a word of one.
fn escape(text: &mut Vec<u8>, field: &[u8], is_word: bool) {
    for byte in field {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b'\\' | b'#' => text.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
            b',' if is_word => text.extend_from_slice(b"\\054"),
            byte => text.push(*byte),
        }
    }
}
