"""The methods of stage three, one file each, and the code that two of them share."""
