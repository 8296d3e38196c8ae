//! Where the proxy's frames ended.

use pktio::frame::Port;

use crate::maelstrom::{DecoderCounters, EncoderCounters, NotDecoded, NotEncoded};
use crate::router::{Report, RouterCounters};

/// What a proxy did. Counts are frames, but where they say bytes or ns.
///
/// `received`, `recovered` and [`fragments`](Self::fragments) together are the sum of [`ledger`](Self::ledger).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyCounters {
    /// Frames that came, repairs of the other proxy's among them.
    pub received: u64,
    /// Packets that were lost on the link, recovered, and routed on like those that came. The decoder's other ones found no
    /// frame.
    pub recovered: u64,
    /// Frames of the traffic that left under the code. The encoder's other ones are errors for senders on the far side.
    pub encoded: u64,
    /// Frames that were to leave under the code and did not, by [`NotEncoded::index`].
    pub not_encoded: [u64; NotEncoded::NAMES.len()],
    /// Errors for senders on the far side that the code did not take.
    pub errors_lost: u64,
    /// Packets that were lost on the link and have neither arrived nor been recovered so far, the decoder's `unrecovered` beside:
    /// when nothing comes any more, they are lost for good too.
    pub missing: u64,
    /// What the code did to what left, repairs included.
    pub encoder: EncoderCounters,
    /// What the code did to what came, repairs included.
    pub decoder: DecoderCounters,
    between: Port,
    router: RouterCounters,
}

impl ProxyCounters {
    pub(super) fn new(between: Port, router: &RouterCounters) -> Self {
        Self {
            received: 0,
            recovered: 0,
            encoded: 0,
            not_encoded: Default::default(),
            errors_lost: 0,
            missing: 0,
            encoder: EncoderCounters::default(),
            decoder: DecoderCounters::default(),
            between,
            router: router.clone(),
        }
    }

    pub(super) fn with(
        &self,
        router: &RouterCounters,
        encoder: &EncoderCounters,
        decoder: &DecoderCounters,
        missing: u64,
    ) -> Self {
        Self {
            router: router.clone(),
            encoder: encoder.clone(),
            decoder: decoder.clone(),
            missing,
            ..self.clone()
        }
    }

    /// Frames of the traffic that were given to the transmit path, those that were recovered among them.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.encoded + self.past_the_code().map(|(_, frames)| frames).sum::<u64>()
    }

    /// Fragments in place of frames that came. Each of them ends in the ledger like a frame that came.
    #[must_use]
    pub const fn fragments(&self) -> u64 {
        self.router.fragments
    }

    /// Frames of the proxy's own that were given to the transmit path: repairs and ICMP errors.
    #[must_use]
    pub fn made(&self) -> u64 {
        let reported: u64 = Report::ALL.map(|to| self.router.reported(to)).iter().sum();
        self.encoder.repairs + reported - self.errors_lost
    }

    /// Packets that were lost on the link and not recovered, as far as numbers show it.
    #[must_use]
    pub const fn lost_for_good(&self) -> u64 {
        self.decoder.unrecovered + self.missing + self.decoder.undelivered
    }

    fn past_the_code(&self) -> impl Iterator<Item = (String, u64)> + '_ {
        let forwarded = (0..).map(Port).zip(self.router.forwarded());
        forwarded
            .filter(|(port, _)| *port != self.between)
            .map(|(port, frames)| (format!("forwarded_{}", port.0), *frames))
    }

    /// Every line of the ledger with its name in results.
    pub fn ledger(&self) -> impl Iterator<Item = (String, u64)> + '_ {
        [("encoded".to_owned(), self.encoded)]
            .into_iter()
            .chain(self.past_the_code())
            .chain(self.losses())
    }

    /// The lines of frames that came and did not leave: in their place an error or nothing did. The other proxy's repairs are among
    /// them, for they end here.
    pub fn losses(&self) -> impl Iterator<Item = (String, u64)> + '_ {
        let router = self.router.ledger();
        let router = router.filter(|(name, _)| !name.starts_with("forwarded_"));
        let not_encoded = NotEncoded::NAMES.into_iter().zip(self.not_encoded);
        let not_decoded = NotDecoded::NAMES.into_iter().zip(self.decoder.refused);
        router
            .chain([("repairs".to_owned(), self.decoder.repairs)])
            .chain(not_encoded.map(|(name, frames)| (format!("encode_{name}"), frames)))
            .chain(not_decoded.map(|(name, frames)| (format!("decode_{name}"), frames)))
    }
}
