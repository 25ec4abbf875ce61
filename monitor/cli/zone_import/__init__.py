"""soawatch import: asks servers that a person names, and writes a configuration of what they say."""
