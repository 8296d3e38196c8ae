//! What replies held, and whether requests went where they belong.

use loadgen::Ledger;
use record::Smell;

/// Values that fail verification, misses, unsent requests, duplicates, misroutes.
pub(super) fn judge(client: &Ledger, misroutes: Option<u64>) -> Vec<Smell> {
    let mut smells = Vec::new();
    let mut add = |count: u64, smell: fn(u64) -> Smell| {
        if count > 0 {
            smells.push(smell(count));
        }
    };
    add(client.wrong_values, |replies| Smell::VerificationFailed {
        replies,
    });
    add(client.misses, |requests| Smell::Misses { requests });
    add(client.unsent, |requests| Smell::Unsent { requests });
    add(client.duplicates, |replies| Smell::Duplicates { replies });
    add(misroutes.unwrap_or_default(), |requests| Smell::Misrouted {
        requests,
    });
    smells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_value_is_one_too_many() {
        let ledger = |wrong_values| Ledger {
            wrong_values,
            ..Ledger::default()
        };
        assert_eq!(judge(&ledger(0), Some(0)), []);
        assert_eq!(
            judge(&ledger(1), None),
            [Smell::VerificationFailed { replies: 1 }]
        );
        assert_eq!(
            judge(&ledger(0), Some(2)),
            [Smell::Misrouted { requests: 2 }]
        );
    }
}
