"""What the standalone worker's actors take and answer: one module for each."""
