// SPDX-License-Identifier: MIT OR Apache-2.0
//! A top of control groups: who uses how much, and who stands still for want of it. "20_top 5" looks for five seconds.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{env, error::Error, thread};

use skep::cgroup::{Bytes, Cgroup, Layout, Percent, StatReader};

fn main() -> Result<(), Box<dyn Error>> {
    let rounds = env::args().nth(1).map_or(Ok(u32::MAX), |seconds| seconds.parse())?;
    let layout = Layout::detect()?;
    let mut groups: Vec<(PathBuf, StatReader)> = Vec::new();
    // Some may not be looked at, some are removed while we look.
    for path in layout.walk("/").flatten() {
        if let Ok(reader) = Cgroup::open_in(&layout, &path).and_then(|group| group.stat_reader()) {
            groups.push((path, reader));
        }
    }
    for _ in 0..rounds {
        println!("{:<32}{:>10}{:>12}{:>8}{:>8}{:>8}", "group", "cpu s", "memory", "cpu %", "mem %", "io %");
        groups.retain_mut(|(path, reader)| {
            let Ok(stat) = reader.read() else { return false };
            let (cpu, memory) = (stat.cpu.usage.unwrap_or_default(), stat.memory.current.map(Bytes::human));
            let memory = memory.map(|memory| memory.to_string()).unwrap_or_default();
            let waits = [&stat.pressure.cpu, &stat.pressure.memory, &stat.pressure.io];
            let [cpus, mems, ios] = waits.map(|wait| wait.some.map(|some| some.avg10).unwrap_or_default());
            let percent = Percent::to_string;
            print!("{:<32}{:>10.2}{memory:>12}", path.display(), cpu.as_secs_f64());
            println!("{:>8}{:>8}{:>8}", percent(&cpus), percent(&mems), percent(&ios));
            true
        });
        let next = Instant::now() + Duration::from_secs(1);
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    Ok(())
}
