//! The outer IPv4 header.

use std::net::Ipv4Addr;

use packet::checksum;
use packet::ipv4::MIN_HEADER_LEN;

use super::PROTOCOL;

/// What differs between outer headers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outer {
    pub(crate) traffic_class: u8,
    /// Header and payload, in bytes.
    pub(crate) total_len: u16,
    pub(crate) identification: u16,
    pub(crate) dont_fragment: bool,
    pub(crate) ttl: u8,
    pub(crate) source: Ipv4Addr,
    pub(crate) destination: Ipv4Addr,
}

impl Outer {
    /// The header's bytes, checksum included.
    pub(crate) fn bytes(&self) -> [u8; MIN_HEADER_LEN] {
        let mut header = [0; MIN_HEADER_LEN];
        header[0] = 0x45;
        header[1] = self.traffic_class;
        header[2..4].copy_from_slice(&self.total_len.to_be_bytes());
        header[4..6].copy_from_slice(&self.identification.to_be_bytes());
        header[6] = if self.dont_fragment { 0x40 } else { 0 };
        header[8] = self.ttl;
        header[9] = PROTOCOL;
        header[12..16].copy_from_slice(&self.source.octets());
        header[16..20].copy_from_slice(&self.destination.octets());
        let sum = checksum::ipv4_header(&header);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        header
    }
}
