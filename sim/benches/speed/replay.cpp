// Runs one Verilated NIC, idle and then with random inputs, and prints "<idle ns a cycle> <random ns a cycle> <hash of the outputs>".
// Compiled with MODEL and MODEL_HEADER naming the model.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "verilated.h"
#include MODEL_HEADER

static uint64_t state = 1;
static uint64_t hash = 0;

// Marsaglia's xorshift64.
static uint64_t random_word() {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

template <typename Port>
static void randomise(Port& port, unsigned bits) {
    port = static_cast<Port>(random_word() & (~uint64_t{0} >> (64 - bits)));
}
// Cheap on purpose: the words need not be independent, and what this takes is measured with the model.
template <std::size_t Words>
static void randomise(VlWide<Words>& port, unsigned) {
    uint64_t word = random_word();
    for (std::size_t i = 0; i < Words; ++i) port[i] = static_cast<EData>(word += 0x9e3779b97f4a7c15);
}
template <typename Port>
static void note(const Port& port) { hash = (hash << 5 | hash >> 59) ^ port; }
template <std::size_t Words>
static void note(const VlWide<Words>& port) {
    for (std::size_t i = 0; i < Words; ++i) note(port[i]);
}

static void cycle(MODEL& m) {
    m.clk = 0;
    m.eval();
    note(m.m_axi_wdata);
    note(m.m_axis_tx_tdata);
    note(m.s_axil_rdata);
    note(m.m_axi_awaddr);
    note(m.m_axi_araddr);
    note(m.s_axis_rx_tready);
    note(m.msix_valid);
    note(m.busy);
    m.clk = 1;
    m.eval();
}

template <typename Step>
static double ns_per_cycle(long cycles, Step step) {
    auto start = std::chrono::steady_clock::now();
    for (long i = 0; i < cycles; ++i) step();
    std::chrono::duration<double, std::nano> elapsed = std::chrono::steady_clock::now() - start;
    return elapsed.count() / static_cast<double>(cycles);
}

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    long cycles = std::atol(argv[1]);
    VerilatedContext context;
    context.randReset(0);  // Registers without reset start alike in both models.
    MODEL m{&context};
    m.rst = 1;
    for (int i = 0; i < 16; ++i) cycle(m);
    m.rst = 0;
    // The tables clear themselves after the reset.
    for (int i = 0; i < 10000; ++i) cycle(m);
    double idle = ns_per_cycle(cycles, [&] { cycle(m); });
    m.link_up = 1;
    double random = ns_per_cycle(cycles, [&] {
        uint64_t word = random_word();
        m.now += 4;
        // The control word now and then, so that the queues and both directions are on most of the time.
        m.s_axil_awvalid = m.s_axil_wvalid = (word & 0x3f) == 0;
        randomise(m.s_axil_awaddr, 10);
        m.s_axil_wdata = static_cast<uint32_t>(random_word());
        m.s_axil_wstrb = 0xf;
        m.s_axil_bready = 1;
        m.s_axis_rx_tvalid = word >> 6 & 1;
        m.s_axis_rx_tlast = (word >> 7 & 7) == 0;
        randomise(m.s_axis_rx_tdata, 64);
        m.s_axis_rx_tkeep = ~uint64_t{0} >> (64 - KEEP_BITS);
        m.m_axi_awready = word >> 10 & 1;
        m.m_axi_wready = word >> 11 & 1;
        m.m_axi_arready = word >> 12 & 1;
        m.m_axi_rvalid = word >> 13 & 1;
        randomise(m.m_axi_rdata, 64);
        m.m_axi_bvalid = word >> 14 & 1;
        m.m_axis_tx_tready = word >> 15 & 1;
        m.msix_ready = 1;
        cycle(m);
    });
    std::printf("%.1f %.1f %016llx\n", idle, random, static_cast<unsigned long long>(hash));
}
