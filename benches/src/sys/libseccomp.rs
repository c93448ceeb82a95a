// SPDX-License-Identifier: MIT OR Apache-2.0
//! libseccomp, the C library that other runtimes compile their filters by: where it is installed, loaded while a bench runs.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::AsRawFd;

use nix::libc;
use rustix::fs::{MemfdFlags, memfd_create};

/// `struct scmp_arg_cmp`: an argument's number, `SCMP_CMP_*`, and two values.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Test(pub c_uint, pub c_int, pub u64, pub u64);

/// A rule: `SCMP_ACT_*`, names, and what must all hold.
#[derive(Debug, Clone)]
pub struct Rule {
    /// What becomes of the calls.
    pub action: u32,
    /// Their names.
    pub names: Vec<CString>,
    /// What their arguments must be.
    pub tests: Vec<Test>,
}

type Context = *mut c_void;

/// The functions that are used.
#[derive(Debug, Clone, Copy)]
pub struct Library {
    init: unsafe extern "C" fn(u32) -> Context,
    arch_add: unsafe extern "C" fn(Context, u32) -> c_int,
    attr_set: unsafe extern "C" fn(Context, c_int, u32) -> c_int,
    number_of: unsafe extern "C" fn(*const c_char) -> c_int,
    rule_add: unsafe extern "C" fn(Context, u32, c_int, c_uint, *const Test) -> c_int,
    export: unsafe extern "C" fn(Context, c_int) -> c_int,
    release: unsafe extern "C" fn(Context),
}

/// `SCMP_FLTATR_CTL_OPTIMIZE`: 1 is a list, 2 a tree.
const OPTIMIZE: c_int = 8;
/// `__NR_SCMP_ERROR`: no call of this name.
const NONE: c_int = -1;

/// The function at this address.
///
/// # Safety
/// `F` is the type of a pointer to that function.
unsafe fn typed<F: Copy>(found: *mut c_void) -> F {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    // SAFETY: they are of one size, and the caller says that it is one.
    unsafe { std::mem::transmute_copy(&found) }
}

impl Library {
    /// The library, if it is installed.
    #[must_use]
    pub fn load() -> Option<Self> {
        // SAFETY: a name that ends in NUL; loading it runs no code but its own constructors.
        let library = unsafe { libc::dlopen(c"libseccomp.so.2".as_ptr(), libc::RTLD_NOW) };
        let find = |name: &CStr| {
            // SAFETY: a library that stays loaded, and a name that ends in NUL.
            let found = unsafe { libc::dlsym(library, name.as_ptr()) };
            (!library.is_null() && !found.is_null()).then_some(found)
        };
        Some(Self {
            // SAFETY: the type is that of seccomp.h, of all versions 2.
            init: unsafe { typed(find(c"seccomp_init")?) },
            // SAFETY: as above.
            arch_add: unsafe { typed(find(c"seccomp_arch_add")?) },
            // SAFETY: as above.
            attr_set: unsafe { typed(find(c"seccomp_attr_set")?) },
            // SAFETY: as above.
            number_of: unsafe { typed(find(c"seccomp_syscall_resolve_name")?) },
            // SAFETY: as above.
            rule_add: unsafe { typed(find(c"seccomp_rule_add_array")?) },
            // SAFETY: as above.
            export: unsafe { typed(find(c"seccomp_export_bpf")?) },
            // SAFETY: as above.
            release: unsafe { typed(find(c"seccomp_release")?) },
        })
    }

    /// The filter of these rules, for this machine's architecture and others (`SCMP_ARCH_*`), as a list or as a tree. Rules
    /// that it does not take are left out: what it makes is to be measured.
    ///
    /// # Errors
    /// Where it makes none.
    pub fn compile(&self, default: u32, others: &[u32], rules: &[Rule], tree: bool) -> Result<Vec<u8>, String> {
        let memory = memfd_create(c"filter", MemfdFlags::CLOEXEC).map_err(|errno| errno.to_string())?;
        let mut file = File::from(memory);
        // SAFETY: the function is the library's.
        let context = unsafe { (self.init)(default) };
        if context.is_null() {
            return Err("seccomp_init".to_owned());
        }
        for arch in others {
            // SAFETY: the context is the library's.
            unsafe { (self.arch_add)(context, *arch) };
        }
        if tree {
            // SAFETY: as above.
            unsafe { (self.attr_set)(context, OPTIMIZE, 2) };
        }
        for rule in rules {
            let count = c_uint::try_from(rule.tests.len()).unwrap_or_default();
            for name in &rule.names {
                // SAFETY: the string ends in NUL.
                let number = unsafe { (self.number_of)(name.as_ptr()) };
                if number != NONE {
                    // SAFETY: the context is the library's, and the array has as many tests as are said.
                    unsafe { (self.rule_add)(context, rule.action, number, count, rule.tests.as_ptr()) };
                }
            }
        }
        // SAFETY: as above; the descriptor is open.
        let done = unsafe { (self.export)(context, file.as_raw_fd()) };
        // SAFETY: as above; it is not used any more.
        unsafe { (self.release)(context) };
        let mut bytes = Vec::new();
        let read = file.rewind().and_then(|()| file.read_to_end(&mut bytes)).map_err(|error| error.to_string())?;
        if done == 0 && read > 0 { Ok(bytes) } else { Err(format!("seccomp_export_bpf: {done}")) }
    }
}
