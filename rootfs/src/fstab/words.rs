// SPDX-License-Identifier: MIT OR Apache-2.0
//! Options as mount(8) writes them: what each word says of a mount.

use std::path::PathBuf;

use crate::mounts::{
    Attributes, Bind, Devpts, Disk, FileSystem, HidePid, Idmap, Mount, Mqueue, Proc, Propagation, Sysfs, Tmpfs,
};

/// Words that take an attribute away, and which.
const OPPOSITES: [(&str, Attributes); 6] = [
    ("rw", Attributes::READ_ONLY),
    ("suid", Attributes::NOSUID),
    ("dev", Attributes::NODEV),
    ("exec", Attributes::NOEXEC),
    ("diratime", Attributes::NODIRATIME),
    ("symfollow", Attributes::NOSYMFOLLOW),
];

/// Words that say nothing of a mount, and what is so without them.
const NOTHING: [&str; 6] = ["defaults", "auto", "nouser", "async", "_netdev", "norelatime"];

/// Words for who calls mount(8), which are nothing that a mount could have.
const CALLER_S: [&str; 5] = ["noauto", "user", "users", "owner", "group"];

/// Attributes as words have set them and taken them away; the last word counts.
#[derive(Debug, Default)]
struct Change {
    set: Attributes,
    cleared: Attributes,
}

impl Change {
    /// Whether the word is one of an attribute.
    fn take(&mut self, word: &str) -> bool {
        let word = if word == "atime" { "relatime" } else { word };
        if let Some(one) = Attributes::of_word(word) {
            if Attributes::TIMES.contains(one) {
                self.set.remove(Attributes::TIMES);
            }
            self.set.insert(one);
            self.cleared.remove(one);
        } else if let Some((_, one)) = OPPOSITES.into_iter().find(|(known, _)| *known == word) {
            self.set.remove(one);
            self.cleared.insert(one);
        } else {
            return false;
        }
        true
    }
}

/// What words say.
#[derive(Debug, Default)]
struct Said {
    top: Change,
    below: Change,
    bind: Option<bool>,
    propagation: Option<Propagation>,
    create: bool,
    optional: bool,
    relative: bool,
    on_loop: bool,
    offset: Option<u64>,
    length: Option<u64>,
    idmap: Option<(Idmap, bool)>,
    data: Vec<String>,
    problems: Vec<String>,
}

impl Said {
    fn of(words: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut said = Self::default();
        for word in words {
            said.take(word.as_ref());
        }
        said
    }

    fn take(&mut self, word: &str) {
        let below = word.strip_prefix('r').filter(|word| *word != "w" && *word != "elatime");
        if word.is_empty() || NOTHING.contains(&word) || self.top.take(word) {
            return;
        }
        if let Some(propagation) = Propagation::of_word(word) {
            self.propagation = Some(propagation);
            return;
        }
        if below.is_some_and(|word| self.below.take(word)) {
            return;
        }
        match word.split_once('=').unwrap_or((word, "")) {
            ("bind", "") => self.bind = Some(false),
            ("rbind", "") => self.bind = Some(true),
            ("create", "" | "dir" | "file") | ("X-mount.mkdir", _) => self.create = true,
            ("optional" | "nofail", "") => self.optional = true,
            ("relative", "") => self.relative = true,
            ("loop", "") => self.on_loop = true,
            (key @ ("idmap" | "ridmap" | "X-mount.idmap"), value) => match value.parse() {
                Ok(map) => self.idmap = Some((map, key == "ridmap")),
                Err(why) => self.problems.push(format!("{word:?}: {why}")),
            },
            _ if CALLER_S.contains(&word) => {
                self.problems.push(format!("{word:?} is for who calls mount(8)"));
            }
            // mount(8) does something for these; others are notes of other programs.
            (key, _) if key.starts_with("X-mount.") => self.problems.push(format!("{word:?} cannot be done")),
            (key, _) if key.starts_with("x-") || key.starts_with("X-") => {}
            _ => self.data.push(word.to_owned()),
        }
    }

    /// Numbers of a loop device, which are data where there is none.
    fn take_part(&mut self) {
        let mut rest = Vec::new();
        for word in std::mem::take(&mut self.data) {
            match word.split_once('=').map(|(key, value)| (key, value.parse())) {
                Some(("offset", Ok(bytes))) => self.offset = Some(bytes),
                Some(("sizelimit", Ok(bytes))) => self.length = Some(bytes),
                _ => rest.push(word),
            }
        }
        self.data = rest;
    }
}

