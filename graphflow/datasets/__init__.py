"""Data sets that ship as plain files: each module finds, checks and reads one.  Nothing here downloads anything."""
