// SPDX-License-Identifier: MIT OR Apache-2.0
//! Loading: compiled profiles into the kernel, and out of it.
//!
//! The kernel's interface is three files of securityfs, which are written only where that is what is mounted there.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};

use rustix::fs::fstatfs;

use super::Confinement;
use crate::error::{Error, ErrorKind, Object};

/// A profile, or several, in the form that the kernel reads: what `apparmor_parser` makes. It holds on kernels with the
/// features of the one that it was made for, and can be kept for those.
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct CompiledProfile(Vec<u8>);

const INTERFACE: &str = "/sys/kernel/security/apparmor";
const SECURITYFS_MAGIC: u64 = 0x7363_6673;

impl CompiledProfile {
    /// The profile of these bytes, as [`as_bytes`](Self::as_bytes) gave them. The kernel checks them.
    #[must_use]
    pub const fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Loads it, in the place of one of the same name. Who is under that is under this one from then on.
    ///
    /// # Errors
    /// `NotFound` where AppArmor is not on or securityfs is not mounted; `Denied` without the right; `Unsupported` for what
    /// this kernel does not understand.
    /// # Privileges
    /// `CAP_MAC_ADMIN`, in the first user namespace or in that of an AppArmor namespace.
    #[doc(alias = "apparmor_parser")]
    pub fn load(&self) -> Result<(), Error> {
        write_to("load an AppArmor profile by", ".replace", &self.0)
    }

    /// Takes the profile of this name away. Who is under it is unconfined from then on.
    ///
    /// # Errors
    /// `NotFound` if there is none; else as [`load`](Self::load).
    /// # Privileges
    /// As [`load`](Self::load).
    pub fn unload(name: &str) -> Result<(), Error> {
        write_to("unload an AppArmor profile by", ".remove", name.as_bytes())
    }

    /// The profiles that are loaded, with their modes.
    ///
    /// # Errors
    /// `NotFound` where AppArmor is not on or securityfs is not mounted; `Denied` without the right.
    /// # Privileges
    /// `CAP_MAC_ADMIN` on most kernels.
    pub fn loaded() -> Result<Vec<Confinement>, Error> {
        const OP: &str = "list the AppArmor profiles of";
        let path = format!("{INTERFACE}/profiles");
        let mut text = String::new();
        let read = File::open(&path).and_then(|mut file| file.read_to_string(&mut text));
        read.map_err(|error| explained(Error::io(OP, Object::Path(path.into()), &error)))?;
        Ok(text.lines().map(Confinement::of_text).collect())
    }
}

impl std::fmt::Debug for CompiledProfile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CompiledProfile({} bytes)", self.0.len())
    }
}

fn write_to(op: &'static str, file: &str, bytes: &[u8]) -> Result<(), Error> {
    let path = format!("{INTERFACE}/{file}");
    let object = || Object::Path(path.clone().into());
    let failed = |error: std::io::Error| explained(Error::io(op, object(), &error));
    let mut opened = OpenOptions::new().write(true).open(&path).map_err(failed)?;
    let magic = fstatfs(&opened).map_err(|errno| Error::os(op, object(), errno.raw_os_error()))?.f_type;
    if u64::try_from(magic) != Ok(SECURITYFS_MAGIC) {
        let why =
            "what is mounted there is not securityfs: what is written to it would not reach the kernel".to_owned();
        return Err(Error::because(op, object(), ErrorKind::Unsupported, why));
    }
    // The kernel takes it in one write(2).
    match opened.write(bytes).map_err(failed)? {
        written if written == bytes.len() => Ok(()),
        written => {
            let why = format!("the kernel took {written} of {} bytes", bytes.len());
            Err(Error::because(op, object(), ErrorKind::Os, why))
        }
    }
}

fn explained(error: Error) -> Error {
    match (error.kind(), error.errno()) {
        (ErrorKind::NotFound, _) if std::path::Path::new(INTERFACE).exists() => error,
        (ErrorKind::NotFound, _) => error.with_hint(
            "AppArmor is not on in this kernel (the boot options apparmor=1 and lsm=), or securityfs is not mounted at \
             /sys/kernel/security",
        ),
        (ErrorKind::Denied, _) => error.with_hint("it takes CAP_MAC_ADMIN in the first user namespace"),
        _ => error,
    }
}
