"""`python -m graphflow program.py [arguments]`."""

from graphflow.compat.runner import main

if __name__ == "__main__":
    main()
