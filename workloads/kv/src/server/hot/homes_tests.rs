//! Random orders of writes, reads and messages between owners: no read shows an older value than the
//! client can know of.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

const HOT: u64 = 7;

fn key() -> KeyBytes {
    KeyBytes::from(*b"hot")
}

#[test]
fn a_write_waits_for_every_copy_and_the_next_one_for_none() {
    let mut homes = Homes::new(2);
    homes.heat(HOT, &key());
    assert!(!homes.has_copies(HOT), "nothing was given yet");
    assert_eq!(homes.take_new(), [(HOT, key())]);
    assert!(homes.given(HOT));
    assert!(homes.has_copies(HOT));
    assert!(homes.hold(HOT, 1), "copies are called back");
    assert!(!homes.hold(HOT, 2), "once");
    assert!(homes.gone(HOT).is_empty() && homes.waits());
    assert_eq!(homes.gone(HOT), [1, 2]);
    assert!(!homes.waits() && !homes.has_copies(HOT));
    homes.changed(HOT);
    assert_eq!(homes.take_new(), [(HOT, key())], "one new copy for both");
}

#[test]
fn a_key_that_cools_is_forgotten_with_its_last_copy() {
    let mut homes = Homes::new(1);
    homes.heat(HOT, &key());
    assert_eq!(homes.take_new().len(), 1);
    assert!(homes.given(HOT));
    assert!(homes.cool(HOT));
    assert!(!homes.hold(HOT, 1), "they are called back already");
    assert_eq!(homes.gone(HOT), [1]);
    assert!(homes.take_new().is_empty());
    assert!(!homes.cool(HOT), "it is not there");
    homes.heat(HOT, &key());
    assert!(!homes.cool(HOT), "no copy, nothing to call back");
}

#[test]
fn what_concerns_all_waits_for_all() {
    let mut homes = Homes::new(1);
    for hash in [1, 2] {
        homes.heat(hash, &key());
    }
    for (hash, _) in homes.take_new() {
        homes.given(hash);
    }
    let mut called = homes.hold_for_all(9);
    called.sort_unstable();
    assert_eq!(called, [1, 2]);
    assert!(homes.gone(1).is_empty());
    assert!(homes.take_new().is_empty(), "no new copies meanwhile");
    assert_eq!(homes.gone(2), [9]);
    assert_eq!(homes.take_new().len(), 2);
    assert!(!homes.missed(1), "there is no copy to call back");
}

/// What the control thread, clients and the rings between owners may do next.
#[derive(Debug, Clone, Copy)]
enum Step {
    Heat,
    Cool,
    Write,
    WriteAll,
    /// The owner reads its own item.
    ReadHome,
    /// Another owner is asked for the key.
    ReadCopy(usize),
    /// The oldest message to another owner arrives.
    Deliver(usize),
    /// The oldest message from another owner arrives.
    Answer(usize),
    /// The owner ends a round.
    Renew,
}

const OTHERS: usize = 3;

enum News {
    Give(u64),
    Withdraw,
}

/// One owner with its item, the others, and rings between them.
struct World {
    homes: Homes<()>,
    value: u64,
    written: u64,
    to: [VecDeque<News>; OTHERS],
    from: [VecDeque<()>; OTHERS],
    copies: [Option<u64>; OTHERS],
    /// The newest value that some client knows: by a reply to its write, or by a read.
    known: u64,
}

impl World {
    fn call_back(&mut self) {
        self.to
            .iter_mut()
            .for_each(|ring| ring.push_back(News::Withdraw));
    }

    /// Executes writes and answers them.
    fn execute(&mut self, writes: &[()]) {
        for () in writes {
            self.value += 1;
            self.known = self.value;
            self.homes.changed(HOT);
        }
    }

    fn write(&mut self, all: bool) {
        self.written += 1;
        if !self.homes.has_any_copies() {
            self.execute(&[()]);
            return;
        }
        let called_back = match all {
            true => !self.homes.hold_for_all(()).is_empty(),
            false => self.homes.hold(HOT, ()),
        };
        if called_back {
            self.call_back();
        }
    }

    fn read(&mut self, value: u64) {
        assert!(value >= self.known, "{value} after {}", self.known);
        self.known = value;
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Heat => self.homes.heat(HOT, &key()),
            Step::Cool => {
                if self.homes.cool(HOT) {
                    self.call_back();
                }
            }
            Step::Write => self.write(false),
            Step::WriteAll => self.write(true),
            Step::ReadHome => self.read(self.value),
            Step::ReadCopy(other) => {
                if let Some(value) = self.copies[other] {
                    self.read(value);
                }
            }
            Step::Deliver(other) => match self.to[other].pop_front() {
                Some(News::Give(value)) => self.copies[other] = Some(value),
                Some(News::Withdraw) => {
                    self.copies[other] = None;
                    self.from[other].push_back(());
                }
                None => {}
            },
            Step::Answer(other) => {
                if self.from[other].pop_front().is_some() {
                    let ready = self.homes.gone(HOT);
                    self.execute(&ready);
                }
            }
            Step::Renew => {
                for (hash, _) in self.homes.take_new() {
                    if self.homes.given(hash) {
                        let value = self.value;
                        self.to
                            .iter_mut()
                            .for_each(|ring| ring.push_back(News::Give(value)));
                    }
                }
            }
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => Just(Step::Heat),
        1 => Just(Step::Cool),
        3 => Just(Step::Write),
        1 => Just(Step::WriteAll),
        3 => Just(Step::ReadHome),
        6 => (0..OTHERS).prop_map(Step::ReadCopy),
        6 => (0..OTHERS).prop_map(Step::Deliver),
        6 => (0..OTHERS).prop_map(Step::Answer),
        4 => Just(Step::Renew),
    ]
}

proptest! {
    #[test]
    fn values_never_go_back_and_no_write_waits_for_good(
        steps in prop::collection::vec(step(), 1..300),
    ) {
        let mut world = World {
            homes: Homes::new(OTHERS),
            value: 0,
            written: 0,
            to: Default::default(),
            from: Default::default(),
            copies: [None; OTHERS],
            known: 0,
        };
        for it in steps {
            world.step(it);
        }
        // Once the rings are empty, everything has been executed, whatever happened before.
        for other in 0..OTHERS {
            while !world.to[other].is_empty() {
                world.step(Step::Deliver(other));
            }
            while !world.from[other].is_empty() {
                world.step(Step::Answer(other));
            }
        }
        prop_assert!(!world.homes.waits());
        prop_assert_eq!(world.value, world.written);
    }
}
