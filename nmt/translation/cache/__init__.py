"""The cache of translations: what a model has translated, kept on object storage and never twice.

    CACHE/<generation>/generation.json          the model and the settings that its rows follow from
    CACHE/<generation>/used                     when a job last used it
    CACHE/<generation>/all/<run>-<digest>.parquet
    CACHE/<generation>/3f/<run>-<digest>.parquet
    CACHE/<generation>/new/<run>-<digest>.parquet

All keys in a folder begin with the hexadecimal digits that it is named by; those in all/ have
nothing in common. What a unit has decoded lies in new/ until the end of its pass. Files are written
whole and never changed; of what is in several of them, the row that was used last counts.

`rows_file` is the layout of a file, `reading` reads rows out of files, `store` knows what lies
where, `upkeep` turns files into others, `last_use` is the day that each entry carries.
"""
