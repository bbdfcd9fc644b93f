//! BAR0 against its list of registers: every offset, every access, every strobe, in every order that AXI4-Lite allows.

mod bench;

use bench::Clocked;
use handclasp_hdl::control::{Counters, Registers};
use handclasp_layout::register::{
    Access, Counter, Register, BAR_BYTES, CONTROL_REGISTERS, COUNTERS, COUNTER_BASE, DOORBELLS,
    QUEUE_REGISTERS,
};
use handclasp_verilog::equivalence::Equivalence;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rust_hdl::prelude::*;
use std::collections::HashMap;

clocked! {
    [const W: usize] Registers<W>;
    [] Counters;
}

type Uut = Registers<512>;

fn connected<B: Clocked + Default>() -> B {
    let mut block = B::default();
    block.connect_all();
    block.reset();
    block
}

/// Everything in BAR0 that has a name.
fn all_registers() -> impl Iterator<Item = &'static Register> {
    CONTROL_REGISTERS
        .iter()
        .chain(QUEUE_REGISTERS)
        .chain(DOORBELLS)
}

/// One write; `skew` shows the data that many cycles after the address, or before it when negative. Returns cycles to `bvalid`.
fn write(
    uut: &mut Uut,
    offset: u32,
    data: u32,
    strobes: u8,
    skew: i32,
    late_ready: usize,
) -> usize {
    let (mut address_at, mut data_at) = (Some(0.max(-skew)), Some(0.max(skew)));
    for cycle in 0..100 {
        uut.s_axil.awvalid.next = address_at.is_some_and(|at| cycle >= at);
        uut.s_axil.awaddr.next = u64::from(offset).into();
        uut.s_axil.wvalid.next = data_at.is_some_and(|at| cycle >= at);
        uut.s_axil.wdata.next = u64::from(data).into();
        uut.s_axil.wstrb.next = u64::from(strobes).into();
        uut.s_axil.bready.next = false;
        uut.settle();
        if uut.s_axil.awvalid.val() && uut.s_axil.awready.val() {
            address_at = None;
        }
        if uut.s_axil.wvalid.val() && uut.s_axil.wready.val() {
            data_at = None;
        }
        if uut.s_axil.bvalid.val() {
            assert!(
                address_at.is_none() && data_at.is_none(),
                "answered too early"
            );
            for _ in 0..late_ready {
                uut.tick();
                assert!(uut.s_axil.bvalid.val(), "an answer was taken back");
            }
            assert_eq!(u64::from(uut.s_axil.bresp.val()), 0);
            uut.s_axil.bready.next = true;
            uut.tick();
            uut.s_axil.bready.next = false;
            return cycle as usize;
        }
        uut.tick();
    }
    panic!("no answer to a write of {offset:#x}");
}

/// One read: data, and cycles from `arvalid` to `rvalid`.
fn read_slowly(uut: &mut Uut, offset: u32, late_ready: usize) -> (u32, usize) {
    let mut asked = false;
    for cycle in 0..100 {
        uut.s_axil.arvalid.next = !asked;
        uut.s_axil.araddr.next = u64::from(offset).into();
        uut.s_axil.rready.next = false;
        uut.settle();
        asked |= uut.s_axil.arvalid.val() && uut.s_axil.arready.val();
        if uut.s_axil.rvalid.val() {
            let data = u64::from(uut.s_axil.rdata.val()) as u32;
            assert_eq!(u64::from(uut.s_axil.rresp.val()), 0);
            for _ in 0..late_ready {
                uut.tick();
                assert!(uut.s_axil.rvalid.val(), "data was taken back");
                assert_eq!(u64::from(uut.s_axil.rdata.val()) as u32, data);
            }
            uut.s_axil.rready.next = true;
            uut.tick();
            uut.s_axil.rready.next = false;
            return (data, cycle);
        }
        uut.tick();
    }
    panic!("no answer to a read of {offset:#x}");
}

fn read(uut: &mut Uut, offset: u32) -> u32 {
    read_slowly(uut, offset, 0).0
}

