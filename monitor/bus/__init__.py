"""How rounds travel from those who ask to those who judge."""
