"""The profilers of memory and of reclamation, and their reports."""
