// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps: each is run whatever became of the others, and has a line with its time.

use std::time::Instant;

use crate::failure::Failure;

/// What a step that did not fail has to say.
pub(crate) enum Done {
    /// It ran; with a remark, or with an empty one.
    Run(String),
    /// It could not be run here, and why.
    NotRun(String),
}

/// The steps so far.
#[derive(Default)]
pub(crate) struct Steps {
    run: usize,
    failed: Vec<String>,
}

impl Steps {
    /// Runs one step and prints its line; a failure also its output.
    pub(crate) fn step(&mut self, name: &str, step: impl FnOnce() -> Result<Done, Failure>) {
        let start = Instant::now();
        let outcome = step();
        let time = start.elapsed().as_secs_f64();
        self.run += 1;
        match outcome {
            Ok(Done::Run(remark)) => println!("ok       {name:<12} {time:>6.1} s  {remark}"),
            Ok(Done::NotRun(why)) => println!("not run  {name:<12} {time:>6.1} s  {why}"),
            Err(failure) => {
                println!("FAILED   {name:<12} {time:>6.1} s\n{failure}\n");
                self.failed.push(name.to_owned());
            }
        }
    }

    /// Success if no step has failed.
    pub(crate) fn end(self) -> Result<(), Failure> {
        if self.failed.is_empty() {
            return Ok(());
        }
        Err(format!("{} of {} steps failed: {}", self.failed.len(), self.run, self.failed.join(", ")).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_does_not_keep_the_next_step_from_running() {
        let (mut steps, mut ran) = (Steps::default(), false);
        steps.step("first", || Err("broken".into()));
        steps.step("second", || {
            ran = true;
            Ok(Done::NotRun("nothing to do".to_owned()))
        });
        assert!(ran);
        assert_eq!(steps.end().unwrap_err().to_string(), "1 of 2 steps failed: first");
    }
}
