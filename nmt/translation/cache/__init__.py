"""The cache of translations: what a model has translated, kept on object storage and never twice.

    CACHE/<generation>/generation.json     the model and the settings that its rows follow from
    CACHE/<generation>/used                when a job last used it
    CACHE/<generation>/017/<run>-<digest>.parquet
    CACHE/<generation>/new/<run>-<digest>.parquet

A sentence lies in the partition that the first bytes of its key name; what a unit has decoded lies
in new/ until the end of its pass. Files are written whole and never changed; what is in several of
them is the same in each.
"""
