//! Encapsulation: from the plain side of the gateway to the encrypted one.

use packet::Reason;
use packet::ethernet::Link;
use packet::ipv4::MIN_HEADER_LEN;
use pktio::frame::FrameMut;

use super::cbc::{BLOCK_LEN, Block, Encryptor, Stream};
use super::inner::{self, Inner, Version};
use super::outer::Outer;
use super::tunnel::padding;
use super::{
    BadTunnel, DontFragment, Dscp, ESP_HEADER_LEN, HEAD_LEN, ICV_LEN, Integrity, Ivs, TRAILER_LEN,
    Tunnel, traffic_class,
};

/// Why a frame was not encapsulated. It is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSent {
    /// Neither IPv4 nor IPv6 behind at most two VLAN tags.
    NotIp,
    /// The packet ends before its header says.
    Truncated,
    /// A version or length of the IP header contradicts itself, or an IPv4 header's checksum is wrong.
    BadIpHeader,
    /// Too long for the path, and not to be fragmented. The sender wants to know: ICMP "fragmentation needed"
    /// (RFC 1191) or ICMPv6 "packet too big" (RFC 8201), with this MTU.
    TooBig {
        /// Longest inner packet, in bytes.
        mtu: u16,
    },
    /// IPv4, too long for the path: to be fragmented to this MTU first.
    MustFragment {
        /// Longest inner packet, in bytes.
        mtu: u16,
    },
    /// The frame's memory has no room for what ESP adds.
    NoRoom,
    /// All sequence numbers are used: the association needs new keys (RFC 4303, section 3.3.3).
    SequenceExhausted,
}

impl NotSent {
    /// Names in results, in the order of the counters.
    pub const NAMES: [&'static str; 7] = [
        "not_ip",
        "truncated",
        "bad_ip_header",
        "too_big",
        "must_fragment",
        "no_room",
        "sequence_exhausted",
    ];

    /// The counter's place.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::NotIp => 0,
            Self::Truncated => 1,
            Self::BadIpHeader => 2,
            Self::TooBig { .. } => 3,
            Self::MustFragment { .. } => 4,
            Self::NoRoom => 5,
            Self::SequenceExhausted => 6,
        }
    }

    const fn of_reason(reason: Reason) -> Self {
        match reason {
            Reason::NotIp | Reason::VlanStacked => Self::NotIp,
            Reason::Truncated => Self::Truncated,
            Reason::BadIpHeader
            | Reason::NotUdp
            | Reason::BadUdpLength
            | Reason::Fragment
            | Reason::Ipv6Extension => Self::BadIpHeader,
        }
    }
}

/// What became of the frames so far; the sum of all is their number.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct OutboundCounters {
    /// Frames encapsulated.
    pub encapsulated: u64,
    /// Bytes of the packets inside.
    pub inner_bytes: u64,
    /// Bytes of the packets around them.
    pub outer_bytes: u64,
    /// Frames refused, by [`NotSent::index`].
    pub refused: [u64; NotSent::NAMES.len()],
}

/// One direction of a tunnel, at the end that encapsulates.
#[derive(Debug)]
pub struct Outbound {
    tunnel: Tunnel,
    /// The last sequence number used.
    sequence: u32,
    cipher: Encryptor,
    integrity: Option<Integrity>,
    ivs: Ivs,
    counters: OutboundCounters,
    /// Where ESP begins in each frame of the present batch that is sent.
    esp_at: Vec<usize>,
}

