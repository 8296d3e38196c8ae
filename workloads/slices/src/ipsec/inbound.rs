//! Decapsulation: from the encrypted side of the gateway to the plain one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aes::Aes128Dec;
use aes::cipher::KeyInit as _;
use packet::Packet as _;
use packet::ethernet::{self, Link};
use packet::ipv4::{Ipv4, MIN_HEADER_LEN};
use pktio::frame::FrameMut;

use super::cbc::{self, BLOCK_LEN};
use super::inner::{self, Inner, Version};
use super::outbound::set_ethertype;
use super::{
    BadTunnel, ESP_HEADER_LEN, ICV_LEN, Integrity, PROTOCOL, Replay, TRAILER_LEN, Tunnel, Window,
    traffic_class,
};

/// Next header of a packet that carries nothing (RFC 4303, section 2.6).
const DUMMY: u8 = 59;

/// Why a frame was not decapsulated. Up to [`BadIcv`](Self::BadIcv), in the order below, it is as it was; after that
/// its text is undefined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotReceived {
    /// Not an IPv4 packet with ESP for this end of the tunnel: for the router, or the network stack.
    NotOurs,
    /// The frame ends before a header says.
    Truncated,
    /// The outer header's lengths or checksum are wrong.
    BadIpHeader,
    /// A fragment of an outer packet: whole ones only (RFC 4303, section 3.4.1).
    Fragment,
    /// Another association's, or nobody's.
    UnknownSpi,
    /// Not IV, whole blocks and check value.
    BadLength,
    /// Accepted before.
    Replayed,
    /// Left of the anti-replay window.
    TooOld,
    /// Forged or damaged.
    BadIcv,
    /// Padding longer than the text, or not 1, 2, 3 ... (RFC 4303, section 2.4): forged, damaged, or under another key.
    BadPadding,
    /// Sent to hide how much is sent; to be discarded.
    Dummy,
    /// Neither IPv4 nor IPv6 inside.
    BadNextHeader,
    /// The inner header contradicts itself, its next header, or the text's length.
    BadInner,
    /// The path marked congestion on a packet whose transport does not understand it (RFC 6040).
    NotCongestionCapable,
}

impl NotReceived {
    /// Names in results, in the order of the counters.
    pub const NAMES: [&'static str; 14] = [
        "not_ours",
        "truncated",
        "bad_ip_header",
        "fragment",
        "unknown_spi",
        "bad_length",
        "replayed",
        "too_old",
        "bad_icv",
        "bad_padding",
        "dummy",
        "bad_next_header",
        "bad_inner",
        "not_congestion_capable",
    ];

    /// The counter's place.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// What became of the frames so far; the sum of all is their number.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct InboundCounters {
    /// Frames decapsulated.
    pub decapsulated: u64,
    /// Bytes of the packets inside.
    pub inner_bytes: u64,
    /// Frames refused, by [`NotReceived::index`].
    pub refused: [u64; NotReceived::NAMES.len()],
}

/// One direction of a tunnel, at the end that decapsulates.
#[derive(Debug)]
pub struct Inbound {
    tunnel: Tunnel,
    cipher: Aes128Dec,
    integrity: Option<Integrity>,
    window: Option<Arc<Mutex<Window>>>,
    counters: InboundCounters,
}

/// Where things stand in an outer packet that is ours. Offsets count from the frame's first byte.
struct Layout {
    l3_at: usize,
    esp_at: usize,
    /// End of the text.
    text_end: usize,
    outer_class: u8,
}

impl Inbound {
    /// A new association.
    ///
    /// # Errors
    /// When the tunnel cannot be.
    pub fn new(tunnel: Tunnel) -> Result<Self, BadTunnel> {
        tunnel.check()?;
        Ok(Self {
            cipher: Aes128Dec::new(&tunnel.keys.cipher.into()),
            integrity: tunnel.keys.integrity.as_ref().map(Integrity::new),
            window: tunnel
                .replay_window
                .map(|size| Arc::new(Mutex::new(Window::new(size)))),
            counters: InboundCounters::default(),
            tunnel,
        })
    }

    /// The same association for another thread. They share the anti-replay window, where there is one, and nothing else:
    /// what one has accepted the other refuses.
    #[must_use]
    pub fn another(&self) -> Self {
        Self {
            tunnel: self.tunnel.clone(),
            cipher: self.cipher.clone(),
            integrity: self.integrity.clone(),
            window: self.window.clone(),
            counters: InboundCounters::default(),
        }
    }

