//! What the programs share that answer from a cache in the path of a server, and hand on what they do not answer.

/// Declares the settings, the index of what is cached, the clocks of coherence, and `run`, which carries out what
/// `serve` makes of a datagram to a port of ours.
#[macro_export]
macro_rules! caching {
    ($serve:path) => {
        $crate::setting!(SERVER_PORT: u16 = 0);
        $crate::setting!(PORTS: u16 = 0);

        #[aya_ebpf::macros::map]
        static INDEX: aya_ebpf::maps::HashMap<u64, u64> =
            aya_ebpf::maps::HashMap::with_max_entries(1, 0);
        /// How often what is in each slot was given out.
        #[aya_ebpf::macros::map]
        static HITS: aya_ebpf::maps::PerCpuArray<u64> =
            aya_ebpf::maps::PerCpuArray::with_max_entries(1, 0);
        /// How many writes of each clock have passed.
        #[aya_ebpf::macros::map]
        static CLOCKS: aya_ebpf::maps::Array<u64> = aya_ebpf::maps::Array::with_max_entries(
            steering::in_kernel::coherence::ALL_CLOCKS as u32,
            0,
        );
        #[aya_ebpf::macros::map]
        static NEXT: aya_ebpf::maps::ProgramArray =
            aya_ebpf::maps::ProgramArray::with_max_entries(1, 0);
        #[aya_ebpf::macros::map]
        static COUNTERS: $crate::Counters = $crate::counters();

        /// The sum of a key's clocks.
        #[inline(always)]
        fn clocks(hash: u64) -> Option<u64> {
            use steering::in_kernel::coherence::{EVERY_KEY, clock_of};
            let (own, all) = (CLOCKS.get(clock_of(hash))?, CLOCKS.get(EVERY_KEY)?);
            Some(own.wrapping_add(*all))
        }

        /// A write passes.
        #[inline(always)]
        fn advance(clock: Option<u32>) {
            if let Some(clock) = clock {
                $crate::ctx::add_at(&CLOCKS, clock, 1);
            }
        }

        #[inline(always)]
        fn run(ctx: &aya_ebpf::programs::XdpContext) -> u32 {
            let is_ours = |port: u16| port.wrapping_sub(SERVER_PORT.load()) < PORTS.load();
            let (action, counter) = $crate::answering::decide(ctx, is_ours, $serve);
            $crate::ctx::count(&COUNTERS, counter);
            if action == aya_ebpf::bindings::xdp_action::XDP_PASS {
                $crate::ctx::go_on(ctx, &NEXT);
            }
            action
        }

        $crate::license!();
    };
}
