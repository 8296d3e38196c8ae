//! The frames of each queue. Pure.

use pktio::client::{Flow, Protocol, request_frame};
use steering::rss::{DEFAULT_KEY, Indirection, Tuple, queue_of_flow};

use super::FramesConfig;
use crate::af_xdp::{addresses, station};

/// Bytes of headers: Ethernet, IP without options or extension headers, UDP.
pub(super) const fn headers(config: &FramesConfig) -> usize {
    let network = if config.destination.is_ipv4() { 20 } else { 40 };
    14 + network + 8
}

/// The flows that RSS gives to a queue of the far end.
pub(super) fn flows_of(config: &FramesConfig, queue: usize) -> Vec<u16> {
    let indirection = Indirection::even(config.queues);
    let addresses = addresses(config.source, config.destination);
    let of_flow = |flow: u16| {
        let tuple = Tuple {
            addresses,
            src_port: config.first_flow + flow,
            dst_port: config.port,
        };
        usize::from(queue_of_flow(&DEFAULT_KEY, &indirection, &tuple))
    };
    (0..config.flows)
        .filter(|flow| of_flow(*flow) == queue)
        .collect()
}

/// A frame of each of these flows in turn. As many as the next power of two, for the generator's list is so long: the
/// first flows come up twice rather than the last not at all.
pub(super) fn frames(config: &FramesConfig, flows: &[u16]) -> Vec<Vec<u8>> {
    let from = station(config.mac, config.source);
    let to = station(config.next_hop, config.destination);
    let frame = |flow: &u16| {
        let addressed = Flow {
            protocol: Protocol::of(config.destination),
            source_port: config.first_flow + flow,
            server_port: config.port,
        };
        request_frame(from, to, addressed, &payload(config, *flow))
    };
    let length = flows.len().next_power_of_two();
    flows.iter().cycle().take(length).map(frame).collect()
}

/// Letters without a meaning, others for each flow: what a search for words has to look at.
fn payload(config: &FramesConfig, flow: u16) -> Vec<u8> {
    let length = usize::from(config.frame_bytes) - headers(config);
    let mut state = u64::from(flow) + 1;
    let mut letter = || {
        // Knuth, MMIX.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        b'a' + (state >> 59) as u8 % 26
    };
    (0..length).map(|_| letter()).collect()
}

#[cfg(test)]
mod tests {
    use packet::datagram;

    use super::*;
    use crate::frames::Pace;

    fn config(queues: u16, flows: u16) -> FramesConfig {
        FramesConfig {
            device: "sender0".to_owned(),
            queues,
            mac: [2, 0, 0, 0, 0, 2],
            next_hop: [2, 0, 0, 0, 0, 1],
            source: [198, 18, 0, 2].into(),
            destination: [198, 19, 0, 2].into(),
            first_flow: 16_384,
            flows,
            port: 9,
            frame_bytes: 60,
            cpus: (0..u32::from(queues)).collect(),
            pace: Pace::Saturate,
        }
    }

    #[test]
    fn every_flow_belongs_to_one_queue_and_every_queue_has_its_part() {
        let config = config(4, 1024);
        let mut all: Vec<u16> = (0..4).flat_map(|queue| flows_of(&config, queue)).collect();
        for queue in 0..4 {
            let flows = flows_of(&config, queue).len();
            assert!((200..312).contains(&flows), "queue {queue}: {flows}");
        }
        all.sort_unstable();
        assert_eq!(all, (0..1024).collect::<Vec<u16>>());
    }

    #[test]
    fn a_lone_flow_leaves_the_other_queues_without() {
        let config = config(2, 1);
        let used = (0..2).filter(|queue| !flows_of(&config, *queue).is_empty());
        assert_eq!(used.count(), 1);
    }

    #[test]
    fn frames_have_the_size_and_the_addresses_that_were_asked_for() {
        let v4 = config(1, 3);
        let v6 = FramesConfig {
            source: "fd53::2".parse().unwrap(),
            destination: "fd53:1::2".parse().unwrap(),
            frame_bytes: 80,
            ..v4.clone()
        };
        for (config, headers) in [(v4, 42), (v6, 62)] {
            let frames = frames(&config, &[0, 1, 2]);
            assert_eq!(frames.len(), 4, "a power of two");
            assert_eq!(frames[3], frames[0]);
            for (flow, frame) in (0u16..3).zip(&frames) {
                assert_eq!(frame.len(), usize::from(config.frame_bytes));
                assert_eq!(frame[..12], [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]);
                let datagram = datagram(frame.as_slice()).unwrap();
                assert_eq!((datagram.src_port, datagram.dst_port), (16_384 + flow, 9));
                assert_eq!((datagram.payload_at, datagram.payload_len), (headers, 18));
                let to = addresses(config.source, config.destination);
                assert_eq!(datagram.addresses(frame.as_slice()), Some(to));
                assert!(frame[headers..].iter().all(u8::is_ascii_lowercase));
            }
            assert_ne!(frames[0][headers..], frames[1][headers..]);
        }
    }
}
