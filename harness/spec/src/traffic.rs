//! What is sent through packet systems: the `traffic` section, in place of `workload`.

use std::fmt;

use garde::Validate;
use schemars::JsonSchema;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::ip_version::IpVersion;
use crate::topology::TopologyKind;
use crate::units::{Bytes, Share};

/// Bytes of the header of a link, which the MTU does not count.
pub(crate) const LINK_HEADER: u64 = 14;
/// The shortest frame of Ethernet, without its frame check sequence.
const SHORTEST_FRAME: u64 = 60;

/// What is done to each frame on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Validate)]
#[serde(rename_all = "snake_case")]
pub enum Processor {
    /// It is routed: longest-prefix match, hop limit, checksum, next hop.
    Router,
    /// It is searched for patterns, and routed.
    Inspect,
    /// It goes through a tunnel between two gateways: the first encrypts, the second decrypts.
    Ipsec(#[garde(dive)] IpsecOptions),
    /// It goes over a link that loses, between two proxies that recover it.
    Maelstrom(#[garde(dive)] MaelstromOptions),
}

/// The processors by name.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ProcessorKind {
    /// Routes each frame.
    Router,
    /// Searches each frame for patterns, and passes it on.
    Inspect,
    /// Encrypts and decrypts at the ends of a tunnel.
    Ipsec,
    /// Recovers what is lost between two proxies.
    Maelstrom,
}

impl ProcessorKind {
    /// All processors, in the order in which they are listed.
    pub const ALL: [Self; 4] = [Self::Router, Self::Inspect, Self::Ipsec, Self::Maelstrom];
    /// Those between whose routers there are IP packets and no others.
    pub const OF_IP: [Self; 3] = [Self::Router, Self::Inspect, Self::Ipsec];

    /// The name that the spec uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Router => "router",
            Self::Inspect => "inspect",
            Self::Ipsec => "ipsec",
            Self::Maelstrom => "maelstrom",
        }
    }

    /// What joins sender and receiver: one host that forwards, or two with a link of their own.
    #[must_use]
    pub const fn topology(self) -> TopologyKind {
        match self {
            Self::Router | Self::Inspect => TopologyKind::Chain,
            Self::Ipsec | Self::Maelstrom => TopologyKind::Pair,
        }
    }
}

/// How the tunnel of `ipsec` protects packets.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, Validate, JsonSchema,
)]
#[serde(default, deny_unknown_fields)]
pub struct IpsecOptions {
    /// What tells that a packet was changed on its way. Default: `none`, as in NetSlices.
    #[garde(skip)]
    pub integrity: Integrity,
}

/// What tells that an encrypted packet was changed on its way.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Integrity {
    /// Nothing.
    #[default]
    None,
    /// HMAC-SHA-256-128 (RFC 4868).
    HmacSha256,
}

impl Integrity {
    /// The name that the spec uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::HmacSha256 => "hmac_sha256",
        }
    }
}

/// The code of `maelstrom`, and what the link between the proxies loses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MaelstromOptions {
    /// Packets of a group. Default: 8.
    #[garde(range(min = 2, max = 64))]
    pub r: u8,
    /// Repairs for `r` packets: layers, with interleaves of 1, 10 and 100 packets. Default: 3.
    #[garde(range(min = 1, max = 3))]
    pub c: u8,
    /// Share of the frames that the link loses. Default: none.
    #[garde(custom(crate::rules::loss))]
    pub loss: Share,
    /// Frames that are lost together, on average: lengths of bursts are geometric (Gilbert's channel). 1: each is lost by
    /// itself, whatever becomes of others. Default: 1.
    #[garde(range(min = 1, max = 1024))]
    pub burst: u16,
}

impl Default for MaelstromOptions {
    /// NetSlices' r and c, over a link that loses nothing.
    fn default() -> Self {
        Self {
            r: 8,
            c: 3,
            loss: Share(0),
            burst: 1,
        }
    }
}

