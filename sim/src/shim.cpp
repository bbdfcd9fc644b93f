// What Rust sees of one Verilated model: created, evaluated cycle by cycle, compared with itself, traced, deleted.
// Compiled once a width, with MODEL, SYMS and MODEL_HEADER, SYMS_HEADER naming the model and SHIM(name) its functions.
// The two structs are those of src/dut.rs, field by field.
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "verilated.h"
#include "verilated_fst_c.h"
#include MODEL_HEADER
#include SYMS_HEADER

struct Inputs {
    uint64_t now;
    uint64_t s_axis_rx_tdata[8];
    uint64_t s_axis_rx_tkeep;
    uint64_t m_axi_rdata[8];
    uint32_t s_axil_wdata;
    uint16_t s_axil_awaddr, s_axil_araddr;
    uint8_t rst, link_up;
    uint8_t s_axil_awprot, s_axil_awvalid, s_axil_wstrb, s_axil_wvalid, s_axil_bready;
    uint8_t s_axil_arprot, s_axil_arvalid, s_axil_rready;
    uint8_t m_axi_awready, m_axi_wready, m_axi_bid, m_axi_bresp, m_axi_bvalid;
    uint8_t m_axi_arready, m_axi_rid, m_axi_rresp, m_axi_rlast, m_axi_rvalid;
    uint8_t s_axis_rx_tvalid, s_axis_rx_tlast, s_axis_rx_tuser;
    uint8_t m_axis_tx_tready, msix_ready;
};

struct Outputs {
    uint64_t m_axi_awaddr, m_axi_araddr;
    uint64_t m_axi_wdata[8];
    uint64_t m_axi_wstrb;
    uint64_t m_axis_tx_tdata[8];
    uint64_t m_axis_tx_tkeep;
    uint32_t s_axil_rdata;
    uint16_t msix_vector;
    uint8_t busy;
    uint8_t s_axil_awready, s_axil_wready, s_axil_bresp, s_axil_bvalid;
    uint8_t s_axil_arready, s_axil_rresp, s_axil_rvalid;
    uint8_t m_axi_awid, m_axi_awlen, m_axi_awsize, m_axi_awburst, m_axi_awlock, m_axi_awcache, m_axi_awprot;
    uint8_t m_axi_awqos, m_axi_awvalid, m_axi_wlast, m_axi_wvalid, m_axi_bready;
    uint8_t m_axi_arid, m_axi_arlen, m_axi_arsize, m_axi_arburst, m_axi_arlock, m_axi_arcache, m_axi_arprot;
    uint8_t m_axi_arqos, m_axi_arvalid, m_axi_rready;
    uint8_t s_axis_rx_tready;
    uint8_t m_axis_tx_tvalid, m_axis_tx_tlast, m_axis_tx_tuser;
    uint8_t msix_valid;
};

