//! The driver on the reference NIC: both ways through the rings, over a cable.

use std::error::Error;
use std::sync::Arc;

use handclasp_driver::{Command, Event, Nic, NicConfig, Received};
use handclasp_layout::queue::{Status, Verdict};
use handclasp_sim::reference::{Clock, ReferenceNic};
use handclasp_sim::wire::{cable::Cable, Wire};

type Outcome = Result<(), Box<dyn Error>>;

const MAC: u64 = 0x02_00_00_00_00_01;

/// Who has 192.0.2.1? Asked by 192.0.2.2 at 02:00:00:00:00:02; by hand from RFC 826, without padding.
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

fn open(config: impl FnOnce(&mut NicConfig)) -> Result<(Nic, Cable, Clock), Box<dyn Error>> {
    let (near, far) = Cable::pair(0);
    let clock = Clock::simulated(1000);
    let bus = Arc::new(ReferenceNic::new(Box::new(near), clock.clone())?);
    let mut nic_config = NicConfig::new(MAC, [192, 0, 2, 1].into(), 0x5eed);
    config(&mut nic_config);
    Ok((Nic::open(bus, &nic_config)?, far, clock))
}

fn next(nic: &mut Nic) -> Result<Event, Box<dyn Error>> {
    nic.flush()?;
    nic.bus().relax();
    nic.next_event()?.ok_or_else(|| "no event".into())
}

fn next_rx(nic: &mut Nic) -> Result<Received, Box<dyn Error>> {
    match next(nic)? {
        Event::Rx(received) => Ok(received),
        other => Err(format!("not a frame: {other:?}").into()),
    }
}

#[test]
fn an_arp_request_arrives_raw_and_is_answered_raw() -> Outcome {
    let (mut nic, mut far, _) = open(|_| {})?;
    far.send(&ARP_REQUEST, 0);
    let received = next_rx(&mut nic)?;
    assert_eq!(received.verdict, Verdict::Raw);
    let mut frame = [0; 42];
    nic.read_payload(&received.payload, 0, &mut frame)?;
    assert_eq!(frame, ARP_REQUEST);

    let buffer = nic.allocate(64)?;
    buffer.write(3, &ARP_REPLY)?;
    let index = nic.submit(&Command::Raw {
        frame_addr: buffer.iova() + 3,
        frame_len_bytes: 42,
        want_completion: true,
    })?;
    let Event::Completion(completion) = next(&mut nic)? else {
        return Err("not a completion".into());
    };
    assert_eq!(completion.status, Status::Ok);
    assert_eq!(completion.command_index, index);
    let mut reply = Vec::new();
    assert!(far.receive(&mut reply, 1000));
    assert_eq!(reply[..42], ARP_REPLY);
    assert_eq!(reply[42..], [0; 18], "padded to 60 bytes");
    nic.close()?;
    Ok(())
}
