"""Files that staff upload: read in a process with limits, row by row, into records of entries; and written again."""
