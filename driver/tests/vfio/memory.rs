//! DMA memory: how it is cut, reused and refused.

use std::collections::BTreeMap;

use crate::fake::Fake;
use handclasp_driver::{Bus, BusError, DmaRegion};

const MIB: usize = 1 << 20;

fn contents(region: &DmaRegion) -> Vec<u8> {
    let mut bytes = vec![0; region.size_bytes()];
    region.read(0, &mut bytes).unwrap();
    bytes
}

#[test]
fn regions_are_whole_pages_zeroed_and_mapped() {
    let (fake, bus) = Fake::open();
    for len in [1, 4095, 4096, 4097, 100_000, 3 * MIB] {
        let region = bus.allocate(len).unwrap();
        assert_eq!(region.size_bytes(), len.next_multiple_of(4096));
        assert_eq!(region.iova() % 4096, 0);
        assert!(contents(&region).iter().all(|&byte| byte == 0));
        let state = fake.state();
        let (&base, &mapped) = state.maps.range(..=region.iova()).next_back().unwrap();
        assert!(region.iova() + region.size_bytes() as u64 <= base + mapped as u64);
    }
    for len in [0, usize::MAX, usize::MAX - 4095] {
        let error = bus.allocate(len).unwrap_err();
        assert!(matches!(error, BusError::NoMemory { len_bytes, .. } if len_bytes == len));
    }
}

#[test]
fn a_dropped_region_is_handed_out_again_zeroed_and_not_mapped_anew() {
    let (fake, bus) = Fake::open();
    let region = bus.allocate(16384).unwrap();
    let clone = region.clone();
    let iova = region.iova();
    region.write(0, &[0xaa; 16384]).unwrap();
    drop(region);
    fake.take_calls();
    assert_ne!(
        bus.allocate(16384).unwrap().iova(),
        iova,
        "a clone holds it"
    );
    drop(clone);
    fake.take_calls();
    let first = bus.allocate(4096).unwrap();
    assert_eq!(first.iova(), iova);
    assert_eq!(contents(&first), [0; 4096]);
    let rest = bus.allocate(12288).unwrap();
    assert_eq!(rest.iova(), iova + 4096);
    assert_eq!(contents(&rest), [0; 12288]);
    assert_eq!(fake.take_calls(), [""; 0]);
}

/// Whatever is taken and dropped, in whatever order: no two regions share a byte, and none changes under its owner.
#[test]
fn regions_never_overlap() {
    let (fake, bus) = Fake::open();
    let mut live: BTreeMap<u64, (DmaRegion, u8)> = BTreeMap::new();
    let mut random = 1_u64;
    for step in 0..3000_u32 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let dice = (random >> 33) as usize;
        if dice % 5 < 3 && live.len() < 60 {
            let region = bus.allocate(1 + dice / 5 % 40_000).unwrap();
            let fill = step as u8;
            region.write(0, &vec![fill; region.size_bytes()]).unwrap();
            assert!(live.insert(region.iova(), (region, fill)).is_none());
        } else if let Some(&iova) = live.keys().nth(dice / 5 % live.len().max(1)) {
            let (region, fill) = live.remove(&iova).unwrap();
            assert!(contents(&region).iter().all(|&byte| byte == fill));
        }
    }
    let mut end = 0;
    for (&iova, (region, fill)) in &live {
        assert!(iova >= end);
        end = iova + region.size_bytes() as u64;
        assert!(contents(region).iter().all(|byte| byte == fill));
    }
    // At most 60 regions of 10 pages at a time: what is dropped is used again.
    let mapped: usize = fake.state().maps.values().sum();
    assert!(mapped < 6 * MIB, "{mapped}");
}

#[test]
fn arenas_are_aligned_and_apart() {
    let (fake, bus) = Fake::open();
    let _regions: Vec<_> = (0..4).map(|_| bus.allocate(5 * MIB).unwrap()).collect();
    let mut end = 0;
    for (&iova, &len) in &fake.state().maps {
        assert_eq!(iova % (2 * MIB as u64), 0);
        assert!(iova >= end + 2 * MIB as u64, "an over-run must fault");
        end = iova + len as u64;
    }
}

#[test]
fn what_cannot_be_mapped_is_refused_and_what_can_still_is() {
    let (fake, bus) = Fake::open();
    fake.state().map_limit_bytes = 64 << 10;
    let error = bus.allocate(128 << 10).unwrap_err();
    assert!(error.to_string().contains("the fake's limit"), "{error}");
    // Not in a huge page, should there be any: that is more than may be mapped.
    let small = bus.allocate(64 << 10).unwrap();
    assert!(bus.allocate(4096).is_err());
    drop(small);
    assert!(bus.allocate(4096).is_ok());
}

#[test]
fn a_closed_bus_lends_nothing() {
    let (_fake, bus) = Fake::open();
    bus.close().unwrap();
    let error = bus.allocate(4096).unwrap_err();
    assert!(error.to_string().contains("closed"), "{error}");
}
