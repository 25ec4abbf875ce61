"""The service: its parts joined, its scheduler, its plan, its reload and its end."""
