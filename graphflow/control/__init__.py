"""Branches and loops: operations that run programs of their own."""
