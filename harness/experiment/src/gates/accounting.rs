//! CPU time that belongs to nobody.

use record::{Cost, Smell};

/// Share of the CPU time in no component that passes. The way into idleness and out of it is charged
/// to no task, and a server that sleeps between requests takes it twice a request.
const UNACCOUNTED: f64 = 0.35;

/// ksoftirqd did more than a trifle of the work.
pub(super) fn ksoftirqd(cost: &Cost) -> Option<Smell> {
    let share = cost.ksoftirqd_share?;
    (share > Smell::KSOFTIRQD_LIMIT).then_some(Smell::Ksoftirqd { share })
}

/// The components are not the whole.
pub(super) fn unaccounted(cost: &Cost) -> Option<Smell> {
    let share = cost.unaccounted_share?;
    (share > UNACCOUNTED).then_some(Smell::Unaccounted {
        share,
        limit: UNACCOUNTED,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_exceeded_from_above_only() {
        let cost = |ksoftirqd_share, unaccounted_share| Cost {
            ksoftirqd_share,
            unaccounted_share,
            ..Cost::default()
        };
        assert_eq!(ksoftirqd(&cost(Some(0.02), None)), None);
        assert!(ksoftirqd(&cost(Some(0.021), None)).is_some());
        assert_eq!(unaccounted(&cost(None, Some(UNACCOUNTED))), None);
        assert!(unaccounted(&cost(None, Some(UNACCOUNTED + 0.01))).is_some());
        assert_eq!(ksoftirqd(&cost(None, None)), None);
    }
}
