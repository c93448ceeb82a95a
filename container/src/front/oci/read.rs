// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading and writing JSON: all that has a wrong type at once, by its place.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

use super::object;
use crate::error::{Error, ErrorKind, Object};

/// After so many problems nobody reads on.
const MOST: usize = 100;

/// One step on the way to a value.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    Key(String),
    Part(usize),
}

/// What the text says, and everything in it that has a wrong type, which is left out of it then.
pub(super) fn read<T: DeserializeOwned + Default>(text: &str) -> (T, Vec<String>) {
    // Mostly nothing is wrong with it.
    if let Ok(read) = serde_json::from_str(text) {
        return (read, Vec::new());
    }
    let mut value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => return (T::default(), vec![format!("it is no JSON: {error}")]),
    };
    // Reading ends at the first problem: it is taken out, and the rest read again.
    let (mut problems, mut gone) = (Vec::new(), Vec::new());
    loop {
        let error = match serde_path_to_error::deserialize::<_, T>(&value) {
            Ok(read) => return (read, problems),
            Err(error) => error,
        };
        let way = way(error.path());
        let original = original(&way, &gone);
        problems.push(sentence(&original, &error.inner().to_string()));
        if problems.len() >= MOST || !remove(&mut value, &way) {
            return (T::default(), problems);
        }
        gone.push(original);
    }
}

/// The text of a value, with line breaks.
pub(super) fn write(value: &impl Serialize, object: Object) -> Result<String, Error> {
    serde_json::to_string_pretty(value)
        .map_err(|error| Error::because("write", object, ErrorKind::Os, error.to_string()))
}

fn way(path: &serde_path_to_error::Path) -> Vec<Step> {
    let step = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(Step::Part(*index)),
        Segment::Map { key } => Some(Step::Key(key.clone())),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    path.iter().map_while(step).collect()
}

/// The same way in the text as it was read: what was taken out of a list before has moved what is behind it.
fn original(way: &[Step], gone: &[Vec<Step>]) -> Vec<Step> {
    let mut found: Vec<Step> = Vec::new();
    for step in way {
        let Step::Part(at) = step else {
            found.push(step.clone());
            continue;
        };
        let missing = |way: &Vec<Step>| match way.split_last() {
            Some((Step::Part(at), before)) if *before == *found => Some(*at),
            _ => None,
        };
        let mut missing: Vec<usize> = gone.iter().filter_map(missing).collect();
        missing.sort_unstable();
        let at = missing.into_iter().fold(*at, |at, gone| if gone <= at { at.saturating_add(1) } else { at });
        found.push(Step::Part(at));
    }
    found
}

fn sentence(way: &[Step], why: &str) -> String {
    let place = way.iter().fold(String::new(), |place, step| match step {
        Step::Key(key) => object::key(&place, key),
        Step::Part(at) => object::part(&place, *at),
    });
    if place.is_empty() { format!("all of it: {why}") } else { format!("{place}: {why}") }
}

/// Whether there was something to take out.
fn remove(value: &mut Value, way: &[Step]) -> bool {
    let Some((last, before)) = way.split_last() else { return false };
    let holder = before.iter().try_fold(value, |value, step| match (step, value) {
        (Step::Key(key), Value::Object(map)) => map.get_mut(key),
        (Step::Part(at), Value::Array(list)) => list.get_mut(*at),
        _ => None,
    });
    match (last, holder) {
        (Step::Key(key), Some(Value::Object(map))) => map.remove(key).is_some(),
        (Step::Part(at), Some(Value::Array(list))) if *at < list.len() => {
            list.remove(*at);
            true
        }
        _ => false,
    }
}
