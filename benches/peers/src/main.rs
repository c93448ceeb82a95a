// SPDX-License-Identifier: MIT OR Apache-2.0
//! Control groups, beside what the crates cgroups-rs and libcgroups do of the same; see [`skep_benches::cgroup`].

use std::error::Error;
use std::path::{Path, PathBuf};

use cgroups_rs::CgroupPid;
use cgroups_rs::fs::blkio::BlkIoController;
use cgroups_rs::fs::cgroup_builder::CgroupBuilder;
use cgroups_rs::fs::cpu::CpuController;
use cgroups_rs::fs::cpuacct::CpuAcctController;
use cgroups_rs::fs::memory::MemController;
use cgroups_rs::fs::pid::PidController;
use cgroups_rs::fs::{Cgroup, hierarchies};
use libcgroups::common::{AnyCgroupManager, CgroupConfig, CgroupManager, ControllerOpt, create_cgroup_manager};
use needs::CountingHeap;
use nix::unistd::Pid;
use oci_spec::runtime::{LinuxMemoryBuilder, LinuxPidsBuilder, LinuxResourcesBuilder};
use skep_benches::cgroup::{MEMORY, PIDS, Peers, all, leave};
use skep_benches::paired::Contestant;

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

type Done = Result<(), Box<dyn Error>>;

fn main() {
    all(Peers { statistics, life }, &mut |_, _| ());
}

fn statistics(path: &str) -> Vec<Contestant<'static>> {
    let kept = Cgroup::load(hierarchies::auto(), below(path));
    let manager = manager(path);
    let (one, two) = (path.to_owned(), path.to_owned());
    vec![
        Contestant::new("cgroups-rs, kept", move || read(&kept)),
        Contestant::new("cgroups-rs", move || read(&Cgroup::load(hierarchies::auto(), below(&one)))),
        Contestant::new("libcgroups, kept", move || match &manager {
            Ok(manager) => manager.stats().map(drop).map_err(|error| error.to_string()),
            Err(error) => Err(error.clone()),
        }),
        Contestant::new("libcgroups", move || {
            self::manager(&two)?.stats().map(drop).map_err(|error| error.to_string())
        }),
    ]
}

/// All that it has of what a group uses.
fn read(group: &Cgroup) -> Done {
    let memory: &MemController = group.controller_of().ok_or("no memory")?;
    let _memory = (memory.memory_stat(), memory.kmem_stat(), memory.kmem_tcp_stat(), memory.memswap());
    let cpu: &CpuController = group.controller_of().ok_or("no cpu")?;
    let _cpu = cpu.cpu();
    // Version 2 has no such controller.
    let _time = group.controller_of::<CpuAcctController>().map(|time| time.cpuacct());
    let devices: &BlkIoController = group.controller_of().ok_or("no blkio")?;
    let _devices = devices.blkio();
    let pids: &PidController = group.controller_of().ok_or("no pids")?;
    let _pids = (pids.get_pid_current()?, pids.get_pid_max()?, pids.get_pid_events()?);
    Ok(())
}

fn life(path: &str, pid: u32) -> Vec<Contestant<'static>> {
    let (one, two) = (path.to_owned(), path.to_owned());
    vec![
        Contestant::new("cgroups-rs", move || life_of_cgroups_rs(&one, pid)),
        Contestant::new("libcgroups, all hierarchies", move || life_of_libcgroups(&two, pid)),
    ]
}

fn life_of_cgroups_rs(path: &str, pid: u32) -> Done {
    let controllers = ["memory", "pids"].map(str::to_owned).to_vec();
    let group = CgroupBuilder::new(path.trim_start_matches('/')).set_specified_controllers(controllers);
    let group = group.memory().memory_hard_limit(i64::try_from(MEMORY)?).done();
    let group = group.pid().maximum_number_of_processes(cgroups_rs::fs::MaxValue::Value(PIDS.into())).done();
    let group = group.build(hierarchies::auto())?;
    group.add_task_by_tgid(CgroupPid::from(u64::from(pid)))?;
    let directories: Vec<PathBuf> =
        group.subsystems().iter().map(|found| found.to_controller().path().to_owned()).collect();
    leave(directories.iter(), pid)?;
    Ok(group.delete()?)
}

/// It has no way to take fewer hierarchies.
fn life_of_libcgroups(path: &str, pid: u32) -> Done {
    let manager = manager(path)?;
    let memory = LinuxMemoryBuilder::default().limit(i64::try_from(MEMORY)?).build()?;
    let pids = LinuxPidsBuilder::default().limit(i64::from(PIDS)).build()?;
    let resources = LinuxResourcesBuilder::default().memory(memory).pids(pids).build()?;
    manager.add_task(Pid::from_raw(i32::try_from(pid)?))?;
    let limits =
        ControllerOpt { resources: &resources, disable_oom_killer: false, oom_score_adj: None, freezer_state: None };
    manager.apply(&limits)?;
    // It tells nobody where it is: wherever there is such a directory.
    let roots = std::fs::read_dir("/sys/fs/cgroup")?.filter_map(|entry| Some(entry.ok()?.path()));
    let directories: Vec<PathBuf> = roots.map(|root| root.join(below(path))).filter(|found| found.is_dir()).collect();
    leave(directories.iter(), pid)?;
    Ok(manager.remove()?)
}

fn manager(path: &str) -> Result<AnyCgroupManager, String> {
    let config = CgroupConfig { cgroup_path: path.into(), systemd_cgroup: false, container_name: String::new() };
    create_cgroup_manager(config).map_err(|error| error.to_string())
}

fn below(path: &str) -> &Path {
    Path::new(path.trim_start_matches('/'))
}
