"""`python -m graphflow program.py [arguments]`."""

from graphflow.compat.runner import main

main()
