"""From text to text: one sentence in Python, or a large corpus as a resumable Ray Data job."""
