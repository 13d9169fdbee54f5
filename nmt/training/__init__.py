"""Training: loss, optimizer step, validation by real decoding, and the Ray Train job around it."""
