"""Lists in the place of list views.

pyarrow makes views of the lists of a Parquet file whose writer had views. It casts no list to a
view, and what it casts from a view that it has read is a list whose offsets end too early.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nmt.tables.schemas import is_large, is_list, without_list_views


def as_lists(array: pa.Array) -> pa.Array:
    """The same values; what holds no list view is handed back as it is."""
    kind, nulls = array.type, array.is_null()
    if without_list_views(kind) == kind:
        return array
    if is_list(kind):
        lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
        ends = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        offset, form = (
            (pa.int64(), pa.LargeListArray) if is_large(kind) else (pa.int32(), pa.ListArray)
        )
        return form.from_arrays(pa.array(ends, offset), as_lists(array.flatten()), mask=nulls)
    if pa.types.is_struct(kind):
        parts = [as_lists(array.field(number)) for number in range(kind.num_fields)]
        fields = [field.with_type(part.type) for field, part in zip(kind, parts, strict=True)]
        return pa.StructArray.from_arrays(parts, fields=fields, mask=nulls)
    if pa.types.is_map(kind):
        keys, items = as_lists(array.keys), as_lists(array.items)
        offsets = array.offsets
        rows = pa.MapArray.from_arrays(offsets, keys, items)
        return pc.if_else(nulls, pa.scalar(None, rows.type), rows)
    if pa.types.is_fixed_size_list(kind):
        size, first = kind.list_size, array.offset * kind.list_size
        values = as_lists(array.values.slice(first, len(array) * size))
        return pa.FixedSizeListArray.from_arrays(values, size, mask=nulls)
    return array
