//! Ethernet II with up to two VLAN tags (IEEE 802.1Q, 802.1ad).

use crate::{Packet, Reason};

/// Length of an untagged header in bytes.
pub const HEADER_LEN: usize = 14;
/// Length of one VLAN tag in bytes.
pub const VLAN_TAG_LEN: usize = 4;
/// EtherType of IPv4.
pub const IPV4: u16 = 0x0800;
/// EtherType of IPv6.
pub const IPV6: u16 = 0x86dd;
/// EtherType of an 802.1Q tag.
pub const VLAN: u16 = 0x8100;
/// EtherType of an 802.1ad service tag.
pub const SERVICE_VLAN: u16 = 0x88a8;

/// What the link layer says about the rest of the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// EtherType behind the last tag.
    pub ethertype: u16,
    /// Offset of the network header.
    pub l3_at: usize,
}

#[inline(always)]
const fn is_tag(ethertype: u16) -> bool {
    ethertype == VLAN || ethertype == SERVICE_VLAN
}

#[inline(always)]
fn type_at<const AT: usize, P: Packet + ?Sized>(p: &P) -> Result<u16, Reason> {
    p.read_at::<AT, 2>()
        .map(u16::from_be_bytes)
        .ok_or(Reason::Truncated)
}

impl Link {
    /// Reads the link header, stepping over at most two tags.
    ///
    /// # Errors
    /// [`Reason::Truncated`] or [`Reason::VlanStacked`].
    #[inline(always)]
    pub fn read<P: Packet + ?Sized>(p: &P) -> Result<Self, Reason> {
        let ethertype = type_at::<12, P>(p)?;
        // The commonest case with one comparison.
        if ethertype == IPV4 || !is_tag(ethertype) {
            return Ok(Self {
                ethertype,
                l3_at: HEADER_LEN,
            });
        }
        let ethertype = type_at::<16, P>(p)?;
        if !is_tag(ethertype) {
            return Ok(Self {
                ethertype,
                l3_at: HEADER_LEN + VLAN_TAG_LEN,
            });
        }
        let ethertype = type_at::<20, P>(p)?;
        if is_tag(ethertype) {
            return Err(Reason::VlanStacked);
        }
        Ok(Self {
            ethertype,
            l3_at: HEADER_LEN + 2 * VLAN_TAG_LEN,
        })
    }
}
