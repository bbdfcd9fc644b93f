//! What an application does over the function, and what happens when it, or its driver, ends badly.

use handclasp_sim::dut::Width;

use crate::rig::{connection, exchange, value, Rig, FAR};

const KIB: usize = 1 << 10;

#[test]
fn a_connection_opens_carries_data_both_ways_and_closes() {
    for width in [Width::W64, Width::W512] {
        let rig = Rig::new(width);
        let host = rig.host();
        let (near, far) = connection(&host, &rig.peer, FAR);
        exchange(near, far, 64 * KIB);
        host.drain(std::time::Duration::from_secs(5));
        drop(host);
        rig.wait_for("end of the client", |rig| rig.count("pcie_resets") == 3);
        let counters = rig.stop();
        for at_least in [
            ("tx_segments", 48),
            ("rx_flow", 48),
            ("interrupts", 1),
            ("pcie_msix", 1),
            ("pcie_dma_reads", 50),
            ("pcie_dma_writes", 50),
        ] {
            assert!(
                value(&counters, at_least.0) >= at_least.1,
                "{at_least:?}: {counters:?}"
            );
        }
        for (name, expected) in [
            ("read_errors", 0),
            ("write_errors", 0),
            ("pcie_dma_faults", 0),
            ("pcie_dma_blocked", 0),
            ("pcie_maps_left", 0),
            ("pcie_clients", 1),
            ("pcie_completion_timeouts", 0),
        ] {
            assert_eq!(value(&counters, name), expected, "{name}: {counters:?}");
        }
        assert_eq!(
            value(&counters, "pcie_maps"),
            value(&counters, "pcie_unmaps")
        );
    }
}
