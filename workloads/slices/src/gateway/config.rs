//! What a gateway is told, and the associations that follow from it.

use std::fmt;
use std::net::Ipv4Addr;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::ipsec::{DontFragment, Dscp, Keys, Tunnel};
use crate::pair::Side;

/// Sequence numbers that an anti-replay window covers, where there is integrity.
const REPLAY_WINDOW: u32 = 64;
/// The outer header's TTL.
const TTL: u8 = 64;

/// What authenticates packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authentication {
    /// Nothing, as in NetSlices: packets can be altered and replayed.
    None,
    /// HMAC-SHA-256-128 (RFC 4868), with an anti-replay window of 64 numbers.
    HmacSha256,
}

/// What both gateways know and nobody else does. The keys of every association are made of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub [u8; 32]);

impl Secret {
    /// A secret that nobody else has.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }
}

/// Not for logs.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// One gateway of two.
///
/// Each worker has a pair of associations of its own, one a direction, with the SPI `spi` + its number in either: an SPI is
/// the receiver's to choose (RFC 4301, section 4.1), so the two do not meet. No two associations have a key in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayConfig {
    /// Which of the two.
    pub side: Side,
    /// This end of the tunnel: an address of this host.
    pub local: Ipv4Addr,
    /// The other end.
    pub remote: Ipv4Addr,
    /// SPI of worker 0, at least 256.
    pub spi: u32,
    /// A secret that was never used before: sequence numbers begin anew with the gateway.
    pub secret: Secret,
    /// What authenticates packets.
    pub authentication: Authentication,
    /// Longest outer packet that the link between the gateways takes, in bytes.
    pub mtu: u16,
}

impl GatewayConfig {
    /// A worker's association with the other gateway.
    #[must_use]
    pub fn outbound(&self, worker: u16) -> Tunnel {
        self.tunnel(self.local, self.remote, worker)
    }

    /// The other gateway's association of this worker number with this one.
    #[must_use]
    pub fn inbound(&self, worker: u16) -> Tunnel {
        self.tunnel(self.remote, self.local, worker)
    }

    fn tunnel(&self, source: Ipv4Addr, destination: Ipv4Addr, worker: u16) -> Tunnel {
        // Whoever makes gateways of it has looked that there are so many.
        let spi = self.spi.wrapping_add(worker.into());
        let cipher = self.key(destination, spi, 0);
        let integrity = match self.authentication {
            Authentication::None => None,
            Authentication::HmacSha256 => Some(self.key(destination, spi, 1)),
        };
        Tunnel {
            spi,
            source,
            destination,
            keys: Keys {
                cipher: std::array::from_fn(|at| cipher[at]),
                integrity,
            },
            mtu: self.mtu,
            ttl: TTL,
            dscp: Dscp::Copy,
            dont_fragment: DontFragment::Set,
            replay_window: integrity.map(|_| REPLAY_WINDOW),
        }
    }

    /// A key for one purpose of one association. HMAC under the secret tells nothing of one key to who knows another.
    fn key(&self, destination: Ipv4Addr, spi: u32, purpose: u8) -> [u8; 32] {
        let mac = Hmac::<Sha256>::new_from_slice(&self.secret.0)
            .expect("HMAC takes a key of any length")
            .chain_update(destination.octets())
            .chain_update(spi.to_be_bytes())
            .chain_update([purpose])
            .finalize()
            .into_bytes();
        std::array::from_fn(|at| mac[at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(side: Side, local: [u8; 4], remote: [u8; 4]) -> GatewayConfig {
        GatewayConfig {
            side,
            local: local.into(),
            remote: remote.into(),
            spi: 0x1000,
            secret: Secret([7; 32]),
            authentication: Authentication::HmacSha256,
            mtu: 1628,
        }
    }

    #[test]
    fn what_one_end_seals_the_other_opens_and_no_key_serves_twice() {
        let (one, other) = ([198, 18, 128, 1], [198, 18, 128, 2]);
        let egress = config(Side::Egress, one, other);
        let ingress = config(Side::Ingress, other, one);
        let mut seen = Vec::new();
        for worker in 0..4 {
            let there = egress.outbound(worker);
            assert_eq!(there.check(), Ok(()));
            assert_eq!(there, ingress.inbound(worker));
            let back = ingress.outbound(worker);
            assert_eq!(back, egress.inbound(worker));
            for tunnel in [there, back] {
                let integrity = tunnel.keys.integrity.expect("it was asked for");
                assert_ne!(integrity[..16], tunnel.keys.cipher);
                seen.push(tunnel.keys);
            }
        }
        for (at, keys) in seen.iter().enumerate() {
            for other in &seen[..at] {
                assert_ne!(keys.cipher, other.cipher);
                assert_ne!(keys.integrity, other.integrity);
            }
        }
    }

    #[test]
    fn a_configuration_travels_and_its_secret_is_not_printed() {
        let config = config(Side::Egress, [10, 0, 0, 1], [10, 0, 0, 2]);
        let text = serde_json::to_string(&config).unwrap();
        let back: GatewayConfig = serde_json::from_str(&text).unwrap();
        assert_eq!(back, config);
        assert!(!format!("{config:?}").contains('7'), "{config:?}");
    }
}
