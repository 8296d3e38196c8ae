//! Which owners have a core: the decision of every look. Pure.
//!
//! Shenango's rule (NSDI'19): a request that has waited from one look to the next means that its
//! application needs a core more; a core is given back by who finds nothing to do. Here each owner has
//! a home core, and only where several owners share one can it be missing. Then it is taken from who
//! has had it for a slice, and goes to the one that has been without a core for the longest time, so
//! that whoever waits runs after at most a slice of each of the others.

/// A request that has been seen to wait for so long asks for a core, ns: from one look to the next.
pub(super) const PATIENCE_NS: u64 = 5_000;

/// How long an owner may keep a core that another one waits for, ns: long against the some 10 us that
/// waking a thread takes.
pub(super) const SLICE_NS: u64 = 200_000;

/// What is seen of an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// For how long its oldest request has waited, ns.
    pub(super) waited_ns: Option<u64>,
    /// It has no core.
    pub(super) parked: bool,
}

/// What is to be done for an owner, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It gets its core.
    Grant(usize),
    /// It is to give its core back, although it has work.
    Revoke(usize),
}

/// An owner between two looks.
#[derive(Debug, Clone, Copy)]
struct Tenant {
    core: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Parked { since_ns: u64 },
    Running { since_ns: u64 },
    Leaving,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Allocator {
    tenants: Vec<Tenant>,
    /// Owners that were seen to have given their core back.
    parked: u64,
}

impl Allocator {
    /// Owners whose home cores these are, all without a core.
    pub(super) fn new(homes: &[u32]) -> Self {
        let tenant = |core: &u32| Tenant {
            core: *core,
            state: State::Parked { since_ns: 0 },
        };
        Self {
            tenants: homes.iter().map(tenant).collect(),
            parked: 0,
        }
    }

    /// Puts into `steps` what is to be done now; `seen` has an entry for each owner.
    pub(super) fn decide(&mut self, now_ns: u64, seen: &[Seen], steps: &mut Vec<Step>) {
        steps.clear();
        for (tenant, seen) in self.tenants.iter_mut().zip(seen) {
            if seen.parked && !matches!(tenant.state, State::Parked { .. }) {
                tenant.state = State::Parked { since_ns: now_ns };
                self.parked += 1;
            }
        }
        let asks = |seen: &Seen| seen.waited_ns.is_some_and(|waited| waited >= PATIENCE_NS);
        loop {
            // The longest without a core first.
            let next = (self.tenants.iter().zip(seen).enumerate())
                .filter_map(|(owner, (tenant, seen))| match tenant.state {
                    State::Parked { since_ns } if asks(seen) => Some((since_ns, owner)),
                    State::Parked { .. } | State::Running { .. } | State::Leaving => None,
                })
                .filter(|(_, owner)| self.holder(self.tenants[*owner].core).is_none())
                .min();
            let Some((_, owner)) = next else { break };
            self.tenants[owner].state = State::Running { since_ns: now_ns };
            steps.push(Step::Grant(owner));
        }
        for (owner, seen) in seen.iter().enumerate() {
            if !asks(seen) || !matches!(self.tenants[owner].state, State::Parked { .. }) {
                continue;
            }
            let holder = self.holder(self.tenants[owner].core);
            let Some(holder) = holder else { continue };
            match self.tenants[holder].state {
                State::Running { since_ns } if now_ns - since_ns >= SLICE_NS => {
                    self.tenants[holder].state = State::Leaving;
                    steps.push(Step::Revoke(holder));
                }
                State::Running { .. } | State::Leaving | State::Parked { .. } => {}
            }
        }
    }

    /// Owners that have a core.
    pub(super) fn running(&self) -> usize {
        let parked = |tenant: &&Tenant| matches!(tenant.state, State::Parked { .. });
        self.tenants.len() - self.tenants.iter().filter(parked).count()
    }

    /// How often an owner gave its core back.
    pub(super) const fn parked(&self) -> u64 {
        self.parked
    }

