//! The addresses that a device's DMA sees, and the memory behind them: an IOMMU that holds nothing but DMA memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use handclasp_driver::dma::{DmaMemory, Unmap, PAGE_BYTES};
use handclasp_driver::{BusError, DmaRegion};

use crate::io_memory::{IoFault, IoMemory};

/// I/O addresses of one device.
#[derive(Debug)]
pub struct IoSpace {
    maps: Mutex<Maps>,
}

#[derive(Debug)]
struct Maps {
    by_iova: BTreeMap<u64, Arc<DmaMemory>>,
    next_iova: u64,
}

impl Default for IoSpace {
    fn default() -> Self {
        Self::new()
    }
}

impl IoSpace {
    /// Nothing mapped. Addresses start above 4 GiB, so that a lost upper half shows.
    pub fn new() -> Self {
        Self {
            maps: Mutex::new(Maps {
                by_iova: BTreeMap::new(),
                next_iova: 0x1_0000_0000,
            }),
        }
    }

    fn maps(&self) -> MutexGuard<'_, Maps> {
        self.maps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Zeroed memory, mapped until the last clone of the region is dropped.
    ///
    /// # Errors
    /// [`BusError::NoMemory`].
    pub fn allocate(self: &Arc<Self>, len_bytes: usize) -> Result<DmaRegion, BusError> {
        let memory = DmaMemory::new(len_bytes).ok_or_else(|| BusError::NoMemory {
            len_bytes,
            reason: "the heap has none, or the size is 0; ask for less".into(),
        })?;
        let memory = Arc::new(memory);
        let mut maps = self.maps();
        let iova = maps.next_iova;
        // An unmapped page behind each region, and no address used twice: an access beyond the end, or after the end,
        // is a fault and not somebody else's memory.
        maps.next_iova += (memory.size_bytes() + PAGE_BYTES) as u64;
        maps.by_iova.insert(iova, Arc::clone(&memory));
        drop(maps);
        let owner: Arc<dyn Unmap> = Arc::clone(self) as Arc<dyn Unmap>;
        Ok(DmaRegion::mapped(memory, iova, owner))
    }

    /// Number of regions mapped.
    pub fn regions(&self) -> usize {
        self.maps().by_iova.len()
    }

    /// The memory at `address`, and the offset into it.
    fn find(&self, address: u64) -> Result<(Arc<DmaMemory>, usize), IoFault> {
        let maps = self.maps();
        let (iova, memory) = maps
            .by_iova
            .range(..=address)
            .next_back()
            .ok_or(IoFault { address })?;
        let offset = usize::try_from(address - iova).map_err(|_| IoFault { address })?;
        Ok((Arc::clone(memory), offset))
    }
}

/// A range must lie in one region.
impl IoMemory for IoSpace {
    fn read(&self, address: u64, out: &mut [u8]) -> Result<(), IoFault> {
        let (memory, offset) = self.find(address)?;
        memory.read(offset, out).map_err(|_| IoFault { address })
    }

    fn write(&self, address: u64, data: &[u8]) -> Result<(), IoFault> {
        let (memory, offset) = self.find(address)?;
        memory.write(offset, data).map_err(|_| IoFault { address })
    }
}

impl Unmap for IoSpace {
    fn unmap(&self, iova: u64) {
        self.maps().by_iova.remove(&iova);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_reached_beyond_a_region_or_after_its_end(
    ) -> Result<(), Box<dyn std::error::Error>> {
        let space = Arc::new(IoSpace::new());
        let first = space.allocate(PAGE_BYTES)?;
        let second = space.allocate(1)?;
        let end = first.iova() + PAGE_BYTES as u64;
        space.write(end - 4, &[1; 4])?;
        for (address, len) in [
            (end - 4, 5),
            (end, 1),
            (end + PAGE_BYTES as u64 - 1, 1),
            (0, 1),
        ] {
            let fault = Err(IoFault { address });
            assert_eq!(space.read(address, &mut vec![0; len]), fault);
            assert_eq!(space.write(address, &vec![0; len]), fault);
        }
        space.write(second.iova(), &[7])?;
        let iova = first.iova();
        drop(first);
        assert_eq!(space.read(iova, &mut [0]), Err(IoFault { address: iova }));
        assert_eq!(space.regions(), 1);
        assert!(space.allocate(0).is_err());
        Ok(())
    }
}
