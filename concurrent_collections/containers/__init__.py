"""Ordered maps and sets, queues and stacks for any number of threads."""
