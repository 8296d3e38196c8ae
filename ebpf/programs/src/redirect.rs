//! What every program shares that redirects requests to their owners' AF_XDP sockets.

/// Declares the settings, the maps, `Kernel` and `KernelTable` of such a program, `take_time`, which does the work
/// that is injected, to be called first, and `carry_out`, which turns a verdict into an action. `$policy` makes
/// the policy of its number; `$turn`, where hot keys are spread, tells whose turn it is.
#[macro_export]
macro_rules! redirecting {
    ($policy:expr $(, $turn:expr)?) => {
        $crate::setting!(POLICY: u32 = steering::Policy::Key.number());
        $crate::setting!(MEMBERS: u32 = 1);
        $crate::setting!(BURN_ROUNDS: u32 = 0);
        $crate::situation!(
            aya_ebpf::programs::XdpContext,
            $policy(POLICY.load()),
            MEMBERS.load(),
            $crate::ctx::rx_queue
            $(, $turn)?
        );
        $crate::partition_table!();

        #[aya_ebpf::macros::map]
        static SOCKETS: aya_ebpf::maps::XskMap = aya_ebpf::maps::XskMap::with_max_entries(1, 0);
        #[aya_ebpf::macros::map]
        static COUNTERS: $crate::Counters = $crate::counters();

        #[inline(always)]
        fn take_time() {
            $crate::ctx::burn(BURN_ROUNDS.load());
        }

        /// Carries the verdict out; `before` is done for a frame that goes to an owner.
        #[inline(always)]
        fn carry_out(
            inputs: &Kernel<'_>,
            verdict: steering::Verdict,
            before: impl FnOnce(),
        ) -> u32 {
            use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS};
            use steering::{Verdict, layout};
            let (action, counter) = match verdict {
                Verdict::Owner(owner) => {
                    before();
                    redirect(inputs, u32::from(owner))
                }
                Verdict::Pass => (XDP_PASS, layout::COUNTER_PASSED),
                Verdict::Drop(reason) => (XDP_DROP, layout::COUNTER_DROPS + reason.index()),
            };
            $crate::ctx::count(&COUNTERS, counter);
            action
        }

        #[inline(always)]
        fn redirect(inputs: &Kernel<'_>, owner: u32) -> (u32, u32) {
            use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_REDIRECT};
            use steering::{Situation as _, layout};
            let index = layout::mesh_index(inputs.rx_queue(), inputs.owners(), owner);
            match SOCKETS.redirect(index, u64::from(XDP_DROP)) {
                Ok(_) => (XDP_REDIRECT, layout::COUNTER_REDIRECTED + owner),
                Err(_) => (XDP_DROP, layout::COUNTER_REFUSED),
            }
        }

        $crate::license!();
    };
}
