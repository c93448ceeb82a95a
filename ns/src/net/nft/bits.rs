// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses as the bytes that rules compare.

use std::net::IpAddr;

/// The bytes of an address.
pub(super) fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

/// So many ones, in as many bytes as an address has.
pub(super) fn mask(v4: bool, prefix: u8) -> Vec<u8> {
    let bytes: u8 = if v4 { 4 } else { 16 };
    let ones = |byte: u8| prefix.saturating_sub(byte.saturating_mul(8)).min(8);
    (0..bytes).map(|byte| 0xff_u8.checked_shl(u32::from(8_u8.saturating_sub(ones(byte)))).unwrap_or(0)).collect()
}

#[test]
fn a_mask_has_its_ones_in_front() {
    assert_eq!(mask(true, 20), [255, 255, 240, 0]);
    assert_eq!(mask(true, 0), [0; 4]);
    assert_eq!(mask(true, 32), [255; 4]);
    assert_eq!(mask(false, 65).get(7..10), Some([255, 128, 0].as_slice()));
}
