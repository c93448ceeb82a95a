// SPDX-License-Identifier: MIT OR Apache-2.0
//! Remains: what a run has left, by its token.

use std::fs;

use needs::groups;

/// A sentence for each process and each group of the run, after the tests have ended. The groups are removed.
pub(super) fn of(token: &str) -> Vec<String> {
    let mut sentences = processes(token);
    for group in groups::carrying(token) {
        let removed = groups::remove(&group)
            .map_or_else(|error| format!("cannot be removed: {error}"), |()| "removed".to_owned());
        sentences.push(format!("a test has left the group {} ({removed})", group.display()));
    }
    sentences
}

/// Those that have the token in their environment.
fn processes(token: &str) -> Vec<String> {
    let variable = format!("SKEP_RUN_TOKEN={token}");
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let mut sentences = Vec::new();
    for entry in entries.flatten() {
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|found| found == variable.as_bytes()) {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            sentences.push(format!("a test has left process {} ({})", entry.file_name().display(), line.trim()));
        }
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_the_token_is_named() {
        let mut child =
            std::process::Command::new("sleep").arg("60").env("SKEP_RUN_TOKEN", "skep-test-x7").spawn().unwrap();
        // The kernel shows an environment a moment after the start is over.
        let mut looks = (0..200).map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            of("skep-test-x7")
        });
        let found = looks.find(|found| !found.is_empty());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found.unwrap()[0].contains("(sleep 60)"));
        assert!(of("skep-test-x8").is_empty());
    }

    #[test]
    fn a_group_with_the_token_is_named_and_removed() {
        needs::needs!(root, file("/sys/fs/cgroup"));
        let mut hierarchies = groups::named("").unwrap().into_iter();
        let group = hierarchies.find(|path| path.join("cgroup.procs").exists()).unwrap().join("skep-test-x9-web");
        fs::create_dir(&group).unwrap();
        let found = of("skep-test-x9");
        assert_eq!(found, [format!("a test has left the group {} (removed)", group.display())]);
        assert!(!group.exists());
    }
}
