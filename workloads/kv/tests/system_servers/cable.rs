//! A veth pair between two fresh namespaces, one for the server and one for the client.

use std::net::{IpAddr, Ipv4Addr};

use sys::link::{MacAddress, Peer, VethSpec};
use sys::netns::Namespace;

/// The server's address.
pub(crate) const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 18, 0, 1));
/// The client's address.
pub(crate) const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 18, 0, 2));
/// The server's end of the pair.
pub(crate) const DEVICE: &str = "srv0";
/// The client's end.
pub(crate) const CLIENT_DEVICE: &str = "cli0";
const SERVER_MAC: MacAddress = MacAddress([0x02, 0x53, 0x42, 0, 0, 1]);
const CLIENT_MAC: MacAddress = MacAddress([0x02, 0x53, 0x42, 0, 0, 2]);

/// Two namespaces with a cable between them; they go with their descriptors.
pub(crate) struct Cable {
    pub(crate) server: Namespace,
    pub(crate) client: Namespace,
}

/// Makes the cable, or says why not. Fails where every tier is demanded.
pub(crate) fn cable(queues: u32) -> Option<Cable> {
    match make(queues) {
        Ok(cable) => Some(cable),
        Err(error) => {
            skip(&format!("network namespaces need root: {error}"));
            None
        }
    }
}

/// Says why a test does not run here. Fails where every tier is demanded.
pub(crate) fn skip(reason: &str) {
    let demanded =
        std::env::var_os("STEERBENCH_REQUIRE_ALL_TIERS").is_some_and(|value| value == "1");
    assert!(!demanded, "every tier is demanded, but: {reason}");
    println!("SKIPPED: {reason}");
}

fn make(queues: u32) -> std::io::Result<Cable> {
    let cable = Cable {
        server: Namespace::create()?,
        client: Namespace::create()?,
    };
    cable.server.run(|| {
        sys::link::create_veth(&VethSpec {
            name: DEVICE,
            peer: CLIENT_DEVICE,
            queues,
            mtu: 1500,
            mac: SERVER_MAC,
            peer_mac: CLIENT_MAC,
            peer_namespace: Peer::In(&cable.client),
        })?;
        end(DEVICE, SERVER, CLIENT, CLIENT_MAC)
    })??;
    cable
        .client
        .run(|| end(CLIENT_DEVICE, CLIENT, SERVER, SERVER_MAC))??;
    Ok(cable)
}

fn end(device: &str, own: IpAddr, other: IpAddr, other_mac: MacAddress) -> std::io::Result<()> {
    sys::link::set_up(device)?;
    sys::link::add_address(device, own, 24)?;
    sys::link::add_neighbour(device, other, other_mac)
}
