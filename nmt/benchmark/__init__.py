"""The speed of training and translation here, and estimates for a corpus."""
