//! A veth pair between two fresh namespaces, one for the server and one for the client.

use std::net::{IpAddr, Ipv4Addr};
use std::process::{Child, Command, Stdio};

use loader::{Attached, Pass};
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

/// The switch's ports towards the client and towards the server.
pub(crate) const PORTS: [&str; 2] = ["swc0", "sws0"];
const PORT_MACS: [MacAddress; 2] = [
    MacAddress([0x02, 0x53, 0x42, 0, 0, 3]),
    MacAddress([0x02, 0x53, 0x42, 0, 0, 4]),
];

/// Two namespaces with a cable between them; they go with their descriptors.
pub(crate) struct Cable {
    pub(crate) server: Namespace,
    pub(crate) client: Namespace,
}

/// A host between client and server, with a port to each of them and a process that lives there.
pub(crate) struct Switch {
    pub(crate) space: Namespace,
    process: Child,
}

impl Switch {
    /// The process.
    pub(crate) fn host(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Lets the client's device take frames that XDP sends back, as long as what is returned lives.
pub(crate) fn takes_replies(cable: &Cable) -> (Attached, Pass) {
    let pass = || {
        let mut pass = Pass::load().expect("privilege");
        let device = sys::link::ifindex(CLIENT_DEVICE).expect("the device");
        (pass.attach(device).expect("attach"), pass)
    };
    cable.client.run(pass).expect("enter")
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

/// Makes two cables with a switch between them, or says why not.
pub(crate) fn switched(queues: u32) -> Option<(Cable, Switch)> {
    match make_switched(queues) {
        Ok(made) => Some(made),
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

fn make_switched(queues: u32) -> std::io::Result<(Cable, Switch)> {
    let cable = Cable {
        server: Namespace::create()?,
        client: Namespace::create()?,
    };
    let space = Namespace::create()?;
    let mut waits = Command::new("cat");
    waits.stdin(Stdio::piped()).stdout(Stdio::null());
    let process = space.spawn(waits)?;
    let switch = Switch { space, process };
    let ends = [
        (&cable.client, CLIENT_DEVICE, CLIENT_MAC, 0),
        (&cable.server, DEVICE, SERVER_MAC, 1),
    ];
    for (host, device, mac, port) in ends {
        host.run(|| {
            sys::link::create_veth(&VethSpec {
                name: device,
                peer: PORTS[port],
                queues,
                mtu: 1500,
                mac,
                peer_mac: PORT_MACS[port],
                peer_namespace: Peer::In(&switch.space),
            })
        })??;
        switch.space.run(|| sys::link::set_up(PORTS[port]))??;
    }
    (cable.server).run(|| end(DEVICE, SERVER, CLIENT, CLIENT_MAC))??;
    (cable.client).run(|| end(CLIENT_DEVICE, CLIENT, SERVER, SERVER_MAC))??;
    Ok((cable, switch))
}

fn end(device: &str, own: IpAddr, other: IpAddr, other_mac: MacAddress) -> std::io::Result<()> {
    sys::link::set_up(device)?;
    sys::link::add_address(device, own, 24)?;
    sys::link::add_neighbour(device, other, other_mac)
}
