"""What live calls show of a pass, what it takes to lose it, and what it saves."""
