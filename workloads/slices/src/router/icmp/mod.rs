//! ICMP errors, made in place of the packet that they are about (RFC 792, RFC 1812 4.3, RFC 4443).
//!
//! An error goes back through the port that the packet came by, to the station that sent it there, with that port's
//! address as its source. So it needs neither a route nor a neighbour of its own, and every router on the way back
//! treats it as any other packet. It quotes as much of the packet, as it came, as the least packet that every host
//! takes has room for.

mod v4;
mod v6;

use packet::ethernet;
use pktio::frame::FrameMut;

use super::fib::{Fib, PortState};
use super::outcome::{Drop, Report};

/// Hops that an error may go.
const HOPS: u8 = 64;

/// Makes the error of the packet in `frame`, which came by `port` and of which [`may_report`] says that it may.
///
/// # Errors
/// The reason why none is sent. The frame is unchanged then.
pub(super) fn error(
    port: &PortState,
    frame: &mut FrameMut<'_>,
    report: Report,
    mtu: u32,
) -> Result<(), Drop> {
    match ethertype(frame.bytes()) {
        Some(ethernet::IPV4) => v4::error(port, frame, report, mtu),
        Some(ethernet::IPV6) => v6::error(port, frame, report, mtu),
        Some(_) | None => Err(Drop::NoErrorTo),
    }
}

/// Whether the error of such a packet may be sent, which is to be asked before the limit is: one that may not
/// must not use it up.
pub(super) fn may_report(fib: &Fib, frame: &[u8]) -> bool {
    let from_group = frame.get(6).is_none_or(|first| first & 1 != 0);
    let to_group = frame.first().is_none_or(|first| first & 1 != 0);
    !from_group
        && !to_group
        && match ethertype(frame) {
            Some(ethernet::IPV4) => v4::may_report(fib, frame),
            Some(ethernet::IPV6) => v6::may_report(frame),
            Some(_) | None => false,
        }
}

/// The type of what is in a frame; nothing where its link header is cut short.
pub(super) fn ethertype(frame: &[u8]) -> Option<u16> {
    let header = frame.first_chunk::<{ ethernet::HEADER_LEN }>()?;
    Some(u16::from_be_bytes([header[12], header[13]]))
}

/// Cuts the packet to its first `quoted` bytes, and puts the headers of the error in front of it: the link's, turned
/// around, and `room` bytes that are to be written, which are returned with what they are followed by.
fn enclose<'a>(
    port: &PortState,
    frame: &'a mut FrameMut<'_>,
    quoted: usize,
    room: usize,
) -> Result<&'a mut [u8], Drop> {
    let link = ethernet::HEADER_LEN;
    let header = frame.bytes().first_chunk::<{ ethernet::HEADER_LEN }>();
    let mut header = *header.ok_or(Drop::Truncated)?;
    header.copy_within(6..12, 0);
    header[6..12].copy_from_slice(&port.mac);
    frame.grow_front(room).map_err(|_| Drop::NoErrorRoom)?;
    let rest = frame.bytes().len() - link - room - quoted;
    frame
        .shrink_back(rest)
        .expect("the quoted bytes are a part of the packet");
    let bytes = frame.bytes_mut();
    bytes[..link].copy_from_slice(&header);
    Ok(&mut bytes[link..])
}
