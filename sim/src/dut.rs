//! One Verilated model, cycle by cycle. The only place of this crate with `unsafe`: the calls of `shim.cpp`.

use std::ffi::{c_char, CStr, CString};
use std::path::Path;
use std::ptr::NonNull;
use std::sync::Mutex;

/// Width of the NIC's data paths. With it come clock and line rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Width {
    /// 64 bits at 156.25 MHz: 10 Gbit/s.
    W64,
    /// 512 bits at 250 MHz: 100 Gbit/s.
    W512,
}

impl Width {
    /// Bytes of one beat.
    pub const fn bytes(self) -> usize {
        match self {
            Width::W64 => 8,
            Width::W512 => 64,
        }
    }

    /// Bits of one beat.
    pub const fn bits(self) -> usize {
        8 * self.bytes()
    }

    /// Bytes of one beat of `m_axi_*`.
    pub const fn bus_bytes(self) -> usize {
        handclasp_layout::port::bus_bits(self.bits()) / 8
    }

    /// Length of a clock cycle in picoseconds.
    pub const fn period_ps(self) -> u64 {
        match self {
            Width::W64 => 6_400,
            Width::W512 => 4_000,
        }
    }

    /// What the line carries in one clock cycle, in bits.
    pub const fn line_bits_per_cycle(self) -> u64 {
        match self {
            Width::W64 => 64,   // 10 Gbit/s * 6.4 ns
            Width::W512 => 400, // 100 Gbit/s * 4 ns
        }
    }
}

/// The model stopped: an assertion in the gateware failed, or its combinational logic did not settle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the Verilated model stopped: {0}")]
pub struct ModelError(pub String);

/// Values of the top module's input ports; names are the ports'. Of `tdata` the first W/64 words count, of `rdata` the first D/64.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Inputs {
    pub now: u64,
    pub s_axis_rx_tdata: [u64; 8],
    pub s_axis_rx_tkeep: u64,
    pub m_axi_rdata: [u64; 8],
    pub s_axil_wdata: u32,
    pub s_axil_awaddr: u16,
    pub s_axil_araddr: u16,
    pub rst: bool,
    pub link_up: bool,
    pub s_axil_awprot: u8,
    pub s_axil_awvalid: bool,
    pub s_axil_wstrb: u8,
    pub s_axil_wvalid: bool,
    pub s_axil_bready: bool,
    pub s_axil_arprot: u8,
    pub s_axil_arvalid: bool,
    pub s_axil_rready: bool,
    pub m_axi_awready: bool,
    pub m_axi_wready: bool,
    pub m_axi_bid: u8,
    pub m_axi_bresp: u8,
    pub m_axi_bvalid: bool,
    pub m_axi_arready: bool,
    pub m_axi_rid: u8,
    pub m_axi_rresp: u8,
    pub m_axi_rlast: bool,
    pub m_axi_rvalid: bool,
    pub s_axis_rx_tvalid: bool,
    pub s_axis_rx_tlast: bool,
    pub s_axis_rx_tuser: bool,
    pub m_axis_tx_tready: bool,
    pub msix_ready: bool,
}

/// Values of the top module's output ports, as they stand before the rising edge. The one-bit ports are 0 or 1.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct Outputs {
    pub m_axi_awaddr: u64,
    pub m_axi_araddr: u64,
    pub m_axi_wdata: [u64; 8],
    pub m_axi_wstrb: u64,
    pub m_axis_tx_tdata: [u64; 8],
    pub m_axis_tx_tkeep: u64,
    pub s_axil_rdata: u32,
    pub msix_vector: u16,
    pub busy: bool,
    pub s_axil_awready: bool,
    pub s_axil_wready: bool,
    pub s_axil_bresp: u8,
    pub s_axil_bvalid: bool,
    pub s_axil_arready: bool,
    pub s_axil_rresp: u8,
    pub s_axil_rvalid: bool,
    pub m_axi_awid: u8,
    pub m_axi_awlen: u8,
    pub m_axi_awsize: u8,
    pub m_axi_awburst: u8,
    pub m_axi_awlock: u8,
    pub m_axi_awcache: u8,
    pub m_axi_awprot: u8,
    pub m_axi_awqos: u8,
    pub m_axi_awvalid: bool,
    pub m_axi_wlast: bool,
    pub m_axi_wvalid: bool,
    pub m_axi_bready: bool,
    pub m_axi_arid: u8,
    pub m_axi_arlen: u8,
    pub m_axi_arsize: u8,
    pub m_axi_arburst: u8,
    pub m_axi_arlock: u8,
    pub m_axi_arcache: u8,
    pub m_axi_arprot: u8,
    pub m_axi_arqos: u8,
    pub m_axi_arvalid: bool,
    pub m_axi_rready: bool,
    pub s_axis_rx_tready: bool,
    pub m_axis_tx_tvalid: bool,
    pub m_axis_tx_tlast: bool,
    pub m_axis_tx_tuser: bool,
    pub msix_valid: bool,
}

