"""What the report of a translation job says: measures, scores, comparison, samples."""
