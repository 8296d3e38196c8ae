//! A reply written over the request that it answers.
//!
//! Headers are made anew: ends exchanged, lengths and checksums computed in full. Over IPv4 the UDP
//! checksum is left out (zero, RFC 768); IPv6 makes it mandatory (RFC 8200, 8.1). The first bytes of the
//! payload, memcached's frame header or a call's, keep the request's id. Pieces are written in their order and a word at a time, so
//! that each overwrites what the one before has written too much.
//!
//! Only frames without VLAN tags and IPv4 options are answered.

use packet::{Datagram, L3, Packet, PacketMut, ethernet, ipv4, ipv6, udp};

use super::item::{Item, Lengths, flags_of, key_word, size_of, value_word};
use super::item::{KEY_WORDS, VALUE_WORDS};
use crate::words::last_word;
use crate::{frame, rpc};

/// Who asked whom, and what the reply begins with. All in words as they lie in the frame, the first byte
/// lowest: BPF keeps such a struct in registers, and takes byte arrays apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope {
    /// Both MAC addresses.
    macs: (u64, u32),
    /// Source and destination address; over IPv4 both in the first word.
    addresses: [u64; 4],
    is_v6: bool,
    /// Source and destination port.
    ports: u32,
    /// The first bytes of the reply's payload.
    head: u64,
}

const L3_AT: usize = ethernet::HEADER_LEN;
const V4_UDP_AT: usize = L3_AT + ipv4::MIN_HEADER_LEN;
const V6_UDP_AT: usize = L3_AT + ipv6::HEADER_LEN;
const BEHIND_UDP: usize = udp::HEADER_LEN + frame::HEADER_LEN;
const HOPS: u8 = 64;
const _: () = assert!(frame::HEADER_LEN == rpc::HEAD_LEN);
/// What memcached's frame header says beside the request id: the first of one datagram.
const ONLY_ONE: u64 = 0x0100 << 32;
/// What a call's first bytes lack to be a reply's.
const REPLY: u64 = (rpc::Kind::Reply as u64) << 16;

impl Envelope {
    /// The envelope of a request of memcached's; `None` where the frame has VLAN tags or IPv4 options.
    #[inline(always)]
    pub fn of<P: Packet + ?Sized>(p: &P, datagram: &Datagram) -> Option<Self> {
        let id = p.read::<2>(datagram.payload_at).map(u16::from_le_bytes)?;
        Self::around(p, datagram, u64::from(id) | ONLY_ONE)
    }

    /// [`of`](Self::of) a call ([`rpc`]).
    #[inline(always)]
    pub fn of_call<P: Packet + ?Sized>(p: &P, datagram: &Datagram) -> Option<Self> {
        Self::around(p, datagram, le64(p, datagram.payload_at)? | REPLY)
    }

    #[inline(always)]
    fn around<P: Packet + ?Sized>(p: &P, datagram: &Datagram, head: u64) -> Option<Self> {
        let (is_v6, addresses) = match datagram.l3 {
            L3::V4(_) if datagram.udp_at == V4_UDP_AT => (false, [le64(p, 26)?, 0, 0, 0]),
            L3::V6(_) if datagram.udp_at == V6_UDP_AT => {
                let words = [le64(p, 22)?, le64(p, 30)?, le64(p, 38)?, le64(p, 46)?];
                (true, words)
            }
            L3::V4(_) | L3::V6(_) => return None,
        };
        Some(Self {
            macs: (le64(p, 0)?, le32(p, 8)?),
            addresses,
            is_v6,
            ports: le32(p, datagram.udp_at)?,
            head,
        })
    }

    /// Bytes before the reply's text.
    #[inline(always)]
    #[must_use]
    pub const fn headers_len(&self) -> usize {
        if self.is_v6 {
            V6_UDP_AT + BEHIND_UDP
        } else {
            V4_UDP_AT + BEHIND_UDP
        }
    }

    /// Writes the headers around a text of `text_len` bytes that stands where it belongs, behind
    /// [`headers_len`](Self::headers_len) bytes; `None` where the frame is too short.
    #[inline(always)]
    pub fn seal<P: PacketMut + ?Sized>(&self, p: &mut P, text_len: usize) -> Option<()> {
        let udp_len = (BEHIND_UDP + text_len) as u16;
        let destination = self.macs.0 & 0xffff_ffff_ffff;
        let source = self.macs.0 >> 48 | u64::from(self.macs.1) << 16;
        put64(p, 0, source | destination << 48)?;
        put32(p, 8, (destination >> 16) as u32)?;
        if !self.is_v6 {
            self.seal_v4(p, udp_len)?;
            return self.behind(p, V4_UDP_AT, udp_len);
        }
        self.seal_v6(p, udp_len)?;
        self.behind(p, V6_UDP_AT, udp_len)?;
        let sum = udp_sum(p, &self.addresses, V6_UDP_AT, usize::from(udp_len))?;
        written(p.write(V6_UDP_AT + 6, sum.to_le_bytes()))
    }