/// What `shim.cpp` calls a Dut: only ever behind a pointer.
#[repr(C)]
struct Handle {
    _opaque: [u8; 0],
}

/// The functions of one width.
struct Shim {
    inputs_bytes: unsafe extern "C" fn() -> usize,
    outputs_bytes: unsafe extern "C" fn() -> usize,
    state_bytes: unsafe extern "C" fn() -> usize,
    new: unsafe extern "C" fn(u32) -> *mut Handle,
    delete: unsafe extern "C" fn(*mut Handle),
    cycle: unsafe extern "C" fn(*mut Handle, *const Inputs, *mut Outputs, u64, u64) -> bool,
    idle: unsafe extern "C" fn(*mut Handle, *mut bool) -> bool,
    trace_open: unsafe extern "C" fn(*mut Handle, *const c_char) -> bool,
    trace_close: unsafe extern "C" fn(*mut Handle),
    error: unsafe extern "C" fn(*const Handle) -> *const c_char,
}

macro_rules! shim {
    ($name:ident, $inputs_bytes:ident $outputs_bytes:ident $state_bytes:ident $new:ident $delete:ident $cycle:ident
     $idle:ident $trace_open:ident $trace_close:ident $error:ident) => {
        extern "C" {
            fn $inputs_bytes() -> usize;
            fn $outputs_bytes() -> usize;
            fn $state_bytes() -> usize;
            fn $new(seed: u32) -> *mut Handle;
            fn $delete(dut: *mut Handle);
            fn $cycle(
                dut: *mut Handle,
                inputs: *const Inputs,
                outputs: *mut Outputs,
                time_ps: u64,
                period_ps: u64,
            ) -> bool;
            fn $idle(dut: *mut Handle, idle: *mut bool) -> bool;
            fn $trace_open(dut: *mut Handle, path: *const c_char) -> bool;
            fn $trace_close(dut: *mut Handle);
            fn $error(dut: *const Handle) -> *const c_char;
        }
        static $name: Shim = Shim {
            inputs_bytes: $inputs_bytes,
            outputs_bytes: $outputs_bytes,
            state_bytes: $state_bytes,
            new: $new,
            delete: $delete,
            cycle: $cycle,
            idle: $idle,
            trace_open: $trace_open,
            trace_close: $trace_close,
            error: $error,
        };
    };
}
shim!(SHIM_W64, handclasp_nic_w64_inputs_bytes handclasp_nic_w64_outputs_bytes handclasp_nic_w64_state_bytes
    handclasp_nic_w64_new handclasp_nic_w64_delete handclasp_nic_w64_cycle handclasp_nic_w64_idle
    handclasp_nic_w64_trace_open handclasp_nic_w64_trace_close handclasp_nic_w64_error);
shim!(SHIM_W512, handclasp_nic_w512_inputs_bytes handclasp_nic_w512_outputs_bytes handclasp_nic_w512_state_bytes
    handclasp_nic_w512_new handclasp_nic_w512_delete handclasp_nic_w512_cycle handclasp_nic_w512_idle
    handclasp_nic_w512_trace_open handclasp_nic_w512_trace_close handclasp_nic_w512_error);

/// Verilator's random reset values come from one generator of the process: models are made one at a time, so that the
/// same seed always gives the same model.
static MAKING: Mutex<()> = Mutex::new(());

/// A device under test: one Verilated `handclasp_nic` with a context of its own.
pub struct Dut {
    shim: &'static Shim,
    handle: NonNull<Handle>,
    width: Width,
}

// SAFETY: the model and its context belong to this Dut alone, nothing in them is tied to the thread that made them
// (the shim sets Verilator's thread-local pointer to the context in every call). Not Sync: calls take `&mut self`.
unsafe impl Send for Dut {}

