// SPDX-License-Identifier: MIT OR Apache-2.0
//! libseccomp, where it is installed: the C library that other runtimes have. It is loaded by this test alone.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::AsRawFd;

use needs::{Need, needs, rounds};
use skep_caps_sec::{Arch, Compare, Condition, Filter, Verdict};

use super::{Simple, for_many};

/// `struct scmp_arg_cmp`
#[repr(C)]
struct Test {
    arg: c_uint,
    op: c_int,
    a: u64,
    b: u64,
}

/// The functions that are used.
struct Library {
    init: unsafe extern "C" fn(u32) -> *mut c_void,
    arch_add: unsafe extern "C" fn(*mut c_void, u32) -> c_int,
    arch_remove: unsafe extern "C" fn(*mut c_void, u32) -> c_int,
    rule_add_array: unsafe extern "C" fn(*mut c_void, u32, c_int, c_uint, *const Test) -> c_int,
    export_bpf: unsafe extern "C" fn(*const c_void, c_int) -> c_int,
    release: unsafe extern "C" fn(*mut c_void),
}

impl Library {
    fn load() -> Option<Self> {
        // SAFETY: a name that ends in NUL; loading it runs no code but its own constructors.
        let library = unsafe { libc::dlopen(c"libseccomp.so.2".as_ptr(), libc::RTLD_NOW) };
        if library.is_null() {
            return None;
        }
        let find = |name: &CStr| {
            // SAFETY: a library that stays loaded, and a name that ends in NUL.
            let found = unsafe { libc::dlsym(library, name.as_ptr().cast::<c_char>()) };
            assert!(!found.is_null(), "{name:?}");
            found
        };
        // SAFETY: the types are those of seccomp.h, of all versions 2.
        let init = unsafe {
            std::mem::transmute::<*mut c_void, unsafe extern "C" fn(u32) -> *mut c_void>(find(c"seccomp_init"))
        };
        // SAFETY: as above.
        let arch_add = unsafe {
            std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void, u32) -> c_int>(find(
                c"seccomp_arch_add",
            ))
        };
        // SAFETY: as above.
        let arch_remove = unsafe {
            std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void, u32) -> c_int>(find(
                c"seccomp_arch_remove",
            ))
        };
        // SAFETY: as above.
        let rule_add_array = unsafe {
            std::mem::transmute::<
                *mut c_void,
                unsafe extern "C" fn(*mut c_void, u32, c_int, c_uint, *const Test) -> c_int,
            >(find(c"seccomp_rule_add_array"))
        };
        // SAFETY: as above.
        let export_bpf = unsafe {
            std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*const c_void, c_int) -> c_int>(find(
                c"seccomp_export_bpf",
            ))
        };
        // SAFETY: as above.
        let release =
            unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void)>(find(c"seccomp_release")) };
        Some(Self { init, arch_add, arch_remove, rule_add_array, export_bpf, release })
    }

    /// What it makes of the policy; `None` for one that it refuses.
    fn compile(&self, simple: &Simple) -> Option<Filter> {
        // SAFETY: the functions are the library's, and take what it has given.
        let context = unsafe { (self.init)(action(simple.default)) };
        assert!(!context.is_null());
        let (native, wanted) = (Arch::NATIVE.audit_number(), Arch::X86_64.audit_number());
        if native != wanted {
            // SAFETY: as above.
            assert_eq!(unsafe { (self.arch_add)(context, wanted) }, 0);
            // SAFETY: as above.
            assert_eq!(unsafe { (self.arch_remove)(context, native) }, 0);
        }
        let mut taken = true;
        for (name, alternatives) in &simple.rules {
            let number = Arch::X86_64.number_of(name).unwrap().cast_signed();
            let none = [Vec::new()];
            for when in if alternatives.is_empty() { &none[..] } else { alternatives } {
                let tests: Vec<Test> = when.iter().map(test).collect();
                let count = c_uint::try_from(tests.len()).unwrap();
                // SAFETY: as above, and the array has as many tests as are said.
                let done =
                    unsafe { (self.rule_add_array)(context, action(simple.verdict), number, count, tests.as_ptr()) };
                taken &= done == 0 || done == -libc::EEXIST;
            }
        }
        // SAFETY: a name that ends in NUL.
        let fd = unsafe { libc::memfd_create(c"filter".as_ptr(), libc::MFD_CLOEXEC) };
        // SAFETY: a descriptor that the kernel has just made.
        let mut file: File = unsafe { std::os::fd::FromRawFd::from_raw_fd(fd) };
        // SAFETY: as above.
        assert_eq!(unsafe { (self.export_bpf)(context, file.as_raw_fd()) }, 0);
        // SAFETY: as above; it is not used any more.
        unsafe { (self.release)(context) };
        let mut bytes = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        taken.then(|| Filter::from_bytes(Arch::X86_64, &bytes).unwrap())
    }
}

fn action(verdict: Verdict) -> u32 {
    match verdict {
        Verdict::Allow => 0x7fff_0000,
        Verdict::Log => 0x7ffc_0000,
        Verdict::Errno(errno) => 0x0005_0000 | u32::from(errno.number()),
        Verdict::Trap => 0x0003_0000,
        Verdict::KillThread => 0,
        Verdict::KillProcess => 0x8000_0000,
        other => panic!("{other}"),
    }
}

fn test(condition: &Condition) -> Test {
    let Condition { arg, mask, compare, value, .. } = *condition;
    let plain = |op| Test { arg: arg.into(), op, a: value, b: 0 };
    match compare {
        Compare::Eq if mask != u64::MAX => Test { arg: arg.into(), op: 7, a: mask, b: value },
        Compare::Ne => plain(1),
        Compare::Lt => plain(2),
        Compare::Le => plain(3),
        Compare::Eq => plain(4),
        Compare::Ge => plain(5),
        Compare::Gt => plain(6),
    }
}

#[test]
fn libseccomp_s_filters_decide_as_ours() {
    needs!(syscall("memfd_create"));
    let library = Library::load();
    if Need::new("libseccomp", library.is_none().then(|| "libseccomp.so.2 is not installed".to_owned())).skip() {
        return;
    }
    let library = library.unwrap();
    for_many(rounds(6_000), |simple, calls| {
        // Of several orders of one argument ("below 1 or below 2^32") it makes a wrong tree, up to 2.5.4 at least.
        let plain = |when: &Vec<Condition>| matches!(when.as_slice(), [one] if one.compare == Compare::Eq && one.mask == u64::MAX);
        if simple.rules.iter().any(|(_, some)| some.len() > 1 && !some.iter().all(plain)) {
            return;
        }
        let ours = simple.policy().compile_for(Arch::X86_64).unwrap();
        let Some(theirs) = library.compile(&simple) else { return };
        for call in calls {
            assert_eq!(ours.decide(&call), theirs.decide(&call), "{call}\n{}", simple.policy());
        }
    });
}