/// What a register reads after reset, by the datasheet: constants aside, 0.
fn reset_value(register: &Register) -> u32 {
    match register.name {
        "MAGIC" => u32::from_be_bytes(*b"HCLP"),
        "VERSION" => 2,
        "WIDTH" => 512,
        // 1 queue, 1,024 connections, slots to 16 KiB.
        "CAPABILITIES" => 0x000e_0a01,
        _ => 0,
    }
}

#[test]
fn every_register_has_its_reset_value_and_access() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut uut = connected::<Uut>();
    for register in all_registers() {
        let value = read(&mut uut, register.offset);
        assert_eq!(value, reset_value(register), "{}", register.name);
    }
    let mut wanted = HashMap::new();
    for register in all_registers() {
        let value: u32 = rng.random();
        write(&mut uut, register.offset, value, 0xf, 0, 0);
        let read_back = match register.access {
            Access::ReadWrite => value,
            Access::ReadOnly => reset_value(register),
            Access::WriteOnly => 0,
        };
        wanted.insert(register.offset, read_back);
    }
    // Only after all have been written: no register is another one's alias.
    for register in all_registers() {
        let value = read(&mut uut, register.offset);
        assert_eq!(value, wanted[&register.offset], "{}", register.name);
    }
    uut.reset();
    for register in all_registers() {
        let value = read(&mut uut, register.offset);
        assert_eq!(value, reset_value(register), "{}", register.name);
    }
}

#[test]
fn unlisted_offsets_read_0_and_ignore_writes() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut uut = connected::<Uut>();
    let listed = |offset: u32| {
        let counters = COUNTER_BASE..COUNTER_BASE + 4 * COUNTERS.len() as u32;
        counters.contains(&offset) || all_registers().any(|r| r.offset == offset)
    };
    let mut offsets: Vec<u32> = (0..60)
        .map(|_| rng.random_range(0..BAR_BYTES as u32 / 4) * 4)
        .collect();
    // Just beyond the lists, and where only the high bits of the address differ.
    offsets.extend([0x3c, 0x178, 0x834, 0x4010, 0x5000, 0x8010, 0xc010, 0x0410]);
    for offset in offsets.into_iter().filter(|o| !listed(*o)) {
        write(&mut uut, offset, 0xffff_ffff, 0xf, 0, 0);
        assert_eq!(read(&mut uut, offset), 0, "{offset:#x}");
    }
    for register in all_registers() {
        let value = read(&mut uut, register.offset);
        assert_eq!(value, reset_value(register), "{}", register.name);
    }
}

#[test]
fn strobes_are_honoured_in_any_order_of_address_and_data() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut uut = connected::<Uut>();
    let mut value = 0_u32;
    for _ in 0..80 {
        let (data, strobes) = (rng.random::<u32>(), rng.random_range(0..16_u8));
        let (skew, late) = (rng.random_range(-4..5), rng.random_range(0..3));
        write(&mut uut, 0x0020, data, strobes, skew, late);
        let old = value.to_le_bytes();
        let bytes: Vec<u8> = (0..4)
            .map(|i| match strobes >> i & 1 {
                1 => data.to_le_bytes()[i],
                _ => old[i],
            })
            .collect();
        value = u32::from_le_bytes(bytes.try_into().unwrap());
        let late = rng.random_range(0..3);
        assert_eq!(read_slowly(&mut uut, 0x0020, late).0, value);
        // The lowest two bits of an offset do not count.
        assert_eq!(read(&mut uut, 0x0023), value);
    }
}

