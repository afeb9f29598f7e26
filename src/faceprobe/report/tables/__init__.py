"""Tables of the report, the terminal and the notebook, with their cells and footnotes."""
