"""What keeps a run: its folder, lock, checkpoints and records; how long it takes; many of them."""
