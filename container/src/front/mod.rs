// SPDX-License-Identifier: MIT OR Apache-2.0
//! Front ends: formats that others describe containers in. Each makes a [`Spec`](crate::Spec), and nothing else.

#[cfg(feature = "oci")]
pub mod oci;
