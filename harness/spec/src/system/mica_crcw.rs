//! `mica_crcw`: any core reads and writes.

use super::mica_erew::MICA;
use super::traits::Traits;

pub(super) const TRAITS: Traits = Traits {
    name: "mica_crcw",
    summary: "any core reads and writes every key; clients send to any core",
    paper: "Lim, Han, Andersen, Kaminsky, NSDI'14 (MICA, CRCW mode)",
    fidelity: "MICA's log and lossy index under the buckets' versions; a writer locks one of many \
               stripes, log and index together, where MICA locks a bucket and the log apart; \
               memcached's protocol; reads do not count as an access in meta commands' h and l",
    ..MICA
};
