use rust_theatre_seats::*;

#[test]
fn every_seat_has_its_mark() {
    let seats = [Seat::Free, Seat::Held { minutes: 3 }, Seat::Sold, Seat::Broken];
    assert_eq!(seats.map(mark), ['.', 'h', 'x', '!']);
}

#[test]
fn held_seats_run_out() {
    let mut seats = [Seat::Held { minutes: 5 }, Seat::Held { minutes: 9 }, Seat::Broken];
    wait(&mut seats, 5);
    assert_eq!(seats, [Seat::Free, Seat::Held { minutes: 4 }, Seat::Broken]);
}
