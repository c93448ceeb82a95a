// SPDX-License-Identifier: MIT OR Apache-2.0
//! Licences: every package of the graph may be used under one that is allowed.

use super::policy::Policy;
use crate::failure::Failure;
use crate::steps::Done;
use crate::workspace::Workspace;

/// Compares every package's expression with the allowed licences.
pub(super) fn run(workspace: &Workspace, policy: &Policy) -> Result<Done, Failure> {
    let mut faults = Vec::new();
    for package in &workspace.packages {
        match &package.license {
            None => faults.push(format!("{} {} names no licence", package.name, package.version)),
            Some(text) if !is_allowed(text, &policy.licenses.allow) => {
                faults.push(format!(
                    "{} {} is under {text}, which deny.toml does not allow",
                    package.name, package.version
                ));
            }
            Some(_) => {}
        }
    }
    if faults.is_empty() {
        Ok(Done::Run(format!("{} packages", workspace.packages.len())))
    } else {
        Err(faults.join("\n").into())
    }
}

/// Whether an SPDX expression can be met by the allowed licences.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    // Older packages write a slash for OR.
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    either(&words, &mut at, allowed) == Some(true) && at == words.len()
}

fn either(words: &[&str], at: &mut usize, allowed: &[String]) -> Option<bool> {
    let mut met = both(words, at, allowed)?;
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= both(words, at, allowed)?;
    }
    Some(met)
}

fn both(words: &[&str], at: &mut usize, allowed: &[String]) -> Option<bool> {
    let mut met = one(words, at, allowed)?;
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(words, at, allowed)?;
    }
    Some(met)
}

fn one(words: &[&str], at: &mut usize, allowed: &[String]) -> Option<bool> {
    let word = *words.get(*at)?;
    *at += 1;
    if word == "(" {
        let met = either(words, at, allowed)?;
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return closed.then_some(met);
    }
    let mut name = word.to_owned();
    if words.get(*at) == Some(&"WITH") {
        name = format!("{name} WITH {}", words.get(*at + 1)?);
        *at += 2;
    }
    Some(allowed.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_met_or_not() {
        let allowed = ["MIT", "Apache-2.0", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
        for met in [
            "MIT",
            "GPL-3.0 OR MIT",
            "MIT/Apache-2.0",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
        ] {
            assert!(is_allowed(met, &allowed), "{met}");
        }
        for unmet in
            ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR X) AND Y", "(MIT", "MIT MIT", "", "GPL-2.0 WITH LLVM-exception"]
        {
            assert!(!is_allowed(unmet, &allowed), "{unmet}");
        }
    }
}
