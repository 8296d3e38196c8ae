//! What Maelstrom recovers of what a link loses, by theory: shares of the lost packets of the traffic.
//!
//! The code is the one of `slices::maelstrom`: in a layer of interleave i, each group has r packets of which each is the i-th after the
//! one before, and its repair leaves right behind the last. Repairs are lost like packets. For losses that do not depend on
//! each other there are formulas; for bursts, the code and the link themselves are gone through.

use std::collections::VecDeque;

use steering::channel::Channel;

/// Interleaves of the layers, in packets: a code of c repairs has the first c.
const INTERLEAVES: [usize; 3] = [1, 10, 100];

/// By one layer alone, where each packet is lost by itself with probability `loss`: the other r - 1 packets of the group
/// and its repair arrive.
#[must_use]
pub fn one_layer(r: f64, loss: f64) -> f64 {
    (1.0 - loss).powf(r)
}

/// Steps after which the fixed point is near enough.
const MAX_STEPS: usize = 10_000;

/// By c layers that help each other, where each packet is lost by itself, in the limit of interleaves so long that no two
/// packets share two groups: the fixed point of density evolution for peeling. A packet's layer gives it if the repair
/// came and the other r - 1 packets are known, each of which its own c - 1 other layers may have given.
#[must_use]
pub fn all_layers(r: f64, c: f64, loss: f64) -> f64 {
    let solves = |unknown: f64| (1.0 - loss) * (1.0 - unknown).powf(r - 1.0);
    let mut unknown = loss;
    for _ in 0..MAX_STEPS {
        let next = loss * (1.0 - solves(unknown)).powf(c - 1.0);
        if (unknown - next).abs() < 1e-12 {
            break;
        }
        unknown = next;
    }
    1.0 - (1.0 - solves(unknown)).powf(c)
}

/// Packets that are gone through, at least.
const PACKETS: usize = 300_000;
/// Where the link's random numbers begin: the same every time.
const SEED: u64 = 2012;

/// By the code of `r` and `c` over a link that loses the share `loss` in bursts of `burst` packets on average, each by itself
/// where that is 1: packets and repairs go over the trial's own channel, and what peeling gives is counted. `None` where
/// nothing was lost, or there is no such code.
#[must_use]
pub fn peeled(r: u32, c: u32, loss: f64, burst: u32) -> Option<f64> {
    let code = Code::new(r, c)?;
    let channel = Channel::losing(loss, burst);
    let mut state = Channel::first(SEED, 0);
    let mut loses = || {
        let lost;
        (state, lost) = channel.next(state);
        lost
    };
    let mut groups = vec![Group::default(); code.layers.len() * code.groups_of_a_layer()];
    let mut lost = 0_u32;
    for packet in 0..code.packets {
        if loses() {
            lost += 1;
            for group in code.groups_of(packet) {
                groups[group].toggle(packet, 1);
            }
        }
        for group in code.closed_by(packet) {
            groups[group].repaired = !loses();
        }
    }
    let recovered = peel(&code, &mut groups);
    (lost > 0).then(|| f64::from(recovered) / f64::from(lost))
}

/// Groups of r packets in layers, over as many packets as fill them all.
struct Code {
    r: usize,
    layers: &'static [usize],
    packets: usize,
}

impl Code {
    fn new(r: u32, c: u32) -> Option<Self> {
        let r = usize::try_from(r).ok().filter(|r| *r > 0)?;
        let layers = INTERLEAVES.get(..usize::try_from(c).ok()?)?;
        // As many as fill each layer's groups, so that none stays open.
        let whole = r * layers.last()?;
        let packets = PACKETS.next_multiple_of(whole);
        Some(Self { r, layers, packets })
    }

    fn groups_of_a_layer(&self) -> usize {
        self.packets / self.r
    }

    /// The packet's group in each layer.
    fn groups_of(&self, packet: usize) -> impl Iterator<Item = usize> {
        let (r, of_a_layer) = (self.r, self.groups_of_a_layer());
        (self.layers.iter().enumerate()).map(move |(layer, interleave)| {
            layer * of_a_layer + packet / (interleave * r) * interleave + packet % interleave
        })
    }

    /// The groups whose last packet this is.
    fn closed_by(&self, packet: usize) -> impl Iterator<Item = usize> {
        let r = self.r;
        let last = self
            .layers
            .iter()
            .map(move |interleave| packet / interleave % r == r - 1);
        (self.groups_of(packet).zip(last)).filter_map(|(group, last)| last.then_some(group))
    }
}