impl Processor {
    /// Which one it is, whatever its options.
    #[must_use]
    pub const fn kind(self) -> ProcessorKind {
        match self {
            Self::Router => ProcessorKind::Router,
            Self::Inspect => ProcessorKind::Inspect,
            Self::Ipsec(_) => ProcessorKind::Ipsec,
            Self::Maelstrom(_) => ProcessorKind::Maelstrom,
        }
    }

    /// The name that the spec uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.kind().name()
    }

    /// Of `maelstrom`, its code and what the link between its proxies loses.
    #[must_use]
    pub const fn code(self) -> Option<MaelstromOptions> {
        match self {
            Self::Router | Self::Inspect | Self::Ipsec(_) => None,
            Self::Maelstrom(options) => Some(options),
        }
    }
}

impl fmt::Display for Processor {
    /// Its name, and its options where they are not the defaults.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Router | Self::Inspect => Ok(()),
            Self::Ipsec(options) => match options.integrity {
                Integrity::None => Ok(()),
                Integrity::HmacSha256 => write!(f, " {}", options.integrity.name()),
            },
            Self::Maelstrom(options) => {
                let MaelstromOptions { r, c, loss, burst } = options;
                write!(f, " r {r} c {c}")?;
                if loss.get() > 0 {
                    write!(f, " loss {loss} burst {burst}")?;
                }
                Ok(())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Processor {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ProcessorVisitor)
    }
}

struct ProcessorVisitor;

impl<'de> Visitor<'de> for ProcessorVisitor {
    type Value = Processor;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a processor such as `router` or `{ipsec: {integrity: hmac_sha256}}`; there are `router`, `inspect`, \
             `ipsec`, `maelstrom`",
        )
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Processor, E> {
        let kind = ProcessorKind::deserialize(de::value::StrDeserializer::<E>::new(name))?;
        Ok(match kind {
            ProcessorKind::Router => Processor::Router,
            ProcessorKind::Inspect => Processor::Inspect,
            ProcessorKind::Ipsec => Processor::Ipsec(IpsecOptions::default()),
            ProcessorKind::Maelstrom => Processor::Maelstrom(MaelstromOptions::default()),
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Processor, A::Error> {
        let processor = match map.next_key()? {
            Some(ProcessorKind::Ipsec) => Processor::Ipsec(map.next_value()?),
            Some(ProcessorKind::Maelstrom) => Processor::Maelstrom(map.next_value()?),
            Some(ProcessorKind::Router | ProcessorKind::Inspect) => {
                let message = "`router` and `inspect` stand alone, without options";
                return Err(de::Error::custom(message));
            }
            None => return Err(de::Error::invalid_length(0, &self)),
        };
        match map.next_key::<ProcessorKind>()? {
            None => Ok(processor),
            Some(_) => Err(de::Error::custom("give exactly one processor")),
        }
    }
}

/// The processors that have options, for the schema.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(
    dead_code,
    reason = "describes the written form to the JSON schema only"
)]
enum Detailed {
    /// A tunnel between two gateways.
    Ipsec(IpsecOptions),
    /// Two proxies at the ends of a link that loses.
    Maelstrom(MaelstromOptions),
}

/// Both written forms, for the schema.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(
    dead_code,
    reason = "describes the written forms to the JSON schema only"
)]
enum Written {
    /// The processor's name.
    Name(ProcessorKind),
    /// The processor with options.
    Detailed(Detailed),
}

impl JsonSchema for Processor {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Processor".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Written::json_schema(generator)
    }
}

/// When frames are sent.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FrameArrivals {
    /// As fast as the generator makes them: no `load`.
    Saturate,
    /// Evenly spaced, at each of `load.rates`.
    Fixed,
}

impl FrameArrivals {
    /// The name that the spec uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Saturate => "saturate",
            Self::Fixed => "fixed",
        }
    }
}

