"""Evidence that leaves the workspace: as JSON Lines, or to an OpenTelemetry collector."""
