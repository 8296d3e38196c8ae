//! A path that loses frames: at random, or in bursts. The same code loses them in the kernel and says beforehand which.
//!
//! Two states, after Gilbert (1960) and Elliott (1963): each frame may change the state, and is then lost with the state's
//! probability. Where the bad state loses all and the good one nothing, losses come in bursts of a mean length of
//! 1 / `to_good` frames.

/// What a probability of 1 is in units of 2^-32.
pub const ALWAYS: u64 = 1 << 32;

/// Probabilities in units of 2^-32; [`ALWAYS`] is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channel {
    /// That a frame finds the good state left.
    pub to_bad: u64,
    /// That a frame finds the bad state left.
    pub to_good: u64,
    /// That a frame is lost in the good state.
    pub lost_good: u64,
    /// That a frame is lost in the bad state.
    pub lost_bad: u64,
}

/// Where a path stands: its lowest bit says that it is in the bad state, the others are its place among the random numbers.
///
/// A path begins with [`first`](Channel::first).
pub type State = u64;

const BAD: u64 = 1;
/// Even, so that the lowest bit stays: 2^64 over the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c16;

impl Channel {
    /// A path that loses nothing.
    pub const NOTHING: Self = Self {
        to_bad: 0,
        to_good: 0,
        lost_good: 0,
        lost_bad: 0,
    };

    /// The share `loss` of all frames is lost in bursts of `burst` frames on average; with 0 or 1 each frame is lost by itself,
    /// for [bursts](Self::bursts) of one would never lose two in a row.
    #[cfg(not(target_arch = "bpf"))]
    #[must_use]
    pub fn losing(loss: f64, burst: u32) -> Self {
        match burst {
            0 | 1 => Self::independent(loss),
            burst => Self::bursts(loss, f64::from(burst)),
        }
    }

    /// Each frame is lost with probability `loss`, whatever becomes of others.
    #[cfg(not(target_arch = "bpf"))]
    #[must_use]
    pub fn independent(loss: f64) -> Self {
        Self {
            lost_good: share(loss),
            ..Self::NOTHING
        }
    }

    /// Frames are lost in bursts of `mean` frames on average, at least 1, which take the share `loss` of all, below 1 (Gilbert's
    /// channel). With a mean of 1 two losses are never next to each other.
    #[cfg(not(target_arch = "bpf"))]
    #[must_use]
    pub fn bursts(loss: f64, mean: f64) -> Self {
        let to_good = 1.0 / mean;
        Self {
            // In the long run it is in the bad state for to_bad / (to_bad + to_good) of the frames.
            to_bad: share(to_good * loss / (1.0 - loss)),
            to_good: share(to_good),
            lost_good: 0,
            lost_bad: ALWAYS,
        }
    }

    /// What becomes of a frame: where the path stands afterwards, and whether the frame is lost.
    #[inline(always)]
    #[must_use]
    pub const fn next(self, state: State) -> (State, bool) {
        let place = (state & !BAD).wrapping_add(STEP);
        let drawn = mixed(place);
        let (changes, loses) = (drawn >> 32, drawn & 0xffff_ffff);
        let leaves = if state & BAD == 0 {
            self.to_bad
        } else {
            self.to_good
        };
        let bad = (state & BAD) ^ ((changes < leaves) as u64);
        let loss = if bad == 0 {
            self.lost_good
        } else {
            self.lost_bad
        };
        (place | bad, loses < loss)
    }

    /// How the path of a queue begins: in the good state, at a place of its own. Equal seeds lose the same frames.
    #[must_use]
    pub const fn first(seed: u64, queue: u32) -> State {
        mixed(seed ^ mixed(queue as u64)) & !BAD
    }
}

/// A probability in units of 2^-32.
#[cfg(not(target_arch = "bpf"))]
fn share(probability: f64) -> u64 {
    (probability.clamp(0.0, 1.0) * ALWAYS as f64) as u64
}

/// Of a number, another that looks random: the finish of SplitMix64 (Steele, Lea and Flood, 2014).
#[inline(always)]
const fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMES: u32 = 1_000_000;

    /// Frames lost, and runs of lost frames.
    fn seen(channel: Channel) -> (u32, u32) {
        let (mut state, mut before) = (Channel::first(7, 0), false);
        let (mut lost, mut runs) = (0, 0);
        for _ in 0..FRAMES {
            let loses;
            (state, loses) = channel.next(state);
            lost += u32::from(loses);
            runs += u32::from(loses && !before);
            before = loses;
        }
        (lost, runs)
    }

    #[test]
    fn nothing_and_everything() {
        assert_eq!(seen(Channel::NOTHING), (0, 0));
        assert_eq!(seen(Channel::independent(0.0)), (0, 0));
        assert_eq!(seen(Channel::independent(1.0)), (FRAMES, 1));
        assert_eq!(seen(Channel::bursts(0.0, 4.0)), (0, 0));
    }

    /// Fixed numbers of a fixed sequence: within 3 standard deviations of the mean, which makes a wrong formula show.
    #[test]
    fn independent_losses_are_as_many_as_asked_for() {
        let (lost, runs) = seen(Channel::independent(0.01));
        assert!(lost.abs_diff(10_000) < 300, "{lost}");
        assert!(runs.abs_diff(9_900) < 300, "{runs}");
    }

    #[test]
    fn bursts_have_their_mean_length_and_take_their_share() {
        for (loss, mean) in [(0.02, 20.0), (0.01, 4.0), (0.1, 2.0)] {
            let (lost, runs) = seen(Channel::bursts(loss, mean));
            // Lengths are geometric, so their standard deviation is at most their mean; and so are the gaps'.
            let within = |ratio: f64, variance: f64| {
                assert!((ratio - 1.0) * (ratio - 1.0) < 9.0 * variance, "{ratio}");
            };
            let length = f64::from(lost) / f64::from(runs);
            within(length / mean, 1.0 / f64::from(runs));
            let taken = f64::from(lost) / f64::from(FRAMES);
            within(taken / loss, 2.0 / f64::from(runs));
        }
        let (lost, runs) = seen(Channel::bursts(0.2, 1.0));
        assert_eq!(lost, runs, "no two in a row");
    }

    #[test]
    fn bursts_of_one_are_losses_each_by_itself() {
        let alone = Channel::independent(0.2);
        assert_eq!([0, 1].map(|burst| Channel::losing(0.2, burst)), [alone; 2]);
        assert_eq!(Channel::losing(0.2, 3), Channel::bursts(0.2, 3.0));
    }

    #[test]
    fn queues_have_paths_of_their_own_and_seeds_repeat_them() {
        let channel = Channel::independent(0.5);
        let lost = |seed, queue| {
            let mut state = Channel::first(seed, queue);
            let mut bits = 0_u64;
            for _ in 0..64 {
                let loses;
                (state, loses) = channel.next(state);
                bits = bits << 1 | u64::from(loses);
            }
            bits
        };
        assert_eq!(lost(7, 0), lost(7, 0));
        let all = [lost(7, 0), lost(7, 1), lost(8, 0), lost(8, 1)];
        for (at, bits) in all.iter().enumerate() {
            assert!(!all[..at].contains(bits));
        }
    }
}
