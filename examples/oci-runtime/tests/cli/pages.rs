// SPDX-License-Identifier: MIT OR Apache-2.0
//! `pages`: what is written for manuals and shells, and that they understand it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use needs::{Scratch, bin, needs};

fn written(prefix: &Path) {
    let status = Command::new(bin("skep-oci")).arg("pages").arg(prefix).status().unwrap();
    assert!(status.success());
}

fn output(command: &mut Command) -> String {
    let done = command.stdin(Stdio::null()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn every_command_has_a_page_that_says_what_it_does_and_how_it_is_called() {
    let prefix = Scratch::new();
    written(prefix.path());
    let help = output(Command::new(bin("skep-oci")).arg("--help"));
    let of_commands = help.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    let names = of_commands.lines().filter_map(|line| line.split_whitespace().next());
    let names: Vec<&str> = names.filter(|name| !["help", "pages"].contains(name)).collect();
    assert!(names.len() > 15, "{names:?}");
    for name in &names {
        let page = fs::read_to_string(prefix.join(format!("man/man8/skep-oci-{name}.8"))).unwrap();
        assert!(page.contains(&format!("\\fBskep\\-oci {name}\\fR")), "{page}");
    }
    assert_eq!(fs::read_dir(prefix.join("man/man8")).unwrap().count(), names.len() + 1);
    let whole = fs::read_to_string(prefix.join("man/man8/skep-oci.8")).unwrap();
    for heading in [".SH NAME", ".SH SYNOPSIS", ".SH OPTIONS", ".SH \"EXIT STATUS\"", ".SH ENVIRONMENT", ".SH FILES"] {
        assert!(whole.lines().any(|line| line == heading), "{heading}: {whole}");
    }
    // Again, over what is there.
    written(prefix.path());
}

#[test]
fn bash_completes_commands_and_their_options() {
    needs!(program("bash"));
    let prefix = Scratch::new();
    written(prefix.path());
    let file = prefix.join("bash-completion/completions/skep-oci");
    let completed = |words: &str, at: usize| {
        let line = format!(
            "source {}; COMP_WORDS=({words}); COMP_CWORD={at}; \
             _skep__oci skep-oci \"${{COMP_WORDS[{at}]}}\" \"${{COMP_WORDS[{at}-1]}}\"; echo \"${{COMPREPLY[@]}}\"",
            file.display()
        );
        // It warns that no completion is going on.
        output(Command::new("bash").args(["--norc", "-c", &line]))
    };
    assert_eq!(completed("skep-oci sta", 1).trim_end(), "start state");
    assert_eq!(completed("skep-oci update --cpuset", 2).trim_end(), "--cpuset-cpus --cpuset-mems");
    assert_eq!(completed("skep-oci --log-format j", 2).trim_end(), "json");
}

#[test]
fn where_nothing_can_be_written_that_is_told() {
    let prefix = Scratch::new();
    fs::write(prefix.join("file"), "").unwrap();
    let done = Command::new(bin("skep-oci")).arg("pages").arg(prefix.join("file")).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1));
    assert!(said.starts_with("error: pages: cannot write \"") && said.contains("/file/man/man8/skep-oci.8"), "{said}");
}
