"""The project's commands, and its library in `distill`."""

import sys

# weasel hashes all that lies in a folder that a command depends on: compiled files would look like changes.
sys.dont_write_bytecode = True
