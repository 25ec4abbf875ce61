"""What reads the values of a field, as metadata of its annotation, which needs no pydantic until a file is read.

The dataclasses of the configuration are used by commands that read no file, and importing pydantic would be a good part
of the time that such a command takes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema


@dataclass(frozen=True, slots=True)
class BeforeValidator:
    """The file's value goes through ``read``, which raises InvalidValue, before it is validated as the annotation says.

    ``written``: its type in the JSON Schema, where that is not the annotation's.
    """

    read: Callable[[Any], object]
    written: Any = None

    def __get_pydantic_core_schema__(self, source: Any, handler: "GetCoreSchemaHandler") -> "CoreSchema":
        from pydantic import BeforeValidator as Before

        before = Before(self.read) if self.written is None else Before(self.read, json_schema_input_type=self.written)
        return before.__get_pydantic_core_schema__(source, handler)
