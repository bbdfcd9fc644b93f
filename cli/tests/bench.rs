//! The host's cost is measured on prepared NICs: they must say what the gateware says. And what `bench` prints is what it
//! measured.

use std::process::Command as Process;
use std::sync::Arc;

use handclasp_benches::prepared::PreparedNic;
use handclasp_benches::record::{Run, VERSION};
use handclasp_driver::{Bus, Command, Event, Nic, NicConfig};
use handclasp_layout::header::{tcp_flags, TTL_DEFAULT};
use handclasp_layout::queue::{FlowCommand, SegmentCommand};
use handclasp_sim::dut::Width;
use handclasp_sim::world::{World, WorldConfig};
use handclasp_wires::cable::Cable;
use handclasp_wires::clock::Clock;

const CLIENT_MAC: u64 = 0x0200_0000_0001;
const SERVER_MAC: u64 = 0x0200_0000_0002;
const CLIENT_IP: u32 = 0xc000_0201;
const SERVER_IP: u32 = 0xc000_0202;
const CLIENT_PORT: u16 = 50_000;
const SERVER_PORT: u16 = 7;
const CLIENT_CONNECTION: u16 = 3;
const SERVER_CONNECTION: u16 = 5;
const DATA_BYTES: usize = 1000;

/// The turns in a row without an event after which nothing more is to come.
const QUIET_TURNS: usize = 64;

fn client_flow() -> FlowCommand {
    FlowCommand {
        lookup: true,
        want_completion: true,
        connection: CLIENT_CONNECTION,
        remote_ip: SERVER_IP,
        local_ip: CLIENT_IP,
        remote_port: SERVER_PORT,
        local_port: CLIENT_PORT,
        remote_mac: SERVER_MAC,
        ttl: TTL_DEFAULT,
        ..FlowCommand::default()
    }
}

fn server_flow() -> FlowCommand {
    FlowCommand {
        connection: SERVER_CONNECTION,
        remote_ip: CLIENT_IP,
        local_ip: SERVER_IP,
        remote_port: CLIENT_PORT,
        local_port: SERVER_PORT,
        remote_mac: CLIENT_MAC,
        ..client_flow()
    }
}

/// One connection from SYN to the end of the flow: what the client's driver is told, and the server's.
fn one_connection(
    buses: [Arc<dyn Bus>; 2],
    mut turn: impl FnMut(),
) -> Result<[Vec<String>; 2], Box<dyn std::error::Error>> {
    let [client, server] = buses;
    let memory = client.allocate(DATA_BYTES)?;
    let data: Vec<u8> = (0..DATA_BYTES).map(|n| (n / 7) as u8).collect();
    memory.write(0, &data)?;
    let open = |bus, mac, ip: u32| Nic::open(bus, &NicConfig::new(mac, ip.into(), 0x5eed));
    let mut nics = [
        open(client, CLIENT_MAC, CLIENT_IP)?,
        open(server, SERVER_MAC, SERVER_IP)?,
    ];
    let segment = |connection, seq, ack, flags| SegmentCommand {
        connection,
        seq,
        ack,
        tcp_flags: flags,
        window: 0x8000,
        ..SegmentCommand::default()
    };
    let with_options = |segment| SegmentCommand {
        has_mss: true,
        mss: 1460,
        has_window_scale: true,
        window_scale: 3,
        has_sack_permitted: true,
        has_timestamps: true,
        ts_val: 7,
        ..segment
    };
    use tcp_flags::{ACK, FIN, PSH, SYN};
    let to_server = |seq, ack, flags| segment(CLIENT_CONNECTION, seq, ack, flags);
    let to_client = |seq, ack, flags| segment(SERVER_CONNECTION, seq, ack, flags);
    let (at_client, at_server) = (0, 1);
    let commands = [
        (
            at_server,
            Command::ListenAdd {
                port: SERVER_PORT,
                want_completion: true,
            },
        ),
        (at_client, Command::FlowInsert(client_flow())),
        (
            at_client,
            Command::Segment(with_options(to_server(1000, 0, SYN))),
        ),
        (at_server, Command::FlowInsert(server_flow())),
        (
            at_server,
            Command::Segment(with_options(to_client(9000, 1001, SYN | ACK))),
        ),
        (at_client, Command::Segment(to_server(1001, 9001, ACK))),
        (
            at_client,
            Command::Segment(SegmentCommand {
                payload_addr: memory.iova(),
                payload_len_bytes: DATA_BYTES as u32,
                want_completion: true,
                ..to_server(1001, 9001, ACK | PSH)
            }),
        ),
        (
            at_server,
            Command::Segment(SegmentCommand {
                sack_count: 1,
                sack0_left: 1501,
                sack0_right: 2001,
                ..to_client(9001, 1001, ACK)
            }),
        ),
        (
            at_client,
            Command::Raw {
                frame_addr: memory.iova(),
                frame_len_bytes: 13,
                want_completion: true,
            },
        ),
        (
            at_client,
            Command::Segment(to_server(2001, 9001, FIN | ACK)),
        ),
        (at_server, Command::FlowRemove(server_flow())),
        (at_client, Command::FlowRemove(client_flow())),
        // Of no connection any more, to a port that listens; and a flow that is not there.
        (at_client, Command::FlowRemove(client_flow())),
        (
            at_server,
            Command::ListenRemove {
                port: SERVER_PORT,
                want_completion: true,
            },
        ),
    ];
    let mut told = [Vec::new(), Vec::new()];
    for (at, command) in commands {
        nics[at].submit(&command)?;
        nics[at].flush()?;
        let mut quiet = 0;
        while quiet < QUIET_TURNS {
            turn();
            quiet += 1;
            for (nic, told) in nics.iter_mut().zip(&mut told) {
                while let Some(event) = nic.next_event()? {
                    quiet = 0;
                    told.push(tell(nic, event)?);
                }
                nic.flush()?;
            }
        }
    }
    Ok(told)
}

