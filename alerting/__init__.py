"""What to say about it, and to whom. Pure but for the notifiers and post.py."""
