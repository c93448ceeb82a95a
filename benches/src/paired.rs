// SPDX-License-Identifier: MIT OR Apache-2.0
//! Contestants run in turn, and what came of it.

use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// One way to do the job.
pub struct Contestant<'a> {
    /// What it is called in the table.
    pub name: &'static str,
    /// Does the job once; `Err` says why it cannot be done here.
    pub run: Box<dyn FnMut() -> Result<(), String> + 'a>,
}

impl<'a> Contestant<'a> {
    /// One of this name, who does the job by `run`.
    pub fn new<E: ToString>(name: &'static str, mut run: impl FnMut() -> Result<(), E> + 'a) -> Self {
        Self { name, run: Box::new(move || run().map_err(|error| error.to_string())) }
    }
}

impl std::fmt::Debug for Contestant<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// What each contestant took in each round.
#[derive(Debug)]
pub struct Rounds {
    names: Vec<&'static str>,
    times: Vec<Vec<Duration>>,
    cpu: Vec<Vec<Duration>>,
    absent: Vec<(&'static str, String)>,
}

impl Rounds {
    /// Runs every contestant once a round, each round beginning with another one, so that none always follows the same.
    #[must_use]
    pub fn run(mut contestants: Vec<Contestant<'_>>, rounds: usize) -> Self {
        let mut absent = Vec::new();
        // Warms up, and finds who cannot run here.
        contestants.retain_mut(|contestant| match (contestant.run)() {
            Ok(()) => true,
            Err(why) => {
                absent.push((contestant.name, why));
                false
            }
        });
        let count = contestants.len();
        let mut times = vec![Vec::with_capacity(rounds); count];
        let mut cpu = times.clone();
        for round in 0..rounds {
            for turn in 0..count {
                let at = (round + turn) % count;
                let (Some(contestant), Some(times), Some(cpu)) =
                    (contestants.get_mut(at), times.get_mut(at), cpu.get_mut(at))
                else {
                    continue;
                };
                let (begin, used) = (Instant::now(), cpu_of_children());
                let done = (contestant.run)();
                let (took, used) = (begin.elapsed(), cpu_of_children().saturating_sub(used));
                times.push(if done.is_ok() { took } else { Duration::MAX });
                cpu.push(if done.is_ok() { used } else { Duration::MAX });
            }
        }
        Self { names: contestants.iter().map(|contestant| contestant.name).collect(), times, cpu, absent }
    }

    /// The times of the contestant called `name`, in the order of rounds.
    #[must_use]
    pub fn times(&self, name: &str) -> &[Duration] {
        let at = self.names.iter().position(|known| *known == name);
        at.and_then(|at| self.times.get(at)).map_or(&[], Vec::as_slice)
    }

    /// Who has run, in the order of the table.
    #[must_use]
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// A table of times: the tenth percentile and the median of each, and the median of its differences to `base` within a
    /// round.
    #[must_use]
    pub fn table(&self, title: &str, base: &str) -> String {
        self.table_of(&self.times, title, base)
    }

    /// The same of the processor time of what was waited for: whole programs, with all that they waited for.
    #[must_use]
    pub fn cpu_table(&self, title: &str, base: &str) -> String {
        self.table_of(&self.cpu, title, base)
    }

    fn table_of(&self, all: &[Vec<Duration>], title: &str, base: &str) -> String {
        let base_times = self.names.iter().position(|known| *known == base).and_then(|at| all.get(at));
        let base_times = base_times.map_or(&[][..], Vec::as_slice);
        let mut text = format!("{title}\n{:<28}{:>9}{:>9}{:>12}{:>8}\n", "", "p10 us", "median", "- base us", "ratio");
        for (name, times) in self.names.iter().zip(all) {
            let difference =
                median(times.iter().zip(base_times).map(|(time, base)| micros(*time) - micros(*base)).collect());
            let ratio =
                median(times.iter().zip(base_times).map(|(time, base)| micros(*time) / micros(*base)).collect());
            let micros: Vec<f64> = times.iter().map(|time| micros(*time)).collect();
            let (p10, half) = (percentile(micros.clone(), 10), median(micros));
            text += &format!("{name:<28}{p10:>9.0}{half:>9.0}{difference:>+12.0}{ratio:>8.2}\n");
        }
        for (name, why) in &self.absent {
            text += &format!("{name:<28}not run: {why}\n");
        }
        text
    }
}

/// The processor time of all that this process has waited for, and all that those have.
fn cpu_of_children() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_CHILDREN) else { return Duration::ZERO };
    [usage.user_time(), usage.system_time()]
        .map(|time| Duration::from_micros(u64::try_from(time.num_microseconds()).unwrap_or(0)))
        .into_iter()
        .sum()
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn median(values: Vec<f64>) -> f64 {
    percentile(values, 50)
}

fn percentile(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() * percent / 100).copied().unwrap_or(f64::NAN)
}

/// Hands criterion the times of everyone who has run: `keep!(criterion, "group", rounds)`, and with what they are of, if a
/// group has several.
#[macro_export]
macro_rules! keep {
    ($criterion:expr, $group:expr, $rounds:expr) => {
        $crate::keep!($criterion, $group, $rounds, |name: &str| name.to_owned())
    };
    ($criterion:expr, $group:expr, $rounds:expr, $of:expr) => {{
        let mut group = $criterion.benchmark_group($group);
        group.sample_size(10).warm_up_time(std::time::Duration::from_millis(1));
        group.measurement_time(std::time::Duration::from_millis(20));
        for name in $rounds.names() {
            let mut next = $rounds.times(name).iter().cycle();
            group.bench_function($of(*name), |bencher| {
                bencher.iter_custom(|count| (0..count).filter_map(|_| next.next()).sum());
            });
        }
        group.finish();
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_values() {
        assert!((percentile((1..=100).rev().map(f64::from).collect(), 10) - 11.0).abs() < 1e-9);
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!(percentile(Vec::new(), 10).is_nan());
    }

    #[test]
    fn who_cannot_run_is_named_and_the_others_take_turns() {
        let order = std::cell::RefCell::new(Vec::new());
        let contestant = |name, ok: bool| {
            let order = &order;
            let run = move || {
                order.borrow_mut().push(name);
                if ok { Ok(()) } else { Err("no such thing here".to_owned()) }
            };
            Contestant { name, run: Box::new(run) }
        };
        let rounds = Rounds::run(vec![contestant("a", true), contestant("b", false), contestant("c", true)], 2);
        assert_eq!(*order.borrow(), ["a", "b", "c", "a", "c", "c", "a"]);
        assert_eq!(rounds.times("a").len(), 2);
        assert!(rounds.table("title", "a").contains("not run: no such thing here"));
    }
}