    /// The owner that has a core.
    fn holder(&self, core: u32) -> Option<usize> {
        (self.tenants.iter())
            .position(|tenant| tenant.core == core && !matches!(tenant.state, State::Parked { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Step::{Grant, Revoke};
    use proptest::prelude::*;

    const IDLE: Seen = Seen {
        waited_ns: None,
        parked: true,
    };

    fn waits(waited_ns: u64) -> Seen {
        Seen {
            waited_ns: Some(waited_ns),
            parked: true,
        }
    }

    fn runs(waited_ns: Option<u64>) -> Seen {
        Seen {
            waited_ns,
            parked: false,
        }
    }

    fn decide(allocator: &mut Allocator, now_ns: u64, seen: &[Seen]) -> Vec<Step> {
        let mut steps = Vec::new();
        allocator.decide(now_ns, seen, &mut steps);
        steps
    }

    #[test]
    fn only_who_waited_from_one_look_to_the_next_gets_a_core() {
        let mut all = Allocator::new(&[0, 1]);
        assert_eq!(decide(&mut all, 0, &[IDLE, IDLE]), []);
        assert_eq!(decide(&mut all, 5_000, &[waits(0), IDLE]), []);
        let steps = decide(&mut all, 10_000, &[waits(PATIENCE_NS), waits(4_999)]);
        assert_eq!(steps, [Grant(0)]);
        assert_eq!((all.running(), all.parked()), (1, 0));
    }

    #[test]
    fn a_core_that_was_given_back_is_granted_again_when_somebody_waits() {
        let mut all = Allocator::new(&[0, 1]);
        decide(&mut all, 0, &[waits(9_000), IDLE]);
        assert_eq!(decide(&mut all, 5_000, &[runs(None), IDLE]), []);
        assert_eq!(decide(&mut all, 10_000, &[IDLE, IDLE]), []);
        assert_eq!((all.running(), all.parked()), (0, 1));
        assert_eq!(decide(&mut all, 15_000, &[waits(5_000), IDLE]), [Grant(0)]);
    }

    #[test]
    fn a_core_is_shared_by_slices() {
        let mut all = Allocator::new(&[7, 7]);
        let both = [waits(9_000), waits(9_000)];
        assert_eq!(decide(&mut all, 0, &both), [Grant(0)]);
        let queued = [runs(Some(9_000)), waits(9_000)];
        assert_eq!(decide(&mut all, SLICE_NS - 1, &queued), []);
        assert_eq!(decide(&mut all, SLICE_NS, &queued), [Revoke(0)]);
        // It is asked once, and the core is the other's when it is free.
        assert_eq!(decide(&mut all, SLICE_NS + 1, &queued), []);
        assert_eq!(decide(&mut all, SLICE_NS + 2, &both), [Grant(1)]);
    }

    #[test]
    fn a_core_for_which_nobody_waits_stays() {
        let mut all = Allocator::new(&[7, 7]);
        decide(&mut all, 0, &[waits(9_000), IDLE]);
        let busy = [runs(Some(SLICE_NS)), IDLE];
        assert_eq!(decide(&mut all, 10 * SLICE_NS, &busy), []);
    }

    proptest! {
        /// Against owners that have a random amount of work each: no core has two of them, and all
        /// that wait are served.
        #[test]
        fn everybody_runs_and_no_core_has_two(
            homes in proptest::collection::vec(0u32..3, 1..7),
            work in proptest::collection::vec(0u64..5, 7)
        ) {
            let mut all = Allocator::new(&homes);
            // Slices of work that each has left; the revoked park at the next look, the idle too.
            let mut left: Vec<u64> = homes.iter().zip(&work).map(|(_, left)| left * SLICE_NS).collect();
            let mut held = vec![false; homes.len()];
            let mut revoked = vec![false; homes.len()];
            let total: u64 = left.iter().sum();
            for look in 0..=total / 50_000 + 20 * homes.len() as u64 {
                let seen: Vec<Seen> = (0..homes.len())
                    .map(|owner| Seen {
                        waited_ns: (left[owner] > 0).then_some(PATIENCE_NS),
                        parked: !held[owner],
                    })
                    .collect();
                for step in decide(&mut all, look * 50_000, &seen) {
                    match step {
                        Grant(owner) => {
                            prop_assert!(!held[owner] && left[owner] > 0);
                            held[owner] = true;
                        }
                        Revoke(owner) => {
                            prop_assert!(held[owner]);
                            revoked[owner] = true;
                        }
                    }
                }
                for core in 0..3 {
                    let on = (0..homes.len()).filter(|owner| held[*owner] && homes[*owner] == core);
                    prop_assert!(on.count() <= 1, "two owners on core {}", core);
                }
                for owner in 0..homes.len() {
                    if held[owner] {
                        left[owner] = left[owner].saturating_sub(50_000);
                        if left[owner] == 0 || revoked[owner] {
                            (held[owner], revoked[owner]) = (false, false);
                        }
                    }
                }
            }
            prop_assert!(left.iter().all(|left| *left == 0), "{:?} left over", left);
        }
    }
}
