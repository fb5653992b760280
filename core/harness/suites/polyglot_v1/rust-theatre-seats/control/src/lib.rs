//! Seats of a small theatre.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    Free,
    Held { minutes: u32 },
    Sold,
    Broken,
}

/// What the plan shows for a seat: `.` free, `h` held, `x` sold, `!` broken.
pub fn mark(seat: Seat) -> char {
    match seat {
        Seat::Free => '.',
        Seat::Held { .. } => 'h',
        Seat::Sold => 'x',
        _ => '.',
    }
}

/// Let `minutes` go by: a held seat is free again when its time is used up.
pub fn wait(seats: &mut [Seat], minutes: u32) {
    for seat in seats.iter_mut() {
        if let Seat::Held { minutes: left } = *seat {
            *seat = match left.saturating_sub(minutes) {
                0 => Seat::Free,
                rest => Seat::Held { minutes: rest },
            };
        }
    }
}
