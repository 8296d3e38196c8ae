//! What a proxy is told, and the code that follows from it.

use serde::{Deserialize, Serialize};

use steering::channel::Channel;

use crate::maelstrom::Code;
use crate::pair::Side;
use crate::slice::LossyPort;

/// Bytes of a link header that are protected with the packet: the EtherType, and two VLAN tags.
const LINK: usize = 2 + 2 * packet::ethernet::VLAN_TAG_LEN;

/// One proxy of two. The other has the same numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyConfig {
    /// Which of the two.
    pub side: Side,
    /// Packets of a group: 2 to 64, NetSlices' 8.
    pub r: u8,
    /// Repairs for every r packets, each of a layer of its own: NetSlices' 3. Their interleaves are 1, 10, 100 ...
    pub c: u8,
    /// MTU of the hosts' links, in bytes. The link between the proxies takes at least 18 more
    /// ([`REPAIR_LEN`](crate::maelstrom::header::REPAIR_LEN)).
    pub mtu: u16,
    /// What the link from the other proxy loses, for experiments.
    pub loss: Option<LinkLoss>,
}

/// Losses that are made where a link ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkLoss {
    /// Share of the frames that is lost, in millionths, below all.
    pub ppm: u32,
    /// Mean number of frames that are lost together; with 1 each is lost for itself.
    pub burst: u16,
    /// Equal seeds lose the same frames.
    pub seed: u64,
}

impl LinkLoss {
    /// The pattern.
    #[must_use]
    pub fn channel(&self) -> Channel {
        let loss = f64::from(self.ppm) / 1e6;
        match self.burst {
            0 | 1 => Channel::independent(loss),
            burst => Channel::bursts(loss, burst.into()),
        }
    }
}

impl ProxyConfig {
    /// The losses at the port by which the other proxy's frames come.
    #[must_use]
    pub fn lossy(&self) -> Option<LossyPort> {
        self.loss.map(|loss| LossyPort {
            port: self.side.between(),
            channel: loss.channel(),
            seed: loss.seed,
        })
    }

    /// The code of both proxies. It may be one that cannot be: whoever makes an end of it is told why.
    #[must_use]
    pub fn code(&self) -> Code {
        let interleaves = (0..self.c.into()).map(|layer| 10_u16.saturating_pow(layer));
        Code {
            group: self.r,
            interleaves: interleaves.collect(),
            longest: usize::from(self.mtu) + LINK,
        }
    }
}

#[cfg(test)]
mod tests {
    use pktio::frame::Port;

    use super::*;

    #[test]
    fn losses_are_made_where_the_link_between_ends() {
        let lossy = |side, burst| {
            let loss = LinkLoss {
                ppm: 10_000,
                burst,
                seed: 7,
            };
            ProxyConfig {
                side,
                r: 8,
                c: 3,
                mtu: 1500,
                loss: Some(loss),
            }
            .lossy()
            .expect("it loses")
        };
        assert_eq!(lossy(Side::Ingress, 1).port, Port(0));
        assert_eq!(lossy(Side::Egress, 1).port, Port(1));
        let channel = lossy(Side::Ingress, 1).channel;
        assert_eq!(channel, Channel::independent(0.01));
        let channel = lossy(Side::Ingress, 4).channel;
        assert_eq!(channel, Channel::bursts(0.01, 4.0));
    }

    #[test]
    fn the_papers_numbers_give_its_code_and_others_are_refused_by_name() {
        let code = |r, c| {
            ProxyConfig {
                side: Side::Egress,
                r,
                c,
                mtu: 1500,
                loss: None,
            }
            .code()
        };
        assert_eq!(code(8, 3).interleaves, Code::default().interleaves);
        for c in 1..=4 {
            assert_eq!(code(8, c).check(), Ok(()), "{c}");
        }
        for (r, c) in [(8, 0), (8, 5), (8, 6), (8, 7), (8, 255), (1, 3), (65, 3)] {
            assert!(code(r, c).check().is_err(), "{r} {c}");
        }
    }
}
