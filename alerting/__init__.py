"""Who hears of what, in which words, and how it is delivered. Pure but for delivery: dispatcher, http and notifiers."""
