"""Training as a job on Ray Train: driver, workers, and what they tell each other."""
