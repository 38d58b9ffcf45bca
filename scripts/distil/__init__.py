"""The library behind the scripts: no typer, no printing, no hard-coded paths."""