/// What is not known of a group.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    /// Packets that are missing.
    missing: u32,
    /// The exclusive or of their numbers: where one is missing, its number.
    which: usize,
    /// Whether its repair arrived.
    repaired: bool,
}

impl Group {
    /// One packet more, or less, is missing.
    fn toggle(&mut self, packet: usize, change: i32) {
        self.missing = self.missing.saturating_add_signed(change);
        self.which ^= packet;
    }

    /// The packet that its repair gives.
    fn given(&self) -> Option<usize> {
        (self.repaired && self.missing == 1).then_some(self.which)
    }
}

/// Lets repairs give packets until none gives another; how many they gave.
fn peel(code: &Code, groups: &mut [Group]) -> u32 {
    let mut waiting: VecDeque<usize> = (0..groups.len())
        .filter(|group| groups[*group].given().is_some())
        .collect();
    let mut recovered = 0;
    while let Some(group) = waiting.pop_front() {
        // Another layer may have given it meanwhile.
        let Some(packet) = groups[group].given() else {
            continue;
        };
        recovered += 1;
        for other in code.groups_of(packet) {
            groups[other].toggle(packet, -1);
            if groups[other].given().is_some() {
                waiting.push_back(other);
            }
        }
    }
    recovered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formulas_are_what_peeling_gives() {
        for loss in [0.01, 0.05, 0.1] {
            let one = peeled(8, 1, loss, 1).unwrap();
            assert!((one - one_layer(8.0, loss)).abs() < 0.02, "{loss}: {one}");
            let all = peeled(8, 3, loss, 1).unwrap();
            let formula = all_layers(8.0, 3.0, loss);
            assert!((all - formula).abs() < 0.02, "{loss}: {all}");
        }
        assert!(all_layers(8.0, 3.0, 0.01) > one_layer(8.0, 0.01));
    }

    #[test]
    fn nothing_lost_is_nothing_recovered_and_other_codes_are_unknown() {
        assert_eq!(peeled(8, 3, 0.0, 1), None);
        assert_eq!(peeled(8, 4, 0.1, 1), None);
        assert_eq!(peeled(0, 3, 0.1, 1), None);
        assert_eq!(peeled(8, 0, 0.1, 1), None);
    }

    /// A burst takes several of a group where the interleave is 1; the more layers spread it, the more come back.
    #[test]
    fn layers_are_there_for_bursts() {
        let [one, two, three] = [1, 2, 3].map(|c| peeled(8, c, 0.01, 10).unwrap());
        assert!(one < peeled(8, 1, 0.01, 1).unwrap() / 2.0, "{one}");
        assert!(one < two && two < three, "{one} {two} {three}");
    }

    /// Two rows of three packets, and the columns of a layer of interleave 10, by hand.
    #[test]
    fn groups_are_those_of_the_encoder() {
        let code = Code::new(3, 2).unwrap();
        let layer = code.groups_of_a_layer();
        assert_eq!(code.packets % 30, 0);
        let of = |packet| code.groups_of(packet).collect::<Vec<_>>();
        assert_eq!(of(0), [0, layer]);
        assert_eq!(of(2), [0, layer + 2]);
        assert_eq!(of(12), [4, layer + 2]);
        assert_eq!(of(30), [10, layer + 10]);
        let closed = |packet| code.closed_by(packet).collect::<Vec<_>>();
        assert!(closed(1).is_empty());
        assert_eq!(closed(2), [0]);
        assert_eq!(closed(20), [6, layer]);
        assert_eq!(closed(22), [layer + 2]);
    }

    /// Of a square of rows and columns, a diagonal comes back at once, an L of three in two steps, a rectangle never.
    #[test]
    fn repairs_help_each_other_and_a_rectangle_stays() {
        let code = Code::new(10, 2).unwrap();
        let recovers = |lost: &[usize]| {
            let whole = Group {
                repaired: true,
                ..Group::default()
            };
            let mut groups = vec![whole; 2 * code.groups_of_a_layer()];
            for &packet in lost {
                for group in code.groups_of(packet) {
                    groups[group].toggle(packet, 1);
                }
            }
            peel(&code, &mut groups)
        };
        assert_eq!(recovers(&[]), 0);
        assert_eq!(recovers(&[0, 11, 22]), 3);
        assert_eq!(recovers(&[0, 1, 10]), 3);
        assert_eq!(recovers(&[0, 1, 10, 11]), 0);
        assert_eq!(recovers(&[0, 1, 10, 11, 22]), 1);
    }
}