/// The mount that is written so; else everything that is wrong with it.
pub(super) fn mount(
    kind: &str,
    source: PathBuf,
    target: PathBuf,
    words: impl IntoIterator<Item = impl AsRef<str>>,
) -> Result<Mount, Vec<String>> {
    let mut said = Said::of(words);
    let bind = said.bind.or((kind == "bind").then_some(false));
    if said.on_loop {
        said.take_part();
    }
    let Said {
        top,
        below,
        propagation,
        create,
        optional,
        relative,
        on_loop,
        offset,
        length,
        idmap,
        data,
        problems,
        ..
    } = said;
    let mut problems = problems;
    let options = data.join(",");
    let only_binds = [
        (!below.set.is_empty() || !below.cleared.is_empty(), "attributes of all that comes along"),
        (relative, "\"relative\""),
        (idmap.is_some(), "ids"),
    ];
    for (_, what) in only_binds.into_iter().filter(|(is, _)| *is && bind.is_none()) {
        problems.push(format!("{what}: for binds alone, bind or rbind"));
    }
    if bind.is_some() && !data.is_empty() {
        problems.push(format!("{options:?} is nothing that a bind can have"));
    }
    if bind.is_some() && on_loop {
        problems.push("what is bound needs no loop device".to_owned());
    }
    if bind.is_none() && matches!(kind, "" | "none" | "auto" | "swap") {
        problems.push(format!("{kind:?} is no file system"));
    }
    if let Some(name) = source.to_str().and_then(|text| text.split_once('=')).map(|(name, _)| name)
        && matches!(name, "UUID" | "LABEL" | "PARTUUID" | "PARTLABEL" | "ID")
    {
        problems.push(format!("{source:?} is looked up by mount(8): a path is needed"));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    if let Some(recursive) = bind {
        let mut made = Bind::new(source, target).attributes_on_top_only();
        (made.recursive, made.create, made.optional, made.inside) = (recursive, create, optional, relative);
        (made.attributes, made.cleared) = (top.set, top.cleared);
        (made.below, made.cleared_below) = (below.set, below.cleared);
        made.propagation = propagation;
        if let Some((map, deep)) = idmap {
            (made.idmap, made.idmap_deep) = (Some(map), deep);
        }
        return Ok(made.into());
    }
    if on_loop {
        let mut made = Disk::new(source, kind, target).options(options).attributes(top.set);
        (made.offset, made.length) = (offset.unwrap_or_default(), length);
        (made.propagation, made.create) = (propagation, create);
        return Ok(made.into());
    }
    let mut named = FileSystem::new(kind, source, target).options(options).attributes(top.set);
    (named.propagation, named.create, named.optional) = (propagation, create, optional);
    Ok(known(&named, &data).unwrap_or_else(|| named.into()))
}

/// The same as a mount of a kind that is known, if that can say all of it.
fn known(named: &FileSystem, data: &[String]) -> Option<Mount> {
    if named.propagation.is_some() || named.optional {
        return None;
    }
    let mut mount: Mount = match &*named.kind {
        "proc" => proc(named, data)?.into(),
        "sysfs" if data.is_empty() => Sysfs::new(&named.target).into(),
        "mqueue" if data.is_empty() => Mqueue::new(&named.target).into(),
        "tmpfs" => tmpfs(named, data)?.into(),
        "devpts" => devpts(named, data)?.into(),
        _ => return None,
    };
    mount.set_common(named.attributes, named.create);
    Some(mount)
}

fn proc(named: &FileSystem, data: &[String]) -> Option<Proc> {
    data.iter().try_fold(Proc::new(&named.target), |proc, word| match word.split_once('=')? {
        ("hidepid", "1" | "noaccess") => Some(proc.hide(HidePid::Access)),
        ("hidepid", "2" | "invisible") => Some(proc.hide(HidePid::All)),
        ("hidepid", "4" | "ptraceable") => Some(proc.hide(HidePid::Untraceable)),
        ("subset", "pid") => Some(proc.processes_only()),
        _ => None,
    })
}

fn tmpfs(named: &FileSystem, data: &[String]) -> Option<Tmpfs> {
    data.iter().try_fold(Tmpfs::new(&named.target), |tmpfs, word| match word.split_once('=').unwrap_or((word, "")) {
        ("tmpcopyup", "") => Some(tmpfs.copy_up()),
        ("size", bytes) => Some(tmpfs.size(with_unit(bytes)?)),
        ("nr_inodes", count) => Some(tmpfs.inodes(with_unit(count)?)),
        ("mode", mode) => Some(tmpfs.mode(octal(mode)?)),
        _ => None,
    })
}

fn devpts(named: &FileSystem, data: &[String]) -> Option<Devpts> {
    // What the kernel takes where nothing is said.
    let plain = Devpts::new(&named.target).gid(None).mode(0o600).ptmx_mode(0);
    data.iter().try_fold(plain, |devpts, word| match word.split_once('=').unwrap_or((word, "")) {
        ("newinstance", "") => Some(devpts),
        ("gid", gid) => Some(devpts.gid(gid.parse::<u32>().ok()?)),
        ("mode", mode) => Some(devpts.mode(octal(mode)?)),
        ("ptmxmode", mode) => Some(devpts.ptmx_mode(octal(mode)?)),
        ("max", count) => Some(devpts.max(count.parse().ok()?)),
        _ => None,
    })
}

fn octal(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 8).ok()
}

