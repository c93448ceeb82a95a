// SPDX-License-Identifier: MIT OR Apache-2.0
//! OCI bundles that are run: what the configuration says is what the program finds.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use needs::{isolated, needs, rounds};
use rustix::fs::{CWD, FileType, Mode, RenameFlags, mknodat, renameat_with};
use serde_json::{Value, json};
use skep::Report;
use skep::oci::{Bundle, Setting, StateStatus};

use crate::common::{is_root, text_of};
use crate::tree::Tree;

/// What a runtime gives who asks for a configuration to begin with.
const RUNTIME_SPEC: &str = include_str!("../oci/runtime-spec.json");

/// A bundle of that in the tree's directory, with a script for a program, and with what differs in it.
fn bundle(tree: &Tree, script: &str, change: impl FnOnce(&mut Value)) -> Bundle {
    let mut config: Value = serde_json::from_str(RUNTIME_SPEC).unwrap();
    config["root"]["path"] = json!("root");
    config["process"]["args"] = json!(["sh", "-c", script]);
    config["process"]["terminal"] = json!(false);
    config["process"]["env"] = json!(["PATH=/bin", "TERM=xterm"]);
    // It takes rights over the machine's control groups.
    config["linux"]["resources"] = json!({});
    if !is_root() {
        let own = |id: u32| json!([{"containerID": 0, "hostID": id, "size": 1}]);
        config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "user"}));
        config["linux"]["uidMappings"] = own(nix::unistd::geteuid().as_raw());
        config["linux"]["gidMappings"] = own(nix::unistd::getegid().as_raw());
        config["mounts"].as_array_mut().unwrap().retain(|mount| mount["type"] != "cgroup");
    }
    change(&mut config);
    let dir = tree.root().parent().unwrap().to_owned();
    fs::write(dir.join("config.json"), config.to_string()).unwrap();
    symlink(".", dir.join("link")).unwrap();
    Bundle::open(dir.join("link")).unwrap_or_else(|error| panic!("{}", Report(&error)))
}

fn output(bundle: &Bundle) -> String {
    let builder = bundle.builder("oci", &Setting::here().unwrap());
    let builder = builder.unwrap_or_else(|error| panic!("{}", Report(&error)));
    // Without a name, so that nothing is kept of it.
    text_of(skep::Builder::from_spec(builder.spec().clone()))
}

#[test]
fn a_runtime_s_own_configuration_runs_as_it_says() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let tree = Tree::new();
        let script = "hostname; echo pid $$; pwd; id -u; grep CapEff /proc/self/status; grep NoNewPrivs /proc/self/status; \
            grep CapBnd /proc/self/status; cat /proc/kcore | wc -c; touch /new 2>/dev/null || echo read-only; \
            touch /proc/sys/kernel/x 2>/dev/null || echo kept; touch /dev/shm/x && echo shared; \
            test -c /dev/null && test -c /dev/urandom && readlink /dev/fd; readlink /dev/ptmx; \
            echo $TERM $HOME-";
        let text = output(&bundle(&tree, script, |_| {}));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "runc",
                "pid 1",
                "/",
                "0",
                "CapEff:\t0000000020000420",
                "NoNewPrivs:\t1",
                "CapBnd:\t0000000020000420",
                "0",
                "read-only",
                "kept",
                "shared",
                "/proc/self/fd",
                "pts/ptmx",
                "xterm -",
            ],
            "{text}"
        );
    });
}

#[test]
fn what_differs_from_it_is_found_by_the_program_too() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let tree = Tree::new();
        let beside = tree.root().parent().unwrap().join("data");
        // What is copied is made before it is attached.
        let copies = is_root() && !needs::denied("fsopen");
        fs::create_dir(&beside).unwrap();
        fs::write(beside.join("file"), "of the bundle\n").unwrap();
        let script = "cat /data/file; touch /data/x 2>/dev/null || echo read-only; umask; ulimit -c; ls /data; \
            cat /proc/sys/net/ipv4/ip_unprivileged_port_start; cat /proc/self/oom_score_adj; stat -c %a /tmp; cat /tmp/before; \
            grep Seccomp: /proc/self/status; mkdir /dev/shm/x 2>&1";
        fs::write(tree.root().join("tmp/before"), "copied\n").unwrap();
        let bundle = bundle(&tree, script, |config| {
            let mounts = config["mounts"].as_array_mut().unwrap();
            mounts.push(json!({"destination": "/data", "type": "bind", "source": "data", "options": ["rbind", "rro"]}));
            if copies {
                let words = ["rw", "rprivate", "nosuid", "tmpcopyup", "mode=0711"];
                mounts.push(json!({"destination": "/tmp", "type": "tmpfs", "options": words}));
            } else {
                mounts.push(json!({"destination": "/tmp", "type": "tmpfs", "options": ["mode=0711"]}));
            }
            // An engine that gives it all of the machine's devices names this one too.
            config["linux"]["devices"] = json!([{"path": "/dev/ptmx", "type": "c", "major": 5, "minor": 2}]);
            config["process"]["user"]["umask"] = json!(0o027);
            config["process"]["rlimits"] = json!([{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]);
            config["process"]["oomScoreAdj"] = json!(700);
            config["linux"]["sysctl"] = json!({"net.ipv4.ip_unprivileged_port_start": "77"});
            config["linux"]["seccomp"] = json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]});
            config["process"]["args"][2] = json!(format!("{script}; true"));
        });
        let before = if copies { "copied\n" } else { "" };
        let found = output(&bundle).replace("cat: can't open '/tmp/before': No such file or directory\n", "");
        assert_eq!(
            found,
            format!(
                "of the bundle\nread-only\n0027\n0\nfile\n77\n700\n711\n{before}Seccomp:\t2\n\
                 mkdir: can't create directory '/dev/shm/x': No space left on device\n"
            )
        );
        assert_eq!(bundle.state("oci", StateStatus::Stopped).bundle, tree.root().parent().unwrap().to_str().unwrap());
    });
}

#[test]
fn without_a_pid_namespace_it_sees_the_machine_s_processes() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let tree = Tree::new();
        let bundle = bundle(&tree, "cat /proc/$$/comm; readlink /proc/self/ns/pid", |config| {
            config["linux"]["namespaces"].as_array_mut().unwrap().retain(|namespace| namespace["type"] != "pid");
        });
        let own = fs::read_link("/proc/self/ns/pid").unwrap();
        assert_eq!(output(&bundle), format!("sh\n{}\n", own.display()));
    });
}

#[test]
fn a_configuration_that_becomes_a_pipe_while_it_is_opened_keeps_nobody_waiting() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let tree = Tree::new();
        bundle(&tree, "true", |_| {});
        let dir = tree.root().parent().unwrap().to_owned();
        let (file, pipe) = (dir.join("config.json"), dir.join("pipe"));
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).unwrap();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    renameat_with(CWD, &file, CWD, &pipe, RenameFlags::EXCHANGE).unwrap();
                }
            });
            for _ in 0..rounds(20_000) {
                if let Err(error) = Bundle::open(&dir) {
                    assert!(Report(&error).to_string().contains("is no ordinary file"), "{}", Report(&error));
                }
            }
            is_over.store(true, Ordering::Relaxed);
        });
    });
}
