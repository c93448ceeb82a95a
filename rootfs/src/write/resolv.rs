// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who is asked for names: /etc/resolv.conf.

use std::fmt;
use std::net::IpAddr;

use super::{name_problem, put};
use crate::error::Error;
use crate::root::Root;

/// What /etc/resolv.conf says.
///
/// ```
/// use skep_rootfs::ResolvConf;
///
/// let conf = ResolvConf::new().nameserver([10, 0, 3, 1]).search("lan").option("ndots:2");
/// assert_eq!(conf.to_string(), "nameserver 10.0.3.1\nsearch lan\noptions ndots:2\n");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
pub struct ResolvConf {
    nameservers: Vec<IpAddr>,
    search: Vec<String>,
    options: Vec<String>,
}

impl ResolvConf {
    /// Nothing yet: a resolver asks this machine then.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more that is asked, if those before it do not answer. Resolvers ask three.
    #[must_use]
    pub fn nameserver(mut self, address: impl Into<IpAddr>) -> Self {
        self.nameservers.push(address.into());
        self
    }

    /// One more domain in which names are looked for; "." for none.
    #[must_use]
    pub fn search(mut self, domain: impl Into<String>) -> Self {
        self.search.push(domain.into());
        self
    }

    /// One more option, as "ndots:2" or "edns0".
    #[must_use]
    pub fn option(mut self, option: impl Into<String>) -> Self {
        self.options.push(option.into());
        self
    }

    /// What is wrong with it, a sentence each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if let Some(fourth) = self.nameservers.get(3) {
            problems.push(format!("nameservers[3] {fourth} would not be asked: resolvers ask three"));
        }
        for (at, domain) in self.search.iter().enumerate().filter(|(_, domain)| *domain != ".") {
            problems.extend(name_problem(&format!("search[{at}]"), domain.trim_end_matches('.'), 253));
        }
        for (at, option) in self.options.iter().enumerate() {
            if option.is_empty() || !option.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_:.".contains(&byte))
            {
                problems.push(format!("options[{at}] {option:?} is no word such as \"ndots:2\""));
            }
        }
        problems
    }

    /// Makes it /etc/resolv.conf of a root, whatever that said. A link, as Debian's to a file of systemd-resolved below /run,
    /// becomes a file.
    ///
    /// # Errors
    /// `Invalid`, with every problem; as [`Root::write`].
    pub fn write_to(&self, root: &Root) -> Result<(), Error> {
        put(root, "/etc/resolv.conf", self.problems(), || Ok(self.to_string().into_bytes()))
    }
}

impl fmt::Display for ResolvConf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for address in &self.nameservers {
            writeln!(f, "nameserver {address}")?;
        }
        for (word, list) in [("search", &self.search), ("options", &self.options)] {
            if !list.is_empty() {
                writeln!(f, "{word} {}", list.join(" "))?;
            }
        }
        Ok(())
    }
}
