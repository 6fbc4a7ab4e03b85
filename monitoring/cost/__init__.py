"""What calls used, and what that costs: engines, API prices to compare with, electricity."""
