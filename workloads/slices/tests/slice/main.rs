//! Slices on real devices: veth pairs between three hosts, which are network namespaces. What is sent is what kernel
//! sockets send, so the checksums are verified by somebody else.
//!
//! Needs root. Without it the cases are skipped, loudly; with `STEERBENCH_REQUIRE_ALL_TIERS` set, that is a failure.

mod calls;
mod hosts;
mod machine;
mod routed;

use std::process::ExitCode;

use sys::privilege::{Capability, Privileges};

const NEEDED: [Capability; 4] = [
    Capability::NetAdmin,
    Capability::NetRaw,
    Capability::SysAdmin,
    Capability::Bpf,
];

type Case = (&'static str, fn());

const CASES: &[Case] = &[
    (
        "calls::datagrams_cross_with_right_checksums",
        calls::datagrams,
    ),
    (
        "calls::without_checksums_the_receiver_discards_them",
        calls::unfinished,
    ),
    ("calls::batches_keep_their_order", calls::batches),
    ("calls::nothing_blocks_that_must_not", calls::nonblocking),
    ("calls::what_cannot_be_written_says_why", calls::refusals),
    ("calls::long_packets_are_cut_and_say_so", calls::truncated),
    ("calls::frames_are_changed_where_they_lie", calls::in_place),
    ("routed::by_the_kernel_and_by_the_mirror", routed::routed),
    (
        "routed::what_has_no_way_is_refused_and_counted_once",
        routed::refused,
    ),
    (
        "machine::napi_threads_run_on_k_peers_and_are_put_back",
        machine::k_peers,
    ),
    (
        "machine::what_is_for_the_machine_itself_reaches_it",
        machine::own,
    ),
    (
        "machine::slices_are_moved_to_free_cpus_alone",
        machine::moved,
    ),
    (
        "machine::what_the_machine_lacks_is_refused",
        machine::lacking,
    ),
    (
        "machine::a_slice_is_opened_once_and_again_after_it_ended",
        machine::reopened,
    ),
    (
        "machine::what_devices_are_told_is_journalled",
        machine::journalled,
    ),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    let chosen: Vec<&Case> = CASES
        .iter()
        .filter(|(name, _)| filter.is_none_or(|part| name.contains(part)))
        .collect();
    if arguments.iter().any(|argument| argument == "--list") {
        chosen.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let missing = Privileges::current()
        .expect("capabilities can be read")
        .missing(&NEEDED);
    if !missing.is_empty() {
        let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
        println!(
            "SKIPPED: {} slice cases, for want of {}",
            chosen.len(),
            missing.join(", ")
        );
        return ExitCode::from(u8::from(
            std::env::var_os("STEERBENCH_REQUIRE_ALL_TIERS").is_some(),
        ));
    }
    // The middle host is this process.
    sys::netns::unshare_here().expect("namespaces of its own");
    println!("running {} slice cases", chosen.len());
    let mut failed = 0;
    for (name, case) in &chosen {
        let passed = std::thread::spawn(*case).join().is_ok();
        println!("case {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed += usize::from(!passed);
    }
    println!(
        "slice cases: {} passed, {failed} failed",
        chosen.len() - failed
    );
    ExitCode::from(u8::from(failed > 0))
}
