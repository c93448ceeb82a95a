// SPDX-License-Identifier: MIT OR Apache-2.0
//! This machine and this account, as far as a need asks about them.
//!
//! Man: user_namespaces(7), subuid(5), cgroups(7), capabilities(7).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use rustix::fs::Access;

/// Names by number, from linux/capability.h.
const CAPABILITIES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// Whether `cargo xtask test --ring pure` runs us.
pub(crate) fn ring_is_pure() -> bool {
    std::env::var_os("SKEP_RING").is_some_and(|ring| ring == "pure")
}

/// Whether the effective user is root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The account by its user id, for a sentence.
pub(crate) fn account() -> String {
    format!("uid {}", rustix::process::geteuid().as_raw())
}

/// The running kernel's version.
pub(crate) fn kernel() -> Result<(u32, u32), String> {
    let release = read("/proc/sys/kernel/osrelease")?;
    parse_release(&release).ok_or_else(|| format!("cannot understand the kernel's release {:?}", release.trim()))
}

fn parse_release(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.trim().split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// The first executable file of this name on `PATH`.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0))
}

/// Makes a user namespace in a child, once; says why it cannot.
pub(crate) fn userns() -> Result<(), String> {
    static TRIED: OnceLock<Result<(), String>> = OnceLock::new();
    TRIED.get_or_init(try_userns).clone()
}

fn try_userns() -> Result<(), String> {
    // With a mount namespace: where AppArmor restricts user namespaces they can be made, but nobody is root in them,
    // and the first thing to fail is the change of propagation that unshare makes for --mount.
    let mut child = Command::new("unshare");
    child.args(["--user", "--map-root-user", "--mount", "true"]).stdin(Stdio::null());
    let output = child.output().map_err(|error| format!("cannot run unshare to try it: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("a child cannot make one: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// A kind of network link, tried by ip(8) in a net namespace of its own.
pub(crate) fn link_kind(kind: &str) -> Result<(), String> {
    // What lies on another link has one, and a number.
    let on_another = ["vlan", "macvlan", "macvtap", "ipvlan"].contains(&kind);
    let link = if on_another { "link q " } else { "" };
    let number = match kind {
        "vlan" => " id 5",
        "vxlan" => " id 5 dstport 4789",
        _ => "",
    };
    let script = format!("ip link add name q type veth peer name p && ip link add {link}name x type {kind}{number}");
    let mut child = Command::new("unshare");
    child.args(["--net", "sh", "-c", &script]).stdin(Stdio::null());
    let output = child.output().map_err(|error| format!("cannot run unshare to try it: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("ip cannot make one: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// nf_tables, asked for the number of its last transaction; without the right to ask, whether there is anybody to ask.
pub(crate) fn nf_tables() -> Result<(), String> {
    // NFT_MSG_GETGEN of the subsystem 10, as a request.
    let answer = netfilter([16, 10, 1, 0])?;
    let number =
        |at: usize| answer.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| i32::from_ne_bytes(*bytes));
    // NLMSG_ERROR, and a number that is not EPERM.
    let refused = answer.get(4..6) == Some(&2_u16.to_ne_bytes()) && !matches!(number(16), 0 | -1);
    if refused { Err(format!("the kernel answers with error {}", number(16).saturating_neg())) } else { Ok(()) }
}

/// The names of the tables of nf_tables, as far as one answer has room for them; none for who may not ask.
pub(crate) fn nf_table_names() -> Vec<String> {
    // NFT_MSG_GETTABLE, as a request for a list.
    let answer = netfilter([1, 10, 1, 3]).unwrap_or_default();
    let mut names = Vec::new();
    let mut rest = answer.as_slice();
    while let Some(length) = rest.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes)) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        // struct nlmsghdr, struct nfgenmsg, and the name as the first attribute, with its length and a NUL.
        let Some(row) = rest.get(..length).filter(|row| row.get(4..6) == Some(&[0, 10])) else { break };
        let name = row.get(20..22).and_then(<[u8]>::first_chunk).map(|bytes| usize::from(u16::from_ne_bytes(*bytes)));
        let name = name.and_then(|name| row.get(24..19_usize.saturating_add(name))).unwrap_or_default();
        names.push(String::from_utf8_lossy(name).into_owned());
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    names
}

/// The first answer of netfilter to a message of this type and these flags, of any family.
fn netfilter(head: [u8; 4]) -> Result<Vec<u8>, String> {
    use rustix::net::netlink::NETFILTER;
    use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};
    let failed = |what: &str, errno: rustix::io::Errno| format!("cannot {what} a netlink socket of netfilter: {errno}");
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(NETFILTER));
    let socket = socket.map_err(|errno| failed("open", errno))?;
    let request = [20_u32.to_ne_bytes(), head, [0; 4], [0; 4], [0; 4]].concat();
    send(&socket, &request, SendFlags::empty()).map_err(|errno| failed("send to", errno))?;
    let mut answer = vec![0; 32 * 1024];
    let (length, _) =
        recv(&socket, answer.as_mut_slice(), RecvFlags::empty()).map_err(|errno| failed("hear", errno))?;
    answer.truncate(length);
    Ok(answer)
}

/// Subordinate ids of this account, and the programs that map them.
pub(crate) fn subids() -> Result<(), String> {
    let uid = nix::unistd::geteuid();
    let name = nix::unistd::User::from_uid(uid).ok().flatten().map(|user| user.name);
    for path in ["/etc/subuid", "/etc/subgid"] {
        if !has_range(&read(path)?, name.as_deref(), uid.as_raw()) {
            return Err(format!("{path} has no range for {}", name.as_deref().unwrap_or(&account())));
        }
    }
    for program in ["newuidmap", "newgidmap"] {
        if on_path(program).is_none() {
            return Err(format!("no directory of PATH has {program} (Debian package uidmap)"));
        }
    }
    // newuidmap gains its right by being set-user-ID, which this forbids.
    if !is_root() && status("NoNewPrivs")?.trim() == "1" {
        return Err("this process has no_new_privs set, so newuidmap gains no right".to_owned());
    }
    Ok(())
}

fn has_range(text: &str, name: Option<&str>, uid: u32) -> bool {
    text.lines().any(|line| {
        let mut fields = line.trim().split(':');
        let owner = fields.next().unwrap_or_default();
        let mine = Some(owner) == name || owner.parse() == Ok(uid);
        let count = fields.nth(1).and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
        mine && count > 0
    })
}

/// A controller of the v2 hierarchy, for root anywhere, for others in their own group.
pub(crate) fn cgroup2(controller: &str) -> Result<(), String> {
    let mount = cgroup_mount("cgroup2", None).ok_or("no cgroup v2 hierarchy is mounted")?;
    let group = if is_root() { mount } else { own_group(&mount, |id, _| id == "0")? };
    let file = group.join("cgroup.controllers");
    let offered = read(&file)?;
    if !offered.split_whitespace().any(|word| word == controller) {
        return Err(format!("{} does not list it", file.display()));
    }
    writable(&group)
}

/// A v1 hierarchy of this controller.
pub(crate) fn cgroup1(controller: &str) -> Result<(), String> {
    let mount = cgroup_mount("cgroup", Some(controller)).ok_or("no cgroup v1 hierarchy of it is mounted")?;
    if is_root() {
        return Ok(());
    }
    writable(&own_group(&mount, |_, names| names.split(',').any(|name| name == controller))?)
}

/// The mount point of the first cgroup hierarchy of this type, with this option if one is asked for.
fn cgroup_mount(fstype: &str, option: Option<&str>) -> Option<PathBuf> {
    let text = fs::read_to_string("/proc/self/mountinfo").ok()?;
    text.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut after = after.split(' ');
        let kind = after.next()?;
        let options = after.nth(1)?;
        let wanted = option.is_none_or(|option| options.split(',').any(|word| word == option));
        (kind == fstype && wanted).then(|| PathBuf::from(before.split(' ').nth(4).unwrap_or_default()))
    })
}

