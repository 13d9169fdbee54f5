"""What people look at: attention heatmaps, learning curves and the page of a translation job.

Everything here is given plain dictionaries and arrays and hands back bytes or text; it
imports nothing else of ``nmt`` and writes no file.
"""
