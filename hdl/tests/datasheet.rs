//! What the datasheet says of frames, against the blocks that do it.

use handclasp_hdl::fields;
use handclasp_hdl::rx::dispatch::Dispatch;
use handclasp_hdl::rx::verdict::Verdict;
use handclasp_hdl::tx::options::Options;
use handclasp_layout::frame::{Outcome, DELIVERY_STEPS, RECEIVE_STEPS, SENT_OPTIONS};
use handclasp_layout::header::tcp_option;
use handclasp_layout::queue::{self, DropReason, SegmentCommand};
use handclasp_layout::table::get_little_endian;
use num_bigint::BigUint;
use rust_hdl::prelude::*;

/// A block for a frame that fulfils no step's condition but the last one's: a sound segment that matches nothing.
fn sound() -> Verdict {
    let mut block = Verdict::default();
    block.connect_all();
    block.flags.next.is_ip = true;
    block.flags.next.is_tcp = true;
    block.flags.next.is_ours = true;
    block.flags.next.is_our_ip = true;
    block.ip_checksum_ok.next = true;
    block.tcp_checksum_ok.next = true;
    block.has_payload.next = true;
    block.rx_enable.next = true;
    block.queue_runs.next = true;
    block
}

/// Makes the condition of each step true, in the datasheet's order from Oversize on: the ingress takes the two before it.
const CONDITIONS: &[fn(&mut Verdict)] = &[
    |block| block.flags.next.is_oversize = true,
    |block| block.flags.next.is_runt = true,
    |block| block.queue_runs.next = false,
    |block| block.flags.next.is_ours = false,
    |block| block.flags.next.is_ip = false,
    |block| block.flags.next.bad_ip_header = true,
    |block| block.ip_checksum_ok.next = false,
    |block| block.flags.next.is_our_ip = false,
    |block| block.flags.next.is_fragment = true,
    |block| block.flags.next.is_tcp = false,
    |block| block.flags.next.bad_tcp_header = true,
    |block| block.tcp_checksum_ok.next = false,
    |block| block.bad_options.next = true,
    |block| block.is_flow.next = true,
    |block| block.is_listening.next = true,
    |_| (),
];

fn outcome(block: &mut Verdict) -> Outcome {
    assert!(simulate(block, 100), "the block does not settle");
    let code = |bits: Bits<8>| u64::from(bits) as u8;
    let verdict = queue::Verdict::try_from(code(block.verdict.val())).unwrap();
    let reason = DropReason::try_from(code(block.drop_reason.val())).unwrap();
    assert_eq!(
        verdict == queue::Verdict::Drop,
        reason != DropReason::None,
        "{verdict:?}, {reason:?}"
    );
    match verdict {
        queue::Verdict::Drop => Outcome::Drop(reason),
        verdict => Outcome::Deliver(verdict),
    }
}

#[test]
fn a_frame_goes_through_the_steps_in_their_order() {
    let steps = &RECEIVE_STEPS[2..];
    assert_eq!(steps.len(), CONDITIONS.len());
    for (first, step) in steps.iter().enumerate() {
        // This step's condition holds, and those of all behind it.
        let mut block = sound();
        for make_true in &CONDITIONS[first..] {
            make_true(&mut block);
        }
        assert_eq!(outcome(&mut block), step.outcome, "step {}", first + 3);
    }
}

