"""What is remembered of a zone between polls: versions, who serves which since when, and how far to trust silence."""
