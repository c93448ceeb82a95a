// SPDX-License-Identifier: MIT OR Apache-2.0
//! The commands, a file each.

mod checkpoint;
mod create;
mod delete;
mod events;
mod exec;
mod features;
mod kill;
mod list;
#[cfg(feature = "pages")]
pub(crate) mod pages;
mod pause;
mod ps;
mod run;
mod spec;
mod start;
mod state;
mod update;

use clap::ArgMatches;

use crate::arguments::Globals;
use crate::failure::Failure;

/// Does what was asked for; answers what to end with.
pub(crate) fn run(globals: &Globals, matches: &ArgMatches) -> Result<u8, Failure> {
    let Some((name, asked)) = matches.subcommand() else { return Err(Failure::from("there is no command".to_owned())) };
    let done = match name {
        "run" => return run::run(globals, asked),
        "exec" => return exec::exec(globals, asked),
        "create" => create::create(globals, asked),
        "start" => start::start(globals, id(asked)),
        "state" => state::state(globals, id(asked)),
        "kill" => kill::kill(globals, asked),
        "delete" => delete::delete(globals, id(asked), asked.get_flag("force")),
        "list" => list::list(globals, asked),
        "ps" => ps::ps(globals, asked),
        "pause" => pause::pause(globals, id(asked)),
        "resume" => pause::resume(globals, id(asked)),
        "update" => update::update(globals, asked),
        "events" => events::events(globals, asked),
        "spec" => spec::spec(asked),
        "features" => features::features(),
        #[cfg(feature = "pages")]
        pages::NAME => pages::write(asked),
        // What is left of the grammar.
        other => checkpoint::refused(other),
    };
    done.map(|()| 0)
}

/// The id of the container that the command is about.
fn id(asked: &ArgMatches) -> &str {
    asked.get_one::<String>("id").map_or("", String::as_str)
}

fn path<'a>(asked: &'a ArgMatches, name: &str) -> Option<&'a std::path::Path> {
    asked.get_one::<std::path::PathBuf>(name).map(std::path::PathBuf::as_path)
}

fn text<'a>(asked: &'a ArgMatches, name: &str) -> Option<&'a str> {
    asked.get_one::<String>(name).map(String::as_str)
}