    /// EtherType and an IPv4 header without options; not to be fragmented.
    #[inline(always)]
    fn seal_v4<P: PacketMut + ?Sized>(&self, p: &mut P, udp_len: u16) -> Option<()> {
        const VERSION: u64 = 0x45;
        const DO_NOT_FRAGMENT: u64 = 0x0040;
        const HOPS_AND_PROTOCOL: u64 = HOPS as u64 | (udp::PROTOCOL as u64) << 8;
        let total = u64::from((udp_len + ipv4::MIN_HEADER_LEN as u16).swap_bytes());
        let fields = VERSION + total + DO_NOT_FRAGMENT + HOPS_AND_PROTOCOL;
        let sum = !fold(halves(self.addresses[0]) + fields);
        written(p.write(12, ethernet::IPV4.to_be_bytes()))?;
        put64(p, L3_AT, VERSION | total << 16 | DO_NOT_FRAGMENT << 48)?;
        put32(
            p,
            L3_AT + 8,
            HOPS_AND_PROTOCOL as u32 | u32::from(sum) << 16,
        )?;
        put64(p, L3_AT + 12, self.addresses[0].rotate_left(32))
    }

    /// EtherType and an IPv6 header.
    #[inline(always)]
    fn seal_v6<P: PacketMut + ?Sized>(&self, p: &mut P, udp_len: u16) -> Option<()> {
        let lengths = u64::from(udp_len.swap_bytes()) << 32;
        let next = (udp::PROTOCOL as u64) << 48 | (HOPS as u64) << 56;
        let [from_0, from_1, to_0, to_1] = self.addresses;
        written(p.write(12, ethernet::IPV6.to_be_bytes()))?;
        put64(p, L3_AT, 0x60 | lengths | next)?;
        put64(p, L3_AT + 8, to_0)?;
        put64(p, L3_AT + 16, to_1)?;
        put64(p, L3_AT + 24, from_0)?;
        put64(p, L3_AT + 32, from_1)
    }

    /// UDP header, its checksum zero, and the first bytes of the payload.
    #[inline(always)]
    fn behind<P: PacketMut + ?Sized>(&self, p: &mut P, at: usize, udp_len: u16) -> Option<()> {
        let ports = u64::from(self.ports.rotate_left(16));
        put64(p, at, ports | u64::from(udp_len.swap_bytes()) << 32)?;
        put64(p, at + 8, self.head)
    }
}

#[inline(always)]
const fn written(all: bool) -> Option<()> {
    if all { Some(()) } else { None }
}

#[inline(always)]
fn le64<P: Packet + ?Sized>(p: &P, at: usize) -> Option<u64> {
    p.read::<8>(at).map(u64::from_le_bytes)
}

#[inline(always)]
fn le32<P: Packet + ?Sized>(p: &P, at: usize) -> Option<u32> {
    p.read::<4>(at).map(u32::from_le_bytes)
}

#[inline(always)]
pub(super) fn put64<P: PacketMut + ?Sized>(p: &mut P, at: usize, word: u64) -> Option<()> {
    written(p.write(at, word.to_le_bytes()))
}

#[inline(always)]
fn put32<P: PacketMut + ?Sized>(p: &mut P, at: usize, word: u32) -> Option<()> {
    written(p.write(at, word.to_le_bytes()))
}

/// The two halves of a word together. One's-complement sums of little-endian words are those of
/// big-endian ones with their bytes exchanged (RFC 1071, section 2), so nothing is turned round.
#[inline(always)]
const fn halves(word: u64) -> u64 {
    (word & 0xffff_ffff) + (word >> 32)
}

