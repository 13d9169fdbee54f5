"""How good translations and their alignments are; `nmt evaluate` on finished outputs.

Knows neither Ray nor TensorFlow, and of translation jobs only what they leave behind.
"""
