"""The standalone worker: runs a training and lets people watch and stop it."""
