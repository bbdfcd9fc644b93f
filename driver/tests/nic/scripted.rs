//! A bus whose device does what the test says, lies included.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use handclasp_driver::dma::{DmaMemory, Unmap};
use handclasp_driver::{Bus, BusError, DmaRegion, Nic, NicConfig};
use handclasp_layout::queue::ENTRY_BYTES;
use handclasp_layout::register::{
    CAPABILITIES, EVENT_BASE_HIGH, EVENT_BASE_LOW, MAGIC, STATUS, VERSION, WIDTH,
};

/// STATUS: ready and link up, by the datasheet's bits.
pub const READY: u32 = 0b0011;
/// STATUS: busy as well.
pub const BUSY: u32 = 0b1011;

#[derive(Default)]
pub struct ScriptedBus {
    registers: Mutex<BTreeMap<u32, u32>>,
    writes: Mutex<Vec<(u32, u32)>>,
    memory: Arc<Memory>,
}

#[derive(Default)]
pub struct Memory(Mutex<BTreeMap<u64, Arc<DmaMemory>>>);

impl Unmap for Memory {
    fn unmap(&self, iova: u64) {
        self.0.lock().unwrap().remove(&iova);
    }
}

impl ScriptedBus {
    /// A ready NIC of width 64 with one queue and 256 connections; numbers by hand from the datasheet.
    pub fn good() -> Arc<Self> {
        let bus = Self::default();
        bus.set(MAGIC.offset, 0x4843_4c50);
        bus.set(VERSION.offset, 2);
        bus.set(WIDTH.offset, 64);
        bus.set(CAPABILITIES.offset, 0x000e_0801);
        bus.set(STATUS.offset, READY);
        Arc::new(bus)
    }

    /// What a register reads from now on.
    pub fn set(&self, offset: u32, value: u32) {
        self.registers.lock().unwrap().insert(offset, value);
    }

    pub fn get(&self, offset: u32) -> u32 {
        *self.registers.lock().unwrap().get(&offset).unwrap_or(&0)
    }

    /// All register writes since the last call.
    pub fn take_writes(&self) -> Vec<(u32, u32)> {
        std::mem::take(&mut self.writes.lock().unwrap())
    }

    /// Number of DMA regions that are mapped.
    pub fn mapped(&self) -> usize {
        self.memory.0.lock().unwrap().len()
    }

    pub fn write_memory(&self, iova: u64, data: &[u8]) {
        let maps = self.memory.0.lock().unwrap();
        let (base, memory) = maps.range(..=iova).next_back().unwrap();
        memory.write((iova - base) as usize, data).unwrap();
    }

    pub fn read_memory(&self, iova: u64, out: &mut [u8]) {
        let maps = self.memory.0.lock().unwrap();
        let (base, memory) = maps.range(..=iova).next_back().unwrap();
        memory.read((iova - base) as usize, out).unwrap();
    }

    pub fn base(&self, low: u32, high: u32) -> u64 {
        u64::from(self.get(high)) << 32 | u64::from(self.get(low))
    }

    /// Writes event `index` into a ring of 8, with the phase bit that the datasheet asks for.
    pub fn event(&self, index: u32, mut entry: [u8; ENTRY_BYTES]) {
        let base = self.base(EVENT_BASE_LOW.offset, EVENT_BASE_HIGH.offset);
        entry[63] = entry[63] & 0xfe | u8::from((index / 8).is_multiple_of(2));
        self.write_memory(base + u64::from(index % 8) * 64, &entry);
    }
}

impl Bus for ScriptedBus {
    fn read32(&self, offset: u32) -> Result<u32, BusError> {
        Ok(self.get(offset))
    }

    fn write32(&self, offset: u32, value: u32) -> Result<(), BusError> {
        self.writes.lock().unwrap().push((offset, value));
        self.set(offset, value);
        Ok(())
    }

    fn allocate(&self, len_bytes: usize) -> Result<DmaRegion, BusError> {
        let memory = Arc::new(DmaMemory::new(len_bytes).unwrap());
        let mut maps = self.memory.0.lock().unwrap();
        let iova = 0x5_0000_0000 + maps.len() as u64 * 0x100_0000;
        maps.insert(iova, Arc::clone(&memory));
        let owner: Arc<dyn Unmap> = Arc::clone(&self.memory) as Arc<dyn Unmap>;
        Ok(DmaRegion::mapped(memory, iova, owner))
    }

    fn relax(&self) {}

    fn wait(&self, _timeout_ns: u64) -> Result<(), BusError> {
        Ok(())
    }

    fn wake(&self) {}
}

/// Rings of 8, not in monitor mode.
pub fn config() -> NicConfig {
    NicConfig {
        command_log2: 3,
        event_log2: 3,
        slot_log2: 3,
        ..NicConfig::new(0x02_00_00_00_00_01, [192, 0, 2, 1].into(), 0x5eed)
    }
}

pub fn open() -> (Arc<ScriptedBus>, Nic) {
    open_with(&config())
}

pub fn open_with(config: &NicConfig) -> (Arc<ScriptedBus>, Nic) {
    let bus = ScriptedBus::good();
    let nic = Nic::open(Arc::clone(&bus) as Arc<dyn Bus>, config).unwrap();
    (bus, nic)
}
