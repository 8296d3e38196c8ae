//! A rate that changes in the course of a schedule: the arrival process under a time change.
//!
//! A process with the mean rate r is run in a time of its own; the rate at clock time t is r times
//! a factor f(t), and the request that the process puts at its time u is due at the clock time t
//! where the integral of f reaches u (for Poisson arrivals: the inversion method for inhomogeneous
//! processes, Cinlar 1975). Poisson stays Poisson, now inhomogeneous; with fixed arrivals every
//! stretch holds its share of requests to within one.
//!
//! Factors are scaled so that their mean from the pattern's start to the schedule's end is 1: the
//! spec's rate is the mean there, whatever numbers the pattern is written with. Before the start
//! (the warmup) the factor is 1. Every shape is a list of pieces of constant rate; a sine has
//! [`SINE_PIECES`] of them a period, each with the mean of the sine over it.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::SpecError;
use crate::portable::cos;
use crate::stream::{self, Purpose};

/// Pieces of constant rate in one period of a sine.
pub const SINE_PIECES: u32 = 256;

/// How the rate changes, over and over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Shape {
    /// Each factor in turn, for `each_ns`.
    Steps {
        /// Rates relative to each other, >= 0, not all 0.
        factors: Vec<f64>,
        /// Length of a step, ns, > 0.
        each_ns: u64,
    },
    /// 1 + `amplitude` * sin(2 pi t / `period_ns`).
    Sine {
        /// Length of a period, ns, >= [`SINE_PIECES`].
        period_ns: u64,
        /// 0 to 1.
        amplitude: f64,
    },
    /// `factor` for `length_ns`, then 1 until `every_ns` are over.
    Burst {
        /// From one burst's start to the next one's, ns.
        every_ns: u64,
        /// Length of a burst, ns, > 0 and below `every_ns`.
        length_ns: u64,
        /// Rate within a burst relative to the rate between bursts, >= 0.
        factor: f64,
    },
    /// `steps` factors evenly spaced from `from` to `to`, each once and equally long, in an order
    /// shuffled by the seed, so that rate and time are not confounded as in a plain ramp.
    ShuffledRamp {
        /// The smallest factor, >= 0.
        from: f64,
        /// The largest, > 0.
        to: f64,
        /// Number of factors, 2 to 10 000.
        steps: u32,
    },
}

/// A shape and where it begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// How the rate changes.
    pub shape: Shape,
    /// Where the shape begins, ns since the start of the schedule: the end of the warmup.
    pub from_ns: u64,
}

impl Shape {
    /// Checks the parameters.
    ///
    /// # Errors
    /// Names what is wrong.
    pub fn validate(&self) -> Result<(), SpecError> {
        let wrong = |reason| Err(SpecError::Pattern(reason));
        let factor = |f: f64| f.is_finite() && (0.0..=1e6).contains(&f);
        match self {
            Self::Steps { factors, each_ns } => {
                if !factors.iter().all(|f| factor(*f)) {
                    wrong("a factor lies between 0 and a million")
                } else if factors.iter().sum::<f64>() <= 0.0 {
                    wrong("the factors sum to 0")
                } else if *each_ns == 0 {
                    wrong("a step needs a length above 0")
                } else {
                    Ok(())
                }
            }
            Self::Sine {
                period_ns,
                amplitude,
            } => {
                if *period_ns < u64::from(SINE_PIECES) {
                    wrong("a period needs at least 256 ns")
                } else if !(0.0..=1.0).contains(amplitude) {
                    wrong("the amplitude lies between 0 and 1")
                } else {
                    Ok(())
                }
            }
            Self::Burst {
                every_ns,
                length_ns,
                factor: f,
            } => {
                if !factor(*f) {
                    wrong("a factor lies between 0 and a million")
                } else if *length_ns == 0 || length_ns >= every_ns {
                    wrong("a burst's length lies between 0 and the time from burst to burst")
                } else {
                    Ok(())
                }
            }
            Self::ShuffledRamp { from, to, steps } => {
                if !(factor(*from) && factor(*to)) {
                    wrong("a factor lies between 0 and a million")
                } else if *from >= *to {
                    wrong("`from` is not below `to`")
                } else if !(2..=10_000).contains(steps) {
                    wrong("a ramp has 2 to 10000 steps")
                } else {
                    Ok(())
                }
            }
        }
    }

