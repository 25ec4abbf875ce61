"""What several checks share: serial arithmetic, comparisons, what is wrong with an answer, words."""
