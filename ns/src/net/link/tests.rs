// SPDX-License-Identifier: MIT OR Apache-2.0
//! Links are read as they are written.
#![allow(clippy::unwrap_used, reason = "what the tests call fails them by a panic")]

use proptest::prelude::*;

use super::write::{Found, create};

use super::*;
use crate::net::message::Messages;

fn bridges() -> impl Strategy<Value = LinkKind> {
    let first = (any::<Option<bool>>(), any::<Option<u32>>(), any::<Option<u32>>(), any::<Option<bool>>());
    let second = (any::<Option<u16>>(), any::<Option<bool>>(), any::<Option<u16>>());
    (first, second).prop_map(
        |((stp, ageing_time, forward_delay, vlan_filtering), (vlan_default, snooping, priority))| {
            let multicast_snooping = snooping;
            LinkKind::Bridge(Bridge {
                stp,
                ageing_time,
                forward_delay,
                vlan_filtering,
                vlan_default,
                multicast_snooping,
                priority,
            })
        },
    )
}

pub(crate) fn kinds() -> impl Strategy<Value = LinkKind> {
    use MacvlanMode::{Passthru, Private, Source, Vepa};
    let modes = prop::sample::select(vec![Private, Vepa, MacvlanMode::Bridge, Passthru, Source]);
    let layers = prop::sample::select(vec![IpvlanMode::L2, IpvlanMode::L3, IpvlanMode::L3s]);
    use IpvlanIsolation as Isolation;
    let isolations = prop::sample::select(vec![Isolation::Bridge, Isolation::Private, Isolation::Vepa]);
    let ports = (any::<u32>(), any::<Option<std::net::IpAddr>>(), any::<Option<std::net::IpAddr>>());
    prop_oneof![
        Just(LinkKind::Dummy),
        Just(LinkKind::Ifb),
        bridges(),
        (modes, any::<bool>()).prop_map(|(mode, no_promiscuous)| LinkKind::Macvlan(Macvlan { mode, no_promiscuous })),
        (layers, isolations).prop_map(|(mode, isolation)| LinkKind::Ipvlan(Ipvlan { mode, isolation })),
        (any::<u16>(), any::<bool>()).prop_map(|(id, provider)| LinkKind::Vlan(Vlan { id, provider })),
        (ports, any::<Option<u16>>(), any::<Option<bool>>()).prop_map(|((id, remote, local), port, learning)| {
            LinkKind::Vxlan(Vxlan { id, remote, local, port, learning })
        }),
        "[a-z]{9,20}".prop_map(LinkKind::Other),
    ]
}

proptest! {
    #[test]
    fn what_is_asked_for_is_what_is_told(
        kind in kinds(),
        name in "[a-z]{1,15}",
        mac in any::<[u8; 6]>(),
        mtu in any::<u32>(),
        (parent, master) in (1..u32::MAX, 1..u32::MAX),
        up in any::<bool>(),
    ) {
        let mut link = NewLink::new(name.clone(), kind.clone()).mac(MacAddress::new(mac)).mtu(mtu);
        if up {
            link = link.up();
        }
        let message = create(&link, Found { parent: Some(parent), master: Some(master), ..Found::default() });
        let mut bytes = Vec::new();
        message.write_to(&mut bytes, 0, 1).unwrap();
        let told = link_of(&Messages(&bytes).next().unwrap()).unwrap();
        prop_assert_eq!(told.kind, Some(kind));
        prop_assert_eq!((told.name, told.mac, told.mtu), (name, Some(MacAddress::new(mac)), mtu));
        prop_assert_eq!((told.parent, told.master), (Some(parent), Some(master)));
        prop_assert_eq!(told.flags.contains(LinkFlags::UP), up);
    }

    #[test]
    fn no_bytes_break_the_reading_of_links(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut message = vec![0; 4];
        message.extend(16_u16.to_ne_bytes());
        message.extend([0; 10]);
        message.extend(bytes);
        let length = u32::try_from(message.len()).unwrap();
        message.splice(..4, length.to_ne_bytes());
        let _told = Messages(&message).next().and_then(|received| link_of(&received));
    }
}

/// The request for a link on the link 7, a port of the link 8.
pub(crate) fn request(link: &NewLink) -> crate::net::message::Message {
    create(link, Found { parent: Some(7), master: Some(8), ..Found::default() })
}
