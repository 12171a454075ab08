"""What the Makefile's targets run; CONTRIBUTING.md shows the targets."""