    /// The pieces of one round, as lengths in ns and factors. A ramp takes all of `length_ns`.
    fn pieces(&self, length_ns: f64, seed: u64) -> Vec<Piece> {
        let piece = |length_ns, factor| Piece { length_ns, factor };
        match self {
            Self::Steps { factors, each_ns } => factors
                .iter()
                .map(|factor| piece(*each_ns as f64, *factor))
                .collect(),
            Self::Sine {
                period_ns,
                amplitude,
            } => {
                let pieces = f64::from(SINE_PIECES);
                let turn = std::f64::consts::TAU / pieces;
                let factor = |n: u32| {
                    let from = f64::from(n) * turn;
                    // The mean of the sine from one edge of the piece to the other.
                    1.0 + amplitude * (cos(from) - cos(from + turn)) / turn
                };
                (0..SINE_PIECES)
                    .map(|n| piece(*period_ns as f64 / pieces, factor(n).max(0.0)))
                    .collect()
            }
            Self::Burst {
                every_ns,
                length_ns,
                factor,
            } => vec![
                piece(*length_ns as f64, *factor),
                piece((every_ns - length_ns) as f64, 1.0),
            ],
            Self::ShuffledRamp { from, to, steps } => {
                let last = f64::from(steps - 1);
                let factor = |n: u32| from + (to - from) * f64::from(n) / last;
                let mut pieces: Vec<_> = (0..*steps)
                    .map(|n| piece(length_ns / f64::from(*steps), factor(n)))
                    .collect();
                let mut rng = stream::of(seed, Purpose::Ramp);
                for last in (1..pieces.len()).rev() {
                    pieces.swap(last, rng.random_range(0..=last as u32) as usize);
                }
                pieces
            }
        }
    }
}

/// A stretch of constant rate.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Piece {
    length_ns: f64,
    factor: f64,
}

/// Takes times of the process to times of the clock, in order.
#[derive(Debug, Clone)]
pub struct Warp {
    round: Vec<Piece>,
    next: usize,
    /// The stretch at hand, and where it begins in both times.
    stretch: Piece,
    clock_ns: f64,
    process_ns: f64,
}

impl Warp {
    /// The time change of a validated pattern in a schedule of `duration_ns`.
    ///
    /// # Errors
    /// When the schedule ends before a factor above 0 had its turn.
    pub fn new(pattern: &Pattern, duration_ns: u64, seed: u64) -> Result<Self, SpecError> {
        let from_ns = pattern.from_ns.min(duration_ns) as f64;
        let length_ns = duration_ns as f64 - from_ns;
        let mut round = pattern.shape.pieces(length_ns, seed);
        if length_ns > 0.0 {
            let scale = length_ns / integral(&round, length_ns);
            if !scale.is_finite() {
                return Err(SpecError::Pattern(
                    "the measure phase ends before any factor above 0 had its turn",
                ));
            }
            for piece in &mut round {
                piece.factor *= scale;
            }
        }
        Ok(Self {
            round,
            next: 0,
            stretch: Piece {
                length_ns: from_ns,
                factor: 1.0,
            },
            clock_ns: 0.0,
            process_ns: 0.0,
        })
    }

    /// The time of the clock at a time of the process that is not before the previous one, ns.
    pub fn clock_ns(&mut self, process_ns: f64) -> f64 {
        while process_ns >= self.process_ns + self.stretch.share_ns() {
            self.clock_ns += self.stretch.length_ns;
            self.process_ns += self.stretch.share_ns();
            self.stretch = self.round[self.next];
            self.next = (self.next + 1) % self.round.len();
        }
        self.clock_ns + (process_ns - self.process_ns) / self.stretch.factor
    }
}

impl Piece {
    /// The time of the process that passes in it, ns.
    fn share_ns(self) -> f64 {
        self.length_ns * self.factor
    }
}

/// The integral of the factors over `length_ns`, round after round.
fn integral(round: &[Piece], length_ns: f64) -> f64 {
    let round_ns: f64 = round.iter().map(|piece| piece.length_ns).sum();
    let share_ns: f64 = round.iter().map(|piece| piece.share_ns()).sum();
    let rounds = (length_ns / round_ns).floor();
    let mut rest_ns = length_ns - rounds * round_ns;
    let mut total = rounds * share_ns;
    for piece in round {
        let part_ns = piece.length_ns.min(rest_ns);
        total += part_ns * piece.factor;
        rest_ns -= part_ns;
    }
    total
}
