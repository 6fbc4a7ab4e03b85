"""Snapshots of what is live, rolling back to one, and withdrawing one import."""
