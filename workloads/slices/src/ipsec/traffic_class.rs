//! The byte of DSCP and ECN, across a tunnel.
//!
//! DSCP: RFC 2983, uniform or pipe model, by [`Dscp`](super::Dscp). ECN: RFC 6040, normal mode.

/// Bits of congestion notification in the byte (RFC 3168).
const ECN: u8 = 0b11;
const NOT_CAPABLE: u8 = 0b00;
const CAPABLE_1: u8 = 0b01;
const CAPABLE_0: u8 = 0b10;
const CONGESTION: u8 = 0b11;

/// The outer header's byte: this DSCP, or the inner one where there is none, and the inner packet's congestion bits.
#[must_use]
pub const fn outer(inner: u8, dscp: Option<u8>) -> u8 {
    match dscp {
        Some(dscp) => dscp << 2 | inner & ECN,
        None => inner,
    }
}

/// The inner header's byte after decapsulation: its own DSCP, and what the path says of congestion. Nothing
/// where a router marked a packet whose transport would not understand it: it is to be dropped (RFC 6040, section 4.2).
#[must_use]
pub const fn inner(inner: u8, outer: u8) -> Option<u8> {
    let dscp = inner & !ECN;
    match (inner & ECN, outer & ECN) {
        (NOT_CAPABLE, CONGESTION) => None,
        (CAPABLE_0 | CAPABLE_1, CONGESTION) => Some(dscp | CONGESTION),
        (CAPABLE_0, CAPABLE_1) => Some(dscp | CAPABLE_1),
        (own, _) => Some(dscp | own),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of RFC 6040, section 4.2 (figure 4): rows by inner, columns by outer, both in the order Not-ECT,
    /// ECT(0), ECT(1), CE.
    #[test]
    fn the_table_of_the_rfc() {
        const ORDER: [u8; 4] = [0b00, 0b10, 0b01, 0b11];
        const TABLE: [[Option<u8>; 4]; 4] = [
            [Some(0b00), Some(0b00), Some(0b00), None],
            [Some(0b10), Some(0b10), Some(0b01), Some(0b11)],
            [Some(0b01), Some(0b01), Some(0b01), Some(0b11)],
            [Some(0b11), Some(0b11), Some(0b11), Some(0b11)],
        ];
        for (row, own) in ORDER.into_iter().enumerate() {
            for (column, path) in ORDER.into_iter().enumerate() {
                for dscp in [0, 46] {
                    let arrived = inner(dscp << 2 | own, 10 << 2 | path);
                    let expected = TABLE[row][column].map(|ecn| dscp << 2 | ecn);
                    assert_eq!(arrived, expected, "inner {own:02b}, outer {path:02b}");
                }
            }
        }
    }

    #[test]
    fn a_set_dscp_leaves_congestion_bits_alone() {
        assert_eq!(outer(0b1011_1001, None), 0b1011_1001);
        assert_eq!(outer(0b1011_1001, Some(0)), 0b01);
        assert_eq!(outer(0b01, Some(46)), 0b1011_1001);
    }
}
