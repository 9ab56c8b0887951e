"""Ops on images [height, width, channels] and batches of them, by subject."""