    /// Turns the frame into the one that was encapsulated.
    ///
    /// # Errors
    /// The one reason why not, which is counted.
    pub fn decapsulate(&mut self, frame: &mut FrameMut<'_>) -> Result<(), NotReceived> {
        let verdict = self.open(frame);
        match verdict {
            Ok(()) => self.counters.decapsulated += 1,
            Err(refused) => self.counters.refused[refused.index()] += 1,
        }
        verdict
    }

    /// What became of the frames so far.
    #[must_use]
    pub const fn counters(&self) -> &InboundCounters {
        &self.counters
    }

    fn open(&mut self, frame: &mut FrameMut<'_>) -> Result<(), NotReceived> {
        let layout = self.read(frame.bytes())?;
        self.authenticate(frame.bytes(), &layout)?;
        let text_at = layout.esp_at + ESP_HEADER_LEN;
        let bytes = frame.bytes_mut();
        let (head, rest) = bytes.split_at_mut(text_at);
        let text = &mut rest[..layout.text_end - text_at];
        let mut iv = cbc::Block::default();
        iv.copy_from_slice(&head[text_at - BLOCK_LEN..]);
        cbc::decrypt(&self.cipher, iv, text);

        let (version, len) = carried(text)?;
        let packet = &mut text[..len];
        // What is behind the packet only hides its length (RFC 4303, section 2.7).
        let inner = Inner::read(version, packet).map_err(|_| NotReceived::BadInner)?;
        let class = traffic_class::inner(inner.traffic_class, layout.outer_class)
            .ok_or(NotReceived::NotCongestionCapable)?;
        if class != inner.traffic_class {
            inner::set_traffic_class(version, packet, class);
        }
        let moved = text_at - layout.l3_at;
        bytes.copy_within(..layout.l3_at, moved);
        set_ethertype(&mut bytes[moved..text_at], version.ethertype());
        let behind = bytes.len() - text_at - inner.len;
        // Both are less than the frame's length.
        frame
            .shrink_front(moved)
            .map_err(|_| NotReceived::BadLength)?;
        frame
            .shrink_back(behind)
            .map_err(|_| NotReceived::BadLength)?;
        self.counters.inner_bytes += inner.len as u64;
        Ok(())
    }

    /// Finds an ESP packet of this association.
    fn read(&self, bytes: &[u8]) -> Result<Layout, NotReceived> {
        // A frame too short for a link header, or with a pile of tags, is nobody's tunnel's.
        let link = Link::read(bytes).map_err(|_| NotReceived::NotOurs)?;
        if link.ethertype != ethernet::IPV4 {
            return Err(NotReceived::NotOurs);
        }
        let outer = &bytes[link.l3_at.min(bytes.len())..];
        let header: [u8; MIN_HEADER_LEN] = outer.read(0).ok_or(NotReceived::Truncated)?;
        let destination = header.read::<4>(16);
        if header[9] != PROTOCOL || destination != Some(self.tunnel.destination.octets()) {
            return Err(NotReceived::NotOurs);
        }
        let ip = Ipv4::read(outer, 0).map_err(|_| NotReceived::BadIpHeader)?;
        if ip.total_len > outer.len() {
            return Err(NotReceived::Truncated);
        }
        if !inner::intact(outer) {
            return Err(NotReceived::BadIpHeader);
        }
        if !ip.is_whole() {
            return Err(NotReceived::Fragment);
        }
        let esp = &outer[ip.header_len..ip.total_len];
        if esp.read::<4>(0) != Some(self.tunnel.spi.to_be_bytes()) {
            return Err(NotReceived::UnknownSpi);
        }
        let text = esp
            .len()
            .checked_sub(ESP_HEADER_LEN + self.tunnel.icv_len());
        match text {
            Some(text) if text > 0 && text.is_multiple_of(BLOCK_LEN) => {}
            Some(_) | None => return Err(NotReceived::BadLength),
        }
        Ok(Layout {
            l3_at: link.l3_at,
            esp_at: link.l3_at + ip.header_len,
            text_end: link.l3_at + ip.total_len - self.tunnel.icv_len(),
            outer_class: header[1],
        })
    }

