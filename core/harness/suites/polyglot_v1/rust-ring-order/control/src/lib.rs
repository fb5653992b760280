//! A ring of the last readings.

/// Keeps the last `size` readings, the oldest first.
pub struct Ring {
    size: usize,
    kept: Vec<f64>,
    next: usize,
}

impl Ring {
    /// An empty ring; a size of 0 keeps nothing.
    pub fn new(size: usize) -> Self {
        Ring { size, kept: Vec::new(), next: 0 }
    }

    /// Add a reading; the oldest one makes room.
    pub fn push(&mut self, reading: f64) {
        if self.size == 0 {
            return;
        }
        if self.kept.len() < self.size {
            self.kept.push(reading);
        } else {
            self.kept[self.next] = reading;
        }
        self.next = (self.next + 1) % self.size;
    }

    /// The readings, the oldest first.
    pub fn readings(&self) -> Vec<f64> {
        let mut found = self.kept.clone();
        found.sort_by(f64::total_cmp);
        found
    }

    /// The mean of what is kept; `None` for nothing.
    pub fn mean(&self) -> Option<f64> {
        if self.kept.is_empty() {
            return None;
        }
        Some(self.kept.iter().sum::<f64>() / self.kept.len() as f64)
    }
}
