"""The document that the DigitalHub SDK exports: read within bounds, checked, merged and written. No I/O."""