    /// The window before the check value, which costs more; it moves only for what is genuine (RFC 4303, section 3.4.3).
    fn authenticate(&self, bytes: &[u8], layout: &Layout) -> Result<(), NotReceived> {
        let covered = &bytes[layout.esp_at..layout.text_end];
        let number = covered.read::<4>(4).map(u32::from_be_bytes);
        let number = number.ok_or(NotReceived::BadLength)?;
        if let Some(window) = &self.window {
            locked(window).check(number).map_err(refused)?;
        }
        if let Some(integrity) = &self.integrity {
            let icv = bytes.read::<ICV_LEN>(layout.text_end);
            if !icv.is_some_and(|icv| integrity.holds(covered, &icv)) {
                return Err(NotReceived::BadIcv);
            }
        }
        if let Some(window) = &self.window {
            let mut window = locked(window);
            // Another thread may have accepted it meanwhile.
            window.check(number).map_err(refused)?;
            window.accept(number);
        }
        Ok(())
    }
}

fn locked(window: &Mutex<Window>) -> MutexGuard<'_, Window> {
    window.lock().unwrap_or_else(PoisonError::into_inner)
}

const fn refused(replay: Replay) -> NotReceived {
    match replay {
        Replay::Duplicate => NotReceived::Replayed,
        Replay::TooOld => NotReceived::TooOld,
    }
}

/// The SPI that an IPv4 packet has if it is one of ESP: whose it is. Nothing is checked that
/// [`Inbound::decapsulate`] checks.
#[must_use]
pub fn spi_of(frame: &[u8]) -> Option<u32> {
    let link = Link::read(frame).ok()?;
    if link.ethertype != ethernet::IPV4 {
        return None;
    }
    let packet = frame.get(link.l3_at..)?;
    let header_len = usize::from(packet.first()? & 0x0f) * 4;
    packet.read(header_len).map(u32::from_be_bytes)
}

/// What a decrypted text carries, and in how many bytes at most.
fn carried(text: &[u8]) -> Result<(Version, usize), NotReceived> {
    let (payload, trailer) = text
        .split_last_chunk::<TRAILER_LEN>()
        .ok_or(NotReceived::BadLength)?;
    let [padding, next_header] = *trailer;
    let len = payload
        .len()
        .checked_sub(usize::from(padding))
        .ok_or(NotReceived::BadPadding)?;
    if !payload[len..]
        .iter()
        .zip(1..=u8::MAX)
        .all(|(byte, number)| *byte == number)
    {
        return Err(NotReceived::BadPadding);
    }
    if next_header == DUMMY {
        return Err(NotReceived::Dummy);
    }
    match Version::of_next_header(next_header) {
        Some(version) => Ok((version, len)),
        None => Err(NotReceived::BadNextHeader),
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::super::Outbound;
    use super::super::tests::{plain, tunnel};
    use super::*;
    use crate::chunk::Chunk;

    /// So many packets of an association, sealed.
    fn sealed(tunnel: &Tunnel, count: usize) -> Vec<Chunk> {
        let mut outbound = Outbound::new(tunnel.clone()).unwrap();
        let mut chunks = vec![Chunk::new(&plain(100)); count];
        let mut frames: Vec<_> = chunks.iter_mut().map(Chunk::frame).collect();
        let mut verdicts = Vec::new();
        outbound.encapsulate(&mut frames, &mut verdicts);
        assert!(verdicts.iter().all(Result::is_ok));
        chunks
    }

    #[test]
    fn of_threads_that_share_a_window_one_opens_each_packet() {
        const THREADS: u64 = 4;
        const PACKETS: usize = 60;
        let tunnel = tunnel(Some([7; 32]));
        let chunks = sealed(&tunnel, PACKETS);
        let inbound = Inbound::new(tunnel).unwrap();
        let opened = |mut inbound: Inbound| {
            for chunk in &chunks {
                let _ = inbound.decapsulate(&mut chunk.clone().frame());
            }
            inbound.counters().clone()
        };
        let counted: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|_| {
                    let another = inbound.another();
                    scope.spawn(|| opened(another))
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let sum = |of: fn(&InboundCounters) -> u64| counted.iter().map(of).sum::<u64>();
        assert_eq!(sum(|counters| counters.decapsulated), PACKETS as u64);
        let replayed = sum(|counters| counters.refused[NotReceived::Replayed.index()]);
        assert_eq!(replayed, (THREADS - 1) * PACKETS as u64);
    }

    #[test]
    fn the_index_is_read_of_what_may_be_a_packet_of_ours() {
        let tunnel = tunnel(None);
        let chunk = sealed(&tunnel, 1).remove(0);
        assert_eq!(spi_of(chunk.seen()), Some(tunnel.spi));
        for len in 0..14 + MIN_HEADER_LEN + 4 {
            assert_eq!(spi_of(&chunk.seen()[..len]), None, "{len} bytes");
        }
    }
}
