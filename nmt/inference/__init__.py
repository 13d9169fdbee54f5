"""Text to text, with a model in memory. It knows nothing of the jobs and of Ray."""
