"""A Pipecat agent on the phone; see the README of the folder above."""