impl Dut {
    /// A model whose registers hold random values made from `seed`; it wants some cycles with `rst`.
    ///
    /// # Errors
    /// [`ModelError`] when the model cannot be made.
    pub fn new(width: Width, seed: u32) -> Result<Self, ModelError> {
        let shim = match width {
            Width::W64 => &SHIM_W64,
            Width::W512 => &SHIM_W512,
        };
        // SAFETY: the two functions only return a constant.
        let shim_sizes = unsafe { ((shim.inputs_bytes)(), (shim.outputs_bytes)()) };
        if shim_sizes != (size_of::<Inputs>(), size_of::<Outputs>()) {
            return Err(ModelError(
                "shim.cpp and dut.rs differ in their structs".into(),
            ));
        }
        let _one_at_a_time = MAKING.lock();
        // SAFETY: called by one thread at a time, which is its only condition.
        let handle = unsafe { (shim.new)(seed) };
        let handle =
            NonNull::new(handle).ok_or_else(|| ModelError("the model cannot be made".into()))?;
        Ok(Self {
            shim,
            handle,
            width,
        })
    }

    /// Width of the data paths.
    pub fn width(&self) -> Width {
        self.width
    }

    /// Bytes of the model's state: what [`Dut::is_idle`] compares.
    pub fn state_bytes(&self) -> usize {
        // SAFETY: returns a constant.
        unsafe { (self.shim.state_bytes)() }
    }

    /// One clock cycle. `outputs` are sampled before the rising edge, with `inputs` already applied. `time_ps` is where
    /// the cycle begins in the waveform.
    ///
    /// # Errors
    /// [`ModelError`]; the model is then of no further use.
    pub fn cycle(
        &mut self,
        inputs: &Inputs,
        outputs: &mut Outputs,
        time_ps: u64,
    ) -> Result<(), ModelError> {
        let period_ps = self.width.period_ps();
        // SAFETY: the handle is live until `drop`; the structs are those of shim.cpp (sizes checked in `new`), and C++
        // writes 0 or 1 into the fields that are bool here, since their ports are one bit wide.
        let done =
            unsafe { (self.shim.cycle)(self.handle.as_ptr(), inputs, outputs, time_ps, period_ps) };
        self.result(done)
    }

    /// Whether any further cycle with the inputs of the last one would change nothing at all: then no number of them
    /// would, and they can be skipped. Exact (the state is copied, clocked once, compared and put back), and dear.
    ///
    /// # Errors
    /// As for [`Dut::cycle`].
    pub fn is_idle(&mut self) -> Result<bool, ModelError> {
        let mut idle = false;
        // SAFETY: the handle is live until `drop`; `idle` outlives the call.
        let done = unsafe { (self.shim.idle)(self.handle.as_ptr(), &mut idle) };
        self.result(done)?;
        Ok(idle)
    }

    /// Writes a waveform (FST) of every signal from now on.
    ///
    /// # Errors
    /// [`ModelError`] when the file cannot be written.
    pub fn open_trace(&mut self, path: &Path) -> Result<(), ModelError> {
        let text = path.to_str().and_then(|path| CString::new(path).ok());
        let text = text.ok_or_else(|| ModelError(format!("{path:?} is no file name")))?;
        // SAFETY: the handle is live until `drop`; the text ends in NUL and outlives the call.
        let done = unsafe { (self.shim.trace_open)(self.handle.as_ptr(), text.as_ptr()) };
        self.result(done)
            .map_err(|error| ModelError(format!("{}: {}", path.display(), error.0)))
    }

    /// Ends the waveform; the file is whole afterwards.
    pub fn close_trace(&mut self) {
        // SAFETY: the handle is live until `drop`.
        unsafe { (self.shim.trace_close)(self.handle.as_ptr()) }
    }

    fn result(&self, done: bool) -> Result<(), ModelError> {
        if done {
            return Ok(());
        }
        // SAFETY: the handle is live; the text belongs to it, ends in NUL, and is copied before the next call.
        let text = unsafe { CStr::from_ptr((self.shim.error)(self.handle.as_ptr())) };
        Err(ModelError(text.to_string_lossy().into_owned()))
    }
}

impl Drop for Dut {
    fn drop(&mut self) {
        // SAFETY: the handle came from `new` and is not used again.
        unsafe { (self.shim.delete)(self.handle.as_ptr()) }
    }
}
