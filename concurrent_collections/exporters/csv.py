"""CSV: one tidy table, one number a row.

Columns: ``section, item, label, metric, value, unit, accuracy``. ``value`` is always a number or empty, so that a
data frame reads the column as numbers; text stands in ``label``. ``item`` tells the rows of one section apart (a
thread's id, a size range, a point's index), ``metric`` is the field's name in the report. For instance in pandas::

    table = pandas.read_csv(path)
    threads = table[table.section == "thread"].pivot(index=["item", "label"], columns="metric", values="value")

==================  ==================  ===================  =============================================
section             item                label                metrics
==================  ==================  ===================  =============================================
``summary``                                                  every number of the report itself
``fragmentation``                       the figure's source  fields of FragmentationMetrics
``size``            range, ``9-16``                          ``alloc_count``
``size_domain``     range               domain               ``alloc_count``
``domain``          domain                                   fields of DomainStats
``thread``          thread id           name                 fields of ThreadMemoryStats
``cross_thread``    ids, ``2>4``        names                ``count``, ``bytes``
``timeline``        index                                    fields of TimelinePoint
``latency``                             the clock            samples, sums, error, floor
``latency_alloc``   ``lower-upper`` ns                       ``lower_ns``, ``upper_ns``, ``count``
``latency_free``    ``lower-upper`` ns                       ``lower_ns``, ``upper_ns``, ``count``
``site``            index               stack                ``count``, ``bytes``, ``held_by_interpreter``
``leak``            address             stack                ``size``, ``timestamp``, ``thread_id``
``sampling``                            the mode             ``rate``, ``interval``, ``samples``
``standard_error``  field                                    ``standard_error``
``note``            index               the note
``environment``     key                 the value
==================  ==================  ===================  =============================================

An SMRProfilerReport has other sections beside ``summary``, ``timeline``, ``note`` and ``environment``:

==================  ==================  ===================  =============================================
``domain``          domain id           name and scheme      fields of SMRDomainStats
``thread``          ids, ``1:4``        name                 fields of SMRThreadStats, by domain and thread
``delay``           domain id or empty                       samples, sum, error; all domains where empty
``delay_bucket``    ``lower-upper`` ns                       ``lower_ns``, ``upper_ns``, ``count``
==================  ==================  ===================  =============================================

A stack stands innermost frame first, joined by `` < ``. A text cell that a spreadsheet would take for a formula gets
a leading apostrophe.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from ..profiling.exports import Exports, StrPath
from ._files import write_file
from ._format import display
from .kinds import kind_of

__all__ = ["COLUMNS", "chunks", "write_csv"]

COLUMNS = ("section", "item", "label", "metric", "value", "unit", "accuracy")

# What Excel, LibreOffice and Google Sheets take for the beginning of a formula, full-width forms included.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001


def write_csv(report: Exports, path: StrPath) -> None:
    """Write the report to ``path`` as one tidy table (UTF-8, lines end with ``\\n``), as a whole or not at all.

    Raises OSError.
    """
    write_file(path, chunks(report))


def chunks(report: Exports) -> Iterator[str]:
    """The table, some rows at a time."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for section, item, label, metric, value, unit, accuracy in kind_of(report).rows(report):
        writer.writerow((section, _cell(item), _cell(label), metric, value, unit, accuracy))
        if buffer.tell() > 1 << 16:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _cell(text: str) -> str:
    shown = display(text)
    return f"'{shown}" if text.lstrip(" ").startswith(_FORMULA) else shown
