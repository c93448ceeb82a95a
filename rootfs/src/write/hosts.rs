// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of machines and their addresses: /etc/hosts.

use std::net::IpAddr;

use super::{before, lines, name_problem, put};
use crate::error::Error;
use crate::root::Root;

/// Lines of /etc/hosts.
///
/// ```
/// use skep_rootfs::Hosts;
///
/// let hosts = Hosts::new().add([127, 0, 0, 1], ["localhost"]).add([10, 0, 3, 7], ["web.lan", "web"]);
/// assert_eq!(hosts.problems(), [""; 0]);
/// // hosts.write_to(&root)?;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
pub struct Hosts {
    lines: Vec<(IpAddr, Vec<String>)>,
}

impl Hosts {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// These names lead to this address; the first is the one that it is called by.
    #[must_use]
    pub fn add(mut self, address: impl Into<IpAddr>, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.lines.push((address.into(), names.into_iter().map(Into::into).collect()));
        self
    }

    /// What is wrong with it, a sentence each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (at, (address, names)) in self.lines.iter().enumerate() {
            if names.is_empty() {
                problems.push(format!("hosts[{at}] {address} has no name"));
            }
            problems.extend(names.iter().filter_map(|name| name_problem(&format!("hosts[{at}]"), name, 253)));
        }
        problems
    }

    /// Writes it into /etc/hosts of a root. What is there stays, but that names given here lead nowhere else: they are taken
    /// out of other lines of the same family of addresses.
    ///
    /// # Errors
    /// `Invalid`, with every problem; as [`Root::write`]; `EFBIG` for more than 16 MiB.
    pub fn write_to(&self, root: &Root) -> Result<(), Error> {
        put(root, PATH, self.problems(), || Ok(self.merged(&before(root, PATH)?)))
    }

    fn merged(&self, before: &[u8]) -> Vec<u8> {
        let mut after = Vec::new();
        for line in lines(before) {
            if let Some(line) = self.without_ours(line) {
                after.extend_from_slice(&line);
                after.push(b'\n');
            }
        }
        for (address, names) in &self.lines {
            after.extend_from_slice(format!("{address}\t{}\n", names.join(" ")).as_bytes());
        }
        after
    }

    /// A line without the names that are given here; none if no name is left.
    fn without_ours(&self, line: &[u8]) -> Option<Vec<u8>> {
        let (said, comment) = line.split_at(line.iter().position(|byte| *byte == b'#').unwrap_or(line.len()));
        let mut words = said.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let address = words.next().and_then(|word| str::from_utf8(word).ok()?.parse::<IpAddr>().ok());
        let Some(address) = address else { return Some(line.to_vec()) };
        let is_ours = |name: &&[u8]| {
            let mut ours = self.lines.iter().filter(|(other, _)| other.is_ipv4() == address.is_ipv4());
            ours.any(|(_, names)| names.iter().any(|ours| ours.as_bytes().eq_ignore_ascii_case(name)))
        };
        let (ours, theirs): (Vec<&[u8]>, Vec<&[u8]>) = words.partition(is_ours);
        if ours.is_empty() {
            return Some(line.to_vec());
        }
        if theirs.is_empty() {
            return None;
        }
        let mut left = format!("{address}\t").into_bytes();
        left.extend_from_slice(&theirs.join(&b' '));
        if !comment.is_empty() {
            left.push(b' ');
            left.extend_from_slice(comment);
        }
        Some(left)
    }
}

const PATH: &str = "/etc/hosts";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_where_they_are_said_to_and_the_rest_stays() {
        let hosts = Hosts::new().add([10, 0, 3, 7], ["web.lan", "web"]).add([127, 0, 0, 1], ["localhost"]);
        let before =
            b"# a comment\n127.0.0.1 localhost\n::1 localhost web\n10.0.0.9\tWEB  other # old\nnonsense web\n\xff x";
        let after = hosts.merged(before);
        let ours = b"10.0.3.7\tweb.lan web\n127.0.0.1\tlocalhost\n";
        let stays = b"# a comment\n::1 localhost web\n10.0.0.9\tother # old\nnonsense web\n\xff x\n";
        assert_eq!(after, [&stays[..], ours].concat());
        assert_eq!(hosts.merged(&after), after);
        assert_eq!(hosts.merged(b""), ours);
    }

    #[test]
    fn nothing_that_is_given_becomes_a_line_of_its_own() {
        let hosts =
            Hosts::new().add([10, 0, 0, 1], ["a\n6.6.6.6 b"]).add([10, 0, 0, 1], [""; 0]).add([10, 0, 0, 1], ["#"]);
        let said = hosts.problems();
        assert_eq!(said.len(), 3);
        assert_eq!(said[1], "hosts[1] 10.0.0.1 has no name");
        assert!(said[0].starts_with("hosts[0] \"a\\n6.6.6.6 b\" is not made of letters"));
    }
}