/// The event but for its time, and its payload.
fn tell(nic: &Nic, event: Event) -> Result<String, Box<dyn std::error::Error>> {
    Ok(match event {
        Event::Rx(received) => {
            let mut rx = received.event();
            rx.timestamp = 0;
            let mut payload = vec![0; received.payload.len_bytes()];
            nic.read_payload(&received.payload, 0, &mut payload)?;
            format!("{:?} {rx:?} {payload:?}", received.verdict)
        }
        Event::Completion(mut completion) => {
            completion.timestamp = 0;
            format!("{completion:?}")
        }
        Event::Stopped(stopped) => return Err(format!("{stopped:?}").into()),
    })
}

#[test]
fn prepared_nics_say_what_the_gateware_says() -> Result<(), Box<dyn std::error::Error>> {
    let (near, far) = Cable::pair(0);
    let clock = Clock::simulated(0);
    let nics = [
        Arc::new(PreparedNic::new(Box::new(near), clock.clone())?),
        Arc::new(PreparedNic::new(Box::new(far), clock)?),
    ];
    let buses = nics.each_ref().map(|nic| Arc::clone(nic) as Arc<dyn Bus>);
    let prepared = one_connection(buses, || {
        for nic in &nics {
            nic.work().expect("the prepared NIC works");
        }
    })?;

    let (near, far) = Cable::pair(0);
    let world = World::new(
        &WorldConfig::new(Width::W64),
        vec![Box::new(near), Box::new(far)],
    )?;
    let buses: [Arc<dyn Bus>; 2] = [world.bus(0).ok_or("no NIC")?, world.bus(1).ok_or("no NIC")?];
    let gateware = one_connection(buses.clone(), || buses[0].relax())?;
    world.check()?;

    let lengths = prepared.each_ref().map(Vec::len);
    // 2 segments arrive and 5 commands end; 4 segments arrive and 4 commands end.
    assert_eq!(lengths, [7, 8]);
    for (prepared, gateware) in prepared.iter().flatten().zip(gateware.iter().flatten()) {
        assert_eq!(prepared, gateware);
    }
    assert_eq!(gateware.map(|told| told.len()), lengths);
    Ok(())
}

/// The whole command, with few measurements: every stack is there, and the file can be read.
#[test]
fn rtt_and_stream_print_every_stack() {
    for (bench, work) in [("rtt", "echo"), ("stream", "stream")] {
        let output = Process::new(env!("CARGO_BIN_EXE_handclasp"))
            .args(["bench", bench, "--json", "--samples", "100"])
            .args(["--size", "64", "--size", "1460"])
            .output()
            .expect("the command runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        let run: Run = serde_json::from_slice(&output.stdout).expect("a run as JSON");
        assert_eq!(run.version, VERSION);
        for stack in ["ours", "smoltcp", "null", "linux-loopback"] {
            for size_bytes in [64, 1460] {
                let cost = run.costs.iter().find(|cost| {
                    (cost.stack.as_str(), cost.work.as_str()) == (stack, work)
                        && cost.size_bytes == Some(size_bytes)
                });
                let cost = cost.unwrap_or_else(|| panic!("{bench}: no {stack}, {size_bytes}"));
                assert_eq!(cost.both.samples, 100);
                assert!(cost.both.p50_ns > 0.0);
            }
        }
        let veth = run.costs.iter().any(|cost| cost.stack == "linux-veth");
        let left_out = run.left_out.iter().any(|left| left.what == "linux-veth");
        assert!(veth != left_out, "measured, or a reason why not");
        assert_eq!(run.latencies.is_empty(), bench == "stream");
    }
}

/// Both hops of each width and length are in the file and on the screen, in cycles and in ns of a clock that is assumed.
#[test]
fn cycles_prints_each_hop() {
    let run = |arguments: &[&str]| {
        let output = Process::new(env!("CARGO_BIN_EXE_handclasp"))
            .args(["bench", "cycles"])
            .args(arguments)
            .output()
            .expect("the command runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let text = run(&[]);
    let json: serde_json::Value = serde_json::from_str(&run(&["--json"])).expect("JSON");
    assert!(
        text.contains("W = 64 at 156.25 MHz (assumed)")
            && text.contains("W = 512 at 250.00 MHz (assumed)")
    );
    let hops = json["hops"].as_array().expect("hops");
    assert_eq!(hops.len(), 4, "two widths, two lengths");
    for hop in hops {
        for (cycles, words) in [
            ("tx_cycles", "doorbell to first beat out"),
            ("rx_cycles", "last beat in to event written"),
        ] {
            let cycles = hop[cycles].as_u64().expect(cycles);
            let row = format!("{} bytes of payload: {words}", hop["payload_len_bytes"]);
            let row = text
                .lines()
                .find(|line| line.contains(&row))
                .expect("a row");
            assert!(
                row.contains(&format!("| {cycles} (")) && row.contains(" ns)"),
                "{row}"
            );
        }
    }
}