#[test]
fn writes_reach_the_outputs() {
    let mut uut = connected::<Uut>();
    let registers: HashMap<&str, u32> = all_registers().map(|r| (r.name, r.offset)).collect();
    let set = |uut: &mut Uut, name: &str, value: u32| {
        write(uut, registers[name], value, 0xf, 0, 0);
    };
    for (bit, pick) in [
        |u: &Uut| u.rx_enable.val(),
        |u: &Uut| u.tx_enable.val(),
        |u: &Uut| u.promiscuous.val(),
        |u: &Uut| u.monitor.val(),
        |u: &Uut| u.quiesce.val(),
    ]
    .into_iter()
    .enumerate()
    {
        set(&mut uut, "CONTROL", 1 << bit);
        assert!(pick(&uut), "bit {bit}");
        set(&mut uut, "CONTROL", !(1 << bit));
        assert!(!pick(&uut), "bit {bit}");
    }
    set(&mut uut, "MAC_LOW", 0x0a0b_0c0d);
    set(&mut uut, "MAC_HIGH", 0xffff_0e0f);
    assert_eq!(u64::from(uut.mac.val()), 0x0e0f_0a0b_0c0d);
    set(&mut uut, "LOCAL_IP", 0xc000_0201);
    assert_eq!(u64::from(uut.local_ip.val()), 0xc000_0201);
    for (word, value) in [0xdead_beef, 0x0123_4567, 0x89ab_cdef, 0xfeed_f00d]
        .into_iter()
        .enumerate()
    {
        set(&mut uut, &format!("HASH_KEY_{word}"), value);
    }
    let key: Bits<128> = uut.hash_key.val();
    assert_eq!(u64::from(key.get_bits::<64>(64)), 0xdead_beef_0123_4567);
    assert_eq!(u64::from(key.get_bits::<64>(0)), 0x89ab_cdef_feed_f00d);
    set(&mut uut, "MULTICAST_LOW", 0x1111_2222);
    set(&mut uut, "MULTICAST_HIGH", 0x3333_4444);
    assert_eq!(u64::from(uut.multicast.val()), 0x3333_4444_1111_2222);
    for (value, log2) in [
        (0, 11),
        (11, 11),
        (12, 12),
        (14, 14),
        (15, 11),
        (27, 11),
        (u32::MAX, 11),
    ] {
        set(&mut uut, "SLOT_BYTES_LOG2", value);
        assert_eq!(u64::from(uut.slot_bytes_log2.val()), log2, "{value}");
    }
    for (prefix, base, log2) in [
        (
            "COMMAND",
            |u: &Uut| u64::from(u.command_base.val()),
            (|u: &Uut| u.command_log2.val()) as fn(&Uut) -> Bits<4>,
        ),
        (
            "EVENT",
            |u: &Uut| u64::from(u.event_base.val()),
            |u: &Uut| u.event_log2.val(),
        ),
        (
            "SLOT",
            |u: &Uut| u64::from(u.slot_base.val()),
            |u: &Uut| u.slot_log2.val(),
        ),
    ] as [(&str, fn(&Uut) -> u64, fn(&Uut) -> Bits<4>); 3]
    {
        set(&mut uut, &format!("{prefix}_BASE_LOW"), 0x1234_5000);
        set(&mut uut, &format!("{prefix}_BASE_HIGH"), 0x8abc_def0);
        set(&mut uut, &format!("{prefix}_LOG2"), 15);
        assert_eq!(base(&uut), 0x8abc_def0_1234_5000, "{prefix}");
        assert_eq!(u64::from(log2(&uut)), 15, "{prefix}");
        set(&mut uut, &format!("{prefix}_BASE_LOW"), 0);
        set(&mut uut, &format!("{prefix}_BASE_HIGH"), 0);
        set(&mut uut, &format!("{prefix}_LOG2"), 0);
    }
    set(&mut uut, "MSIX_VECTOR", 0x0001_0203);
    assert_eq!(u64::from(uut.msix_vector.val()), 0x0203);
    set(&mut uut, "MODERATION_NS", 0x8000_0001);
    assert_eq!(u64::from(uut.moderation.val()), 0x8000_0001);
    set(&mut uut, "COMMAND_PRODUCER", 1);
    set(&mut uut, "EVENT_CONSUMER", 2);
    set(&mut uut, "SLOT_PRODUCER", 3);
    let doorbells = |u: &Uut| -> [u64; 3] {
        [
            u.command_producer.val().into(),
            u.event_consumer.val().into(),
            u.slot_producer.val().into(),
        ]
    };
    assert_eq!(doorbells(&uut), [1, 2, 3]);
    // Only QUEUE_ENABLE's rising edge zeroes the doorbells.
    set(&mut uut, "QUEUE_ENABLE", 1);
    assert!(uut.queue_enable.val());
    assert_eq!(doorbells(&uut), [0, 0, 0]);
    set(&mut uut, "COMMAND_PRODUCER", 4);
    set(&mut uut, "QUEUE_ENABLE", 1);
    set(&mut uut, "EVENT_CONSUMER", 5);
    set(&mut uut, "QUEUE_ENABLE", 0);
    assert!(!uut.queue_enable.val());
    assert_eq!(doorbells(&uut), [4, 5, 0]);
}

