//! An IPsec gateway's core: ESP in tunnel mode (RFC 4303), AES-128-CBC (RFC 3602), in place on frames.
//!
//! NetSlices (section 4.3) encrypts with AES-CBC under a key of 128 bits and names no integrity algorithm. Here
//! HMAC-SHA-256-128 (RFC 4868) can be had as well. **Without it nothing is authenticated**: whoever can
//! send packets can alter the plaintext (RFC 4303, section 3.3.2, speaks against it). It exists to
//! measure what the paper measured.
//!
//! A thread has its own [`Outbound`] and [`Inbound`], with an SPI of its own: sequence numbers and window
//! are then nobody else's, and a slice shares no state. Where packets of one association may come to several threads, each has
//! an end of it ([`Inbound::another`]), and the window alone is shared. What is decided:
//!
//! - **Inner packet**: IPv4 (next header 4) or IPv6 (41), whatever it carries, fragments included. It comes
//!   out at the far end bit for bit as it went in, but for congestion marks ([`traffic_class`]). Its
//!   TTL is the router's to decrement, before encapsulation and after decapsulation, as for any link.
//! - **Outer header**: IPv4 without options; TTL of the configuration (RFC 4301, section 5.1.2.1), DSCP and DF
//!   copied or set, an identification that is the low half of the sequence number (RFC 6864: it matters only where DF
//!   is clear).
//! - **Size**: the tunnel is a link whose MTU is [`Tunnel::inner_mtu`]. What is larger is refused and says that MTU:
//!   with DF, or IPv6, it is for an ICMP error ([`NotSent::TooBig`]); IPv4 without DF is to be fragmented
//!   before encapsulation ([`NotSent::MustFragment`]), so that the far end reassembles nothing. The outer packet is
//!   never fragmented here, and a fragment of one is refused on the way in (RFC 4303, section 3.4.1). Where a router on the
//!   path says by ICMP that it takes less, the MTU is lowered for a while (`path`).
//! - **Sequence numbers** have 32 bits, begin at 1 and never wrap: the association then sends nothing any more.
//!   Extended ones (64 bits) are not implemented. The anti-replay window needs integrity, or a forged number would
//!   move it.
//! - **IVs** are unpredictable and fresh for each packet ([`Ivs`]).
//!
//! Link headers (with up to two VLAN tags) move along, their EtherType changed; addresses of the link
//! are left to whoever forwards.

pub mod cbc;
mod inbound;
mod inner;
mod integrity;
mod iv;
mod outbound;
mod outer;
mod path;
mod replay;
pub mod traffic_class;
mod tunnel;
#[cfg(target_arch = "x86_64")]
mod vaes;

pub use inbound::{Inbound, InboundCounters, NotReceived, spi_of};
pub use integrity::{ICV_LEN, Integrity};
pub use iv::Ivs;
pub use outbound::{NoOutbound, NotSent, Outbound, OutboundCounters};
pub(crate) use path::{Path, told};
pub use replay::{Replay, Window};
pub use tunnel::{BadTunnel, DontFragment, Dscp, Keys, Tunnel};

/// Bytes that ESP puts in front of the inner packet: SPI, sequence number, IV.
pub(crate) const ESP_HEADER_LEN: usize = 8 + cbc::BLOCK_LEN;
/// Bytes in front of the inner packet, outer header included.
pub(crate) const HEAD_LEN: usize = packet::ipv4::MIN_HEADER_LEN + ESP_HEADER_LEN;
/// Bytes behind the padding: its length and the next header.
pub(crate) const TRAILER_LEN: usize = 2;
/// Most bytes behind the inner packet: padding to a block, the trailer, the check value.
const MOST_BEHIND: usize = cbc::BLOCK_LEN - 1 + TRAILER_LEN + ICV_LEN;
const _: () = assert!(
    HEAD_LEN <= pktio::frame::HEADROOM && MOST_BEHIND <= pktio::frame::TAILROOM,
    "a received frame has room for its tunnel"
);
/// IP protocol number of ESP.
pub(crate) const PROTOCOL: u8 = 50;

#[cfg(test)]
mod tests;
