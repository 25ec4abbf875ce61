"""The parts of soawatch audit: what is looked at, and the forms of its report."""
