"""Workers of one's own: programs that run as they stand, each with both ends on this machine."""
