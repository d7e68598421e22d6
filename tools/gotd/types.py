"""Types that every part of the package shares."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

#: What JSON can hold.
JSON: TypeAlias = "str | int | float | bool | Sequence[JSON] | Mapping[str, JSON] | None"
#: The fields of a record.
Fields: TypeAlias = dict[str, JSON]
#: What made some vectors, by their seal: model, revision, dimension and so on. Those of equal ones can be compared.
EmbedderIdentity: TypeAlias = Mapping[str, JSON]