/// A number with one of the kernel's letters behind it.
fn with_unit(text: &str) -> Option<u64> {
    let shift = match text.bytes().last()?.to_ascii_lowercase() {
        b'k' => 10,
        b'm' => 20,
        b'g' => 30,
        b't' => 40,
        _ => return text.parse().ok(),
    };
    text.get(..text.len() - 1)?.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// The words of a mount, without commas that would part one; `None` for what has none: a minimal /dev, an overlay, control groups, a
/// link.
pub(super) fn words(mount: &Mount) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let (data, create, optional) = match mount {
        // Whose the source is, no word says.
        Mount::Bind(Bind { by_caller: true, .. }) => return None,
        Mount::Bind(bind) => {
            words.push(if bind.recursive { "rbind" } else { "bind" }.to_owned());
            let both = |attributes: Attributes, is: bool| if is { attributes } else { Attributes::empty() };
            let top = (both(bind.attributes, !bind.deep), both(bind.cleared, !bind.deep));
            let below = (
                bind.below.union(both(bind.attributes, bind.deep)),
                bind.cleared_below.union(both(bind.cleared, bind.deep)),
            );
            attributes_in_words(&mut words, "", top);
            attributes_in_words(&mut words, "r", below);
            words.extend(bind.inside.then(|| "relative".to_owned()));
            let key = if bind.idmap_deep { "ridmap" } else { "idmap" };
            words.extend(bind.idmap.as_ref().map(|map| format!("{key}={map}")));
            (String::new(), bind.create, bind.optional)
        }
        Mount::Disk(disk) => {
            words.push("loop".to_owned());
            attributes_in_words(&mut words, "", (disk.attributes, Attributes::empty()));
            words.extend((disk.offset > 0).then(|| format!("offset={}", disk.offset)));
            words.extend(disk.length.map(|length| format!("sizelimit={length}")));
            (disk.options.clone(), disk.create, false)
        }
        Mount::Dev(_) | Mount::Device(_) | Mount::Overlay(_) | Mount::Symlink(_) | Mount::Cgroups(_) => return None,
        other => {
            attributes_in_words(&mut words, "", (other.attributes(), Attributes::empty()));
            match other {
                Mount::FileSystem(named) => (named.options.clone(), named.create, named.optional),
                Mount::Tmpfs(tmpfs) => {
                    words.extend(tmpfs.copy_up.then(|| "tmpcopyup".to_owned()));
                    (tmpfs.options(), tmpfs.create, false)
                }
                Mount::Proc(proc) => (proc.options(), proc.create, false),
                Mount::Devpts(devpts) => (devpts.options(true), devpts.create, false),
                other => (String::new(), other.creates_target(), false),
            }
        }
    };
    words.extend(mount.propagation().map(|propagation| propagation.to_string()));
    words.extend(create.then(|| if matches!(mount, Mount::Bind(_)) { "create" } else { "create=dir" }.to_owned()));
    words.extend(optional.then(|| "optional".to_owned()));
    words.extend(data.split(',').filter(|word| !word.is_empty()).map(str::to_owned));
    if words.is_empty() {
        words.push("defaults".to_owned());
    }
    Some(words)
}

fn attributes_in_words(words: &mut Vec<String>, prefix: &str, change: (Attributes, Attributes)) {
    let (set, cleared) = change;
    words.extend(set.words().map(|word| format!("{prefix}{word}")));
    let cleared = OPPOSITES.into_iter().filter(|(_, one)| cleared.contains(*one));
    words.extend(cleared.map(|(word, _)| format!("{prefix}{word}")));
}
