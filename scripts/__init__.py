"""The project's commands, and its library in `distill`."""

import io
import sys

# No compiled files: weasel hashes all files in a folder that a command depends on, so these would look like changes.
sys.dont_write_bytecode = True

# A terminal without some character, such as ✓ in a label, gets its number instead of an error.
if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
    sys.stdout.reconfigure(errors="backslashreplace")
