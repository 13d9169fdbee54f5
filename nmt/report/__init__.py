"""What people look at: attention heatmaps, learning curves and the page of a translation job.

Everything here takes records, plain dictionaries and arrays and returns bytes or text; it writes no
file.
"""
