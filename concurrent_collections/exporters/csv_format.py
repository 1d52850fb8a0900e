"""The former path of :mod:`.csv`."""

from .csv import COLUMNS, write_csv

__all__ = ["COLUMNS", "write_csv"]
