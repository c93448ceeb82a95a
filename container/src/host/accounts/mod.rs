// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who the program is, in numbers: names looked up in the container's own /etc/passwd and /etc/group.
//!
//! As text, and never by nss: that would be this machine's accounts, or code of the container's in the caller (CVE-2019-14271).
//! What the files say may be a lie, and no more than that: their writer decides which number a name is, as the container's
//! programs decide what they do with it.
//!
//! Man: passwd(5), group(5), initgroups(3).

mod text;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use skep_caps_sec::{Cap, Capabilities};
use skep_ns::IdMap;
use skep_rootfs::{ErrorKind, Foreseen};

use crate::error::{Error, Object};
use crate::spec::{GROUPS_MAX, IdOrName, Process, Spec, UserSpec};
use text::Account;

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// The most of a file that is read: one of this size has a quarter of a million accounts.
const MOST: u64 = 16 << 20;

const EFBIG: i32 = 27;
const ENOTDIR: i32 = 20;
const EAGAIN: i32 = 11;

/// Who the program is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Who {
    /// Its user and group, if it is to become anybody.
    pub(crate) user: Option<(u32, u32)>,
    /// Its further groups.
    pub(crate) groups: Vec<u32>,
    /// What `HOME` is, where that was looked up.
    pub(crate) home: Option<OsString>,
    /// What was looked up, a sentence each.
    pub(crate) found: Vec<String>,
    /// What was found and cannot be had, a sentence each.
    pub(crate) left_out: Vec<String>,
}

impl Who {
    /// Who a description says in numbers; nobody where it says names.
    pub(crate) fn said(process: &Process) -> Self {
        let groups = process.groups.iter().flatten().filter_map(IdOrName::id).collect();
        Self { user: process.user.as_ref().and_then(UserSpec::ids), groups, ..Self::default() }
    }

    /// Whether a description leaves something of it to be looked up.
    pub(crate) fn is_looked_up(process: &Process) -> bool {
        let is_named = |user: &UserSpec| user.ids().is_none();
        process.user.as_ref().is_some_and(is_named)
            || process.groups.iter().flatten().any(|group| group.id().is_none())
            || wants_home(process)
    }

    /// The description with numbers in place of all that was looked up, which is nobody's to change any more.
    pub(crate) fn settle(&self, process: &mut Process) {
        if self.found.is_empty() {
            return;
        }
        process.user = self.user.map(UserSpec::from);
        process.groups = Some(self.groups.iter().copied().map(IdOrName::Id).collect());
        process.env.extend(self.home.clone().map(|home| ("HOME".into(), home)));
        process.home_of_user = false;
    }
}

/// What a lookup depends on beside the description.
pub(crate) struct Place<'a> {
    /// The container's files, as its program will see them, or as those in it see them now.
    pub(crate) files: Foreseen<'a>,
    /// The user and group of the caller, whose those of the program are where nothing is said.
    pub(crate) caller: (u32, u32),
    /// Whether setgroups(2) is denied there.
    pub(crate) setgroups_denied: bool,
}

/// Looks up who the program of `spec` is; `None` where nothing has to be looked up.
///
/// # Errors
/// A limit that was reached, of descriptors or memory; else every problem, a sentence each that begins with the place.
pub(crate) fn look_up(spec: &Spec, place: &Place<'_>) -> Result<Option<Result<Who, Vec<String>>>, Error> {
    let process = &spec.process;
    if !Who::is_looked_up(process) || !problems_of_names(process).is_empty() {
        return Ok(None);
    }
    let map = spec.id_map();
    let mut lookup = Lookup { process, map, place, passwd: OnceCell::new(), group: OnceCell::new(), problems: vec![] };
    let who = lookup.who();
    for file in [lookup.passwd, lookup.group] {
        if let Some(Err(Unread::Exhausted(error))) = file.into_inner() {
            return Err(Error::of_leaf("look up the user of", Object::Container(None), error).with_hint_of_limits());
        }
    }
    Ok(Some(if lookup.problems.is_empty() { Ok(who) } else { Err(lookup.problems) }))
}

/// What is wrong with the names themselves, which the description tells by itself.
fn problems_of_names(process: &Process) -> Vec<String> {
    let groups = process.groups.iter().flatten().filter_map(|group| group.problem("group"));
    process.user.iter().flat_map(UserSpec::problems).chain(groups).collect()
}

fn wants_home(process: &Process) -> bool {
    process.home_of_user && !process.env.iter().any(|(key, _)| key == "HOME")
}

/// Whether a namespace with this map will deny setgroups(2): the map says so, the kernel demands it of who may write no
/// other group than its own, or the caller's own namespace has it so.
pub(crate) fn denies_setgroups(map: Option<&IdMap>, caller: (u32, u32)) -> bool {
    let own = crate::procfs::read("/proc/self/setgroups").is_ok_and(|text| text.starts_with(b"deny"));
    own || map.is_some_and(|map| {
        let is_own = matches!(map.gids(), [only] if (only.outside, only.count) == (caller.1, 1));
        let may = || Capabilities::current().is_ok_and(|sets| sets.effective.contains(Cap::SETGID));
        map.denies_setgroups() || (is_own && !may())
    })
}

