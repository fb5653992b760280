"""What several test modules share: servers, workspaces, and events by the product's own writers."""
