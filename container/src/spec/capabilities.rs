// SPDX-License-Identifier: MIT OR Apache-2.0
//! Capabilities as people write them: names, so that one that nobody knows is named with everything else that is wrong.

use serde::{Deserialize, Serialize};
use skep_caps_sec::{Cap, CapSet, Capabilities};

/// The five sets of capabilities of a program, as names: `net_admin`, `CAP_NET_ADMIN`.
///
/// See capabilities(7) for what each set means.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CapabilityNames {
    /// What can be had at all, by whatever program it executes.
    pub bounding: Vec<String>,
    /// What is had, and may be made effective.
    pub permitted: Vec<String>,
    /// What is in force.
    pub effective: Vec<String>,
    /// What a program with file capabilities may take over.
    pub inheritable: Vec<String>,
    /// What a program without file capabilities takes over from a user who is not root.
    pub ambient: Vec<String>,
}

impl CapabilityNames {
    /// Exactly these: in the bounding, permitted and effective sets, nothing in the other two.
    pub(crate) fn exactly(names: Vec<String>) -> Self {
        Self { bounding: names.clone(), permitted: names.clone(), effective: names, ..Self::default() }
    }

    /// Puts `names` into the ambient set, and where they must be for that.
    pub(crate) fn add_ambient(&mut self, names: &[String]) {
        for set in
            [&mut self.bounding, &mut self.permitted, &mut self.effective, &mut self.inheritable, &mut self.ambient]
        {
            let new: Vec<String> = names.iter().filter(|name| !set.contains(name)).cloned().collect();
            set.extend(new);
        }
    }

    fn sets(&self) -> [(&'static str, &[String]); 5] {
        [
            ("bounding", &self.bounding),
            ("permitted", &self.permitted),
            ("effective", &self.effective),
            ("inheritable", &self.inheritable),
            ("ambient", &self.ambient),
        ]
    }

    /// The sets, not checked any further; or every name that is none, each with its place.
    pub(crate) fn parse(&self) -> Result<Capabilities, Vec<String>> {
        let mut problems = Vec::new();
        let mut unknown: Vec<&String> = Vec::new();
        let mut parsed = Vec::new();
        for (set, names) in self.sets() {
            let mut caps = Vec::new();
            for (at, name) in names.iter().enumerate() {
                match name.parse::<Cap>() {
                    Ok(cap) => caps.push(cap),
                    // A name that stands in several sets is said once.
                    Err(_) if unknown.contains(&name) => {}
                    Err(_) => {
                        problems.push(format!("{set}[{at}]: {name:?} is not the name of a capability"));
                        unknown.push(name);
                    }
                }
            }
            parsed.push(CapSet::from_iter(caps));
        }
        match parsed[..] {
            [bounding, permitted, effective, inheritable, ambient] if unknown.is_empty() => {
                Ok(Capabilities { bounding, permitted, effective, inheritable, ambient })
            }
            _ => Err(problems),
        }
    }
}
