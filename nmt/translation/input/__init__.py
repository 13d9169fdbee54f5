"""What a translation job reads: files and folders, their rows, and units of work."""
