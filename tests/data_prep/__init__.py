"""Tests of the programs that prepare the publishers' downloads."""
