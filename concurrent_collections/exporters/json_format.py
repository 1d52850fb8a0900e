"""The former path of :mod:`.json`."""

from .json import read_json, report_from_dict, report_to_dict, write_json
from .memory import KIND as _memory
from .reclamation import KIND as _reclamation

__all__ = ["SCHEMA", "SCHEMA_VERSION", "SMR_SCHEMA", "read_json", "report_from_dict", "report_to_dict", "write_json"]

SCHEMA, SCHEMA_VERSION, SMR_SCHEMA = _memory.schema, _memory.schema_version, _reclamation.schema
