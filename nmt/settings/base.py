"""What all groups of settings share."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

LARGEST_SEED = 2**31 - 1


class Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """``gate.suspicious=true`` would be a limit of 1, which nothing exceeds."""
        kind = cls.model_fields[info.field_name or ""].annotation
        kinds = {kind, *(getattr(one, "__origin__", one) for one in get_args(kind))}
        if isinstance(value, bool) and kinds & {int, float}:
            raise PydanticCustomError("number_type", "Input should be a number")
        return value
