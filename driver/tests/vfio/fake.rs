//! A PCI function in memory. Numbers by hand, from the PCI specifications and the datasheet.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard};

use handclasp_driver::vfio::{Function, Pages, VfioBus};
use handclasp_driver::BusError;

/// In Command.
pub const MEMORY: u16 = 2;
pub const MASTER: u16 = 4;

/// Where the capabilities are.
pub const PCIE: u8 = 0x40;
pub const MSIX: u8 = 0x80;

/// What happened to the function, or what it is told to do wrong.
pub struct State {
    pub calls: Vec<String>,
    pub config: [u8; 256],
    pub registers: BTreeMap<u32, u32>,
    /// By first I/O address: their length.
    pub maps: BTreeMap<u64, usize>,
    pub interrupts: Vec<File>,
    pub bar_bytes: u64,
    pub vectors: u32,
    /// What Command is after the first reset. The kernel puts back what it was before; by specification it is 0.
    pub command_after_reset: Option<u16>,
    /// The reset does nothing.
    pub never_resets: bool,
    /// Reads of Command that are all ones after a reset.
    pub silent_reads: u32,
    /// Nobody answers.
    pub gone: bool,
    /// Bits of Command that cannot be set.
    pub command_fixed: u16,
    /// Bytes that can be mapped.
    pub map_limit_bytes: usize,
    pub unmap_fails: bool,
}

#[derive(Clone)]
pub struct Fake(Arc<Mutex<State>>);

impl Fake {
    /// A NIC as it comes from the kernel's vfio-pci.
    pub fn good() -> Self {
        let mut config = [0; 256];
        config[..4].copy_from_slice(&[0x34, 0x12, 0x43, 0x48]);
        config[0x06] = 0x10; // There is a list of capabilities,
        config[0x34] = PCIE; // which begins here.
        config[usize::from(PCIE)..][..2].copy_from_slice(&[0x10, MSIX]);
        config[usize::from(PCIE) + 7] = 0x10; // Bit 28 of Device Capabilities: FLR.
        config[usize::from(MSIX)..][..2].copy_from_slice(&[0x11, 0]);
        let magic = BTreeMap::from([(0, 0x4843_4c50)]);
        Self(Arc::new(Mutex::new(State {
            calls: Vec::new(),
            config,
            registers: magic,
            maps: BTreeMap::new(),
            interrupts: Vec::new(),
            bar_bytes: 0x1_0000,
            vectors: 1,
            command_after_reset: None,
            never_resets: false,
            silent_reads: 0,
            gone: false,
            command_fixed: 0,
            map_limit_bytes: usize::MAX,
            unmap_fails: false,
        })))
    }

    pub fn with(change: impl FnOnce(&mut State)) -> Self {
        let fake = Self::good();
        change(&mut fake.state());
        fake
    }

    /// The function, and a bus on it.
    pub fn open() -> (Self, VfioBus<Self>) {
        let fake = Self::good();
        let bus = VfioBus::open(fake.clone()).unwrap();
        (fake, bus)
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// What happened since the last call.
    pub fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.state().calls)
    }
}

impl State {
    pub fn command(&self) -> u16 {
        u16::from_le_bytes([self.config[4], self.config[5]])
    }

    fn set_command(&mut self, command: u16) {
        self.config[4..6].copy_from_slice(&command.to_le_bytes());
    }
}

impl Function for Fake {
    fn name(&self) -> &str {
        "0000:03:00.0"
    }

    fn config_read(&self, offset: u16, data: &mut [u8]) -> Result<(), BusError> {
        let mut state = self.state();
        let at = usize::from(offset);
        assert!(matches!(data.len(), 1 | 2 | 4) && at % data.len() == 0);
        data.copy_from_slice(&state.config[at..][..data.len()]);
        let silent = state.silent_reads > 0 && state.calls.iter().any(|call| call == "reset");
        if silent {
            state.silent_reads -= 1;
        }
        // As through the kernel, which answers for the vendor ID itself.
        if (silent || state.gone) && offset >= 4 {
            data.fill(0xff);
        }
        Ok(())
    }

