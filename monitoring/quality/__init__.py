"""What operators should listen to again: what was noticed of turns, how often, and of which questions."""