/// Why there is no such end of a tunnel.
#[derive(Debug, thiserror::Error)]
pub enum NoOutbound {
    /// There is no such tunnel.
    #[error(transparent)]
    Tunnel(#[from] BadTunnel),
    /// No key for IVs.
    #[error("the system gives no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

impl Outbound {
    /// A new association, whose first packet has the sequence number 1. Keys serve one association once:
    /// sequence numbers begin anew with it.
    ///
    /// # Errors
    /// When the tunnel cannot be, or the system has no random numbers.
    pub fn new(tunnel: Tunnel) -> Result<Self, NoOutbound> {
        tunnel.check()?;
        Ok(Self {
            sequence: 0,
            cipher: Encryptor::new(&tunnel.keys.cipher),
            integrity: tunnel.keys.integrity.as_ref().map(Integrity::new),
            ivs: Ivs::random()?,
            counters: OutboundCounters::default(),
            esp_at: Vec::new(),
            tunnel,
        })
    }

    /// Encapsulates frames, the more at once the cheaper: their texts are encrypted side by side. `verdicts`
    /// becomes a verdict for each frame, in their order.
    pub fn encapsulate(
        &mut self,
        frames: &mut [FrameMut<'_>],
        verdicts: &mut Vec<Result<(), NotSent>>,
    ) {
        verdicts.clear();
        self.esp_at.clear();
        for frame in &mut *frames {
            let verdict = self.lay_out(frame).map(|esp_at| self.esp_at.push(esp_at));
            if let Err(refused) = verdict {
                self.counters.refused[refused.index()] += 1;
            }
            verdicts.push(verdict);
        }
        let icv_len = self.tunnel.icv_len();
        let sent = frames.iter_mut().zip(&*verdicts);
        let sent = sent.filter(|(_, verdict)| verdict.is_ok());
        let texts = sent.zip(&self.esp_at).map(|((frame, _), &esp_at)| {
            let esp = &mut frame.bytes_mut()[esp_at..];
            let end = esp.len() - icv_len;
            let (header, text) = esp[..end].split_at_mut(ESP_HEADER_LEN);
            let mut iv = Block::default();
            iv.copy_from_slice(&header[ESP_HEADER_LEN - BLOCK_LEN..]);
            Stream::new(iv, text)
        });
        self.cipher.encrypt(texts);
        if let Some(integrity) = &self.integrity {
            let sent = frames.iter_mut().zip(&*verdicts);
            let sent = sent.filter(|(_, verdict)| verdict.is_ok());
            for ((frame, _), &esp_at) in sent.zip(&self.esp_at) {
                let esp = &mut frame.bytes_mut()[esp_at..];
                let (covered, icv) = esp.split_at_mut(esp.len() - ICV_LEN);
                icv.copy_from_slice(&integrity.icv(covered));
            }
        }
    }

    /// From now on the path takes outer packets of so many bytes. Longest inner packet, in bytes.
    pub const fn set_mtu(&mut self, mtu: u16) -> u16 {
        self.tunnel.mtu = mtu;
        self.tunnel.inner_mtu()
    }

    /// The association, with the MTU of the path.
    #[must_use]
    pub const fn tunnel(&self) -> &Tunnel {
        &self.tunnel
    }

    /// What became of the frames so far.
    #[must_use]
    pub const fn counters(&self) -> &OutboundCounters {
        &self.counters
    }

    /// Writes all but ciphertext and check value, and says where ESP begins. A refused frame is left alone.
    fn lay_out(&mut self, frame: &mut FrameMut<'_>) -> Result<usize, NotSent> {
        let bytes = frame.bytes();
        let link = Link::read(bytes).map_err(NotSent::of_reason)?;
        let version = Version::of_ethertype(link.ethertype).ok_or(NotSent::NotIp)?;
        let packet = &bytes[link.l3_at.min(bytes.len())..];
        let inner = Inner::read(version, packet).map_err(NotSent::of_reason)?;
        if version == Version::V4 && !inner::intact(packet) {
            return Err(NotSent::BadIpHeader);
        }
        let mtu = self.tunnel.inner_mtu();
        if inner.len > usize::from(mtu) {
            return Err(if inner.whole {
                NotSent::TooBig { mtu }
            } else {
                NotSent::MustFragment { mtu }
            });
        }
        let excess = packet.len() - inner.len;
        let padding = padding(inner.len);
        let tail = padding + TRAILER_LEN + self.tunnel.icv_len();
        let sequence = self
            .sequence
            .checked_add(1)
            .ok_or(NotSent::SequenceExhausted)?;
        if frame.headroom() < HEAD_LEN || frame.tailroom() + excess < tail {
            return Err(NotSent::NoRoom);
        }
        // What the link padded goes first, or room behind it would be counted twice.
        frame.shrink_back(excess).map_err(|_| NotSent::NoRoom)?;
        frame.grow_front(HEAD_LEN).map_err(|_| NotSent::NoRoom)?;
        frame.grow_back(tail).map_err(|_| NotSent::NoRoom)?;
        self.sequence = sequence;
        let iv = self.ivs.fresh();
        let outer = self.outer(&inner);
        self.counters.encapsulated += 1;
        self.counters.inner_bytes += inner.len as u64;
        self.counters.outer_bytes += u64::from(outer.total_len);

        let bytes = frame.bytes_mut();
        bytes.copy_within(HEAD_LEN..HEAD_LEN + link.l3_at, 0);
        let (link_header, outer_packet) = bytes.split_at_mut(link.l3_at);
        set_ethertype(link_header, packet::ethernet::IPV4);
        outer_packet[..MIN_HEADER_LEN].copy_from_slice(&outer.bytes());
        let esp = &mut outer_packet[MIN_HEADER_LEN..];
        esp[..4].copy_from_slice(&self.tunnel.spi.to_be_bytes());
        esp[4..8].copy_from_slice(&sequence.to_be_bytes());
        esp[8..ESP_HEADER_LEN].copy_from_slice(&iv);
        let trailer = &mut esp[ESP_HEADER_LEN + inner.len..];
        for (byte, number) in trailer[..padding].iter_mut().zip(1..) {
            *byte = number;
        }
        trailer[padding] = padding as u8;
        trailer[padding + 1] = version.next_header();
        Ok(link.l3_at + MIN_HEADER_LEN)
    }

    fn outer(&self, inner: &Inner) -> Outer {
        let tunnel = &self.tunnel;
        let dscp = match tunnel.dscp {
            Dscp::Copy => None,
            Dscp::Set(dscp) => Some(dscp),
        };
        Outer {
            traffic_class: traffic_class::outer(inner.traffic_class, dscp),
            total_len: tunnel.outer_len(inner.len) as u16,
            identification: self.sequence as u16,
            dont_fragment: match tunnel.dont_fragment {
                DontFragment::Copy => inner.whole,
                DontFragment::Set => true,
                DontFragment::Clear => false,
            },
            ttl: tunnel.ttl,
            source: tunnel.source,
            destination: tunnel.destination,
        }
    }
}

/// Writes the EtherType behind the last tag, which ends the link header.
pub(crate) fn set_ethertype(link_header: &mut [u8], ethertype: u16) {
    let at = link_header.len() - 2;
    link_header[at..].copy_from_slice(&ethertype.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::super::tests::{plain, tunnel};
    use super::*;
    use crate::chunk::Chunk;

    #[test]
    fn sequence_numbers_begin_at_one_and_never_wrap() {
        let mut outbound = Outbound::new(tunnel(None)).unwrap();
        let mut verdicts = Vec::new();
        let mut sequence_of_next = |outbound: &mut Outbound| {
            let mut chunk = Chunk::new(&plain(100));
            outbound.encapsulate(&mut [chunk.frame()], &mut verdicts);
            let sequence = u32::from_be_bytes(chunk.seen()[38..42].try_into().unwrap());
            verdicts[0].map(|()| sequence)
        };
        assert_eq!(sequence_of_next(&mut outbound), Ok(1));
        assert_eq!(sequence_of_next(&mut outbound), Ok(2));
        outbound.sequence = u32::MAX - 1;
        assert_eq!(sequence_of_next(&mut outbound), Ok(u32::MAX));
        for _ in 0..3 {
            let refused = sequence_of_next(&mut outbound);
            assert_eq!(refused, Err(NotSent::SequenceExhausted));
        }
        let counters = outbound.counters();
        assert_eq!(counters.encapsulated, 3);
        assert_eq!(counters.refused[NotSent::SequenceExhausted.index()], 3);
    }
}
