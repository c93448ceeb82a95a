// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who the program is.

use super::Builder;
use crate::spec::{IdOrName, UserSpec};

impl Builder {
    /// The program's user and group inside, without further groups unless [those](Self::groups) are said; by default root in a
    /// new user namespace, else who the caller is.
    pub fn user(self, uid: u32, gid: u32) -> Self {
        self.user_spec((uid, gid))
    }

    /// The program's user as Docker and OCI engines take it: `name`, `name:group`, `uid`, `uid:gid`, `uid:group`. Digits are
    /// a number.
    ///
    /// Names are those of the container's own `/etc/passwd` and `/etc/group`, as the program will see them: through what is
    /// mounted over them, and with what was kept of changes; where it has no root of its own, this machine's. They are read
    /// as text by the caller, before anything is made, and what they say counts, whoever wrote them: to be sure of who a
    /// program is, say it in numbers. What became of the names is said by [`Plan::explain`](crate::Plan::explain), and kept:
    /// in [`Container::spec`](crate::Container::spec) there are numbers, which
    /// [further programs](crate::Container::exec) have too.
    ///
    /// Without a group it is that of the user in `/etc/passwd`, and the program is in all groups of `/etc/group` that list the
    /// user, unless [`groups`](Self::groups) are said: as initgroups(3) does. A number that is not listed gets the group 0
    /// and no further ones, as Docker has it. In a user namespace all of them are numbers inside, and must be in its map; where
    /// it denies setgroups(2), further groups that nobody asked for are left out, with a [note](crate::Plan::notes).
    ///
    /// ```
    /// use skep::Container;
    ///
    /// let plan = Container::anonymous().user_named("root").command("/bin/true", [""; 0]).plan()?;
    /// assert!(plan.explain().contains("looked up: user \"root\" is 0\n"));
    /// let error = Container::anonymous().user_named("no-such-user").command("/bin/true", [""; 0]).plan().unwrap_err();
    /// assert_eq!(error.problems(), ["process.user: there is no user \"no-such-user\" in the container's /etc/passwd"]);
    /// # Ok::<(), skep::Error>(())
    /// ```
    /// # Limits
    /// Of a file 16 MiB are read, and a larger one is refused, as is what is no ordinary file, and what cannot be told before
    /// it is mounted: what is in a new file system (a [disk](skep_rootfs::Disk), say) over `/etc`. What is in it then is not
    /// looked at again. See [`Foreseen`](skep_rootfs::Foreseen), passwd(5), group(5).
    #[doc(alias = "initgroups")]
    #[doc(alias = "getpwnam")]
    pub fn user_named(self, user: impl AsRef<str>) -> Self {
        self.user_spec(UserSpec::named(user))
    }

    /// The same as a value.
    pub fn user_spec(mut self, user: impl Into<UserSpec>) -> Self {
        self.spec.process.user = Some(user.into());
        self
    }

    /// The program's further groups inside, numbers or names of `/etc/group`, and no others; beside that of its
    /// [`user`](Self::user), which must be said then. By default those that list a user who was said without a group, else
    /// none.
    ///
    /// A user namespace that denies setgroups(2), as one does that an ordinary user makes with no more than their own id,
    /// lets nobody have any.
    #[doc(alias = "setgroups")]
    pub fn groups(mut self, groups: impl IntoIterator<Item = impl Into<IdOrName>>) -> Self {
        self.spec.process.groups = Some(groups.into_iter().map(Into::into).collect());
        self
    }

    /// Sets `HOME` to the directory that the container's `/etc/passwd` has for the program's user, as Docker does; `/` for a
    /// user who is not listed there, or with none. A `HOME` that is in the environment stays.
    ///
    /// The files are read as for [`user_named`](Self::user_named).
    #[doc(alias = "HOME")]
    pub fn home_of_user(mut self) -> Self {
        self.spec.process.home_of_user = true;
        self
    }
}
