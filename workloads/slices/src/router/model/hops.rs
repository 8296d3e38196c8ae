//! What routes lead to, numbered: few things, to which many routes lead.

use std::collections::HashMap;

use sys::tables::NextHop;

use super::super::outcome::Host;

/// What a route leads to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Target {
    Host(Host),
    Blackhole,
    Unreachable,
    Prohibited,
    Ways(Vec<NextHop>),
}

/// Targets in use. The number of one that is used no more is given to another: tables that were published before
/// have their own list.
#[derive(Debug, Default)]
pub(super) struct Hops {
    targets: Vec<Option<Target>>,
    uses: Vec<u32>,
    numbers: HashMap<Target, u32>,
    free: Vec<u32>,
}

impl Hops {
    /// The number of a target, which is used once more now.
    pub(super) fn take(&mut self, target: Target) -> u32 {
        if let Some(number) = self.numbers.get(&target) {
            self.uses[*number as usize] += 1;
            return *number;
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.targets.push(None);
            self.uses.push(0);
            self.targets.len() as u32 - 1
        });
        self.targets[number as usize] = Some(target.clone());
        self.uses[number as usize] = 1;
        self.numbers.insert(target, number);
        number
    }

    /// A use of a target ends.
    pub(super) fn give_back(&mut self, number: u32) {
        let uses = &mut self.uses[number as usize];
        *uses -= 1;
        if *uses == 0
            && let Some(target) = self.targets[number as usize].take()
        {
            self.numbers.remove(&target);
            self.free.push(number);
        }
    }

    /// The targets by number.
    pub(super) fn targets(&self) -> impl Iterator<Item = Option<&Target>> {
        self.targets.iter().map(Option::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_one_number_while_it_is_used() {
        let mut hops = Hops::default();
        let first = hops.take(Target::Blackhole);
        assert_eq!(hops.take(Target::Blackhole), first);
        let second = hops.take(Target::Host(Host::Local));
        assert_ne!(first, second);
        hops.give_back(first);
        assert_eq!(hops.take(Target::Blackhole), first);
        hops.give_back(first);
        hops.give_back(first);
        assert_eq!(hops.targets().flatten().count(), 1);
        assert_eq!(hops.take(Target::Prohibited), first, "its number is free");
    }
}