#[test]
fn arming_is_a_pulse() {
    let mut uut = connected::<Uut>();
    let mut pulses = vec![];
    uut.s_axil.awvalid.next = true;
    uut.s_axil.awaddr.next = 0x400c.into();
    uut.s_axil.wvalid.next = true;
    uut.s_axil.wdata.next = 0x55aa.into();
    uut.s_axil.wstrb.next = 0xf.into();
    uut.s_axil.bready.next = true;
    for cycle in 0..10 {
        uut.settle();
        if uut.arm_write.val() {
            pulses.push((cycle, u64::from(uut.arm_index.val())));
        }
        uut.tick();
        uut.s_axil.awvalid.next = false;
        uut.s_axil.wvalid.next = false;
    }
    assert_eq!(pulses, [(3, 0x55aa)]);
}

#[test]
fn status_shows_the_inputs() {
    let mut uut = connected::<Uut>();
    for bit in 0..4 {
        uut.ready.next = bit == 0;
        uut.link_up.next = bit == 1;
        uut.stopped.next = bit == 2;
        uut.nic_busy.next = bit == 3;
        assert_eq!(read(&mut uut, 0x0014), 1 << bit);
    }
}

#[test]
fn accesses_keep_their_promised_speed() {
    let mut uut = connected::<Uut>();
    for skew in [-2, 0, 3] {
        let cycles = write(&mut uut, 0x0020, 1, 0xf, skew, 0);
        let (address_at, data_at) = (0.max(-skew), 0.max(skew));
        let answer_at = (address_at + 3).max(data_at + 2) as usize;
        assert_eq!(
            cycles, answer_at,
            "3 cycles from address, 2 from data to bvalid"
        );
    }
    assert_eq!(read_slowly(&mut uut, 0x0020, 0).1, 3, "3 cycles to rvalid");

    // Everything ready, everything valid: one write in 3 cycles, one read in 4.
    for signal in [
        &mut uut.s_axil.awvalid,
        &mut uut.s_axil.wvalid,
        &mut uut.s_axil.bready,
        &mut uut.s_axil.arvalid,
        &mut uut.s_axil.rready,
    ] {
        signal.next = true;
    }
    let (mut writes, mut reads) = (0, 0);
    for _ in 0..60 {
        uut.tick();
        writes += usize::from(uut.s_axil.bvalid.val());
        reads += usize::from(uut.s_axil.rvalid.val());
    }
    assert!((19..=20).contains(&writes), "{writes} writes");
    assert!((14..=15).contains(&reads), "{reads} reads");
}

/// Pulses every input of the counters with a chance of its own, and counts along.
#[test]
fn every_counter_counts_its_own_pulse_in_every_cycle() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut uut = connected::<Counters>();
    let mut wanted = vec![0_u64; COUNTERS.len()];
    type Input = fn(&mut Counters) -> &mut Signal<In, Bit>;
    let inputs: [(Counter, Input); 18] = [
        (Counter::RxFrames, |c| &mut c.count_rx_frame),
        (Counter::RxDropBadFrame, |c| &mut c.count_bad_frame),
        (Counter::RxDropFifoOverflow, |c| &mut c.count_fifo_overflow),
        (Counter::RxDropOversize, |c| &mut c.count_oversize),
        (Counter::RxFlow, |c| &mut c.count_flow),
        (Counter::RxListen, |c| &mut c.count_listen),
        (Counter::RxMiss, |c| &mut c.count_miss),
        (Counter::RxRaw, |c| &mut c.count_raw),
        (Counter::RxPayloads, |c| &mut c.count_payload),
        (Counter::Events, |c| &mut c.count_event),
        (Counter::Commands, |c| &mut c.count_command),
        (Counter::BadCommands, |c| &mut c.count_bad_command),
        (Counter::TxSegments, |c| &mut c.count_tx_segment),
        (Counter::TxRaw, |c| &mut c.count_tx_raw),
        (Counter::TxFrames, |c| &mut c.count_tx_frame),
        (Counter::ReadErrors, |c| &mut c.count_read_error),
        (Counter::WriteErrors, |c| &mut c.count_write_error),
        (Counter::Interrupts, |c| &mut c.count_interrupt),
    ];
    for _ in 0..400 {
        let before = wanted.clone();
        for (counter, input) in inputs {
            let pulse = rng.random_bool(0.7);
            input(&mut uut).next = pulse;
            wanted[counter as usize] += u64::from(pulse);
        }
        // Reasons 4 to 15 are those that ingress does not decide.
        let (drop, reason) = (rng.random_bool(0.7), rng.random_range(4..16_usize));
        uut.count_drop.next = drop;
        uut.count_drop_reason.next = (reason as u64).into();
        wanted[reason] += u64::from(drop);
        uut.tick();
        let values: Vec<u64> = uut.value.iter().map(|v| v.val().into()).collect();
        assert_eq!(values, before, "2 cycles from pulse to value");
    }
    assert!(wanted.iter().all(|count| *count > 0));
}

