"""What does this address answer? Asks the network and says what became of every question."""
