//! `mica_crew`: any core reads, the owner writes.

use super::mica_erew::MICA;
use super::traits::Traits;

pub(super) const TRAITS: Traits = Traits {
    name: "mica_crew",
    summary: "any core reads every partition, its owner alone writes it; clients address accordingly",
    paper: "Lim, Han, Andersen, Kaminsky, NSDI'14 (MICA, CREW mode)",
    fidelity: "MICA's log and lossy index, read by other cores under the buckets' versions; \
               memcached's protocol; foreign reads do not count as an access in meta commands' h \
               and l; requests are served one by one, without MICA's batched prefetch",
    ..MICA
};
