// SPDX-License-Identifier: MIT OR Apache-2.0
//! `pages`: the manual pages, and what shells complete, from the same grammar that reads a command line.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::arguments;
use crate::failure::Failure;

/// The command's name.
pub(crate) const NAME: &str = "pages";

/// Where each shell looks below a prefix.
const COMPLETIONS: [(Shell, &str); 3] = [
    (Shell::Bash, "bash-completion/completions/skep-oci"),
    (Shell::Zsh, "zsh/site-functions/_skep-oci"),
    (Shell::Fish, "fish/vendor_completions.d/skep-oci.fish"),
];

/// What stands at the end of the first page: a heading, and paragraphs of a word and what it means.
const SECTIONS: [(&str, &[(&str, &str)]); 4] = [
    (
        "EXIT STATUS",
        &[
            (
                "0",
                "It is done. run and exec end with the status of the program, or with 128 and the number of the signal that ended it.",
            ),
            (
                "1",
                "It failed, or the command line is wrong. The reason is on stderr after the word error, and in the file of --log.",
            ),
            ("255", "exec did not come to its program."),
        ],
    ),
    (
        "ENVIRONMENT",
        &[
            (
                "XDG_RUNTIME_DIR",
                "For an ordinary user: states are in skep-oci below it, where --root says nothing else.",
            ),
            ("NOTIFY_SOCKET", "The socket of systemd, to which the container's readiness is handed on."),
            ("LISTEN_FDS", "So many descriptors from 3 on are the program's, with LISTEN_FDNAMES as their names."),
        ],
    ),
    (
        "FILES",
        &[
            ("/run/skep-oci", "The states of root's containers, a directory each."),
            ("config.json", "In a bundle: what the container is, as the OCI runtime specification has it."),
        ],
    ),
    ("SEE ALSO", &[("runc(8), crun(1), podman(1), namespaces(7), cgroups(7), capabilities(7), seccomp(2)", "")]),
];

/// The command.
pub(crate) fn grammar() -> Command {
    let prefix = Arg::new("prefix").value_name("DIR").required(true).value_parser(value_parser!(PathBuf));
    Command::new(NAME)
        .about("Write the manual pages, and completions for bash, zsh and fish")
        .arg(prefix.help("Below which man and shells look: /usr/local/share"))
}

/// Writes all of them below the directory, over those of before.
pub(super) fn write(asked: &ArgMatches) -> Result<(), Failure> {
    let prefix = super::path(asked, "prefix").unwrap_or(Path::new("."));
    for (name, text) in manual()?.into_iter().chain(COMPLETIONS.map(completion)) {
        let file = prefix.join(name);
        let written = file.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&file, text));
        written.map_err(|error| Failure::from(format!("pages: cannot write {file:?}: {error}")))?;
    }
    Ok(())
}

/// What a shell reads to complete our command line.
fn completion((shell, file): (Shell, &str)) -> (String, Vec<u8>) {
    let mut text = Vec::new();
    let mut grammar = arguments::grammar();
    let name = grammar.get_name().to_owned();
    clap_complete::generate(shell, &mut grammar, name, &mut text);
    // clap issue 6421: of a name with a hyphen two forms are written, and bash would find no options of commands.
    let text = String::from_utf8_lossy(&text).replace("skep__subcmd__oci", "skep__oci");
    (file.to_owned(), text.into_bytes())
}

/// A page of the whole, and one of each command.
fn manual() -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut whole = arguments::grammar().version(env!("CARGO_PKG_VERSION")).disable_help_subcommand(true);
    whole.build();
    let commands: Vec<Command> = whole.get_subcommands().cloned().collect();
    let page = |command: Command, ending: &Roff| {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
        let page = Man::new(command)
            .section("8")
            .title(&name)
            .manual("skep")
            .source(concat!("skep-oci ", env!("CARGO_PKG_VERSION")));
        let mut text = Vec::new();
        page.render(&mut text).and_then(|()| ending.to_writer(&mut text)).map(|()| (format!("man/man8/{name}.8"), text))
    };
    let beside = ending(&[("SEE ALSO", &[("skep-oci(8)", "")])]);
    let pages = commands.into_iter().map(|command| page(command, &beside));
    let pages = [page(whole.clone(), &ending(&SECTIONS))].into_iter().chain(pages);
    pages.collect::<std::io::Result<_>>().map_err(|error| Failure::from(format!("pages: {error}")))
}

/// The sections, as a page ends.
fn ending(sections: &[(&str, &[(&str, &str)])]) -> Roff {
    let mut roff = Roff::new();
    for (heading, entries) in sections {
        roff.control("SH", [*heading]);
        for (word, meaning) in *entries {
            if meaning.is_empty() {
                roff.text([roman(*word)]);
                continue;
            }
            roff.control("TP", []).text([bold(*word)]).text([roman(*meaning)]);
        }
    }
    roff
}
