use handclasp_wires::cable::Cable;
use handclasp_wires::Wire;

use crate::drain;

#[test]
fn frames_arrive_at_the_other_end_in_order_after_the_delay() {
    let (mut left, mut right) = Cable::pair(500);
    left.send(b"first", 100);
    left.send(b"second", 200);
    right.send(b"back", 150);
    assert_eq!(right.deadline(), Some(600));
    assert!(drain(&mut right, 599).is_empty());
    assert_eq!(drain(&mut right, 600), [b"first"]);
    assert_eq!(right.deadline(), Some(700));
    assert_eq!(drain(&mut right, 10_000), [b"second"]);
    assert_eq!(right.deadline(), None);
    assert_eq!(drain(&mut left, 650), [b"back"]);
    assert!(drain(&mut left, u64::MAX).is_empty());
}

#[test]
fn what_stood_in_the_buffer_is_gone() {
    let (mut left, mut right) = Cable::pair(0);
    let mut buffer = vec![0xff; 2000];
    left.send(b"short", 0);
    assert!(right.receive(&mut buffer, 0));
    assert_eq!(buffer, b"short");
    // The buffer that was handed in is used for a later frame, and does not show through.
    left.send(b"x", 0);
    assert!(right.receive(&mut buffer, 0));
    assert_eq!(buffer, b"x");
}
