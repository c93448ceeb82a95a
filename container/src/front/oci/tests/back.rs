// SPDX-License-Identifier: MIT OR Apache-2.0
//! There and back: a configuration, its description, its configuration, its description.

use proptest::prelude::*;
use serde_json::Value;
use skep_caps_sec::{Landlock, Securebits};
use skep_cgroup::{DeviceRules, Limits};
use skep_ns::{NamespaceKind, Namespaces};
use skep_rootfs::{Bind, Dev, Hierarchy, Mounts, Overlay, Symlink};

use super::reading::changed;
use super::{DOCKER, RUNTIME_SPEC, USER};
use crate::oci::{Config, Setting};
use crate::spec::Spec;
use crate::{Container, Network, Scope};

fn setting() -> Setting {
    Setting::new().hierarchies([Hierarchy::unified("/sys/fs/cgroup", "/user.slice")])
}

fn spec(config: &Config) -> Result<Spec, crate::Error> {
    Ok(config.translate("/bundles/web", &setting())?.spec)
}

#[test]
fn whole_configurations_come_back_from_their_descriptions() {
    for (name, text) in [("runtime-spec", RUNTIME_SPEC), ("docker", DOCKER), ("user", USER)] {
        let there = spec(&Config::from_json(text).unwrap()).unwrap();
        let back = Config::of_spec(&there).unwrap();
        assert_eq!(back.problems(), [""; 0], "{name}");
        assert_eq!(spec(&back).unwrap(), there, "{name}");
        // And by way of its text.
        let read = Config::from_json(back.to_json().unwrap()).unwrap();
        assert_eq!(read, back, "{name}");
        assert_eq!(read.unknown_keys(), [""; 0], "{name}");
    }
}

proptest! {
    #[test]
    fn whatever_part_of_one_can_be_translated_comes_back(
        whole in prop_oneof![Just(DOCKER), Just(USER), Just(RUNTIME_SPEC)],
        bits in proptest::collection::vec(1_u8.., 600),
    ) {
        let mut text: Value = serde_json::from_str(whole).unwrap();
        // Without what a container cannot be without.
        let kept = ["ociVersion", "root", "process", "linux"].map(|key| (key, text[key].clone()));
        changed(&mut text, &mut bits.into_iter());
        for (key, value) in kept {
            let part = text.as_object_mut().unwrap().entry(key).or_insert_with(|| value.clone());
            for place in ["path", "args", "cwd", "user", "namespaces", "uidMappings", "gidMappings"] {
                if let (Some(part), Some(value)) = (part.as_object_mut(), value.get(place)) {
                    part.insert(place.to_owned(), value.clone());
                }
            }
        }
        // Some of what is left out is asked for by what is not.
        if let Ok(config) = Config::from_json(text.to_string())
            && let Ok(there) = spec(&config)
        {
            let back = Config::of_spec(&there).unwrap();
            prop_assert_eq!(spec(&back).unwrap(), there);
        }
    }
}

#[test]
fn a_scope_is_a_path_in_three_parts() {
    let mut there = spec(&Config::from_json(USER).unwrap()).unwrap();
    there.resources.cgroup = None;
    there.resources.scope = Some(Scope::new("a-b.scope").slice("c.slice"));
    let back = Config::of_spec(&there).unwrap();
    assert_eq!(back.linux.as_ref().unwrap().cgroups_path.as_deref(), Some("c.slice::a-b"));
    assert_eq!(spec(&back).unwrap(), there);
}

#[test]
fn what_the_format_has_no_words_for_is_told_at_once() {
    let set = Namespaces::new().make([NamespaceKind::Mount, NamespaceKind::Net, NamespaceKind::Pid]);
    let mounts = Mounts::new()
        .add(Dev::new("/other").create_target())
        .add(Bind::new("/a", "/b").optional().from_inside().create_target())
        .add(Overlay::new("/c"))
        .add(Symlink::new("/d", "e"));
    let builder = Container::anonymous()
        .root("/srv/web")
        .copy_on_write()
        .mounts(mounts)
        .namespaces(set)
        .join_container("web", [NamespaceKind::Ipc])
        .network(Network::veth("br0"))
        .limits_where_possible(Limits::new().devices(DeviceRules::allow_all()))
        .user_named("www-data")
        .groups(["staff"])
        .home_of_user()
        .securebits(Securebits::empty())
        .landlock(Landlock::new())
        .in_caller_keyring()
        .init()
        .die_with_caller()
        .stop_signal(3)
        .command("/bin/true", [""; 0]);
    let builder = builder.scope(Scope::default().of_user());
    let error = Config::of_spec(builder.spec()).unwrap_err();
    let places: Vec<&str> =
        error.problems().iter().filter_map(|why| why.split_once(':')).map(|(place, _)| place).collect();
    assert_eq!(
        places,
        [
            "root.changes",
            "joined.namespaces.ipc",
            "mounts[0]",
            "mounts[1]",
            "mounts[2]",
            "mounts[2]",
            "mounts[3]",
            "resources.scope.of_user",
            "resources.scope.name",
            "resources.devices",
            "process.user",
            "process.groups",
            "process.capabilities",
            "process.home_of_user",
            "process.caller_keyring",
            "process.rights.securebits",
            "process.rights.landlock",
            "networks",
            "init",
            "die_with_caller",
            "stop_signal",
            "resources.where_possible",
        ],
        "{:#?}",
        error.problems()
    );
}
