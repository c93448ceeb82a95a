// SPDX-License-Identifier: MIT OR Apache-2.0
//! What may be below a group, and groups of threads.

use needs::{isolated, needs};
use skep_cgroup::{Bytes, Cgroup, Controller, ErrorKind, GroupType, Layout, Limits, MIB, Max, Version};

use crate::support::{Swept, create, end, has_version, name, only, sh_in, sleeper};

#[test]
fn groups_below_are_refused_beyond_the_bounds() {
    needs!(root);
    if !has_version(Version::V2) {
        return;
    }
    isolated(|| {
        only(Version::V2);
        let group = create("bounds");
        group.limit_depth(1).unwrap();
        group.limit_descendants(2).unwrap();
        assert_eq!(
            (group.read("cgroup.max.depth").unwrap(), group.read("cgroup.max.descendants").unwrap()),
            ("1".into(), "2".into())
        );
        let below = |path: &str| Cgroup::create(format!("{}/{path}", name("bounds")));
        below("a").unwrap();
        assert_eq!(below("a/b").unwrap_err().kind(), ErrorKind::Exhausted);
        below("b").unwrap();
        assert_eq!(below("c").unwrap_err().kind(), ErrorKind::Exhausted);
        group.limit_descendants(Max::Unlimited).unwrap();
        below("c").unwrap();
    });
}

#[test]
fn a_group_of_threads_has_limits_below_one_with_processes() {
    needs!(root, cgroup2("pids"));
    isolated(|| {
        let above =
            Swept(Cgroup::create_with(&Layout::detect().unwrap(), name("threads"), [Controller::Pids]).unwrap());
        let below = Cgroup::create(format!("{}/below", name("threads"))).unwrap();
        assert_eq!(below.group_type().unwrap(), Some(GroupType::Domain));
        let child = sleeper();
        above.add(child.id()).unwrap();
        below.make_threaded().unwrap();
        assert_eq!(below.group_type().unwrap(), Some(GroupType::Threaded));
        assert_eq!(above.group_type().unwrap(), Some(GroupType::DomainThreaded));
        below.write("cgroup.threads", &child.id().to_string()).unwrap();
        assert_eq!(below.read("tasks").unwrap(), child.id().to_string());
        end(child);
    });
}

#[test]
fn memory_is_given_back_on_request_or_it_is_said_how_little() {
    needs!(root, cgroup2("memory"));
    isolated(|| {
        let group = create("reclaim");
        group.apply(&Limits::new().memory_max(64 * MIB)).unwrap();
        if group.read("memory.reclaim").is_err_and(|error| error.kind() == ErrorKind::Unsupported) {
            assert_eq!(group.reclaim(MIB).unwrap_err().kind(), ErrorKind::Unsupported);
            return;
        }
        // Page cache, which is easily dropped.
        let file = std::env::temp_dir().join(needs::token());
        let script = format!("head -c 8388608 /dev/zero > {0}; sync {0}; cat {0} > /dev/null", file.display());
        assert!(sh_in(&group, &script).wait().unwrap().success());
        let error = group.reclaim(Bytes::new(1 << 40)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        std::fs::remove_file(file).unwrap();
    });
}
