"""The section on cloaks: verdicts, figures, tables and before-and-after strips."""
