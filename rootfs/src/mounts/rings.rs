// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rings: links of a list that lead to each other, or to below themselves, which nobody can follow.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use super::{Mount, Symlink};

/// How many links the kernel follows on a way.
const MOST: usize = 40;

/// A sentence for each ring, by the first link of it. What else the root has is not looked at.
pub(super) fn problems(mounts: &[Mount]) -> Vec<String> {
    let mut links = HashMap::new();
    for (at, mount) in mounts.iter().enumerate() {
        if let Mount::Symlink(link) = mount {
            links.entry(plainly(&link.target)).or_insert((at, link));
        }
    }
    let mut in_order: Vec<(usize, &Symlink)> = links.values().copied().collect();
    in_order.sort_by_key(|(at, _)| *at);
    let (mut told, mut problems) = (Vec::new(), Vec::new());
    for (at, link) in in_order {
        let Some(mut ring) = ring_of(at, link, &links).filter(|_| !told.contains(&at)) else { continue };
        told.append(&mut ring);
        let Symlink { target, to } = link;
        problems.push(format!("mounts[{at}].to {to:?} leads back to {target:?} itself: nobody can follow it"));
    }
    problems
}

/// The links that a link's way comes through, if it comes to that link again.
fn ring_of(at: usize, link: &Symlink, links: &HashMap<PathBuf, (usize, &Symlink)>) -> Option<Vec<usize>> {
    let mut way = led(link, Path::new(""));
    let mut ring = Vec::new();
    for _ in 0..MOST {
        // The first name of the way that is a link.
        let above: Vec<&Path> = way.ancestors().collect();
        let (above, (next, link)) = above.into_iter().rev().find_map(|above| Some((above, links.get(above)?)))?;
        ring.push(*next);
        if *next == at {
            return Some(ring);
        }
        way = led(link, way.strip_prefix(above).unwrap_or(Path::new("")));
    }
    None
}

/// Where a link leads, and what is behind it on the way.
fn led(link: &Symlink, rest: &Path) -> PathBuf {
    let above = link.target.parent().unwrap_or(Path::new("/"));
    plainly(&above.join(&link.to).join(rest))
}

/// A path without ".", and without "..", as where there are no other links.
fn plainly(path: &Path) -> PathBuf {
    let mut plain = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::ParentDir => _ = plain.pop(),
            Component::Normal(name) => plain.push(name),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mounts, Tmpfs};

    #[test]
    fn links_in_a_ring_are_told_once_and_others_are_not() {
        let told = |links: &[(&str, &str)]| {
            let mounts = Mounts::new().add(Tmpfs::new("/tmp"));
            links.iter().fold(mounts, |mounts, (target, to)| mounts.add(Symlink::new(*target, *to))).problems()
        };
        let ring = |at: usize, to: &str, target: &str| {
            vec![format!("mounts[{at}].to {to:?} leads back to {target:?} itself: nobody can follow it")]
        };
        assert_eq!(told(&[("/a", "a")]), ring(1, "a", "/a"));
        assert_eq!(told(&[("/a", "/b"), ("/b", "./c/../a")]), ring(1, "/b", "/a"));
        assert_eq!(told(&[("/x", "/b"), ("/a/x", "../b"), ("/b", "/a/x")]), ring(2, "../b", "/a/x"));
        assert_eq!(told(&[("/lib", "lib/64")]), ring(1, "lib/64", "/lib"));
        assert_eq!(told(&[("/a", "/b"), ("/b/c", "/a/c")]), ring(2, "/a/c", "/b/c"));
        assert_eq!(told(&[("/lib", "usr/lib"), ("/bin", "usr/bin"), ("/usr/bin/x", "/bin/y")]), [""; 0]);
        assert_eq!(told(&[("/a", "/b"), ("/b", "/c"), ("/c/a", "/d")]), [""; 0]);
    }
}
