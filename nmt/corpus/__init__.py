"""From files of sentence pairs to cleaned, split pairs."""
