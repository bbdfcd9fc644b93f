//! A chat room: the first line that one sends is one's name, every further one goes to all others.
//!
//! `chat` lets Alice and Bob talk over a cable; `chat tap:hc0 192.0.2.2/24` (or a card) is a room to join: `nc 192.0.2.2 4000`.

use std::io::{self, BufRead, BufReader, Write};
use std::{env, sync::Mutex, thread};

use handclasp_examples::{hosts, serve};
use handclasp_host::{Host, TcpListener, TcpStream};

/// Who is in the room.
static ROOM: Mutex<Vec<(String, TcpStream)>> = Mutex::new(Vec::new());

fn main() -> anyhow::Result<()> {
    let hosts = hosts(&mut env::args().skip(1))?;
    let listener = TcpListener::bind(&hosts.here, (hosts.here.ip(), 4000))?;
    println!("chat room on {}", listener.local_addr()?);
    if let Some(there) = hosts.there {
        thread::spawn(move || serve(&listener, member));
        return Ok(talk(&there, &hosts.here)?);
    }
    serve(&listener, member)
}

fn member(stream: TcpStream) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let name = lines.next().unwrap_or(Ok("nobody".into()))?;
    ROOM.lock().unwrap().push((name.clone(), stream));
    tell("the room", &format!("{name} is here"));
    let ended = lines.try_for_each(|line| line.map(|line| tell(&name, &line)));
    ROOM.lock().unwrap().retain(|(other, _)| *other != name);
    tell("the room", &format!("{name} has left"));
    ended
}

fn tell(who: &str, line: &str) {
    for (_, stream) in (ROOM.lock().unwrap().iter_mut()).filter(|(name, _)| name != who) {
        let _ = writeln!(stream, "{who}: {line}"); // Its own thread sees when it is broken.
    }
}

fn talk(from: &Host, room: &Host) -> io::Result<()> {
    let join = |name: &str| {
        let mut stream = TcpStream::connect(from, (room.ip(), 4000))?;
        writeln!(stream, "{name}")?;
        hear(name, &stream).map(|()| stream)
    };
    let (mut alice, mut bob) = (join("Alice")?, join("Bob")?);
    hear("Alice", &alice)?;
    writeln!(alice, "Hello, Bob!")?;
    hear("Bob", &bob)?;
    writeln!(bob, "Hello, Alice!")?;
    hear("Alice", &alice)
}

fn hear(name: &str, stream: &TcpStream) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines().take(1);
    lines.try_for_each(|line| line.map(|line| println!("{name} hears: {line}")))
}
