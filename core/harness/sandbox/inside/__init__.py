"""What runs on the far side: sent into the sandbox as code, so it imports the stdlib only."""
