// SPDX-License-Identifier: MIT OR Apache-2.0
//! What OCI configurations become, and what is said of them, as text files: `UPDATE=1` writes them anew. And bundles that are
//! not as they should be.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use needs::Scratch;
use serde_json::json;
use skep::oci::{Bundle, Config, Setting, StateStatus, Translated};
use skep::rootfs::Hierarchy;
use skep::{ErrorKind, Spec};

const RUNTIME_SPEC: &str = include_str!("../oci/runtime-spec.json");

/// A machine with version 2 alone, and the caller in a group of it.
fn setting() -> Setting {
    Setting::new().hierarchies([Hierarchy::unified("/sys/fs/cgroup", "/user.slice")])
}

fn compare(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oci").join(name);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "tests/oci/{name}; UPDATE=1 writes it anew");
}

#[test]
fn whole_configurations_become_these_descriptions() {
    let docker = include_str!("../oci/docker.json");
    let user = include_str!("../oci/user.json");
    for (name, text) in [("runtime-spec", RUNTIME_SPEC), ("docker", docker), ("user", user)] {
        let config = Config::from_json(text).unwrap();
        let Translated { spec, notes, listener, .. } = config.translate("/bundles/web", &setting()).unwrap();
        assert_eq!((listener, notes.as_slice()), (None, config.notes(&setting()).as_slice()), "{name}");
        let found = json!({"notes": notes, "spec": spec});
        compare(&format!("{name}.expected.json"), &(serde_json::to_string_pretty(&found).unwrap() + "\n"));
        // What is stored is read back.
        let stored = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<Spec>(&stored).unwrap(), spec, "{name}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once_by_its_place() {
    let config = Config::from_json(include_str!("../oci/wrong.json")).unwrap();
    let every = Config::from_json(include_str!("../oci/every-key.json")).unwrap();
    let mut found = String::new();
    let mut add = |title: &str, sentences: &[String]| {
        found.push_str(&format!("# {title}\n"));
        sentences.iter().for_each(|sentence| found.push_str(&format!("{sentence}\n")));
    };
    add("wrong", &config.problems());
    add("cannot be done", &config.unsupported(&Setting::new()));
    add("of every key, wrong", &every.problems());
    add("of every key, cannot be done", &every.unsupported(&setting()));
    add("notes", &config.notes(&Setting::new()));
    compare("problems.txt", &found);
    // All of it in one error.
    let error = config.translate("/bundles/web", &setting()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    for sentence in [config.problems(), config.unsupported(&setting())].concat() {
        assert!(error.problems().contains(&sentence), "{sentence}");
    }
}

fn bundle(config: &str) -> Scratch {
    let dir = Scratch::new();
    fs::create_dir_all(dir.join("bundle/rootfs")).unwrap();
    fs::write(dir.join("bundle/config.json"), config).unwrap();
    dir
}

#[test]
fn a_bundle_is_opened_by_a_link_too_and_its_root_is_where_it_is() {
    let dir = bundle(RUNTIME_SPEC);
    symlink("bundle", dir.join("link")).unwrap();
    let real = dir.join("bundle");
    for name in ["bundle", "link"] {
        let bundle = Bundle::open(dir.join(name)).unwrap();
        assert_eq!(bundle.path(), real);
        assert_eq!(bundle.root(), Some(real.join("rootfs")));
        let builder = bundle.builder("web", &setting()).unwrap();
        assert_eq!(builder.spec().root.as_ref().unwrap().directory(), Some(real.join("rootfs").as_path()));
        let state = bundle.state("web", StateStatus::Created).pid(7);
        assert_eq!((state.bundle.as_str(), state.pid), (real.to_str().unwrap(), Some(7)));
    }
}

#[test]
fn what_is_absent_or_wrong_in_a_bundle_is_said_in_a_sentence() {
    let dir = bundle(RUNTIME_SPEC);
    let error = Bundle::open(dir.join("absent")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);

    fs::remove_dir(dir.join("bundle/rootfs")).unwrap();
    let config = dir.join("bundle/config.json");
    fs::write(&config, RUNTIME_SPEC.replace("\"cwd\": \"/\"", "\"cwd\": \".\"")).unwrap();
    let error = Bundle::open(dir.join("bundle")).unwrap_err();
    let root = dir.join("bundle/rootfs");
    assert_eq!(
        error.problems(),
        [
            "process.cwd: \".\" must be an absolute path".to_owned(),
            format!("root.path: there is no directory {root:?}"),
        ]
    );

    fs::write(&config, "{").unwrap();
    let error = Bundle::open(dir.join("bundle")).unwrap_err();
    assert!(error.problems()[0].starts_with("it is no JSON: "), "{:?}", error.problems());

    fs::remove_file(&config).unwrap();
    let error = Bundle::open(dir.join("bundle")).unwrap_err();
    assert_eq!(error.hint(), Some("a bundle is a directory with a config.json in it"));
    fs::create_dir(&config).unwrap();
    assert_eq!(Bundle::open(dir.join("bundle")).unwrap_err().kind(), ErrorKind::Invalid);
}
