"""Sparse tensors: the elements that are not 0, by their coordinates."""
