// Stand-in with the ports of the real top: echoes frames, copies 64 bytes by DMA when rung.
module handclasp_nic #(parameter W = `WIDTH, parameter K = W/8) (
  input clk, input rst, input [63:0] now, input link_up, output busy,
  input [15:0] s_axil_awaddr, input [2:0] s_axil_awprot, input s_axil_awvalid, output s_axil_awready,
  input [31:0] s_axil_wdata, input [3:0] s_axil_wstrb, input s_axil_wvalid, output s_axil_wready,
  output [1:0] s_axil_bresp, output s_axil_bvalid, input s_axil_bready,
  input [15:0] s_axil_araddr, input [2:0] s_axil_arprot, input s_axil_arvalid, output s_axil_arready,
  output [31:0] s_axil_rdata, output [1:0] s_axil_rresp, output s_axil_rvalid, input s_axil_rready,
  output [0:0] m_axi_awid, output [63:0] m_axi_awaddr, output [7:0] m_axi_awlen, output [2:0] m_axi_awsize,
  output [1:0] m_axi_awburst, output m_axi_awlock, output [3:0] m_axi_awcache, output [2:0] m_axi_awprot,
  output [3:0] m_axi_awqos, output m_axi_awvalid, input m_axi_awready,
  output [W-1:0] m_axi_wdata, output [K-1:0] m_axi_wstrb, output m_axi_wlast, output m_axi_wvalid, input m_axi_wready,
  input [0:0] m_axi_bid, input [1:0] m_axi_bresp, input m_axi_bvalid, output m_axi_bready,
  output [0:0] m_axi_arid, output [63:0] m_axi_araddr, output [7:0] m_axi_arlen, output [2:0] m_axi_arsize,
  output [1:0] m_axi_arburst, output m_axi_arlock, output [3:0] m_axi_arcache, output [2:0] m_axi_arprot,
  output [3:0] m_axi_arqos, output m_axi_arvalid, input m_axi_arready,
  input [0:0] m_axi_rid, input [W-1:0] m_axi_rdata, input [1:0] m_axi_rresp, input m_axi_rlast, input m_axi_rvalid, output m_axi_rready,
  input [W-1:0] s_axis_rx_tdata, input [K-1:0] s_axis_rx_tkeep, input s_axis_rx_tvalid, output s_axis_rx_tready, input s_axis_rx_tlast, input s_axis_rx_tuser,
  output [W-1:0] m_axis_tx_tdata, output [K-1:0] m_axis_tx_tkeep, output m_axis_tx_tvalid, input m_axis_tx_tready, output m_axis_tx_tlast, output m_axis_tx_tuser,
  output [15:0] msix_vector, output msix_valid, input msix_ready
);
  localparam BEATS = 512 / W;
  // registers
  reg [31:0] regs [0:15];
  reg bvalid, rvalid; reg [31:0] rdata; reg start;
  wire wr = s_axil_awvalid && s_axil_wvalid && !bvalid;
  assign s_axil_awready = wr, s_axil_wready = wr, s_axil_bresp = 0, s_axil_bvalid = bvalid;
  assign s_axil_arready = !rvalid, s_axil_rresp = 0, s_axil_rvalid = rvalid, s_axil_rdata = rdata;
  reg [31:0] errors;
  integer i;
  always @(posedge clk) begin
    start <= 0;
    if (wr) begin
      bvalid <= 1;
      if (s_axil_awaddr == 16'h4000) start <= 1; else regs[s_axil_awaddr[5:2]] <= s_axil_wdata;
    end else if (s_axil_bready) bvalid <= 0;
    if (s_axil_arvalid && !rvalid) begin
      rvalid <= 1; rdata <= s_axil_araddr == 16'h4000 ? errors : s_axil_araddr == 0 ? 32'h48434c50 : regs[s_axil_araddr[5:2]];
    end else if (s_axil_rready) rvalid <= 0;
    if (rst) begin bvalid <= 0; rvalid <= 0; start <= 0; for (i = 0; i < 16; i = i + 1) regs[i] <= 0; end
  end
  // 64-byte copy: from regs 2,3 to regs 4,5
  reg [2:0] st; reg [3:0] n; reg [511:0] buffer; reg wdone, awdone; reg msix;
  assign m_axi_arid = 0, m_axi_araddr = {regs[3], regs[2]}, m_axi_arlen = BEATS - 1, m_axi_arsize = $clog2(K), m_axi_arburst = 1,
    m_axi_arlock = 0, m_axi_arcache = 3, m_axi_arprot = 0, m_axi_arqos = 0, m_axi_arvalid = st == 1, m_axi_rready = st == 2;
  assign m_axi_awid = 0, m_axi_awaddr = {regs[5], regs[4]}, m_axi_awlen = BEATS - 1, m_axi_awsize = $clog2(K), m_axi_awburst = 1,
    m_axi_awlock = 0, m_axi_awcache = 3, m_axi_awprot = 0, m_axi_awqos = 0, m_axi_awvalid = st == 3 && !awdone;
  assign m_axi_wdata = buffer[W-1:0], m_axi_wstrb = {K{1'b1}}, m_axi_wlast = n == BEATS - 1, m_axi_wvalid = st == 3 && !wdone, m_axi_bready = st == 4;
  assign msix_vector = 5, msix_valid = msix;
  wire [511+W:0] shifted = {m_axi_rdata, buffer};
  wire [511+W:0] rotated = {buffer[W-1:0], buffer};
  always @(posedge clk) begin
    case (st)
      0: if (start) begin st <= 1; n <= 0; awdone <= 0; wdone <= 0; end
      1: if (m_axi_arready) st <= 2;
      2: if (m_axi_rvalid) begin
           buffer <= shifted[511+W:W]; if (m_axi_rresp != 0) errors <= errors + 1;
           if (m_axi_rlast) begin st <= 3; n <= 0; end
         end
      3: begin
           if (m_axi_awready) awdone <= 1;
           if (!wdone && m_axi_wready) begin buffer <= rotated[511+W:W]; n <= n + 1; if (n == BEATS - 1) wdone <= 1; end
           if ((awdone || m_axi_awready) && wdone) st <= 4;
         end
      4: if (m_axi_bvalid) begin if (m_axi_bresp != 0) errors <= errors + 1; st <= 0; msix <= 1; end
      default: st <= 0;
    endcase
    if (msix && msix_ready) msix <= 0;
    if (rst) begin st <= 0; msix <= 0; errors <= 0; end
  end
  // frame echo, one frame at a time
  reg [W+K:0] mem [0:255]; reg [7:0] wp, rp, len; reg sending, dropping;
  assign s_axis_rx_tready = 1;
  assign {m_axis_tx_tlast, m_axis_tx_tkeep, m_axis_tx_tdata} = mem[rp], m_axis_tx_tvalid = sending, m_axis_tx_tuser = 0;
  always @(posedge clk) begin
    if (s_axis_rx_tvalid) begin
      if (wp == 0 && sending) dropping <= !s_axis_rx_tlast;
      else if (dropping) begin if (s_axis_rx_tlast) dropping <= 0; end
      else begin
        mem[wp] <= {s_axis_rx_tlast, s_axis_rx_tkeep, s_axis_rx_tdata}; wp <= wp + 1;
        if (s_axis_rx_tlast) begin wp <= 0; if (!s_axis_rx_tuser) begin sending <= 1; rp <= 0; end end
      end
    end
    if (sending && m_axis_tx_tready) begin rp <= rp + 1; if (m_axis_tx_tlast) sending <= 0; end
    if (rst) begin sending <= 0; wp <= 0; dropping <= 0; end
  end
  assign busy = st != 0 || start || sending || msix || wp != 0 || dropping || bvalid || rvalid;
endmodule