/// A sum of 32-bit words, fewer than 2^16 of them, in 16 bits.
#[inline(always)]
const fn fold(sum: u64) -> u16 {
    let sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

/// Words that the longest reply has from its UDP header on.
const SUM_WORDS: usize = (BEHIND_UDP + LONGEST_TEXT).div_ceil(8);

/// The UDP checksum over IPv6 of the `len` bytes at `at`, whose checksum field is zero, as it lies in
/// the frame.
#[inline(always)]
fn udp_sum<P: Packet + ?Sized>(p: &P, addresses: &[u64; 4], at: usize, len: usize) -> Option<u16> {
    let [a, b, c, d] = addresses.map(halves);
    let mut sum = a + b + c + d;
    sum += u64::from((len as u16).swap_bytes()) + (u64::from(udp::PROTOCOL) << 8);
    let end = at + len;
    for i in 0..SUM_WORDS {
        let at = at + 8 * i;
        if at >= end {
            break;
        }
        sum += halves(if at + 8 <= end {
            le64(p, at)?
        } else {
            last_word(p, at, end)?
        });
    }
    let sum = !fold(sum);
    Some(if sum == 0 { 0xffff } else { sum })
}

/// `VALUE `, and what stands over is overwritten by the key.
const VALUE: u64 = u64::from_le_bytes(*b"VALUE \0\0");
const VALUE_LEN: usize = 6;
const END_LEN: usize = 7;
/// Bytes of the longest text: a value's reply, whose pieces have at most 7 and 6 bytes.
pub(super) const LONGEST_TEXT: usize =
    VALUE_LEN + 8 * KEY_WORDS + 7 + 6 + 8 * VALUE_WORDS + END_LEN;

/// Bytes of the text that gives an item out.
#[inline(always)]
#[must_use]
pub const fn value_text_len(item: &Item) -> usize {
    let Lengths {
        key,
        value,
        flags,
        size,
    } = Lengths::of(item);
    VALUE_LEN + key + flags + size + value + END_LEN
}

/// Writes `VALUE <key> <flags> <bytes>\r\n<value>\r\nEND\r\n` at `at`; `None` where the frame is too
/// short.
#[inline(always)]
pub fn write_value<P: PacketMut + ?Sized>(
    p: &mut P,
    at: usize,
    key: &Item,
    value: &Item,
) -> Option<()> {
    let lengths = Lengths::of(value);
    put64(p, at, VALUE)?;
    let at = at + VALUE_LEN;
    for i in 0..KEY_WORDS {
        if 8 * i >= lengths.key {
            break;
        }
        put64(p, at + 8 * i, key_word(key, i)?)?;
    }
    let at = at + lengths.key;
    put64(p, at, flags_of(value))?;
    let at = at + lengths.flags;
    put64(p, at, size_of(value))?;
    let at = at + lengths.size;
    for i in 0..VALUE_WORDS {
        if 8 * i >= lengths.value {
            break;
        }
        put64(p, at + 8 * i, value_word(value, i)?)?;
    }
    let at = at + lengths.value;
    written(p.write(at, *b"\r\nEN") && p.write(at + 4, *b"D\r") && p.write(at + 6, *b"\n"))
}

/// The replies that are always the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// A get found nothing.
    End,
    /// A set was executed.
    Stored,
    /// The command is none that is understood here.
    Error,
    /// Key, flags, expiry or value are beyond what is held here.
    TooLarge,
    /// There is no room for another key.
    OutOfMemory,
}

impl Line {
    /// The text, as memcached words it.
    #[must_use]
    pub const fn text(self) -> &'static [u8] {
        match self {
            Self::End => b"END\r\n",
            Self::Stored => b"STORED\r\n",
            Self::Error => b"ERROR\r\n",
            Self::TooLarge => b"SERVER_ERROR object too large for cache\r\n",
            Self::OutOfMemory => b"SERVER_ERROR out of memory storing object\r\n",
        }
    }

    /// Its bytes.
    #[inline(always)]
    #[must_use]
    pub const fn len(self) -> usize {
        self.text().len()
    }

    /// Never true.
    #[inline(always)]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        false
    }

    /// Writes it at `at`; `None` where the frame is too short.
    #[inline(always)]
    pub fn write<P: PacketMut + ?Sized>(self, p: &mut P, at: usize) -> Option<()> {
        written(match self {
            Self::End => p.write(at, *b"END\r\n"),
            Self::Stored => p.write(at, *b"STORED\r\n"),
            Self::Error => p.write(at, *b"ERROR\r\n"),
            Self::TooLarge => p.write(at, *b"SERVER_ERROR object too large for cache\r\n"),
            Self::OutOfMemory => p.write(at, *b"SERVER_ERROR out of memory storing object\r\n"),
        })
    }
}
