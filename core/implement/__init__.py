"""The patch loop on the user's own files: each attempt routed, nothing written unasked."""