/// Whether the user namespace of this process denies setgroups(2).
pub(crate) fn process_denies_setgroups(pid: u32) -> bool {
    crate::procfs::read(format!("/proc/{pid}/setgroups")).is_ok_and(|text| text.starts_with(b"deny"))
}

/// Why a file was not read.
enum Unread {
    /// A limit of this process or this machine.
    Exhausted(skep_rootfs::Error),
    /// In a sentence.
    Refused(String),
}

/// A file that is absent has no lines.
type Content = Result<Option<Vec<u8>>, Unread>;

struct Lookup<'a> {
    process: &'a Process,
    map: Option<&'a IdMap>,
    place: &'a Place<'a>,
    passwd: OnceCell<Content>,
    group: OnceCell<Content>,
    problems: Vec<String>,
}

impl Lookup<'_> {
    fn who(&mut self) -> Who {
        let mut who = Who::default();
        let said = self.process.user.clone();
        let nobody = self.map.map_or(self.place.caller, |_| (0, 0));
        let account = match &said {
            None if wants_home(self.process) => self.account(&IdOrName::Id(nobody.0)),
            Some(user) if user.user.id().is_none() || user.group.is_none() || wants_home(self.process) => {
                self.account(&user.user)
            }
            _ => None,
        };
        if let Some(user) = &said {
            who.user = self.ids(user, account.as_ref(), &mut who.found);
        }
        self.check_map(&said, who.user);
        who.groups = self.further(&said, who.user, account.as_ref(), &mut who);
        if wants_home(self.process) {
            let home = account.as_ref().map(|account| account.home.clone()).filter(|home| home.starts_with(b"/"));
            let home = OsString::from_vec(home.unwrap_or_else(|| b"/".to_vec()));
            who.found
                .push(format!("HOME is {home:?}{}", if account.is_some() { "" } else { ": its user is not listed" }));
            who.home = Some(home);
        }
        who
    }

    /// The numbers of the user and its group.
    fn ids(&mut self, user: &UserSpec, account: Option<&Owned>, found: &mut Vec<String>) -> Option<(u32, u32)> {
        let uid = user.user.id().or_else(|| account.map(|account| account.uid));
        if let (IdOrName::Name(name), Some(uid)) = (&user.user, uid) {
            found.push(format!("user {name:?} is {uid}"));
        }
        let gid = match (&user.group, account) {
            (Some(IdOrName::Id(gid)), _) => Some(*gid),
            (Some(IdOrName::Name(name)), _) => {
                let gid = self.gid("process.user", name);
                found.extend(gid.map(|gid| format!("group {name:?} is {gid}")));
                gid
            }
            (None, Some(account)) => {
                found.push(format!("the group of {} is {}", user.user, account.gid));
                Some(account.gid)
            }
            // As Docker has it.
            (None, None) => {
                found.extend(uid.map(|uid| format!("user {uid} is not listed, and gets group 0")));
                Some(0)
            }
        };
        uid.zip(gid)
    }

    /// The further groups: those that are said; where neither they nor a group are, those that list the user.
    fn further(
        &mut self,
        said: &Option<UserSpec>,
        ids: Option<(u32, u32)>,
        account: Option<&Owned>,
        who: &mut Who,
    ) -> Vec<u32> {
        if let Some(groups) = &self.process.groups {
            let mut numbers = Vec::new();
            for group in groups {
                numbers.extend(match group {
                    IdOrName::Id(gid) => Some(*gid),
                    IdOrName::Name(name) => {
                        let gid = self.gid("process.groups", name);
                        who.found.extend(gid.map(|gid| format!("group {name:?} is {gid}")));
                        if let Some(gid) = gid {
                            self.check_group(gid, &format!(" ({name:?})"));
                        }
                        gid
                    }
                });
            }
            return numbers;
        }
        let (Some(UserSpec { group: None, .. }), Some((_, gid)), Some(account)) = (said, ids, account) else {
            return Vec::new();
        };
        self.memberships(account, gid, who)
    }

    /// The groups that list the user, the first one before them: a program that changes its group, which it may, would else
    /// be rid of what that one is denied (CVE-2022-36109).
    fn memberships(&mut self, account: &Owned, first: u32, who: &mut Who) -> Vec<u32> {
        let mut groups: BTreeMap<u32, String> = BTreeMap::new();
        if let Some(content) = self.content(GROUP, "process.groups") {
            let listed = text::groups(content).filter(|group| group.gid != first && group.has(&account.name));
            for group in listed {
                groups.entry(group.gid).or_insert_with(|| String::from_utf8_lossy(group.name).into_owned());
            }
        }
        let user = String::from_utf8_lossy(&account.name).into_owned();
        let words: Vec<String> = groups.iter().map(|(gid, name)| format!("{gid} ({name})")).collect();
        let words = words.join(", ");
        if self.place.setgroups_denied {
            if !groups.is_empty() {
                let why = "the user namespace denies setgroups, and nobody in it can have any";
                who.left_out.push(format!("further groups of {user:?}, {words}: {why}"));
            }
            return Vec::new();
        }
        if groups.len() >= GROUPS_MAX {
            let count = groups.len() + 1;
            self.problems.push(format!("process.groups: {user:?} is in {count}; the kernel takes {GROUPS_MAX}"));
            return Vec::new();
        }
        for (gid, name) in &groups {
            self.check_group(*gid, &format!(" ({name:?}), which lists {user:?},"));
        }
        if !groups.is_empty() {
            who.found.push(format!("{user:?} is in the further groups {words}"));
        }
        std::iter::once(first).chain(groups.into_keys()).collect()
    }

    /// What was looked up must be mapped, as what was said must be.
    fn check_map(&mut self, said: &Option<UserSpec>, ids: Option<(u32, u32)>) {
        let (Some(map), Some(said), Some((uid, gid))) = (self.map, said, ids) else { return };
        let absent = "is not in the id map of the user namespace";
        if let IdOrName::Name(name) = &said.user
            && map.outside_uid(uid).is_none()
        {
            self.problems.push(format!("process.user: user {uid} ({name:?}) {absent}"));
        }
        let whose = match &said.group {
            Some(IdOrName::Id(_)) => return,
            Some(IdOrName::Name(name)) => format!("{name:?}"),
            None => format!("of user {}", said.user),
        };
        if map.outside_gid(gid).is_none() {
            self.problems.push(format!("process.user: group {gid} ({whose}) {absent}"));
        }
    }

    fn check_group(&mut self, gid: u32, whose: &str) {
        if self.map.is_some_and(|map| map.outside_gid(gid).is_none()) {
            let problem = format!("process.groups: group {gid}{whose} is not in the id map of the user namespace");
            self.problems.push(problem);
        }
    }

    /// The account of a user; a problem if a name has none.
    fn account(&mut self, user: &IdOrName) -> Option<Owned> {
        let content = self.content(PASSWD, "process.user")?;
        let is_it = |account: &Account<'_>| match user {
            IdOrName::Id(uid) => account.uid == *uid,
            IdOrName::Name(name) => account.name == name.as_bytes(),
        };
        let found = text::accounts(content).find(is_it).map(Owned::from);
        if let (IdOrName::Name(name), None) = (user, &found) {
            self.absent("process.user", &format!("user {name:?}"), PASSWD);
        }
        found
    }

    fn gid(&mut self, place: &'static str, name: &str) -> Option<u32> {
        let content = self.content(GROUP, place)?;
        let found = text::groups(content).find(|group| group.name == name.as_bytes()).map(|group| group.gid);
        if found.is_none() {
            self.absent(place, &format!("group {name:?}"), GROUP);
        }
        found
    }

    fn absent(&mut self, place: &'static str, what: &str, path: &str) {
        let file = if path == PASSWD { &self.passwd } else { &self.group };
        let is_there = matches!(file.get(), Some(Ok(Some(_))));
        let why = if is_there { format!("in the container's {path}") } else { format!("the container has no {path}") };
        let comma = if is_there { " " } else { ": " };
        self.problems.push(format!("{place}: there is no {what}{comma}{why}"));
    }

    /// What a file holds, nothing if it is absent; no answer if it cannot be read, which is a problem, told once.
    fn content(&mut self, path: &str, place: &'static str) -> Option<&[u8]> {
        let file = if path == PASSWD { &self.passwd } else { &self.group };
        let is_new = file.get().is_none();
        let content = file.get_or_init(|| read(&self.place.files, path));
        match content {
            Ok(content) => Some(content.as_deref().unwrap_or_default()),
            Err(Unread::Exhausted(_)) => None,
            Err(Unread::Refused(why)) => {
                if is_new {
                    self.problems.push(format!("{place}: the container's {path} cannot be read: {why}"));
                }
                None
            }
        }
    }
}

/// An account that outlives the text it was read from.
struct Owned {
    name: Vec<u8>,
    uid: u32,
    gid: u32,
    home: Vec<u8>,
}

impl From<Account<'_>> for Owned {
    fn from(account: Account<'_>) -> Self {
        let Account { name, uid, gid, home } = account;
        Self { name: name.to_vec(), uid, gid, home: home.to_vec() }
    }
}

fn read(files: &Foreseen<'_>, path: &str) -> Content {
    let error = match files.read(path, MOST) {
        Ok(content) => return Ok(Some(content)),
        Err(error) => error,
    };
    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    match (error.kind(), error.errno()) {
        (ErrorKind::NotFound, _) | (_, Some(ENOTDIR)) => Ok(None),
        (_, Some(EFBIG)) => Err(Unread::Refused(format!("it has more than {} MiB", MOST >> 20))),
        (_, Some(EAGAIN)) => Err(Unread::Refused(format!("somebody keeps others from opening it: {cause}"))),
        (ErrorKind::Exhausted, _) => Err(Unread::Exhausted(error)),
        (ErrorKind::Denied, _) => Err(Unread::Refused(format!("{cause}; numbers do not need it"))),
        _ => Err(Unread::Refused(cause)),
    }
}