    fn config_write(&self, offset: u16, data: &[u8]) -> Result<(), BusError> {
        assert_eq!((offset, data.len()), (4, 2), "only Command is written");
        let mut state = self.state();
        let command = u16::from_le_bytes([data[0], data[1]]) & !state.command_fixed;
        let bits = [(MEMORY, "memory"), (MASTER, "master")];
        let on: Vec<_> = bits
            .iter()
            .filter(|(bit, _)| command & bit != 0)
            .map(|(_, name)| *name)
            .collect();
        state.calls.push(format!("command {}", on.join("+")));
        state.set_command(command);
        Ok(())
    }

    fn bar_bytes(&self, bar: u32) -> u64 {
        assert_eq!(bar, 0);
        self.state().bar_bytes
    }

    fn vectors(&self) -> u32 {
        self.state().vectors
    }

    fn read32(&self, offset: u32) -> Result<u32, BusError> {
        let mut state = self.state();
        assert!(
            state.command() & MEMORY != 0,
            "the kernel ends a process for this"
        );
        state.calls.push(format!("read {offset:#x}"));
        if state.gone {
            return Ok(u32::MAX);
        }
        Ok(state.registers.get(&offset).copied().unwrap_or(0))
    }

    fn write32(&self, offset: u32, value: u32) -> Result<(), BusError> {
        let mut state = self.state();
        assert!(
            state.command() & MEMORY != 0,
            "the kernel ends a process for this"
        );
        state.calls.push(format!("write {offset:#x}"));
        state.registers.insert(offset, value);
        Ok(())
    }

    fn reset(&self) -> Result<(), BusError> {
        let mut state = self.state();
        state.calls.push("reset".into());
        if !state.never_resets {
            let magic = state.registers.get(&0).copied().unwrap_or(0);
            state.registers = BTreeMap::from([(0, magic)]);
            if let Some(command) = state.command_after_reset.take() {
                state.set_command(command);
            }
        }
        Ok(())
    }

    fn map(&self, iova: u64, pages: &Pages) -> Result<(), BusError> {
        let mut state = self.state();
        let size_bytes = pages.size_bytes();
        let mapped: usize = state.maps.values().sum();
        if mapped + size_bytes > state.map_limit_bytes {
            return Err(BusError::NoMemory {
                len_bytes: size_bytes,
                reason: "the fake's limit".into(),
            });
        }
        state.calls.push(format!("map {size_bytes}"));
        assert!(state.maps.insert(iova, size_bytes).is_none());
        Ok(())
    }

    fn unmap(&self, iova: u64, len_bytes: usize) -> Result<(), BusError> {
        let mut state = self.state();
        state.calls.push(format!("unmap {len_bytes}"));
        if state.unmap_fails {
            return Err(BusError::Gone("the fake's unmap fails".into()));
        }
        assert_eq!(state.maps.remove(&iova), Some(len_bytes));
        Ok(())
    }

    fn enable_interrupts(&self, vectors: &[BorrowedFd<'_>]) -> Result<(), BusError> {
        let mut state = self.state();
        state
            .calls
            .push(format!("interrupts on: {}", vectors.len()));
        state.interrupts = vectors
            .iter()
            .map(|fd| fd.try_clone_to_owned().unwrap().into())
            .collect();
        Ok(())
    }

    fn disable_interrupts(&self) -> Result<(), BusError> {
        let mut state = self.state();
        state.calls.push("interrupts off".into());
        state.interrupts.clear();
        Ok(())
    }
}

impl Fake {
    /// The function sends the message of a vector.
    pub fn interrupt(&self, vector: usize) {
        let mut file = &self.state().interrupts[vector];
        file.write_all(&1_u64.to_ne_bytes()).unwrap();
    }
}
