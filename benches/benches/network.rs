// SPDX-License-Identifier: MIT OR Apache-2.0
//! Links and routes: lists of many beside `ip -j`, and a cable between two namespaces beside `ip -batch`.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench shows a table, and ends where it cannot run")]

use std::env;
use std::io::Write;
use std::process::{Command, Stdio};

use skep::ns::net::{Address, Cidr, Net, NewLink, Route};
use skep::ns::{Join, NamespaceKind};
use skep_benches::paired::{Contestant, Rounds};

/// What this program does when it runs itself.
const ROLE: &str = "SKEP_BENCH_ROLE";
const LINKS: usize = 1000;
const ROUTES: u16 = 10_000;
const ROUNDS: usize = 30;

fn main() {
    match env::var(ROLE).as_deref() {
        Ok("links") => println!("{}", Net::here().expect("a socket").links().expect("links").len()),
        Ok("routes") => println!("{}", Net::here().expect("a socket").routes().expect("routes").len()),
        Ok(_) => measure_in_box(),
        Err(_) => in_box(),
    }
}

/// Runs this program in namespaces of its own: all that it makes ends with it.
fn in_box() {
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--net", "--"]);
    let status = command.arg(env::current_exe().expect("this program")).env(ROLE, "box").status().expect("unshare");
    assert!(status.success(), "a box cannot be made here: {status}");
}

fn measure_in_box() {
    let net = Net::here().expect("a socket");
    cables();
    // Half of them are the other ends.
    for at in 0..LINKS / 2 {
        net.create_link(&NewLink::veth(format!("a{at}"), NewLink::peer(format!("b{at}")))).expect("a cable");
    }
    lists("links", &["-j", "link"], &|| net.links().map(drop));
    net.create_link(&NewLink::veth("out", NewLink::peer("in").up()).up()).expect("a cable");
    let index = net.link("out").expect("the cable").index;
    let route = |at: u16| {
        let [high, low] = at.to_be_bytes();
        Route::to(Cidr::new([10, high, low, 0], 24).expect("a network")).link(index)
    };
    net.add_routes(&(0..ROUTES).map(route).collect::<Vec<_>>()).expect("routes");
    lists("routes", &["-j", "route", "show", "table", "all"], &|| net.routes().map(drop));
}

fn lists(what: &'static str, ip: &[&str], call: &dyn Fn() -> Result<(), skep::ns::Error>) {
    let mut theirs = Command::new("ip");
    theirs.args(ip);
    let mut ours = Command::new(env::current_exe().expect("this program"));
    ours.env(ROLE, what);
    let contestants = vec![
        program("ip -j", theirs),
        program("skep_ns::net, a program", ours),
        Contestant { name: "skep_ns::net, a call", run: Box::new(|| call().map_err(|error| error.to_string())) },
    ];
    let rounds = Rounds::run(contestants, ROUNDS);
    println!("{}", rounds.table(&format!("time: a list of {LINKS} links or {ROUTES} routes, here {what}"), "ip -j"));
}

/// Cables between two namespaces, with addresses of both ends, a route, and all of it up: by both alike. Each is another
/// one, and stays: the kernel waits milliseconds for all processors when a link is removed, whoever asks for it, so what
/// is made and removed is told beside it.
fn cables() {
    let make = || {
        let net = Join::new().make([NamespaceKind::Net]).run(Net::here);
        net.expect("a namespace").expect("a thread").expect("a socket")
    };
    let (one, two) = (make(), make());
    std::fs::create_dir_all("/run/netns").expect("a place");
    // ip(8) knows a namespace by its name: a file below /run/netns, which the box alone has.
    private_names();
    let named = skep::ns::Namespace::from_fd(two.namespace().try_clone_to_owned().expect("a copy")).expect("it");
    named.pin("/run/netns/skep-bench").expect("a pin");
    let number = std::cell::Cell::new(0_u8);
    let next = || number.replace(number.get() + 1);
    let by_ip = |at: u8| {
        let here = format!(
            "link add name a{at} type veth peer name b{at} netns skep-bench\naddr add 10.0.{at}.1/24 dev a{at}\n\
             link set dev a{at} up\n"
        );
        let there = format!(
            "link set dev b{at} up\naddr add 10.0.{at}.2/24 dev b{at}\nroute add 172.16.{at}.0/24 via 10.0.{at}.1\n"
        );
        one.run(|| batch(&["-batch", "-"], &here)).expect("a thread")?;
        batch(&["-n", "skep-bench", "-batch", "-"], &there)
    };
    let by_us = |at: u8| {
        let (here, there) = (format!("a{at}"), format!("b{at}"));
        let made = (|| {
            one.create_veth(&NewLink::veth(here.as_str(), NewLink::peer(there.as_str()).up()).up(), &two)?;
            one.add_address(here.as_str(), &address([10, 0, at, 1]))?;
            two.add_address(there.as_str(), &address([10, 0, at, 2]))?;
            let network = Cidr::new([172, 16, at, 0], 24).expect("a network");
            two.add_route(&Route::to(network).gateway([10, 0, at, 1]))
        })();
        made.map_err(|error: skep::ns::Error| error.to_string())
    };
    let contestants = vec![
        Contestant { name: "ip -batch", run: Box::new(|| by_ip(next())) },
        Contestant { name: "skep_ns::net", run: Box::new(|| by_us(next())) },
    ];
    let rounds = Rounds::run(contestants, ROUNDS);
    println!("{}", rounds.table("time: a cable with addresses and a route", "ip -batch"));
    let contestants = vec![
        Contestant {
            name: "ip -batch",
            run: Box::new(|| {
                by_ip(255)?;
                one.run(|| batch(&["-batch", "-"], "link del dev a255\n")).expect("a thread")
            }),
        },
        Contestant {
            name: "skep_ns::net",
            run: Box::new(|| {
                by_us(255)?;
                one.remove_link("a255").map_err(|error| error.to_string())
            }),
        },
    ];
    let rounds = Rounds::run(contestants, ROUNDS);
    println!("{}", rounds.table("time: the same, made and removed", "ip -batch"));
    skep::ns::unpin("/run/netns/skep-bench").expect("to be unpinned");
}

fn address(own: [u8; 4]) -> Address {
    Address::new(Cidr::new(own, 24).expect("an address"))
}

/// Names of namespaces that nobody else sees.
fn private_names() {
    let status = Command::new("mount").args(["-t", "tmpfs", "skep-bench", "/run/netns"]).status().expect("mount");
    assert!(status.success(), "no tmpfs: {status}");
}

fn batch(arguments: &[&str], script: &str) -> Result<(), String> {
    let mut command = Command::new("ip");
    let child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let mut child = child.map_err(|error| error.to_string())?;
    let written = child.stdin.take().map_or(Ok(()), |mut input| input.write_all(script.as_bytes()));
    written.map_err(|error| error.to_string())?;
    let status = child.wait().map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err(format!("ip: {status}")) }
}

fn program<'a>(name: &'static str, mut command: Command) -> Contestant<'a> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let run = move || match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(status.to_string()),
        Err(error) => Err(error.to_string()),
    };
    Contestant { name, run: Box::new(run) }
}
