//! What a proxy is told, and the code that follows from it.

use serde::{Deserialize, Serialize};

use crate::maelstrom::Code;
use crate::pair::Side;

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
}

impl ProxyConfig {
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
    use super::*;

    #[test]
    fn the_papers_numbers_give_its_code_and_others_are_refused_by_name() {
        let code = |r, c| {
            ProxyConfig {
                side: Side::Egress,
                r,
                c,
                mtu: 1500,
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
