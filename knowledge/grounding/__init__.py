"""What an answer asserts, and whether the passages of the turn support it. Pure: no clock, no I/O, no
Django."""
