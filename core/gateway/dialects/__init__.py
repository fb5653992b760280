"""The wire formats an agent may speak, each a pure codec."""
