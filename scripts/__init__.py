"""The project's commands, and its library in `distill`."""

import sys

# No compiled files: weasel hashes all files in a folder that a command depends on, so these would look like changes.
sys.dont_write_bytecode = True
