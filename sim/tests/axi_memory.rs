//! The AXI4 slave against masters written here: good ones get their data, each bad one is caught at what it does wrong.

use std::error::Error;
use std::sync::Arc;

use handclasp_driver::DmaRegion;
use handclasp_reference::io_space::IoSpace;
use handclasp_sim::axi_memory::{AxiMemory, MemoryTiming, RESPONSE_DECERR, RESPONSE_OKAY};
use handclasp_sim::dut::{Inputs, Outputs};
use handclasp_sim::handshake::{StallConfig, Violation};
use handclasp_sim::observation::{Moment, Observation};

type Outcome = Result<(), Box<dyn Error>>;

const READ_LATENCY_CYCLES: u32 = 7;
const WRITE_LATENCY_CYCLES: u32 = 5;

struct Bench {
    memory: AxiMemory,
    region: DmaRegion,
    inputs: Inputs,
    outputs: Outputs,
    cycle: u64,
    bursts: usize,
}

impl Bench {
    fn new(stall: StallConfig) -> Result<Self, Box<dyn Error>> {
        let io = Arc::new(IoSpace::new());
        let region = io.allocate(8192)?;
        let timing = MemoryTiming {
            read_latency_cycles: READ_LATENCY_CYCLES,
            write_latency_cycles: WRITE_LATENCY_CYCLES,
        };
        let outputs = Outputs {
            m_axi_arsize: 3,
            m_axi_arburst: 1,
            m_axi_awsize: 3,
            m_axi_awburst: 1,
            m_axi_wstrb: 0xff,
            m_axi_bready: true,
            ..Outputs::default()
        };
        Ok(Self {
            memory: AxiMemory::new(io, 8, timing, stall, 42),
            region,
            inputs: Inputs::default(),
            outputs,
            cycle: 0,
            bursts: 0,
        })
    }

    /// One cycle with `outputs` as they are.
    fn cycle(&mut self) -> Result<(), Violation> {
        self.memory.drive(&mut self.inputs, self.cycle);
        let at = Moment {
            cycle: self.cycle,
            now_ns: 0,
        };
        self.cycle += 1;
        let bursts = &mut self.bursts;
        self.memory
            .observe(&self.inputs, &self.outputs, at, &mut |observation| {
                let burst = matches!(
                    observation,
                    Observation::DmaRead { .. } | Observation::DmaWrite { .. }
                );
                *bursts += usize::from(burst);
            })
    }

    fn until(&mut self, done: impl Fn(&Inputs) -> bool) -> Outcome {
        for _ in 0..1000 {
            self.cycle()?;
            if done(&self.inputs) {
                return Ok(());
            }
        }
        Err("nothing happened in 1000 cycles".into())
    }

    fn offer_read(&mut self, address: u64, beats: u8) {
        self.outputs.m_axi_arvalid = true;
        self.outputs.m_axi_araddr = address;
        self.outputs.m_axi_arlen = beats - 1;
    }

    fn read_address(&mut self, address: u64, beats: u8) -> Outcome {
        self.offer_read(address, beats);
        self.until(|inputs| inputs.m_axi_arready)?;
        self.outputs.m_axi_arvalid = false;
        Ok(())
    }

    /// Data and response of the burst that was asked for first.
    fn read_data(&mut self) -> Result<(Vec<u8>, u8), Box<dyn Error>> {
        let mut data = Vec::new();
        self.outputs.m_axi_rready = true;
        loop {
            self.until(|inputs| inputs.m_axi_rvalid)?;
            data.extend(self.inputs.m_axi_rdata[0].to_le_bytes());
            if self.inputs.m_axi_rlast {
                self.outputs.m_axi_rready = false;
                return Ok((data, self.inputs.m_axi_rresp));
            }
        }
    }

    fn offer_write(&mut self, address: u64, beats: u8) {
        self.outputs.m_axi_awvalid = true;
        self.outputs.m_axi_awaddr = address;
        self.outputs.m_axi_awlen = beats - 1;
    }

    fn write_address(&mut self, address: u64, beats: u8) -> Outcome {
        self.offer_write(address, beats);
        self.until(|inputs| inputs.m_axi_awready)?;
        self.outputs.m_axi_awvalid = false;
        Ok(())
    }

    fn write_beat(&mut self, data: u64, strobes: u64, last: bool) -> Outcome {
        self.outputs.m_axi_wvalid = true;
        self.outputs.m_axi_wdata[0] = data;
        self.outputs.m_axi_wstrb = strobes;
        self.outputs.m_axi_wlast = last;
        self.until(|inputs| inputs.m_axi_wready)?;
        self.outputs.m_axi_wvalid = false;
        Ok(())
    }

