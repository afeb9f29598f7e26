"""The front door: the calls behind ``import faceprobe as fp`` and behind the command line."""
