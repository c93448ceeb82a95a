// SPDX-License-Identifier: MIT OR Apache-2.0
//! Frames of Ethernet, made byte by byte, and sent as nobody's programs would.
#![allow(unsafe_code, reason = "sockets of packet(7) are libc's alone")]

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use skep_ns::net::{MacAddress, Net};

pub(crate) const IP4: u16 = 0x0800;
pub(crate) const ARP: u16 = 0x0806;
pub(crate) const IP6: u16 = 0x86dd;

pub(crate) fn mac(text: &str) -> [u8; 6] {
    text.parse::<MacAddress>().unwrap().octets()
}

pub(crate) fn v4(text: &str) -> [u8; 4] {
    text.parse::<Ipv4Addr>().unwrap().octets()
}

pub(crate) fn v6(text: &str) -> [u8; 16] {
    text.parse::<Ipv6Addr>().unwrap().octets()
}

/// To everybody.
pub(crate) fn frame(from: [u8; 6], kind: u16, content: &[u8]) -> Vec<u8> {
    [&[0xff; 6][..], &from, &kind.to_be_bytes(), content].concat()
}

/// A question (1) or an answer (2).
pub(crate) fn arp(operation: u8, sender: [u8; 6], ip: &str, target: &str) -> Vec<u8> {
    [&[0, 1, 8, 0, 6, 4, 0, operation][..], &sender, &v4(ip), &[0; 6], &v4(target)].concat()
}

pub(crate) fn ip4(from: &str, to: &str, transport: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + content.len()).unwrap().to_be_bytes();
    [&[0x45, 0, length[0], length[1], 0, 1, 0, 0, 64, transport, 0, 0][..], &v4(from), &v4(to), content].concat()
}

pub(crate) fn ip6(from: &str, to: &str, next: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[0x60, 0, 0, 0, length[0], length[1], next, 255][..], &v6(from), &v6(to), content].concat()
}

pub(crate) fn udp(from: u16, to: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + content.len()).unwrap();
    [&from.to_be_bytes()[..], &to.to_be_bytes(), &length.to_be_bytes(), &[0, 0], content].concat()
}

/// ICMPv6 about an address, if its kind has one.
pub(crate) fn icmp6(kind: u8, about: &str) -> Vec<u8> {
    [&[kind, 0, 0, 0, 0, 0, 0, 0][..], &v6(about)].concat()
}

/// What a DHCP client asks for this hardware address.
pub(crate) fn dhcp(operation: u8, client: [u8; 6]) -> Vec<u8> {
    let mut message = vec![operation, 1, 6, 0];
    message.resize(28, 0);
    message.extend(client);
    message.resize(240, 0);
    message
}

/// A socket that sends frames by the link `eth0` of a namespace as they are, and receives what comes in there.
pub(crate) struct Wire(File);

impl Wire {
    pub(crate) fn open(net: &Net) -> Self {
        let index = i32::try_from(net.link("eth0").unwrap().index).unwrap();
        let fd = net.run(|| {
            let all = u16::try_from(libc::ETH_P_ALL).unwrap().to_be();
            // SAFETY: it takes three numbers.
            let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, i32::from(all)) };
            assert!(fd >= 0, "{}", std::io::Error::last_os_error());
            // SAFETY: it is a new descriptor, nobody else's.
            let fd = unsafe { OwnedFd::from_raw_fd(fd) };
            let address = libc::sockaddr_ll {
                sll_family: u16::try_from(libc::AF_PACKET).unwrap(),
                sll_protocol: all,
                sll_ifindex: index,
                sll_hatype: 0,
                sll_pkttype: 0,
                sll_halen: 0,
                sll_addr: [0; 8],
            };
            let length = u32::try_from(size_of_val(&address)).unwrap();
            // SAFETY: the kernel reads as many bytes as it is told of a live local.
            let bound = unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), length) };
            assert_eq!(bound, 0, "{}", std::io::Error::last_os_error());
            fd
        });
        Self(File::from(fd.unwrap()))
    }

    /// Sends a frame with a number at its end.
    pub(crate) fn send(&mut self, frame: &[u8], number: u16) {
        let marked = [frame, MARK, &number.to_be_bytes()].concat();
        self.0.write_all(&marked).unwrap();
    }

    /// Receives frames up to the one of this number, and answers the numbers of all.
    pub(crate) fn numbers_up_to(&mut self, last: u16) -> Vec<u16> {
        let mut numbers = Vec::new();
        let mut frame = [0; 2000];
        while numbers.last() != Some(&last) {
            let length = self.0.read(&mut frame).unwrap();
            let Some((before, number)) = frame[..length].split_last_chunk::<2>() else { continue };
            if before.ends_with(MARK) {
                numbers.push(u16::from_be_bytes(*number));
            }
        }
        numbers
    }
}

const MARK: &[u8] = b"a frame of the test ";
