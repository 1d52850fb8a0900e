"""The former path of the page of reclamation reports, :mod:`.reclamation.page`."""

from .html import chunks as smr_page
from .reclamation.page import MAX_DOMAIN_ROWS, MAX_THREAD_ROWS

__all__ = ["MAX_DOMAIN_ROWS", "MAX_THREAD_ROWS", "smr_page"]
