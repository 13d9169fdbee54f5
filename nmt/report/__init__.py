"""What people look at: attention heatmaps, learning curves and the page of a translation job.

Everything here takes plain dictionaries and arrays and returns bytes or text; it
imports nothing else of ``nmt`` and writes no file.
"""
