"""Checking an output again, from what is stored alone."""
