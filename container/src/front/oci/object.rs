// SPDX-License-Identifier: MIT OR Apache-2.0
//! Objects of the format: structs whose unknown keys are kept, and told.

use std::collections::BTreeMap;

/// Where a key is: `process.user.uid`; a key that is no plain word stands in brackets, `annotations["org.example"]`.
pub(crate) fn key(place: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match (place, plain) {
        ("", true) => key.to_owned(),
        (_, true) => format!("{place}.{key}"),
        (_, false) => format!("{place}[{key:?}]"),
    }
}

/// Where a part of a list is: `mounts[3]`.
pub(crate) fn part(place: &str, at: usize) -> String {
    format!("{place}[{at}]")
}

/// Where an object is, put into words for those alone that are told of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'a> {
    /// The whole configuration.
    Top,
    /// Under a key.
    Key(&'a Place<'a>, &'a str),
    /// In a list.
    Part(&'a Place<'a>, usize),
}

impl Place<'_> {
    /// In words.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Top => String::new(),
            Self::Key(above, name) => key(&above.words(), name),
            Self::Part(above, at) => part(&above.words(), *at),
        }
    }
}

/// What may have keys in it that the format does not have.
pub(crate) trait Object {
    /// The place of each of them.
    fn unknown(&self, place: &Place<'_>, found: &mut Vec<String>);
}

macro_rules! without_keys {
    ($($type:ty),*) => {
        $(impl Object for $type {
            fn unknown(&self, _: &Place<'_>, _: &mut Vec<String>) {}
        })*
    };
}
without_keys!(String, bool, i32, i64, u16, u32, u64);

impl<T: Object> Object for Option<T> {
    fn unknown(&self, place: &Place<'_>, found: &mut Vec<String>) {
        if let Some(object) = self {
            object.unknown(place, found);
        }
    }
}

impl<T: Object> Object for Vec<T> {
    fn unknown(&self, place: &Place<'_>, found: &mut Vec<String>) {
        self.iter().enumerate().for_each(|(at, object)| object.unknown(&Place::Part(place, at), found));
    }
}

impl<T: Object> Object for BTreeMap<String, T> {
    fn unknown(&self, place: &Place<'_>, found: &mut Vec<String>) {
        self.iter().for_each(|(name, object)| object.unknown(&Place::Key(place, name), found));
    }
}

/// A struct of the format, field by field: its name here, its type, its key there. What is `required` is written whatever it
/// is, and empty where it was absent; what is `optional` may be absent, and is absent where it was null.
macro_rules! object {
    (
        $(#[$meta:meta])*
        $name:ident {
            required { $($(#[$must_meta:meta])* $must:ident: $must_type:ty = $must_key:literal,)* }
            optional { $($(#[$may_meta:meta])* $may:ident: $may_type:ty = $may_key:literal,)* }
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$must_meta])* #[serde(rename = $must_key)] pub $must: $must_type,)*
            $(
                $(#[$may_meta])*
                #[serde(rename = $may_key, skip_serializing_if = "Option::is_none")]
                pub $may: Option<$may_type>,
            )*
            /// Keys that the format does not have, as they were read: they are written again.
            #[serde(flatten)]
            pub other: serde_json::Map<String, serde_json::Value>,
        }

        impl $crate::front::oci::object::Object for $name {
            fn unknown(&self, place: &$crate::front::oci::object::Place<'_>, found: &mut Vec<String>) {
                use $crate::front::oci::object::Place;
                $(self.$must.unknown(&Place::Key(place, $must_key), found);)*
                $(self.$may.unknown(&Place::Key(place, $may_key), found);)*
                found.extend(self.other.keys().map(|name| Place::Key(place, name).words()));
            }
        }
    };
}
pub(crate) use object;
