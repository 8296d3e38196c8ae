//! What every program that steers by key is told: the table, the owners, the server's ports.

/// Declares the partition table, filled in by the loader, and `KernelTable` that reads it.
#[macro_export]
macro_rules! partition_table {
    () => {
        #[aya_ebpf::macros::map]
        static TABLE: aya_ebpf::maps::Array<u64> =
            aya_ebpf::maps::Array::with_max_entries(steering::SLOTS as u32, 0);

        struct KernelTable;

        impl steering::Table for KernelTable {
            #[inline(always)]
            fn entry(&self, slot: u16) -> Option<u64> {
                TABLE.get(u32::from(slot)).copied()
            }
        }
    };
}

/// Declares the settings and `Kernel`, the situation of a program with this context: its policy, the
/// owners among which the receive queue decides, what it counts as the receive queue, and where it
/// spreads hot keys, whose turn it is.
#[macro_export]
macro_rules! situation {
    ($context:ty, $policy:expr, $members:expr, $rx_queue:expr $(, $turn:expr)?) => {
        $crate::setting!(OWNERS: u32 = 1);
        $crate::setting!(SERVER_PORT: u16 = 0);
        $crate::setting!(PORTS: u16 = 0);

        struct Kernel<'a>(&'a $context);

        impl steering::Situation for Kernel<'_> {
            #[inline(always)]
            fn policy(&self) -> steering::Policy {
                $policy
            }

            #[inline(always)]
            fn owners(&self) -> u32 {
                OWNERS.load()
            }

            #[inline(always)]
            fn members(&self) -> u32 {
                $members
            }

            #[inline(always)]
            fn server_port(&self) -> u16 {
                SERVER_PORT.load()
            }

            #[inline(always)]
            fn ports(&self) -> u16 {
                PORTS.load()
            }

            #[inline(always)]
            fn rx_queue(&self) -> u32 {
                $rx_queue(self.0)
            }
            $(
                #[inline(always)]
                fn turn(&self, hash: u64) -> Option<u32> {
                    $turn(hash)
                }
            )?
        }
    };
}
