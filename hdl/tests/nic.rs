//! The top module as its users see it: names and widths of its ports, the same text every time, nothing for a linter to say.

use handclasp_hdl::nic::{HandclaspNic512, HandclaspNic64, NicError};
use handclasp_verilog::{ports, Port, PortDirection};
use std::process::Command;

/// The ports, as the bus models outside are attached to them: direction, name, width (W and K stand for the width in bits and bytes).
const PORTS: &str = "
    in clk 1, in rst 1, in now 64, in link_up 1, out busy 1,
    in s_axil_awaddr 16, in s_axil_awprot 3, in s_axil_awvalid 1, out s_axil_awready 1,
    in s_axil_wdata 32, in s_axil_wstrb 4, in s_axil_wvalid 1, out s_axil_wready 1,
    out s_axil_bresp 2, out s_axil_bvalid 1, in s_axil_bready 1,
    in s_axil_araddr 16, in s_axil_arprot 3, in s_axil_arvalid 1, out s_axil_arready 1,
    out s_axil_rdata 32, out s_axil_rresp 2, out s_axil_rvalid 1, in s_axil_rready 1,
    out m_axi_awid 1, out m_axi_awaddr 64, out m_axi_awlen 8, out m_axi_awsize 3, out m_axi_awburst 2, out m_axi_awlock 1,
    out m_axi_awcache 4, out m_axi_awprot 3, out m_axi_awqos 4, out m_axi_awvalid 1, in m_axi_awready 1,
    out m_axi_wdata W, out m_axi_wstrb K, out m_axi_wlast 1, out m_axi_wvalid 1, in m_axi_wready 1,
    in m_axi_bid 1, in m_axi_bresp 2, in m_axi_bvalid 1, out m_axi_bready 1,
    out m_axi_arid 1, out m_axi_araddr 64, out m_axi_arlen 8, out m_axi_arsize 3, out m_axi_arburst 2, out m_axi_arlock 1,
    out m_axi_arcache 4, out m_axi_arprot 3, out m_axi_arqos 4, out m_axi_arvalid 1, in m_axi_arready 1,
    in m_axi_rid 1, in m_axi_rdata W, in m_axi_rresp 2, in m_axi_rlast 1, in m_axi_rvalid 1, out m_axi_rready 1,
    in s_axis_rx_tdata W, in s_axis_rx_tkeep K, in s_axis_rx_tvalid 1, out s_axis_rx_tready 1, in s_axis_rx_tlast 1, in s_axis_rx_tuser 1,
    out m_axis_tx_tdata W, out m_axis_tx_tkeep K, out m_axis_tx_tvalid 1, in m_axis_tx_tready 1, out m_axis_tx_tlast 1,
    out m_axis_tx_tuser 1,
    out msix_vector 16, out msix_valid 1, in msix_ready 1";

fn described(ports: &[Port]) -> Vec<String> {
    ports
        .iter()
        .map(|port| {
            let direction = match port.direction {
                PortDirection::Input => "in",
                PortDirection::Output => "out",
            };
            format!("{direction} {} {}", port.name, port.width)
        })
        .collect()
}

fn wanted(width: usize) -> Vec<String> {
    PORTS
        .split(',')
        .map(|port| {
            port.trim()
                .replace(" W", &format!(" {width}"))
                .replace(" K", &format!(" {}", width / 8))
        })
        .collect()
}

#[test]
fn ports_have_the_names_that_bus_models_expect() {
    let ports_64 = ports(&HandclaspNic64::default()).unwrap();
    assert_eq!(described(&ports_64), wanted(64));
    let ports_512 = ports(&HandclaspNic512::default()).unwrap();
    assert_eq!(described(&ports_512), wanted(512));
}

#[test]
fn emission_is_the_same_every_time_and_clean() {
    for width in [64, 512] {
        let text = handclasp_hdl::emit(width).unwrap();
        assert_eq!(text, handclasp_hdl::emit(width).unwrap());
        let directory = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let file = directory.join(format!("handclasp_nic_w{width}.v"));
        std::fs::write(&file, text).unwrap();
        let lint = Command::new("verilator")
            .args(["--lint-only", "-Wall", "-Wno-DECLFILENAME", "-Wno-UNUSED"])
            .args(["--top-module", "handclasp_nic"])
            .arg(&file)
            .output()
            .expect("verilator is installed");
        let says = String::from_utf8_lossy(&lint.stderr);
        assert!(lint.status.success() && says.is_empty(), "{says}");
    }
}

#[test]
fn other_widths_are_refused() {
    assert!(matches!(
        handclasp_hdl::emit(128),
        Err(NicError::Width(128))
    ));
}