#[test]
fn room_is_looked_at_last_and_for_the_event_first() {
    for (has_room, has_slot, wanted) in [
        (false, false, DELIVERY_STEPS[0].outcome),
        (true, false, DELIVERY_STEPS[1].outcome),
        (true, true, Outcome::Deliver(queue::Verdict::Miss)),
    ] {
        for verdict in [queue::Verdict::Miss, queue::Verdict::Drop] {
            let mut block = Dispatch::<2, 3>::default();
            block.connect_all();
            block.rst.next = true;
            tick(&mut block);
            block.rst.next = false;
            block.queue_runs.next = true;
            tick(&mut block);
            // `discards` follows what `queue_runs` was.
            tick(&mut block);
            block.verdict.next = (verdict as u64).into();
            block.drop_reason.next = match verdict {
                queue::Verdict::Drop => (DropReason::Fragment as u64).into(),
                _ => 0.into(),
            };
            block.needs_slot.next = true;
            block.rx_room.next = has_room;
            block.slot_valid.next = has_slot;
            block.trim_ready.next = true;
            block.decoded_valid.next = true;
            let settles = simulate(&mut block, 100);
            assert!(settles && block.decoded_ready.val());
            let delivers = block.rx_reserve.val().any();
            tick(&mut block);
            let reason = u64::from(block.count_drop_reason.val()) as u8;
            let outcome = match block.count_drop.val() {
                true => Outcome::Drop(DropReason::try_from(reason).unwrap()),
                false => Outcome::Deliver(verdict),
            };
            // What is dropped for another reason stays that.
            match verdict {
                queue::Verdict::Drop => assert_eq!(outcome, Outcome::Drop(DropReason::Fragment)),
                _ => assert_eq!(outcome, wanted),
            }
            assert_eq!(delivers, matches!(outcome, Outcome::Deliver(_)));
        }
    }
}

/// One clock cycle.
fn tick(block: &mut Dispatch<2, 3>) {
    for level in [false, true, false] {
        block.clk.next = level.into();
        assert!(simulate(block, 100), "the block does not settle");
    }
}

/// The options of a command as the datasheet's table puts them.
fn by_the_table(command: &SegmentCommand) -> Vec<u8> {
    let memory = command.encode();
    let field = |name: &str| {
        let fields = SegmentCommand::TABLE.fields.iter();
        let field = fields.clone().find(|field| field.name == name).unwrap();
        let value = get_little_endian(&memory, field.offset_bits, field.width_bits);
        let len = field.width_bits.div_ceil(8);
        value.to_be_bytes()[8 - len..].to_vec()
    };
    let mut bytes = vec![];
    for option in SENT_OPTIONS {
        let asked = field(option.asked_by)[0];
        if asked == 0 {
            continue;
        }
        bytes.extend(option.begins);
        let is_sack = option.begins.ends_with(&[tcp_option::SACK]);
        let count = if is_sack {
            bytes.push(2 + 8 * asked);
            2 * usize::from(asked)
        } else {
            option.value.len()
        };
        bytes.extend(option.value[..count].iter().flat_map(|name| field(name)));
    }
    bytes
}

#[test]
fn options_are_sent_as_the_table_says() {
    for bits in 0..64_u8 {
        let flag = |bit: u8| bits >> bit & 1 == 1;
        let command = SegmentCommand {
            has_mss: flag(0),
            has_window_scale: flag(1),
            has_sack_permitted: flag(2),
            has_timestamps: flag(3),
            sack_count: bits >> 4,
            mss: 0x0102,
            window_scale: 7,
            ts_val: 0x1112_1314,
            ts_ecr: 0x2122_2324,
            sack0_left: 0x3132_3334,
            sack0_right: 0x4142_4344,
            sack1_left: 0x5152_5354,
            sack1_right: 0x6162_6364,
            sack2_left: 0x7172_7374,
            sack2_right: 0x8182_8384,
            ..SegmentCommand::default()
        };
        let mut wanted = by_the_table(&command);
        assert_eq!(wanted.len() % 4, 0, "{command:?}");
        if wanted.len() > 40 {
            continue;
        }
        wanted.resize(40, 0);
        let mut block = Options::default();
        block.connect_all();
        let memory: Bits<512> = BigUint::from_bytes_le(&command.encode()).into();
        let mut tick = |take: bool, advance: bool| {
            block.arriving.next = fields::SegmentCommand::from(memory);
            block.command.next = fields::SegmentCommand::from(memory);
            block.take.next = take;
            block.advance.next = advance;
            for level in [false, true] {
                block.clk.next = Clock { clk: level };
                assert!(simulate(&mut block, 100), "the block does not settle");
            }
            block.is_laid_out.val()
        };
        tick(true, false);
        let mut is_laid_out = tick(false, true);
        // Each of a SYN's three takes a cycle.
        for _ in 0..3 {
            is_laid_out = is_laid_out || tick(false, false);
        }
        assert!(is_laid_out, "{command:?}");
        let sent: Bits<320> = BigUint::from_bytes_be(&wanted).into();
        assert_eq!(block.bytes.val(), sent, "{command:?}");
    }
}
