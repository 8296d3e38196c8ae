//! Whether the hashes that came with packets are those of the keys.

use record::Smell;

use crate::agents::serving::Counts;

/// The server's counter of checked requests whose note was wrong.
const DISAGREED: &str = "hashes_disagreed";

/// One that was wrong is one too many: where nobody checked, misroutes are counted by such hashes.
pub(super) fn disagreed(server: &Counts) -> Option<Smell> {
    let (_, requests) = server.related.iter().find(|(name, _)| name == DISAGREED)?;
    (*requests > 0).then_some(Smell::HashesDisagreed {
        requests: *requests,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_hash_is_one_too_many() {
        let counts = |requests| Counts {
            related: vec![("other".to_owned(), 9), (DISAGREED.to_owned(), requests)],
            ..Counts::default()
        };
        assert_eq!(disagreed(&counts(0)), None);
        assert_eq!(
            disagreed(&counts(1)),
            Some(Smell::HashesDisagreed { requests: 1 })
        );
        assert_eq!(disagreed(&Counts::default()), None);
    }

    #[test]
    fn the_server_has_a_counter_of_that_name() {
        let counted = kv::server::Counts {
            hashes_disagreed: 3,
            ..Default::default()
        };
        assert!(counted.named().contains(&(DISAGREED, 3)));
    }
}
