// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernel modules: loaded in the order that the host has worked out.
//!
//! Man: finit_module(2).

use std::fs::File;
use std::path::Path;

use rustix::io::Errno;

/// Loads each file; the answer is a sentence for each that could not be.
pub(crate) fn load(paths: &[String]) -> Vec<String> {
    paths.iter().filter_map(|path| load_one(Path::new(path)).err()).collect()
}

fn load_one(path: &Path) -> Result<(), String> {
    let file = File::open(path).map_err(|error| format!("cannot open the module {}: {error}", path.display()))?;
    match rustix::system::finit_module(&file, c"", 0) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(format!("cannot load the module {}: {errno}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_is_absent_is_named() {
        let lacks = load(&["/no/such/veth.ko".to_owned()]);
        assert!(lacks[0].starts_with("cannot open the module /no/such/veth.ko: No such file"), "{lacks:?}");
    }
}
