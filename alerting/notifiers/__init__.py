"""One file per kind of receiver; the module's name is the kind."""
