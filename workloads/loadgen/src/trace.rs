//! What became of each request, one by one: what ground truth is computed from.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Schedule;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::ClientError;

/// Sees each send and each complete reply. The choice of one is made once, at start: a client that
/// records no trace is compiled without the calls.
pub(crate) trait Witness {
    /// Request `index` of the schedule was accepted by the transmit path at `at_ns`.
    fn sent(&mut self, index: u32, at_ns: u64);
    /// Its reply was complete at `at_ns`, in time or not.
    fn replied(&mut self, index: u32, at_ns: u64);
    /// What was seen, if it was kept.
    fn finish(self) -> Option<Trace>;
}

impl Witness for () {
    fn sent(&mut self, _index: u32, _at_ns: u64) {}
    fn replied(&mut self, _index: u32, _at_ns: u64) {}
    fn finish(self) -> Option<Trace> {
        None
    }
}

/// One request. All times in ns since the schedule's start, which is the start of the warmup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traced {
    /// When it was due.
    pub intended_ns: u64,
    /// When the transmit path accepted it; never before it was due. `None`: unsent.
    pub sent_ns: Option<u64>,
    /// When its reply was complete, also after the timeout; never before it was sent. `None`: no
    /// complete reply came.
    pub reply_ns: Option<u64>,
}

/// Every offered request in the schedule's order, warmup included: a queue remembers. In serde it is
/// base64 over variable-length differences, about 13 bytes a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace(pub Vec<Traced>);

impl Trace {
    /// No trace has more requests than this: 80 MB in the client, and it must fit into one message.
    pub const MOST_REQUESTS: usize = 2_000_000;

    /// Adds the requests of another thread, which sent others of the same schedule.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            if theirs.sent_ns.is_some() {
                *mine = *theirs;
            }
        }
    }
}

/// A trace being recorded.
#[derive(Debug)]
pub(crate) struct Recorder {
    start_ns: u64,
    trace: Trace,
}

impl Recorder {
    /// A trace of the requests of `schedule` that are due before `until_ns` of it; `start_ns` is its
    /// start, CLOCK_MONOTONIC.
    ///
    /// # Errors
    /// When there are more than [`Trace::MOST_REQUESTS`].
    pub(crate) fn new(
        schedule: &Schedule,
        start_ns: u64,
        until_ns: u64,
    ) -> Result<Self, ClientError> {
        let due = schedule.requests.iter().take_while(|r| r.at_ns < until_ns);
        let trace: Vec<Traced> = due
            .map(|planned| Traced {
                intended_ns: planned.at_ns,
                sent_ns: None,
                reply_ns: None,
            })
            .collect();
        if trace.len() > Trace::MOST_REQUESTS {
            return Err(ClientError::Config(format!(
                "trace: {} requests are more than the {} that a trace holds; lower the rate or shorten \
                 the phases",
                trace.len(),
                Trace::MOST_REQUESTS
            )));
        }
        Ok(Self {
            start_ns,
            trace: Trace(trace),
        })
    }
}

impl Witness for Recorder {
    fn sent(&mut self, index: u32, at_ns: u64) {
        let traced = &mut self.trace.0[index as usize];
        let at_ns = at_ns.saturating_sub(self.start_ns);
        traced.sent_ns = Some(at_ns.max(traced.intended_ns));
    }

    fn replied(&mut self, index: u32, at_ns: u64) {
        let traced = &mut self.trace.0[index as usize];
        let at_ns = at_ns.saturating_sub(self.start_ns);
        traced.reply_ns = Some(at_ns.max(traced.sent_ns.unwrap_or_default()));
    }

    fn finish(self) -> Option<Trace> {
        Some(self.trace)
    }
}

/// Appends `value` with seven bits a byte, the lowest first.
fn put(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes what [`put`] wrote off the front of `bytes`.
fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

impl Serialize for Trace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (mut bytes, mut before_ns) = (Vec::with_capacity(self.0.len() * 10), 0);
        for traced in &self.0 {
            // 0 stands for "never", so that what happened at once is 1.
            let since = |later: Option<u64>, earlier: u64| match later {
                None => Some(0),
                Some(later) => later.checked_sub(earlier)?.checked_add(1),
            };
            let due = traced.intended_ns.checked_sub(before_ns);
            let sent = since(traced.sent_ns, traced.intended_ns);
            let reply = since(traced.reply_ns, traced.sent_ns.unwrap_or_default());
            let (Some(due), Some(sent), Some(reply)) = (due, sent, reply) else {
                return Err(ser::Error::custom("a trace whose times do not ascend"));
            };
            for value in [due, sent, reply] {
                put(value, &mut bytes);
            }
            before_ns = traced.intended_ns;
        }
        serializer.serialize_str(&STANDARD.encode(bytes))
    }
}

impl<'de> Deserialize<'de> for Trace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Trace;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a trace in base64")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Trace, E> {
                let bytes = STANDARD.decode(text).map_err(E::custom)?;
                read(&bytes).ok_or_else(|| E::custom("a trace that ends in the middle"))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

fn read(mut bytes: &[u8]) -> Option<Trace> {
    let (mut trace, mut before_ns) = (Vec::new(), 0u64);
    while !bytes.is_empty() {
        let intended_ns = before_ns.checked_add(take(&mut bytes)?)?;
        let sent = take(&mut bytes)?.checked_sub(1);
        let sent_ns = match sent {
            Some(lag) => Some(intended_ns.checked_add(lag)?),
            None => None,
        };
        let reply = take(&mut bytes)?.checked_sub(1);
        let reply_ns = match reply {
            Some(after) => Some(sent_ns.unwrap_or_default().checked_add(after)?),
            None => None,
        };
        trace.push(Traced {
            intended_ns,
            sent_ns,
            reply_ns,
        });
        before_ns = intended_ns;
    }
    Some(Trace(trace))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn traced() -> impl Strategy<Value = (u64, Option<(u64, Option<u64>)>)> {
        let reply = proptest::option::of(0..u64::from(u32::MAX));
        (
            0..10_000_000u64,
            proptest::option::of((0..1u64 << 40, reply)),
        )
    }

    proptest! {
        #[test]
        fn a_trace_survives_its_text(gaps in proptest::collection::vec(traced(), 0..200)) {
            let mut at_ns = 0;
            let trace: Vec<Traced> = gaps.into_iter().map(|(gap, sent)| {
                at_ns += gap;
                let sent_ns = sent.map(|(lag, _)| at_ns + lag);
                let after = sent.and_then(|(_, after)| after);
                Traced { intended_ns: at_ns, sent_ns, reply_ns: sent_ns.zip(after).map(|(s, a)| s + a) }
            }).collect();
            let trace = Trace(trace);
            let text = serde_json::to_string(&trace).unwrap();
            prop_assert_eq!(serde_json::from_str::<Trace>(&text).unwrap(), trace);
        }
    }

    #[test]
    fn a_cut_text_and_a_reply_before_its_request_are_refused() {
        let once = Traced {
            intended_ns: 5,
            sent_ns: Some(700),
            reply_ns: Some(100_000),
        };
        let text = serde_json::to_string(&Trace(vec![once])).unwrap();
        let mut bytes = STANDARD.decode(text.trim_matches('"')).unwrap();
        bytes.pop();
        assert_eq!(read(&bytes), None);
        let early = Traced {
            reply_ns: Some(699),
            ..once
        };
        assert!(serde_json::to_string(&Trace(vec![early])).is_err());
    }
}
