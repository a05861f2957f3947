"""The methods of stage three, one file each, and what two of them share."""
