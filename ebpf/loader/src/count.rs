//! The program that counts a trial's frames at the end of their path.

use std::net::IpAddr;

use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use steering::layout;

use crate::counters::Counters;
use crate::divert::key;
use crate::object;
use crate::{Error, FrameCounters, Result};

/// What the frames of a trial are when they arrive: UDP over IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// Hardware address of the device that they arrive at.
    pub mac: [u8; 6],
    /// Destination address.
    pub address: IpAddr,
    /// Hops that routers leave it (TTL, hop limit).
    pub hops: u8,
    /// UDP destination port.
    pub port: u16,
    /// UDP source port of the first flow; the others follow.
    pub first_flow: u16,
    /// Number of flows.
    pub flows: u16,
    /// Bytes of UDP payload.
    pub payload: u32,
}

/// The program, loaded: the end of a path, where nothing is kept but counts.
pub struct Count {
    ebpf: Ebpf,
    counters: Counters,
    queues: u32,
}

impl Count {
    const NAME: &str = "count_frames";

    /// Loads the program for a device with `queues` receive queues (1 to 256).
    ///
    /// # Errors
    /// A number of queues out of range, missing privilege, or the verifier's refusal.
    pub fn load(queues: u32, expected: &Expected) -> Result<Self> {
        if queues == 0 || queues > layout::MAX_TARGETS {
            return Err(Error::BadConfig(
                "frames are counted on 1 to 256 receive queues",
            ));
        }
        let [a, b, c, d, e, f] = expected.mac;
        let mac = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        let [high, low] = key(expected.address);
        let mut loader = EbpfLoader::new();
        loader
            .override_global("MAC", &mac, true)
            .override_global("ADDRESS_HIGH", &high, true)
            .override_global("ADDRESS_LOW", &low, true)
            .override_global("HOPS", &expected.hops, true)
            .override_global("PORT", &expected.port, true)
            .override_global("FIRST_FLOW", &expected.first_flow, true)
            .override_global("FLOWS", &expected.flows, true)
            .override_global("PAYLOAD", &expected.payload, true);
        let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/count"));
        let mut ebpf = object::xdp(Self::NAME, &mut loader, object)?;
        let counters = Counters::take(&mut ebpf, Self::NAME)?;
        Ok(Self {
            ebpf,
            counters,
            queues,
        })
    }

    /// What the program counted so far.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn counters(&self) -> Result<FrameCounters> {
        self.counters.frames(self.queues)
    }
}

crate::chain::xdp_methods!(Count);
