"""What every package uses: files, progress, messages, variables and settings. It knows nothing of texts or models."""
