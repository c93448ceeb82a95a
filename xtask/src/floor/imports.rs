// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the floor's sources may name: `core`, their own modules, and the sister floors.

use std::path::Path;

use crate::failure::Failure;
use crate::source::{Source, begins_path, words};

/// Crates that a floor's path may begin with.
const ALLOWED: [&str; 7] = ["core", "super", "crate", "self", "ns_floor", "rootfs_floor", "caps_sec_floor"];

/// Crates that it may not name anywhere: the first word of a path.
const FORBIDDEN: [&str; 8] = ["std", "alloc", "rustix", "nix", "libc", "caps", "serde", "thiserror"];

/// What the root of a floor must deny, so that the compiler points at a slip before the linker sees it.
const LINTS: [&str; 5] = [
    "clippy::indexing_slicing",
    "clippy::unwrap_used",
    "clippy::expect_used",
    "clippy::panic",
    "clippy::arithmetic_side_effects",
];

/// A sentence for each breach in the sources of the workspace.
pub(super) fn faults(root: &Path) -> Result<Vec<String>, Failure> {
    let mut faults = Vec::new();
    for folder in ["ns", "cgroup", "rootfs", "caps-sec", "container"] {
        for source in Source::below(root, Path::new(folder))? {
            if is_floor(&source) {
                faults.extend(of_imports(&source));
                faults.extend(of_lints(&source));
            }
        }
    }
    Ok(faults)
}

fn is_floor(source: &Source) -> bool {
    let shared = ["container/src/wire.rs", "container/src/plan/step.rs"];
    source.is_in("floor")
        || source.path.starts_with("container/launcher")
        || shared.iter().any(|path| source.path == Path::new(path))
}

fn of_imports(source: &Source) -> Vec<String> {
    let modules: Vec<&str> = source.code.lines().filter_map(module).collect();
    let mut faults = Vec::new();
    for (number, line) in source.lines() {
        let at = source.at(number);
        if line.trim_start().starts_with("extern crate") {
            faults.push(format!("{at}: the floor names another crate: {}", line.trim()));
        }
        if let Some(name) = FORBIDDEN.iter().find(|name| begins_path(line, name)) {
            faults.push(format!("{at}: the floor reaches for {name}: {}", line.trim()));
        } else if let Some(name) = imported(line) {
            let known = ALLOWED.contains(&name) || modules.contains(&name) || name.starts_with(char::is_uppercase);
            if !known {
                faults.push(format!("{at}: the floor imports {name}, which is not core and not ours: {}", line.trim()));
            }
        }
    }
    faults
}

/// The name in `mod name;` and `mod name {`.
fn module(line: &str) -> Option<&str> {
    let mut words = words(line).skip_while(|word| *word != "mod");
    words.next()?;
    words.next()
}

/// The first word of the path of a `use`.
fn imported(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let rest = line.strip_prefix("use ").or_else(|| line.split_once(" use ").map(|(_, rest)| rest))?;
    words(rest).next()
}

fn of_lints(source: &Source) -> Vec<String> {
    let is_root = ["floor/mod.rs", "launcher/main.rs"].iter().any(|name| source.path.ends_with(name));
    if !is_root {
        return Vec::new();
    }
    let denied = source.code.split("#![deny(").skip(1).filter_map(|rest| rest.split(')').next());
    let denied: String = denied.collect::<Vec<_>>().join(",");
    let missing = LINTS.iter().filter(|lint| !denied.split(',').any(|found| found.trim() == **lint));
    missing.map(|lint| format!("{}: the root of a floor must have #![deny({lint})]", source.path.display())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(text: &str) -> Vec<String> {
        of_imports(&Source::new("ns/src/floor/join.rs", text))
    }

    #[test]
    fn core_own_modules_and_sister_floors_may_be_named() {
        let text = "mod sys;\nuse core::ffi::CStr;\nuse super::x;\npub use sys::y;\nuse ns_floor::z;\nuse Step::*;\n\
                    // use std::fs\nlet a = core::alloc::Layout; #[cfg(test)] mod tests { use std::fs; }\n";
        assert_eq!(imports(text), [""; 0]);
    }

    #[test]
    fn everything_else_may_not() {
        for text in [
            "use std::fs;",
            "let x = ::std::mem::size_of();",
            "fn f() -> alloc::vec::Vec<u8> {}",
            "rustix::fs::open()",
            "use nix::unistd;",
            "libc::fork();",
            "use memchr::memchr;",
            "pub(crate) use memchr::memchr;",
            "extern crate alloc;",
        ] {
            assert_eq!(imports(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn the_root_of_a_floor_must_deny() {
        let lints = |text: &str| of_lints(&Source::new("ns/src/floor/mod.rs", text)).len();
        assert_eq!(lints("mod a;"), 5);
        assert_eq!(lints(&format!("#![deny({})]", LINTS.join(", "))), 0);
        assert_eq!(lints("#![deny(clippy::panic,\n clippy::unwrap_used)]"), 3);
        assert!(of_lints(&Source::new("ns/src/floor/join.rs", "")).is_empty());
    }

    #[test]
    fn the_floor_is_found_by_its_place() {
        for path in ["ns/src/floor/sys.rs", "container/launcher/run.rs", "container/src/wire.rs"] {
            assert!(is_floor(&Source::new(path, "")), "{path}");
        }
        assert!(!is_floor(&Source::new("ns/src/spawn.rs", "")));
    }
}
