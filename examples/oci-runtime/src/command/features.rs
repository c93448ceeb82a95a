// SPDX-License-Identifier: MIT OR Apache-2.0
//! `features`: what of the specification is known, whatever the machine is.

use skep::oci::Features;

use crate::failure::Failure;
use crate::print;

pub(super) fn features() -> Result<(), Failure> {
    let mut features = Features::of_this_build();
    let version = ("org.skep.oci.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    features.annotations = Some([version].into());
    print::stdout(features.to_json()? + "\n")
}
