//! What the CPU itself counted for the roles of a packet trial. Pure.

use record::RoleHardware;
use sys::account::HardwareCounts;
use sys::environment::Reading;

use super::super::merge::hardware;
use crate::agents::router;

/// The counts by role: the system's threads stand where a server's do, the sender's where a client's do.
pub(super) fn by_role(
    routers: &[router::Measured],
    sender: &Reading<HardwareCounts>,
) -> RoleHardware {
    let systems = routers.iter().map(|router| &router.hardware);
    RoleHardware {
        server: hardware(&together(systems)),
        client: hardware(sender),
    }
}

/// The counts of several processes; what one of them does not have, all do not have.
fn together<'a>(
    readings: impl Iterator<Item = &'a Reading<HardwareCounts>>,
) -> Reading<HardwareCounts> {
    let mut sum = HardwareCounts::default();
    for reading in readings {
        match reading {
            Reading::Absent { .. } => return reading.clone(),
            Reading::Known(counts) => {
                sum = HardwareCounts {
                    cycles: sum.cycles + counts.cycles,
                    instructions: sum.instructions + counts.instructions,
                    cache_misses: sum.cache_misses + counts.cache_misses,
                };
            }
        }
    }
    Reading::Known(sum)
}

#[cfg(test)]
mod tests {
    use record::Hardware;
    use sys::account::Usage;

    use super::*;
    use crate::agents::router::NO_THREADS;

    fn counted(cycles: u64) -> Reading<HardwareCounts> {
        Reading::Known(HardwareCounts {
            cycles,
            instructions: 2 * cycles,
            cache_misses: 1,
        })
    }

    fn roles(routers: &[Reading<HardwareCounts>]) -> RoleHardware {
        let measured = |hardware: &Reading<HardwareCounts>| router::Measured {
            used: Usage::default(),
            hardware: hardware.clone(),
            pinned: Vec::new(),
        };
        let routers: Vec<_> = routers.iter().map(measured).collect();
        by_role(&routers, &counted(7))
    }

    #[test]
    fn both_routers_count_and_the_sender_stands_apart() {
        let both = roles(&[counted(30), counted(12)]);
        let expected = |cycles, cache_misses| Hardware::Counted {
            cycles,
            instructions: 2 * cycles,
            cache_misses,
        };
        assert_eq!(both.server, expected(42, 2));
        assert_eq!(both.client, expected(7, 1));
    }

    #[test]
    fn half_a_count_is_none() {
        let half = roles(&[counted(30), Reading::absent(NO_THREADS)]);
        let reason = NO_THREADS.to_owned();
        assert_eq!(half.server, Hardware::Absent { reason });
    }
}
