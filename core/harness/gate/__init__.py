"""The gate: trials in, a verdict with its bounds out; pure."""
