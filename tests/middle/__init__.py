"""What lies between the network and the disk: sweeps, the judge, the record, the schedule."""