#[test]
fn counters_are_read_at_their_offsets() {
    let mut uut = connected::<Uut>();
    for (n, value) in uut.counter.iter_mut().enumerate() {
        value.next = (0x1000 + n as u64).into();
    }
    for n in 0..COUNTERS.len() as u32 {
        write(&mut uut, 0x0100 + 4 * n, 0, 0xf, 0, 0);
        assert_eq!(read(&mut uut, 0x0100 + 4 * n), 0x1000 + n);
    }
}

/// Rust and Verilog agree, whatever the host does.
#[test]
fn control_blocks_equal_their_verilog() {
    let set = Equivalence::new("hdl_control")
        .clocked(
            "registers",
            Uut::default,
            |b| &mut b.clk,
            |b, random| {
                b.rst.next = random.reset();
                let offsets: Vec<u64> = all_registers()
                    .map(|r| u64::from(r.offset))
                    .chain((0..32).map(|n| 0x100 + 4 * n))
                    // QUEUE_ENABLE, whose rising edge does more.
                    .chain([0x082c; 16])
                    .collect();
                b.s_axil.awaddr.next = random.pick(&offsets).into();
                b.s_axil.awvalid.next = random.chance(2, 3);
                b.s_axil.wdata.next = random.bits();
                b.s_axil.wstrb.next = random.bits();
                b.s_axil.wvalid.next = random.chance(2, 3);
                b.s_axil.bready.next = random.chance(2, 3);
                b.s_axil.araddr.next = random.pick(&offsets).into();
                b.s_axil.arvalid.next = random.chance(2, 3);
                b.s_axil.rready.next = random.chance(2, 3);
                b.command_push.next = random.chance(1, 8);
                b.ready.next = random.chance(1, 2);
                b.link_up.next = random.chance(1, 2);
                b.stopped.next = random.chance(1, 2);
                b.nic_busy.next = random.chance(1, 2);
                for value in &mut b.counter {
                    value.next = random.bits();
                }
            },
        )
        .clocked(
            "counters",
            Counters::default,
            |b| &mut b.clk,
            |b, random| {
                b.rst.next = random.reset();
                b.count_drop.next = random.chance(1, 2);
                b.count_drop_reason.next = random.below(40).into();
                for input in [
                    &mut b.count_rx_frame,
                    &mut b.count_bad_frame,
                    &mut b.count_fifo_overflow,
                    &mut b.count_oversize,
                    &mut b.count_flow,
                    &mut b.count_listen,
                    &mut b.count_miss,
                    &mut b.count_raw,
                    &mut b.count_payload,
                    &mut b.count_event,
                    &mut b.count_command,
                    &mut b.count_bad_command,
                    &mut b.count_tx_segment,
                    &mut b.count_tx_raw,
                    &mut b.count_tx_frame,
                    &mut b.count_read_error,
                    &mut b.count_write_error,
                    &mut b.count_interrupt,
                ] {
                    input.next = random.chance(1, 2);
                }
            },
        );
    let report = set.run(1, 4000).unwrap_or_else(|error| panic!("{error}"));
    // Every access is answered OKAY; of random values hardly one is a size that slots can have.
    let constant = [
        "registers.s_axil_bresp",
        "registers.s_axil_rresp",
        "registers.slot_bytes_log2",
    ];
    assert_eq!(report.constant_outputs, constant);
}
