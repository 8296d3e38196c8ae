//! `rss_shared`: any core serves any key.

use super::traits::Traits;

pub(super) const TRAITS: Traits = Traits {
    name: "rss_shared",
    summary: "RSS by flow; any core serves any key from one store with striped locks",
    paper: "memcached; ENCP'19 section 3.2 (RSS without knowledge of partitions)",
    fidelity: "memcached's threading (worker per core, item locks by key hash); the engine is the \
               one that the other systems use, so that they differ in steering and locks only",
    queue_per_owner: true,
    ..Traits::SERVER
};
