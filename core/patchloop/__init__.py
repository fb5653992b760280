"""The patch loop: prompt, reply, edit, compile, check, and what was wrong fed back."""
