// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a container is described: known whole, or as it was written down.
//!
//! Of what was written down only what lists tell of is read at once: most of a description is its filter, and who lists a
//! thousand containers asks for none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::Deserialize;
use skep_rootfs::RootSpec;

use super::record::Record;
use crate::error::{Error, ErrorKind, Object};
use crate::spec::{Hooks, Spec, text};

/// A description, or none.
#[derive(Debug, Default)]
pub(crate) struct Description {
    /// The record that it is in, and what was read of it, unless it was known whole.
    written: Option<(Vec<u8>, Outline)>,
    whole: OnceLock<Result<Box<Spec>, String>>,
}

/// What is read at once.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Outline {
    annotations: BTreeMap<String, String>,
    memo: BTreeMap<String, String>,
    root: Option<RootSpec>,
    hooks: Hooks,
    #[serde(with = "text::optional_path")]
    bundle: Option<PathBuf>,
}

impl Description {
    /// One that is known.
    pub(crate) fn of(spec: Spec) -> Self {
        Self { written: None, whole: OnceLock::from(Ok(Box::new(spec))) }
    }

    /// That in the text of a record, of which this was read.
    pub(super) fn written(record: Vec<u8>, outline: Outline) -> Self {
        Self { written: Some((record, outline)), whole: OnceLock::new() }
    }

    /// All of it; nothing if there is none.
    ///
    /// # Errors
    /// What is wrong with the record.
    pub(crate) fn whole(&self) -> Result<Option<&Spec>, String> {
        let whole = match (self.whole.get(), &self.written) {
            (Some(whole), _) => whole,
            (None, None) => return Ok(None),
            (None, Some((record, _))) => self.whole.get_or_init(|| Record::spec_in(record).map(Box::new)),
        };
        whole.as_ref().map(|spec| Some(spec.as_ref())).map_err(String::clone)
    }

    /// The same, to do `op` by.
    pub(crate) fn demand(&self, op: &'static str, object: impl FnOnce() -> Object) -> Result<Option<&Spec>, Error> {
        let damaged = |why| Error::because(op, object(), ErrorKind::Invalid, format!("its record is damaged: {why}"));
        self.whole().map_err(damaged)
    }

    /// All of it; nothing if there is none, or it cannot be read.
    pub(crate) fn spec(&self) -> Option<&Spec> {
        self.whole().ok().flatten()
    }

    pub(crate) fn annotations(&self) -> Option<&BTreeMap<String, String>> {
        self.part(|outline| &outline.annotations, |spec| &spec.annotations)
    }

    pub(crate) fn memo(&self) -> Option<&BTreeMap<String, String>> {
        self.part(|outline| &outline.memo, |spec| &spec.memo)
    }

    pub(crate) fn root(&self) -> Option<&RootSpec> {
        self.part(|outline| &outline.root, |spec| &spec.root)?.as_ref()
    }

    pub(crate) fn bundle(&self) -> Option<&Path> {
        self.part(|outline| &outline.bundle, |spec| &spec.bundle)?.as_deref()
    }

    pub(crate) fn hooks(&self) -> Option<&Hooks> {
        self.part(|outline| &outline.hooks, |spec| &spec.hooks)
    }

    fn part<'a, T>(&'a self, outlined: fn(&'a Outline) -> &'a T, whole: fn(&'a Spec) -> &'a T) -> Option<&'a T> {
        match &self.written {
            Some((_, outline)) => Some(outlined(outline)),
            None => self.spec().map(whole),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_at_once_is_what_the_whole_says() {
        let mut spec = Spec { bundle: Some("/bundle".into()), root: Some(RootSpec::new("/root")), ..Spec::default() };
        spec.annotations.insert("a".to_owned(), "b".to_owned());
        spec.memo.insert("c".to_owned(), "d".to_owned());
        let text = serde_json::to_vec(&Record::intent(&spec, Vec::new())).unwrap();
        let (known, read) = (Description::of(spec.clone()), Record::parse(text).unwrap().description);
        for one in [&known, &read] {
            assert_eq!(one.annotations(), Some(&spec.annotations));
            assert_eq!(one.memo(), Some(&spec.memo));
            assert_eq!(one.root(), spec.root.as_ref());
            assert_eq!(one.bundle(), spec.bundle.as_deref());
            assert_eq!(one.hooks(), Some(&spec.hooks));
            assert_eq!(one.whole(), Ok(Some(&spec)));
        }
        assert_eq!(Description::default().whole(), Ok(None));
        assert_eq!(Description::default().bundle(), None);
    }

    #[test]
    fn what_only_the_whole_shows_to_be_wrong_is_told_when_it_is_asked_for() {
        let text = serde_json::to_string(&Record::intent(&Spec::default(), Vec::new())).unwrap();
        let text = text.replace("\"init\":false", "\"init\":7");
        let read = Record::parse(text.into_bytes()).unwrap().description;
        assert!(read.whole().unwrap_err().contains("invalid type: integer `7`"), "{:?}", read.whole());
        assert_eq!(read.spec(), None);
        assert_eq!(read.annotations(), Some(&BTreeMap::new()));
    }
}
