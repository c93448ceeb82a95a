// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is found on the way, each in a sentence that begins with its place in the configuration.

/// Three kinds of findings.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What is wrong by the specification.
    pub(crate) problems: Vec<String>,
    /// What is right, and cannot be done by this library.
    pub(crate) unsupported: Vec<String>,
    /// What somebody should know, and nothing fails for.
    pub(crate) notes: Vec<String>,
}

impl Found {
    pub(crate) fn problem(&mut self, place: &str, why: impl AsRef<str>) {
        self.problems.push(format!("{place}: {}", why.as_ref()));
    }

    pub(crate) fn unsupported(&mut self, place: &str, why: impl AsRef<str>) {
        self.unsupported.push(format!("{place}: {}", why.as_ref()));
    }

    pub(crate) fn note(&mut self, place: &str, why: impl AsRef<str>) {
        self.notes.push(format!("{place}: {}", why.as_ref()));
    }

    /// All of these, at one place.
    pub(crate) fn all(&mut self, place: &str, problems: impl IntoIterator<Item = impl AsRef<str>>) {
        problems.into_iter().for_each(|problem| self.problem(place, problem));
    }

    /// Nothing that a string of the kernel's cannot have in it.
    pub(crate) fn text(&mut self, place: &str, text: &str) {
        if text.contains('\0') {
            self.problem(place, format!("{text:?} has a NUL byte in it, which ends a string for the kernel"));
        }
    }

    /// Whether it is an absolute path.
    pub(crate) fn absolute(&mut self, place: &str, path: &str) -> bool {
        self.text(place, path);
        if path.is_empty() {
            self.problem(place, "is required");
        } else if !path.starts_with('/') {
            self.problem(place, format!("{path:?} must be an absolute path"));
        }
        path.starts_with('/') && !path.contains('\0')
    }

    /// Variables, `NAME=value`, as pairs.
    pub(crate) fn env(
        &mut self,
        place: &str,
        env: Option<&Vec<String>>,
    ) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
        let mut pairs = Vec::new();
        for (at, text) in env.into_iter().flatten().enumerate() {
            let place = super::part(place, at);
            self.text(&place, text);
            match text.split_once('=') {
                Some((name, value)) if !name.is_empty() => pairs.push((name.into(), value.into())),
                _ => self.problem(&place, format!("{text:?} is no variable: NAME=value")),
            }
        }
        pairs
    }
}
