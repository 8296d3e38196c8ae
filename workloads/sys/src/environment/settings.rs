//! Kernel settings that change what is measured.

use std::collections::BTreeMap;

use super::Reading;

/// The settings, by sysctl name (Documentation/admin-guide/sysctl).
const NAMES: [&str; 37] = [
    "kernel.bpf_stats_enabled",
    "kernel.nmi_watchdog",
    "kernel.numa_balancing",
    "kernel.perf_event_paranoid",
    "kernel.randomize_va_space",
    "kernel.sched_autogroup_enabled",
    "kernel.sched_rt_runtime_us",
    "kernel.split_lock_mitigate",
    "kernel.tainted",
    "kernel.timer_migration",
    "kernel.unprivileged_bpf_disabled",
    "kernel.watchdog",
    "net.core.bpf_jit_enable",
    "net.core.bpf_jit_harden",
    "net.core.busy_poll",
    "net.core.busy_read",
    "net.core.default_qdisc",
    "net.core.dev_weight",
    "net.core.gro_normal_batch",
    "net.core.high_order_alloc_disable",
    "net.core.netdev_budget",
    "net.core.netdev_budget_usecs",
    "net.core.netdev_max_backlog",
    "net.core.netdev_tstamp_prequeue",
    "net.core.optmem_max",
    "net.core.rmem_default",
    "net.core.rmem_max",
    "net.core.rps_sock_flow_entries",
    "net.core.skb_defer_max",
    "net.core.wmem_default",
    "net.core.wmem_max",
    "net.ipv4.ip_early_demux",
    "net.ipv4.udp_early_demux",
    "net.ipv4.udp_mem",
    "net.ipv4.udp_rmem_min",
    "net.ipv4.udp_wmem_min",
    "vm.swappiness",
];

/// All of them as they are; one that this kernel does not have is absent with that reason.
pub(super) fn read() -> BTreeMap<String, Reading<String>> {
    let reading = |name: &str| Reading::from(crate::sysctl::read(name));
    NAMES
        .iter()
        .map(|name| ((*name).to_owned(), reading(name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_told_with_its_value_or_the_reason() {
        let settings = read();
        assert_eq!(settings.len(), NAMES.len(), "a name stands twice");
        assert!(
            settings["net.core.rmem_max"]
                .known()
                .is_some_and(|value| value.parse::<u64>().is_ok())
        );
        for (name, reading) in settings {
            assert!(
                reading.known().is_some()
                    || reading.reason().is_some_and(|r| r.contains("/proc/sys")),
                "{name}"
            );
        }
    }
}
