//! The shell of the programs that steer to AF_XDP sockets.

/// Declares the mesh of sockets, the counters and the program, over a situation and a table that are
/// declared before.
#[macro_export]
macro_rules! steerer {
    () => {
        #[aya_ebpf::macros::map]
        static SOCKETS: aya_ebpf::maps::XskMap = aya_ebpf::maps::XskMap::with_max_entries(1, 0);
        #[aya_ebpf::macros::map]
        static COUNTERS: $crate::Counters = $crate::counters();

        #[aya_ebpf::macros::xdp]
        fn steerer(ctx: XdpContext) -> u32 {
            let inputs = Kernel(&ctx);
            let frame = $crate::ctx::Frame::new(&ctx);
            let (action, counter) = match steer(&frame, &KernelTable, &inputs) {
                Verdict::Owner(owner) => redirect(&inputs, u32::from(owner)),
                Verdict::Pass => (XDP_PASS, layout::COUNTER_PASSED),
                Verdict::Drop(reason) => (XDP_DROP, layout::COUNTER_DROPS + reason.index()),
            };
            $crate::ctx::count(&COUNTERS, counter);
            action
        }

        #[inline(always)]
        fn redirect(inputs: &Kernel<'_>, owner: u32) -> (u32, u32) {
            let index = layout::mesh_index(inputs.rx_queue(), inputs.owners(), owner);
            match SOCKETS.redirect(index, u64::from(XDP_DROP)) {
                Ok(_) => (XDP_REDIRECT, layout::COUNTER_REDIRECTED + owner),
                Err(_) => (XDP_DROP, layout::COUNTER_REFUSED),
            }
        }
    };
}
