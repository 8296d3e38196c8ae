//! One direction of a tunnel: what both ends agree on.

use std::fmt;
use std::net::Ipv4Addr;

use super::cbc::BLOCK_LEN;
use super::{HEAD_LEN, ICV_LEN, TRAILER_LEN};

/// The least MTU of a link that carries IPv6 (RFC 8200, section 5).
const IPV6_MIN_MTU: u16 = 1280;
/// The least window that RFC 4303, section 3.4.3, lets a receiver have.
const MIN_WINDOW: u32 = 32;
/// Numbers beyond which a window has no use: more packets than any path reorders.
const MAX_WINDOW: u32 = 65_536;

/// The keys of one direction.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// AES-128's.
    pub cipher: [u8; 16],
    /// HMAC-SHA-256-128's; without it nothing is authenticated.
    pub integrity: Option<[u8; 32]>,
}

/// Keys are not for logs.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

/// Where the outer header's DSCP comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dscp {
    /// From the inner packet.
    Copy,
    /// It is this one, at most 63.
    Set(u8),
}

/// Whether the outer packet may be fragmented on the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DontFragment {
    /// As the inner packet may; an IPv6 packet may not.
    Copy,
    /// Never.
    Set,
    /// Always.
    Clear,
}

/// One direction of a tunnel: a security association, with the outer header's fields (RFC 4301, section 5.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tunnel {
    /// Security parameters index, at least 256.
    pub spi: u32,
    /// Address of the encapsulating end.
    pub source: Ipv4Addr,
    /// Address of the decapsulating end.
    pub destination: Ipv4Addr,
    /// The secret.
    pub keys: Keys,
    /// Longest outer packet that the path takes, in bytes.
    pub mtu: u16,
    /// The outer header's TTL.
    pub ttl: u8,
    /// The outer header's DSCP.
    pub dscp: Dscp,
    /// The outer header's DF bit.
    pub dont_fragment: DontFragment,
    /// Numbers that the anti-replay window covers; no window where there is none.
    pub replay_window: Option<u32>,
}

/// Why no tunnel can be like this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadTunnel {
    /// Indexes up to 255 are reserved (RFC 4303, section 2.1).
    #[error("SPI {0} is reserved: take one of at least 256")]
    ReservedSpi(u32),
    /// A path so narrow cannot carry IPv6.
    #[error(
        "an MTU of {mtu} leaves {inner} bytes for the inner packet, and IPv6 needs 1280: use at least {least}"
    )]
    Mtu {
        /// What was asked for.
        mtu: u16,
        /// What it would leave.
        inner: u16,
        /// What it takes.
        least: u16,
    },
    /// A packet of TTL 0 goes nowhere.
    #[error("an outer TTL of 0 goes nowhere: use 64")]
    Ttl,
    /// DSCP has six bits.
    #[error("DSCP {0} has more than six bits")]
    Dscp(u8),
    /// A forged number would move the window.
    #[error(
        "an anti-replay window needs integrity (RFC 4303, section 3.4.3): give an integrity key, or no window"
    )]
    WindowWithoutIntegrity,
    /// No such window.
    #[error(
        "an anti-replay window covers {MIN_WINDOW} to {MAX_WINDOW} numbers, not {0}: 64 is usual"
    )]
    Window(u32),
}

impl Tunnel {
    /// Whether a tunnel can be like this.
    ///
    /// # Errors
    /// Why not, with the remedy.
    pub fn check(&self) -> Result<(), BadTunnel> {
        if self.spi < 256 {
            return Err(BadTunnel::ReservedSpi(self.spi));
        }
        let inner = self.inner_mtu();
        if inner < IPV6_MIN_MTU {
            return Err(BadTunnel::Mtu {
                mtu: self.mtu,
                inner,
                least: self.least_mtu(),
            });
        }
        if self.ttl == 0 {
            return Err(BadTunnel::Ttl);
        }
        if let Dscp::Set(dscp) = self.dscp
            && dscp > 63
        {
            return Err(BadTunnel::Dscp(dscp));
        }
        match self.replay_window {
            Some(_) if self.keys.integrity.is_none() => Err(BadTunnel::WindowWithoutIntegrity),
            Some(size) if !(MIN_WINDOW..=MAX_WINDOW).contains(&size) => {
                Err(BadTunnel::Window(size))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Longest inner packet whose outer one fits the path, in bytes: the tunnel's MTU as a link.
    #[must_use]
    pub const fn inner_mtu(&self) -> u16 {
        let fixed = (HEAD_LEN + self.icv_len()) as u16;
        let blocks = self.mtu.saturating_sub(fixed) / BLOCK_LEN as u16;
        (blocks * BLOCK_LEN as u16).saturating_sub(TRAILER_LEN as u16)
    }

    /// The least MTU that a tunnel can have, in bytes: what carries an IPv6 packet of the length that every link takes.
    #[must_use]
    pub const fn least_mtu(&self) -> u16 {
        self.outer_len(IPV6_MIN_MTU as usize) as u16
    }

    /// Length of the outer packet around an inner one of so many bytes.
    #[must_use]
    pub const fn outer_len(&self, inner: usize) -> usize {
        HEAD_LEN + inner + padding(inner) + TRAILER_LEN + self.icv_len()
    }

    pub(crate) const fn icv_len(&self) -> usize {
        match self.keys.integrity {
            Some(_) => ICV_LEN,
            None => 0,
        }
    }
}

/// Padding that brings the text and its trailer to whole blocks, in bytes.
pub(crate) const fn padding(text: usize) -> usize {
    (text + TRAILER_LEN).next_multiple_of(BLOCK_LEN) - text - TRAILER_LEN
}

#[cfg(test)]
mod tests {
    use super::super::tests::tunnel;
    use super::*;

    #[test]
    fn the_inner_mtu_is_the_longest_that_fits() {
        for integrity in [None, Some([1; 32])] {
            for mtu in 1400..1600 {
                let mut tunnel = tunnel(integrity);
                tunnel.mtu = mtu;
                let inner = usize::from(tunnel.inner_mtu());
                assert!(tunnel.outer_len(inner) <= usize::from(mtu));
                assert!(tunnel.outer_len(inner + 1) > usize::from(mtu));
            }
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_remedy() {
        let refused = |change: fn(&mut Tunnel)| {
            let mut tunnel = tunnel(None);
            assert_eq!(tunnel.check(), Ok(()));
            change(&mut tunnel);
            tunnel.check().unwrap_err()
        };
        assert_eq!(
            refused(|tunnel| tunnel.spi = 255),
            BadTunnel::ReservedSpi(255)
        );
        assert_eq!(refused(|tunnel| tunnel.ttl = 0), BadTunnel::Ttl);
        assert_eq!(
            refused(|tunnel| tunnel.dscp = Dscp::Set(64)),
            BadTunnel::Dscp(64)
        );
        assert_eq!(
            refused(|tunnel| tunnel.replay_window = Some(64)),
            BadTunnel::WindowWithoutIntegrity
        );
        let window = refused(|tunnel| {
            tunnel.keys.integrity = Some([1; 32]);
            tunnel.replay_window = Some(31);
        });
        assert_eq!(window, BadTunnel::Window(31));
        for mtu in [0, 576, 1300] {
            let mut tunnel = tunnel(Some([1; 32]));
            tunnel.mtu = mtu;
            let Err(BadTunnel::Mtu { least, .. }) = tunnel.check() else {
                panic!("{mtu} is too narrow");
            };
            tunnel.mtu = least;
            assert_eq!(tunnel.check(), Ok(()));
            tunnel.mtu = least - 1;
            assert!(tunnel.check().is_err());
        }
    }
}
