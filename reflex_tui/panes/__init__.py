"""The three panes, and what is computed for them."""
