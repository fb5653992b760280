"""What the dashboard shows, worked out without Textual."""
