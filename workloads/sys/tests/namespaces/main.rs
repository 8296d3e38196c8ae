//! What needs privilege: each case runs in a process and in anonymous namespaces of its own, so that
//! cases cannot meet each other or the machine's devices.
//!
//! Without the needed capabilities every case is skipped, loudly; with `STEERBENCH_REQUIRE_ALL_TIERS`
//! set, that is a failure instead.

mod devices;
mod links;
mod napi;
mod spaces;
mod tables;
mod xdp;
mod xfrm;

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use steerbench_sys::privilege::{Capability, Privileges};
use steerbench_sys::process::Identity;

const NEEDED: [Capability; 4] = [
    Capability::NetAdmin,
    Capability::NetRaw,
    Capability::SysAdmin,
    Capability::Bpf,
];
const LIMIT: Duration = Duration::from_secs(60);

/// Not a case but a helper of one.
const DOOMED: &str = "doomed";

type Case = (&'static str, fn());

const CASES: &[Case] = &[
    (
        "spaces::a_new_namespace_has_nothing_but_a_loopback_that_is_down",
        spaces::empty,
    ),
    (
        "spaces::unsharing_after_threads_is_refused",
        spaces::threads_refused,
    ),
    (
        "spaces::a_foreign_sysfs_is_refused_with_the_remedy",
        spaces::foreign_sysfs,
    ),
    (
        "spaces::a_process_starts_inside_and_outlives_the_call",
        spaces::spawn,
    ),
    (
        "spaces::kill_9_takes_the_agent_and_its_namespace_along",
        spaces::crash,
    ),
    (
        "spaces::a_named_namespace_serves_ip_netns_exec",
        spaces::named,
    ),
    (
        "links::a_pair_is_made_as_specified_in_two_namespaces",
        links::pair,
    ),
    (
        "links::datagrams_cross_over_both_protocols",
        links::datagrams,
    ),
    ("links::nothing_is_sent_unasked", links::silence),
    ("links::without_groups_none_is_joined", links::groups),
    ("links::errors_name_what_is_missing_or_taken", links::errors),
    (
        "devices::a_veth_tells_its_driver_channels_and_counters",
        devices::questions,
    ),
    (
        "devices::offloads_are_switched_and_switched_back",
        devices::offloads,
    ),
    (
        "devices::a_dead_runs_offloads_and_names_are_undone",
        devices::journal,
    ),
    (
        "napi::threads_exist_while_gro_or_xdp_is_on",
        napi::existence,
    ),
    ("napi::ids_ascend_with_queues", napi::order),
    ("napi::a_thread_is_pinned_and_accounted", napi::pinned),
    ("tables::changes_are_told_as_they_are_read", tables::told),
    ("tables::losses_are_admitted", tables::lost),
    (
        "xdp::an_attached_program_is_listed_with_its_mode",
        xdp::listed,
    ),
    ("xfrm::the_kernel_says_whether_it_has_esp", xfrm::esp),
    ("xfrm::policies_come_and_go", xfrm::policies),
    (
        "xfrm::an_association_is_had_or_refused_with_the_kernels_reason",
        xfrm::association,
    ),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, name] = &arguments[..]
        && flag == "--case"
    {
        let run = if name == DOOMED {
            spaces::doomed
        } else {
            CASES
                .iter()
                .find(|(case, _)| case == name)
                .expect("a known case")
                .1
        };
        run();
        return ExitCode::SUCCESS;
    }
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
            "SKIPPED: {} namespace cases, for want of {}",
            chosen.len(),
            missing.join(", ")
        );
        return ExitCode::from(u8::from(
            std::env::var_os("STEERBENCH_REQUIRE_ALL_TIERS").is_some(),
        ));
    }
    println!("running {} namespace cases", chosen.len());
    let failed = chosen.iter().filter(|(name, _)| !passes(name)).count();
    println!(
        "namespace cases: {} passed, {failed} failed",
        chosen.len() - failed
    );
    ExitCode::from(u8::from(failed > 0))
}

/// Runs one case in a process of its own.
fn passes(name: &str) -> bool {
    let begun = Instant::now();
    let me = std::env::current_exe().expect("this program has a path");
    let mut child = Command::new(me)
        .args(["--case", name])
        .spawn()
        .expect("a case starts");
    let ended = Identity::of(child.id())
        .and_then(|case| case.wait(LIMIT))
        .unwrap_or(true);
    if !ended {
        child.kill().expect("a case can be killed");
    }
    let passed = child.wait().expect("a case can be waited for").success();
    let verdict = if passed {
        "ok"
    } else if ended {
        "FAILED"
    } else {
        "FAILED (time limit)"
    };
    println!(
        "case {name} ... {verdict} ({} ms)",
        begun.elapsed().as_millis()
    );
    passed
}