/// The `traffic` section as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrafficSpec {
    /// What is done to each frame: `router`, `inspect`, `ipsec`, `{ipsec: {integrity: hmac_sha256}}`, `maelstrom`, or
    /// `{maelstrom: {r: 8, c: 3, loss: 1 %, burst: 4}}`.
    #[garde(dive)]
    pub processor: Processor,
    /// Bytes of a frame with its link header, without its frame check sequence: from 60 B (with `ip: 6` from 62 B,
    /// with `round_trip` as well from 70 B) to `topology.mtu` + 14 B.
    /// Default: the largest.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_size: Option<Bytes>,
    /// When frames are sent. Default: `saturate`.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<FrameArrivals>,
    /// Flows (source ports) of the frames, which come in turn. Default: 1024.
    #[garde(inner(range(min = 1, max = 28_000)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flows: Option<u16>,
    /// Frames that are sent together, with `fixed`; the rate counts frames. Default: 1.
    #[garde(inner(range(min = 1, max = 256)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u16>,
    /// Whether the receiver sends each frame back, and the sender tells how long it took, with `fixed`. Default: no.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip: Option<bool>,
    /// The version of the Internet protocol, 4 or 6, with `router` and `inspect`. Default: 4.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpVersion>,
}

/// Traffic with nothing left to choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// What is done to each frame.
    pub processor: Processor,
    /// Bytes of a frame with its link header, without its frame check sequence.
    pub frame_size: Bytes,
    /// When frames are sent.
    pub arrivals: FrameArrivals,
    /// Flows (source ports) of the frames.
    pub flows: u16,
    /// Frames that are sent together.
    pub burst: u16,
    /// Whether the receiver sends each frame back, and the sender tells how long it took.
    pub round_trip: bool,
    /// The version of the Internet protocol.
    #[serde(default, skip_serializing_if = "IpVersion::is_v4")]
    pub ip: IpVersion,
}

impl Traffic {
    /// Bytes of the payload by which a frame that comes back is known again.
    pub const ID: u64 = 8;

    /// Bytes of UDP payload of each frame.
    #[must_use]
    pub fn payload(&self) -> u64 {
        let headers = u64::from(self.ip.headers());
        self.frame_size.get().saturating_sub(headers)
    }
}

impl TrafficSpec {
    /// When frames are sent, written or by default.
    #[must_use]
    pub fn arrivals(&self) -> FrameArrivals {
        self.arrivals.unwrap_or(FrameArrivals::Saturate)
    }

    /// The shortest frame that there can be, with its headers and what it is known again by.
    pub(crate) fn shortest_frame(&self) -> Bytes {
        let known_again = match self.round_trip {
            Some(true) => Traffic::ID,
            Some(false) | None => 0,
        };
        let needed = u64::from(self.ip.unwrap_or_default().headers()) + known_again;
        Bytes(needed.max(SHORTEST_FRAME))
    }

    /// The traffic with its defaults filled in, over links of this MTU.
    #[must_use]
    pub fn resolve(&self, mtu: u16) -> Traffic {
        let largest = Bytes(u64::from(mtu) + LINK_HEADER);
        Traffic {
            processor: self.processor,
            frame_size: self.frame_size.unwrap_or(largest),
            arrivals: self.arrivals(),
            flows: self.flows.unwrap_or(1024),
            burst: self.burst.unwrap_or(1),
            round_trip: self.round_trip.unwrap_or(false),
            ip: self.ip.unwrap_or_default(),
        }
    }

    /// The section with every default written out.
    pub(crate) fn resolved(&self, mtu: u16) -> Self {
        let Traffic {
            processor,
            frame_size,
            arrivals,
            flows,
            burst,
            round_trip,
            ip,
        } = self.resolve(mtu);
        Self {
            processor,
            frame_size: Some(frame_size),
            arrivals: Some(arrivals),
            flows: Some(flows),
            burst: Some(burst),
            round_trip: Some(round_trip),
            ip: Some(ip),
        }
    }
}
