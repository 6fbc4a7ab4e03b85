"""Rehearsal: what callers would hear of a draft, beside what they hear now, before it goes live."""