    fn bytes(&self, offset: usize, len: usize) -> Result<Vec<u8>, Box<dyn Error>> {
        let mut bytes = vec![0; len];
        self.region.read(offset, &mut bytes)?;
        Ok(bytes)
    }
}

fn violation(result: Outcome) -> Violation {
    match result {
        Ok(()) => panic!("not caught"),
        Err(error) => match error.downcast::<Violation>() {
            Ok(violation) => *violation,
            Err(error) => panic!("caught as {error}"),
        },
    }
}

const STALLS: [StallConfig; 2] = [
    StallConfig {
        percent: 0,
        max_cycles: 0,
    },
    StallConfig {
        percent: 60,
        max_cycles: 9,
    },
];

#[test]
fn bursts_are_answered_in_order_with_the_memory_behind_them() -> Outcome {
    for stall in STALLS {
        let mut bench = Bench::new(stall)?;
        let pattern: Vec<u8> = (0..8192u32).map(|i| (i * 7 + i / 256) as u8).collect();
        bench.region.write(0, &pattern)?;
        let iova = bench.region.iova();
        bench.read_address(iova + 4096 - 64, 8)?;
        bench.read_address(iova, 1)?;
        // Unaligned: the whole word comes, the master picks its lanes.
        bench.read_address(iova + 1003, 2)?;
        assert_eq!(
            bench.read_data()?,
            (pattern[4032..4096].to_vec(), RESPONSE_OKAY)
        );
        assert_eq!(bench.read_data()?, (pattern[..8].to_vec(), RESPONSE_OKAY));
        assert_eq!(
            bench.read_data()?,
            (pattern[1000..1016].to_vec(), RESPONSE_OKAY)
        );
        assert_eq!(bench.bursts, 3);
        assert!(!bench.memory.is_busy());
    }
    Ok(())
}

#[test]
fn reads_and_writes_take_their_latency() -> Outcome {
    let mut bench = Bench::new(STALLS[0])?;
    let iova = bench.region.iova();
    bench.read_address(iova, 1)?;
    let accepted = bench.cycle;
    bench.read_data()?;
    assert_eq!(bench.cycle - accepted, u64::from(READ_LATENCY_CYCLES));
    bench.write_address(iova, 1)?;
    bench.write_beat(1, 0xff, true)?;
    let accepted = bench.cycle;
    bench.until(|inputs| inputs.m_axi_bvalid)?;
    assert_eq!(bench.cycle - accepted, u64::from(WRITE_LATENCY_CYCLES));
    Ok(())
}

#[test]
fn only_bytes_with_a_strobe_are_written() -> Outcome {
    for stall in STALLS {
        let mut bench = Bench::new(stall)?;
        let iova = bench.region.iova();
        bench.region.write(0, &[0xee; 32])?;
        bench.write_address(iova + 3, 2)?;
        bench.write_beat(0x8877_6655_4433_2211, 0b1010_1000, false)?;
        bench.write_beat(0x8877_6655_4433_2211, 0b0000_0111, true)?;
        bench.until(|inputs| inputs.m_axi_bvalid)?;
        assert_eq!(bench.inputs.m_axi_bresp, RESPONSE_OKAY);
        let expected = [
            0xee, 0xee, 0xee, 0x44, 0xee, 0x66, 0xee, 0x88, 0x11, 0x22, 0x33, 0xee,
        ];
        assert_eq!(bench.bytes(0, 12)?, expected);
    }
    Ok(())
}

#[test]
fn what_is_not_mapped_is_a_decode_error() -> Outcome {
    let mut bench = Bench::new(STALLS[0])?;
    let beyond = bench.region.iova() + 8192;
    bench.read_address(beyond, 1)?;
    assert_eq!(bench.read_data()?.1, RESPONSE_DECERR);
    bench.read_address(8, 1)?;
    assert_eq!(bench.read_data()?.1, RESPONSE_DECERR);
    bench.write_address(beyond, 1)?;
    bench.write_beat(1, 0xff, true)?;
    bench.until(|inputs| inputs.m_axi_bvalid)?;
    assert_eq!(bench.inputs.m_axi_bresp, RESPONSE_DECERR);
    Ok(())
}

#[test]
fn memory_is_gone_with_its_last_region() -> Outcome {
    let mut bench = Bench::new(STALLS[0])?;
    let iova = bench.region.iova();
    let io = Arc::new(IoSpace::new());
    bench.region = io.allocate(4096)?;
    bench.read_address(iova, 1)?;
    assert_eq!(bench.read_data()?.1, RESPONSE_DECERR);
    Ok(())
}