namespace {

struct Dut {
    VerilatedContext context;
    std::unique_ptr<MODEL> model;
    std::unique_ptr<VerilatedFstC> trace;
    std::vector<char> before;  // copy of the state, for `idle`
    std::string error;
};

template <typename Port>
void drive(Port& port, const uint64_t* value) { port = static_cast<Port>(*value); }
template <std::size_t Words>
void drive(VlWide<Words>& port, const uint64_t* value) { std::memcpy(&port, value, sizeof port); }
template <typename Port>
void sample(uint64_t* value, const Port& port) { *value = port; }
template <std::size_t Words>
void sample(uint64_t* value, const VlWide<Words>& port) { std::memcpy(value, &port, sizeof port); }

void drive_inputs(MODEL& m, const Inputs& in) {
#define DRIVE(name) m.name = in.name
    DRIVE(now); DRIVE(rst); DRIVE(link_up);
    DRIVE(s_axil_awaddr); DRIVE(s_axil_awprot); DRIVE(s_axil_awvalid);
    DRIVE(s_axil_wdata); DRIVE(s_axil_wstrb); DRIVE(s_axil_wvalid); DRIVE(s_axil_bready);
    DRIVE(s_axil_araddr); DRIVE(s_axil_arprot); DRIVE(s_axil_arvalid); DRIVE(s_axil_rready);
    DRIVE(m_axi_awready); DRIVE(m_axi_wready); DRIVE(m_axi_bid); DRIVE(m_axi_bresp); DRIVE(m_axi_bvalid);
    DRIVE(m_axi_arready); DRIVE(m_axi_rid); DRIVE(m_axi_rresp); DRIVE(m_axi_rlast); DRIVE(m_axi_rvalid);
    drive(m.m_axi_rdata, in.m_axi_rdata);
    DRIVE(s_axis_rx_tvalid); DRIVE(s_axis_rx_tlast); DRIVE(s_axis_rx_tuser); DRIVE(s_axis_rx_tkeep);
    drive(m.s_axis_rx_tdata, in.s_axis_rx_tdata);
    DRIVE(m_axis_tx_tready); DRIVE(msix_ready);
    // Nobody pushes commands yet.
    m.s_axi_push_awvalid = 0; m.s_axi_push_wvalid = 0; m.s_axi_push_bready = 1;
#undef DRIVE
}

void sample_outputs(const MODEL& m, Outputs& out) {
#define SAMPLE(name) out.name = m.name
    SAMPLE(busy);
    SAMPLE(s_axil_awready); SAMPLE(s_axil_wready); SAMPLE(s_axil_bresp); SAMPLE(s_axil_bvalid);
    SAMPLE(s_axil_arready); SAMPLE(s_axil_rdata); SAMPLE(s_axil_rresp); SAMPLE(s_axil_rvalid);
    SAMPLE(m_axi_awid); SAMPLE(m_axi_awaddr); SAMPLE(m_axi_awlen); SAMPLE(m_axi_awsize); SAMPLE(m_axi_awburst);
    SAMPLE(m_axi_awlock); SAMPLE(m_axi_awcache); SAMPLE(m_axi_awprot); SAMPLE(m_axi_awqos); SAMPLE(m_axi_awvalid);
    sample(out.m_axi_wdata, m.m_axi_wdata);
    SAMPLE(m_axi_wstrb); SAMPLE(m_axi_wlast); SAMPLE(m_axi_wvalid); SAMPLE(m_axi_bready);
    SAMPLE(m_axi_arid); SAMPLE(m_axi_araddr); SAMPLE(m_axi_arlen); SAMPLE(m_axi_arsize); SAMPLE(m_axi_arburst);
    SAMPLE(m_axi_arlock); SAMPLE(m_axi_arcache); SAMPLE(m_axi_arprot); SAMPLE(m_axi_arqos); SAMPLE(m_axi_arvalid);
    SAMPLE(m_axi_rready);
    SAMPLE(s_axis_rx_tready);
    sample(out.m_axis_tx_tdata, m.m_axis_tx_tdata);
    SAMPLE(m_axis_tx_tkeep); SAMPLE(m_axis_tx_tvalid); SAMPLE(m_axis_tx_tlast); SAMPLE(m_axis_tx_tuser);
    SAMPLE(msix_vector); SAMPLE(msix_valid);
#undef SAMPLE
}

// Runs `work`; false, with the text in `dut.error`, if the model raised an error (an assertion, no convergence).
template <typename Work>
bool guarded(Dut& dut, Work work) {
    Verilated::threadContextp(&dut.context);
    try {
        work();
        return true;
    } catch (const std::exception& error) {
        dut.error = error.what();
        return false;
    }
}

}  // namespace

extern "C" {

std::size_t SHIM(inputs_bytes)() { return sizeof(Inputs); }
std::size_t SHIM(outputs_bytes)() { return sizeof(Outputs); }

// Not to be called from two threads at once: the random reset values come from a generator that is shared.
Dut* SHIM(new)(uint32_t seed) {
    auto dut = std::make_unique<Dut>();
    dut->context.traceEverOn(true);
    dut->context.randReset(2);
    dut->context.randSeed(static_cast<int>(seed));
    guarded(*dut, [&] { dut->model = std::make_unique<MODEL>(&dut->context); });
    return dut->model ? dut.release() : nullptr;
}

void SHIM(delete)(Dut* dut) {
    guarded(*dut, [&] { dut->model->final(); });
    if (dut->trace) dut->trace->close();
    delete dut;
}

// One clock cycle: inputs in, combinational paths settled, outputs out, rising edge.
bool SHIM(cycle)(Dut* dut, const Inputs* in, Outputs* out, uint64_t time_ps, uint64_t period_ps) {
    return guarded(*dut, [&] {
        MODEL& m = *dut->model;
        drive_inputs(m, *in);
        m.clk = 0;
        m.eval();
        sample_outputs(m, *out);
        if (dut->trace) dut->trace->dump(time_ps);
        m.clk = 1;
        m.eval();
        if (dut->trace) dut->trace->dump(time_ps + period_ps / 2);
    });
}

// Whether a cycle with the inputs held would change anything. The state is as before afterwards.
bool SHIM(idle)(Dut* dut, bool* idle) {
    return guarded(*dut, [&] {
        MODEL& m = *dut->model;
        auto* state = reinterpret_cast<char*>(m.rootp->vlSymsp);
        dut->before.assign(state, state + sizeof(SYMS));
        m.clk = 0;
        m.eval();
        m.clk = 1;
        m.eval();
        *idle = std::memcmp(state, dut->before.data(), sizeof(SYMS)) == 0;
        if (!*idle) std::memcpy(state, dut->before.data(), sizeof(SYMS));
    });
}

bool SHIM(trace_open)(Dut* dut, const char* path) {
    return guarded(*dut, [&] {
        dut->trace = std::make_unique<VerilatedFstC>();
        dut->model->trace(dut->trace.get(), 99);
        dut->trace->open(path);
        if (!dut->trace->isOpen()) {
            dut->trace.reset();
            throw std::runtime_error("the file cannot be written");
        }
    });
}

void SHIM(trace_close)(Dut* dut) {
    if (dut->trace) dut->trace->close();
    dut->trace.reset();
}

std::size_t SHIM(state_bytes)() { return sizeof(SYMS); }

const char* SHIM(error)(const Dut* dut) { return dut->error.c_str(); }

}  // extern "C"
