// SPDX-License-Identifier: MIT OR Apache-2.0
//! Firewalls of our own, in nf_tables: addresses and ports translated, subnets kept apart, ports of bridges kept honest.
//!
//! A [`Firewall`] is a value: all the rules that belong together, under one name. [`NfTables::apply`] makes them the rules of
//! that name in one transaction, in place of those that were there; [`NfTables::read`] tells the same value back, and what
//! others have changed in it; [`NfTables::remove`] takes it away whole. Nothing else of the machine's rules is touched, with
//! one exception that is asked for by name: where a firewall of somebody else drops all that is forwarded, as Docker's does
//! ([`NfTables::forward_drops`]), no rule of ours can let it through, and [`NfTables::let_pass`] puts one into theirs.
//!
//! ```no_run
//! use skep_ns::net::{Cidr, nft::{Firewall, Masquerade, NfTables, PortForward}};
//!
//! let subnet: Cidr = "10.0.3.0/24".parse()?;
//! let firewall = Firewall::new("hive")
//!     .masquerade(Masquerade::new(subnet))
//!     .forward(PortForward::tcp(8080, ([10, 0, 3, 7], 80)).hairpin(subnet));
//! let tables = NfTables::here()?;
//! tables.apply(&firewall)?;
//! for drop in tables.forward_drops()? {
//!     eprintln!("{drop}");
//! }
//! assert_eq!(tables.read("hive")?.map(|found| found.firewall), Some(firewall));
//! tables.remove("hive")?;
//! # Ok::<(), skep_ns::Error>(())
//! ```
//!
//! # Limits
//! Whether a machine forwards at all is said elsewhere (`net.ipv4.ip_forward`, `net.ipv6.conf.all.forwarding`). Tables of the
//! older iptables (`iptables-legacy`) are not seen. There are no sets: many rules are as many comparisons.
//! A guard does not see frames that the bridge itself hears of LLDP (01:80:c2:00:00:0e) where its group is not forwarded: they
//! are passed on to nobody, but the bridge learns their source; turn the port's learning off where that matters.
//!
//! # Kernels
//! Linux 5.10. What parts of nf_tables a kernel has is told by [`NfTables::support`].
//!
//! Man: nft(8). Kernel: include/uapi/linux/netfilter/nf_tables.h.

mod bits;
mod expression;
mod firewall;
mod forward;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzed;
mod guard;
mod guarding;
mod pass;
mod piece;
mod plan;
mod refused;
mod row;
mod support;
mod tables;
#[cfg(test)]
mod tests;

pub use firewall::{Firewall, Masquerade};
pub use forward::{PortForward, Transport};
pub use guard::Guard;
pub use pass::ForwardDrop;
pub use support::NftSupport;
pub use tables::{Count, Found, NfTables};

// Families, `NFPROTO_*`.
const INET: u8 = 1;
const IPV4: u8 = 2;
const BRIDGE: u8 = 7;
const IPV6: u8 = 10;

/// The comment that makes a table ours.
const MARK: &str = "made by skep, and replaced as a whole";

/// How nft(8) calls a family.
fn family_name(family: u8) -> &'static str {
    match family {
        INET => "inet",
        IPV4 => "ip",
        3 => "arp",
        5 => "netdev",
        BRIDGE => "bridge",
        IPV6 => "ip6",
        _ => "unknown",
    }
}