/// The directory of our own group below `mount`, from the line of `/proc/self/cgroup` that `wanted` picks.
fn own_group(mount: &Path, wanted: impl Fn(&str, &str) -> bool) -> Result<PathBuf, String> {
    let text = read("/proc/self/cgroup")?;
    let path = text.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (id, names) = (fields.next()?, fields.next()?);
        if wanted(id, names) { fields.next() } else { None }
    });
    let path = path.ok_or("/proc/self/cgroup does not name our group in it")?;
    Ok(mount.join(path.trim_start_matches('/')))
}

fn writable(group: &Path) -> Result<(), String> {
    rustix::fs::access(group, Access::WRITE_OK)
        .map_err(|errno| format!("the group {} is not delegated to {}: {errno}", group.display(), account()))
}

/// Whether process 1 is systemd.
pub(crate) fn systemd() -> Result<(), String> {
    let first = read("/proc/1/comm")?;
    if first.trim() != "systemd" {
        return Err(format!("process 1 is {:?}", first.trim()));
    }
    let runs = Path::new("/run/systemd/system").is_dir();
    if runs { Ok(()) } else { Err("there is no /run/systemd/system".to_owned()) }
}

/// The number of a capability by its name without `CAP_`.
pub(crate) fn capability_number(name: &str) -> Option<usize> {
    CAPABILITIES.iter().position(|known| *known == name)
}

/// A capability in the bounding set.
pub(crate) fn capability(number: usize) -> Result<(), String> {
    let text = status("CapBnd")?;
    let set = u64::from_str_radix(text.trim(), 16).map_err(|error| format!("cannot read CapBnd: {error}"))?;
    if set >> number & 1 == 1 { Ok(()) } else { Err("the bounding set of this process lacks it".to_owned()) }
}

/// The value of one line of `/proc/self/status`.
fn status(key: &str) -> Result<String, String> {
    let text = read("/proc/self/status")?;
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    value.map(str::to_owned).ok_or_else(|| format!("/proc/self/status has no line {key}"))
}

fn read(path: impl AsRef<Path>) -> Result<String, String> {
    let path = path.as_ref();
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_may_carry_anything_after_its_numbers() {
        assert_eq!(parse_release("6.18.44-custom+2\n"), Some((6, 18)));
        assert_eq!(parse_release("6.1-rc3"), Some((6, 1)));
        assert_eq!(parse_release("six"), None);
    }

    #[test]
    fn a_range_is_owned_by_name_or_number() {
        let text = "# none\nalice:100000:65536\n1001:165536:65536\nbob:1:0\n";
        assert!(has_range(text, Some("alice"), 5));
        assert!(has_range(text, None, 1001));
        assert!(!has_range(text, Some("bob"), 7));
        assert!(!has_range(text, Some("carol"), 7));
    }

    #[test]
    fn capabilities_have_the_kernels_numbers() {
        assert_eq!(capability_number("SYS_ADMIN"), Some(21));
        assert_eq!(capability_number("SYS_RESOURCE"), Some(24));
        assert_eq!(capability_number("CHECKPOINT_RESTORE"), Some(40));
    }

    #[test]
    fn an_absent_controller_is_named() {
        assert!(cgroup1("no-such-controller").unwrap_err().contains("no cgroup v1 hierarchy"));
        assert!(cgroup2("no-such-controller").is_err());
    }
}
