"""Files of text: what they are, how they are packed, and their rows.

`detection` says what a file is. `packed` unpacks it within limits. `text_files` reads lines; each
format whose rows have named columns is one file with one class, a `rows.RowFormat`, which
`registry` names.
"""
