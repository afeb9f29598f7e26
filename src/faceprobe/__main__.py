"""``python -m faceprobe``."""

from faceprobe.cli.main import main

main()
