//! What the function itself has to tell, beside the gateware's counters.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counts {
    ($($field:ident $name:literal $doc:literal;)*) => {
        /// Counters of the simulated function, since it was made: no reset clears them.
        #[derive(Debug, Default)]
        pub struct Counts {
            $(#[doc = $doc] pub(super) $field: AtomicU64,)*
        }

        impl Counts {
            /// Name and value of each.
            pub fn values(&self) -> Vec<(&'static str, u64)> {
                vec![$(($name, self.$field.load(Ordering::Relaxed))),*]
            }
        }
    };
}

counts! {
    clients "pcie_clients" "Clients that have used the function.";
    resets "pcie_resets" "Resets: FLR, reset by the client's message, and one after each client.";
    dma_reads "pcie_dma_reads" "Bursts that the gateware read.";
    dma_writes "pcie_dma_writes" "Bursts that the gateware wrote.";
    dma_faults "pcie_dma_faults" "Beats answered with DECERR since nothing is mapped there, or not for this direction.";
    dma_blocked "pcie_dma_blocked" "Beats answered with DECERR since bus mastering is off.";
    msix "pcie_msix" "MSI-X messages sent.";
    maps "pcie_maps" "Mappings made by clients.";
    refused_maps "pcie_refused_maps" "Mappings refused.";
    unmaps "pcie_unmaps" "Mappings taken down by clients.";
    maps_left "pcie_maps_left" "Mappings that the last client left behind.";
    completion_timeouts "pcie_completion_timeouts" "Accesses that the gateware did not answer in time: all ones were read.";
}

/// Adds one.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
