// SPDX-License-Identifier: MIT OR Apache-2.0
//! The commands as a shell sees them: what they print, and how they end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what the tests call fails them by a panic")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use needs::{Scratch, bin, needs};

/// A command's exit status, and all that it printed.
fn xtask(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(bin("xtask")).args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

/// Compiles a source, and gives the path of what came out.
fn compile(dir: &Scratch, source: &str, options: &[&str]) -> PathBuf {
    let (input, output) = (dir.join("sample.rs"), dir.join("sample"));
    fs::write(&input, source).unwrap();
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition=2024"]).args(options).arg("-o").arg(&output).arg(&input);
    let answer = rustc.output().unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    output
}

/// A program of the harness with one test that skips, as needs! would, and one more.
fn test_program(dir: &Scratch, more: &str) -> String {
    let source = format!(
        "use std::io::Write;\n\
         #[test] fn passes() {{}}\n\
         #[test] fn skips() {{\n\
             let path = std::env::var(\"SKEP_LEDGER\").unwrap();\n\
             let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();\n\
             writeln!(file, r#\"{{{{\"test\":\"skips\",\"need\":\"Linux 99.1\",\"detail\":\"this is older\"}}}}\"#).unwrap();\n\
         }}\n\
         {more}\n"
    );
    compile(dir, &source, &["--test"]).display().to_string()
}

#[test]
fn without_a_command_there_is_a_list() {
    for arguments in [&[][..], &["--help"]] {
        let (code, text) = xtask(arguments);
        assert_eq!(code, 0);
        for command in ["check", "floor", "setup", "test", "tidy"] {
            assert!(text.lines().any(|line| line.trim_start().starts_with(command)), "{text}");
        }
    }
}

#[test]
fn an_unknown_command_or_option_is_a_usage_error() {
    assert_eq!(xtask(&["chekc"]).0, 2);
    assert!(xtask(&["chekc"]).1.contains("there is no command \"chekc\""));
    assert_eq!(xtask(&["test", "--ring", "vm"]).0, 2);
    assert_eq!(xtask(&["tidy", "--strict"]).0, 2);
    assert_eq!(xtask(&["test", "--machine", "toaster"]).0, 2);
}

#[test]
fn a_skip_is_counted_and_is_no_pass() {
    needs!(program("rustc"));
    let dir = Scratch::new();
    let program = test_program(&dir, "");
    let (code, text) = xtask(&["test", "--ring", "pure", "--binary", &program]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("\npure: 1 passed, 0 failed, 1 not run\n"), "{text}");
    assert!(text.contains("\n1 passed, 1 not run: 1 needs Linux 99.1\n"), "{text}");
    assert!(text.ends_with("\ntests: 1 passed, 0 failed, 1 skipped\n"), "{text}");
}

#[test]
fn a_failed_test_fails_the_command_and_is_shown() {
    needs!(program("rustc"));
    let dir = Scratch::new();
    let program = test_program(&dir, "#[test] fn breaks() { panic!(\"the reason\") }");
    let (code, text) = xtask(&["test", "--ring", "pure", "--binary", &program]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("the reason") && text.contains("breaks failed"), "{text}");
    assert!(text.contains("\ntests: 1 passed, 1 failed, 1 skipped\n"), "{text}");
}

#[test]
fn a_test_that_ends_its_program_fails_the_command() {
    needs!(program("rustc"));
    let dir = Scratch::new();
    let program = test_program(&dir, "#[test] fn ends() { std::process::exit(0) }");
    let (code, text) = xtask(&["test", "--ring", "pure", "--binary", &program]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("the program ended before its tests did"), "{text}");
}

#[test]
fn strict_makes_an_undeclared_skip_a_failure() {
    needs!(program("rustc"));
    let dir = Scratch::new();
    let program = test_program(&dir, "");
    // Skips of any kind are natural in the pure ring; the ring that has the most shows what the machine lacks.
    let (code, text) = xtask(&["test", "--strict", "--binary", &program]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("skips ran nowhere: it needs Linux 99.1, which this machine must have"), "{text}");
}

#[test]
fn a_process_that_outlives_its_tests_fails_the_command() {
    needs!(program("rustc"));
    let dir = Scratch::new();
    let leave = "#[test] fn leaves() { std::process::Command::new(\"sleep\").arg(\"4.25\").spawn().unwrap(); }";
    let program = test_program(&dir, leave);
    let (code, text) = xtask(&["test", "--ring", "pure", "--binary", &program]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("a test has left process ") && text.contains("(sleep 4.25)"), "{text}");
}

#[test]
fn the_floor_refuses_a_panic_path_and_an_undefined_symbol() {
    needs!(program("rustc"));
    let dir = Scratch::new();
    let source = "#![no_std]\n#[unsafe(no_mangle)] pub fn at(bytes: &[u8], at: usize) -> u8 { bytes[at] }";
    let object = compile(&dir, source, &["--crate-type=lib", "--emit=obj", "-Cpanic=abort"]);
    let (code, text) = xtask(&["floor", "--bin", object.to_str().unwrap()]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("panic_bounds_check") && text.contains("is a panic path"), "{text}");
    assert!(text.contains("is undefined"), "{text}");
}

#[test]
fn the_floor_refuses_an_ordinary_program() {
    needs!(file("/bin/true"));
    let (code, text) = xtask(&["floor", "--bin", "/bin/true"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("PT_INTERP") && text.contains("no symbol table"), "{text}");
    assert_eq!(xtask(&["floor", "--bin", "/no/such/program"]).0, 1);
}

#[test]
fn the_floor_accepts_a_static_program_without_a_panic_path() {
    needs!(program("rustc"));
    let dir = Scratch::new();
    let source = "#![no_std]\n#![no_main]\n\
                  #[panic_handler] fn panic(_: &core::panic::PanicInfo<'_>) -> ! { loop {} }\n\
                  #[unsafe(no_mangle)] extern \"C\" fn _start() -> ! { loop {} }";
    let link = ["-nostartfiles", "-nostdlib", "-static", "-Wl,--gc-sections"].map(|word| format!("-Clink-arg={word}"));
    let mut options = vec!["-Cpanic=abort", "-Crelocation-model=static", "-Copt-level=s"];
    options.extend(link.iter().map(String::as_str));
    let program = compile(&dir, source, &options);
    let (code, text) = xtask(&["floor", "--bin", program.to_str().unwrap()]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("symbols, none undefined, no panic path"), "{text}");
}
