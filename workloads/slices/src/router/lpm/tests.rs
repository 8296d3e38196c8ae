//! The table against a scan of all prefixes.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const ROOM: usize = 4 << 20;

/// The longest prefix that holds the address, found by looking at every one.
fn scan<K: Key>(rules: &BTreeMap<Prefix<K>, u32>, address: K) -> Option<u32> {
    rules
        .iter()
        .filter(|(prefix, _)| prefix.holds(address))
        .max_by_key(|(prefix, _)| prefix.len())
        .map(|(_, value)| *value)
}

#[derive(Debug, Clone)]
enum Step<K> {
    Insert(K, u8, u32),
    Remove(K, u8),
}

/// Addresses that share many of their first bits, so that prefixes nest and nodes are given back.
fn near<K: Key>(wide: impl Fn(u128) -> K + Clone) -> impl Strategy<Value = K> + Clone {
    let bits = prop_oneof![
        any::<u128>(),
        (0..4_u128, 0..4_u128, any::<u8>()).prop_map(|(a, b, low)| {
            let top = 0x0a00 | a;
            top << 112 | b << 104 | u128::from(low) << 96 | u128::from(low)
        }),
    ];
    bits.prop_map(wide)
}

fn steps<K: Key>(
    address: impl Strategy<Value = K> + Clone,
    longest: u8,
) -> impl Strategy<Value = Vec<Step<K>>> {
    let lens = prop_oneof![0..=longest, Just(16_u8), Just(24_u8), Just(longest)];
    let insert = (address.clone(), lens.clone(), 0..50_u32)
        .prop_map(|(address, len, value)| Step::Insert(address, len, value));
    let remove = (address, lens).prop_map(|(address, len)| Step::Remove(address, len));
    prop::collection::vec(prop_oneof![3 => insert, 1 => remove], 1..60)
}

/// Follows the steps, then takes all away in turn; at each step the probes must find what the scan finds.
fn follow<K: Key>(steps: &[Step<K>], probes: &[K]) -> Result<(), TestCaseError> {
    let mut lpm = Lpm::with_limit(ROOM);
    let mut rules = BTreeMap::new();
    let look = |lpm: &Lpm<K>, rules: &BTreeMap<_, _>| {
        let ends = rules.keys().map(|prefix: &Prefix<K>| prefix.bits());
        for address in probes.iter().copied().chain(ends) {
            prop_assert_eq!(lpm.table().find(address), scan(rules, address));
        }
        prop_assert_eq!(lpm.len(), rules.len());
        Ok(())
    };
    for step in steps {
        let before = (lpm.table().clone(), rules.clone());
        match *step {
            Step::Insert(address, len, value) => {
                let prefix = Prefix::new(address, len);
                lpm.insert(prefix, value).expect("there is room");
                rules.insert(prefix, value);
            }
            Step::Remove(address, len) => {
                let prefix = Prefix::new(address, len);
                prop_assert_eq!(lpm.remove(prefix), rules.remove(&prefix));
            }
        }
        look(&lpm, &rules)?;
        for address in probes {
            prop_assert_eq!(before.0.find(*address), scan(&before.1, *address));
        }
    }
    while let Some((prefix, value)) = rules.pop_first() {
        prop_assert_eq!(lpm.remove(prefix), Some(value));
        look(&lpm, &rules)?;
    }
    let nodes = (lpm.fresh - (1 << ROOT)) / Lpm::<K>::NODE;
    prop_assert_eq!(lpm.free.len(), nodes, "every node was given back");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn ipv4_finds_what_a_scan_finds(
        steps in steps(near(|bits| (bits >> 96) as u32), 32),
        probes in prop::collection::vec(near(|bits| (bits >> 96) as u32), 1..20),
    ) {
        follow(&steps, &probes)?;
    }

    #[test]
    fn ipv6_finds_what_a_scan_finds(
        steps in steps(near(|bits| bits), 128),
        probes in prop::collection::vec(near(|bits| bits), 1..20),
    ) {
        follow(&steps, &probes)?;
    }
}

#[test]
fn what_does_not_fit_changes_nothing_and_fits_when_there_is_room_again() {
    // The root, and one page of nodes: 64 of them.
    let mut lpm = Lpm::with_limit((1 << ROOT) * 4 + PAGE * 4);
    for net in 0..64_u32 {
        lpm.insert(Prefix::new(net << 16, 24), net).unwrap();
    }
    let over = Prefix::new(64 << 16, 24);
    let before = lpm.table().bytes();
    let full = lpm.insert(over, 64).unwrap_err();
    assert!(full.to_string().contains("320 KiB"), "{full}");
    assert_eq!(
        (lpm.len(), lpm.get(over), lpm.table().bytes()),
        (64, None, before)
    );
    assert_eq!(lpm.table().find(64 << 16), None);
    lpm.insert(Prefix::new(64 << 16, 16), 9).unwrap();
    lpm.remove(Prefix::new(0, 24)).unwrap();
    lpm.insert(over, 64).unwrap();
    assert_eq!(lpm.table().find(64 << 16), Some(64));
    assert_eq!(lpm.table().find(64 << 16 | 0x100), Some(9));
    assert_eq!(lpm.table().find(7), None);
}

#[test]
fn a_default_route_is_under_everything() {
    let mut lpm = Lpm::with_limit(ROOM);
    lpm.insert(Prefix::new(0x0a00_0000_u32, 8), 1).unwrap();
    lpm.insert(Prefix::new(0x0a01_0203_u32, 32), 2).unwrap();
    lpm.insert(Prefix::new(0, 0), 3).unwrap();
    let find = |lpm: &Lpm<u32>, address: u32| lpm.table().find(address);
    assert_eq!(find(&lpm, 0x0a01_0203), Some(2));
    assert_eq!(find(&lpm, 0x0a01_0204), Some(1));
    assert_eq!(find(&lpm, 0x0b00_0000), Some(3));
    lpm.remove(Prefix::new(0x0a00_0000, 8));
    assert_eq!(find(&lpm, 0x0a01_0204), Some(3));
    lpm.remove(Prefix::new(0, 0));
    assert_eq!(find(&lpm, 0x0a01_0204), None);
    assert_eq!(find(&lpm, 0x0a01_0203), Some(2));
}
