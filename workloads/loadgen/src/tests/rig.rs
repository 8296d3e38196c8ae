//! Two namespaces joined by a veth pair; for tests and benchmarks.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sys::link::{self, MacAddress, Peer, VethSpec};
use sys::netns::Namespace;

pub(crate) const QUEUES: u16 = 2;

/// One end.
pub(crate) struct Station {
    pub(crate) device: &'static str,
    pub(crate) mac: [u8; 6],
    pub(crate) addresses: [IpAddr; 2],
}

const fn station(device: &'static str, number: u8) -> Station {
    let v6 = Ipv6Addr::new(0xfd53, 0x42, 0, 0, 0, 0, 0, number as u16);
    Station {
        device,
        mac: [2, 0x53, 0x42, 0, 0, number],
        addresses: [
            IpAddr::V4(Ipv4Addr::new(198, 18, 0, number)),
            IpAddr::V6(v6),
        ],
    }
}

pub(crate) const SERVER: Station = station("server0", 1);
pub(crate) const CLIENT: Station = station("client0", 2);

/// A server namespace and a client namespace with a veth pair; both go with it.
pub(crate) struct Rig {
    pub(crate) server: Namespace,
    pub(crate) client: Namespace,
}

impl Rig {
    fn build() -> io::Result<Self> {
        let (server, client) = (Namespace::create()?, Namespace::create()?);
        server.run(|| {
            link::create_veth(&VethSpec {
                name: SERVER.device,
                peer: CLIENT.device,
                queues: u32::from(QUEUES),
                mtu: 1500,
                mac: MacAddress(SERVER.mac),
                peer_mac: MacAddress(CLIENT.mac),
                peer_namespace: Peer::In(&client),
            })?;
            configure(&SERVER, &CLIENT)
        })??;
        client.run(|| configure(&CLIENT, &SERVER))??;
        Ok(Self { server, client })
    }

    /// `None` after saying why not.
    pub(crate) fn new() -> Option<Self> {
        match Self::build() {
            Ok(rig) => Some(rig),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let required = std::env::var_os("STEERBENCH_REQUIRE_ALL_TIERS");
                assert!(required.is_none(), "all tiers are required: {error}");
                eprintln!("SKIPPED: network namespaces need root: {error}");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn configure(own: &Station, other: &Station) -> io::Result<()> {
    link::set_up(own.device)?;
    for (address, prefix) in own.addresses.into_iter().zip([24, 64]) {
        link::add_address(own.device, address, prefix)?;
    }
    for address in other.addresses {
        link::add_neighbour(own.device, address, MacAddress(other.mac))?;
    }
    Ok(())
}