#[test]
fn a_burst_across_4_kib_is_caught_and_one_up_to_it_is_not() -> Outcome {
    let mut bench = Bench::new(STALLS[0])?;
    let iova = bench.region.iova();
    bench.read_address(iova + 4096 - 8, 1)?;
    bench.write_address(iova + 4096 - 16, 2)?;
    let (address, len_bytes) = (iova + 4096 - 8, 16);
    let crosses = |channel| Violation::Crosses4Kib {
        channel,
        address,
        len_bytes,
    };
    assert_eq!(
        violation(bench.read_address(address, 2)),
        crosses("m_axi_ar")
    );
    let mut bench = Bench::new(STALLS[0])?;
    assert_eq!(
        violation(bench.write_address(address, 2)),
        crosses("m_axi_aw")
    );
    Ok(())
}

#[test]
fn bursts_that_are_not_incr_or_not_of_whole_beats_are_caught() -> Outcome {
    let mut bench = Bench::new(STALLS[0])?;
    bench.outputs.m_axi_arburst = 0;
    let caught = violation(bench.read_address(0, 1));
    assert!(matches!(
        caught,
        Violation::BurstKind {
            channel: "m_axi_ar",
            burst: 0,
            ..
        }
    ));
    let mut bench = Bench::new(STALLS[0])?;
    bench.outputs.m_axi_awsize = 2;
    let caught = violation(bench.write_address(0, 1));
    assert!(matches!(
        caught,
        Violation::BurstKind {
            channel: "m_axi_aw",
            size: 2,
            ..
        }
    ));
    Ok(())
}

#[test]
fn wlast_too_early_or_missing_is_caught() -> Outcome {
    for (last, beat) in [([true, true], 1), ([false, false], 2)] {
        let mut bench = Bench::new(STALLS[0])?;
        bench.write_address(bench.region.iova(), 2)?;
        let caught = bench
            .write_beat(1, 0xff, last[0])
            .and_then(|()| bench.write_beat(2, 0xff, last[1]));
        let expected = Violation::Wlast {
            wlast: beat == 1,
            beat,
            beats: 2,
        };
        assert_eq!(violation(caught), expected);
    }
    Ok(())
}

#[test]
fn a_strobe_below_the_start_is_caught() -> Outcome {
    let mut bench = Bench::new(STALLS[0])?;
    let address = bench.region.iova() + 4;
    bench.write_address(address, 1)?;
    let caught = violation(bench.write_beat(1, 0b1111_1000, true));
    let strobes = 0b1111_1000;
    assert_eq!(caught, Violation::StrobeBelowStart { strobes, address });
    Ok(())
}

/// Runs until the channel lets an offer wait, which needs waiting: then `change`s it.
fn change_while_waiting(
    offer: impl Fn(&mut Bench, u64),
    ready: impl Fn(&Inputs) -> bool,
    change: impl Fn(&mut Outputs),
) -> Result<Violation, Box<dyn Error>> {
    let mut bench = Bench::new(STALLS[1])?;
    let iova = bench.region.iova();
    for _ in 0..200 {
        offer(&mut bench, iova);
        bench.cycle()?;
        if !ready(&bench.inputs) {
            change(&mut bench.outputs);
            return Ok(violation(bench.cycle().map_err(Into::into)));
        }
    }
    Err("the channel never let an offer wait".into())
}

#[test]
fn an_offer_that_changes_or_vanishes_is_caught() -> Outcome {
    let read = |bench: &mut Bench, iova| bench.offer_read(iova, 1);
    let write = |bench: &mut Bench, iova| bench.offer_write(iova, 1);
    let data = |bench: &mut Bench, iova| {
        // Addresses for the data to belong to, so that readiness is up to the data channel alone.
        bench.offer_write(iova, 1);
        bench.outputs.m_axi_wvalid = true;
        bench.outputs.m_axi_wlast = true;
    };
    let changed = |channel| Violation::PayloadChanged { channel };
    let fell = |channel| Violation::ValidFell { channel };
    let ar = |i: &Inputs| i.m_axi_arready;
    let aw = |i: &Inputs| i.m_axi_awready;
    let w = |i: &Inputs| i.m_axi_wready;
    assert_eq!(
        change_while_waiting(read, ar, |o| o.m_axi_arlen += 1)?,
        changed("m_axi_ar")
    );
    assert_eq!(
        change_while_waiting(read, ar, |o| o.m_axi_arvalid = false)?,
        fell("m_axi_ar")
    );
    assert_eq!(
        change_while_waiting(write, aw, |o| o.m_axi_awaddr += 8)?,
        changed("m_axi_aw")
    );
    assert_eq!(
        change_while_waiting(write, aw, |o| o.m_axi_awvalid = false)?,
        fell("m_axi_aw")
    );
    assert_eq!(
        change_while_waiting(data, w, |o| o.m_axi_wdata[0] += 1)?,
        changed("m_axi_w")
    );
    assert_eq!(
        change_while_waiting(data, w, |o| o.m_axi_wvalid = false)?,
        fell("m_axi_w")
    );
    Ok(())
}
