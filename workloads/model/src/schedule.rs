//! The fixed schedule of requests.

use rand::RngExt;

use crate::stream::{self, Purpose, unit};
use crate::{Clockwork, KeySpace, Picker, SpecError, Warp, WorkloadSpec};

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Asks for `keys_per_get` keys.
    Get,
    /// Stores one key.
    Set,
}

/// One request of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// Intended send time, ns since the start of the trial.
    pub at_ns: u64,
    /// Id of the key; of a multi-get, the first ([`Schedule::further_keys`] has the others).
    pub key: u32,
    /// Length of the value of `key`, bytes.
    pub value_len: u32,
    /// Where the further keys of a multi-get begin.
    further_at: u32,
    /// Flow: the index of the source port.
    pub flow: u16,
    /// Get or set.
    pub op: Op,
    /// A set that wants no reply; false for gets.
    pub noreply: bool,
}

/// The requests of one trial in order of their intended send times.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The requests.
    pub requests: Vec<Planned>,
    further: Vec<u32>,
    spec: WorkloadSpec,
    keyspace: KeySpace,
    duration_ns: u64,
}

impl Schedule {
    /// Every request of `spec` whose intended time lies in `0..duration_ns`.
    ///
    /// # Errors
    /// When the spec is not valid, or asks for more requests than a schedule holds.
    pub fn generate(spec: &WorkloadSpec, duration_ns: u64) -> Result<Self, SpecError> {
        spec.validate()?;
        let expected = spec.rate_rps * duration_ns as f64 / 1e9;
        let times = Clockwork::new(spec.arrivals, spec.rate_rps, spec.seed);
        let mut warp = match &spec.pattern {
            Some(pattern) => Some(Warp::new(pattern, duration_ns, spec.seed)?),
            None => None,
        };
        let clock = |process_ns| match &mut warp {
            Some(warp) => warp.clock_ns(process_ns) as u64,
            None => process_ns as u64,
        };
        let due = times.map(clock).take_while(|at_ns| *at_ns < duration_ns);
        Self::build(spec, expected, due, duration_ns)
    }

    /// The first `requests` requests of `spec`, all due at 0: a closed loop sends each when another
    /// one is done. Keys, operations and flows are those of [`generate`](Self::generate).
    ///
    /// # Errors
    /// As [`generate`](Self::generate).
    pub fn sequence(spec: &WorkloadSpec, requests: u32) -> Result<Self, SpecError> {
        spec.validate()?;
        let due = std::iter::repeat_n(0, requests as usize);
        Self::build(spec, f64::from(requests), due, 0)
    }

    fn build(
        spec: &WorkloadSpec,
        expected: f64,
        due: impl Iterator<Item = u64>,
        duration_ns: u64,
    ) -> Result<Self, SpecError> {
        let draws = expected * f64::from(spec.keys_per_get);
        if draws > f64::from(1u32 << 31) {
            return Err(SpecError::TooManyRequests(expected));
        }
        let keyspace = KeySpace::new(spec)?;
        let picker = Picker::new(spec.popularity, spec.keys, spec.seed)?;
        let [mut keys, mut further_keys, mut operations, mut flows] = [
            Purpose::Popularity,
            Purpose::FurtherKeys,
            Purpose::Operation,
            Purpose::Flow,
        ]
        .map(|purpose| stream::of(spec.seed, purpose));

        let mut requests = Vec::with_capacity((expected * 1.01) as usize + 64);
        let mut further = Vec::new();
        for at_ns in due {
            let mut key = picker.pick(&mut keys);
            let (is_get, no_reply) = (unit(&mut operations), unit(&mut operations));
            let op = if is_get < spec.get_ratio {
                Op::Get
            } else {
                Op::Set
            };
            let further_at = further.len() as u32;
            match op {
                Op::Get if spec.consecutive => {
                    let count = u32::from(spec.keys_per_get);
                    key = key.min(spec.keys - count);
                    further.extend(key + 1..key + count);
                }
                Op::Get => {
                    let others = (1..spec.keys_per_get).map(|_| picker.pick(&mut further_keys));
                    further.extend(others);
                }
                Op::Set => {}
            }
            requests.push(Planned {
                at_ns,
                key,
                value_len: keyspace.value_len(key) as u32,
                further_at,
                flow: flows.random_range(0..spec.flows),
                op,
                noreply: op == Op::Set && no_reply < spec.noreply_ratio,
            });
        }
        Ok(Self {
            requests,
            further,
            spec: spec.clone(),
            keyspace,
            duration_ns,
        })
    }

    /// The second and later keys of a multi-get; empty for a set.
    #[must_use]
    pub fn further_keys(&self, planned: &Planned) -> &[u32] {
        let start = planned.further_at as usize;
        match planned.op {
            Op::Get => &self.further[start..start + usize::from(self.spec.keys_per_get) - 1],
            Op::Set => &[],
        }
    }

    /// The spec that the schedule was made from.
    #[must_use]
    pub const fn spec(&self) -> &WorkloadSpec {
        &self.spec
    }

    /// The keys that the requests name.
    #[must_use]
    pub const fn keyspace(&self) -> &KeySpace {
        &self.keyspace
    }

    /// All intended times lie below this, ns; 0 for a sequence without times.
    #[must_use]
    pub const fn duration_ns(&self) -> u64 {
        self.duration_ns
    }

    /// A fingerprint (FNV-1a, 64 bits) of every request: two machines that report the same one
    /// offered the same load.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
        for planned in &self.requests {
            hash.add(&planned.at_ns.to_le_bytes());
            hash.add(&planned.key.to_le_bytes());
            hash.add(&planned.value_len.to_le_bytes());
            hash.add(&planned.flow.to_le_bytes());
            hash.add(&[u8::from(planned.op == Op::Set), u8::from(planned.noreply)]);
            for key in self.further_keys(planned) {
                hash.add(&key.to_le_bytes());
            }
        }
        hash.0
    }
}

struct Fnv(u64);

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
