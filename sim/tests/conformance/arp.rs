//! The smallest round trip: an ARP request, by hand from RFC 826, arrives raw and is answered raw.

use handclasp_driver::{Command, Event};
use handclasp_layout::queue::{Status, Verdict};
use handclasp_wires::Wire;

use super::open;
use crate::rig::Outcome;

/// Who has 192.0.2.1? Asked by 192.0.2.2 at 02:00:00:00:00:02; without padding.
const ARP_REQUEST: [u8; 42] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 2, 0x08, 0x06, // Ethernet
    0, 1, 0x08, 0, 6, 4, 0, 1, // Ethernet, IPv4, 6, 4, request
    0x02, 0, 0, 0, 0, 2, 192, 0, 2, 2, // sender
    0, 0, 0, 0, 0, 0, 192, 0, 2, 1, // target
];

/// 192.0.2.1 is at 02:00:00:00:00:01.
const ARP_REPLY: [u8; 42] = [
    0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1, 0x08, 0x06, // Ethernet
    0, 1, 0x08, 0, 6, 4, 0, 2, // Ethernet, IPv4, 6, 4, reply
    0x02, 0, 0, 0, 0, 1, 192, 0, 2, 1, // sender
    0x02, 0, 0, 0, 0, 2, 192, 0, 2, 2, // target
];

#[test]
fn a_request_arrives_raw_and_is_answered_raw() -> Outcome {
    let mut rig = open(|_| {})?;
    rig.far.send(&ARP_REQUEST, 0);
    let received = rig.next_rx()?;
    assert_eq!(received.verdict, Verdict::Raw);
    let mut frame = [0; 42];
    rig.nic.read_payload(&received.payload, 0, &mut frame)?;
    assert_eq!(frame, ARP_REQUEST);

    let buffer = rig.nic.allocate(64)?;
    buffer.write(3, &ARP_REPLY)?;
    let index = rig.nic.submit(&Command::Raw {
        frame_addr: buffer.iova() + 3,
        frame_len_bytes: 42,
        want_completion: true,
    })?;
    let Event::Completion(completion) = rig.next()? else {
        return Err("not a completion".into());
    };
    assert_eq!(completion.status, Status::Ok);
    assert_eq!(completion.command_index, index);
    let reply = rig.sent().ok_or("no reply")?;
    assert_eq!(reply[..42], ARP_REPLY);
    assert_eq!(reply[42..], [0; 18], "padded to 60 bytes");

    rig.nic.close()?;
    drop(buffer);
    assert_eq!(rig.io.regions(), 0, "all DMA memory is unmapped");
    Ok(())
}
