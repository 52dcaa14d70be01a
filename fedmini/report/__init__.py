"""What a run leaves behind: its folder, its tables and its figures."""
