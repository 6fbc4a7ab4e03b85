"""Other voice agents, built as their documentation shows, that Aiker is measured against."""
