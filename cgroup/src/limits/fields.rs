// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fields: which limit each field of a structure is, said once.

/// Gives a structure of optional limits its settings, in this order, and the way to unset one.
macro_rules! limits_of {
    ($type:ty { $($field:ident: $key:ident as $value:ident),+ $(,)? }) => {
        impl $type {
            /// Adds what is set; `of` is what the whole is about, such as a device.
            fn own_settings(&self, of: Option<&str>, to: &mut Vec<$crate::limits::Setting>) {
                $(if let Some(value) = self.$field.clone() {
                    to.push($crate::limits::Setting {
                        key: $crate::limits::Key::$key,
                        of: of.map(str::to_owned),
                        value: $crate::limits::Value::$value(value.into()),
                    });
                })+
            }

            /// Has one left alone.
            fn unset_own(&mut self, key: $crate::limits::Key) {
                match key {
                    $($crate::limits::Key::$key => self.$field = None,)+
                    _ => {}
                }
            }
        }
    };
}

pub(super) use limits_of;
