// SPDX-License-Identifier: MIT OR Apache-2.0
//! What podman is asked for, in this order, and what it must answer.

/// One call of podman.
#[derive(Debug)]
pub(super) struct Operation {
    /// What it shows.
    pub(super) name: &'static str,
    /// The command line; `@` stands for the root directory that the image was made of, and words with blanks are in ''.
    pub(super) line: &'static str,
    /// Whether it is called on a terminal.
    pub(super) on_terminal: bool,
    pub(super) code: i32,
    /// What its output has in it.
    pub(super) says: &'static [&'static str],
}

const fn done(name: &'static str, line: &'static str, says: &'static [&'static str]) -> Operation {
    Operation { name, line, on_terminal: false, code: 0, says }
}

const fn ends(name: &'static str, line: &'static str, code: i32, says: &'static [&'static str]) -> Operation {
    Operation { code, ..done(name, line, says) }
}

const fn shown(name: &'static str, line: &'static str, says: &'static [&'static str]) -> Operation {
    Operation { on_terminal: true, ..done(name, line, says) }
}

pub(super) const OPERATIONS: [Operation; 45] = [
    done("run", "run --rm box echo hello", &["hello"]),
    ends("run: the program's status", "run --rm box sh -c 'exit 7'", 7, &[]),
    ends("run: no such program", "run --rm box /nothing", 127, &["not found"]),
    ends("run: a file that is no program", "run --rm box /etc/passwd", 126, &["permission denied"]),
    done("run --detach with limits", "run -d --name web --memory 64m --pids-limit 50 --cpus 0.5 box sleep 1000", &[]),
    done("ps", "ps", &["Up", "web"]),
    done(
        "exec: it sees its limits",
        "exec web sh -c 'cat /sys/fs/cgroup/pids/pids.max || cat /sys/fs/cgroup/pids.max'",
        &["50"],
    ),
    ends("exec: the program's status", "exec web sh -c 'exit 9'", 9, &[]),
    ends("exec: no such program", "exec web /nothing", 127, &["not found"]),
    done(
        "exec -e -u -w",
        "exec -e A=b -u bees -w /tmp web sh -c 'id; pwd; echo $A'",
        &["uid=1000(bees)", "/tmp", "\nb"],
    ),
    done("stats", "stats --no-stream web", &["67.11MB"]),
    done("top", "top web", &["sleep 1000"]),
    done("pause", "pause web", &[]),
    done("inspect: it is paused", "inspect --format {{.State.Status}} web", &["paused"]),
    done("unpause", "unpause web", &[]),
    done("update", "update --memory 128m web", &[]),
    done(
        "exec: it sees its new limit",
        "exec web sh -c 'cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes || cat memory.max'",
        &["134217728"],
    ),
    done("stop", "stop -t 1 web", &[]),
    done("start again", "start web", &[]),
    done("kill", "kill web", &[]),
    done("wait", "wait web", &["137"]),
    done("rm", "rm web", &[]),
    done(
        "run: no capability, nothing to be gained, nothing to be changed",
        "run --rm --cap-drop ALL --security-opt no-new-privileges --read-only --tmpfs /run box sh -c \
         'grep -E \"CapEff|NoNew\" /proc/self/status; touch /x; touch /run/x && ls /run'",
        &["CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Read-only file system", "\nx"],
    ),
    done("run --init", "run --rm --init box ps", &["podman-init"]),
    done("run -v", "run --rm -v @/etc:/mnt:ro box cat /mnt/group", &["bees:x:1000:"]),
    done(
        "run -h -e -w",
        "run --rm -h hive -e X=y -w /tmp box sh -c 'hostname; pwd; echo $X'",
        &["hive", "/tmp", "\ny"],
    ),
    done("run --user", "run --rm --user bees box id", &["uid=1000(bees)"]),
    done(
        "run --uidmap",
        "run --rm --uidmap 0:100000:65536 box sh -c 'cat /proc/self/uid_map; id -u'",
        &["100000", "\n0"],
    ),
    // What a program writes that ends before podman has attached is lost, whatever the runtime.
    shown("run -t", "run --rm -it box sh -c 'tty; stty size; sleep 1'", &["/dev/"]),
    done(
        "run: what it writes is kept",
        "run -d --name log box sh -c 'echo out; echo err >&2; echo done; sleep 1000'",
        &[],
    ),
    done("exec: until it has written", "exec log sh -c 'sleep 1'", &[]),
    done("logs", "logs log", &["out", "err", "done"]),
    shown("exec -t", "exec -it log tty", &["/dev/pts/"]),
    done("rm -f", "rm -f -t 0 log", &[]),
    done("run --health-cmd", "run -d --name well --health-cmd true --health-interval disable box sleep 1000", &[]),
    done("healthcheck", "healthcheck run well", &[]),
    done("rm -f of that", "rm -f -t 0 well", &[]),
    done("run: no filter", "run --rm --security-opt seccomp=unconfined box grep Seccomp: /proc/self/status", &["0"]),
    done("run --device", "run --rm --device /dev/fuse box ls -l /dev/fuse", &["10, 229"]),
    done("run --sysctl", "run --rm --sysctl net.core.somaxconn=77 box cat /proc/sys/net/core/somaxconn", &["77"]),
    done("run --privileged", "run --rm --privileged box ls /dev", &["ptmx", "kmsg"]),
    done("run --cgroupns private", "run --rm --cgroupns private box cat /proc/self/cgroup", &[":/\n"]),
    done("run --pid host", "run --rm --pid host box cat /proc/self/stat", &["cat"]),
    done("run --ipc host", "run --rm --ipc host box echo shared", &["shared"]),
    done("run --network host", "run --rm --network host box ls /sys/class/net", &["lo"]),
];
