//! Latency histograms: how they are ranked, merged and sent to the coordinator.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::{Deserializer as HdrDeserializer, Serializer as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Values above this are recorded as this, ns.
pub(crate) const HIGHEST_NS: u64 = 60_000_000_000;

/// A histogram of durations in ns: 3 significant digits, up to 60 s. In serde it is base64 over
/// HdrHistogram's compressed V2 format, which `.hlog` files use as well.
#[derive(Debug, Clone, PartialEq)]
pub struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

impl Latency {
    /// An empty histogram.
    #[must_use]
    pub fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, HIGHEST_NS, 3);
        Self(histogram.expect("1 ns to 60 s with 3 digits are legal bounds"))
    }

    /// Adds another histogram. Percentiles are never averaged: histograms are merged.
    pub fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).expect("all have the same bounds");
    }

    /// The histogram itself.
    #[must_use]
    pub const fn histogram(&self) -> &Histogram<u64> {
        &self.0
    }

    /// Takes a histogram with the bounds of [`new`](Self::new).
    pub(crate) const fn of(histogram: Histogram<u64>) -> Self {
        Self(histogram)
    }

    /// The histogram itself, owned.
    #[must_use]
    pub fn into_histogram(self) -> Histogram<u64> {
        self.0
    }

    /// The value at quantile `q` (0 to 1), ns, when `unanswered` further requests rank at +inf.
    /// `None` when the quantile falls on one of those, or there is nothing to rank.
    #[must_use]
    pub fn quantile(&self, q: f64, unanswered: u64) -> Option<u64> {
        let total = self.0.len() + unanswered;
        let rank = ((q.clamp(0.0, 1.0) * total as f64).ceil() as u64).clamp(1, total.max(1));
        let mut below = 0;
        for step in self.0.iter_recorded() {
            below += step.count_since_last_iteration();
            if below >= rank {
                return Some(step.value_iterated_to().min(self.0.max()));
            }
        }
        None
    }
}

impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&self.0, &mut bytes)
            .map_err(|e| serde::ser::Error::custom(format!("histogram: {e:?}")))?;
        serializer.serialize_str(&STANDARD.encode(bytes))
    }
}

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        let histogram: Histogram<u64> =
            HdrDeserializer::new()
                .deserialize(&mut bytes.as_slice())
                .map_err(|e| serde::de::Error::custom(format!("histogram: {e:?}")))?;
        Ok(Self(histogram))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recording;

    fn of(values: &[u64]) -> Latency {
        let mut recording = Recording::new();
        values.iter().for_each(|ns| recording.record(*ns));
        recording.latency()
    }

    #[test]
    fn unanswered_requests_rank_above_all_others() {
        let latency = of(&[10, 20, 30, 40, 50, 60, 70, 80, 90]);
        assert_eq!(latency.quantile(0.5, 1), Some(50));
        assert_eq!(latency.quantile(0.9, 1), Some(90));
        assert_eq!(latency.quantile(0.91, 1), None);
        assert_eq!(latency.quantile(1.0, 0), Some(90));
        assert_eq!(latency.quantile(0.5, 9), Some(90));
        assert_eq!(latency.quantile(0.5, 10), None);
    }

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(Latency::new().quantile(0.5, 0), None);
        assert_eq!(Latency::new().quantile(0.0, 3), None);
    }

    #[test]
    fn serde_round_trip_keeps_every_count() {
        let latency = of(&[1, 1, 999, 123_456, 59_000_000_000, 90_000_000_000]);
        let text = serde_json::to_string(&latency).unwrap();
        let back: Latency = serde_json::from_str(&text).unwrap();
        assert_eq!(back, latency);
        assert_eq!(back.histogram().len(), 6);
        assert!(serde_json::from_str::<Latency>("\"bm90IGEgaGlzdG9ncmFt\"").is_err());
    }
}
